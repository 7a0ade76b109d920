import assert from "node:assert/strict";
import { test } from "node:test";
import type { Deferred } from "../../src/async/deferred.ts";
import { deferred } from "../../src/async/deferred.ts";
import { ConflictError, StoreError } from "../../src/errors.ts";
import type { Delivery } from "../../src/model/delivery.ts";
import type { Clock } from "../../src/time/clock.ts";
import { ManualClock } from "../../src/time/manual-clock.ts";
import { nextTurn } from "../../src/time/next-turn.ts";
import type { HeldTask } from "../../src/worker/held-task.ts";
import { LeaseKeeper } from "../../src/worker/leases.ts";
import { held } from "./deliveries.ts";

const timeout = 20_000;
const away = new StoreError("Cannot extend leases", { adapter: "test", operation: "extendLease", retryable: true });

type Answers = readonly (number | undefined)[];

/** A keeper on a clock of its own, over a broker that does what the test says, and grants everything unless told otherwise. */
function scripted(answer?: (deliveries: readonly Delivery[], call: number) => Answers | Promise<Answers>) {
  const clock = new ManualClock();
  const calls: { at: number; ids: string[]; leaseMs: number }[] = [];
  const errors: unknown[] = [];
  const extendLease = async (deliveries: readonly Delivery[], leaseMs: number): Promise<Answers> => {
    calls.push({ at: clock.monotonic(), ids: deliveries.map(({ envelope }) => envelope.id), leaseMs });
    return answer === undefined ? deliveries.map(() => clock.now() + leaseMs) : await answer(deliveries, calls.length);
  };
  const keeper = new LeaseKeeper({ broker: { extendLease }, clock, onError: (error) => errors.push(error) });
  return { clock, calls, errors, keeper };
}

const idOf = (task: HeldTask): string => task.delivery.envelope.id;

test("many leases are renewed in one round trip, a third of their time after they were claimed", { timeout }, async () => {
  const { clock, calls, keeper } = scripted();
  const tasks = Array.from({ length: 50 }, () => held({ clock, leaseMs: 3_000 }));
  keeper.keep(tasks);
  assert.equal(clock.pending, 1);
  await clock.advance(999);
  assert.equal(calls.length, 0);
  await clock.advance(1);
  assert.deepEqual(calls, [{ at: 1_000, ids: tasks.map(idOf), leaseMs: 3_000 }]);
  await clock.advance(2_000);
  assert.deepEqual(calls.map(({ at }) => at), [1_000, 2_000, 3_000]);
  assert.ok(tasks.every(({ abortReason }) => abortReason === undefined));
});

test("what falls due soon is renewed along with the rest", { timeout }, async () => {
  const { clock, calls, keeper } = scripted();
  const [first, soon, later] = [held({ clock, leaseMs: 3_000 }), held({ clock, leaseMs: 3_000 }), held({ clock, leaseMs: 3_000 })];
  keeper.keep([first]);
  await clock.advance(200);
  keeper.keep([soon]);
  await clock.advance(300);
  keeper.keep([later]);
  await clock.advance(500);
  assert.deepEqual(calls, [{ at: 1_000, ids: [idOf(first), idOf(soon)], leaseMs: 3_000 }]);
  await clock.advance(500);
  assert.deepEqual(calls[1], { at: 1_500, ids: [idOf(later)], leaseMs: 3_000 });
});

test("each lease is renewed by its own time", { timeout }, async () => {
  const { clock, calls, keeper } = scripted();
  const [short, long] = [held({ clock, leaseMs: 300 }), held({ clock, leaseMs: 30_000 })];
  keeper.keep([long]);
  keeper.keep([short]);
  await clock.advance(300);
  assert.deepEqual(calls.map(({ at, leaseMs }) => [at, leaseMs]), [[100, 300], [200, 300], [300, 300]]);
  keeper.drop(short);
  await clock.advance(9_700);
  assert.deepEqual(calls.at(-1), { at: 10_000, ids: [idOf(long)], leaseMs: 30_000 });
  assert.equal(calls.length, 4);
});

test("a dropped lease is not renewed, and nothing is left to wake for", { timeout }, async () => {
  const { clock, calls, keeper } = scripted();
  const task = held({ clock, leaseMs: 300 });
  keeper.keep([task]);
  keeper.drop(task);
  await clock.advance(1_000);
  assert.deepEqual(calls, []);
  assert.equal(clock.pending, 0);
});

test("a lease that the store does not know any more is lost, and its neighbours are not", { timeout }, async () => {
  const { clock, keeper } = scripted((deliveries) => deliveries.map((_, at) => at === 1 ? undefined : 1));
  const tasks = [held({ clock }), held({ clock }), held({ clock })];
  keeper.keep(tasks);
  await clock.advance(10_000);
  assert.deepEqual(tasks.map(({ lost }) => lost.aborted), [false, true, false]);
  const reason: unknown = tasks[1]?.signal.reason;
  assert.ok(reason instanceof ConflictError);
  assert.match(reason.message, /its lease was lost/);
});

test("a renewal that fails is tried again until the lease has run out, then it is lost", { timeout }, async () => {
  const { clock, calls, errors, keeper } = scripted(() => Promise.reject(away));
  const task = held({ clock, leaseMs: 1_200 });
  keeper.keep([task]);
  await clock.advance(1_199);
  assert.equal(task.lost.aborted, false);
  assert.deepEqual(calls.map(({ at }) => at), [400, 500, 600, 700, 800, 900, 1_000, 1_100]);
  await clock.advance(1);
  assert.equal(task.lost.aborted, true);
  assert.equal(errors.length, 9);
  await clock.advance(5_000);
  assert.equal(calls.length, 9);
});

test("one failure is made good by the next try", { timeout }, async () => {
  const { clock, errors, keeper } = scripted((deliveries, call) => call === 1 ? Promise.reject(away) : deliveries.map(() => 1));
  const task = held({ clock, leaseMs: 1_200 });
  keeper.keep([task]);
  for (let step = 0; step < 60; step++) await clock.advance(100);
  assert.equal(task.abortReason, undefined);
  assert.deepEqual(errors, [away]);
});

test("a renewal that is never answered is lost at the end of the lease, and holds up no other", { timeout }, async () => {
  const never = deferred<Answers>();
  const stuck: string[] = [];
  const { clock, calls, keeper } = scripted((deliveries) => {
    return deliveries.some(({ envelope }) => stuck.includes(envelope.id)) ? never.promise : deliveries.map(() => 1);
  });
  const [silent, fine] = [held({ clock, leaseMs: 900 }), held({ clock, leaseMs: 1_800 })];
  stuck.push(idOf(silent));
  keeper.keep([silent, fine]);
  await clock.advance(899);
  assert.equal(silent.lost.aborted, false);
  await clock.advance(1);
  assert.equal(silent.lost.aborted, true);
  await clock.advance(1_500);
  assert.equal(fine.lost.aborted, false);
  assert.deepEqual(calls.map(({ at, leaseMs }) => [at, leaseMs]), [[300, 900], [600, 1_800], [1_200, 1_800], [1_800, 1_800], [
    2_400,
    1_800,
  ]]);
});

test("nothing is asked twice while an answer is awaited", { timeout }, async () => {
  const answers: Deferred<Answers>[] = [];
  const { clock, calls, keeper } = scripted(() => {
    const answer = deferred<Answers>();
    answers.push(answer);
    return answer.promise;
  });
  const slow = held({ clock, leaseMs: 3_000 });
  keeper.keep([slow]);
  await clock.advance(1_000);
  keeper.keep([held({ clock, leaseMs: 300 })]);
  await clock.advance(1_000);
  assert.equal(calls.filter(({ ids }) => ids.includes(idOf(slow))).length, 1);
  answers[0]?.resolve([1]);
  await nextTurn();
  // Counted from the question, which came at 1,000.
  await clock.advance(0);
  assert.equal(calls.filter(({ ids }) => ids.includes(idOf(slow))).length, 2);
});

for (const [answer, isLost] of [["grants it", false], ["does not know it", true], ["fails", true], ["never answers", true]] as const) {
  test(`a lease that ran out while the process was blocked is asked for once more: the store ${answer}`, { timeout }, async () => {
    const manual = new ManualClock();
    let blockedMs = 0;
    // Time that passes without any timer having its turn: what a handler without pauses does.
    const clock: Clock = {
      now: () => manual.now() + blockedMs,
      monotonic: () => manual.monotonic() + blockedMs,
      timer: (ms, callback) => manual.timer(ms, callback),
    };
    let calls = 0;
    const extendLease = async (): Promise<Answers> => {
      calls += 1;
      if (answer === "fails") throw away;
      if (answer === "never answers") return await deferred<Answers>().promise;
      return [answer === "grants it" ? 1 : undefined];
    };
    const keeper = new LeaseKeeper({ broker: { extendLease }, clock, onError: () => {} });
    const task = held({ clock, leaseMs: 1_200 });
    keeper.keep([task]);
    blockedMs = 5_000;
    await manual.advance(400);
    assert.equal(calls, 1);
    assert.equal(task.lost.aborted, answer === "never answers" ? false : isLost);
    await manual.advance(100);
    assert.equal(task.lost.aborted, isLost);
    keeper.stop();
  });
}

test("after stop nothing is kept, no timer is left, and a late answer or failure is nobody's", { timeout }, async () => {
  const answer = deferred<Answers>();
  const { clock, calls, errors, keeper } = scripted(() => answer.promise);
  const [task, late] = [held({ clock, leaseMs: 300 }), held({ clock, leaseMs: 300 })];
  keeper.keep([task]);
  await clock.advance(100);
  assert.equal(calls.length, 1);
  keeper.stop();
  keeper.keep([late]);
  assert.equal(clock.pending, 0);
  answer.reject(away);
  await clock.advance(10_000);
  assert.equal(calls.length, 1);
  assert.deepEqual(errors, []);
  assert.deepEqual([task.lost.aborted, late.lost.aborted], [false, false]);
  assert.equal(clock.pending, 0);
});

test("what is settled while its renewal is under way was not lost", { timeout }, async () => {
  const answer = deferred<Answers>();
  const { clock, keeper } = scripted(() => answer.promise);
  const task = held({ clock, leaseMs: 300 });
  keeper.keep([task]);
  await clock.advance(100);
  keeper.drop(task);
  answer.resolve([undefined]);
  await nextTurn();
  assert.equal(task.lost.aborted, false);
});
