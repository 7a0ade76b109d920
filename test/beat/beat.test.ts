import assert from "node:assert/strict";
import { test } from "node:test";
import { deferred } from "../../src/async/deferred.ts";
import { slotIdentity } from "../../src/model/slot-id.ts";
import type { ScheduleStore, Task } from "../../src/mod.ts";
import { Base64PayloadEncoder, Beat, ClosedError, ConfigError, StoreError, task } from "../../src/mod.ts";
import { nextTurn } from "../../src/time/next-turn.ts";
import { setBeatStage, START } from "./beat-stage.ts";

const at = (seconds: number) => START + seconds * 1_000;
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => at(from + index));

/** A store in which one method behaves otherwise. */
function withMethod<Name extends keyof ScheduleStore>(store: ScheduleStore, name: Name, method: ScheduleStore[Name]): ScheduleStore {
  return new Proxy(store, {
    get(target, key) {
      if (key === name) return method;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? (...parameters: unknown[]): unknown => Reflect.apply(value, target, parameters) : value;
    },
  });
}

const away = new StoreError("Cannot reach the store", { adapter: "test", operation: "test", retryable: true });

test("slots are dispatched when they are due, each with the task that the schedule names", async () => {
  await using stage = setBeatStage();
  const { slots } = await stage.start();
  await stage.schedule({
    id: "report",
    task: {
      name: "report.send",
      args: { to: "ops" },
      headers: { traceparent: "00-1-2-01" },
      meta: { tenant: "t1" },
      queue: "reports",
      priority: 5,
      maxRetries: 2,
      timeLimitMs: 9_000,
    },
  });
  await stage.pass(999, 999);
  assert.deepEqual(slots("slot-dispatched"), []);
  await stage.pass(1);
  assert.deepEqual(slots("slot-dispatched"), [at(1)]);
  const [envelope] = await stage.take("reports");
  const entry = await stage.adapter.schedules.get("report");
  assert.ok(envelope !== undefined && entry !== undefined);
  assert.equal(envelope.id, (await slotIdentity(entry, at(1))).taskId);
  assert.deepEqual(
    [envelope.name, envelope.args, envelope.headers, envelope.priority, envelope.maxRetries, envelope.timeLimitMs],
    ["report.send", { to: "ops" }, { traceparent: "00-1-2-01" }, 5, 2, 9_000],
  );
  assert.deepEqual(envelope.meta, { tenant: "t1", __stemArgsEncoder: "json", __stemScheduleId: "report", __stemScheduleSlot: at(1) });
  assert.equal((await stage.adapter.results.get(envelope.id))?.state, "queued");
  const { items } = await stage.adapter.schedules.history("report");
  assert.deepEqual(items.map(({ kind, slot, taskId }) => [kind, slot, taskId]), [["dispatched", at(1), envelope.id]]);
  assert.deepEqual([entry.runs, entry.lastRunAt, entry.nextRunAt], [1, at(1), at(2)]);
});

test("an hour of slots has no drift and no gap", async () => {
  await using stage = setBeatStage();
  const { slots } = await stage.start();
  await stage.schedule({ id: "tick", spec: { kind: "interval", everyMs: 10_000 } });
  await stage.schedule({ id: "cron", spec: { kind: "cron", expression: "*/5 * * * *" } });
  await stage.pass(3_600_000, 3_333);
  assert.deepEqual(slots("slot-dispatched", "tick"), Array.from({ length: 360 }, (_, index) => at(10 * (index + 1))));
  assert.deepEqual(slots("slot-dispatched", "cron"), Array.from({ length: 12 }, (_, index) => at(300 * (index + 1))));
});

test("a registered task's defaults, encoder and route apply; any other is enqueued by name", async () => {
  await using stage = setBeatStage();
  const known = task({ name: "known", queue: "own", priority: 7, timeLimit: "9s", run: () => undefined });
  const coded = task({ name: "coded", run: () => undefined, metadata: { argsEncoder: new Base64PayloadEncoder() } });
  await stage.start({ registry: [known, coded], routes: { "routed.*": "by-route" } });
  await stage.schedule({ id: "a", task: { name: "known", priority: 1 } });
  await stage.schedule({ id: "b", task: { name: "coded", args: { secret: true } } });
  await stage.schedule({ id: "c", task: { name: "routed.far" } });
  await stage.pass(1_000);
  const [own] = await stage.take("own");
  assert.deepEqual([own?.name, own?.priority, own?.timeLimitMs], ["known", 1, 9_000]);
  const [encoded] = await stage.take();
  assert.deepEqual([encoded?.name, encoded?.meta["__stemArgsEncoder"]], ["coded", "base64"]);
  assert.equal(atob(String(encoded?.args)), '{"secret":true}');
  assert.deepEqual((await stage.take("by-route")).map(({ name }) => name), ["routed.far"]);
});

test("middleware sees every envelope, and one that it holds back fails its slot alone", async () => {
  await using stage = setBeatStage();
  const { slots } = await stage.start({
    middleware: [{
      onEnqueue: async (envelope, next) => {
        if (envelope.name !== "held") await next({ ...envelope, headers: { ...envelope.headers, seen: "yes" } });
      },
    }],
  });
  await stage.schedule({ id: "held", task: { name: "held" } });
  await stage.schedule({ id: "passed", task: { name: "passed" } });
  await stage.pass(1_000);
  assert.deepEqual((await stage.take()).map(({ name, headers }) => [name, headers["seen"]]), [["passed", "yes"]]);
  assert.deepEqual([slots("slot-failed", "held"), slots("slot-dispatched", "passed")], [[at(1)], [at(1)]]);
});

test("a slot that cannot be enqueued is recorded as failed with its reason, and its schedule and the others go on", async () => {
  await using stage = setBeatStage();
  const broken: Task<unknown, unknown> = task({
    name: "broken",
    run: () => undefined,
    metadata: {
      argsEncoder: new (class extends Base64PayloadEncoder {
        override encode(): never {
          throw new Error("no key");
        }
      })(),
    },
  });
  const { slots } = await stage.start({ registry: [broken] });
  await stage.schedule({ id: "bad", task: { name: "broken", args: 1 } });
  await stage.schedule({ id: "good" });
  await stage.pass(3_000);
  assert.deepEqual(slots("slot-dispatched", "good"), range(1, 3));
  assert.deepEqual(slots("slot-failed", "bad"), range(1, 3));
  const { items } = await stage.adapter.schedules.history("bad");
  assert.equal(items.length, 3);
  for (const { kind, message } of items) assert.ok(kind === "failed" && message?.includes("no key"), message);
  assert.ok(stage.logged.some((line) => line.includes("could not enqueue") && line.includes("no key")));
  assert.equal((await stage.adapter.schedules.get("bad"))?.runs, 0);
});

test("an encoder that never answers fails its own slot, and delays no other", async () => {
  await using stage = setBeatStage();
  const stuck = task({
    name: "stuck",
    run: () => undefined,
    metadata: {
      argsEncoder: new (class extends Base64PayloadEncoder {
        override encode(): never {
          const never: unknown = new Promise(() => {});
          return never as never;
        }
      })(),
    },
  });
  const { slots, events } = await stage.start({ registry: [stuck], lease: "10s" });
  await stage.adapter.schedules.upsert({ id: "stuck", spec: { kind: "clocked", at: at(1) }, task: { name: "stuck", args: 1 } });
  await stage.adapter.schedules.upsert({ id: "good", spec: { kind: "interval", everyMs: 1_000 }, task: { name: "work" } });
  while (slots("slot-failed").length === 0) await stage.pass(100, 100, 1);
  await stage.pass(at(8) - stage.clock.now(), 100);
  assert.deepEqual(slots("slot-failed", "stuck"), [at(1)]);
  assert.deepEqual(slots("slot-dispatched", "good"), range(1, 8));
  const late = events.flatMap((event) => event.type === "slot-dispatched" ? [event.claim.claimedAt - event.claim.slot] : []);
  assert.ok(Math.max(...late) <= 200, `the others were late by ${late.join(", ")} ms, half the lease is 5,000`);
});

test("jitter delays the task of one slot only, by the same time wherever it is dispatched", async () => {
  await using stage = setBeatStage();
  const { slots } = await stage.start();
  await stage.schedule({
    id: "spread",
    spec: { kind: "interval", everyMs: 10_000 },
    jitterMs: 10_000,
    task: { name: "spread", queue: "spread" },
  });
  await stage.schedule({ id: "exact", spec: { kind: "interval", everyMs: 10_000 } });
  await stage.pass(10_000);
  assert.deepEqual([slots("slot-dispatched", "spread"), slots("slot-dispatched", "exact")], [[at(10)], [at(10)]]);
  assert.equal((await stage.take()).length, 1);
  const entry = await stage.adapter.schedules.get("spread");
  assert.ok(entry !== undefined);
  const delay = Math.floor((await slotIdentity(entry, at(10))).share * 10_001);
  assert.ok(delay > 10 && delay < 9_990, `this slot's jitter is ${delay} ms`);
  await stage.pass(delay - 1, delay);
  assert.equal((await stage.take("spread")).length, 0);
  await stage.pass(1);
  const [envelope] = await stage.take("spread");
  assert.equal(envelope?.delayMs, delay);
});

test("a task expires by its slot, and a slot that comes too late for that is skipped", async () => {
  await using stage = setBeatStage();
  await stage.schedule({ id: "brief", expiresAfterMs: 5_000 });
  await stage.clock.advance(20_500);
  const { slots } = await stage.start();
  assert.deepEqual(slots("slot-skipped"), range(1, 15));
  assert.deepEqual(slots("slot-dispatched"), range(16, 20));
  assert.deepEqual((await stage.take()).map(({ expiresAt }) => expiresAt), range(21, 25));
});

test("slots that passed while nobody ran: on time within the grace, beyond it by the policy of each", async () => {
  await using stage = setBeatStage();
  await stage.schedule({ id: "skip", misfire: { kind: "skip" } });
  await stage.schedule({ id: "once" });
  await stage.schedule({ id: "some", misfire: { kind: "catch-up", limit: 90 } });
  await stage.clock.advance(600_000);
  const { slots } = await stage.start();
  assert.deepEqual(slots("slot-dispatched", "skip"), range(541, 600));
  assert.deepEqual(slots("slot-dispatched", "once"), [at(600)]);
  assert.deepEqual(slots("slot-dispatched", "some"), range(511, 600));
  for (const id of ["skip", "once", "some"]) {
    assert.deepEqual(slots("slot-skipped", id), [at(1)]);
    const { items } = await stage.adapter.schedules.history(id);
    const skipped = items.find(({ kind }) => kind === "skipped");
    assert.match(skipped?.message ?? "", /Missed by 9m59s; the misfire policy is/);
    assert.equal((await stage.adapter.schedules.get(id))?.nextRunAt, at(601));
  }
  assert.ok(stage.logged.some((line) => line.includes("skipped a slot") && line.includes("Missed by 9m59s")));
});

test("a clocked entry of the past fires once, or is dropped, as its policy says", async () => {
  await using stage = setBeatStage();
  await stage.clock.advance(7_200_000);
  const spec = { kind: "clocked", at: at(60) } as const;
  await stage.schedule({ id: "fires", spec });
  await stage.schedule({ id: "drops", spec, misfire: { kind: "skip" } });
  const { slots } = await stage.start();
  assert.deepEqual([slots("slot-dispatched"), slots("slot-skipped")], [[at(60)], [at(60)]]);
  await stage.pass(60_000, 5_000);
  assert.equal((await stage.take()).length, 1);
});

test("end, maximum of runs and disabling stop a schedule", async () => {
  await using stage = setBeatStage();
  const { slots } = await stage.start();
  await stage.schedule({ id: "ends", endAt: at(3) });
  await stage.schedule({ id: "counts", maxRuns: 2 });
  await stage.schedule({ id: "off", enabled: false });
  await stage.schedule({ id: "later", startAt: at(4) });
  await stage.pass(6_000);
  assert.deepEqual(slots("slot-dispatched", "ends"), range(1, 3));
  assert.deepEqual(slots("slot-dispatched", "counts"), range(1, 2));
  assert.deepEqual(slots("slot-dispatched", "off"), []);
  assert.deepEqual(slots("slot-dispatched", "later"), range(4, 6));
  await stage.schedule({ id: "off", enabled: true });
  await stage.pass(1_000);
  assert.deepEqual(slots("slot-dispatched", "off"), [at(7)]);
});

test("a schedule that is changed or made while Beat sleeps takes effect at once", async () => {
  await using stage = setBeatStage();
  const { slots } = await stage.start({ pollEvery: "10m" });
  await stage.schedule({ id: "slow", spec: { kind: "interval", everyMs: 300_000 } });
  await stage.pass(1_000);
  await stage.schedule({ id: "fast" });
  await stage.pass(1_000);
  assert.deepEqual(slots("slot-dispatched", "fast"), [at(2)]);
  await stage.schedule({ id: "slow" });
  await stage.pass(1_000);
  assert.deepEqual(slots("slot-dispatched", "slow"), [at(3)]);
  assert.equal(await stage.adapter.schedules.remove("slow"), true);
  await stage.pass(2_000);
  assert.deepEqual(slots("slot-dispatched", "slow"), [at(3)]);
});

test("without work it sleeps until the next slot, not ticking, and polls as a safety net", async () => {
  await using stage = setBeatStage();
  let claims = 0;
  const store = withMethod(stage.adapter.schedules, "claimDue", (options) => {
    claims += 1;
    return stage.adapter.schedules.claimDue(options);
  });
  await stage.start({ store, pollEvery: "1m" });
  await stage.schedule({ id: "hourly", spec: { kind: "interval", everyMs: 3_600_000 } });
  claims = 0;
  await stage.pass(3_540_000, 60_000);
  assert.equal(claims, 59);
});

test("a clock that is set back an hour: nothing is doubled, and it goes on when time has come", async () => {
  await using stage = setBeatStage();
  const { slots, events } = await stage.start();
  await stage.schedule({ id: "tick", spec: { kind: "interval", everyMs: 60_000 } });
  await stage.pass(300_000, 10_000);
  stage.clock.set(stage.clock.now() - 3_600_000);
  await stage.pass(3_600_000, 10_000);
  assert.deepEqual(slots("slot-dispatched"), [60, 120, 180, 240, 300].map(at));
  await stage.pass(60_000, 10_000);
  assert.deepEqual(slots("slot-dispatched"), [60, 120, 180, 240, 300, 360].map(at));
  assert.equal(new Set((await stage.take()).map(({ id }) => id)).size, 6);
  assert.deepEqual(events.filter(({ type }) => type === "error"), []);
});

test("a clock that is set forward an hour is noticed within the poll, and the misfire policy decides", async () => {
  await using stage = setBeatStage();
  const { slots } = await stage.start();
  await stage.schedule({ id: "tick", spec: { kind: "interval", everyMs: 60_000 } });
  stage.clock.set(stage.clock.now() + 3_600_000);
  await stage.pass(5_000);
  assert.deepEqual(slots("slot-dispatched"), [at(3_600)]);
});

test("a store that is away: it says so, waits longer each time, and goes on when it is back", async () => {
  await using stage = setBeatStage();
  let isAway = false;
  let refused = 0;
  const store = withMethod(stage.adapter.schedules, "claimDue", (options) => {
    if (!isAway) return stage.adapter.schedules.claimDue(options);
    refused += 1;
    return Promise.reject(away);
  });
  const { slots, events } = await stage.start({ store });
  await stage.schedule({ id: "tick" });
  await stage.pass(2_000);
  isAway = true;
  await stage.pass(20_000, 250);
  assert.ok(refused >= 4 && refused <= 15, `it asked ${refused} times in 20 s`);
  isAway = false;
  await stage.pass(10_000, 250);
  assert.deepEqual(slots("slot-dispatched"), range(1, 32));
  assert.equal(events.filter(({ type }) => type === "error").length, refused);
});

test("a broker that is away: slots are given back, and fire when it is there again", async () => {
  await using stage = setBeatStage();
  let isAway = true;
  let tried = 0;
  const store = withMethod(stage.adapter.schedules, "completeAndPublish", (completed, ledger) => {
    tried += 1;
    return isAway ? Promise.reject(away) : stage.adapter.schedules.completeAndPublish(completed, ledger);
  });
  const { slots } = await stage.start({ store });
  await stage.schedule({ id: "tick" });
  await stage.pass(20_000, 250);
  assert.ok(tried >= 4 && tried <= 15, `it tried ${tried} times in 20 s`);
  isAway = false;
  await stage.pass(10_000, 250);
  assert.deepEqual(slots("slot-dispatched"), range(1, 30));
});

test("stopping waits for what is in flight, and claims nothing more", async () => {
  await using stage = setBeatStage();
  const { promise: gate, resolve: letGo } = deferred<void>();
  const { promise: arrived, resolve: arrive } = deferred<void>();
  const store = withMethod(stage.adapter.schedules, "completeAndPublish", async (completed, ledger) => {
    arrive();
    await gate;
    return await stage.adapter.schedules.completeAndPublish(completed, ledger);
  });
  const beat = new Beat({ broker: stage.adapter.broker, store, clock: stage.clock });
  const told: string[] = [];
  beat.subscribe((event) => told.push(event.type === "slot-dispatched" ? `slot ${event.claim.slot}` : event.type));
  await stage.adapter.schedules.upsert({ id: "due", spec: { kind: "clocked", at: at(0) }, task: { name: "work" } });
  await beat.start();
  await arrived;
  const stopping = beat.stop();
  await nextTurn();
  assert.deepEqual([beat.state, told], ["stopping", ["started", "stopping"]]);
  letGo();
  await stopping;
  assert.deepEqual([beat.state, told], ["stopped", ["started", "stopping", `slot ${at(0)}`, "stopped"]]);
  assert.equal((await stage.take()).length, 1);
  assert.equal(stage.clock.pending, 0, "timers that were left behind");
});

test("without a result backend tasks are published all the same", async () => {
  await using stage = setBeatStage();
  const { broker, schedules: store } = stage.adapter;
  await using beat = new Beat({ broker, store, clock: stage.clock });
  await stage.schedule({ id: "tick", spec: { kind: "clocked", at: at(0) } });
  const dispatched = new Promise<string>((resolve) => beat.subscribe((event) => event.type === "slot-dispatched" && resolve(event.taskId)));
  await beat.start();
  const id = await dispatched;
  assert.deepEqual((await stage.take()).map((envelope) => envelope.id), [id]);
});

test("a schedule's task can be triggered by hand, which changes nothing about the schedule", async () => {
  await using stage = setBeatStage();
  const { broker, results: backend, schedules: store } = stage.adapter;
  await stage.schedule({ id: "off", enabled: false, task: { name: "work", args: { n: 1 }, priority: 4 } });
  const before = await store.get("off");
  const beat = new Beat({ broker, backend, store, clock: stage.clock });
  const ids = [await beat.trigger("off"), await beat.trigger("off")];
  assert.equal(await beat.trigger("unknown"), undefined);
  assert.equal(beat.state, "idle");
  assert.deepEqual(await store.get("off"), before);
  const tasks = await stage.take();
  assert.deepEqual(tasks.map(({ id }) => id), ids);
  assert.deepEqual([tasks[0]?.args, tasks[0]?.priority, tasks[0]?.meta["__stemScheduleId"]], [{ n: 1 }, 4, "off"]);
});

test("start and stop in any order, any number of times, end in one clean stop", async () => {
  await using stage = setBeatStage();
  const { broker, schedules: store, locks: lockStore } = stage.adapter;
  for (let round = 0; round < 20; round++) {
    const beat = new Beat({ broker, store, clock: stage.clock, ...(round % 2 === 0 ? { lockStore } : {}) });
    const events: string[] = [];
    beat.subscribe(({ type }) => events.push(type));
    const calls = Array.from({ length: 8 }, (_, index) => (index * 7 + round) % 3 === 0 ? beat.stop() : beat.start());
    const settled = await Promise.allSettled(calls);
    for (const each of settled) assert.ok(each.status === "fulfilled" || each.reason instanceof ClosedError);
    await beat.stop();
    await beat.whenStopped;
    assert.equal(beat.state, "stopped");
    assert.ok(events.filter((type) => type === "stopped").length <= 1);
    await assert.rejects(beat.start(), ClosedError);
  }
  assert.equal(stage.clock.pending, 0, "timers that were left behind");
});

test("a store that is closed under it ends it", async () => {
  await using stage = setBeatStage();
  const { beat } = await stage.start();
  await stage.adapter.close();
  await stage.clock.advance(5_000);
  await beat.whenStopped;
  assert.equal(beat.state, "stopped");
});

test("options that cannot be used are refused", async () => {
  await using stage = setBeatStage();
  const { broker, schedules: store } = stage.adapter;
  const bad = [
    { id: "" },
    { lease: 99 },
    { lease: "soon" },
    { misfireGrace: 0 },
    { limit: 0 },
    { limit: 1.5 },
    { pollEvery: 1 },
    { sweepEvery: 0 },
    { lockKey: "a\u0000" },
  ];
  for (const options of bad) assert.throws(() => new Beat({ broker, store, ...options }), ConfigError, JSON.stringify(options));
});
