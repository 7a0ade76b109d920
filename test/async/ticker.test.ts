import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { deferred } from "../../src/async/deferred.ts";
import { Ticker } from "../../src/async/ticker.ts";
import { ClosedError, ConfigError } from "../../src/errors.ts";
import { ManualClock } from "../../src/time/manual-clock.ts";
import { nextTurn } from "../../src/time/next-turn.ts";
import { sleep } from "../../src/time/sleep.ts";

const timeout = 20_000;

const unexpected = (error: unknown) => assert.fail(String(error));

test("it runs at once on start, then at every interval, and not after stop", async () => {
  const clock = new ManualClock({ start: 0 });
  const ranAt: number[] = [];
  const ticker = new Ticker({ clock, intervalMs: 100, onError: unexpected, run: async () => void ranAt.push(clock.now()) });
  await clock.advance(500);
  assert.deepEqual(ranAt, [], "nothing before start");
  assert.equal(ticker.running, false);
  ticker.start();
  ticker.start();
  assert.equal(ticker.running, true);
  await clock.advance(250);
  assert.deepEqual(ranAt, [500, 600, 700]);
  await ticker.stop();
  assert.equal(ticker.running, false);
  assert.equal(clock.pending, 0);
  await clock.advance(1_000);
  assert.equal(ranAt.length, 3);
});

test("firstDelayMs puts off the first run", async () => {
  const clock = new ManualClock({ start: 0 });
  const ranAt: number[] = [];
  const ticker = new Ticker({
    clock,
    intervalMs: 100,
    firstDelayMs: 30,
    onError: unexpected,
    run: async () => void ranAt.push(clock.now()),
  });
  ticker.start();
  await clock.advance(200);
  await ticker.stop();
  assert.deepEqual(ranAt, [30, 130]);
});

test("the interval counts from the start of a run; a longer run is followed directly, never overlapped", async () => {
  const clock = new ManualClock({ start: 0 });
  const lengths = [40, 250, 10];
  const spans: [number, number][] = [];
  let underWay = 0;
  const ticker = new Ticker({
    clock,
    intervalMs: 100,
    onError: unexpected,
    run: async () => {
      assert.equal(++underWay, 1);
      const startedAt = clock.now();
      await sleep(lengths[spans.length] ?? 1, { clock });
      spans.push([startedAt, clock.now()]);
      underWay -= 1;
    },
  });
  ticker.start();
  for (let step = 0; step < 60; step++) await clock.advance(10);
  assert.deepEqual(spans.slice(0, 4), [[0, 40], [100, 350], [350, 360], [450, 451]]);
  await ticker.stop();
});

test("a run may say when the next one is due: later, sooner, at once, or only when woken", async () => {
  const clock = new ManualClock({ start: 0 });
  const answers = [500, 20, 0, -5, Infinity];
  const ranAt: number[] = [];
  const ticker = new Ticker({
    clock,
    intervalMs: 100,
    onError: unexpected,
    run: async () => {
      ranAt.push(clock.now());
      return answers[ranAt.length - 1];
    },
  });
  ticker.start();
  await clock.advance(500);
  await clock.advance(20);
  for (let turn = 0; turn < 5; turn++) await nextTurn();
  assert.deepEqual(ranAt, [0, 500, 520, 520, 520]);
  await clock.advance(86_400_000);
  assert.equal(ranAt.length, 5);
  ticker.wake();
  await nextTurn();
  assert.equal(ranAt.length, 6);
  await ticker.stop();
});

test("runs that are due at once, one after another, leave the process its turns", { timeout }, async () => {
  let runs = 0;
  const ticker = new Ticker({ intervalMs: 1_000, onError: unexpected, run: async () => (runs += 1, 0) });
  ticker.start();
  await sleep(20);
  await ticker.stop();
  assert.ok(runs > 1, `${runs} runs`);
});

test("wake makes the next run come now, once for any number of calls", async () => {
  const clock = new ManualClock({ start: 0 });
  const ranAt: number[] = [];
  const ticker = new Ticker({ clock, intervalMs: 100, onError: unexpected, run: async () => void ranAt.push(clock.now()) });
  ticker.start();
  await clock.advance(30);
  for (let call = 0; call < 5; call++) ticker.wake();
  assert.deepEqual(ranAt, [0], "not before the call has returned");
  await nextTurn();
  assert.deepEqual(ranAt, [0, 30]);
  await clock.advance(100);
  assert.deepEqual(ranAt, [0, 30, 130], "the interval counts from the woken run");
  assert.equal(clock.pending, 1);
  await ticker.stop();
});

test("wake during a run makes exactly one run directly after it", async () => {
  const clock = new ManualClock({ start: 0 });
  const gate = deferred<void>();
  let runs = 0;
  const ticker = new Ticker({
    clock,
    intervalMs: 100,
    onError: unexpected,
    run: async () => {
      runs += 1;
      await gate.promise;
    },
  });
  ticker.start();
  await nextTurn();
  ticker.wake();
  ticker.wake();
  await nextTurn();
  assert.equal(runs, 1);
  gate.resolve();
  for (let turn = 0; turn < 5; turn++) await nextTurn();
  assert.equal(runs, 2);
  assert.equal(clock.pending, 1);
  await ticker.stop();
});

test("wake before start is remembered, and after stop does nothing", async () => {
  const clock = new ManualClock({ start: 0 });
  let runs = 0;
  const ticker = new Ticker({ clock, intervalMs: 100, firstDelayMs: 50, onError: unexpected, run: async () => void (runs += 1) });
  ticker.wake();
  await nextTurn();
  assert.equal(runs, 0);
  ticker.start();
  await nextTurn();
  assert.equal(runs, 1);
  await ticker.stop();
  ticker.wake();
  await clock.advance(1_000);
  assert.equal(runs, 1);
});

test("errors go to onError and stop nothing, thrown at once or later", async () => {
  const clock = new ManualClock({ start: 0 });
  const errors: unknown[] = [];
  let runs = 0;
  const ticker = new Ticker({
    clock,
    intervalMs: 100,
    onError: (error) => errors.push(error),
    run: () => {
      runs += 1;
      if (runs === 1) throw new RangeError("at once");
      if (runs === 2) return Promise.reject(new RangeError("later"));
      return Promise.resolve(runs === 3 ? NaN : undefined);
    },
  });
  ticker.start();
  await clock.advance(350);
  await ticker.stop();
  assert.equal(runs, 4);
  assert.deepEqual(errors.map(String), [
    "RangeError: at once",
    "RangeError: later",
    "ConfigError: Cannot run ticker with a next run in NaN: expected a number of milliseconds",
  ]);
});

test("stop aborts the signal of the run under way and waits for it; its end by that signal is no error", async () => {
  const clock = new ManualClock({ start: 0 });
  const errors: unknown[] = [];
  let ended = false;
  const ticker = new Ticker({
    clock,
    intervalMs: 100,
    name: "the heartbeat",
    onError: (error) => errors.push(error),
    run: async (signal) => {
      try {
        await sleep(10_000, { clock, signal });
      } finally {
        await nextTurn();
        ended = true;
      }
    },
  });
  ticker.start();
  await clock.waitForTimers(1);
  const stops = [ticker.stop(), ticker.stop()];
  assert.equal(ended, false);
  await Promise.all(stops);
  assert.equal(ended, true);
  assert.deepEqual(errors, []);
  assert.throws(() => ticker.start(), (error) => error instanceof ClosedError && /the heartbeat/.test(error.message));
});

test("a run that fails for another reason while it is stopped still tells", async () => {
  const errors: unknown[] = [];
  const gate = deferred<void>();
  const ticker = new Ticker({ intervalMs: 100, onError: (error) => errors.push(error), run: () => gate.promise });
  ticker.start();
  await nextTurn();
  const stopped = ticker.stop();
  gate.reject(new RangeError("broken"));
  await stopped;
  assert.deepEqual(errors.map(String), ["RangeError: broken"]);
});

test("a run that finds closed what it works on has not failed once the ticker was stopped, and has before", async () => {
  const errors: unknown[] = [];
  const gates = [deferred<void>(), deferred<void>()];
  let runs = 0;
  const ticker = new Ticker({
    intervalMs: 1,
    onError: (error) => errors.push(error),
    run: () => gates[runs++]?.promise ?? Promise.resolve(),
  });
  ticker.start();
  gates[0]?.reject(new ClosedError("Cannot read: the store was closed"));
  while (runs < 2) await nextTurn();
  const stopped = ticker.stop();
  gates[1]?.reject(new ClosedError("Cannot read: the store was closed behind it"));
  await stopped;
  assert.deepEqual(errors.map(String), ["ClosedError: Cannot read: the store was closed"]);
});

test("stop right after start, before start, and from inside a run", async () => {
  const clock = new ManualClock({ start: 0 });
  let runs = 0;
  const options = { clock, intervalMs: 10, onError: unexpected, run: async () => void (runs += 1) };
  const early = new Ticker(options);
  early.start();
  await early.stop();
  const never = new Ticker(options);
  await never.stop();
  assert.throws(() => never.start(), ClosedError);
  await clock.advance(100);
  assert.equal(runs, 0);

  let stopped: Promise<void> | undefined;
  const inside = new Ticker({ ...options, run: async () => void (runs += 1, stopped = inside.stop()) });
  inside.start();
  await nextTurn();
  await stopped;
  await clock.advance(100);
  assert.equal(runs, 1);
});

test("intervals that are not above zero are refused", () => {
  const options = { onError: unexpected, run: async () => undefined };
  for (const intervalMs of [0, -1, NaN]) assert.throws(() => new Ticker({ ...options, intervalMs }), ConfigError);
  for (const firstDelayMs of [-1, NaN]) assert.throws(() => new Ticker({ ...options, intervalMs: 1, firstDelayMs }), ConfigError);
});

test("stress: any mix of start, wake, stop and time never overlaps runs, and ends quiet", { timeout }, async () => {
  const actions = fc.array(fc.constantFrom("start", "wake", "advance", "turn"), { maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(actions, fc.integer({ min: 0, max: 25 }), async (actions, runMs) => {
      const clock = new ManualClock({ start: 0 });
      let underWay = 0;
      let runs = 0;
      const ticker = new Ticker({
        clock,
        intervalMs: 10,
        onError: unexpected,
        run: async (signal) => {
          runs += 1;
          underWay += 1;
          assert.equal(underWay, 1);
          try {
            if (runMs > 0) await sleep(runMs, { clock, signal });
          } finally {
            underWay -= 1;
          }
        },
      });
      for (const action of actions) {
        if (action === "start") ticker.start();
        if (action === "wake") ticker.wake();
        if (action === "advance") await clock.advance(7);
        if (action === "turn") await nextTurn();
      }
      await Promise.all([ticker.stop(), ticker.stop()]);
      assert.deepEqual([underWay, clock.pending, ticker.running], [0, 0, false]);
      const before = runs;
      ticker.wake();
      await clock.advance(100);
      assert.equal(runs, before);
    }),
    { numRuns: 60 },
  );
});
