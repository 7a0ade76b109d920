import { task } from "../tasks/task.ts";
import { equal, ok, present } from "./assert.ts";
import type { ConformanceCase } from "./case.ts";
import { claimNothing, claimOne, expectCounts } from "./steps.ts";
import { onBothSystems, systemLaw, timedSystemLaw } from "./system-rig.ts";

const modest = task({
  name: "modest",
  queue: "modest",
  priority: 2,
  maxRetries: 4,
  retry: { delay: "3s", jitter: "none" },
  expires: "1h",
  softTimeLimit: "10s",
  timeLimit: "20s",
  visibilityTimeout: "40s",
  resultTtl: "2h",
  ignoreResult: true,
  run: () => "ignored",
});

/** How the options of a call, its task and the producer go together. */
export const systemOptionCases: readonly ConformanceCase[] = Object.freeze([
  timedSystemLaw("[Y15] a call without options takes those of its task", async (rig) => {
    const { broker, clock } = rig.context;
    const stem = rig.stem({ registry: [modest] });
    for (const each of [modest, "modest"] as const) {
      await stem.enqueue(each);
      const { envelope } = await claimOne(broker, { queues: ["modest"] });
      const { id, headers, meta, args, enqueuedAt, rootId, parentId, ...rest } = envelope;
      equal([typeof id, { ...headers }, Object.keys(meta), args, parentId, rootId], [
        "string",
        {},
        ["__stemArgsEncoder"],
        undefined,
        undefined,
        undefined,
      ], "what the task does not decide");
      equal(enqueuedAt, clock.now(), "enqueuedAt");
      equal(
        { ...rest, retryPolicy: { ...rest.retryPolicy } },
        {
          name: "modest",
          queue: "modest",
          priority: 2,
          attempt: 1,
          maxRetries: 4,
          retryPolicy: { delay: "3s", jitter: "none" },
          expiresAt: clock.now() + 3_600_000,
          softTimeLimitMs: 10_000,
          timeLimitMs: 20_000,
          visibilityTimeoutMs: 40_000,
          resultTtlMs: 7_200_000,
          ignoreResult: true,
        },
        "what the task decides",
      );
    }
  }),

  timedSystemLaw("[Y15] the options of a call win over those of its task, one by one", async (rig) => {
    const { broker, clock } = rig.context;
    const stem = rig.stem({ registry: [modest], routes: { "*": "routed" } });
    await stem.enqueue(modest, {
      queue: "mine",
      priority: 9,
      maxRetries: 0,
      retry: { delay: 500 },
      expires: new Date(clock.now() + 5_000),
      softTimeLimit: "1s",
      timeLimit: "2s",
      visibilityTimeout: "4s",
      resultTtl: "1m",
      ignoreResult: false,
      headers: { tenant: "acme" },
      meta: { order: 7 },
    });
    const { envelope } = await claimOne(broker, { queues: ["mine"] });
    equal(
      {
        priority: envelope.priority,
        maxRetries: envelope.maxRetries,
        retry: { ...envelope.retryPolicy },
        expiresAt: envelope.expiresAt,
        limits: [envelope.softTimeLimitMs, envelope.timeLimitMs, envelope.visibilityTimeoutMs, envelope.resultTtlMs],
        ignoreResult: envelope.ignoreResult,
        headers: { ...envelope.headers },
        order: envelope.meta["order"],
      },
      {
        priority: 9,
        maxRetries: 0,
        retry: { delay: 500 },
        expiresAt: clock.now() + 5_000,
        limits: [1_000, 2_000, 4_000, 60_000],
        ignoreResult: false,
        headers: { tenant: "acme" },
        order: 7,
      },
      "the options",
    );
  }),

  systemLaw("[Y15] null takes an option of the task away", async (rig) => {
    await rig.stem().enqueue(modest, {
      retry: null,
      expires: null,
      softTimeLimit: null,
      timeLimit: null,
      visibilityTimeout: null,
      resultTtl: null,
    });
    const { envelope } = await claimOne(rig.context.broker, { queues: ["modest"] });
    const { retryPolicy, expiresAt, softTimeLimitMs, timeLimitMs, visibilityTimeoutMs, resultTtlMs, maxRetries } = envelope;
    equal(
      [retryPolicy, expiresAt, softTimeLimitMs, timeLimitMs, visibilityTimeoutMs, resultTtlMs, maxRetries],
      [undefined, undefined, undefined, undefined, undefined, undefined, 4],
      "what is left",
    );
  }),

  systemLaw("[Y15] routes decide the queue of tasks that name none", async (rig) => {
    const stem = rig.stem({ registry: [modest], routes: { "mail.*": "mail", "*.slow": "slow", "mail.slow": "never" } });
    for (
      const [name, queue] of [["mail.send", "mail"], ["report.slow", "slow"], ["mail.slow", "mail"], ["other", "default"], [
        "modest",
        "modest",
      ]] as const
    ) {
      await stem.enqueue(name);
      equal((await claimOne(rig.context.broker, { queues: [queue] })).envelope.name, name, `what waits in ${queue}`);
    }
  }),

  ...(["delay", "eta"] as const).map((option) =>
    timedSystemLaw(`[Y15] a task with ${option} runs at its time, not before`, async (rig) => {
      const { broker, clock } = rig.context;
      const at = clock.now() + 30_000;
      let begunAt = 0;
      const later = task({
        name: "later",
        run: () => {
          begunAt = clock.now();
        },
      });
      const worker = await rig.start({ registry: [later] });
      const call = option === "delay" ? { delay: "30s" } : { eta: new Date(at) };
      const handle = await rig.stem().enqueue(later, call);
      await expectCounts(broker, { delayed: 1 }, "the queue before");
      for (let step = 0; step < 3; step++) await clock.advance(step === 2 ? 9_999 : 10_000);
      equal((await rig.status(handle.id)).state, "queued", "the state a millisecond before");
      await rig.after(1, worker.until("task-succeeded", handle.id));
      ok(begunAt >= at, `Expected it to begin at ${at} or later, it began ${at - begunAt} ms before`);
    })
  ),

  ...onBothSystems("[Y15] an id of one's own makes enqueuing idempotent, also after the task has ended", async (rig) => {
    let runs = 0;
    const once = task({
      name: "once",
      run: () => {
        runs += 1;
        return runs;
      },
    });
    const id = rig.context.id("order");
    const stem = rig.stem();
    const handles = [await stem.enqueue(once, { id }), await stem.enqueue(once, { id })];
    equal(handles.map(({ accepted }) => accepted), [true, false], "whether they were accepted");
    const worker = await rig.start({ registry: [once] });
    await worker.until("task-succeeded", id);
    const late = await stem.enqueue(once, { id });
    equal([late.accepted, await rig.result(late)], [false, 1], "a call after the end");
    const [again, other] = await stem.enqueueMany([{ task: once, id }, { task: once, id: `${id}-other` }]);
    equal([again?.accepted, other?.accepted], [false, true], "whether two at once were accepted");
    await worker.until("task-succeeded", `${id}-other`);
    equal(runs, 2, "how often it ran");
  }),

  systemLaw("[Y15] a result that nobody wants is neither kept nor encoded", async (rig) => {
    const modern = task({ name: "modern", ignoreResult: true, run: () => 1n });
    const worker = await rig.start({ registry: [modern] });
    const handle = await rig.stem().enqueue(modern);
    equal(await rig.result(handle), undefined, "the result");
    await worker.until("task-succeeded", handle.id);
    const { state, payload } = await rig.status(handle.id);
    equal([state, payload], ["succeeded", undefined], "the status");
  }),

  timedSystemLaw("[Y15] a status is kept for the call's result TTL, counted from the task's end", async (rig) => {
    const { clock, results } = rig.context;
    const short = task({ name: "short", resultTtl: "1h", run: () => "short" });
    const worker = await rig.start({ registry: [short] });
    const stem = rig.stem();
    const brief = await stem.enqueue(short, { resultTtl: "5s" });
    const usual = await stem.enqueue(short);
    await worker.untilCount("task-succeeded", 2);
    await clock.advance(4_999);
    equal((await results.get(brief.id))?.payload, "short", "the result a millisecond before");
    await clock.advance(1);
    equal(await results.get(brief.id), undefined, "the status at its time");
    equal((await results.get(usual.id))?.payload, "short", "the result that is kept for an hour");
  }),

  systemLaw("[Y15] headers and meta reach the handler, and meta the status", async (rig) => {
    const look = task({ name: "look", run: (ctx) => [ctx.headers["tenant"], ctx.meta["order"], ctx.maxAttempts, ctx.queue, ctx.name] });
    await rig.start({ registry: [look], queues: ["sights"] });
    const handle = await rig.stem().enqueue(look, {
      queue: "sights",
      maxRetries: 2,
      headers: { tenant: "acme" },
      meta: { order: { id: 7, lines: [1, 2] } },
    });
    equal(await rig.result(handle), ["acme", { id: 7, lines: [1, 2] }, 3, "sights", "look"], "what the handler saw");
    const { meta } = await rig.status(handle.id);
    equal(meta["order"], { id: 7, lines: [1, 2] }, "the meta on record");
    const { items } = await rig.context.results.list({ queue: "sights" });
    equal(present(items[0], "the listed status").id, handle.id, "what the queue lists");
  }),

  systemLaw("[Y15] what was enqueued does not change with what the caller does afterwards", async (rig) => {
    const args = { list: [1] };
    const headers = { tenant: "acme" };
    const promise = rig.stem().enqueue("frozen", { args, headers });
    await promise;
    args.list.push(2);
    headers.tenant = "other";
    const { envelope } = await claimOne(rig.context.broker);
    equal([envelope.args, { ...envelope.headers }], [{ list: [1] }, { tenant: "acme" }], "what is claimed");
    await claimNothing(rig.context.broker, "afterwards");
  }),
]);
