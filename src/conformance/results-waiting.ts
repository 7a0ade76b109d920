import { ClosedError, ConflictError, TimeoutError } from "../errors.ts";
import type { TaskStatus } from "../model/task-status.ts";
import { describeError, equal, ok, present, throws } from "./assert.ts";
import { type CaseContext, type ConformanceCase, law, timedLaw } from "./case.ts";
import { expectEnd, readNext, refusalOf, startWaiting } from "./steps.ts";

/** How a backend tells those who wait. */
export const resultWaitingCases: readonly ConformanceCase[] = Object.freeze([
  law("[R9] watch yields what is, then each change, from any connection, and ends with the task", async (context) => {
    const { results, id, second } = context;
    const other = (await second()).results;
    const taskId = id();
    await results.set(taskId, "queued");
    const statuses = other.watch(taskId)[Symbol.asyncIterator]();
    equal(await nextState(context, statuses), "queued", "the first status");
    await results.set(taskId, "running", { worker: "w" });
    equal(await nextState(context, statuses), "running", "the second status");
    for (const progress of [1, 2, 3]) {
      await results.set(taskId, "running", { progress });
      const [status] = await readNext(context, statuses, 1);
      equal(status?.progress, progress, "the progress");
    }
    await results.set(taskId, "retrying");
    equal(await nextState(context, statuses), "retrying", "the status between the attempts");
    await results.set(taskId, "running", { attempt: 2 });
    equal(await nextState(context, statuses), "running", "the status of the second attempt");
    await results.set(taskId, "succeeded", { payload: { ok: true } });
    const [last] = await readNext(context, statuses, 1);
    equal(last, present(await results.get(taskId), "the status"), "the last status");
    await expectEnd(context, statuses);
  }),

  law("[R9] watch of a task that has ended yields its status and ends", async (context) => {
    const { results, id } = context;
    for (const state of ["succeeded", "failed", "cancelled"] as const) {
      const taskId = id();
      await results.set(taskId, state);
      const statuses = results.watch(taskId)[Symbol.asyncIterator]();
      equal(await nextState(context, statuses), state, "the status");
      await expectEnd(context, statuses);
    }
  }),

  law("[R9] watch of an unknown task waits for its first status", async (context) => {
    const { results, id, second } = context;
    const taskId = id();
    const statuses = results.watch(taskId)[Symbol.asyncIterator]();
    const first = nextState(context, statuses);
    await (await second()).results.set(taskId, "queued");
    equal(await first, "queued", "the first status");
    await statuses.return?.();
  }),

  law("[R9] nothing is missed between what watch yields, and the latest may stand for all", async (context) => {
    const { results, id, second } = context;
    const other = (await second()).results;
    const taskId = id();
    await results.set(taskId, "queued");
    const statuses = results.watch(taskId)[Symbol.asyncIterator]();
    equal(await nextState(context, statuses), "queued", "the first status");
    await other.set(taskId, "running");
    await other.set(taskId, "running", { progress: 1 });
    await results.set(taskId, "succeeded", { payload: 1 });
    const rest = await readAll(context, statuses);
    equal(rest.at(-1)?.state, "succeeded", "the last status");
    ok(rest.every((status, index) => index === 0 || status.updatedAt >= (rest[index - 1]?.updatedAt ?? 0)), "Expected no step back");
  }),

  law("[R9] no change is lost between reading and listening", async (context) => {
    const { results, id, second } = context;
    const other = (await second()).results;
    for (let round = 0; round < 25; round++) {
      const taskId = id();
      if (round % 3 !== 0) await results.set(taskId, "running");
      const watched = readAll(context, results.watch(taskId)[Symbol.asyncIterator]());
      // A different number of turns each time, so that the write falls into every part of the watch's beginning.
      for (let turn = 0; turn < round; turn++) await Promise.resolve();
      await (round % 2 === 0 ? other : results).set(taskId, "succeeded", { payload: round });
      equal((await watched).at(-1)?.payload, round, `the last payload of round ${round}`);
    }
  }),

  law("[R9] many watches of one task, on two connections, all see its end", async (context) => {
    const { results, id, second } = context;
    const other = (await second()).results;
    const taskId = id();
    await results.set(taskId, "running");
    const watches = Array.from(
      { length: 20 },
      (_, index) => readAll(context, (index % 2 === 0 ? results : other).watch(taskId)[Symbol.asyncIterator]()),
    );
    await other.set(taskId, "cancelled");
    const ends = (await Promise.all(watches)).map((statuses) => statuses.at(-1)?.state);
    equal(ends, watches.map(() => "cancelled"), "what each saw last");
  }),

  law("[R9] refused writes are no changes", async (context) => {
    const { results, id } = context;
    const taskId = id();
    await results.set(taskId, "running", { attempt: 2 });
    const statuses = results.watch(taskId)[Symbol.asyncIterator]();
    equal(await nextState(context, statuses), "running", "the first status");
    equal(await results.set(taskId, "succeeded", { attempt: 1 }), false, "the late write");
    await results.set(taskId, "succeeded");
    const [last] = await readNext(context, statuses, 1);
    equal([last?.state, last?.attempt], ["succeeded", 2], "the next status");
  }),

  law("[R9] watch ends at its signal, also when it was aborted before", async (context) => {
    const { results, id } = context;
    const taskId = id();
    await results.set(taskId, "running");
    const controller = new AbortController();
    const statuses = results.watch(taskId, { signal: controller.signal })[Symbol.asyncIterator]();
    equal(await nextState(context, statuses), "running", "the first status");
    const end = expectEnd(context, statuses);
    controller.abort(new Error("The case has seen enough"));
    await end;
    await expectEnd(context, results.watch(taskId, { signal: AbortSignal.abort() })[Symbol.asyncIterator]());
  }),

  law("[R6 R9] watch ends when the status it saw is removed", async (context) => {
    const { results, id, second } = context;
    const taskId = id();
    await results.set(taskId, "running");
    const statuses = results.watch(taskId)[Symbol.asyncIterator]();
    equal(await nextState(context, statuses), "running", "the first status");
    await (await second()).results.remove(taskId);
    await expectEnd(context, statuses);
  }),

  timedLaw("[R4 R9] watch ends when the status it saw expires", async (context) => {
    const { results, id } = context;
    const taskId = id();
    await results.set(taskId, "running", { ttl: 3_000 });
    const statuses = results.watch(taskId)[Symbol.asyncIterator]();
    equal(await nextState(context, statuses), "running", "the first status");
    const { afterMoving } = await startWaiting(context, () => statuses.next());
    equal((await afterMoving(3_000)).done, true, "whether it has ended");
  }),

  law("[R9 R19] watch follows one task of one namespace", async (context) => {
    const { results, id, other } = context;
    const taskId = id();
    await results.set(taskId, "running");
    const statuses = results.watch(taskId)[Symbol.asyncIterator]();
    equal(await nextState(context, statuses), "running", "the first status");
    await (await other()).results.set(taskId, "failed");
    await results.set(id(), "failed");
    await results.set(taskId, "succeeded");
    equal(await nextState(context, statuses), "succeeded", "the next status");
  }),

  law("[R10] waitFor answers at once when the task has ended", async ({ results, id, within }) => {
    for (const state of ["succeeded", "failed", "cancelled"] as const) {
      const taskId = id();
      await results.set(taskId, state, { payload: [state] });
      equal(await within(results.waitFor(taskId)), present(await results.get(taskId), "the status"), "the answer");
    }
  }),

  law("[R10] waitFor answers when the task ends, by any connection, known before or not", async ({ results, id, second, within }) => {
    const other = (await second()).results;
    for (const writer of [results, other]) {
      const [known, unknown] = [id(), id()];
      await results.set(known, "running");
      const answers = Promise.all([known, unknown].map((taskId) => results.waitFor(taskId, { timeout: "1m" })));
      await writer.set(known, "retrying");
      await writer.set(unknown, "queued");
      await writer.set(known, "succeeded", { attempt: 2, payload: 1 });
      await writer.set(unknown, "failed");
      const [first, then] = await within(answers);
      equal([first?.state, first?.attempt, first?.payload, then?.state], ["succeeded", 2, 1, "failed"], "the answers");
    }
  }),

  law("[R10] no end is missed between reading and waiting", async ({ results, id, second, within }) => {
    const other = (await second()).results;
    for (let round = 0; round < 25; round++) {
      const taskId = id();
      if (round % 3 !== 0) await results.set(taskId, "running");
      const answer = results.waitFor(taskId);
      for (let turn = 0; turn < round; turn++) await Promise.resolve();
      await (round % 2 === 0 ? other : results).set(taskId, "succeeded", { payload: round });
      equal((await within(answer)).payload, round, `the payload of round ${round}`);
    }
  }),

  law("[R10] 200 waits over two connections are all answered", async ({ results, id, second, within }) => {
    const other = (await second()).results;
    const ids = Array.from({ length: 100 }, () => id());
    const answers = [results, other].flatMap((waiter) => ids.map((taskId) => waiter.waitFor(taskId, { timeout: "1m" })));
    await results.setMany(ids.slice(0, 50).map((taskId) => ({ id: taskId, state: "succeeded" })));
    for (const taskId of ids.slice(50)) await other.set(taskId, "succeeded");
    const statuses = await within(Promise.all(answers), 20_000);
    equal(statuses.map((status) => status.id), [...ids, ...ids], "the answers");
  }),

  timedLaw("[R11] waitFor throws TimeoutError at its timeout, not before", async (context) => {
    const { results, clock, id } = context;
    await results.set("running", "running");
    for (const taskId of [id(), "running"]) {
      let isOver = false;
      const { afterMoving } = await startWaiting(
        context,
        () =>
          refusalOf(() => results.waitFor(taskId, { timeout: "5s" })).then((error) => {
            isOver = true;
            return error;
          }),
      );
      await clock.advance(4_999);
      equal(isOver, false, "whether it ended a millisecond early");
      const error = await afterMoving(1);
      ok(error instanceof TimeoutError, `Expected TimeoutError, got ${describeError(error)}`);
      equal(error.timeoutMs, 5_000, "the timeout that the error tells");
    }
  }),

  law("[R11] waitFor throws TimeoutError in real time", async ({ results, id, within }) => {
    await within(throws(() => results.waitFor(id(), { timeout: 60 }), TimeoutError, "waitFor of a task nobody runs"));
  }),

  law("[R11] waitFor throws its signal's reason, also when it was aborted before", async ({ results, id, within }) => {
    const reason = new Error("The case has seen enough");
    const controller = new AbortController();
    const answer = refusalOf(() => results.waitFor(id(), { signal: controller.signal }));
    controller.abort(reason);
    ok(await within(answer) === reason, "Expected the reason of the signal");
    ok(await within(refusalOf(() => results.waitFor(id(), { signal: AbortSignal.abort(reason) }))) === reason, "Expected the same reason");
  }),

  law("[R6 R11] waitFor throws ConflictError when the status it saw is gone", async (context) => {
    const { results, id, second, within } = context;
    const other = (await second()).results;
    const taskId = id();
    await results.set(taskId, "running");
    const answer = throws(() => results.waitFor(taskId), ConflictError, "waitFor of a task whose status is removed");
    await waitUntilSeen(context, taskId);
    await other.remove(taskId);
    await within(answer);
  }),

  timedLaw("[R9 R11] what has ended leaves no timer behind", async (context) => {
    const { results, clock, id, within } = context;
    await results.get("warm up");
    const before = clock.pending;
    const controller = new AbortController();
    const { answer } = await startWaiting(
      context,
      () => refusalOf(() => results.waitFor(id(), { timeout: "1h", signal: controller.signal })),
    );
    const taskId = id();
    await results.set(taskId, "running");
    const statuses = results.watch(taskId)[Symbol.asyncIterator]();
    await readNext(context, statuses, 1);
    const waiting = await startWaiting(context, () => statuses.next());
    controller.abort(new Error("The case has seen enough"));
    await within(answer);
    await results.set(taskId, "succeeded");
    await within(waiting.answer);
    await expectEnd(context, statuses);
    equal(clock.pending, before, "how many timers are left");
  }),

  law("[R21] waits end when their store is closed: watch ends, waitFor throws ClosedError", async (context) => {
    const { results, id, second, within } = context;
    const closing = await second();
    const taskId = id();
    await results.set(taskId, "running");
    const statuses = closing.results.watch(taskId)[Symbol.asyncIterator]();
    equal(await nextState(context, statuses), "running", "the first status");
    const end = expectEnd(context, statuses);
    const answers = [taskId, id()].map((one) =>
      throws(() => closing.results.waitFor(one), ClosedError, "waitFor when its store is closed")
    );
    await within(closing.close());
    await within(Promise.all([end, ...answers]));
  }),
]);

async function nextState(context: CaseContext, statuses: AsyncIterator<TaskStatus>): Promise<string | undefined> {
  return (await readNext(context, statuses, 1))[0]?.state;
}

async function readAll({ within }: CaseContext, statuses: AsyncIterator<TaskStatus>): Promise<readonly TaskStatus[]> {
  const seen: TaskStatus[] = [];
  for (;;) {
    const next = await within(statuses.next());
    if (next.done === true) return seen;
    seen.push(next.value);
  }
}

/** Resolves when news of the task have come through this connection several times over: whoever waited on it before has read its status. */
async function waitUntilSeen(context: CaseContext, taskId: string): Promise<void> {
  const { results } = context;
  const statuses = results.watch(taskId)[Symbol.asyncIterator]();
  await readNext(context, statuses, 1);
  for (let progress = 1; progress <= 3; progress++) {
    await results.set(taskId, "running", { progress });
    await readNext(context, statuses, 1);
  }
  await statuses.return?.();
}
