import assert from "node:assert/strict";
import { test } from "node:test";
import type { Broker } from "../../src/contracts/broker.ts";
import type { ResultBackend } from "../../src/contracts/result-backend.ts";
import type { Completion } from "../../src/contracts/task-ledger.ts";
import { StoreError } from "../../src/errors.ts";
import { ledgerFor } from "../../src/ledger/ledger-for.ts";
import { SeparateLedger } from "../../src/ledger/separate-ledger.ts";
import { InMemoryBroker, InMemoryResultBackend, MemoryDatabase } from "../../src/memory.ts";
import type { Delivery } from "../../src/model/delivery.ts";
import type { Envelope, EnvelopeInput } from "../../src/model/envelope.ts";
import { envelope } from "../../src/model/envelope.ts";
import type { TaskState } from "../../src/model/task-state.ts";
import { ManualClock } from "../../src/time/manual-clock.ts";

const timeout = 20_000;

/** Two stores that share nothing, whose writes are written down and can be cut off. */
interface Sides {
  readonly clock: ManualClock;
  readonly broker: InMemoryBroker;
  readonly results: InMemoryResultBackend;
  readonly ledger: SeparateLedger;
  /** The verbs in the order of their calls, reads left out. */
  readonly log: string[];
  /** The verb that fails from now on. */
  cutOffAt: string | undefined;
}

const writes = ["publish", "settle", "extendLease", "setMany", "addGroupResults", "remove"];

function separate(): Sides {
  const clock = new ManualClock();
  const broker = new InMemoryBroker({ clock });
  const results = new InMemoryResultBackend({ clock });
  const log: string[] = [];
  const sides: Sides = { clock, broker, results, log, cutOffAt: undefined, ledger: new SeparateLedger(watched(broker), watched(results)) };
  return sides;

  function watched<S extends Broker | ResultBackend>(store: S): S {
    return new Proxy(store, {
      get(target, verb): unknown {
        const value: unknown = Reflect.get(target, verb, target);
        if (typeof value !== "function") return value;
        return (...args: readonly unknown[]): unknown => {
          const name = String(verb);
          if (writes.includes(name) && Array.isArray(args[0]) && args[0].length > 0) log.push(name);
          if (name === sides.cutOffAt) {
            return Promise.reject(new StoreError(`Cannot ${name}`, { adapter: "cut", operation: name, retryable: true }));
          }
          return Reflect.apply(value, target, args);
        };
      },
    });
  }
}

function task(input: Partial<EnvelopeInput> = {}): Envelope {
  return envelope({ name: "t", ...input });
}

async function claim({ ledger }: Sides): Promise<readonly Delivery[]> {
  return await ledger.claim({ queues: ["default"], limit: 10, consumer: "w" });
}

async function claimOne(sides: Sides): Promise<Delivery> {
  const [delivery, ...others] = await claim(sides);
  assert.ok(delivery !== undefined && others.length === 0);
  return delivery;
}

async function stateOf({ results }: Sides, id: string): Promise<TaskState | undefined> {
  return (await results.get(id))?.state;
}

function succeeded(delivery: Delivery, followUps: readonly Envelope[] = []): Completion {
  return { delivery, settlement: { kind: "ack" }, status: { state: "succeeded", payload: 1 }, followUps };
}

test("stores of two databases get a ledger that is not atomic", () => {
  const database = new MemoryDatabase();
  assert.equal(ledgerFor(new InMemoryBroker(), new InMemoryResultBackend()).atomic, false);
  assert.equal(ledgerFor(new InMemoryBroker({ database }), new InMemoryResultBackend({ database })).atomic, true);
});

test("the two sides are written in the safe order", { timeout }, async () => {
  const sides = separate();
  const { ledger, log, results } = sides;
  const first = task({ groupId: "g" });
  const next = task({ queue: "later" });
  await results.initGroup({ id: "g", taskIds: [first.id] });
  await ledger.enqueue([first]);
  assert.deepEqual(log.splice(0), ["setMany", "publish"]);
  const delivery = await claimOne(sides);
  assert.deepEqual(log.splice(0), ["setMany"]);
  const [outcome] = await ledger.finish([succeeded(delivery, [next])]);
  assert.deepEqual(log, ["extendLease", "setMany", "setMany", "publish", "addGroupResults", "settle"]);
  assert.deepEqual(outcome, {
    settled: true,
    state: "succeeded",
    group: { groupId: "g", total: 1, ended: 1, failed: 0, completedNow: true },
  });
  assert.equal(await stateOf(sides, next.id), "queued");
});

for (const cutOffAt of ["setMany", "publish"]) {
  test(`an enqueue that is cut off at ${cutOffAt} can be repeated, and the task runs once`, { timeout }, async () => {
    const sides = separate();
    const envelope = task();
    sides.cutOffAt = cutOffAt;
    await assert.rejects(sides.ledger.enqueue([envelope]), { name: "StoreError" });
    sides.cutOffAt = undefined;
    assert.deepEqual(await sides.ledger.enqueue([envelope]), [true]);
    assert.deepEqual(await sides.ledger.enqueue([envelope]), [false]);
    assert.equal((await claimOne(sides)).envelope.id, envelope.id);
    assert.deepEqual(await claim(sides), []);
  });
}

for (const cutOffAt of ["extendLease", "setMany", "publish", "addGroupResults", "settle"]) {
  test(`a finish that is cut off at ${cutOffAt} for good is made up for by the next claim`, { timeout }, async () => {
    const sides = separate();
    const { ledger, results, clock } = sides;
    const next = task({ queue: "later" });
    const first = task({ groupId: "g", onSuccess: [next] });
    await results.initGroup({ id: "g", taskIds: [first.id] });
    await ledger.enqueue([first]);
    const delivery = await claimOne(sides);
    sides.cutOffAt = cutOffAt;
    await assert.rejects(ledger.finish([succeeded(delivery, [next])]), { name: "StoreError" });
    sides.cutOffAt = undefined;
    const wasRecorded = await stateOf(sides, first.id) === "succeeded";
    await clock.advance(30_001);
    const again = await claim(sides);
    assert.deepEqual(again.map(({ envelope }) => envelope.id), wasRecorded ? [] : [first.id], "what is run again");
    await ledger.finish(again.map((another) => succeeded(another, [next])));
    assert.equal(await stateOf(sides, first.id), "succeeded");
    assert.equal((await results.getGroup("g"))?.ended, 1);
    assert.deepEqual(await sides.broker.counts("default"), { ready: 0, delayed: 0, inflight: 0, dead: 0 });
    assert.equal((await sides.broker.counts("later")).ready, 1);
  });

  test(`a finish that is cut off at ${cutOffAt} can be repeated by its holder`, { timeout }, async () => {
    const sides = separate();
    const { ledger, results } = sides;
    const next = task({ queue: "later" });
    const first = task({ groupId: "g" });
    await results.initGroup({ id: "g", taskIds: [first.id] });
    await ledger.enqueue([first]);
    const completion = succeeded(await claimOne(sides), [next]);
    sides.cutOffAt = cutOffAt;
    await assert.rejects(ledger.finish([completion]), { name: "StoreError" });
    sides.cutOffAt = undefined;
    const [outcome] = await ledger.finish([completion]);
    assert.equal(outcome?.settled, true);
    assert.equal(outcome?.state, "succeeded");
    assert.equal((await results.getGroup("g"))?.ended, 1);
    assert.equal((await sides.broker.counts("later")).ready, 1);
  });
}

test("a claim whose statuses cannot be written gives its deliveries back", { timeout }, async () => {
  const sides = separate();
  await sides.ledger.enqueue([task(), task()]);
  sides.cutOffAt = "setMany";
  await assert.rejects(claim(sides), { name: "StoreError" });
  assert.equal((await sides.broker.counts("default")).ready, 2);
});

test("a task whose status is kept is not run again", { timeout }, async () => {
  const sides = separate();
  const { ledger, clock } = sides;
  const first = task();
  await ledger.enqueue([first]);
  await ledger.finish([succeeded(await claimOne(sides))]);
  assert.deepEqual(await ledger.enqueue([first, first]), [false, false]);
  assert.deepEqual(await claim(sides), []);
  await clock.advance(24 * 3_600_000);
  assert.deepEqual(await ledger.enqueue([first, first]), [true, false]);
  assert.equal((await claimOne(sides)).envelope.id, first.id);
});

test("what the broker refuses for good leaves no status behind", { timeout }, async () => {
  const sides = separate();
  const large = task({ args: "x".repeat(5_000_000) });
  await assert.rejects(sides.ledger.enqueue([task({ id: "small" }), large]), { name: "PayloadError" });
  assert.deepEqual(await sides.results.getMany(["small", large.id]), [undefined, undefined]);
});

test("a stale completion writes nothing that undoes a newer status, and one delivery counts once", { timeout }, async () => {
  const sides = separate();
  const { ledger, clock } = sides;
  await ledger.enqueue([task()]);
  const late = await claimOne(sides);
  await clock.advance(30_001);
  const current = await claimOne(sides);
  assert.deepEqual(await ledger.finish([succeeded(late)]), [{ settled: false }]);
  assert.equal(await stateOf(sides, late.envelope.id), "running");
  const twice = succeeded(current);
  const outcomes = await ledger.finish([twice, twice, { ...twice }]);
  assert.deepEqual(outcomes.map(({ settled }) => settled), [true, false, false]);
});

test("a cancelled task's result is refused, its envelope goes, and its follow-ups do not come", { timeout }, async () => {
  const sides = separate();
  const { ledger, results } = sides;
  const first = task({ groupId: "g" });
  await results.initGroup({ id: "g", taskIds: [first.id] });
  await ledger.enqueue([first]);
  const delivery = await claimOne(sides);
  assert.deepEqual(await ledger.cancel([first.id], { reason: "no more" }), ["running"]);
  assert.equal((await results.getGroup("g"))?.ended, 0);
  const [outcome] = await ledger.finish([succeeded(delivery, [task({ queue: "later" })])]);
  assert.equal(outcome?.settled, true);
  assert.equal(outcome?.state, "cancelled");
  assert.equal(outcome?.group?.failed, 1);
  assert.equal((await sides.broker.counts("later")).ready, 0);
  assert.deepEqual(await sides.broker.counts("default"), { ready: 0, delayed: 0, inflight: 0, dead: 0 });
  assert.equal((await results.get(first.id))?.error?.message, "no more");
});

test("tasks that are cancelled while they wait are not run, and their groups are told", { timeout }, async () => {
  const sides = separate();
  const { ledger, results } = sides;
  const [waiting, delayed, ended] = [task({ groupId: "g" }), task({ groupId: "g", delayMs: 60_000 }), task()];
  await results.initGroup({ id: "g", taskIds: [waiting.id, delayed.id] });
  await ledger.enqueue([ended]);
  await ledger.finish([succeeded(await claimOne(sides))]);
  await ledger.enqueue([waiting, delayed]);
  const outcomes = await ledger.cancel([waiting.id, "nobody", delayed.id, ended.id, waiting.id, "nobody"]);
  assert.deepEqual(outcomes, ["cancelled", "unknown", "cancelled", "ended", "ended", "unknown"]);
  assert.equal((await results.getGroup("g"))?.ended, 2);
  await sides.clock.advance(60_000);
  assert.deepEqual(await claim(sides), []);
  assert.deepEqual(await sides.broker.counts("default"), { ready: 0, delayed: 0, inflight: 0, dead: 0 });
});

test("behind tasks that have ended others are still found by the same claim", { timeout }, async () => {
  const sides = separate();
  const [first, second] = [task(), task()];
  await sides.ledger.enqueue([first, second]);
  await sides.ledger.cancel([first.id]);
  const [delivery] = await sides.ledger.claim({ queues: ["default"], limit: 1, consumer: "w" });
  assert.equal(delivery?.envelope.id, second.id);
});

test("a put-back task keeps its attempt, unless it was cancelled meanwhile", { timeout }, async () => {
  const sides = separate();
  const { ledger } = sides;
  await ledger.enqueue([task()]);
  const putBack = (delivery: Delivery): Completion => ({ delivery, settlement: { kind: "nack" }, status: { state: "queued" } });
  assert.deepEqual(await ledger.finish([putBack(await claimOne(sides))]), [{ settled: true, state: "running" }]);
  const again = await claimOne(sides);
  assert.equal(again.envelope.attempt, 1);
  await ledger.cancel([again.envelope.id]);
  assert.deepEqual(await ledger.finish([putBack(again)]), [{ settled: true, state: "cancelled" }]);
  assert.deepEqual(await claim(sides), []);
});

test("a purge cancels what is ready, delayed or waits for another attempt, and leaves what is held", { timeout }, async () => {
  const sides = separate();
  const { ledger, broker } = sides;
  const [held, retried, ready, delayed] = [task(), task({ maxRetries: 1 }), task(), task({ delayMs: 60_000 })];
  await ledger.enqueue([held, retried]);
  const [, second] = await claim(sides);
  assert.ok(second !== undefined);
  await ledger.finish([{ delivery: second, settlement: { kind: "retry", delayMs: 60_000 }, status: { state: "retrying" } }]);
  await ledger.enqueue([ready, delayed, task({ queue: "other" })]);
  assert.equal(await ledger.purge("default"), 3);
  assert.deepEqual(await Promise.all([held, retried, ready, delayed].map(({ id }) => stateOf(sides, id))), [
    "running",
    "cancelled",
    "cancelled",
    "cancelled",
  ]);
  assert.deepEqual(await broker.counts("default"), { ready: 0, delayed: 0, inflight: 1, dead: 0 });
  assert.equal((await broker.counts("other")).ready, 1);
});

test("a replay publishes dead letters again, queued at the next attempt", { timeout }, async () => {
  const sides = separate();
  const { ledger, results, broker } = sides;
  const dead = task({ maxRetries: 0 });
  await ledger.enqueue([dead]);
  const error = { name: "Error", message: "broken" };
  const delivery = await claimOne(sides);
  await ledger.finish([{ delivery, settlement: { kind: "deadLetter", reason: "rejected", error }, status: { state: "failed", error } }]);
  assert.deepEqual(await ledger.replay({ dryRun: true }), [dead.id]);
  assert.equal(await stateOf(sides, dead.id), "failed");
  assert.deepEqual(await ledger.replay(), [dead.id]);
  const status = await results.get(dead.id);
  assert.deepEqual([status?.state, status?.attempt, status?.error], ["queued", 2, undefined]);
  const again = await claimOne(sides);
  assert.deepEqual([again.envelope.attempt, again.envelope.maxRetries], [2, 1]);
  assert.equal((await broker.counts("default")).dead, 0);
  assert.deepEqual(await ledger.replay(), []);
});

test("bad completions are refused before anything is written", { timeout }, async () => {
  const sides = separate();
  const { ledger, log } = sides;
  await ledger.enqueue([task(), task()]);
  const [first, second] = await claim(sides);
  assert.ok(first !== undefined && second !== undefined);
  log.length = 0;
  const bad: readonly Completion[] = [
    { delivery: second, settlement: { kind: "nack" }, status: { state: "failed" } },
    { delivery: second, settlement: { kind: "retry" }, status: { state: "queued" } },
    { delivery: second, settlement: { kind: "ack" }, status: { state: "running" } },
    succeeded(second, [{ ...task(), priority: 11 }]),
  ];
  for (const completion of bad) await assert.rejects(ledger.finish([succeeded(first), completion]), { name: "ConfigError" });
  assert.deepEqual(log, []);
});
