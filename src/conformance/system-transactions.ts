import { deferred } from "../async/deferred.ts";
import { UnsupportedError } from "../errors.ts";
import { task } from "../tasks/task.ts";
import { equal, present, throws } from "./assert.ts";
import type { ConformanceCase } from "./case.ts";
import type { RunInTransaction } from "./harness.ts";
import { expectCounts, rollBack } from "./steps.ts";
import type { Rig } from "./system-rig.ts";
import { onBothSystems } from "./system-rig.ts";

const work = task({ name: "work", run: (_ctx, value: string) => value });

/** Gives the harness's transactions; where the adapter has none, shows that it says so and writes nothing. */
async function transactions(rig: Rig): Promise<RunInTransaction | undefined> {
  const { adapter, broker, id, results, transaction } = rig.context;
  if (adapter.supports.transactions) return present(transaction, "a transaction from the harness of an adapter that supports them");
  const taskId = id();
  const stem = rig.stem();
  await throws(() => stem.enqueue(work, { id: taskId, args: "never", tx: {} }), UnsupportedError, "enqueue within a transaction");
  await throws(() => stem.enqueueMany([{ task: work, id: taskId }], { tx: {} }), UnsupportedError, "enqueueMany within a transaction");
  await expectCounts(broker, {}, "the queue");
  equal(await results.get(taskId), undefined, "the status");
  return undefined;
}

/** Enqueuing within the caller's own transaction. */
export const systemTransactionCases: readonly ConformanceCase[] = Object.freeze([
  ...onBothSystems("[Y19] a task that is enqueued in a transaction starts when that commits, not before", async (rig) => {
    const run = await transactions(rig);
    if (run === undefined) return;
    const { broker, id, results, within } = rig.context;
    const worker = await rig.start({ on: await rig.connect(), registry: [work], mayReport: true });
    const ids = { one: id(), first: id(), second: id() };
    const stem = rig.stem();
    const atCommit = deferred<number>();
    await within(run(async (tx) => {
      const handle = await stem.enqueue(work, { id: ids.one, args: "committed", tx });
      equal([handle.id, handle.accepted], [ids.one, true], "the handle inside the transaction");
      await stem.enqueueMany([{ task: work, id: ids.first, args: "1" }, { task: work, id: ids.second, args: "2" }], { tx });
      equal(await results.getMany([ids.one, ids.first]), [undefined, undefined], "what others see of them");
      equal((await broker.counts("default")).ready, 0, "what others see in the queue");
      atCommit.resolve(worker.events.filter(({ type }) => type === "task-started").length);
    }));
    equal(await atCommit.promise, 0, "how many had started before the commit");
    const handles = [ids.one, ids.first, ids.second].map((taskId) => stem.handle<string>(taskId));
    equal(await Promise.all(handles.map((handle) => rig.result(handle))), ["committed", "1", "2"], "the results");
  }),

  ...onBothSystems("[Y19] a task that is enqueued in a transaction is gone when that rolls back", async (rig) => {
    const run = await transactions(rig);
    if (run === undefined) return;
    const { broker, id, results, within } = rig.context;
    const worker = await rig.start({ on: await rig.connect(), registry: [work], mayReport: true });
    const taskId = id();
    const stem = rig.stem();
    await within(rollBack(run, async (tx) => {
      await stem.enqueue(work, { id: taskId, args: "never", tx });
    }));
    equal(await results.get(taskId), undefined, "the status");
    await expectCounts(broker, {}, "the queue");
    const handle = await stem.enqueue(work, { id: taskId, args: "afterwards" });
    equal([handle.accepted, await rig.result(handle)], [true, "afterwards"], "the same id afterwards");
    equal(worker.events.filter(({ type }) => type === "task-started").length, 1, "how many started");
  }),
]);
