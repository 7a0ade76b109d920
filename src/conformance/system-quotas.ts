import type { Adapter } from "../contracts/adapter.ts";
import type { RateLimiter } from "../contracts/rate-limiter.ts";
import { ConfigError, StoreError } from "../errors.ts";
import type { AnyTask } from "../tasks/task.ts";
import { task } from "../tasks/task.ts";
import { systemClock } from "../time/clock.ts";
import { sleep } from "../time/sleep.ts";
import { equal, ok, throws } from "./assert.ts";
import type { ConformanceCase } from "./case.ts";
import { untyped } from "./schedule-steps.ts";
import type { Rig, RigWorker, RigWorkerOptions } from "./system-rig.ts";
import { gate, onBothSystems, systemLaw } from "./system-rig.ts";

/** Starts a worker that counts in the limiter of its connection. */
function startLimited(rig: Rig, options: RigWorkerOptions): Promise<RigWorker> {
  const { on = rig.context.adapter } = options;
  return rig.start({ limiter: on.limiter, ...options, on });
}

/** Starts a worker on each of two connections. */
async function startTwo(rig: Rig, options: RigWorkerOptions): Promise<readonly RigWorker[]> {
  const connections: readonly Adapter[] = [rig.context.adapter, await rig.connect()];
  return Promise.all(connections.map((on) => startLimited(rig, { ...options, on })));
}

/** Counts handlers that are at work, and how many there were at most. */
function counter(): { readonly most: () => number; readonly during: <T>(work: () => Promise<T>) => Promise<T> } {
  let [inside, most] = [0, 0];
  return {
    most: () => most,
    during: async (work) => {
      most = Math.max(most, ++inside);
      try {
        return await work();
      } finally {
        inside -= 1;
      }
    },
  };
}

/** Fails unless of the starts no more lie within any time from `from` on than the bucket held and gained. */
function expectPaced(
  starts: readonly number[],
  { from, burst, everyMs }: { readonly from: number; readonly burst: number; readonly everyMs: number },
): void {
  for (const [at, startedAt] of [...starts].sort((a, b) => a - b).entries()) {
    // The store's clock and this one may be a few milliseconds apart over that time.
    const earliest = from + (at + 1 - burst) * everyMs - 10;
    ok(startedAt >= earliest, `Start ${at + 1} came ${earliest - startedAt} ms too early`);
  }
}

/** Limits over all workers: rates, numbers at once. */
export const systemQuotaCases: readonly ConformanceCase[] = Object.freeze([
  ...onBothSystems("[Y35] a task starts no more often than its rate says, on whatever worker", async (rig) => {
    const starts: number[] = [];
    const mail = task({
      name: "mail",
      rateLimit: { limit: 20, per: "1s", burst: 4 },
      run: () => void starts.push(systemClock.monotonic()),
    });
    await startTwo(rig, { registry: [mail] });
    const from = systemClock.monotonic();
    const handles = await rig.stem({ registry: [mail] }).enqueueMany(Array.from({ length: 14 }, () => ({ task: mail })));
    await Promise.all(handles.map((handle) => rig.result(handle)));
    equal(starts.length, 14, "how many started");
    expectPaced(starts, { from, burst: 4, everyMs: 50 });
  }),

  systemLaw("[Y35] the tasks of a queue start no more often than the rate of the queue says, on whatever worker", async (rig) => {
    const starts: number[] = [];
    const names = ["mail.one", "mail.two"];
    const registry = names.map((name) => task({ name, queue: "mail", run: () => void starts.push(systemClock.monotonic()) }));
    const limits = { queues: { mail: { rateLimit: { limit: 20, per: "1s", burst: 4 } } } };
    await startTwo(rig, { registry, queues: ["default", "mail"], limits });
    const from = systemClock.monotonic();
    const calls = Array.from({ length: 14 }, (_, at) => ({ task: names[at % 2] ?? "", queue: "mail" }));
    const handles = await rig.stem({ registry }).enqueueMany(calls);
    await Promise.all(handles.map((handle) => rig.result(handle)));
    expectPaced(starts, { from, burst: 4, everyMs: 50 });
  }),

  systemLaw("[Y35] by key each key has a rate of its own, also when the task tells it from the arguments", async (rig) => {
    const ran: string[] = [];
    const call = task({
      name: "call",
      rateLimit: { limit: 1, per: "1h", by: "key" },
      limitKey: ({ host }: { readonly host: string }) => host,
      run: (_ctx, { host }) => void ran.push(host),
    });
    const free = task({ name: "free", run: () => "done" });
    const worker = await startLimited(rig, { registry: [call, free] });
    const stem = rig.stem({ registry: [call, free] });
    const [a, b, c] = [
      await stem.enqueue(call, { args: { host: "a" } }),
      await stem.enqueue(call, { args: { host: "b" } }),
      await stem.enqueue(call, { args: { host: "a" }, limitKey: "c" }),
    ];
    await Promise.all([a, b, c].map((handle) => rig.result(handle)));
    const second = await stem.enqueue(call, { args: { host: "a" } });
    await worker.until("task-put-back", second.id);
    await rig.result(await stem.enqueue(free));
    equal((await rig.status(second.id)).state, "queued", "the state of the second of a key");
    equal(ran.toSorted(), ["a", "a", "b"], "what ran");
  }),

  ...onBothSystems(
    "[Y35] a task runs no more often at once than it says, on whatever worker, and again as soon as there is room",
    async (rig) => {
      const { most, during } = counter();
      const heavy = task({ name: "heavy", maxConcurrent: 2, run: () => during(() => sleep(15)) });
      await startTwo(rig, { registry: [heavy], concurrency: 6 });
      const handles = await rig.stem({ registry: [heavy] }).enqueueMany(Array.from({ length: 16 }, () => ({ task: heavy })));
      await Promise.all(handles.map((handle) => rig.result(handle)));
      equal(most(), 2, "how many ran at once at most");
    },
  ),

  systemLaw("[Y35] by key no more run at once than the limit, of each", async (rig) => {
    const doors = gate(rig.context);
    const visit = task({ name: "visit", maxConcurrent: { limit: 1, by: "key" }, run: (ctx) => doors.pass(ctx.id) });
    await startTwo(rig, { registry: [visit] });
    const stem = rig.stem({ registry: [visit] });
    const first = await stem.enqueue(visit, { limitKey: "a", id: rig.context.id("first") });
    await doors.untilArrived(1);
    const second = await stem.enqueue(visit, { limitKey: "a", id: rig.context.id("second") });
    const other = await stem.enqueue(visit, { limitKey: "b", id: rig.context.id("other") });
    await doors.untilArrived(2);
    equal(doors.arrived, [first.id, other.id], "which run");
    doors.openAll();
    await Promise.all([first, second, other].map((handle) => rig.result(handle)));
  }),

  systemLaw("[Y35] the tasks of a queue run no more often at once than the queue's limit, on whatever worker", async (rig) => {
    const { most, during } = counter();
    const heavy = task({ name: "heavy", queue: "heavy", run: () => during(() => sleep(15)) });
    await startTwo(rig, {
      registry: [heavy],
      queues: ["heavy", "default"],
      concurrency: 6,
      limits: { queues: { heavy: { maxConcurrent: 2 } } },
    });
    const handles = await rig.stem({ registry: [heavy] }).enqueueMany(Array.from({ length: 16 }, () => ({ task: heavy })));
    await Promise.all(handles.map((handle) => rig.result(handle)));
    equal(most(), 2, "how many ran at once at most");
  }),

  ...onBothSystems("[Y36] what is put back again and again burns no attempt and is no poison", async (rig) => {
    const doors = gate(rig.context);
    const alone = task({ name: "alone", maxConcurrent: 1, run: (ctx) => doors.pass(ctx.id) });
    const worker = await startLimited(rig, { registry: [alone], maxDeliveries: 1 });
    const stem = rig.stem({ registry: [alone] });
    const first = await stem.enqueue(alone);
    await doors.untilArrived(1);
    const others = await stem.enqueueMany(Array.from({ length: 4 }, () => ({ task: alone })));
    // One of them waits in the worker. Each of the others comes and goes several times.
    await worker.untilCount("task-put-back", 12);
    equal(doors.arrived, [first.id], "which run");
    doors.openAll();
    await Promise.all([first, ...others].map((handle) => rig.result(handle)));
    for (const { id } of others) {
      const { state, attempt } = await rig.status(id);
      equal([state, attempt], ["succeeded", 1], "the end of what was held back");
    }
  }),

  systemLaw("[Y36] what a limit holds back does not hold up what is behind it", async (rig) => {
    const rare = task({ name: "rare", rateLimit: { limit: 1, per: "1h" }, priority: 5, run: () => "rare" });
    const free = task({ name: "free", run: () => "free" });
    const stem = rig.stem({ registry: [rare, free] });
    await stem.enqueueMany(Array.from({ length: 40 }, () => ({ task: rare })));
    const behind = await stem.enqueueMany(Array.from({ length: 20 }, () => ({ task: free })));
    const { events } = await startLimited(rig, { registry: [rare, free], concurrency: 3 });
    await Promise.all(behind.map((handle) => rig.result(handle)));
    equal(
      events.filter((event) => event.type === "task-started" && event.delivery.envelope.name === "rare").length,
      1,
      "how many rare ones ran",
    );
  }),

  systemLaw("[Y36] a worker whose slots are all taken leaves permits, and what waits for them, to others", async (rig) => {
    const doors = gate(rig.context);
    const single = task({ name: "single", maxConcurrent: 1, run: (ctx) => ctx.queue === "first" ? doors.pass(ctx.id) : "ran" });
    const long = task({ name: "long", run: (ctx) => doors.pass(ctx.id) });
    const registry: readonly AnyTask[] = [single, long];
    const stem = rig.stem({ registry });
    await startLimited(rig, { registry, queues: ["first"] });
    const first = await stem.enqueue(single, { queue: "first" });
    await doors.untilArrived(1);
    const waiting = await stem.enqueue(single);
    await stem.enqueue(long);
    await startLimited(rig, { registry, concurrency: 1 });
    await doors.untilArrived(2);
    await startLimited(rig, { registry, on: await rig.connect() });
    doors.open(first.id);
    equal(await rig.result(waiting), "ran", "what waited");
    doors.openAll();
  }),

  systemLaw("[Y36] a queue at its limit does not hold up the others, and is left alone meanwhile", async (rig) => {
    const doors = gate(rig.context);
    const [narrow, wide] = [
      task({ name: "narrow", queue: "narrow", run: (ctx) => doors.pass(ctx.id) }),
      task({ name: "wide", run: () => "wide" }),
    ];
    const registry: readonly AnyTask[] = [narrow, wide];
    const limits = { queues: { narrow: { maxConcurrent: 2 } } };
    const worker = await startLimited(rig, { registry, queues: ["narrow", "default"], concurrency: 5, limits });
    const stem = rig.stem({ registry });
    const held = await stem.enqueueMany(Array.from({ length: 100 }, () => ({ task: narrow })));
    await doors.untilArrived(2);
    for (let round = 0; round < 5; round++) {
      const others = await stem.enqueueMany(Array.from({ length: 20 }, () => ({ task: wide })));
      await Promise.all(others.map((handle) => rig.result(handle)));
    }
    equal(doors.arrived.length, 2, "how many of the narrow queue run");
    doors.openAll();
    await Promise.all(held.map((handle) => rig.result(handle)));
    const putBack = worker.events.filter(({ type }) => type === "task-put-back").length;
    ok(putBack < 60, `Expected few to be put back of a hundred, found ${putBack}`);
  }),

  systemLaw("[Y37] a permit comes back however its task ends", async (rig) => {
    const ends: Readonly<Record<string, () => Promise<unknown>>> = {
      returned: async () => "value",
      threw: () => Promise.reject(new Error("The handler fails")),
      "threw nothing": async () => {
        // oxlint-disable-next-line only-throw-error -- as handlers in plain JavaScript may
        throw undefined;
      },
      "took too long": () => new Promise(() => undefined),
      "gave what cannot be encoded": async () => 1n,
    };
    const alone = task({ name: "alone", maxConcurrent: 1, run: (_ctx, { end }: { readonly end: string }) => ends[end]?.() });
    await startLimited(rig, { registry: [alone], grace: 1 });
    const stem = rig.stem({ registry: [alone] });
    const handles = [];
    for (const end of Object.keys(ends)) handles.push(await stem.enqueue(alone, { args: { end }, timeLimit: 100 }));
    const states = (await Promise.all(handles.map(({ id }) => rig.ended(id)))).map(({ state }) => state);
    equal(states, ["succeeded", "failed", "failed", "failed", "failed"], "their ends");
  }),

  systemLaw("[Y37] a permit is held for as long as the handler runs: it is renewed, and an abort alone does not return it", async (rig) => {
    const doors = gate(rig.context);
    const { most, during } = counter();
    const stubborn = task({ name: "stubborn", maxConcurrent: 1, run: (ctx) => during(() => doors.pass(ctx.id)) });
    await startTwo(rig, { registry: [stubborn], lease: 200, grace: "30s" });
    const stem = rig.stem({ registry: [stubborn] });
    const first = await stem.enqueue(stubborn, { timeLimit: 100 });
    await doors.untilArrived(1);
    const second = await stem.enqueue(stubborn);
    // Three times as long as a permit lasts that nobody renews.
    await sleep(600);
    equal(doors.arrived.length, 1, "how many have begun");
    doors.openAll();
    await rig.result(second);
    equal((await rig.ended(first.id)).state, "failed", "the end of the first");
    equal(most(), 1, "how many ran at once at most");
  }),

  systemLaw("[Y37] the permits of a worker that died run out", async (rig) => {
    const alone = task({ name: "alone", maxConcurrent: 1, run: (ctx) => ctx.id });
    const { limiter } = rig.context.adapter;
    // As dead as a worker can be within a process: it renews nothing and gives nothing back.
    const dying = withLimiter(limiter, {
      leave: async (permits) => permits.map(() => true),
      renewPermits: async (permits) => permits.map(() => true),
    });
    const worker = await rig.start({ registry: [alone], lease: 400, limiter: dying });
    const stem = rig.stem({ registry: [alone] });
    await rig.result(await stem.enqueue(alone));
    await rig.context.within(worker.worker.shutdown());
    await startLimited(rig, { registry: [alone], lease: 400, on: await rig.connect() });
    await rig.result(await stem.enqueue(alone));
  }),

  ...(["closed", "open"] as const).map((onLimiterError) =>
    systemLaw(
      `[Y38] while the limiter fails limited tasks ${onLimiterError === "closed" ? "wait" : "run"}, and others run: ${onLimiterError}`,
      async (rig) => {
        const limited = task({ name: "limited", maxConcurrent: 1, rateLimit: { limit: 1_000, per: "1s" }, run: () => "limited" });
        const free = task({ name: "free", run: () => "free" });
        let isAway = true;
        const { limiter } = rig.context.adapter;
        const fail = (): Promise<never> =>
          Promise.reject(new StoreError("Cannot enter: the store is away", { adapter: "test", operation: "enter", retryable: true }));
        const failing = withLimiter(limiter, { enter: (requests) => isAway ? fail() : limiter.enter(requests) });
        const registry = [limited, free];
        const worker = await rig.start({ registry, limiter: failing, limits: { onLimiterError }, mayReport: true });
        const stem = rig.stem({ registry });
        const handle = await stem.enqueue(limited);
        if (onLimiterError === "closed") await worker.until("task-put-back", handle.id);
        else await rig.result(handle);
        await rig.result(await stem.enqueue(free));
        equal(worker.events.some(({ type }) => type === "error"), true, "whether the failure was told");
        isAway = false;
        equal(await rig.result(handle), "limited", "the result");
      },
    )
  ),

  ...onBothSystems("[Y38] workers leave a paused queue alone, and serve it when it is resumed", async (rig) => {
    const ran: string[] = [];
    const note = task({ name: "note", run: (ctx) => void ran.push(ctx.id) });
    await rig.start({ registry: [note], queues: ["paused", "open"] });
    const on = await rig.connect();
    await on.broker.pauseQueue("paused");
    const stem = rig.stem({ registry: [note], on });
    const waiting = await stem.enqueueMany(Array.from({ length: 5 }, () => ({ task: note, queue: "paused" })));
    for (let round = 0; round < 3; round++) await rig.result(await stem.enqueue(note, { queue: "open" }));
    equal(waiting.filter(({ id }) => ran.includes(id)).length, 0, "how many of the paused queue ran");
    await on.broker.resumeQueue("paused");
    await Promise.all(waiting.map((handle) => rig.result(handle)));
  }),

  systemLaw("[Y18 Y35] limits that cannot be used throw ConfigError when they are said", async (rig) => {
    const { limiter } = rig.context.adapter;
    const run = (): void => undefined;
    const limited = task({ name: "limited", maxConcurrent: 1, run });
    const calls: Readonly<Record<string, () => unknown>> = {
      "a task with a rate of zero": () => task({ name: "t", rateLimit: { limit: 0, per: "1s" }, run }),
      "a task with a rate per nothing": () => task({ name: "t", rateLimit: { limit: 1, per: 0 }, run }),
      "a task with a burst of half": () => task({ name: "t", rateLimit: { limit: 1, per: "1s", burst: 0.5 }, run }),
      "a task with a burst that takes twenty years": () => task({ name: "t", rateLimit: { limit: 1, per: "365d", burst: 20 }, run }),
      "a task that runs at most never": () => task({ name: "t", maxConcurrent: 0, run }),
      "a limit by nothing known": () => task({ name: "t", maxConcurrent: { limit: 1, by: untyped('"moon"') }, run }),
      "a limited task without a limiter": () => rig.worker({ registry: [limited] }),
      "a limited queue without a limiter": () => rig.worker({ limits: { queues: { default: { maxConcurrent: 1 } } } }),
      "a limit of a queue that is not served": () => rig.worker({ limiter, limits: { queues: { other: { maxConcurrent: 1 } } } }),
      "a queue with a rate above one in a microsecond": () =>
        rig.worker({ limiter, limits: { queues: { default: { rateLimit: { limit: 1_001, per: 1 } } } } }),
      "a queue with a period of twenty years": () =>
        rig.worker({ limiter, limits: { queues: { default: { rateLimit: { limit: 1, per: "7300d" } } } } }),
      "an unknown way to fail": () => rig.worker({ registry: [limited], limiter, limits: { onLimiterError: untyped('"ajar"') } }),
    };
    for (const [name, call] of Object.entries(calls)) await throws(call, ConfigError, name);
    await throws(() => rig.stem().enqueue("t", { limitKey: "" }), ConfigError, "an empty limitKey");
    await startLimited(rig, { registry: [limited] });
  }),

  systemLaw("[Y35] names and keys of any length are limited apart", async (rig) => {
    const doors = gate(rig.context);
    const long = "n".repeat(250);
    const visit = task({ name: long, maxConcurrent: { limit: 1, by: "key" }, run: (ctx) => doors.pass(ctx.id) });
    const free = task({ name: "free", run: () => "free" });
    await startLimited(rig, { registry: [visit, free] });
    const stem = rig.stem({ registry: [visit, free] });
    const keys = ["k".repeat(255), `${"k".repeat(254)}l`, "k".repeat(255)];
    const handles = await Promise.all(keys.map((limitKey) => stem.enqueue(visit, { limitKey })));
    await doors.untilArrived(2);
    for (let round = 0; round < 3; round++) await rig.result(await stem.enqueue(free));
    equal(doors.arrived.length, 2, "how many run");
    doors.openAll();
    await Promise.all(handles.map((handle) => rig.result(handle)));
  }),
]);

function withLimiter(limiter: RateLimiter, changes: Partial<RateLimiter>): RateLimiter {
  return {
    acquire: (key, limit) => limiter.acquire(key, limit),
    acquireMany: (requests) => limiter.acquireMany(requests),
    enter: (requests) => limiter.enter(requests),
    renewPermits: (permits, ttl) => limiter.renewPermits(permits, ttl),
    leave: (permits) => limiter.leave(permits),
    sweep: (options) => limiter.sweep(options),
    close: () => limiter.close(),
    [Symbol.asyncDispose]: () => limiter.close(),
    ...changes,
  };
}
