import { deferred } from "../async/deferred.ts";
import { ConflictError, PayloadError, TaskFailedError } from "../errors.ts";
import type { TaskContext } from "../tasks/context.ts";
import { task } from "../tasks/task.ts";
import { equal, present, throws } from "./assert.ts";
import type { ConformanceCase } from "./case.ts";
import { claim, readNext } from "./steps.ts";
import { onBothSystems, systemLaw } from "./system-rig.ts";

const trace = {
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  tracestate: "vendor=1",
  baggage: "tenant=acme",
};

const note = task({ name: "note", queue: "notes", run: () => undefined });

/** What handlers tell, and what follows from their end. */
export const systemHandlerCases: readonly ConformanceCase[] = Object.freeze([
  ...onBothSystems("[Y11] progress is stored, and seen by a watcher on another connection", async (rig) => {
    const { within, results } = rig.context;
    const seen = [deferred<void>(), deferred<void>()] as const;
    const walk = task({
      name: "walk",
      run: async (ctx) => {
        await ctx.progress({ step: 1, of: [2, null, "Ünï"] });
        await seen[0].promise;
        await ctx.progress("half way");
        await seen[1].promise;
        return "there";
      },
    });
    const handle = await rig.stem().enqueue(walk);
    const reader = rig.stem({ on: await rig.connect() });
    const watching = reader.handle(handle.id).watch()[Symbol.asyncIterator]();
    equal((await readNext(rig.context, watching, 1))[0]?.state, "queued", "the first status seen");
    await rig.start({ on: await rig.connect(), registry: [walk], id: "walker" });
    const found: unknown[] = [];
    for (;;) {
      const next = await within(watching.next());
      if (next.done === true) break;
      if (next.value.progress !== undefined || next.value.state === "succeeded") found.push([next.value.state, next.value.progress]);
      if (typeof next.value.progress === "object") seen[0].resolve();
      if (next.value.progress === "half way") seen[1].resolve();
    }
    equal(
      found,
      [["running", { step: 1, of: [2, null, "Ünï"] }], ["running", "half way"], ["succeeded", "half way"]],
      "what the watcher saw",
    );
    equal((await results.get(handle.id))?.worker, "walker", "the worker on record");
  }),

  systemLaw("[Y11] progress that is not JSON throws, and the handler may go on", async (rig) => {
    const odd = task({
      name: "odd",
      run: async (ctx) => {
        const error = await throws(() => ctx.progress({ size: 1n }), PayloadError, "progress of a bigint");
        return error.message.includes(".size");
      },
    });
    await rig.start({ registry: [odd] });
    const handle = await rig.stem().enqueue(odd);
    equal(await rig.result(handle), true, "whether the message named the place");
    equal((await rig.status(handle.id)).progress, undefined, "the progress on record");
  }),

  systemLaw("[Y11] progress after the attempt's end changes nothing", async (rig) => {
    const kept: TaskContext[] = [];
    const leaky = task({
      name: "leaky",
      run: (ctx) => {
        kept.push(ctx);
      },
    });
    await rig.start({ registry: [leaky] });
    const handle = await rig.stem().enqueue(leaky);
    await rig.result(handle);
    await throws(() => present(kept[0], "the context").progress("late"), ConflictError, "progress() after the end");
    const { state, progress } = await rig.status(handle.id);
    equal([state, progress], ["succeeded", undefined], "the status");
  }),

  ...onBothSystems("[Y12] what follows a success is published with it, and what follows a failure is not", async (rig) => {
    const { broker, id } = rig.context;
    const followed: number[] = [];
    const first = task({
      name: "first",
      run: async () => {
        followed.push((await broker.counts("notes")).ready);
        return 1;
      },
    });
    const ids = { success: [id(), id()], failure: id() };
    const worker = await rig.start({ registry: [first] });
    const handle = await rig.stem({ registry: [note] }).enqueue(first, {
      headers: { ...trace, secret: "not yours" },
      meta: { mine: true },
      priority: 7,
      links: {
        onSuccess: ids.success.map((linked, index) => ({ task: note, id: linked, args: { index } })),
        onFailure: [{ task: note, id: ids.failure }],
      },
    });
    await worker.until("task-succeeded", handle.id);
    equal(followed, [0], "what had followed while it ran");
    const claimed = await claim(broker, { queues: ["notes"] });
    equal(claimed.map(({ envelope }) => envelope.id).toSorted(), ids.success.toSorted(), "what follows");
    for (const { envelope } of claimed) {
      equal([envelope.parentId, envelope.rootId, envelope.priority, envelope.groupId], [handle.id, handle.id, 0, undefined], "its lineage");
      equal<Readonly<Record<string, string>>>({ ...envelope.headers }, trace, "its headers");
      equal("mine" in envelope.meta, false, "whether it has the meta of the task before it");
    }
    equal(await rig.context.results.get(ids.failure), undefined, "the status of what follows a failure");
  }),

  ...onBothSystems("[Y12] what follows a failure is published with the last attempt only", async (rig) => {
    const { broker, id } = rig.context;
    const attempts: number[] = [];
    const failing = task({
      name: "failing",
      run: async (ctx) => {
        attempts.push((await broker.counts("notes")).ready);
        throw new Error(`attempt ${ctx.attempt}`);
      },
    });
    const ids = { success: id(), failure: id() };
    const worker = await rig.start({ registry: [failing] });
    const handle = await rig.stem({ registry: [note] }).enqueue(failing, {
      retry: { delay: 0, maxRetries: 2 },
      links: { onSuccess: [{ task: note, id: ids.success }], onFailure: [{ task: note, id: ids.failure }] },
    });
    await worker.until("task-failed", handle.id);
    equal(attempts, [0, 0, 0], "what had followed when each attempt ran");
    equal((await claim(broker, { queues: ["notes"] })).map(({ envelope }) => envelope.id), [ids.failure], "what follows");
    equal(await rig.context.results.get(ids.success), undefined, "the status of what follows a success");
  }),

  systemLaw("[Y12] a rejected task and one that no one registered are followed as failures", async (rig) => {
    const { id } = rig.context;
    const picky = task({ name: "picky", run: (ctx) => ctx.reject("no") });
    await rig.start({ registry: [picky, note], queues: ["default", "notes"] });
    for (const name of ["picky", "nobody"]) {
      const followUp = id();
      const handle = await rig.stem({ registry: [note] }).enqueue(name, { links: { onFailure: [{ task: note, id: followUp }] } });
      await throws(() => rig.result(handle), TaskFailedError, `result() of ${name}`);
      equal((await rig.ended(followUp)).state, "succeeded", `what follows ${name}`);
    }
  }),

  systemLaw("[Y12] links have links, and run one after the other", async (rig) => {
    const order: string[] = [];
    const step = task({
      name: "step",
      run: (ctx) => {
        order.push(ctx.id);
        return ctx.rootId;
      },
    });
    const [first, second, third] = [rig.context.id(), rig.context.id(), rig.context.id()];
    await rig.start({ registry: [step] });
    await rig.stem().enqueue(step, {
      id: first,
      links: { onSuccess: [{ task: step, id: second, links: { onSuccess: [{ task: step, id: third }] } }] },
    });
    equal((await rig.ended(third)).payload, first, "the root that the last one saw");
    equal(order, [first, second, third], "the order");
  }),

  systemLaw("[Y12] children inherit the lineage and trace headers, and nothing else", async (rig) => {
    const { broker, results, id } = rig.context;
    const parent = task({ name: "parent", run: (ctx) => ctx.enqueue(note, { headers: { own: "yes" } }) });
    const groupId = id("group");
    const taskId = id();
    await results.initGroup({ id: groupId, taskIds: [taskId] });
    await rig.start({ registry: [parent, note] });
    const handle = await rig.stem().enqueue(parent, {
      id: taskId,
      groupId,
      priority: 5,
      maxRetries: 4,
      retry: { delay: "1m" },
      timeLimit: "1m",
      softTimeLimit: "30s",
      visibilityTimeout: "5m",
      resultTtl: "1h",
      headers: { ...trace, tenant: "acme" },
      meta: { secret: 1 },
    });
    const childId = await rig.result(handle);
    const [child] = await claim(broker, { queues: ["notes"] });
    const { headers, meta, enqueuedAt, ...rest } = present(child?.envelope, "the child");
    equal<Readonly<Record<string, string>>>({ ...headers }, { ...trace, own: "yes" }, "its headers");
    equal(Object.keys(meta), ["__stemArgsEncoder"], "the keys of its meta");
    equal(typeof enqueuedAt, "number", "the type of its enqueuedAt");
    equal(
      { ...rest },
      { id: String(childId), name: "note", queue: "notes", priority: 0, attempt: 1, maxRetries: 0, parentId: handle.id, rootId: handle.id },
      "the rest of it",
    );
  }),

  systemLaw("[Y12] a grandchild knows its parent and the root", async (rig) => {
    const child = task({ name: "child", run: (ctx) => [ctx.parentId, ctx.rootId] });
    const parent = task({ name: "parent", run: (ctx) => ctx.enqueue(child) });
    const grandparent = task({ name: "grandparent", run: (ctx) => ctx.enqueue(parent) });
    await rig.start({ registry: [grandparent, parent, child] });
    const root = await rig.stem().enqueue(grandparent);
    const parentId = String(await rig.result(root));
    const childId = String(await rig.result(rig.stem().handle(parentId)));
    equal(await rig.result(rig.stem().handle(childId)), [parentId, root.id], "what the grandchild saw");
  }),
]);
