import type { Deferred } from "../async/deferred.ts";
import { deferred } from "../async/deferred.ts";
import { ClosedError, ConfigError } from "../errors.ts";
import { task } from "../tasks/task.ts";
import type { Worker } from "../worker/worker.ts";
import { equal, ok, throws } from "./assert.ts";
import type { ConformanceCase } from "./case.ts";
import type { RigWorker } from "./system-rig.ts";
import { gate, systemLaw, timedSystemLaw, withMethod } from "./system-rig.ts";

const work = task({ name: "work", run: () => "done" });

/** How often each event of a worker's life came. */
function lifeOf({ events }: RigWorker): Readonly<Record<string, number>> {
  const count = (type: string): number => events.filter((event) => event.type === type).length;
  return { started: count("started"), stopping: count("stopping"), stopped: count("stopped") };
}

const modes = ["warm", "soft", "hard"] as const;

/** Calls in an order that looks random and is always the same. */
function shuffledCalls(worker: Worker, seed: number): Promise<void>[] {
  let state = seed;
  return Array.from({ length: 12 }, () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state % 3 === 0 ? worker.shutdown({ mode: modes[state % 7 % 3] ?? "warm" }) : worker.start();
  });
}

/** Starting and stopping. */
export const systemLifecycleCases: readonly ConformanceCase[] = Object.freeze([
  systemLaw("[Y20] a worker that is started twice, or many times at once, starts once", async (rig) => {
    const made = rig.worker({ registry: [work] });
    const { worker } = made;
    equal(worker.state, "idle", "the state before");
    await rig.context.within(Promise.all(Array.from({ length: 20 }, () => worker.start())));
    await rig.context.within(worker.start());
    equal(worker.state, "running", "the state afterwards");
    equal(await rig.result(await rig.stem().enqueue(work)), "done", "the result of a task");
    await rig.context.within(worker.shutdown());
    equal(lifeOf(made), { started: 1, stopping: 1, stopped: 1 }, "its events");
  }),

  systemLaw("[Y20] a worker that is stopped before it starts never starts", async (rig) => {
    const made = rig.worker({ registry: [work] });
    const { worker } = made;
    await rig.context.within(worker.shutdown());
    equal(worker.state, "stopped", "the state");
    await throws(() => worker.start(), ClosedError, "a start after the stop");
    await rig.context.within(worker.whenStopped);
    equal(lifeOf(made), { started: 0, stopping: 0, stopped: 0 }, "its events");
    const handle = await rig.stem().enqueue(work);
    equal((await rig.status(handle.id)).state, "queued", "the state of a task");
  }),

  systemLaw("[Y20] a worker that is stopped while it starts ends in one clean stop", async (rig) => {
    const made = rig.worker({ registry: [work] });
    const { worker } = made;
    const started = worker.start();
    await rig.context.within(Promise.all([started, ...modes.map((mode) => worker.shutdown({ mode }))]));
    equal(worker.state, "stopped", "the state");
    equal(lifeOf(made), { started: 1, stopping: 1, stopped: 1 }, "its events");
    await throws(() => worker.start(), ClosedError, "a start after the stop");
  }),

  systemLaw("[Y20] any number of stops at once is one", async (rig) => {
    const doors = gate(rig.context);
    const held = task({ name: "held", run: (ctx) => doors.pass(ctx.id) });
    const made = await rig.start({ registry: [held] });
    const { worker } = made;
    await rig.stem().enqueue(held);
    await doors.untilArrived(1);
    const stops = Array.from({ length: 20 }, () => worker.shutdown());
    doors.openAll();
    await rig.context.within(Promise.all([...stops, worker.whenStopped, worker[Symbol.asyncDispose]()]));
    equal(lifeOf(made), { started: 1, stopping: 1, stopped: 1 }, "its events");
  }),

  systemLaw("[Y20] starts and stops in any order, by many at once, end in one clean stop", async (rig) => {
    await rig.stem().enqueueMany(Array.from({ length: 30 }, () => ({ task: work })));
    for (let seed = 1; seed <= 15; seed++) {
      const made = rig.worker({ registry: [work] });
      const settled = await rig.context.within(Promise.allSettled(shuffledCalls(made.worker, seed)));
      const failures = settled.flatMap((each): unknown[] =>
        each.status === "rejected" && !(each.reason instanceof ClosedError) ? [each.reason] : []
      );
      equal(failures, [], `what calls of round ${seed} threw, besides ClosedError`);
      await rig.context.within(made.worker.shutdown());
      equal(made.worker.state, "stopped", `the state after round ${seed}`);
      const { started = 0, stopping, stopped } = lifeOf(made);
      equal([started <= 1, stopping, stopped], [true, started, started], `the events of round ${seed}`);
    }
    const counts = await rig.context.broker.counts("default");
    equal([counts.inflight, counts.dead], [0, 0], "what is held or dead afterwards");
    await rig.start({ registry: [work] });
    const { items } = await rig.context.results.list();
    await Promise.all(items.map(({ id }) => rig.ended(id)));
  }),

  systemLaw("[Y20] many workers come and go on the same stores", async (rig) => {
    const second = await rig.connect();
    const handles = await rig.stem().enqueueMany(Array.from({ length: 60 }, () => ({ task: work })));
    const workers = await Promise.all(
      Array.from(
        { length: 10 },
        (_, index) => rig.start({ on: index % 2 === 0 ? rig.context.adapter : second, registry: [work], concurrency: 2 }),
      ),
    );
    equal(new Set(workers.map(({ worker }) => worker.id)).size, 10, "how many ids they have");
    equal(new Set(await Promise.all(handles.map((handle) => rig.result(handle)))), new Set(["done"]), "the results");
    await rig.context.within(Promise.all(workers.map(({ worker }) => worker.shutdown())));
    const { ready, inflight } = await rig.context.broker.counts("default");
    equal([ready, inflight], [0, 0], "what is left in the queue");
  }),

  timedSystemLaw("[Y20] a worker is listed while it lives, and not after its stop", async (rig) => {
    const { clock, results, within } = rig.context;
    const doors = gate(rig.context);
    const held = task({ name: "held", run: (ctx) => doors.pass(ctx.id) });
    const beats: Deferred<void>[] = [];
    const beat = (count: number): Deferred<void> => beats[count] ??= deferred<void>();
    let sent = 0;
    const backend = withMethod(results, "setHeartbeat", async (heartbeat, ttlMs) => {
      await results.setHeartbeat(heartbeat, ttlMs);
      beat(++sent).resolve();
    });
    const tuning = { id: "lively", queues: ["a", "b"], concurrency: 4, heartbeat: "2s", meta: { host: "here" } } as const;
    const made = await rig.start({ registry: [held], backend, ...tuning });
    const { id } = await rig.stem().enqueue(held, { queue: "b" });
    await doors.untilArrived(1);
    for (let count = 1; count <= 6; count++) {
      await within(beat(count).promise);
      await clock.advance(2_000);
    }
    await within(beat(7).promise);
    const [heartbeat] = await results.listHeartbeats();
    equal(
      [heartbeat?.workerId, heartbeat?.queues, heartbeat?.concurrency, heartbeat?.running, heartbeat?.meta],
      ["lively", ["a", "b"], 4, [id], { host: "here" }],
      "what is listed",
    );
    doors.openAll();
    await rig.context.within(made.worker.shutdown());
    equal(await results.listHeartbeats(), [], "who is listed afterwards");
  }),

  systemLaw("[Y20] options that cannot be used throw ConfigError, and a mistake in a shutdown shuts nothing down", async (rig) => {
    const bad: readonly (readonly [string, Parameters<typeof rig.worker>[0]])[] = [
      ["no queues", { queues: [] }],
      ["a queue twice", { queues: ["a", "a"] }],
      ["a queue without a name", { queues: [""] }],
      ["a concurrency of 0", { concurrency: 0 }],
      ["a concurrency of 1.5", { concurrency: 1.5 }],
      ["a negative prefetch", { prefetch: -1 }],
      ["a lease of 0", { lease: 0 }],
      ["a grace time in words", { grace: "a while" }],
      ["a heartbeat of 0", { heartbeat: 0 }],
      ["maxDeliveries of 0", { maxDeliveries: 0 }],
      ["an id with NUL", { id: "a\u0000b" }],
      ["a retry policy with a negative delay", { retry: { delay: -1 } }],
    ];
    for (const [what, options] of bad) await throws(async () => rig.worker({ registry: [work], ...options }), ConfigError, what);
    const { worker } = await rig.start({ registry: [work] });
    await throws(() => worker.shutdown({ timeout: -1 }), ConfigError, "a shutdown with a negative timeout");
    await throws(() => worker.shutdown({ timeout: "soon" }), ConfigError, "a shutdown with a timeout in words");
    equal(worker.state, "running", "the state afterwards");
    const handle = await rig.stem().enqueue(work);
    ok((await rig.result(handle)) === "done", "Expected the worker to go on");
  }),
]);
