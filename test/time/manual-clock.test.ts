import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ConfigError } from "../../src/errors.ts";
import { ManualClock } from "../../src/time/manual-clock.ts";

const timeout = 20_000;

test("a manual clock stands still until it is advanced, and both its times move together", async () => {
  const clock = new ManualClock({ start: 5_000 });
  assert.equal(clock.now(), 5_000);
  assert.equal(clock.monotonic(), 0);
  await clock.advance(250);
  assert.equal(clock.now(), 5_250);
  assert.equal(clock.monotonic(), 250);
});

test("without a start it begins at a fixed instant, so that tests repeat exactly", () => {
  assert.equal(new ManualClock().now(), new ManualClock().now());
  assert.equal(new Date(new ManualClock().now()).toISOString(), "2026-01-01T00:00:00.000Z");
});

test("advance fires due timers in order, equal ones in the order of setting, each at its own moment", async () => {
  const clock = new ManualClock({ start: 0 });
  const fired: string[] = [];
  const note = (name: string) => () => fired.push(`${name}@${clock.now()}`);
  clock.timer(30, note("c"));
  clock.timer(10, note("a"));
  clock.timer(30, note("d"));
  clock.timer(20, note("b"));
  clock.timer(31, note("late"));
  await clock.advance(30);
  assert.deepEqual(fired, ["a@10", "b@20", "c@30", "d@30"]);
  assert.equal(clock.pending, 1);
  assert.equal(clock.nextTimerMs, 1);
});

test("promise chains run dry between timers, and the timers they set on the way fire too", async () => {
  const clock = new ManualClock({ start: 0 });
  const seen: number[] = [];
  const wait = (ms: number) => new Promise<void>((resolve) => clock.timer(ms, resolve));
  const work = async () => {
    for (let round = 0; round < 5; round++) {
      await wait(10);
      for (let hop = 0; hop < 50; hop++) await Promise.resolve();
      seen.push(clock.now());
    }
  };
  const done = work();
  await clock.advance(50);
  await done;
  assert.deepEqual(seen, [10, 20, 30, 40, 50]);
});

test("a timer of zero fires on advance(0), and one set before a cancelled one still fires", async () => {
  const clock = new ManualClock();
  const fired: string[] = [];
  clock.timer(0, () => fired.push("zero"));
  clock.timer(-5, () => fired.push("negative"));
  const cancel = clock.timer(0, () => fired.push("cancelled"));
  cancel();
  cancel();
  assert.deepEqual(fired, []);
  await clock.advance(0);
  assert.deepEqual(fired, ["zero", "negative"]);
});

test("a timer that cancels another one due at the same moment is obeyed", async () => {
  const clock = new ManualClock();
  const fired: string[] = [];
  let cancelSecond = (): void => {};
  clock.timer(5, () => {
    fired.push("first");
    cancelSecond();
  });
  cancelSecond = clock.timer(5, () => fired.push("second"));
  await clock.advance(5);
  assert.deepEqual(fired, ["first"]);
});

test("set moves the wall clock both ways and leaves timers and the monotonic time alone", async () => {
  const clock = new ManualClock({ start: 1_000_000 });
  let firedAt = -1;
  clock.timer(100, () => firedAt = clock.now());
  clock.set(400);
  assert.equal(clock.now(), 400);
  await clock.advance(99);
  assert.equal(firedAt, -1);
  await clock.advance(1);
  assert.equal(firedAt, 500);
  assert.equal(clock.monotonic(), 100);
});

test("waitForTimers resolves as soon as that many timers wait", { timeout }, async () => {
  const clock = new ManualClock();
  await clock.waitForTimers(0);
  let two = false;
  const waiting = clock.waitForTimers(2).then(() => two = true);
  clock.timer(1, () => undefined);
  await clock.advance(0);
  assert.equal(two, false);
  clock.timer(1, () => undefined);
  await waiting;
  assert.equal(two, true);
  await clock.waitForTimers(2);
});

test("advances made at once queue up and add up", async () => {
  const clock = new ManualClock({ start: 0 });
  const firedAt: number[] = [];
  clock.timer(15, () => firedAt.push(clock.now()));
  await Promise.all([clock.advance(10), clock.advance(10), clock.advance(10)]);
  assert.deepEqual(firedAt, [15]);
  assert.equal(clock.now(), 30);
});

test("a throwing timer rejects the advance at its moment; the clock goes on working", async () => {
  const clock = new ManualClock({ start: 0 });
  let fired = false;
  clock.timer(5, () => {
    throw new RangeError("boom");
  });
  clock.timer(6, () => fired = true);
  await assert.rejects(clock.advance(10), RangeError);
  assert.equal(clock.now(), 5);
  assert.equal(fired, false);
  await clock.advance(1);
  assert.equal(fired, true);
});

test("now stays whole although timers may be due at fractions", async () => {
  const clock = new ManualClock({ start: 0 });
  let seen = -1;
  clock.timer(1.5, () => seen = clock.now());
  await clock.advance(2);
  assert.equal(seen, 1);
  assert.equal(clock.now(), 2);
});

test("bad instants and steps are refused", async () => {
  assert.throws(() => new ManualClock({ start: NaN }), ConfigError);
  assert.throws(() => new ManualClock({ start: 0.5 }), ConfigError);
  assert.throws(() => new ManualClock().set(Infinity), ConfigError);
  assert.throws(() => new ManualClock().timer(NaN, () => undefined), ConfigError);
  for (const ms of [-1, NaN, Infinity]) await assert.rejects(new ManualClock().advance(ms), ConfigError);
});

test("property: however an advance is cut in pieces, the same timers fire at the same moments", { timeout }, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(200), { maxLength: 12 }),
      fc.array(fc.nat(60), { minLength: 1, maxLength: 5 }),
      async (delays, steps) => {
        const total = steps.reduce((sum, step) => sum + step, 0);
        const record = async (pieces: readonly number[]) => {
          const clock = new ManualClock({ start: 0 });
          const fired: [number, number][] = [];
          for (const [index, delay] of delays.entries()) clock.timer(delay, () => fired.push([index, clock.now()]));
          for (const piece of pieces) await clock.advance(piece);
          return fired;
        };
        const expected = [...delays.entries()].filter(([, delay]) => delay <= total).sort(([, a], [, b]) => a - b);
        assert.deepEqual(await record(steps), expected);
        assert.deepEqual(await record([total]), expected);
      },
    ),
    { numRuns: 60 },
  );
});
