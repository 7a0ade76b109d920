import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Mutex } from "../../src/async/mutex.ts";
import type { Release } from "../../src/async/semaphore.ts";
import { Semaphore } from "../../src/async/semaphore.ts";
import { ConfigError } from "../../src/errors.ts";
import { nextTurn } from "../../src/time/next-turn.ts";
import { countedSignal } from "../support/counted-signal.ts";

const timeout = 20_000;

test("permits are given up to the limit and come back", async () => {
  const semaphore = new Semaphore(2);
  const first = await semaphore.acquire();
  const second = semaphore.tryAcquire();
  assert.ok(second !== undefined);
  assert.equal(semaphore.tryAcquire(), undefined);
  assert.deepEqual([semaphore.limit, semaphore.held, semaphore.available, semaphore.waiting], [2, 2, 0, 0]);
  first();
  assert.equal(semaphore.available, 1);
  second();
  assert.equal(semaphore.available, 2);
});

test("a release counts once", async () => {
  const semaphore = new Semaphore(2);
  const first = await semaphore.acquire();
  await semaphore.acquire();
  first();
  first();
  first();
  assert.equal(semaphore.held, 1);
});

test("those who wait are served in the order of asking", async () => {
  const semaphore = new Semaphore(1);
  let release = await semaphore.acquire();
  const order: number[] = [];
  const releases: Release[] = [];
  const waits = [1, 2, 3].map((name) =>
    semaphore.acquire().then((granted) => {
      order.push(name);
      releases.push(granted);
    })
  );
  for (const wait of waits) {
    release();
    // Given in the same call to the first in line: nobody can slip in between.
    assert.equal(semaphore.tryAcquire(), undefined);
    await wait;
    release = releases.at(-1) ?? release;
  }
  assert.deepEqual(order, [1, 2, 3]);
});

test("a wait ends with its signal's reason, keeps nobody else waiting, and leaves no listener", async () => {
  const semaphore = new Semaphore(1);
  const release = await semaphore.acquire();
  const { controller, signal, count } = countedSignal();
  const reason = new RangeError("no longer");
  const given = semaphore.acquire({ signal });
  const next = semaphore.acquire();
  assert.equal(semaphore.waiting, 2);
  controller.abort(reason);
  await assert.rejects(given, (error) => error === reason);
  assert.equal(semaphore.waiting, 1);
  release();
  (await next)();
  assert.equal(count(), 0);
  await assert.rejects(semaphore.acquire({ signal }), (error) => error === reason);
  assert.equal(semaphore.held, 0);
});

test("a granted wait leaves no listener, and an abort after the grant takes nothing back", async () => {
  const semaphore = new Semaphore(1);
  const release = await semaphore.acquire();
  const { controller, signal, count } = countedSignal();
  const waiting = semaphore.acquire({ signal });
  assert.equal(count(), 1);
  release();
  assert.equal(count(), 0);
  controller.abort(new RangeError("too late"));
  (await waiting)();
  assert.equal(semaphore.held, 0);
});

test("resize wakes as many as fit, and takes nothing away", async () => {
  const semaphore = new Semaphore(0);
  assert.equal(semaphore.tryAcquire(), undefined);
  const waits = [semaphore.acquire(), semaphore.acquire(), semaphore.acquire()];
  semaphore.resize(2);
  const releases = await Promise.all(waits.slice(0, 2));
  assert.equal(semaphore.waiting, 1);
  semaphore.resize(1);
  assert.deepEqual([semaphore.held, semaphore.available], [2, 0]);
  for (const release of releases) release();
  assert.deepEqual([semaphore.held, semaphore.waiting], [1, 0]);
});

test("idle resolves when all permits are back, at once when none is held", async () => {
  const semaphore = new Semaphore(2);
  await semaphore.idle();
  const releases = [await semaphore.acquire(), await semaphore.acquire()];
  const last = semaphore.acquire();
  let idle = 0;
  const waits = [semaphore.idle().then(() => idle += 1), semaphore.idle().then(() => idle += 1)];
  for (const release of releases) release();
  await nextTurn();
  assert.equal(idle, 0, "a permit went on to the one who waited");
  (await last)();
  await Promise.all(waits);
  assert.equal(idle, 2);
});

test("run gives its permit back after success, throw and rejection", async () => {
  const semaphore = new Semaphore(1);
  assert.equal(await semaphore.run(() => semaphore.available), 0);
  await assert.rejects(
    semaphore.run(() => {
      throw new RangeError("sync");
    }),
    RangeError,
  );
  await assert.rejects(semaphore.run(() => Promise.reject(new RangeError("async"))), RangeError);
  assert.equal(semaphore.available, 1);
});

test("limits that are no whole number of at least 0 are refused", () => {
  for (const limit of [-1, 1.5, NaN, Infinity]) {
    assert.throws(() => new Semaphore(limit), ConfigError);
    assert.throws(() => new Semaphore(1).resize(limit), ConfigError);
  }
});

test("property: never more holders than the limit, nobody forgotten, order kept", { timeout }, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5 }),
      fc.array(fc.record({ turns: fc.nat(4), aborts: fc.boolean() }), { minLength: 1, maxLength: 30 }),
      async (limit, jobs) => {
        const semaphore = new Semaphore(limit);
        let holders = 0;
        let most = 0;
        const granted: number[] = [];
        const outcomes = jobs.map(async ({ turns, aborts }, index) => {
          const controller = new AbortController();
          const acquiring = semaphore.acquire({ signal: controller.signal });
          if (aborts) void nextTurn().then(() => controller.abort(new RangeError("aborted")));
          try {
            const release = await acquiring;
            granted.push(index);
            holders += 1;
            most = Math.max(most, holders);
            for (let turn = 0; turn < turns; turn++) await nextTurn();
            holders -= 1;
            release();
            return "done";
          } catch (error) {
            assert.ok(aborts && error instanceof RangeError);
            return "aborted";
          }
        });
        const all = await Promise.all(outcomes);
        await semaphore.idle();
        assert.ok(most <= limit, `${most} held of ${limit}`);
        assert.deepEqual(granted, granted.toSorted((a, b) => a - b));
        assert.equal(granted.length, all.filter((outcome) => outcome === "done").length);
        assert.deepEqual([semaphore.held, semaphore.waiting], [0, 0]);
      },
    ),
    { numRuns: 80 },
  );
});

test("a mutex runs one at a time, in order, and goes on after a failure", { timeout }, async () => {
  const mutex = new Mutex();
  const events: string[] = [];
  const work = (name: string, fails = false) => async () => {
    events.push(`${name} begins`);
    await nextTurn();
    events.push(`${name} ends`);
    if (fails) throw new RangeError(name);
    return name;
  };
  const runs = [mutex.run(work("a")), mutex.run(work("b", true)), mutex.run(work("c"))];
  assert.deepEqual([mutex.locked, mutex.waiting], [true, 2]);
  const outcomes = await Promise.allSettled(runs);
  assert.deepEqual(outcomes.map((outcome) => outcome.status), ["fulfilled", "rejected", "fulfilled"]);
  assert.deepEqual(events, ["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]);
  assert.equal(mutex.locked, false);
});
