import { TaskFailedError } from "../errors.ts";
import { task } from "../tasks/task.ts";
import { equal, itemAt, ok, only, present, throws } from "./assert.ts";
import type { ConformanceCase } from "./case.ts";
import { systemLaw, timedOnBothSystems, timedSystemLaw } from "./system-rig.ts";

/** A task that fails until an attempt, and notes when each of them began. */
function failingUntil(attempt: number, notes: { attempt: number; at: number }[], now: () => number) {
  return task({
    name: "failing",
    run: (ctx) => {
      notes.push({ attempt: ctx.attempt, at: now() });
      if (ctx.attempt < attempt) throw new RangeError(`attempt ${ctx.attempt} of ${ctx.maxAttempts} failed`);
      return `attempt ${ctx.attempt}`;
    },
  });
}

/** How failed attempts are tried again, and what becomes of a task whose attempts are used up. */
export const systemRetryCases: readonly ConformanceCase[] = Object.freeze([
  ...timedOnBothSystems("[Y3] a failed attempt waits out its delay with its error on record, then succeeds", async (rig) => {
    const { clock, broker } = rig.context;
    const notes: { attempt: number; at: number }[] = [];
    const failing = failingUntil(2, notes, () => clock.now());
    const worker = await rig.start({ registry: [failing] });
    const retry = { delay: "5s", backoff: "fixed", jitter: "none", maxRetries: 3 } as const;
    const handle = await rig.stem().enqueue(failing, { retry });
    await worker.until("task-retrying", handle.id);
    const between = await rig.status(handle.id);
    equal(
      [between.state, between.attempt, between.error?.name, between.error?.message],
      ["retrying", 1, "RangeError", "attempt 1 of 4 failed"],
      "the status in between",
    );
    equal((await broker.counts("default")).delayed, 1, "what is delayed in between");
    await clock.advance(4_999);
    equal(notes.length, 1, "how many attempts had begun a millisecond before the time");
    const succeeded = worker.until("task-succeeded", handle.id);
    await rig.after(1, succeeded);
    equal(await rig.result(handle), "attempt 2", "the result");
    const status = await rig.status(handle.id);
    equal([status.state, status.attempt, status.error], ["succeeded", 2, undefined], "the status at the end");
    ok(itemAt(notes, 1).at - itemAt(notes, 0).at >= 5_000, "Expected the second attempt no sooner than 5,000 ms after the first");
  }),

  timedSystemLaw("[Y3] delays grow as the policy of the task says", async (rig) => {
    const { clock } = rig.context;
    const notes: { attempt: number; at: number }[] = [];
    const failing = failingUntil(4, notes, () => clock.now());
    const worker = await rig.start({ registry: [failing] });
    const retry = { delay: "1s", backoff: "exponential", factor: 3, jitter: "none", maxRetries: 3 } as const;
    const handle = await rig.stem().enqueue(failing, { retry });
    for (const [failures, delayMs] of [1_000, 3_000, 9_000].entries()) {
      await worker.untilCount("task-retrying", failures + 1);
      await rig.after(delayMs, worker.untilCount("task-started", failures + 2));
    }
    equal(await rig.result(handle), "attempt 4", "the result");
    equal(notes.map(({ attempt }) => attempt), [1, 2, 3, 4], "the attempts");
    const gaps = notes.slice(1).map(({ at }, index) => at - itemAt(notes, index).at);
    for (const [index, leastMs] of [1_000, 3_000, 9_000].entries()) {
      ok((gaps[index] ?? 0) >= leastMs, `Expected at least ${leastMs} ms before attempt ${index + 2}, found ${gaps[index]}`);
    }
  }),

  timedSystemLaw("[Y3] a handler asks for another attempt with a delay and a reason of its own", async (rig) => {
    const { clock } = rig.context;
    const polite = task({
      name: "polite",
      maxRetries: 1,
      retry: { delay: "1h", jitter: "none" },
      run: (ctx) => ctx.attempt === 1 ? ctx.retry({ delay: "2s", reason: "the moon is not up" }) : "done",
    });
    const worker = await rig.start({ registry: [polite] });
    const handle = await rig.stem({ registry: [polite] }).enqueue(polite);
    await worker.until("task-retrying", handle.id);
    equal((await rig.status(handle.id)).error, { name: "Retry", message: "the moon is not up" }, "the error in between");
    await clock.advance(1_999);
    equal((await rig.status(handle.id)).state, "retrying", "the state a millisecond before the time");
    await rig.after(1, worker.until("task-succeeded", handle.id));
    equal(await rig.result(handle), "done", "the result");
  }),

  timedSystemLaw("[Y3] the worker's policy holds for tasks that have none", async (rig) => {
    const { clock } = rig.context;
    const notes: { attempt: number; at: number }[] = [];
    const failing = failingUntil(2, notes, () => clock.now());
    const worker = await rig.start({ registry: [failing], retry: { delay: "7s", backoff: "fixed", jitter: "none" } });
    const handle = await rig.stem().enqueue(failing, { maxRetries: 1 });
    await worker.until("task-retrying", handle.id);
    await clock.advance(6_999);
    equal(notes.length, 1, "how many attempts had begun a millisecond before the time");
    await rig.after(1, worker.until("task-succeeded", handle.id));
    equal(await rig.result(handle), "attempt 2", "the result");
  }),

  systemLaw("[Y3] an attempt without delay follows at once, on any worker", async (rig) => {
    const notes: { attempt: number; at: number }[] = [];
    const failing = failingUntil(5, notes, () => 0);
    await rig.start({ registry: [failing] });
    await rig.start({ on: await rig.connect(), registry: [failing] });
    const handle = await rig.stem().enqueue(failing, { retry: { delay: 0, maxRetries: 9 } });
    equal(await rig.result(handle), "attempt 5", "the result");
    equal(notes.map(({ attempt }) => attempt), [1, 2, 3, 4, 5], "the attempts");
  }),

  ...timedOnBothSystems("[Y4] after the last permitted attempt a task is failed and dead, and its result throws", async (rig) => {
    const { broker } = rig.context;
    const notes: { attempt: number; at: number }[] = [];
    const failing = failingUntil(99, notes, () => 0);
    const worker = await rig.start({ registry: [failing] });
    const handle = await rig.stem().enqueue(failing, { maxRetries: 2, retry: { delay: "1s", jitter: "none", backoff: "fixed" } });
    for (const failures of [1, 2]) {
      await worker.untilCount("task-retrying", failures);
      await rig.after(1_000, worker.untilCount("task-started", failures + 1));
    }
    const error = await throws(() => rig.result(handle), TaskFailedError, "result() of a failed task");
    ok(error.cause instanceof Error, "Expected the recorded error as the cause");
    equal([error.cause.name, error.cause.message], ["RangeError", "attempt 3 of 3 failed"], "the cause");
    equal(notes.map(({ attempt }) => attempt), [1, 2, 3], "the attempts");
    await worker.until("task-failed", handle.id);
    const status = await rig.status(handle.id);
    equal([status.state, status.attempt, status.error?.message], ["failed", 3, "attempt 3 of 3 failed"], "the status");
    const dead = present(await broker.deadLetters.get(handle.id), "the dead letter");
    equal(
      [dead.reason, dead.name, dead.envelope.attempt, dead.error?.message],
      ["retries-exhausted", "failing", 3, "attempt 3 of 3 failed"],
      "the dead letter",
    );
    equal(await broker.counts("default"), { ready: 0, delayed: 0, inflight: 0, dead: 1 }, "the queue");
  }),

  systemLaw("[Y4] a task without retries fails with its first attempt, also when its handler asks for another", async (rig) => {
    const failing = task({
      name: "failing",
      run: () => {
        throw new TypeError("no");
      },
    });
    const asking = task({ name: "asking", run: (ctx) => ctx.retry({ reason: "once more" }) });
    const { until } = await rig.start({ registry: [failing, asking] });
    for (const [each, message] of [[failing, "no"], [asking, "once more"]] as const) {
      const handle = await rig.stem().enqueue(each.name);
      const error = await throws(() => rig.result(handle), TaskFailedError, `result() of ${each.name}`);
      ok(error.message.includes(message), `Expected the message to name the reason, found ${error.message}`);
      await until("task-failed", handle.id);
      equal((await rig.status(handle.id)).attempt, 1, "the attempt");
      equal((await rig.context.broker.deadLetters.get(handle.id))?.reason, "retries-exhausted", "the reason of the dead letter");
    }
  }),

  systemLaw("[Y4] a rejected task is dead at once, with the handler's reason", async (rig) => {
    let runs = 0;
    const picky = task({
      name: "picky",
      maxRetries: 5,
      run: (ctx, reason: string | null) => {
        runs += 1;
        ctx.reject(reason ?? undefined);
      },
    });
    const { until } = await rig.start({ registry: [picky] });
    for (const [given, reason] of [["not today", "not today"], [null, "rejected"], ["", "rejected"]] as const) {
      runs = 0;
      const handle = await rig.stem({ registry: [picky] }).enqueue(picky, { args: given });
      await throws(() => rig.result(handle), TaskFailedError, "result() of a rejected task");
      await until("task-failed", handle.id);
      equal(runs, 1, "how often it ran");
      const status = await rig.status(handle.id);
      equal([status.state, status.error?.name, status.error?.message], ["failed", "Rejected", reason], "the status");
      equal((await rig.context.broker.deadLetters.get(handle.id))?.reason, reason, "the reason of the dead letter");
    }
  }),

  systemLaw("[Y4] a dead task that is replayed runs again, with retries of its own", async (rig) => {
    const notes: { attempt: number; at: number }[] = [];
    const failing = failingUntil(4, notes, () => 0);
    const { until } = await rig.start({ registry: [failing] });
    const handle = await rig.stem().enqueue(failing, { retry: { delay: 0, maxRetries: 1 } });
    await until("task-failed", handle.id);
    equal(await rig.context.ledger.replay({ ids: [handle.id] }), [handle.id], "what was replayed");
    await until("task-succeeded", handle.id);
    equal(await rig.result(handle), "attempt 4", "the result");
    equal(notes.map(({ attempt }) => attempt), [1, 2, 3, 4], "the attempts");
    equal((await rig.context.broker.deadLetters.list()).items.length, 0, "dead letters left");
  }),

  systemLaw("[Y4] a task that fails leaves the tasks beside it alone", async (rig) => {
    const odd = task({
      name: "odd",
      run: (_ctx, index: number) => {
        if (index % 2 === 1) throw new Error(`${index} is odd`);
        return index;
      },
    });
    const worker = await rig.start({ registry: [odd] });
    const handles = await rig.stem().enqueueMany(Array.from({ length: 20 }, (_, index) => ({ task: odd, args: index })));
    const states = await Promise.all(handles.map(({ id }) => rig.ended(id)));
    equal(
      states.map(({ state, payload, error }) => state === "succeeded" ? payload : error?.message),
      Array.from({ length: 20 }, (_, index) => index % 2 === 1 ? `${index} is odd` : index),
      "how they ended",
    );
    await worker.untilCount("task-failed", 10);
    equal(only([(await rig.context.broker.counts("default")).dead]), 10, "how many are dead");
  }),
]);
