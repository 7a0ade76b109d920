import type { Adapter } from "../../contracts/adapter.ts";
import type { ClaimOptions } from "../../contracts/broker.ts";
import type { StoredLock } from "../../contracts/lock-store.ts";
import type { RevocableTask } from "../../contracts/revoke-store.ts";
import type { Permit } from "../../contracts/rate-limiter.ts";
import type { Completion, TaskLedger } from "../../contracts/task-ledger.ts";
import type { DeadLetter, Delivery, SettleRequest } from "../../model/delivery.ts";
import type { Envelope } from "../../model/envelope.ts";
import { envelope } from "../../model/envelope.ts";
import type { ChordClaim } from "../../model/group.ts";
import type { Page } from "../../model/page.ts";
import type { RevocationKey, StoredRevocation } from "../../model/revocation.ts";
import type { TaskStatus } from "../../model/task-status.ts";
import { present } from "../assert.ts";
import { anotherAttempt, death, putBack, success } from "../ledger-steps.ts";
import type { DrawnEnd, DrawnTask, Operation } from "./operation.ts";
import { ScheduleSide } from "./schedule-side.ts";
import { GROUPS, LOCKS, QUEUES, RATES, TARGETS, TASKS } from "./operation.ts";

const taskId = (task: number) => `task:${task}`;
const queueName = (queue: number) => `queue ${queue}`;
const lockKey = (key: number) => `lock ${key}`;
const groupId = (group: number) => `group/${group}`;
const allTasks = Array.from({ length: TASKS }, (_, task) => taskId(task));
const allLocks = Array.from({ length: LOCKS }, (_, key) => lockKey(key));
const allGroups = Array.from({ length: GROUPS }, (_, group) => groupId(group));

// Every combination of what can be revoked, enqueued at the instants that decisions name.
const allRevocable: readonly RevocableTask[] = ["a", "b", "c"].flatMap((id) =>
  ["a", "b"].flatMap((name) =>
    ["a", "b", "c"].map((stamp, enqueuedAt) => ({ id: `task ${id}`, name: `name ${name}`, enqueuedAt, headers: { stamp } }))
  )
);

/** What a {@link Side} leaves out, because an adapter that keeps delivery and status in one row may differ in it. */
export interface SideOptions {
  /**
   * Leaves out where tasks stand, in their queue and in lists: a replayed one may keep the place of its status, and a status that comes
   * anew that of its delivery. @default false
   */
  readonly ignoresPlaces?: boolean;
  /**
   * Leaves out since when a status knows its task, and what the envelope said of it (name, queue, group, meta): tasks enter by one store
   * here and go on in another. @default false
   */
  readonly ignoresOrigins?: boolean;
}

/** One adapter on which operations are carried out, with what came of earlier ones. */
export class Side {
  readonly #connections: readonly Adapter[];
  readonly #ledgers: readonly TaskLedger[];
  readonly #deliveries: Delivery[] = [];
  readonly #chords: ChordClaim[] = [];
  readonly #permits: Permit[] = [];
  readonly #locks: StoredLock[] = [];
  readonly #schedules = new ScheduleSide();
  readonly #options: SideOptions;
  #turn = 0;

  /** Works on connections to one namespace, in turn. */
  constructor(connections: readonly Adapter[], options: SideOptions = {}) {
    this.#options = options;
    this.#connections = connections;
    this.#ledgers = connections.map(({ broker, results }) => present(broker.joinWith(results), "a ledger of the adapter's own stores"));
  }

  /** Carries out one operation. Answers what the two sides must agree on: no tokens, no cursors, no adapter's own retention. */
  async carryOut(operation: Operation): Promise<unknown> {
    this.#turn += 1;
    const adapter = present(this.#connections[this.#turn % this.#connections.length], "a connection");
    const ledger = present(this.#ledgers[this.#turn % this.#ledgers.length], "a ledger");
    const { broker, results, limiter, locks, revocations } = adapter;
    switch (operation.kind) {
      case "publish":
        return broker.publish(operation.tasks.map(toEnvelope));
      case "enqueue":
        return ledger.enqueue(operation.tasks.map(toEnvelope));
      case "claim":
        return this.#claimed(await broker.claim(this.#claimOptions(operation)));
      case "claimTask":
        return this.#claimed(await ledger.claim(this.#claimOptions(operation)));
      case "settle":
        return broker.settle(operation.requests.flatMap(({ back, settlement }): SettleRequest[] => {
          const delivery = this.#delivery(back);
          return delivery === undefined ? [] : [{ delivery, settlement }];
        }));
      case "extend":
        return broker.extendLease(operation.back.flatMap((back) => this.#delivery(back) ?? []), operation.leaseMs);
      case "finish": {
        const delivery = this.#delivery(operation.back);
        const followUps = operation.followUp === undefined ? [] : [toEnvelope(operation.followUp)];
        return delivery === undefined ? "nothing" : ledger.finish([{ ...ending(delivery, operation.end, operation.payload), followUps }]);
      }
      case "counts":
        return broker.counts(queueName(operation.queue));
      case "purge":
        return broker.purge(queueName(operation.queue));
      case "purgeTasks":
        return ledger.purge(queueName(operation.queue));
      case "pause":
        return broker.pauseQueue(queueName(operation.queue));
      case "resume":
        return broker.resumeQueue(queueName(operation.queue));
      case "replay":
        return broker.deadLetters.replay(replayOptions(operation));
      case "replayTasks":
        return ledger.replay(replayOptions(operation));
      case "forgetDead":
        return broker.deadLetters.purge({ ids: operation.tasks.map(taskId) });
      case "cancel":
        return ledger.cancel(operation.tasks.map(taskId));
      case "buried":
        return (await allPages((cursor) => broker.deadLetters.list({}, { limit: 2, ...cursor }))).map(withoutExpiry);
      case "statuses":
        return (await results.getMany(allTasks)).map((status) => {
          return this.#options.ignoresOrigins && status !== undefined ? withoutOrigin(status) : status;
        });
      case "groups":
        return Promise.all(allGroups.map((id) => results.getGroup(id)));
      case "workers":
        return results.listHeartbeats();
      case "dueChords":
        return results.dueChords();
      case "sweep":
        await Promise.all([broker.sweep(), results.sweep()]);
        return undefined;
      case "set":
        return results.setMany(operation.updates.map(({ task, ...update }) => ({ ...update, id: taskId(task) })));
      case "list": {
        const { states, tag, limit } = operation;
        const filter = {
          ...(states === undefined ? {} : { state: states }),
          ...(tag === undefined || this.#options.ignoresOrigins ? {} : { meta: { tag } }),
        };
        const ids = (await allPages((cursor) => results.list(filter, { limit, ...cursor }))).map((status) => status.id);
        return this.#options.ignoresPlaces ? ids.toSorted() : ids;
      }
      case "remove":
        return results.remove(taskId(operation.task));
      case "expire":
        return results.expire(taskId(operation.task), operation.ttl);
      case "initGroup": {
        const { group, tasks, hasCallback, ttlMs } = operation;
        return results.initGroup({
          id: groupId(group),
          taskIds: tasks.map(taskId),
          ...(hasCallback ? { callback: toEnvelope({ task: 0, queue: 0, priority: 0, maxRetries: 0, args: null }) } : {}),
          ...(ttlMs === undefined ? {} : { ttlMs }),
        });
      }
      case "report":
        return results.addGroupResults(operation.reports.map(({ task, ...result }) => ({
          ...result,
          groupId: groupId(operation.group),
          taskId: taskId(task),
        })));
      case "claimChord": {
        const claim = await results.claimChord(groupId(operation.group), { owner: "drawn", leaseMs: operation.leaseMs });
        if (claim === undefined) return undefined;
        this.#chords.push(claim);
        return { ...claim, token: undefined };
      }
      case "completeChord": {
        const claim = this.#chords.at(-1 - operation.back);
        return claim === undefined ? "nothing" : results.completeChord(claim);
      }
      case "beat": {
        const { worker, ttlMs, processed } = operation;
        const beat = { workerId: `worker ${worker}`, queues: [], concurrency: 1, running: [], processed, startedAt: 1, meta: {} };
        return results.setHeartbeat(beat, ttlMs);
      }
      case "lock":
        return this.#locked(
          await locks.acquireAll(operation.requests.map(({ key, owner, ttl }) => ({ key: lockKey(key), owner: `owner ${owner}`, ttl }))),
        );
      case "renewLocks":
        return locks.renewAll(this.#locksOf(operation.back), operation.ttl);
      case "unlock":
        return locks.releaseAll(this.#locksOf(operation.back));
      case "handOver": {
        const [lock] = this.#locksOf([operation.back]);
        const to = { owner: `owner ${operation.owner}`, ttl: operation.ttl };
        return lock === undefined ? "nothing" : this.#locked([await locks.transfer(lock, to)]);
      }
      case "currentLocks":
        return Promise.all(this.#locksOf(operation.back).map((lock) => locks.isCurrent(lock)));
      case "holders":
        return (await Promise.all(allLocks.map((key) => locks.ownerOf(key)))).map(withoutToken);
      case "sweepLocks":
        // How many differs: a store may keep what was given back for a while.
        await locks.sweep();
        return undefined;
      case "take":
        // One by one, at the same time: a call of its own for each, since they differ in what they ask for.
        return Promise.all(
          operation.requests.map(({ bucket, rate }) => limiter.acquire(`bucket ${bucket}`, present(RATES[rate], "a rate"))),
        );
      case "enter": {
        const decisions = await limiter.enter(operation.requests.map(({ key, holder, limit }) => ({
          ...{ key: `key ${key}`, holder: `holder ${holder}`, limit, ttl: operation.ttl },
        })));
        this.#permits.push(...decisions.flatMap(({ permit }) => permit ?? []));
        return decisions.map(({ permit, retryAfterMs }) => ({ retryAfterMs, holder: permit?.holder }));
      }
      case "renewPermits":
        return limiter.renewPermits(this.#permitsOf(operation.back), operation.ttl);
      case "leave":
        return limiter.leave(this.#permitsOf(operation.back));
      case "sweepLimits":
        // How many differs here, too: a store may delete what is over beforehand.
        await limiter.sweep();
        return undefined;
      case "decide":
        return (await revocations.upsertAll(operation.decisions.map(({ target, before, ...decision }) => ({
          ...decision,
          target: target % 3 === 1 && before !== undefined ? { ...revocationKey(target), before } : revocationKey(target),
        })))).map(withoutVersion);
      case "takeBack":
        return revocations.remove(operation.targets.map(revocationKey));
      case "matchRevoked":
        return (await revocations.match(allRevocable)).map((found) => found === undefined ? undefined : withoutVersion(found));
      case "pruneRevoked":
        return revocations.pruneExpired();
      case "advance":
        return undefined;
      default:
        return this.#schedules.carryOut(operation, adapter.schedules, ledger);
    }
  }

  /** Tells everything that can be read. */
  async readAll(): Promise<unknown> {
    const { broker } = present(this.#connections[0], "a connection");
    return {
      paused: await broker.pausedQueues(),
      counts: await Promise.all(Array.from({ length: QUEUES }, (_, queue) => broker.counts(queueName(queue)))),
      buried: await this.carryOut({ kind: "buried" }),
      statuses: await this.carryOut({ kind: "statuses" }),
      listed: await this.carryOut({ kind: "list", limit: 3 }),
      groups: await this.carryOut({ kind: "groups" }),
      dueChords: await this.carryOut({ kind: "dueChords" }),
      workers: await this.carryOut({ kind: "workers" }),
      revoked: await this.#revoked(),
      locks: await this.carryOut({ kind: "holders" }),
      schedules: await this.carryOut({ kind: "plans" }),
    };
  }

  #permitsOf(back: readonly number[]): readonly Permit[] {
    return back.flatMap((at) => this.#permits.at(-1 - at) ?? []);
  }

  /** Remembers what was got. Tokens are compared with the latest one only: they have to rise, and not to be the same. */
  #locked(found: readonly (StoredLock | undefined)[]): readonly unknown[] {
    return found.map((lock) => {
      if (lock === undefined) return undefined;
      const isHigher = lock.token > Math.max(0, ...this.#locks.filter(({ key }) => key === lock.key).map(({ token }) => token));
      this.#locks.push(lock);
      return { ...withoutToken(lock), isHigher };
    });
  }

  #locksOf(back: readonly number[]): readonly StoredLock[] {
    return back.flatMap((at) => this.#locks.at(-1 - at) ?? []);
  }

  async #revoked(): Promise<unknown> {
    const { revocations } = present(this.#connections[0], "a connection");
    const read = await revocations.get(Array.from({ length: TARGETS }, (_, target) => revocationKey(target)));
    return {
      read: read.map((found) => found === undefined ? undefined : withoutVersion(found)),
      listed: (await allPages((cursor) => revocations.list({ limit: 2, ...cursor }))).map(withoutVersion),
    };
  }

  #delivery(back: number): Delivery | undefined {
    return this.#deliveries.at(-1 - back);
  }

  #claimOptions({ queues, limit, leaseMs }: Extract<Operation, { readonly kind: "claim" | "claimTask" }>): ClaimOptions {
    // Whoever does not know the places cannot know what a limit leaves.
    return { queues: queues.map(queueName), limit: this.#options.ignoresPlaces ? 1_000 : limit, leaseMs, consumer: "drawn" };
  }

  #claimed(deliveries: readonly Delivery[]): unknown {
    // Within each queue the order is law, between them it is not.
    const byQueue = Array.from({ length: QUEUES }, (_, queue) => deliveries.filter((one) => one.envelope.queue === queueName(queue)));
    const inOrder = this.#options.ignoresPlaces ? deliveries.toSorted(byTask) : byQueue.flat();
    this.#deliveries.push(...inOrder);
    return inOrder.map((delivery) => ({ ...delivery, token: undefined }));
  }
}

function byTask(a: Delivery, b: Delivery): number {
  return a.envelope.id < b.envelope.id ? -1 : 1;
}

function toEnvelope({ task, queue, group, ...fields }: DrawnTask): Envelope {
  return envelope({
    ...fields,
    id: taskId(task),
    name: "drawn",
    queue: queueName(queue),
    enqueuedAt: 1,
    ...(group === undefined ? {} : { groupId: groupId(group) }),
  });
}

function replayOptions({ tasks, limit, delayMs }: Extract<Operation, { readonly kind: "replay" | "replayTasks" }>) {
  return { limit, delayMs, ...(tasks === undefined ? {} : { ids: tasks.map(taskId) }) };
}

function ending(delivery: Delivery, end: DrawnEnd, payload: unknown): Completion {
  switch (end) {
    case "success":
      return success(delivery, { payload });
    case "retry":
      return anotherAttempt(delivery, 50);
    case "nack":
      return putBack(delivery);
    case "death":
      return death(delivery);
    case "cancelled":
      return { delivery, settlement: { kind: "ack" }, status: { state: "cancelled" } };
  }
}

function withoutOrigin({ createdAt: _createdAt, name: _name, queue: _queue, groupId: _groupId, meta: _meta, ...status }: TaskStatus) {
  return status;
}

function withoutExpiry({ expiresAt: _, ...letter }: DeadLetter) {
  return letter;
}

async function allPages<T>(page: (cursor: { readonly cursor?: string }) => Promise<Page<T>>): Promise<readonly T[]> {
  const items: T[] = [];
  for (let cursor: { readonly cursor?: string } = {};;) {
    const found = await page(cursor);
    items.push(...found.items);
    if (found.cursor === undefined || items.length > 1_000) return items;
    cursor = { cursor: found.cursor };
  }
}

function revocationKey(target: number): RevocationKey {
  const half = target < TARGETS / 2 ? "a" : "b";
  const keys: readonly RevocationKey[] = [
    { kind: "task", id: `task ${half}` },
    { kind: "name", name: `name ${half}` },
    { kind: "header", header: "stamp", value: half },
  ];
  return present(keys[target % 3], "a target");
}

function withoutVersion({ version: _version, ...revocation }: StoredRevocation) {
  return revocation;
}

function withoutToken(lock: StoredLock | undefined): Omit<StoredLock, "token"> | undefined {
  if (lock === undefined) return undefined;
  const { token: _token, ...rest } = lock;
  return rest;
}
