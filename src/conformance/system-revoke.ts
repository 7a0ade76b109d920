import { deferred } from "../async/deferred.ts";
import type { RevokeStore } from "../contracts/revoke-store.ts";
import { ConfigError, StoreError, TaskRevokedError } from "../errors.ts";
import type { TaskContext } from "../tasks/context.ts";
import { task } from "../tasks/task.ts";
import { systemClock } from "../time/clock.ts";
import { equal, ok, present, throws } from "./assert.ts";
import type { ConformanceCase } from "./case.ts";
import type { Rig } from "./system-rig.ts";
import { gate, onBothSystems, systemLaw, timedSystemLaw, withMethod } from "./system-rig.ts";

const why = { reason: "not needed: at all", requestedBy: "ada" } as const;

/** A task whose handlers tell that they have begun, and end when they are aborted or let go. */
function patient(rig: Rig, name = "patient") {
  const doors = gate(rig.context);
  const contexts = new Map<string, TaskContext>();
  const definition = task({
    name,
    retry: { maxRetries: 0 },
    run: (ctx) => {
      contexts.set(ctx.id, ctx);
      const aborted = new Promise<never>((_, reject) =>
        ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason), { once: true })
      );
      return Promise.race([doors.pass(ctx.id), aborted]);
    },
  });
  return { definition, doors, contexts };
}

async function expectRevoked(rig: Rig, taskId: string, attempt = 1): Promise<void> {
  const status = await rig.ended(taskId);
  equal<unknown>(
    [status.state, status.attempt, status.error?.name, status.error?.code, status.error?.message, status.error?.requestedBy],
    ["cancelled", attempt, "TaskRevokedError", "TASK_REVOKED", why.reason, why.requestedBy],
    "the status",
  );
  const error = await throws(() => rig.result(rig.stem().handle(taskId)), TaskRevokedError, "the result");
  ok(
    error instanceof TaskRevokedError && error.reason === why.reason && error.requestedBy === why.requestedBy,
    "Expected reason and requester",
  );
}

/** How tasks are revoked, whether they wait or run. */
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
    const { until, events } = await rig.start({ registry: [recorded], revokeStore, mayReport: true, lease: "3s" });
    await rig.context.within(asked.promise);
    await stem.revoke({ kind: "header", header: "tenant", value: "acme" }, why);
    // Longer than a lease: it is renewed meanwhile.
    for (let step = 0; step < 6; step++) await rig.context.clock.advance(1_000);
    equal(ran, [], "what ran while it was away");
    isAway = false;
    await rig.after(5_000, until("task-succeeded", wanted.id));
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

/** News that never come. */
function silence(signal: AbortSignal): AsyncIterable<void> {
  const end = new Promise<IteratorReturnResult<undefined>>((resolve) => {
    signal.addEventListener("abort", () => resolve({ done: true, value: undefined }), { once: true });
  });
  return { [Symbol.asyncIterator]: () => ({ next: () => end }) };
}
