import { deferred } from "../async/deferred.ts";
import { ConfigError, TaskRevokedError } from "../errors.ts";
import { task } from "../tasks/task.ts";
import { systemClock } from "../time/clock.ts";
import { nextTurn } from "../time/next-turn.ts";
import { equal, ok, present, throws } from "./assert.ts";
import type { ConformanceCase } from "./case.ts";
import { expectRevoked, patient, why } from "./system-revoke-rig.ts";
import type { Rig } from "./system-rig.ts";
import { onBothSystems, systemLaw, timedSystemLaw, withMethod } from "./system-rig.ts";

/** How tasks are revoked before they run. */
export const systemRevokeCases: readonly ConformanceCase[] = Object.freeze([
  ...onBothSystems("[Y27] a revoked task that waits ends at once, its group and whoever awaits it learn of it", async (rig) => {
    const { results, id } = rig.context;
    const revokeStore = rig.context.adapter.revocations;
    const stem = rig.stem({ revokeStore });
    const groupId = id("group");
    const taskIds = [id("a"), id("b")];
    await results.initGroup({ id: groupId, taskIds });
    const handles = await stem.enqueueMany(taskIds.map((taskId) => ({ task: "never", id: taskId, groupId, delay: "1m" })));
    const answer = rig.stem({ on: await rig.connect() }).handle(present(taskIds[0], "an id")).result().catch((error: unknown) => error);
    const outcome = await present(handles[0], "a handle").revoke(why);
    equal<unknown>([outcome.found, outcome.revocation.reason], ["cancelled", why.reason], "the outcome");
    ok((await rig.context.within(answer)) instanceof TaskRevokedError, "Expected whoever awaits it to be told");
    await expectRevoked(rig, present(taskIds[0], "an id"));
    equal<unknown>(
      (await stem.revoke(["unheard-of", ...taskIds], why)).map(({ found }) => found),
      ["unknown", "ended", "cancelled"],
      "the outcomes",
    );
    const group = await results.getGroup(groupId);
    equal([group?.ended, group?.failed], [2, 2], "the group");
  }),

  ...onBothSystems(
    "[Y27] tasks are revoked by id, name and header before they are enqueued or while they wait, and end when they are claimed",
    async (rig) => {
      const { id } = rig.context;
      const revokeStore = rig.context.adapter.revocations;
      const ran: string[] = [];
      const mail = task({ name: "mail", run: (ctx) => void ran.push(ctx.id) });
      const other = task({ name: "other", run: (ctx) => void ran.push(ctx.id) });
      const stem = rig.stem({ revokeStore });
      const early = id("early");
      await revokeStore.upsertAll([{ target: { kind: "task", id: early }, terminate: false, ...why }]);
      const byName = await stem.enqueue(mail);
      const stamped = await stem.enqueue(other, { headers: { tenant: "acme" } });
      const spared = await stem.enqueue(other, { headers: { tenant: "acme inc" } });
      await stem.enqueue(other, { id: early });
      const before = systemClock.now() + 60_000;
      const outcomes = await stem.revoke(
        [{ kind: "name", name: "mail", before }, { kind: "header", header: "tenant", value: "acme" }],
        why,
      );
      equal(outcomes.map(({ found }) => found), [undefined, undefined], "what was found of names and headers");
      const { worker, events } = await rig.start({ registry: [mail, other], revokeStore, on: await rig.connect() });
      for (const taskId of [byName.id, stamped.id, early]) await expectRevoked(rig, taskId);
      await rig.result(spared);
      await rig.context.within(worker.shutdown());
      equal(ran, [spared.id], "what ran");
      equal(events.filter(({ type }) => type === "task-cancelled").length, 3, "how many the worker told of");
      equal(await rig.context.broker.counts("default"), { ready: 0, delayed: 0, inflight: 0, dead: 0 }, "the queue");
    },
  ),

  systemLaw("[Y27] a task that is ready in a worker and does not run yet ends at once, also without terminate", async (rig) => {
    const { definition, doors } = patient(rig);
    const revokeStore = rig.context.adapter.revocations;
    const { untilCount } = await rig.start({ registry: [definition], revokeStore, concurrency: 1, prefetch: 3 });
    const stem = rig.stem({ revokeStore: (await rig.connect()).revocations });
    const first = await stem.enqueue(definition);
    await doors.untilArrived(1);
    const ready = await stem.enqueueMany([{ task: definition }, { task: definition }]);
    await rig.context.within(whenAll(rig, ready.map(({ id }) => id), "running"));
    await stem.revoke([first.id, ...ready.map(({ id }) => id)], why);
    await untilCount("task-cancelled", 2);
    for (const { id } of ready) await expectRevoked(rig, id);
    doors.openAll();
    equal(await rig.result(first), first.id, "the result of the one that ran");
    equal(doors.arrived, [first.id], "what ran");
  }),

  systemLaw("[Y27] a task that is revoked while a worker with no free slot asks about it ends at once, too", async (rig) => {
    const { definition, doors } = patient(rig);
    const { revocations } = rig.context.adapter;
    const [second, asked, answer, looked] = [rig.context.id("second"), deferred<void>(), deferred<void>(), deferred<void>()];
    let questions = 0;
    const revokeStore = withMethod(revocations, "match", async (tasks) => {
      const found = await revocations.match(tasks);
      if (!tasks.some(({ id }) => id === second)) return found;
      questions += 1;
      if (questions === 1) {
        asked.resolve();
        await answer.promise;
      } else looked.resolve();
      return found;
    });
    const { untilCount } = await rig.start({ registry: [definition], revokeStore, concurrency: 1, prefetch: 3 });
    const stem = rig.stem({ revokeStore: revocations });
    const first = await stem.enqueue(definition);
    await doors.untilArrived(1);
    await stem.enqueue(definition, { id: second });
    await rig.context.within(asked.promise);
    await stem.revoke(second, why);
    await rig.context.within(looked.promise);
    // What was looked up takes effect before the older answer does.
    await nextTurn();
    answer.resolve();
    await untilCount("task-cancelled", 1);
    await expectRevoked(rig, second);
    doors.openAll();
    equal(await rig.result(first), first.id, "the result of the one that ran");
    equal(doors.arrived, [first.id], "what ran");
  }),

  timedSystemLaw(
    "[Y27] a task that is revoked while it waits for another attempt is cancelled and not tried again",
    async (rig) => {
      const revokeStore = rig.context.adapter.revocations;
      let runs = 0;
      const failing = task({
        name: "failing",
        retry: { maxRetries: 5, backoff: "fixed", delay: "10s", jitter: "none" },
        run: () => {
          runs += 1;
          throw new Error("not yet");
        },
      });
      const { until } = await rig.start({ registry: [failing], revokeStore });
      const stem = rig.stem({ revokeStore });
      const { id } = await stem.enqueue(failing, { headers: { tenant: "acme" } });
      await until("task-retrying", id);
      await stem.revoke({ kind: "header", header: "tenant", value: "acme" }, why);
      equal((await rig.status(id)).state, "retrying", "the state until then");
      await rig.after(10_000, until("task-cancelled", id));
      await expectRevoked(rig, id, 2);
      equal(runs, 1, "how often it ran");
    },
  ),

  systemLaw("[Y27] what was revoked stays so after every process was started anew", async (rig) => {
    const { definition, doors } = patient(rig);
    const first = await rig.start({ registry: [definition], revokeStore: (await rig.connect()).revocations });
    await rig.context.within(first.worker.shutdown());
    await rig.stem({ revokeStore: (await rig.connect()).revocations }).revoke("to-come", why);
    const later = await rig.connect();
    await rig.stem({ on: later }).enqueue(definition, { id: "to-come" });
    await rig.start({ registry: [definition], on: later, revokeStore: later.revocations });
    await expectRevoked(rig, "to-come");
    equal(doors.arrived, [], "what ran");
  }),

  systemLaw("[Y27 Y18] a call to revoke that cannot be carried out throws before anything is written", async (rig) => {
    const revokeStore = rig.context.adapter.revocations;
    const stem = rig.stem({ revokeStore });
    const { id } = await stem.enqueue("waiting");
    const calls: readonly (() => Promise<unknown>)[] = [
      () => stem.revoke([id, ""]),
      () => stem.revoke(id, { expiresIn: "0s" }),
      () => stem.revoke(id, { expiresIn: "soon" }),
      () => stem.revoke(id, { expiresAt: new Date(1_000) }),
      () => stem.revoke(id, { expiresAt: new Date(Number.NaN) }),
      () => stem.revoke(id, { expiresIn: "1h", expiresAt: systemClock.now() + 60_000 }),
      () => stem.revoke(id, { reason: "" }),
      () => stem.revoke([id, { kind: "header", header: "h", value: "" }]),
      () => rig.stem().revoke(id),
      () => rig.stem().handle(id).revoke(),
    ];
    for (const [index, call] of calls.entries()) await throws(call, ConfigError, `call ${index}`);
    equal(await stem.revoke([]), [], "of nothing");
    equal((await revokeStore.list()).items, [], "what was written");
    equal((await rig.status(id)).state, "queued", "the task");
    const [byId, byName] = await stem.revoke([id, { kind: "name", name: "n" }]);
    const kept = (byId?.revocation.expiresAt ?? 0) - (byId?.revocation.revokedAt ?? 0);
    equal([kept, byName?.revocation.expiresAt], [7 * 86_400_000, undefined], "how long decisions are kept unless they say so");
  }),
]);

/** Waits until all these tasks are in a state. */
async function whenAll(rig: Rig, taskIds: readonly string[], state: string): Promise<void> {
  const { results } = rig.context;
  await Promise.all(taskIds.map(async (id) => {
    for await (const status of results.watch(id)) if (status.state === state) return;
  }));
}
