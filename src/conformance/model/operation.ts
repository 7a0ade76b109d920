import type { RateLimit } from "../../contracts/rate-limiter.ts";
import type { Settlement } from "../../model/delivery.ts";
import { TASK_STATES, type TaskState, type TerminalState } from "../../model/task-state.ts";
import type { Random } from "../../time/random.ts";
import { drawScheduleOperation, type ScheduleOperation } from "./schedule-operation.ts";

/** A task that an operation publishes: small numbers stand for ids, so that operations meet each other. */
export interface DrawnTask {
  /** Which task. */
  readonly task: number;
  /** Which queue. */
  readonly queue: number;
  /** Its priority. */
  readonly priority: number;
  /** How long it is hidden; absent for not at all. */
  readonly delayMs?: number;
  /** How long its holder may keep it; absent leaves that to the claim. */
  readonly visibilityTimeoutMs?: number;
  /** Which group it belongs to. */
  readonly group?: number;
  /** How often it may be tried again. */
  readonly maxRetries: number;
  /** Its arguments. */
  readonly args: unknown;
}

/** A status that an operation sets. */
export interface DrawnStatus {
  /** Which task. */
  readonly task: number;
  /** Its state. */
  readonly state: TaskState;
  /** Its attempt; absent leaves it to the store. */
  readonly attempt?: number;
  /** Its payload; absent for none. */
  readonly payload?: unknown;
  /** Its progress; absent for none. */
  readonly progress?: unknown;
  /** Its meta; absent for none. */
  readonly meta?: Readonly<Record<string, unknown>>;
  /** Its time to live; absent for the default. */
  readonly ttl?: number;
}

/** A decision that tasks shall not run. */
export interface DrawnDecision {
  /** About which of the targets: a task, a name, or a header, by turns. */
  readonly target: number;
  /** Of a name: only tasks enqueued before that; absent for the store's now. */
  readonly before?: number;
  /** Whether it terminates. */
  readonly terminate: boolean;
  /** How long it is kept; absent for ever. */
  readonly expiresInMs?: number;
}

/** How a delivery ends through a ledger. */
export type DrawnEnd = "success" | "retry" | "nack" | "death" | "cancelled";

/** One call, as data. `back` counts deliveries back from the latest claimed, stale ones included. */
export type Operation =
  | ScheduleOperation
  | { readonly kind: "publish" | "enqueue"; readonly tasks: readonly DrawnTask[] }
  | { readonly kind: "claim" | "claimTask"; readonly queues: readonly number[]; readonly limit: number; readonly leaseMs: number }
  | { readonly kind: "settle"; readonly requests: readonly { readonly back: number; readonly settlement: Settlement }[] }
  | { readonly kind: "extend"; readonly back: readonly number[]; readonly leaseMs: number }
  | { readonly kind: "finish"; readonly back: number; readonly end: DrawnEnd; readonly payload: unknown; readonly followUp?: DrawnTask }
  | { readonly kind: "counts" | "purge" | "purgeTasks" | "pause" | "resume"; readonly queue: number }
  | { readonly kind: "replay" | "replayTasks"; readonly tasks?: readonly number[]; readonly limit: number; readonly delayMs: number }
  | { readonly kind: "buried" | "statuses" | "groups" | "workers" | "dueChords" | "sweep" }
  | { readonly kind: "forgetDead" | "cancel"; readonly tasks: readonly number[] }
  | { readonly kind: "set"; readonly updates: readonly DrawnStatus[] }
  | { readonly kind: "list"; readonly states?: readonly TaskState[]; readonly tag?: number; readonly limit: number }
  | { readonly kind: "remove"; readonly task: number }
  | { readonly kind: "expire"; readonly task: number; readonly ttl: number }
  | {
    readonly kind: "initGroup";
    readonly group: number;
    readonly tasks: readonly number[];
    readonly hasCallback: boolean;
    readonly ttlMs?: number;
  }
  | {
    readonly kind: "report";
    readonly group: number;
    readonly reports: readonly { readonly task: number; readonly state: TerminalState; readonly payload?: unknown }[];
  }
  | { readonly kind: "claimChord"; readonly group: number; readonly leaseMs: number }
  | { readonly kind: "completeChord"; readonly back: number }
  | { readonly kind: "beat"; readonly worker: number; readonly ttlMs: number; readonly processed: number }
  | { readonly kind: "take"; readonly requests: readonly { readonly bucket: number; readonly rate: number }[] }
  | {
    readonly kind: "enter";
    readonly requests: readonly { readonly key: number; readonly holder: number; readonly limit: number }[];
    readonly ttl: number;
  }
  | { readonly kind: "renewPermits"; readonly back: readonly number[]; readonly ttl: number }
  | { readonly kind: "leave"; readonly back: readonly number[] }
  | { readonly kind: "decide"; readonly decisions: readonly DrawnDecision[] }
  | { readonly kind: "takeBack"; readonly targets: readonly number[] }
  | { readonly kind: "matchRevoked" | "pruneRevoked" }
  | { readonly kind: "sweepLimits" }
  | { readonly kind: "lock"; readonly requests: readonly { readonly key: number; readonly owner: number; readonly ttl: number }[] }
  | { readonly kind: "renewLocks"; readonly back: readonly number[]; readonly ttl: number }
  | { readonly kind: "unlock"; readonly back: readonly number[] }
  | { readonly kind: "handOver"; readonly back: number; readonly owner: number; readonly ttl: number }
  | { readonly kind: "currentLocks"; readonly back: readonly number[] }
  | { readonly kind: "holders" | "sweepLocks" }
  | { readonly kind: "advance"; readonly ms: number };

/** The kinds of {@link Operation}. */
export type OperationKind = Operation["kind"];

/** How many different tasks there are. */
export const TASKS = 7;
/** How many different queues there are. */
export const QUEUES = 2;
/** How many different buckets, and keys of permits, there are. */
export const BUCKETS = 2;
/** What buckets are asked under: each of them under each. */
export const RATES: readonly RateLimit[] = Object.freeze([
  { limit: 5, per: "1s", burst: 3 },
  { limit: 1, per: "2s" },
  { limit: 3, per: "1s", burst: 4, tokens: 2 },
  { limit: 7, per: "1m" },
]);
/** How many different keys of locks there are. */
export const LOCKS = 3;
/** How many different targets of revocations there are. */
export const TARGETS = 6;
/** How many different groups there are. */
export const GROUPS = 3;

// Groups are made of a few neighbours each, so that some of them come to their end.
const membersApart = 2;

const payloads: readonly unknown[] = [null, [], {}, 0, "", { nested: [null, { deep: [] }] }, "\u0000\ud800", 2 ** 53];
const shortTimes: readonly number[] = [200, 1_000, 5_000, 20_000];
const longTimes: readonly number[] = [200, 800, 1_000, 4_000, 16_000, 40_000, 90_000_000, 700_000_000];
const terminal: readonly TerminalState[] = ["succeeded", "failed", "cancelled"];

/** Draws one operation of one of the given kinds; one that is named more often comes more often. */
export function drawOperation(kinds: readonly OperationKind[], random: Random): Operation {
  const int = (below: number): number => Math.min(below - 1, Math.floor(random() * below));
  const pick = <T>(from: readonly T[]): T => itemOf(from, int(from.length));
  const maybe = (share: number): boolean => random() < share;
  const some = <T>(most: number, draw: () => T): readonly T[] => Array.from({ length: 1 + int(most) }, draw);
  const task = (): DrawnTask => {
    const number = int(TASKS);
    return {
      task: number,
      queue: int(QUEUES),
      priority: int(3),
      maxRetries: int(3),
      args: pick(payloads),
      ...(maybe(0.25) ? { delayMs: pick(shortTimes) } : {}),
      ...(maybe(0.15) ? { visibilityTimeoutMs: pick(shortTimes) } : {}),
      ...(maybe(0.5) ? { group: maybe(0.8) ? Math.min(GROUPS - 1, Math.floor(number / membersApart)) : int(GROUPS) } : {}),
    };
  };
  const settlement = (): Settlement => {
    const delay = maybe(0.3) ? { delayMs: pick(shortTimes) } : {};
    return pick<Settlement>([{ kind: "ack" }, { kind: "retry", ...delay }, { kind: "nack", ...delay }]);
  };
  const kind = pick(kinds);
  switch (kind) {
    case "publish":
    case "enqueue":
      return { kind, tasks: some(4, task) };
    case "claim":
    case "claimTask": {
      // One queue with any limit, or both with room for all: in between the adapter may begin where it likes.
      const isBoth = maybe(0.3);
      return { kind, queues: isBoth ? [0, 1] : [int(QUEUES)], limit: isBoth || maybe(0.3) ? 1_000 : 1, leaseMs: pick(shortTimes) };
    }
    case "settle":
      // Two that die in one call die at the same instant: their order is nobody's law.
      if (maybe(0.25)) return { kind, requests: [{ back: int(6), settlement: { kind: "deadLetter", reason: "drawn" } }] };
      return { kind, requests: some(3, () => ({ back: int(6), settlement: settlement() })) };
    case "extend":
      return { kind, back: some(3, () => int(6)), leaseMs: pick(shortTimes) };
    case "finish": {
      const end = pick<DrawnEnd>(["success", "success", "retry", "nack", "death", "cancelled"]);
      return { kind, back: int(4), end, payload: pick(payloads), ...(maybe(0.3) ? { followUp: task() } : {}) };
    }
    case "counts":
    case "purge":
    case "purgeTasks":
    case "pause":
    case "resume":
      return { kind, queue: int(QUEUES) };
    case "replay":
    case "replayTasks": {
      const chosen = maybe(0.5) ? { tasks: some(3, () => int(TASKS)) } : {};
      return { kind, ...chosen, limit: 1 + int(3), delayMs: maybe(0.3) ? pick(shortTimes) : 0 };
    }
    case "forgetDead":
    case "cancel":
      return { kind, tasks: some(3, () => int(TASKS)) };
    case "set":
      return {
        kind,
        updates: some(3, () => ({
          task: int(TASKS),
          state: pick(TASK_STATES),
          ...(maybe(0.6) ? { attempt: 1 + int(3) } : {}),
          ...(maybe(0.5) ? { payload: pick(payloads) } : {}),
          ...(maybe(0.3) ? { progress: pick(payloads) } : {}),
          ...(maybe(0.4) ? { meta: { tag: int(2) } } : {}),
          ...(maybe(0.3) ? { ttl: pick(shortTimes) } : {}),
        })),
      };
    case "list":
      return {
        kind,
        limit: 1 + int(4),
        ...(maybe(0.5) ? { states: some(2, () => pick(TASK_STATES)) } : {}),
        ...(maybe(0.3) ? { tag: int(2) } : {}),
      };
    case "remove":
      return { kind, task: int(TASKS) };
    case "expire":
      return { kind, task: int(TASKS), ttl: pick(shortTimes) };
    case "initGroup": {
      const group = int(GROUPS);
      const tasks = Array.from({ length: 1 + int(3) }, (_, index) => group * membersApart + index);
      return {
        kind,
        group,
        tasks: maybe(0.5) ? tasks : tasks.toReversed(),
        hasCallback: maybe(0.7),
        ...(maybe(0.3) ? { ttlMs: pick(shortTimes) } : {}),
      };
    }
    case "report": {
      // Of one group in one call: two groups that end at one instant wait for their callbacks in nobody's order.
      const group = int(GROUPS);
      const reports = some(3, () => ({
        task: maybe(0.9) ? group * membersApart + int(3) : int(TASKS),
        state: pick(terminal),
        ...(maybe(0.5) ? { payload: pick(payloads) } : {}),
      }));
      return { kind, group, reports };
    }
    case "claimChord":
      return { kind, group: int(GROUPS), leaseMs: pick(shortTimes) };
    case "completeChord":
      return { kind, back: int(3) };
    case "beat":
      return { kind, worker: int(3), ttlMs: pick(shortTimes), processed: int(100) };
    case "take":
      return { kind, requests: some(4, () => ({ bucket: int(BUCKETS), rate: int(RATES.length) })) };
    case "enter":
      return { kind, requests: some(4, () => ({ key: int(BUCKETS), holder: int(4), limit: 1 + int(3) })), ttl: pick(shortTimes) };
    case "renewPermits":
      return { kind, back: some(4, () => int(6)), ttl: pick(shortTimes) };
    case "leave":
      return { kind, back: some(3, () => int(6)) };
    case "lock":
      return { kind, requests: some(4, () => ({ key: int(LOCKS), owner: int(3), ttl: pick(shortTimes) })) };
    case "renewLocks":
      return { kind, back: some(3, () => int(6)), ttl: pick(shortTimes) };
    case "unlock":
    case "currentLocks":
      return { kind, back: some(3, () => int(6)) };
    case "handOver":
      return { kind, back: int(4), owner: int(3), ttl: pick(shortTimes) };
    case "decide":
      return {
        kind,
        decisions: some(3, () => ({
          target: int(TARGETS),
          terminate: maybe(0.5),
          ...(maybe(0.5) ? { before: int(3) } : {}),
          ...(maybe(0.5) ? { expiresInMs: pick(shortTimes) } : {}),
        })),
      };
    case "takeBack":
      return { kind, targets: some(3, () => int(TARGETS)) };
    case "advance":
      return { kind, ms: pick(longTimes.slice(0, maybe(0.05) ? 8 : 6)) };
    case "plan":
    case "unplan":
    case "claimSlots":
    case "endSlot":
    case "endSlots":
    case "giveBackSlots":
    case "plans":
    case "sweepPlans":
      return drawScheduleOperation(kind, random);
    case "buried":
    case "statuses":
    case "groups":
    case "workers":
    case "dueChords":
    case "sweep":
    case "matchRevoked":
    case "pruneRevoked":
    case "sweepLimits":
    case "sweepLocks":
    case "holders":
      return { kind };
  }
}

function itemOf<T>(from: readonly T[], index: number): T {
  const item = from[index];
  if (item === undefined) throw new RangeError(`Nothing stands at ${index} of ${from.length}`);
  return item;
}
