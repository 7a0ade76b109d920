import { deferred } from "../async/deferred.ts";
import { ClosedError } from "../errors.ts";
import type { TaskContext } from "../tasks/context.ts";
import { task } from "../tasks/task.ts";
import { nextTurn } from "../time/next-turn.ts";
import { equal, itemAt, ok } from "./assert.ts";
import type { ConformanceCase } from "./case.ts";
import { expectCounts } from "./steps.ts";
import type { Rig } from "./system-rig.ts";
import { gate, onBothSystems, systemLaw, timedOnBothSystems, timedSystemLaw } from "./system-rig.ts";

/** Runs what is left on a new worker, and gives what each handler returned. */
async function runTheRest(rig: Rig, taskIds: readonly string[]): Promise<readonly unknown[]> {
  const rest = task({ name: "held", run: (ctx) => `rerun, attempt ${ctx.attempt}, ${ctx.redelivered ? "lease lost" : "given back"}` });
  await rig.start({ on: await rig.connect(), registry: [rest] });
  return await Promise.all(taskIds.map((id) => rig.result(rig.stem().handle(id))));
}

/** How a worker ends. */
export const systemShutdownCases: readonly ConformanceCase[] = Object.freeze([
  ...onBothSystems("[Y13] a warm shutdown lets handlers end, and gives back what was claimed ahead", async (rig) => {
    const doors = gate(rig.context);
    const held = task({ name: "held", run: (ctx) => doors.pass(ctx.id) });
    const { worker, events } = await rig.start({ registry: [held], concurrency: 1, prefetch: 3 });
    const stem = rig.stem();
    const ids = (await stem.enqueueMany(Array.from({ length: 6 }, () => ({ task: held })))).map(({ id }) => id);
    await doors.untilArrived(1);
    const running = itemAt(doors.arrived, 0);
    let isOver = false;
    const stopping = worker.shutdown().then(() => {
      isOver = true;
    });
    const later = await stem.enqueue(held);
    await nextTurn();
    equal([isOver, worker.state], [false, "stopping"], "whether it waits for the handler");
    doors.openAll();
    await rig.context.within(stopping);
    equal(doors.arrived, [running], "what began");
    equal((await rig.status(running)).payload, running, "the result of what ran");
    await expectCounts(rig.context.broker, { ready: 6 }, "the queue afterwards");
    const rest = [...ids, later.id].filter((id) => id !== running);
    equal(new Set(await runTheRest(rig, rest)), new Set(["rerun, attempt 1, given back"]), "what another worker makes of the rest");
    const losses = events.filter(({ type }) => type === "task-lost" || type === "task-failed" || type === "task-retrying");
    equal(losses, [], "events of loss");
  }),

  ...timedOnBothSystems("[Y13] a soft shutdown aborts handlers: those that end in time count, the others go back", async (rig) => {
    const { clock, within } = rig.context;
    const begun = gate(rig.context);
    const reasons: unknown[] = [];
    const never = deferred<void>();
    const held = task({
      name: "held",
      run: async (ctx, kind: string) => {
        void begun.pass(kind);
        await new Promise((resolve) => ctx.signal.addEventListener("abort", resolve, { once: true }));
        reasons.push(ctx.signal.reason);
        if (kind === "deaf") await never.promise;
        if (kind === "throws") throw new Error("interrupted");
        return "in time";
      },
    });
    const { worker, events } = await rig.start({ registry: [held], grace: "4s" });
    const handles = await rig.stem().enqueueMany(["deaf", "throws", "returns"].map((args) => ({ task: held, args, maxRetries: 3 })));
    await begun.untilArrived(3);
    const stopping = worker.shutdown({ mode: "soft" });
    await within(new Promise<void>((resolve) => worker.subscribe(({ type }) => type === "task-succeeded" && resolve())));
    ok(reasons.length === 3 && reasons.every((reason) => reason instanceof ClosedError), "Expected three ClosedErrors as reasons");
    equal(worker.state, "stopping", "the state while one handler is waited for");
    await clock.advance(4_000);
    await within(stopping);
    await expectCounts(rig.context.broker, { ready: 2 }, "the queue afterwards");
    const [deaf, throwing, returning] = handles.map(({ id }) => id);
    // A claim under way may take what goes back, and give it back once more.
    const putBack = new Set(
      events.flatMap((event) => event.type === "task-put-back" && "delivery" in event ? [event.delivery.envelope.id] : []),
    );
    equal(putBack, new Set([throwing ?? "", deaf ?? ""]), "what was put back");
    equal((await rig.status(returning ?? "")).payload, "in time", "the result of what ended in time");
    const again = "rerun, attempt 1, given back";
    equal(await runTheRest(rig, [deaf ?? "", throwing ?? ""]), [again, again], "what another worker makes of the rest");
  }),

  ...onBothSystems("[Y13] a hard shutdown gives everything back at once, whatever the handlers do", async (rig) => {
    const doors = gate(rig.context);
    const contexts: TaskContext[] = [];
    const held = task({
      name: "held",
      run: (ctx) => {
        contexts.push(ctx);
        return doors.pass(ctx.id);
      },
    });
    const { worker } = await rig.start({ registry: [held], concurrency: 3, prefetch: 2, grace: "10m" });
    const ids = (await rig.stem().enqueueMany(Array.from({ length: 5 }, () => ({ task: held, maxRetries: 1 })))).map(({ id }) => id);
    await doors.untilArrived(3);
    await rig.context.within(worker.shutdown({ mode: "hard" }));
    await expectCounts(rig.context.broker, { ready: 5 }, "the queue afterwards");
    ok(contexts.every(({ signal }) => signal.reason instanceof ClosedError), "Expected ctx.signal to have aborted with ClosedError");
    doors.openAll();
    equal(new Set(await runTheRest(rig, ids)), new Set(["rerun, attempt 1, given back"]), "what another worker makes of them");
    equal(doors.arrived.length, 3, "how many began on the first worker");
  }),

  timedSystemLaw("[Y13] a warm shutdown turns hard at its timeout", async (rig) => {
    const { clock, within } = rig.context;
    const doors = gate(rig.context);
    const held = task({ name: "held", run: (ctx) => doors.pass(ctx.id) });
    const { worker } = await rig.start({ registry: [held] });
    const handle = await rig.stem().enqueue(held);
    await doors.untilArrived(1);
    const stopping = worker.shutdown({ timeout: "6s" });
    await clock.advance(5_999);
    equal(worker.state, "stopping", "the state a millisecond before the timeout");
    await clock.advance(1);
    await within(stopping);
    await expectCounts(rig.context.broker, { ready: 1 }, "the queue afterwards");
    equal(await runTheRest(rig, [handle.id]), ["rerun, attempt 1, given back"], "what another worker makes of it");
  }),

  systemLaw("[Y13] a stricter mode takes over, a gentler one does not", async (rig) => {
    const doors = gate(rig.context);
    const held = task({ name: "held", run: (ctx) => doors.pass(ctx.id) });
    for (const modes of [["warm", "hard"], ["warm", "soft", "hard"], ["hard", "warm"], ["soft", "hard", "soft"]] as const) {
      const { worker } = await rig.start({ registry: [held], grace: "10m" });
      const before = doors.arrived.length;
      const { id } = await rig.stem().enqueue(held);
      await doors.untilArrived(before + 1);
      await rig.context.within(Promise.all(modes.map((mode) => worker.shutdown({ mode }))));
      equal((await rig.status(id)).attempt, 1, "the attempt");
      await rig.context.ledger.purge("default");
    }
  }),

  ...onBothSystems("[Y13] nothing is lost and no attempt is burned when workers come and go", async (rig) => {
    const { within, results } = rig.context;
    const runs = new Map<string, number>();
    const busy = task({
      name: "busy",
      run: async (ctx) => {
        for (let turns = 0; turns < 3; turns++) await nextTurn();
        ctx.signal.throwIfAborted();
        runs.set(ctx.id, (runs.get(ctx.id) ?? 0) + 1);
        return ctx.attempt;
      },
    });
    const handles = await rig.stem().enqueueMany(Array.from({ length: 150 }, () => ({ task: busy })));
    const second = await rig.connect();
    for (const [index, mode] of (["warm", "soft", "hard", "hard", "soft", "warm"] as const).entries()) {
      const { worker, untilCount } = await rig.start({
        on: index % 2 === 0 ? rig.context.adapter : second,
        registry: [busy],
        concurrency: 4,
        prefetch: 4,
      });
      await untilCount("task-started", 10);
      await within(worker.shutdown({ mode }));
    }
    await expectCounts(rig.context.broker, { ready: 150 - (await countEnded(rig)) }, "the queue in between");
    await rig.start({ registry: [busy], concurrency: 20 });
    equal(new Set(await within(Promise.all(handles.map((handle) => handle.result())), 30_000)), new Set([1]), "the attempts");
    equal(runs.size, 150, "how many tasks ran to their end");
    const statuses = await results.getMany(handles.map(({ id }) => id));
    equal(new Set(statuses.map((status): string | undefined => status?.state)), new Set(["succeeded"]), "their states");
  }),

  timedSystemLaw("[Y13] a worker that has ended leaves no timer behind", async (rig) => {
    const { clock, within } = rig.context;
    const before = clock.pending;
    for (const mode of ["warm", "soft", "hard"] as const) {
      const doors = gate(rig.context);
      const held = task({
        name: "held",
        queue: mode,
        timeLimit: "1h",
        softTimeLimit: "30m",
        run: (ctx) =>
          Promise.race([doors.pass(ctx.id), new Promise((resolve) => ctx.signal.addEventListener("abort", resolve, { once: true }))]),
      });
      const { worker } = await rig.start({ registry: [held], queues: [mode], concurrency: 2, prefetch: 2 });
      await rig.stem({ registry: [held] }).enqueueMany(Array.from({ length: 5 }, () => ({ task: held })));
      await doors.untilArrived(2);
      const stopping = worker.shutdown({ mode, timeout: "1h" });
      if (mode === "warm") doors.openAll();
      await within(stopping);
      equal(clock.pending, before, `how many timers are left after a ${mode} shutdown`);
    }
  }),
]);

async function countEnded(rig: Rig): Promise<number> {
  const { items } = await rig.context.results.list({ state: "succeeded" }, { limit: 1_000 });
  return items.length;
}
