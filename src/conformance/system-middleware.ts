import { ConfigError, TaskFailedError } from "../errors.ts";
import type { TaskStatus } from "../model/task-status.ts";
import type { Middleware } from "../tasks/middleware.ts";
import { task } from "../tasks/task.ts";
import { equal, ok, throws } from "./assert.ts";
import type { ConformanceCase } from "./case.ts";
import { claimOne, expectCounts } from "./steps.ts";
import { onBothSystems, systemLaw } from "./system-rig.ts";

/** Middleware that notes when it is entered and left. */
function noting(name: string, notes: string[]): Middleware {
  return {
    async onEnqueue(envelope, next) {
      notes.push(`${name} enters ${envelope.name}`);
      await next({ ...envelope, headers: { ...envelope.headers, [name]: String(notes.length) } });
      notes.push(`${name} leaves ${envelope.name}`);
    },
    async onExecute(context, next) {
      notes.push(`${name} begins ${context.name}`);
      const result = await next();
      notes.push(`${name} ends ${context.name}`);
      return result;
    },
  };
}

/** What surrounds enqueues and runs, and what is told of them. */
export const systemMiddlewareCases: readonly ConformanceCase[] = Object.freeze([
  systemLaw("[Y16] middleware wraps enqueues and runs, the first in the list outermost", async (rig) => {
    const notes: string[] = [];
    const middleware = [noting("outer", notes), {}, noting("inner", notes)];
    const work = task({
      name: "work",
      run: (ctx) => {
        notes.push("runs");
        return Object.keys(ctx.headers).toSorted();
      },
    });
    const stem = rig.stem({ middleware });
    const handle = await stem.enqueue(work);
    equal(notes.splice(0), ["outer enters work", "inner enters work", "inner leaves work", "outer leaves work"], "around the enqueue");
    await rig.start({ registry: [work], middleware });
    equal(await rig.result(handle), ["inner", "outer"], "the headers that they added");
    equal(notes, ["outer begins work", "inner begins work", "runs", "inner ends work", "outer ends work"], "around the run");
  }),

  systemLaw("[Y16] every enqueue passes: many at once, children and links", async (rig) => {
    const names: string[] = [];
    const middleware: readonly Middleware[] = [{
      async onEnqueue(envelope, next) {
        names.push(envelope.name);
        await next({ ...envelope, headers: { stamp: "yes" } });
      },
    }];
    const stamped = task({ name: "stamped", run: (ctx) => ctx.headers["stamp"] });
    const parent = task({ name: "parent", run: (ctx) => ctx.enqueue(stamped) });
    await rig.start({ registry: [stamped, parent], middleware });
    const stem = rig.stem({ middleware });
    const followUp = rig.context.id();
    const [first, second] = await stem.enqueueMany([
      { task: parent },
      { task: stamped, links: { onSuccess: [{ task: stamped, id: followUp }], onFailure: [{ task: stamped }] } },
    ]);
    equal(names.toSorted(), ["parent", "stamped", "stamped", "stamped"], "what passed when two were enqueued");
    const childId = String(await rig.result(stem.handle(first?.id ?? "")));
    const results = [childId, second?.id ?? "", followUp].map((id) => rig.result(stem.handle(id)));
    equal(await Promise.all(results), ["yes", "yes", "yes"], "the stamps of child, task and link");
  }),

  systemLaw("[Y16] a run's middleware may give another result, and what it throws fails the attempt", async (rig) => {
    const middleware: readonly Middleware[] = [{
      async onExecute(context, next) {
        if (context.name === "barred") throw new RangeError("not in here");
        const result = await next();
        return context.name === "doubled" ? [result, result] : result;
      },
    }];
    let runs = 0;
    const run = (): number => {
      runs += 1;
      return 21;
    };
    await rig.start({
      registry: [task({ name: "doubled", run }), task({ name: "barred", run }), task({ name: "plain", run })],
      middleware,
    });
    const stem = rig.stem();
    equal(await rig.result(await stem.enqueue("doubled")), [21, 21], "the result that it changed");
    const barred = await stem.enqueue("barred", { retry: { delay: 0, maxRetries: 1 } });
    await throws(() => rig.result(barred), TaskFailedError, "result() of a task that middleware barred");
    const { error, attempt } = await rig.status(barred.id);
    equal([error?.name, error?.message, attempt], ["RangeError", "not in here", 2], "its error");
    equal(await rig.result(await stem.enqueue("plain")), 21, "the result of the next task");
    equal(runs, 2, "how many handlers ran");
  }),

  systemLaw("[Y16] retry and reject pass through middleware", async (rig) => {
    const middleware: readonly Middleware[] = [{ onExecute: (_context, next) => next() }];
    const polite = task({
      name: "polite",
      maxRetries: 1,
      run: (ctx) => ctx.attempt === 1 ? ctx.retry({ delay: 0 }) : ctx.reject("enough"),
    });
    const { until } = await rig.start({ registry: [polite], middleware });
    const handle = await rig.stem().enqueue(polite);
    await until("task-failed", handle.id);
    equal((await rig.context.broker.deadLetters.get(handle.id))?.reason, "enough", "the reason of the dead letter");
  }),

  systemLaw("[Y16] an enqueue that middleware refuses, loses or renames throws, and nothing is written", async (rig) => {
    const refusing: readonly (readonly [Middleware, typeof ConfigError | typeof RangeError])[] = [
      [{ onEnqueue: () => Promise.reject(new RangeError("too much")) }, RangeError],
      [{ onEnqueue: async () => {} }, ConfigError],
      [{ onEnqueue: (envelope, next) => next({ ...envelope, id: "another" }) }, ConfigError],
      [{ onEnqueue: (envelope, next) => next({ ...envelope, priority: 99 }) }, ConfigError],
    ];
    for (const [layer, expected] of refusing) {
      const stem = rig.stem({ middleware: [layer] });
      await throws(() => stem.enqueue("work", { id: "kept-out" }), expected, "an enqueue that middleware spoils");
      await throws(() => stem.enqueueMany([{ task: "work", id: "kept-out" }]), expected, "many of them");
    }
    await expectCounts(rig.context.broker, {}, "the queue");
    equal(await rig.context.results.getMany(["kept-out", "another"]), [undefined, undefined], "the statuses");
  }),

  systemLaw("[Y16] middleware may send a task elsewhere", async (rig) => {
    const stem = rig.stem({ middleware: [{ onEnqueue: (envelope, next) => next({ ...envelope, queue: "vip", priority: 9 }) }] });
    await stem.enqueue("work");
    const { envelope } = await claimOne(rig.context.broker, { queues: ["vip"] });
    equal([envelope.queue, envelope.priority], ["vip", 9], "where it waits, and how urgently");
  }),

  ...onBothSystems("[Y16] events tell what happened once it is stored, in order", async (rig) => {
    const reader = (await rig.connect()).results;
    const work = task({
      name: "work",
      run: (ctx, how: string) => {
        if (how === "fails") throw new TypeError("as asked");
        if (how === "retries" && ctx.attempt === 1) ctx.retry({ delay: 0 });
        return how;
      },
    });
    const { worker, events, untilCount } = await rig.start({ registry: [work], concurrency: 1 });
    const seen: Promise<TaskStatus | undefined>[] = [];
    worker.subscribe((event) => {
      if (event.type === "task-succeeded" || event.type === "task-failed") seen.push(reader.get(event.delivery.envelope.id));
    });
    const stem = rig.stem();
    for (const [index, how] of ["works", "fails", "retries"].entries()) {
      await stem.enqueue(work, { args: how, maxRetries: how === "retries" ? 1 : 0 });
      await untilCount("task-started", index + 1);
      await untilCount(how === "fails" ? "task-failed" : "task-succeeded", how === "retries" ? 2 : 1);
    }
    equal(
      (await Promise.all(seen)).map((status) => status?.state),
      ["succeeded", "failed", "succeeded"],
      "what was stored when each was told",
    );
    await rig.context.within(worker.shutdown());
    equal(
      events.map(({ type }) => type),
      [
        "started",
        "task-started",
        "task-succeeded",
        "task-started",
        "task-failed",
        "task-started",
        "task-retrying",
        "task-started",
        "task-succeeded",
        "stopping",
        "stopped",
      ],
      "the events",
    );
    const failed = events.flatMap((event) => event.type === "task-failed" && "durationMs" in event ? [event] : []);
    equal(failed.map(({ error }) => [error?.name, error?.message]), [["TypeError", "as asked"]], "the error that is told");
    ok(failed.every(({ durationMs }) => durationMs >= 0), "Expected a duration with a failure");
  }),

  systemLaw("[Y16] a task that never began is not told to have begun", async (rig) => {
    const { events, until } = await rig.start({ registry: [] });
    const handle = await rig.stem().enqueue("nobody");
    await until("task-failed", handle.id);
    equal(events.filter(({ type }) => type === "task-started").length, 0, "how many began");
  }),

  systemLaw("[Y16] a listener that throws disturbs neither the worker nor other listeners", async (rig) => {
    const work = task({ name: "work", run: () => "done" });
    const { worker } = rig.worker({ registry: [work] });
    let heard = 0;
    worker.subscribe(() => {
      throw new Error("a bad listener");
    });
    const unsubscribe = worker.subscribe(() => {
      heard += 1;
    });
    await rig.context.within(worker.start());
    equal(await rig.result(await rig.stem().enqueue(work)), "done", "the result");
    ok(heard >= 2, `Expected the other listener to hear at least two events, it heard ${heard}`);
    unsubscribe();
    const before = heard;
    await rig.result(await rig.stem().enqueue(work));
    equal(heard, before, "what a listener hears after it has left");
  }),
]);
