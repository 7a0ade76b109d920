import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { deferred } from "../../src/async/deferred.ts";
import { Service } from "../../src/async/service.ts";
import { ClosedError } from "../../src/errors.ts";
import { nextTurn } from "../../src/time/next-turn.ts";

const timeout = 20_000;

/** A service whose start and stop end when the test says so. */
function heldService() {
  const log: string[] = [];
  const up = deferred<void>();
  const down = deferred<void>();
  const service = new Service({
    name: 'worker "w1"',
    start: async () => {
      log.push("start");
      await up.promise;
      log.push("started");
    },
    stop: async (reason) => {
      log.push(`stop ${String(reason)}`);
      await down.promise;
      log.push("stopped");
    },
  });
  return { service, log, up, down };
}

test("it goes through its states, once, in order", async () => {
  const { service, log, up, down } = heldService();
  assert.equal(service.state, "idle");
  const starting = service.start();
  assert.equal(service.state, "starting");
  up.resolve();
  await starting;
  assert.equal(service.state, "running");
  assert.equal(service.signal.aborted, false);
  const stopping = service.stop("enough");
  assert.equal(service.state, "stopping");
  assert.equal(service.signal.aborted, true);
  down.resolve();
  await stopping;
  assert.equal(service.state, "stopped");
  await service.whenStopped;
  assert.deepEqual(log, ["start", "started", "stop enough", "stopped"]);
});

test("many starts share one, many stops share one, and the first reason counts", async () => {
  const { service, log, up, down } = heldService();
  const starts = [service.start(), service.start(), service.start()];
  up.resolve();
  await Promise.all(starts);
  await service.start();
  const stops = [service.stop("first"), service.stop("second"), service.stop()];
  down.resolve();
  await Promise.all(stops);
  await service.stop("late");
  assert.deepEqual(log, ["start", "started", "stop first", "stopped"]);
});

test("a stop before the start leaves nothing to start", async () => {
  const { service, log } = heldService();
  await service.stop();
  await service.whenStopped;
  assert.equal(service.state, "stopped");
  await assert.rejects(service.start(), (error) => {
    assert.ok(error instanceof ClosedError);
    assert.equal(error.message, 'Cannot start worker "w1": worker "w1" is closed');
    return true;
  });
  assert.deepEqual(log, []);
});

test("a stop during the start waits for it, then stops; the start resolves, later starts are refused", async () => {
  const { service, log, up, down } = heldService();
  const starting = service.start();
  await nextTurn();
  const stopping = service.stop("changed my mind");
  assert.equal(service.state, "starting");
  assert.equal(service.signal.aborted, true);
  await assert.rejects(service.start(), ClosedError);
  await nextTurn();
  assert.deepEqual(log, ["start"]);
  up.resolve();
  await starting;
  assert.equal(service.state, "stopping");
  down.resolve();
  await stopping;
  assert.equal(service.state, "stopped");
  assert.deepEqual(log, ["start", "started", "stop changed my mind", "stopped"]);
});

test("the start learns from its signal that it may give up", async () => {
  const service = new Service({
    name: "demo",
    start: (signal) => new Promise<void>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
    stop: () => undefined,
  });
  const starting = service.start();
  await nextTurn();
  const refused = assert.rejects(starting, ClosedError);
  await service.stop();
  await refused;
  assert.equal(service.state, "stopped");
});

test("a failed start cleans up, tells everybody who joined, and cannot be tried again", async () => {
  const failure = new RangeError("no connection");
  const reasons: unknown[] = [];
  const service = new Service({
    name: "demo",
    start: () => Promise.reject(failure),
    stop: async (reason) => {
      await nextTurn();
      reasons.push(reason);
    },
  });
  const starts = [service.start(), service.start()];
  for (const start of starts) await assert.rejects(start, (error) => error === failure);
  assert.deepEqual(reasons, [failure], "cleaned up once, before the callers learn of it");
  assert.equal(service.state, "stopped");
  await service.whenStopped;
  await assert.rejects(
    service.start(),
    (error) => error instanceof ClosedError && error.cause === failure && /failed to start/.test(error.message),
  );
  await service.stop();
  assert.equal(reasons.length, 1);
});

test("a start that throws at once, or calls start and stop itself, is no different", async () => {
  const failure = new RangeError("at once");
  const throwing = new Service({
    name: "demo",
    start: () => {
      throw failure;
    },
    stop: () => undefined,
  });
  await assert.rejects(throwing.start(), (error) => error === failure);

  let starts = 0;
  let stops = 0;
  const recursive = new Service({
    name: "demo",
    start: () => {
      starts += 1;
      void recursive.start();
      void recursive.stop();
    },
    stop: () => {
      stops += 1;
      void recursive.stop();
    },
  });
  await recursive.start();
  await recursive.whenStopped;
  assert.deepEqual([starts, stops, recursive.state], [1, 1, "stopped"]);
});

test("a failed stop tells everybody who joined; it is stopped all the same", async () => {
  const failure = new RangeError("stuck");
  const service = new Service({ name: "demo", start: () => undefined, stop: () => Promise.reject(failure) });
  await service.start();
  for (const stop of [service.stop(), service.stop()]) await assert.rejects(stop, (error) => error === failure);
  assert.equal(service.state, "stopped");
  await service.whenStopped;
});

test("when the clean-up after a failed start fails too, its error goes to onError, or to whoever had asked for a stop", async () => {
  const failure = new RangeError("no start");
  const stuck = new RangeError("no clean-up");
  const errors: unknown[] = [];
  const make = (gate: Promise<void>) =>
    new Service({
      name: "demo",
      start: () => gate.then(() => Promise.reject(failure)),
      stop: () => Promise.reject(stuck),
      onError: (error) => errors.push(error),
    });
  const alone = make(Promise.resolve());
  await assert.rejects(alone.start(), (error) => error === failure);
  assert.deepEqual(errors, [stuck]);
  await alone.whenStopped;

  const gate = deferred<void>();
  const watched = make(gate.promise);
  const starting = assert.rejects(watched.start(), (error) => error === failure);
  const stopping = assert.rejects(watched.stop(), (error) => error === stuck);
  gate.resolve();
  await Promise.all([starting, stopping]);
  assert.deepEqual(errors, [stuck], "told once");
});

test("requireOpen lets work through until a stop is asked for", async () => {
  const { service, up, down } = heldService();
  service.requireOpen("publish");
  up.resolve();
  down.resolve();
  await service.start();
  service.requireOpen("publish");
  const stopping = service.stop();
  assert.throws(() => service.requireOpen("publish"), (error) => {
    assert.ok(error instanceof ClosedError);
    assert.equal(error.message, 'Cannot publish: worker "w1" is closed');
    return true;
  });
  await stopping;
});

test("stress: any mix of starts and stops starts at most once, stops at most once, and ends stopped", { timeout }, async () => {
  const actions = fc.array(fc.constantFrom("start", "stop", "turn", "up", "down"), { maxLength: 25 });
  const failures = fc.record({ start: fc.boolean(), stop: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(actions, failures, async (actions, fails) => {
      const up = deferred<void>();
      const down = deferred<void>();
      const log: string[] = [];
      const states: string[] = [];
      const service = new Service({
        name: "demo",
        start: async () => {
          log.push("start");
          await up.promise;
          if (fails.start) throw new RangeError("no start");
          log.push("started");
        },
        stop: async () => {
          log.push("stop");
          await down.promise;
          if (fails.stop) throw new RangeError("no stop");
        },
        onError: (error) => assert.ok(error instanceof RangeError),
      });
      const calls: Promise<unknown>[] = [];
      const call = (promise: Promise<void>) =>
        calls.push(promise.catch((error: unknown) => assert.ok(error instanceof RangeError || error instanceof ClosedError)));
      for (const action of [...actions, "turn", "up", "down", "stop"]) {
        if (action === "start") call(service.start());
        if (action === "stop") call(service.stop());
        if (action === "up") up.resolve();
        if (action === "down") down.resolve();
        if (action === "turn") await nextTurn();
        states.push(service.state);
      }
      await Promise.all(calls);
      await service.whenStopped;
      assert.equal(service.state, "stopped");
      for (const once of ["start", "started", "stop"]) assert.ok(log.filter((entry) => entry === once).length <= 1);
      assert.equal(log.includes("stop"), log.includes("start"), "what was started is stopped, and nothing else");
      if (log.includes("started")) assert.ok(log.indexOf("stop") > log.indexOf("started"));
      const order = ["idle", "starting", "running", "stopping", "stopped"];
      const ranks = states.map((state) => order.indexOf(state));
      assert.deepEqual(ranks, ranks.toSorted((a, b) => a - b), "states never go back");
    }),
    { numRuns: 300 },
  );
});
