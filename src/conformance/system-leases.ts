import { deferred } from "../async/deferred.ts";
import type { Broker } from "../contracts/broker.ts";
import { ConflictError, StoreError, TaskFailedError } from "../errors.ts";
import type { TaskContext } from "../tasks/context.ts";
import { task } from "../tasks/task.ts";
import { equal, ok, throws } from "./assert.ts";
import type { ConformanceCase } from "./case.ts";
import { countedRenewals } from "./renewals.ts";
import { claimOne } from "./steps.ts";
import type { Rig, RigWorker } from "./system-rig.ts";
import { gate, timedOnBothSystems, timedSystemLaw, withMethod } from "./system-rig.ts";

const leaseMs = 3_000;

interface Duel {
  readonly context: TaskContext;
  /** Ends the first holder's handler, which then returns `"first"`. */
  readonly finishFirst: () => void;
  readonly loser: RigWorker;
  readonly taskId: string;
  readonly progressAfterLoss: () => Promise<void>;
}

/**
 * Has a worker hold a task whose lease cannot be renewed, lets the lease run out, and has another worker run the task: its handler returns
 * `"second"`.
 */
async function duel(rig: Rig, extendLease: (real: Broker) => Broker["extendLease"]): Promise<Duel> {
  const { clock, within } = rig.context;
  const begun = deferred<TaskContext>();
  const finish = deferred<void>();
  const contested = task({
    name: "contested",
    run: async (ctx) => {
      if (ctx.redelivered) return "second";
      begun.resolve(ctx);
      await finish.promise;
      return "first";
    },
  });
  const { broker } = rig.system();
  // Nobody is left behind meanwhile: a freed slot could take the task itself.
  const tuning = { registry: [contested], lease: leaseMs, grace: "10m", concurrency: 1, prefetch: 0 } as const;
  const loser = await rig.start({ ...tuning, broker: withMethod(broker, "extendLease", extendLease(broker)), mayReport: true });
  const { id: taskId } = await rig.stem().enqueue(contested, { maxRetries: 0 });
  const context = await within(begun.promise);
  const winner = await rig.start({ ...tuning, on: await rig.connect() });
  // In steps, since other leases must not run out on the way.
  for (let step = 0; step < 3; step++) await clock.advance(leaseMs / 3);
  await rig.after(1, winner.until("task-succeeded", taskId));
  return { context, finishFirst: finish.resolve, loser, taskId, progressAfterLoss: () => context.progress("painted over") };
}

async function expectSecond(rig: Rig, { context, finishFirst, loser, taskId, progressAfterLoss }: Duel): Promise<void> {
  const { within, results, broker } = rig.context;
  ok(context.signal.aborted, "Expected ctx.signal of the first holder to have aborted");
  ok(context.signal.reason instanceof ConflictError, `Expected a ConflictError as the reason, found ${String(context.signal.reason)}`);
  await throws(progressAfterLoss, ConflictError, "progress() after the lease was lost");
  finishFirst();
  await loser.until("task-lost", taskId);
  const status = await results.get(taskId);
  equal([status?.state, status?.payload, status?.attempt, status?.progress], ["succeeded", "second", 1, undefined], "the status");
  equal(await rig.result(rig.stem().handle(taskId)), "second", "the result");
  equal(await broker.counts("default"), { ready: 0, delayed: 0, inflight: 0, dead: 0 }, "the queue");
  equal(loser.events.filter(({ type }) => type === "task-succeeded").length, 0, "what the first holder told of its success");
  await within(loser.worker.shutdown());
}

/** How leases are kept, and what happens when they are lost. */
export const systemLeaseCases: readonly ConformanceCase[] = Object.freeze([
  timedSystemLaw("[Y8] a handler that runs longer than its lease is run once", async (rig) => {
    const { clock } = rig.context;
    const doors = gate(rig.context);
    const long = task({ name: "long", run: (ctx) => doors.pass(ctx.id) });
    const { broker, untilRenewed } = countedRenewals(rig);
    await rig.start({ registry: [long], broker, lease: leaseMs });
    const handle = await rig.stem().enqueue(long);
    await doors.untilArrived(1);
    await rig.start({ on: await rig.connect(), registry: [long], lease: leaseMs });
    for (let renewals = 1; renewals <= 15; renewals++) {
      await clock.advance(leaseMs / 3);
      await untilRenewed(renewals);
    }
    equal((await rig.context.broker.counts("default")).inflight, 1, "what is held after five leases");
    doors.openAll();
    equal(await rig.result(handle), handle.id, "the result");
    equal(doors.arrived.length, 1, "how often it ran");
  }),

  timedSystemLaw("[Y8] a task's own visibility timeout is renewed by its own time", async (rig) => {
    const { clock } = rig.context;
    const doors = gate(rig.context);
    const long = task({ name: "long", visibilityTimeout: "9s", run: (ctx) => doors.pass(ctx.id) });
    const { broker, untilRenewed } = countedRenewals(rig);
    await rig.start({ registry: [long], broker, lease: "1h" });
    const handle = await rig.stem({ registry: [long] }).enqueue(long);
    await doors.untilArrived(1);
    const rival = await rig.start({ on: await rig.connect(), registry: [long] });
    for (let renewals = 1; renewals <= 6; renewals++) {
      await clock.advance(3_000);
      await untilRenewed(renewals);
    }
    doors.openAll();
    equal(await rig.result(handle), handle.id, "the result");
    equal(rival.events.filter(({ type }) => type === "task-started").length, 0, "how often another worker ran it");
  }),

  timedSystemLaw("[Y8] a renewal that fails once is tried again in time", async (rig) => {
    const { clock } = rig.context;
    const doors = gate(rig.context);
    const long = task({ name: "long", run: (ctx) => doors.pass(ctx.id) });
    const { broker } = rig.system();
    let calls = 0;
    const renewed = deferred<void>();
    const flaky = withMethod(broker, "extendLease", async (deliveries, ms) => {
      calls += 1;
      if (calls === 1) throw new StoreError("Cannot extend leases: the case says so", { adapter: "case", operation: "extendLease" });
      const expiries = await broker.extendLease(deliveries, ms);
      renewed.resolve();
      return expiries;
    });
    const worker = await rig.start({ registry: [long], broker: flaky, lease: leaseMs, mayReport: true });
    const handle = await rig.stem().enqueue(long);
    await doors.untilArrived(1);
    await clock.advance(leaseMs / 3);
    await worker.untilCount("error", 1);
    await rig.after(leaseMs / 12, renewed.promise);
    doors.openAll();
    equal(await rig.result(handle), handle.id, "the result");
    equal(doors.arrived.length, 1, "how often it ran");
  }),

  ...timedOnBothSystems("[Y9] a holder whose renewals are never answered is told, and its late outcome changes nothing", async (rig) => {
    const never = deferred<readonly undefined[]>();
    await expectSecond(rig, await duel(rig, () => () => never.promise));
  }),

  timedSystemLaw("[Y9] a holder whose renewals fail is told, and its late outcome changes nothing", async (rig) => {
    const failing = (): Promise<never> =>
      Promise.reject(
        new StoreError("Cannot extend leases: the case says so", { adapter: "case", operation: "extendLease", retryable: true }),
      );
    await expectSecond(rig, await duel(rig, () => failing));
  }),

  timedSystemLaw("[Y9] a holder that renews after another took over is told, and its late outcome changes nothing", async (rig) => {
    const { clock, within } = rig.context;
    const begun = deferred<TaskContext>();
    const contested = task({
      name: "contested",
      run: async (ctx) => {
        if (ctx.redelivered) return "second";
        begun.resolve(ctx);
        await new Promise((resolve) => ctx.signal.addEventListener("abort", resolve, { once: true }));
        return "first";
      },
    });
    const { broker } = rig.system();
    const late = deferred<void>();
    // The store gets the request only after the lease was taken over: a network that holds it back.
    const held = withMethod(broker, "extendLease", async (deliveries, ms) => {
      await late.promise;
      return await broker.extendLease(deliveries, ms);
    });
    const loser = await rig.start({ registry: [contested], broker: held, lease: leaseMs, concurrency: 1, prefetch: 0, mayReport: true });
    const { id } = await rig.stem().enqueue(contested);
    const context = await within(begun.promise);
    // Just before the end as far as the holder knows, and long past it for the store.
    clock.set(clock.now() + leaseMs + 1);
    const second = await rig.connect();
    const taken = await claimOne(second.broker);
    equal([taken.envelope.id, taken.redelivered], [id, true], "what the other holder claims");
    await clock.advance(leaseMs / 3);
    late.resolve();
    await loser.until("task-lost", id);
    ok(context.signal.reason instanceof ConflictError, `Expected a ConflictError as the reason, found ${String(context.signal.reason)}`);
    equal(await second.broker.ack(taken), true, "whether the new holder's word counts");
  }),

  timedSystemLaw("[Y9] a handler that ignores the loss is left behind after the grace time", async (rig) => {
    const { clock, within } = rig.context;
    const never = deferred<void>();
    const begun = deferred<TaskContext>();
    const deaf = task({
      name: "deaf",
      run: async (ctx) => {
        if (ctx.redelivered) return "second";
        begun.resolve(ctx);
        await never.promise;
        return "first";
      },
    });
    const next = task({ name: "next", queue: "next", run: () => "next" });
    const { broker } = rig.system();
    const silent = withMethod(broker, "extendLease", () => deferred<readonly undefined[]>().promise);
    // Longer than the clock may have to move for the other one to take over: the freed slot would do so, too.
    const tuning = { registry: [deaf, next], lease: leaseMs, grace: "1m", concurrency: 1, prefetch: 0 } as const;
    const loser = await rig.start({ ...tuning, queues: ["default", "next"], broker: silent, mayReport: true });
    const handle = await rig.stem().enqueue(deaf);
    await within(begun.promise);
    const winner = await rig.start({ ...tuning, on: await rig.connect() });
    for (let step = 0; step < 3; step++) await clock.advance(leaseMs / 3);
    await rig.after(1, winner.until("task-succeeded", handle.id));
    equal(loser.events.filter(({ type }) => type === "task-lost").length, 0, "whether it was left behind before the grace time");
    await rig.after(60_000, loser.until("task-lost", handle.id));
    const follower = await rig.stem({ registry: [next] }).enqueue(next);
    equal(await rig.result(follower), "next", "what the freed slot runs");
    equal(await rig.result(handle), "second", "the result");
  }),

  ...timedOnBothSystems("[Y10] a task that was handed out too often is given up as poison", async (rig) => {
    const { broker, clock, results } = rig.context;
    let runs = 0;
    const poison = task({
      name: "poison",
      run: () => {
        runs += 1;
      },
    });
    const groupId = rig.context.id("group");
    const taskId = rig.context.id();
    await results.initGroup({ id: groupId, taskIds: [taskId] });
    const followUp = rig.context.id();
    await rig.stem().enqueue(poison, {
      id: taskId,
      groupId,
      maxRetries: 9,
      links: { onFailure: [{ task: poison, id: followUp, queue: "elsewhere" }] },
    });
    for (let holders = 1; holders <= 3; holders++) {
      equal((await claimOne(broker, { leaseMs: 1_000 })).deliveryCount, holders, "how often it was handed out");
      await clock.advance(1_001);
    }
    const { until } = await rig.start({ registry: [poison], maxDeliveries: 3 });
    await until("task-failed", taskId);
    const handle = rig.stem().handle(taskId);
    await throws(() => rig.result(handle), TaskFailedError, "result() of poison");
    equal(runs, 0, "how often it ran");
    equal((await rig.status(taskId)).state, "failed", "its state");
    equal((await broker.deadLetters.get(taskId))?.reason, "poison", "the reason of the dead letter");
    equal((await results.getGroup(groupId))?.results.map((result) => result?.state), ["failed"], "what its group was told");
    equal((await broker.counts("elsewhere")).ready, 1, "what follows its failure");
  }),

  timedSystemLaw("[Y10] a task that was handed out just often enough is run", async (rig) => {
    const { broker, clock } = rig.context;
    const lucky = task({ name: "lucky", run: (ctx) => [ctx.redelivered, ctx.attempt] });
    const handle = await rig.stem().enqueue(lucky);
    for (let holders = 1; holders <= 2; holders++) {
      await claimOne(broker, { leaseMs: 1_000 });
      await clock.advance(1_001);
    }
    await rig.start({ registry: [lucky], maxDeliveries: 3 });
    equal(await rig.result(handle), [true, 1], "what the handler saw");
  }),
]);
