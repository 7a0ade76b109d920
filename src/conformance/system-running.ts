import { equal, ok } from "./assert.ts";
import type { ConformanceCase } from "./case.ts";
import { task } from "../tasks/task.ts";
import { gate, onBothSystems, systemLaw } from "./system-rig.ts";

const add = task({ name: "math.add", run: (_ctx, args: { a: number; b: number }) => args.a + args.b });
const echo = task({ name: "echo", run: (_ctx, args: { value?: unknown }) => args.value });

/** How tasks run: on other connections, at most so many at once, from all queues. */
export const systemRunningCases: readonly ConformanceCase[] = Object.freeze([
  ...onBothSystems("[Y1] enqueued on one connection, run on another, read on a third", async (rig) => {
    const started = await rig.start({ on: await rig.connect(), registry: [add], id: "runner" });
    const handle = await rig.stem({ registry: [add] }).enqueue(add, { args: { a: 1, b: 2 }, queue: "default" });
    equal(handle.accepted, true, "whether it was accepted");
    const reader = rig.stem({ on: await rig.connect() });
    equal(await rig.result(reader.handle(handle.id)), 3, "the result");
    const status = await started.until("task-succeeded", handle.id).then(() => rig.status(handle.id));
    equal(
      [status.id, status.name, status.queue, status.state, status.attempt, status.worker, status.error],
      [handle.id, "math.add", "default", "succeeded", 1, "runner", undefined],
      "the status",
    );
    ok(status.startedAt !== undefined && status.finishedAt !== undefined, "Expected startedAt and finishedAt of a task that has ended");
    ok(
      status.createdAt <= status.startedAt && status.startedAt <= status.finishedAt,
      `Expected created ≤ started ≤ finished, found ${status.createdAt}, ${status.startedAt}, ${status.finishedAt}`,
    );
    const { ready, delayed, inflight, dead } = await rig.context.broker.counts("default");
    equal([ready, delayed, inflight, dead], [0, 0, 0, 0], "what is left in the queue");
  }),

  systemLaw("[Y1] a task of another process is enqueued by its name", async (rig) => {
    await rig.start({ on: await rig.connect(), registry: [add] });
    const handle = await rig.stem().enqueue("math.add", { args: { a: 20, b: 22 } });
    equal(await rig.result(handle), 42, "the result");
  }),

  systemLaw("[Y1] a result is awaited before the task runs, while it runs, and long after", async (rig) => {
    const doors = gate(rig.context);
    const slow = task({ name: "slow", run: (ctx) => doors.pass(ctx.id) });
    const handle = await rig.stem().enqueue(slow);
    const before = rig.result(handle);
    await rig.start({ on: await rig.connect(), registry: [slow] });
    await doors.untilArrived(1);
    const during = rig.result(rig.stem({ on: await rig.connect() }).handle(handle.id));
    doors.openAll();
    equal([await before, await during], [handle.id, handle.id], "what was awaited before and during the run");
    equal(await rig.result(rig.stem({ on: await rig.connect() }).handle(handle.id)), handle.id, "what was awaited afterwards");
  }),

  systemLaw("[Y1] results come back as they were returned", async (rig) => {
    const nothing = task({ name: "nothing", run: () => undefined });
    await rig.start({ on: await rig.connect(), registry: [echo, nothing] });
    const stem = rig.stem();
    for (const value of [null, false, 0, "", [], {}, { deep: [{ er: [null, "Ünï\u0000code 👩‍👩‍👧‍👦"] }] }, 2 ** 53 - 1, -0.5]) {
      const handle = await stem.enqueue(echo, { args: { value } });
      equal(await rig.result(handle), value, "a result");
      equal((await rig.status(handle.id)).payload, value, "the payload of its status");
    }
    const handle = await stem.enqueue(nothing);
    equal(await rig.result(handle), undefined, "the result of a handler that returns nothing");
    equal("payload" in await rig.status(handle.id), false, "whether its status has a payload");
  }),

  ...onBothSystems("[Y1] 300 tasks from two producers, run by two workers, each once", async (rig) => {
    const [second, third] = [await rig.connect(), await rig.connect()];
    const runs = new Map<number, number>();
    const count = task({
      name: "count",
      run: (_ctx, index: number) => {
        runs.set(index, (runs.get(index) ?? 0) + 1);
        return index * 2;
      },
    });
    for (const on of [rig.context.adapter, second]) await rig.start({ on, registry: [count], concurrency: 7 });
    const producers = [rig.stem(), rig.stem({ on: third })];
    const handles = (await Promise.all(
      producers.map((stem, half) =>
        stem.enqueueMany(Array.from({ length: 150 }, (_, index) => ({ task: count, args: half * 150 + index })))
      ),
    )).flat();
    const results = await rig.context.within(Promise.all(handles.map((handle) => handle.result())), 30_000);
    equal(results, Array.from({ length: 300 }, (_, index) => index * 2), "the results, in the order of the calls");
    equal([runs.size, Math.max(...runs.values())], [300, 1], "how many ran, and how often at most");
  }),

  systemLaw("[Y2] never more handlers at once than the concurrency, whatever was claimed ahead", async (rig) => {
    for (const prefetch of [0, 5, "auto"] as const) {
      const doors = gate(rig.context);
      const hold = task({ name: `hold-${prefetch}`, queue: `hold-${prefetch}`, run: (_ctx, name: string) => doors.pass(name) });
      const { worker } = await rig.start({ registry: [hold], queues: [`hold-${prefetch}`], concurrency: 3, prefetch });
      const stem = rig.stem();
      const names = Array.from({ length: 12 }, (_, index) => `task-${index}`);
      const handles = await stem.enqueueMany(names.map((name) => ({ task: hold, args: name })));
      for (let ended = 0; ended < 12; ended++) {
        await doors.untilArrived(Math.min(12, ended + 3));
        equal(doors.arrived.length, Math.min(12, ended + 3), `how many had begun when ${ended} had ended, with prefetch ${prefetch}`);
        doors.open(doors.arrived[ended] ?? "");
        await rig.ended(handles[names.indexOf(doors.arrived[ended] ?? "")]?.id ?? "");
      }
      await rig.context.within(worker.shutdown());
    }
  }),

  systemLaw("[Y2] all of its queues are served, and no other", async (rig) => {
    const where = task({ name: "where", run: (ctx) => ctx.queue });
    await rig.start({ registry: [where], queues: ["a", "b", "c"], concurrency: 2 });
    const stem = rig.stem();
    const elsewhere = await stem.enqueue(where, { queue: "d" });
    const handles = await stem.enqueueMany(["a", "b", "c", "a", "b", "c"].map((queue) => ({ task: where, queue })));
    equal(await Promise.all(handles.map((handle) => rig.result(handle))), ["a", "b", "c", "a", "b", "c"], "where they ran");
    equal((await rig.status(elsewhere.id)).state, "queued", "the task in the queue that nobody serves");
    equal((await rig.context.broker.counts("d")).ready, 1, "what is ready there");
  }),

  systemLaw("[Y2] a full queue does not starve another", async (rig) => {
    const order: string[] = [];
    const note = task({
      name: "note",
      run: (ctx) => {
        order.push(ctx.queue);
      },
    });
    const handles = await rig.stem().enqueueMany([
      ...Array.from({ length: 20 }, () => ({ task: note, queue: "full" })),
      { task: note, queue: "small" },
    ]);
    await rig.start({ registry: [note], queues: ["full", "small"], concurrency: 1, prefetch: 0 });
    await Promise.all(handles.map((handle) => rig.result(handle)));
    ok(order.indexOf("small") <= 1, `Expected the small queue's task among the first two, it came at place ${order.indexOf("small")}`);
  }),

  systemLaw("[Y2] higher priorities run first", async (rig) => {
    const order: number[] = [];
    const note = task({
      name: "note",
      run: (_ctx, priority: number) => {
        order.push(priority);
      },
    });
    const handles = await rig.stem().enqueueMany([0, 9, 5, 9, 0].map((priority) => ({ task: note, args: priority, priority })));
    await rig.start({ registry: [note], concurrency: 1, prefetch: 0 });
    await Promise.all(handles.map((handle) => rig.result(handle)));
    equal(order, [9, 9, 5, 0, 0], "the order of runs");
  }),
]);
