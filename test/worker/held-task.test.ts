import assert from "node:assert/strict";
import { test } from "node:test";
import { ClosedError, ConflictError, TimeoutError } from "../../src/errors.ts";
import { ManualClock } from "../../src/time/manual-clock.ts";
import { HeldTask } from "../../src/worker/held-task.ts";
import { delivery, held } from "./deliveries.ts";

const timeout = 20_000;
const closed = new ClosedError("Cannot go on");
const lost = new ConflictError("Cannot go on");

test("the first reason to stop counts, for those who look early and late", { timeout }, () => {
  const task = held();
  const early = task.signal;
  assert.equal(task.abortReason, undefined);
  task.abort(closed);
  task.abort(lost);
  assert.equal(task.abortReason, closed);
  assert.equal(early.reason, closed);
  const other = held();
  other.abort(closed);
  assert.equal(other.signal.reason, closed);
  assert.equal(other.signal, other.signal);
});

test("an abort before the handler begins sets no timer", { timeout }, () => {
  const clock = new ManualClock();
  const task = held({ clock });
  task.abort(closed);
  assert.equal(clock.pending, 0);
});

test("a handler that does not end is abandoned after the grace time", { timeout }, async () => {
  const clock = new ManualClock();
  const task = held({ clock, graceMs: 300 });
  let abandoned = 0;
  task.begin();
  task.onAbandoned(() => abandoned += 1);
  task.abort(closed);
  await clock.advance(299);
  assert.equal(abandoned, 0);
  await clock.advance(1);
  assert.equal(abandoned, 1);
  task.finish();
  assert.equal(clock.pending, 0);
});

test("whoever asks late learns that the handler was abandoned", { timeout }, () => {
  const task = held();
  task.begin();
  task.abandon();
  let abandoned = 0;
  task.onAbandoned(() => abandoned += 1);
  assert.equal(abandoned, 1);
});

test("a handler that ends within the abort's own listeners leaves no timer", { timeout }, () => {
  const clock = new ManualClock();
  const task = held({ clock });
  task.begin();
  task.signal.addEventListener("abort", () => task.finish());
  task.abort(closed);
  assert.equal(clock.pending, 0);
});

test("after the end nothing aborts any more, no timer is set, and nothing can be done for the task", { timeout }, () => {
  const clock = new ManualClock();
  const task = new HeldTask(delivery({ timeLimitMs: 100, softTimeLimitMs: 50 }), clock, 10);
  task.begin();
  task.requireHeld("report progress");
  assert.equal(clock.pending, 2);
  task.finish();
  assert.equal(clock.pending, 0);
  task.abort(closed);
  task.finish();
  assert.equal(task.abortReason, undefined);
  assert.equal(clock.pending, 0);
  assert.throws(() => task.requireHeld("report progress"), {
    name: "ConflictError",
    message: /Cannot report progress .* its attempt has ended/,
  });
});

test("a lost lease is known by its own signal, also after the handler's end", { timeout }, () => {
  const task = held();
  const early = task.lost;
  task.finish();
  task.lose(lost);
  task.lose(new ConflictError("again"));
  assert.equal(early.reason, lost);
  assert.throws(() => task.requireHeld("go on"), lost);
  const other = held();
  other.lose(lost);
  assert.equal(other.lost.reason, lost);
  assert.equal(other.signal.reason, lost);
});

test("the limits abort their signals with what they were", { timeout }, async () => {
  const clock = new ManualClock();
  const task = new HeldTask(delivery({ softTimeLimitMs: 200, timeLimitMs: 500 }), clock, 1_000);
  task.begin();
  await clock.advance(200);
  assert.equal(task.softLimit.aborted, true);
  assert.equal(task.signal.aborted, false);
  await clock.advance(300);
  assert.ok(task.signal.reason instanceof TimeoutError);
  assert.equal(task.signal.reason.timeoutMs, 500);
  assert.match(task.signal.reason.message, /test\.task.*time limit of 500 ms/);
  assert.ok(task.softLimit.reason instanceof TimeoutError);
  task.finish();
  assert.equal(clock.pending, 0);
});

test("the duration is counted from the handler's begin to its end", { timeout }, async () => {
  const clock = new ManualClock();
  const task = held({ clock });
  await clock.advance(1_000);
  assert.equal(task.durationMs, undefined);
  task.begin();
  await clock.advance(250);
  task.finish();
  await clock.advance(1_000);
  assert.equal(task.durationMs, 250);
  const never = held({ clock });
  never.finish();
  assert.equal(never.durationMs, undefined);
});
