import { ConfigError, ConflictError, PayloadError } from "../errors.ts";
import type { Adapter } from "../contracts/adapter.ts";
import type { Stem } from "../producer/stem.ts";
import type { Task } from "../tasks/task.ts";
import { task } from "../tasks/task.ts";
import { equal, ok, present, throws } from "./assert.ts";
import type { ConformanceCase } from "./case.ts";
import { claimOne, expectCounts } from "./steps.ts";
import { untyped } from "./schedule-steps.ts";
import type { Rig, RigWorker, RigWorkerOptions } from "./system-rig.ts";
import { gate, onBothSystems, systemLaw } from "./system-rig.ts";

/** A task that is unique, and does nothing. */
const work = task({ name: "work", unique: true, run: (_ctx, args: unknown) => args });

/** A producer that knows the lock store of its connection. */
export function uniqueStem(rig: Rig, on: Adapter = rig.context.adapter): Stem {
  return rig.stem({ on, lockStore: on.locks, registry: [work] });
}

/** A worker that knows the lock store of its connection. */
export function uniqueWorker(rig: Rig, options: RigWorkerOptions): Promise<RigWorker> {
  const { on = rig.context.adapter } = options;
  return rig.start({ on, lockStore: on.locks, ...options });
}

/** Fails unless the call is refused because of the task of that id. */
export async function refusedFor(id: string, call: () => Promise<unknown>, what: string): Promise<void> {
  const { message } = await throws(call, ConflictError, what);
  ok(message.includes(id), `Expected the error of ${what} to name task ${id}, found: ${message}`);
}

/** What counts as the same task, and what becomes of a call that is not alone. */
export const systemUniqueCases: readonly ConformanceCase[] = Object.freeze([
  ...onBothSystems(
    "[Y31] while a unique task has not ended the same call is rejected, from any connection, and writes nothing",
    async (rig) => {
      const { broker, id, results } = rig.context;
      const first = await uniqueStem(rig).enqueue(work, { args: { n: 1 } });
      equal(first.accepted, true, "whether the first is accepted");
      for (const stem of [uniqueStem(rig), uniqueStem(rig, await rig.connect())]) {
        const late = id();
        await refusedFor(first.id, () => stem.enqueue(work, { args: { n: 1 }, id: late }), "the same call");
        await refusedFor(first.id, () => stem.enqueue("work", { args: { n: 1 }, unique: true }), "the same by name");
        equal(await results.get(late), undefined, "the status of what was rejected");
      }
      await expectCounts(broker, { ready: 1 }, "the queue");
    },
  ),

  systemLaw("[Y31] with mode existing the same call answers with the task that is there, and its result", async (rig) => {
    const stem = uniqueStem(rig, await rig.connect());
    const first = await uniqueStem(rig).enqueue(work, { args: 7, unique: { mode: "existing" } });
    const again = await stem.enqueue(work, { args: 7, unique: { mode: "existing" } });
    equal([again.id, again.accepted], [first.id, false], "the second handle");
    await expectCounts(rig.context.broker, { ready: 1 }, "the queue");
    await uniqueWorker(rig, { registry: [work] });
    equal(await rig.result(again), 7, "the result");
  }),

  systemLaw("[Y31] name, queue and arguments make a call the same; headers, trace context, meta, priority and time do not", async (rig) => {
    const stem = uniqueStem(rig);
    const args = { a: 1, b: [{ x: null, y: "Ü" }] };
    const first = await stem.enqueue(work, { args, headers: { traceparent: "00-first" } });
    const same = [
      { args: { b: [{ y: "Ü", x: null }], a: 1 } },
      { args: { ...args, absent: undefined } },
      { args, headers: { traceparent: "00-other", tracestate: "x", baggage: "y", tenant: "z" }, meta: { by: "me" } },
      { args, priority: 9, delay: "1h", maxRetries: 3, expires: "1d", timeLimit: 5 },
    ];
    for (const [index, call] of same.entries()) await refusedFor(first.id, () => stem.enqueue(work, call), `call ${index}`);
    const others = [{ args: { a: 1 } }, { args: { ...args, a: "1" } }, { args: null }, {}, { args: [] }, { args: {} }, {
      args,
      queue: "other",
    }];
    for (const call of others) {
      equal((await stem.enqueue(work, call)).accepted, true, `whether another call is accepted: ${JSON.stringify(call)}`);
    }
    equal((await stem.enqueue("work too", { args, unique: true })).accepted, true, "whether another task is accepted");
  }),

  systemLaw("[Y31] a key of the task or the call replaces the arguments", async (rig) => {
    const stem = uniqueStem(rig);
    const keyed = task({
      name: "keyed",
      unique: { key: (args: { readonly order: number; readonly note: string }) => `order ${args.order}` },
      run: () => undefined,
    });
    const first = await stem.enqueue(keyed, { args: { order: 1, note: "a" } });
    await refusedFor(first.id, () => stem.enqueue(keyed, { args: { order: 1, note: "b" } }), "the same order");
    equal((await stem.enqueue(keyed, { args: { order: 2, note: "a" } })).accepted, true, "another order");
    const text = await stem.enqueue(work, { args: 1, unique: { key: "the one" } });
    await refusedFor(text.id, () => stem.enqueue(work, { args: 2, unique: { key: "the one" } }), "the same text");
    equal((await stem.enqueue(work, { args: "the one" })).accepted, true, "the text as arguments");
  }),

  ...onBothSystems("[Y31] of many that enqueue the same at once over several connections one is accepted", async (rig) => {
    const stems = [uniqueStem(rig), uniqueStem(rig, await rig.connect()), uniqueStem(rig, await rig.connect())];
    for (const mode of ["reject", "existing"] as const) {
      const calls = Array.from(
        { length: 18 },
        (_, index) =>
          present(stems[index % 3], "a producer").enqueue(work, { args: mode, unique: { mode } }).catch((error: unknown) => error),
      );
      const answers = await rig.context.within(Promise.all(calls));
      const handles = answers.flatMap((answer) =>
        typeof answer === "object" && answer !== null && "accepted" in answer ? [answer.accepted] : []
      );
      equal(handles.filter((accepted) => accepted === true).length, 1, `how many were accepted with mode ${mode}`);
      equal(handles.length, mode === "reject" ? 1 : 18, `how many were answered with mode ${mode}`);
    }
    await expectCounts(rig.context.broker, { ready: 2 }, "the queue");
  }),

  systemLaw("[Y31] many calls at once are accepted all or none, and those that stand for another are answered with it", async (rig) => {
    const { broker } = rig.context;
    const stem = uniqueStem(rig);
    const first = await stem.enqueue(work, { args: "there" });
    const existing = { task: work, unique: { mode: "existing" } } as const;
    const handles = await stem.enqueueMany([
      { ...existing, args: "there" },
      { ...existing, args: "new" },
      { ...existing, args: "new" },
      { task: work, args: "plain", unique: null },
    ]);
    equal(handles.map(({ accepted }) => accepted), [false, true, false, true], "which were accepted");
    equal([handles[0]?.id, handles[2]?.id], [first.id, handles[1]?.id], "the tasks that stand for others");
    await refusedFor(first.id, () => stem.enqueueMany([{ task: work, args: "free" }, { task: work, args: "there" }]), "a batch with one");
    await expectCounts(broker, { ready: 3 }, "the queue");
    equal((await stem.enqueue(work, { args: "free" })).accepted, true, "whether what the batch had taken is free");
  }),

  systemLaw("[Y31] the same id again is the same task, and finishes what a producer that died had begun", async (rig) => {
    const { adapter: { locks }, id, ledger } = rig.context;
    const stem = uniqueStem(rig);
    const taskId = id();
    const first = await stem.enqueue(work, { args: 1, id: taskId });
    const again = await stem.enqueue(work, { args: 1, id: taskId });
    equal([first.accepted, again.id, again.accepted], [true, taskId, false], "the answers");
    const key = keyIn(await claimOne(ledger));
    equal((await locks.ownerOf(key))?.owner, taskId, "who holds the lock");
    // As if the lock had been taken for another task, and nothing had come after it.
    const begun = id("begun");
    equal(await locks.release(present(await locks.ownerOf(key), "the lock")), true, "the release");
    await locks.acquireAll([{ key, owner: begun, ttl: 20_000 }]);
    equal((await stem.enqueue(work, { args: 1, id: begun })).accepted, true, "whether the begun one is accepted");
    equal(keyIn(await claimOne(ledger)), key, "the key of its lock");
  }),

  ...onBothSystems(
    "[Y34] without a lock store a unique call is refused, and so is one with bad options; nothing is written",
    async (rig) => {
      const { broker, id, results } = rig.context;
      const taskId = id();
      const without = rig.stem({ registry: [work] });
      await throws(() => without.enqueue(work, { id: taskId }), ConfigError, "enqueue without a lock store");
      await throws(
        () => without.enqueueMany([{ task: "plain" }, { task: work, id: taskId }]),
        ConfigError,
        "enqueueMany without a lock store",
      );
      equal((await without.enqueue(work, { unique: null })).accepted, true, "a call that takes it away");
      const stem = uniqueStem(rig);
      const bad: readonly object[] = [{ mode: "sometimes" }, { mode: "throttle" }, { window: "1s" }, { ttl: -1 }, { key: 7 }, []];
      for (const unique of bad) {
        await throws(() => stem.enqueue(work, { id: taskId, unique }), ConfigError, `enqueue with ${JSON.stringify(unique)}`);
        throwsNow(() => task({ name: "bad", unique, run: () => undefined }), JSON.stringify(unique));
      }
      await throws(() => stem.enqueue(work, { id: taskId, args: { at: new Date(0) } }), PayloadError, "arguments that are no JSON");
      await throws(() => stem.enqueue(work, { unique: { key: () => untyped("7") } }), ConfigError, "a key that is no text");
      equal(await results.get(taskId), undefined, "the status");
      await expectCounts(broker, { ready: 1 }, "the queue");
    },
  ),

  systemLaw("[Y34] a call's own word wins over its task's, and null takes it away", async (rig) => {
    const stem = uniqueStem(rig);
    const first = await stem.enqueue(work, { args: 1 });
    for (const unique of [null, false] as const) {
      equal((await stem.enqueue(work, { args: 1, unique })).accepted, true, `whether a call with ${String(unique)} is accepted`);
    }
    equal((await stem.enqueue(work, { args: 1, unique: { mode: "existing" } })).id, first.id, "with a mode of its own");
    await refusedFor(first.id, () => stem.enqueue(work, { args: 1, unique: true }), "with true");
    const other = task({ name: "other", unique: { mode: "existing" }, run: () => undefined });
    const there = await stem.enqueue(other);
    equal((await stem.enqueue(other, { unique: true })).id, there.id, "true with the mode of the task");
    const plain = task({ name: "plain", run: () => undefined });
    const alone = await stem.enqueue(plain, { unique: true });
    await refusedFor(alone.id, () => stem.enqueue(plain, { unique: true }), "a task that is unique by its calls only");
    equal((await stem.enqueue(plain)).accepted, true, "a plain call of it");
  }),

  systemLaw("[Y12 Y34] children and linked tasks inherit no lock, and may be unique by themselves", async (rig) => {
    const arrivals = gate(rig.context);
    const child = task({ name: "child", run: ({ envelope }) => envelope.unique === undefined });
    const alone = task({
      name: "alone",
      unique: { mode: "existing" },
      run: ({ envelope }) => arrivals.pass(String(envelope.unique !== undefined)),
    });
    const parent = task({
      name: "parent",
      unique: true,
      run: async (ctx) => [await ctx.enqueue(child), await ctx.enqueue(alone), await ctx.enqueue(alone)] as const,
    });
    const stem = uniqueStem(rig);
    await uniqueWorker(rig, { registry: [child, alone, parent], concurrency: 5 });
    const handle = await stem.enqueue(parent, { links: { onSuccess: [{ task: child, id: rig.context.id("link") }] } });
    const [childId, aloneId, sameId] = await rig.result(handle);
    equal(aloneId, sameId, "the unique child that was enqueued twice");
    await arrivals.untilArrived(1);
    arrivals.openAll();
    equal(await rig.result(stem.handle<boolean>(childId)), true, "whether the child is without a lock");
    equal(await rig.result(stem.handle(aloneId)), "true", "whether the unique child has one of its own");
    await throws(
      () => stem.enqueue(parent, { links: { onSuccess: [{ task: child, unique: true }] } }),
      ConfigError,
      "a link that is to be unique",
    );
  }),
]);

/** The key of the lock that a delivery's task holds. */
export function keyIn({ envelope }: { readonly envelope: { readonly unique?: { readonly key: string } } }): string {
  return present(envelope.unique, "the lock of a unique task").key;
}

/** The task that all cases about ends and times use: it stands still at a gate. */
export function waitingTask(pass: (name: string) => Promise<string>): Task<string, string> {
  return task({ name: "waiting", unique: true, run: (_ctx, name: string) => pass(name) });
}

function throwsNow(define: () => unknown, what: string): void {
  let caught: unknown;
  try {
    define();
  } catch (error) {
    caught = error;
  }
  ok(caught instanceof ConfigError, `Expected ConfigError from a task with unique ${what}`);
}
