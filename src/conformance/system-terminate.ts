import { deferred } from "../async/deferred.ts";
import type { RevokeStore } from "../contracts/revoke-store.ts";
import { StoreError, TaskRevokedError } from "../errors.ts";
import type { TaskContext } from "../tasks/context.ts";
import { task } from "../tasks/task.ts";
import { equal, ok, throws } from "./assert.ts";
import type { ConformanceCase } from "./case.ts";
import { countedRenewals } from "./renewals.ts";
import { expectRevoked, patient, why } from "./system-revoke-rig.ts";
import { onBothSystems, systemLaw, timedSystemLaw, withMethod } from "./system-rig.ts";

/** How workers learn of decisions, and stop what runs. */
export const systemTerminateCases: readonly ConformanceCase[] = Object.freeze([
  ...onBothSystems("[Y28] terminate aborts a running handler from another connection, and its group learns of it", async (rig) => {
    const { results, id } = rig.context;
    const { definition, doors, contexts } = patient(rig);
    const revokeStore = rig.context.adapter.revocations;
    const { until } = await rig.start({ registry: [definition], revokeStore });
    const groupId = id("group");
    const taskId = id("member");
    await results.initGroup({ id: groupId, taskIds: [taskId] });
    const elsewhere = await rig.connect();
    const stem = rig.stem({ on: elsewhere, revokeStore: elsewhere.revocations });
    const handle = await stem.enqueue(definition, { id: taskId, groupId });
    await doors.untilArrived(1);
    await handle.revoke({ ...why, terminate: true });
    await until("task-cancelled", taskId);
    const reason: unknown = contexts.get(taskId)?.signal.reason;
    ok(reason instanceof TaskRevokedError, `Expected a TaskRevokedError as the reason, found ${String(reason)}`);
    equal([reason.taskId, reason.reason, reason.requestedBy], [taskId, why.reason, why.requestedBy], "the reason");
    await expectRevoked(rig, taskId);
    equal((await results.getGroup(groupId))?.results.map((result) => result?.state), ["cancelled"], "the group");
  }),

  timedSystemLaw(
    "[Y28] a handler that ignores it is left after the grace time: its task is cancelled, its late result refused",
    async (rig) => {
      const revokeStore = rig.context.adapter.revocations;
      const begun = deferred<TaskContext>();
      const late = deferred<string>();
      const deaf = task({
        name: "deaf",
        run: async (ctx) => {
          begun.resolve(ctx);
          return await late.promise;
        },
      });
      const quick = task({ name: "quick", run: () => "quick" });
      const { until } = await rig.start({ registry: [deaf, quick], revokeStore, concurrency: 1, grace: "2s" });
      const stem = rig.stem({ revokeStore });
      const handle = await stem.enqueue(deaf);
      const context = await rig.context.within(begun.promise);
      await handle.revoke({ ...why, terminate: true });
      const aborted = deferred<void>();
      if (context.signal.aborted) aborted.resolve();
      else context.signal.addEventListener("abort", () => aborted.resolve(), { once: true });
      await rig.after(0, aborted.promise);
      equal((await rig.status(handle.id)).state, "running", "the state while it is waited for");
      await rig.after(2_000, until("task-cancelled", handle.id));
      await expectRevoked(rig, handle.id);
      equal(await rig.result(await stem.enqueue(quick)), "quick", "what the free slot runs");
      late.resolve("late");
      await throws(() => context.progress("late"), Error, "progress after the end");
      await expectRevoked(rig, handle.id);
    },
  ),

  systemLaw("[Y28] without terminate what runs goes on, and its result counts; a later decision may still stop it", async (rig) => {
    const { definition, doors, contexts } = patient(rig);
    const revokeStore = rig.context.adapter.revocations;
    const { until } = await rig.start({ registry: [definition], revokeStore });
    const stem = rig.stem({ revokeStore });
    const [goes, stops] = [await stem.enqueue(definition), await stem.enqueue(definition)];
    await doors.untilArrived(2);
    const outcomes = await stem.revoke([goes.id, stops.id], why);
    equal(outcomes.map(({ found }) => found), ["running", "running"], "what was found");
    const { answers } = await stem.announceRevocations();
    equal(answers.map(({ running, aborted }) => [running.length, aborted.length]), [[2, 0]], "what the worker says");
    equal([...contexts.values()].map(({ signal }) => signal.aborted), [false, false], "whether they were aborted");
    await stops.revoke({ ...why, terminate: true });
    await until("task-cancelled", stops.id);
    doors.openAll();
    equal(await rig.result(goes), goes.id, "the result of the other");
  }),

  timedSystemLaw("[Y28] a worker that hears no news looks every second", async (rig) => {
    const { definition, doors, contexts } = patient(rig);
    const revokeStore = withMethod(rig.context.adapter.revocations, "watch", ({ signal }) => Promise.resolve(silence(signal)));
    const { until } = await rig.start({ registry: [definition], revokeStore });
    const handle = await rig.stem({ revokeStore }).enqueue(definition);
    await doors.untilArrived(1);
    await handle.revoke({ ...why, terminate: true });
    equal(contexts.get(handle.id)?.signal.aborted, false, "whether it was aborted at once");
    await rig.after(1_000, until("task-cancelled", handle.id));
    await expectRevoked(rig, handle.id);
  }),

  systemLaw("[Y28] of a decision and a claim that race, one is first, and no revoked task runs on", async (rig) => {
    const { definition, contexts } = patient(rig);
    const revokeStore = rig.context.adapter.revocations;
    await rig.start({ registry: [definition], revokeStore, concurrency: 40 });
    const elsewhere = await rig.connect();
    const stem = rig.stem({ on: elsewhere, revokeStore: elsewhere.revocations });
    for (let round = 0; round < 5; round++) {
      const taskIds = Array.from({ length: 8 }, (_, index) => `race-${round}-${index}`);
      await Promise.all([
        stem.enqueueMany(taskIds.map((id) => ({ task: definition, id }))),
        elsewhere.revocations.upsertAll(taskIds.map((id) => ({ target: { kind: "task", id }, terminate: true, ...why }))),
      ]);
      for (const taskId of taskIds) await expectRevoked(rig, taskId);
    }
    equal([...contexts.values()].every(({ signal }) => signal.aborted), true, "whether all that began were aborted");
  }),

  timedSystemLaw("[Y29] nothing runs while the revoke store cannot answer, and nothing is lost", async (rig) => {
    const sound = rig.context.adapter.revocations;
    const ran: string[] = [];
    const asked = deferred<void>();
    let isAway = true;
    const revokeStore = withMethod(sound, "match", (tasks) => {
      if (!isAway) return sound.match(tasks);
      asked.resolve();
      return Promise.reject(new StoreError("Cannot match: away", { adapter: "case", operation: "match", retryable: true }));
    });
    const recorded = task({ name: "recorded", run: (ctx) => void ran.push(ctx.id) });
    const stem = rig.stem({ revokeStore: sound });
    const [wanted, revoked] = [await stem.enqueue(recorded), await stem.enqueue(recorded, { headers: { tenant: "acme" } })];
    const { broker, untilRenewed } = countedRenewals(rig);
    const { until, events } = await rig.start({ registry: [recorded], broker, revokeStore, mayReport: true, lease: "3s" });
    await rig.context.within(asked.promise);
    await stem.revoke({ kind: "header", header: "tenant", value: "acme" }, why);
    // Longer than a lease: it is renewed meanwhile.
    for (let step = 1; step <= 6; step++) {
      await rig.context.clock.advance(1_000);
      await untilRenewed(step);
    }
    equal(ran, [], "what ran while it was away");
    isAway = false;
    // In steps of less than a lease, for the same reason.
    await rig.after(1_000, until("task-succeeded", wanted.id));
    await expectRevoked(rig, revoked.id);
    equal(ran, [wanted.id], "what ran");
    ok(events.some((event) => event.type === "error" && event.operation === "ask the gates"), "Expected the worker to have told of it");
  }),

  systemLaw("[Y29] the revoke store may be another one than the broker's", async (rig) => {
    const revokeStore: RevokeStore = (await rig.context.other()).revocations;
    const { definition, doors } = patient(rig);
    const { until } = await rig.start({ registry: [definition], revokeStore });
    const stem = rig.stem({ revokeStore });
    const running = await stem.enqueue(definition);
    await doors.untilArrived(1);
    await running.revoke({ ...why, terminate: true });
    await until("task-cancelled", running.id);
    await expectRevoked(rig, running.id);
    equal((await rig.context.adapter.revocations.list()).items, [], "what the broker's own store holds");
  }),

  systemLaw("[Y30] a request to all workers reaches each of them, and tells what they run and what they aborted", async (rig) => {
    const { definition, doors } = patient(rig);
    const revokeStore = rig.context.adapter.revocations;
    const late = deferred<void>();
    const stubborn = task({ name: "stubborn", run: (ctx) => doors.pass(ctx.id).then(() => late.promise) });
    const stem = rig.stem({ revokeStore });
    equal(await stem.announceRevocations(), { answers: [], silent: [] }, "what is heard without workers");
    const [busy, idle] = [
      await rig.start({ registry: [definition, stubborn], revokeStore, id: "busy" }),
      await rig.start({ queues: ["nothing"], on: await rig.connect(), revokeStore: (await rig.connect()).revocations, id: "idle" }),
    ];
    // One that watches over nothing cannot answer.
    const beaten = deferred<void>();
    const { backend } = rig.system(await rig.connect());
    const told = withMethod(backend, "setHeartbeat", (heartbeat, ttlMs) => backend.setHeartbeat(heartbeat, ttlMs).then(beaten.resolve));
    await rig.start({ queues: ["nothing"], backend: told, id: "without" });
    await rig.context.within(beaten.promise);
    const [going, stopped] = [await stem.enqueue(definition), await stem.enqueue(stubborn)];
    await doors.untilArrived(2);
    // Straight to the store, so that no news but the request itself need have come.
    await stem.revoke(stopped.id, { ...why, terminate: true });
    const heard = await stem.announceRevocations({ timeout: "1s" });
    equal(heard.silent, ["without"], "who is silent");
    equal(heard.answers.toSorted((a, b) => a.workerId < b.workerId ? -1 : 1), [
      { workerId: busy.worker.id, running: [going.id], aborted: [stopped.id] },
      { workerId: idle.worker.id, running: [], aborted: [] },
    ], "what they answer");
    doors.openAll();
    late.resolve();
    await expectRevoked(rig, stopped.id);
  }),
]);

/** News that never come. */
function silence(signal: AbortSignal): AsyncIterable<void> {
  const end = new Promise<IteratorReturnResult<undefined>>((resolve) => {
    signal.addEventListener("abort", () => resolve({ done: true, value: undefined }), { once: true });
  });
  return { [Symbol.asyncIterator]: () => ({ next: () => end }) };
}
