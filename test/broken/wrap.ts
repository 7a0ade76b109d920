/** Adapters with one deliberate defect each: a sound adapter, wrapped. */

import type { Adapter } from "../../src/contracts/adapter.ts";
import type { Broker } from "../../src/contracts/broker.ts";
import type { LockStore } from "../../src/contracts/lock-store.ts";
import type { RateLimiter } from "../../src/contracts/rate-limiter.ts";
import type { ResultBackend } from "../../src/contracts/result-backend.ts";
import type { RevokeStore } from "../../src/contracts/revoke-store.ts";
import type { ScheduleStore } from "../../src/contracts/schedule-store.ts";
import type { TaskLedger } from "../../src/contracts/task-ledger.ts";
import type { Delivery } from "../../src/model/delivery.ts";
import type { Envelope } from "../../src/model/envelope.ts";
import type { TaskStatus } from "../../src/model/task-status.ts";
import type { ConformanceHarness, HarnessConnectOptions } from "../../src/conformance.ts";
import type { Clock } from "../../src/time/clock.ts";
import { systemClock } from "../../src/time/clock.ts";
import type { FoundationKind } from "./foundations.ts";
import { memoryFoundation } from "./foundations.ts";

/** What all connections of one namespace remember together, for defects that need a memory of their own. */
export interface Shared {
  /** The latest delivery of each task. */
  readonly deliveries: Map<string, Delivery>;
  /** Envelopes as they were published. */
  readonly envelopes: Map<string, Envelope>;
  /** Statuses as they were last seen. */
  readonly statuses: Map<string, TaskStatus>;
  /** Anything that has been seen. */
  readonly seen: Set<string>;
}

/** What a defect works with. */
export interface Scope {
  /** The sound adapter inside. */
  readonly sound: Adapter;
  /** The sound ledger inside. */
  readonly ledger: TaskLedger;
  /** The clock of the connection. */
  readonly clock: Clock;
  /** What the connections of this namespace share. */
  readonly shared: Shared;
}

/** One defect, and the law that a case must be found to fail for. */
export interface Defect {
  /** What is wrong. */
  readonly name: string;
  /** The law that it breaks. */
  readonly law: string;
  /** What its broker does otherwise. */
  readonly broker?: (scope: Scope) => Partial<Broker>;
  /** What its result backend does otherwise. */
  readonly results?: (scope: Scope) => Partial<ResultBackend>;
  /** What its lock store does otherwise. */
  readonly locks?: (scope: Scope) => Partial<LockStore>;
  /** What its schedule store does otherwise. */
  readonly schedules?: (scope: Scope) => Partial<ScheduleStore>;
  /** What its revoke store does otherwise. */
  readonly revocations?: (scope: Scope) => Partial<RevokeStore>;
  /** What its rate limiter does otherwise. */
  readonly limiter?: (scope: Scope) => Partial<RateLimiter>;
  /** What its joined ledger does otherwise. */
  readonly ledger?: (scope: Scope) => Partial<TaskLedger>;
  /** What the adapter does otherwise. */
  readonly adapter?: (scope: Scope) => Partial<Adapter>;
  /** What it makes of the options of a connection. */
  readonly connectWith?: (options: HarnessConnectOptions) => HarnessConnectOptions;
  /** Whether each connection gets a database of its own. */
  readonly isApart?: boolean;
}

/** Gives the harness of an adapter with that defect; without one it is sound, which proves that the wrapping breaks nothing. */
export function harnessOf(defect: Partial<Defect>, on: FoundationKind = memoryFoundation): ConformanceHarness {
  const foundation = on.lay();
  const spaces = new Map<string, Shared>();
  const opened: Adapter[] = [];
  return {
    name: defect.name ?? "sound",
    connect: async (options) => {
      const changed = defect.connectWith?.(options) ?? options;
      const { namespace, clock } = changed;
      const sound = await foundation.connect(changed, defect.isApart === true);
      opened.push(sound);
      const shared = spaces.get(namespace) ?? { deliveries: new Map(), envelopes: new Map(), statuses: new Map(), seen: new Set() };
      spaces.set(namespace, shared);
      return wrap(defect, { sound, clock: clock ?? systemClock, shared });
    },
    // Whatever a defect kept open ends here, so that its timers do not outlive its test.
    cleanup: async () => {
      await Promise.all(opened.map((adapter) => adapter.close()));
      await foundation.clear();
    },
  };
}

// The sound backends behind the wrapped ones: joining needs to find them.
const soundBackends = new WeakMap<ResultBackend, ResultBackend>();

function wrap(defect: Partial<Defect>, parts: Omit<Scope, "ledger">): Adapter {
  const { sound } = parts;
  const ledger = sound.broker.joinWith(sound.results);
  if (ledger === undefined) throw new Error("The adapter does not join its own stores");
  const scope: Scope = { ...parts, ledger };
  const broker: Broker = { ...soundBroker(scope, () => broker), ...defect.broker?.(scope) };
  const results: ResultBackend = { ...soundResults(sound.results, () => results), ...defect.results?.(scope) };
  const locks: LockStore = { ...soundLocks(sound.locks, () => locks), ...defect.locks?.(scope) };
  const schedules: ScheduleStore = { ...soundSchedules(sound.schedules), ...defect.schedules?.(scope) };
  const revocations: RevokeStore = { ...soundRevocations(sound.revocations), ...defect.revocations?.(scope) };
  const limiter: RateLimiter = { ...soundLimiter(sound.limiter, () => limiter), ...defect.limiter?.(scope) };
  soundBackends.set(results, sound.results);
  const joinWith: Broker["joinWith"] = (backend) => {
    const joined = sound.broker.joinWith(soundBackends.get(backend) ?? backend);
    return joined === undefined ? undefined : { ...soundLedger(joined), ...defect.ledger?.(scope) };
  };
  const close = () => sound.close();
  const joining = defect.broker?.(scope).joinWith === undefined ? { joinWith } : {};
  return {
    ...sound,
    ...{ broker: Object.assign(broker, joining), results, close, [Symbol.asyncDispose]: close },
    locks,
    schedules,
    revocations,
    limiter,
    ...defect.adapter?.(scope),
  };
}

function soundBroker({ sound: { broker: inner } }: Scope, self: () => Broker): Broker {
  const settleOne = async (...request: Parameters<Broker["settle"]>[0]) => (await self().settle(request))[0] ?? false;
  return {
    publish: (envelopes, options) => inner.publish(envelopes, options),
    claim: (options) => inner.claim(options),
    settle: (requests, options) => inner.settle(requests, options),
    ack: (delivery) => settleOne({ delivery, settlement: { kind: "ack" } }),
    retry: (delivery, delayMs = 0) => settleOne({ delivery, settlement: { kind: "retry", delayMs } }),
    nack: (delivery, delayMs = 0) => settleOne({ delivery, settlement: { kind: "nack", delayMs } }),
    deadLetter: (delivery, reason, error) =>
      settleOne({ delivery, settlement: { kind: "deadLetter", reason, ...(error === undefined ? {} : { error }) } }),
    extendLease: (deliveries, leaseMs) => inner.extendLease(deliveries, leaseMs),
    consume: (options) => inner.consume(options),
    pauseQueue: (queue, options) => inner.pauseQueue(queue, options),
    resumeQueue: (queue) => inner.resumeQueue(queue),
    pausedQueues: () => inner.pausedQueues(),
    purge: (queue) => inner.purge(queue),
    counts: (queue) => inner.counts(queue),
    deadLetters: inner.deadLetters,
    sweep: (options) => inner.sweep(options),
    broadcast: (channel, message) => inner.broadcast(channel, message),
    subscribe: (channel, options) => inner.subscribe(channel, options),
    joinWith: (backend) => inner.joinWith(backend),
    close: () => inner.close(),
    [Symbol.asyncDispose]: () => inner.close(),
  };
}

function soundResults(inner: ResultBackend, self: () => ResultBackend): ResultBackend {
  return {
    set: async (id, state, fields) => (await self().setMany([{ ...fields, id, state }]))[0] ?? false,
    setMany: (updates, options) => inner.setMany(updates, options),
    get: async (id) => (await self().getMany([id]))[0],
    getMany: (ids) => inner.getMany(ids),
    watch: (id, options) => inner.watch(id, options),
    waitFor: (id, options) => inner.waitFor(id, options),
    list: (filter, page) => inner.list(filter, page),
    expire: (id, ttl) => inner.expire(id, ttl),
    remove: (id) => inner.remove(id),
    sweep: (options) => inner.sweep(options),
    setHeartbeat: (heartbeat, ttlMs) => inner.setHeartbeat(heartbeat, ttlMs),
    listHeartbeats: () => inner.listHeartbeats(),
    removeHeartbeat: (id) => inner.removeHeartbeat(id),
    initGroup: (group, options) => inner.initGroup(group, options),
    addGroupResults: (reports) => inner.addGroupResults(reports),
    addGroupResult: async (groupId, result) => (await self().addGroupResults([{ ...result, groupId }]))[0],
    getGroup: (id) => inner.getGroup(id),
    claimChord: (id, options) => inner.claimChord(id, options),
    completeChord: (claim) => inner.completeChord(claim),
    dueChords: (options) => inner.dueChords(options),
    close: () => inner.close(),
    [Symbol.asyncDispose]: () => inner.close(),
  };
}

function soundLocks(inner: LockStore, self: () => LockStore): LockStore {
  return {
    acquire: (key, options) => inner.acquire(key, options),
    acquireAll: (requests, options) => inner.acquireAll(requests, options),
    renew: async (lock, ttl) => (await self().renewAll([lock], ttl))[0],
    renewAll: (locks, ttl) => inner.renewAll(locks, ttl),
    release: async (lock) => (await self().releaseAll([lock]))[0] ?? false,
    releaseAll: (locks, options) => inner.releaseAll(locks, options),
    transfer: (lock, to, options) => inner.transfer(lock, to, options),
    ownerOf: (key) => inner.ownerOf(key),
    isCurrent: (lock, options) => inner.isCurrent(lock, options),
    sweep: (options) => inner.sweep(options),
    close: () => inner.close(),
    [Symbol.asyncDispose]: () => inner.close(),
  };
}

function soundSchedules(inner: ScheduleStore): ScheduleStore {
  return {
    upsert: (entry, options) => inner.upsert(entry, options),
    get: (id) => inner.get(id),
    list: (page) => inner.list(page),
    remove: (id, options) => inner.remove(id, options),
    claimDue: (options) => inner.claimDue(options),
    release: (claims) => inner.release(claims),
    complete: (claim, outcome) => inner.complete(claim, outcome),
    completeAndPublish: (slots, ledger) => inner.completeAndPublish(slots, ledger),
    sweep: (options) => inner.sweep(options),
    history: (id, page) => inner.history(id, page),
    nextDueIn: () => inner.nextDueIn(),
    watch: (options) => inner.watch(options),
    close: () => inner.close(),
    [Symbol.asyncDispose]: () => inner.close(),
  };
}

function soundRevocations(inner: RevokeStore): RevokeStore {
  return {
    upsertAll: (revocations, options) => inner.upsertAll(revocations, options),
    get: (targets) => inner.get(targets),
    match: (tasks) => inner.match(tasks),
    list: (page) => inner.list(page),
    remove: (targets) => inner.remove(targets),
    pruneExpired: (options) => inner.pruneExpired(options),
    watch: (options) => inner.watch(options),
    close: () => inner.close(),
    [Symbol.asyncDispose]: () => inner.close(),
  };
}

function soundLimiter(inner: RateLimiter, self: () => RateLimiter): RateLimiter {
  return {
    acquire: async (key, limit) => (await self().acquireMany([{ ...limit, key }]))[0] ?? { allowed: false, retryAfterMs: 1 },
    acquireMany: (requests) => inner.acquireMany(requests),
    enter: (requests) => inner.enter(requests),
    renewPermits: (permits, ttl) => inner.renewPermits(permits, ttl),
    leave: (permits) => inner.leave(permits),
    sweep: (options) => inner.sweep(options),
    close: () => inner.close(),
    [Symbol.asyncDispose]: () => inner.close(),
  };
}

function soundLedger(inner: TaskLedger): TaskLedger {
  return {
    atomic: inner.atomic,
    enqueue: (envelopes, options) => inner.enqueue(envelopes, options),
    claim: (options) => inner.claim(options),
    finish: (completions) => inner.finish(completions),
    cancel: (ids, options) => inner.cancel(ids, options),
    purge: (queue) => inner.purge(queue),
    replay: (options) => inner.replay(options),
  };
}
