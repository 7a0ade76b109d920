import assert from "node:assert/strict";
import { test } from "node:test";
import { TimeoutError } from "../../src/errors.ts";
import { ManualClock } from "../../src/time/manual-clock.ts";
import { nextTurn } from "../../src/time/next-turn.ts";
import { abortable, sleep, withDeadline } from "../../src/time/sleep.ts";
import { countedSignal } from "../support/counted-signal.ts";

test("sleep resolves when its time has come, and leaves no timer or listener", async () => {
  const clock = new ManualClock();
  const { signal, count } = countedSignal();
  let awake = false;
  const slept = sleep(100, { clock, signal }).then(() => awake = true);
  await clock.advance(99);
  assert.equal(awake, false);
  assert.equal(count(), 1);
  await clock.advance(1);
  await slept;
  assert.equal(clock.pending, 0);
  assert.equal(count(), 0);
});

test("sleep rejects with the reason of its signal, before and during", async () => {
  const clock = new ManualClock();
  const reason = new RangeError("enough");
  const { signal, controller, count } = countedSignal();
  const slept = sleep(100, { clock, signal });
  controller.abort(reason);
  await assert.rejects(slept, (error) => error === reason);
  assert.equal(clock.pending, 0);
  assert.equal(count(), 0);
  await assert.rejects(sleep(100, { clock, signal }), (error) => error === reason);
  assert.equal(clock.pending, 0);
});

test("sleep works on the system clock without options", { timeout: 10_000 }, async () => {
  const startedAt = performance.now();
  await sleep(10);
  assert.ok(performance.now() - startedAt >= 10);
});

test("withDeadline gives what comes in time, value or error, and cleans up", async () => {
  const clock = new ManualClock();
  const { signal, count } = countedSignal();
  assert.equal(await withDeadline(Promise.resolve(7), 50, { clock, signal }), 7);
  await assert.rejects(withDeadline(Promise.reject(new RangeError("no")), 50, { clock, signal }), RangeError);
  assert.equal(clock.pending, 0);
  assert.equal(count(), 0);
});

test("withDeadline rejects with a TimeoutError at the deadline", async () => {
  const clock = new ManualClock();
  const { signal, count } = countedSignal();
  const waited = withDeadline(new Promise<never>(() => undefined), 1_500, { clock, signal, message: "Cannot connect to nowhere" });
  const refused = assert.rejects(waited, (error) => {
    assert.ok(error instanceof TimeoutError);
    assert.equal(error.timeoutMs, 1_500);
    assert.equal(error.message, "Cannot connect to nowhere");
    assert.equal(error.retryable, true);
    return true;
  });
  await clock.advance(1_500);
  await refused;
  assert.equal(count(), 0);
  const unnamed = assert.rejects(withDeadline(new Promise<never>(() => undefined), 1_500, { clock }), /within 1s500ms/);
  await clock.advance(1_500);
  await unnamed;
});

test("withDeadline rejects with the reason of its signal; a late rejection of the promise is not unhandled", async () => {
  const clock = new ManualClock();
  const reason = new RangeError("stop");
  const { signal, controller, count } = countedSignal();
  const waited = withDeadline(sleep(10, { clock }).then(() => Promise.reject(new Error("late"))), 50, { clock, signal });
  controller.abort(reason);
  await assert.rejects(waited, (error) => error === reason);
  await assert.rejects(
    withDeadline(sleep(10, { clock }).then(() => Promise.reject(new Error("late"))), 50, { clock, signal }),
    (error) => error === reason,
  );
  assert.equal(clock.pending, 2);
  await clock.advance(20);
  assert.equal(clock.pending, 0);
  assert.equal(count(), 0);
});

test("abortable gives the outcome of the promise, or the reason of the signal", async () => {
  const { signal, controller, count } = countedSignal();
  assert.equal(await abortable(Promise.resolve("x"), signal), "x");
  assert.equal(await abortable(Promise.resolve("y"), undefined), "y");
  await assert.rejects(abortable(Promise.reject(new RangeError("no")), signal), RangeError);
  assert.equal(count(), 0);
  const waited = abortable(new Promise<never>(() => undefined), signal);
  const reason = new RangeError("stop");
  controller.abort(reason);
  await assert.rejects(waited, (error) => error === reason);
  await assert.rejects(abortable(nextTurn().then(() => Promise.reject(new Error("late"))), signal), (error) => error === reason);
  await nextTurn();
  await nextTurn();
});
