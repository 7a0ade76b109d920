import assert from "node:assert/strict";
import { test } from "node:test";
import { deferred } from "../../src/async/deferred.ts";
import type { RateLimiter } from "../../src/contracts/rate-limiter.ts";
import { StoreError } from "../../src/errors.ts";
import { InMemoryRateLimiter, memory } from "../../src/memory.ts";
import type { Delivery } from "../../src/model/delivery.ts";
import type { AnyTask, TaskLimits, WorkerLimits } from "../../src/mod.ts";
import { Stem, task, TaskRegistry, Worker } from "../../src/mod.ts";
import { ManualClock } from "../../src/time/manual-clock.ts";
import { nextTurn } from "../../src/time/next-turn.ts";
import { sleep } from "../../src/time/sleep.ts";
import { LimitRules } from "../../src/worker/limit-rules.ts";
import type { QueueLimitMap } from "../../src/worker/limit-rules.ts";
import { Limits } from "../../src/worker/limits.ts";
import { delivery } from "./deliveries.ts";

const timeout = 30_000;
const run = (): void => undefined;

interface Setting {
  readonly tasks?: readonly AnyTask[];
  readonly queues?: QueueLimitMap;
  readonly limiter?: (sound: RateLimiter) => Partial<RateLimiter>;
  readonly onLimiterError?: "open" | "closed";
  readonly standby?: number;
  readonly room?: () => number;
}

/** A gate on a clock of its own, with what it asked of its limiter and let through. */
function gateOf({ tasks = [], queues = {}, limiter: change, onLimiterError = "closed", standby = 10, room = () => 10 }: Setting) {
  const clock = new ManualClock();
  const sound = new InMemoryRateLimiter({ clock });
  const calls: string[] = [];
  const told =
    <T extends readonly unknown[], R>(name: string, call: (items: T, ...rest: never[]) => R) => (items: T, ...rest: never[]): R => {
      calls.push(`${name} ${items.length}`);
      return call(items, ...rest);
    };
  const limiter: RateLimiter = {
    acquire: (key, limit) => sound.acquire(key, limit),
    acquireMany: told("acquire", (requests: Parameters<RateLimiter["acquireMany"]>[0]) => sound.acquireMany(requests)),
    enter: told("enter", (requests: Parameters<RateLimiter["enter"]>[0]) => sound.enter(requests)),
    renewPermits: (permits, ttl) => {
      calls.push(`renew ${permits.length}`);
      return sound.renewPermits(permits, ttl);
    },
    leave: told("leave", (permits: Parameters<RateLimiter["leave"]>[0]) => sound.leave(permits)),
    sweep: (options) => sound.sweep(options),
    close: () => sound.close(),
    [Symbol.asyncDispose]: () => sound.close(),
    ...change?.(sound),
  };
  const registry = new TaskRegistry(tasks);
  const rules = new LimitRules(queues, ["default", "mail"], (name) => registry.find(name));
  const letThrough: Delivery[] = [];
  const putBack: Delivery[] = [];
  const errors: string[] = [];
  const limits = new Limits({
    ...{ limiter, rules, onLimiterError, standby, clock, queues: ["default", "mail"], permitTtlMs: 3_000 },
    room,
    letThrough: (one) => letThrough.push(one),
    putBack: (one) => {
      putBack.push(one);
      limits.release(one);
    },
    onError: (operation) => errors.push(operation),
  });
  const kinds = async (deliveries: readonly Delivery[]) => (await limits.admit(deliveries)).map((verdict) => verdict?.kind ?? "run");
  return { clock, sound, calls, letThrough, putBack, errors, limits, kinds };
}

const named = (name: string, limits: TaskLimits): AnyTask => task({ name, ...limits, run });
const some = (name: string, count: number): readonly Delivery[] => Array.from({ length: count }, () => delivery({ name }));

test("a claim without limited tasks asks nobody", { timeout }, async () => {
  const { limits, calls } = gateOf({ tasks: [named("limited", { maxConcurrent: 1 })] });
  assert.deepEqual(await limits.admit(some("free", 3)), [undefined, undefined, undefined]);
  assert.deepEqual(calls, []);
});

test("a claim asks once for all permits, then once for the tokens of those that got theirs", { timeout }, async () => {
  const limited = named("limited", { maxConcurrent: 3, rateLimit: { limit: 2, per: "1h" } });
  const { kinds, calls } = gateOf({ tasks: [limited], queues: { mail: { maxConcurrent: 1 } } });
  const deliveries = [...some("limited", 5), delivery({ name: "free" }), delivery({ name: "free", queue: "mail" })];
  assert.deepEqual(await kinds(deliveries), ["run", "run", "put-back", "put-back", "put-back", "run", "run"]);
  assert.deepEqual(calls, ["enter 6", "acquire 3", "leave 1"]);
});

test("expired tasks need no place to be cancelled", { timeout }, async () => {
  const { kinds, calls } = gateOf({ tasks: [named("limited", { maxConcurrent: 1 })] });
  assert.deepEqual(await kinds([delivery({ name: "limited", expiresAt: 5 })]), ["run"]);
  assert.deepEqual(calls, []);
});

test("what a queue refuses goes back to its place at once, what a task refuses comes back in its turn", { timeout }, async () => {
  const paced = named("paced", { rateLimit: { limit: 10, per: "1s", burst: 1 } });
  const { limits } = gateOf({ tasks: [paced], queues: { mail: { rateLimit: { limit: 1, per: "1h" } } } });
  assert.deepEqual(await limits.admit(some("paced", 4)), [
    undefined,
    { kind: "put-back", delayMs: 100 },
    { kind: "put-back", delayMs: 200 },
    { kind: "put-back", delayMs: 300 },
  ]);
  const mails = Array.from({ length: 3 }, () => delivery({ queue: "mail" }));
  assert.deepEqual(await limits.admit(mails), [undefined, { kind: "put-back", delayMs: 0 }, { kind: "put-back", delayMs: 0 }]);
});

test("as many as there are permits wait here, and take over those of tasks that end, without asking", { timeout }, async () => {
  const { limits, kinds, calls, letThrough } = gateOf({ tasks: [named("limited", { maxConcurrent: 2 })] });
  const deliveries = some("limited", 6);
  assert.deepEqual(await kinds(deliveries), ["run", "run", "standby", "standby", "put-back", "put-back"]);
  const [first, second, third, fourth] = deliveries;
  for (const ended of [second, first]) if (ended !== undefined) limits.release(ended);
  assert.deepEqual(letThrough, [third, fourth]);
  assert.deepEqual(calls, ["enter 6"]);
  for (const ended of [third, fourth]) if (ended !== undefined) limits.release(ended);
  await limits.stop();
  assert.deepEqual(calls, ["enter 6", "leave 2"]);
});

test("what waits here and goes is given no permit any more", { timeout }, async () => {
  const { limits, kinds, letThrough } = gateOf({ tasks: [named("limited", { maxConcurrent: 1 })] });
  const [first, second] = [delivery({ name: "limited" }), delivery({ name: "limited" })];
  assert.deepEqual(await kinds([first, second]), ["run", "standby"]);
  limits.release(second);
  limits.release(first);
  await limits.stop();
  assert.deepEqual(letThrough, []);
  assert.deepEqual(await kinds([delivery({ name: "limited" })]), ["run"]);
});

test("a permit that comes for a task which has gone is back before the end", { timeout }, async () => {
  const asked = deferred<void>();
  const answer = deferred<void>();
  let calls = 0;
  const { limits, sound, clock, kinds } = gateOf({
    tasks: [named("limited", { maxConcurrent: 1 })],
    limiter: (limiter) => ({
      enter: async (requests) => {
        if (++calls === 1) return limiter.enter(requests);
        asked.resolve();
        await answer.promise;
        return limiter.enter(requests);
      },
      // A store is not as near as memory.
      leave: async (permits) => {
        await nextTurn();
        return limiter.leave(permits);
      },
    }),
  });
  const [elsewhere] = await sound.enter([{ key: "task limited", holder: "another worker", limit: 1, ttl: "1h" }]);
  const waiting = delivery({ name: "limited" });
  assert.deepEqual(await kinds([waiting]), ["standby"]);
  limits.start();
  if (elsewhere?.permit !== undefined) await sound.leave([elsewhere.permit]);
  await clock.advance(250);
  await asked.promise;
  limits.release(waiting);
  const stopped = limits.stop();
  answer.resolve();
  await stopped;
  const [free] = await sound.enter([{ key: "task limited", holder: "another worker", limit: 1, ttl: "1h" }]);
  assert.notEqual(free?.permit, undefined);
});

test("without a free slot no permit is kept, and what waits for one goes to others", { timeout }, async () => {
  let room = 1;
  const { limits, sound, clock, kinds, letThrough, putBack } = gateOf({
    tasks: [named("limited", { maxConcurrent: 2 })],
    room: () => room,
  });
  const deliveries = some("limited", 4);
  const [first, , third, fourth] = deliveries;
  assert.deepEqual(await kinds(deliveries), ["run", "run", "standby", "standby"]);
  room = 0;
  if (first !== undefined) limits.release(first);
  await nextTurn();
  const [elsewhere] = await sound.enter([{ key: "task limited", holder: "another worker", limit: 2, ttl: "1h" }]);
  assert.notEqual(elsewhere?.permit, undefined);
  limits.start();
  await clock.advance(250);
  assert.deepEqual([letThrough, putBack], [[], [third, fourth]]);
  await limits.stop();
});

test("after a while a permit is returned although somebody waits here, so that other workers get a turn", { timeout }, async () => {
  const { limits, sound, clock, kinds, letThrough } = gateOf({ tasks: [named("limited", { maxConcurrent: 1 })] });
  const [first, second, third] = some("limited", 3);
  const elsewhere = { key: "task limited", holder: "another worker", limit: 1, ttl: "1h" } as const;
  if (first === undefined || second === undefined || third === undefined) throw new Error("Expected three");
  assert.deepEqual(await kinds([first, second]), ["run", "standby"]);
  limits.start();
  await clock.advance(3_000);
  limits.release(first);
  assert.deepEqual(letThrough, [second]);
  assert.deepEqual(await kinds([third]), ["standby"]);
  await clock.advance(3_000);
  limits.release(second);
  await nextTurn();
  const [given] = await sound.enter([elsewhere]);
  assert.notEqual(given?.permit, undefined);
  assert.deepEqual(letThrough, [second]);
  if (given?.permit !== undefined) await sound.leave([given.permit]);
  await clock.advance(250);
  assert.deepEqual(letThrough, [second, third]);
  await limits.stop();
});

test(
  "a permit that comes with a claim goes to the one that waits longest, and each of the two has one of its own",
  { timeout },
  async () => {
    const { limits, sound, kinds, letThrough } = gateOf({ tasks: [named("limited", { maxConcurrent: 1 })] });
    const [elsewhere] = await sound.enter([{ key: "task limited", holder: "another worker", limit: 1, ttl: "1h" }]);
    const [first, second] = some("limited", 2);
    if (elsewhere?.permit === undefined || first === undefined || second === undefined) throw new Error("Expected a permit, and two tasks");
    assert.deepEqual(await kinds([first]), ["standby"]);
    await sound.leave([elsewhere.permit]);
    assert.deepEqual(await kinds([second]), ["standby"]);
    assert.deepEqual(letThrough, [first]);
    assert.deepEqual(await kinds([delivery({ name: "limited" })]), ["put-back"]);
    limits.release(first);
    assert.deepEqual(letThrough, [first, second]);
    limits.release(second);
    await limits.stop();
    assert.deepEqual(await kinds([delivery({ name: "limited" })]), ["run"]);
  },
);

test("permits that others return are found, and permits are renewed, with one call for all", { timeout }, async () => {
  const { limits, sound, clock, kinds, calls, letThrough } = gateOf({ tasks: [named("limited", { maxConcurrent: 2 })] });
  const [elsewhere] = await sound.enter([{ key: "task limited", holder: "another worker", limit: 2, ttl: "1h" }]);
  const deliveries = some("limited", 3);
  assert.deepEqual(await kinds(deliveries), ["run", "standby", "standby"]);
  limits.start();
  await clock.advance(1_000);
  assert.deepEqual(letThrough, []);
  if (elsewhere?.permit !== undefined) await sound.leave([elsewhere.permit]);
  await clock.advance(250);
  assert.deepEqual(letThrough, [deliveries[1]]);
  await clock.advance(10_000);
  const [another] = await sound.enter([{ key: "task limited", holder: "one more", limit: 2, ttl: "1h" }]);
  assert.equal(another?.permit, undefined);
  assert.ok(calls.includes("renew 2"));
  await limits.stop();
  assert.equal(clock.pending, 0);
});

test(
  "a permit that was lost is taken again where there is room; where there is none that is told, and the task goes on",
  { timeout },
  async () => {
    for (const isTaken of [false, true]) {
      const { limits, sound, clock, kinds, errors } = gateOf({ tasks: [named("limited", { maxConcurrent: 1 })] });
      const running = delivery({ name: "limited" });
      assert.deepEqual(await kinds([running]), ["run"]);
      // The store was away for longer than a permit lasts: nobody renewed.
      await clock.advance(5_000);
      if (isTaken) await sound.enter([{ key: "task limited", holder: "another worker", limit: 1, ttl: "1h" }]);
      limits.start();
      await clock.advance(1_000);
      assert.deepEqual(errors, isTaken ? ["renew permits"] : []);
      const [other] = await sound.enter([{ key: "task limited", holder: "a third", limit: 1, ttl: 1 }]);
      assert.equal(other?.permit, undefined);
      limits.release(running);
      await limits.stop();
    }
  },
);

test("while the limiter fails limited tasks are put back a second on, or run; what it gave before is given back", { timeout }, async () => {
  const away = new StoreError("Cannot acquire: away", { adapter: "test", operation: "acquire", retryable: true });
  for (const onLimiterError of ["closed", "open"] as const) {
    const { kinds, errors, calls, limits } = gateOf({
      onLimiterError,
      tasks: [named("limited", { maxConcurrent: 2, rateLimit: { limit: 10, per: "1s" } })],
      limiter: () => ({ acquireMany: () => Promise.reject(away) }),
    });
    const expected = onLimiterError === "open" ? ["run", "run", "run"] : ["put-back", "run", "put-back"];
    assert.deepEqual(await kinds([...some("limited", 1), ...some("free", 1), ...some("limited", 1)]), expected);
    assert.deepEqual(errors, ["ask the rate limiter"]);
    await limits.stop();
    assert.deepEqual(calls, ["enter 2", "leave 2"]);
  }
});

/** Runs tasks to their end in a worker of their own; answers how many were put back for each that was run. */
async function putBackPerRun(
  count: number,
  given: { readonly task?: TaskLimits; readonly worker?: WorkerLimits; readonly workMs?: number },
): Promise<number> {
  const adapter = memory();
  const limited = task({ name: "limited", ...given.task, run: () => given.workMs === undefined ? undefined : sleep(given.workMs) });
  const parts = { broker: adapter.broker, backend: adapter.results, registry: [limited] };
  const worker = new Worker({ ...parts, limiter: adapter.limiter, ...(given.worker === undefined ? {} : { limits: given.worker }) });
  let [putBack, ran] = [0, 0];
  const done = new Promise<void>((resolve) => {
    worker.subscribe(({ type }) => {
      if (type === "task-put-back") putBack += 1;
      if (type === "task-succeeded" && ++ran === count) resolve();
    });
  });
  await new Stem(parts).enqueueMany(Array.from({ length: count }, () => ({ task: limited })));
  await worker.start();
  await done;
  await worker.shutdown();
  await adapter.close();
  return putBack / count;
}

test("10,000 tasks above a limit do not go round and round", { timeout: 120_000 }, async (t) => {
  const rateLimit = { limit: 4_000, per: "1s", burst: 100 } as const;
  const kinds = {
    "a rate of the task": () => putBackPerRun(10_000, { task: { rateLimit } }),
    "a rate of the queue": () => putBackPerRun(10_000, { worker: { queues: { default: { rateLimit } } } }),
    "three of the task at once": () => putBackPerRun(2_000, { task: { maxConcurrent: 3 }, workMs: 2 }),
    "three of the queue at once": () => putBackPerRun(2_000, { worker: { queues: { default: { maxConcurrent: 3 } } }, workMs: 2 }),
  };
  for (const [name, measure] of Object.entries(kinds)) {
    const ratio = await measure();
    t.diagnostic(`${name}: ${ratio.toFixed(2)} put back for each that was run`);
    assert.ok(ratio <= 3, `${name}: ${ratio}`);
  }
});
