import type { PausedQueue } from "../../contracts/broker.ts";
import { EventSource } from "../../async/event-source.ts";
import { KeyedWake } from "../../async/keyed-wake.ts";
import type { StoredLock } from "../../contracts/lock-store.ts";
import type { TaskState, TerminalState } from "../../model/task-state.ts";
import type { RevocationRow } from "../revocation-requests.ts";
import { ExpiringMap } from "./expiring-map.ts";
import type { MemoryQueue, StoredEnvelope } from "./queue.ts";

/** A dead letter as it is kept. */
export interface StoredDeadLetter {
  /** The task. */
  readonly id: string;
  /** Its queue. */
  readonly queue: string;
  /** Its attempt. */
  readonly attempt: number;
  /** The envelope. */
  readonly kept: unknown;
  /** Why it was given up on. */
  readonly reason: string;
  /** The error as JSON text. */
  readonly error: string | undefined;
  /** When. */
  readonly diedAt: number;
  /** Until when it is kept. */
  readonly expiresAt: number;
}

/** A status as it is kept, with copies of its values that nobody else holds. */
export interface StoredStatus {
  readonly id: string;
  /** Rises with each task that is heard of: the order of lists. */
  readonly position: number;
  state: TaskState;
  attempt: number;
  name: string | undefined;
  queue: string | undefined;
  payload: unknown;
  error: unknown;
  meta: unknown;
  progress: unknown;
  worker: string | undefined;
  groupId: string | undefined;
  readonly createdAt: number;
  updatedAt: number;
  startedAt: number | undefined;
  finishedAt: number | undefined;
  expiresAt: number | undefined;
}

/** A member of a group: its end, once it has come. Values as JSON text. */
export interface StoredMember {
  readonly state: TerminalState;
  readonly payload: string | undefined;
  readonly encoder: string | undefined;
  readonly error: string | undefined;
}

/** A group as it is kept. */
export interface StoredGroup {
  readonly id: string;
  /** In the order of submission; `undefined` until the member has ended. */
  readonly members: Map<string, StoredMember | undefined>;
  readonly meta: string;
  readonly callback: string | undefined;
  readonly createdAt: number;
  readonly doneTtlMs: number;
  ended: number;
  failed: number;
  completedAt: number | undefined;
  expiresAt: number | undefined;
  /** The latest claim of the callback. */
  chord: { readonly token: number; readonly until: number } | undefined;
  dispatchedAt: number | undefined;
}

/** A heartbeat as it is kept. */
export interface StoredBeat {
  readonly text: string;
  readonly seenAt: number;
  readonly expiresAt: number;
}

/** A schedule as it is kept. */
export interface StoredSchedule {
  readonly id: string;
  /** What its owner wrote, as JSON text. */
  readonly text: string;
  readonly enabled: boolean;
  readonly maxRuns: number | undefined;
  readonly version: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  nextRunAt: number | undefined;
  lastRunAt: number | undefined;
  /** The latest slot that was completed, dispatched or not. */
  lastSlotAt: number | undefined;
  runs: number;
  /** The latest claim of its slot; absent when the slot was completed or given back, or its owner changed the entry. */
  claim: { readonly token: number; readonly slot: number; readonly until: number } | undefined;
}

/** A permit as it is kept. */
export interface StoredPermit {
  readonly holder: string;
  readonly token: number;
  readonly expiresAt: number;
}

/** Hears the JSON text of a broadcast. */
export type BroadcastListener = (text: string, sentAt: number) => void;

/** Everything of one namespace. */
export class MemorySpace {
  /** What waits or is held, by id. */
  readonly envelopes: Map<string, StoredEnvelope> = new Map();
  /** The queues that hold something, by name. */
  readonly queues: Map<string, MemoryQueue> = new Map();
  /** The queues that hand out nothing, by name. */
  readonly pausedQueues: Map<string, PausedQueue> = new Map();
  /** What was given up on, by id. */
  readonly deadLetters: ExpiringMap<StoredDeadLetter> = new ExpiringMap();
  /** What became of tasks, by id. */
  readonly statuses: ExpiringMap<StoredStatus> = new ExpiringMap();
  /** Groups, by id. */
  readonly groups: ExpiringMap<StoredGroup> = new ExpiringMap();
  /** Workers, by id. */
  readonly heartbeats: ExpiringMap<StoredBeat> = new ExpiringMap();
  /** Who listens, by channel. */
  readonly channels: Map<string, Set<BroadcastListener>> = new Map();
  /** Locks, by key. */
  readonly locks: ExpiringMap<StoredLock> = new ExpiringMap();
  /** When buckets will be full, in microseconds, by key. */
  readonly buckets: ExpiringMap<number> = new ExpiringMap();
  /** Permits by key, and under it by holder. */
  readonly permits: Map<string, ExpiringMap<StoredPermit>> = new Map();
  /** Wakes those who wait for a lock, by its key. */
  readonly lockWakes: KeyedWake<string> = new KeyedWake();
  /** Revocations, by target: also those that have ended, until they are pruned. */
  readonly revocations: Map<string, RevocationRow> = new Map();
  /** Tells that a revocation was decided or taken back. */
  readonly revocationNews: EventSource<void> = new EventSource();
  /** Wakes those who wait for work, by queue. */
  readonly queueWakes: KeyedWake<string> = new KeyedWake();
  /** Wakes those who follow a task, by its id. */
  readonly statusWakes: KeyedWake<string> = new KeyedWake();
  /** Schedules, by id. */
  readonly schedules: Map<string, StoredSchedule> = new Map();
  /** What became of their slots, as JSON text by schedule and slot. */
  readonly scheduleRuns: Map<string, Map<number, string>> = new Map();
  /** Tells that a slot may be claimed sooner than before. */
  readonly scheduleChanges: EventSource<void> = new EventSource();
  #last = 0;

  /** Gives a number that is higher than every one before: places, tokens and positions, which thus never repeat. */
  next(): number {
    this.#last += 1;
    return this.#last;
  }
}

/**
 * A database in this process's memory: gone with the process, or with the last store that uses it.
 *
 * Stores that are made with the same database and namespace share their state, as two connections to one server would.
 *
 * @example
 * ```ts
 * import { InMemoryBroker, InMemoryResultBackend, MemoryDatabase } from "@stem/stem/memory";
 *
 * const database = new MemoryDatabase();
 * const broker = new InMemoryBroker({ database });
 * const backend = new InMemoryResultBackend({ database });
 * console.log(broker.joinWith(backend)?.atomic); // true
 * ```
 */
export class MemoryDatabase {
  readonly #spaces = new Map<string, MemorySpace>();

  /**
   * Gives everything of one namespace, made when it is asked for first.
   *
   * @internal
   */
  space(namespace: string): MemorySpace {
    const known = this.#spaces.get(namespace);
    if (known !== undefined) return known;
    const space = new MemorySpace();
    this.#spaces.set(namespace, space);
    return space;
  }
}
