/**
 * Where a task stands.
 *
 * - `queued`: accepted, waiting for a worker or for its time;
 * - `running`: held by a worker;
 * - `retrying`: an attempt failed and the next one is scheduled;
 * - `succeeded`, `failed`, `cancelled`: ended.
 */
export type TaskState = "queued" | "running" | "retrying" | "succeeded" | "failed" | "cancelled";

/** A state in which a task has ended. */
export type TerminalState = "succeeded" | "failed" | "cancelled";

/**
 * The rank of each state within one attempt: a status yields only to a higher rank, see {@link supersedes}.
 * Stored queries compare these numbers, so they never change.
 */
export const STATE_RANK: Readonly<Record<TaskState, number>> = Object.freeze({
  queued: 0,
  running: 1,
  retrying: 2,
  failed: 3,
  succeeded: 4,
  cancelled: 4,
});

/** The lowest rank of a state that has ended; a status of this rank or above is never rewritten by its own attempt. */
export const TERMINAL_RANK = 3;

/** The rank from which nothing overwrites a status, whatever the attempt. */
export const FINAL_RANK = 4;

/**
 * Which states may follow which while a task runs its course. A transition marked `"next"` belongs to the next attempt.
 * `docs/lifecycle.md` draws this table.
 */
export const TASK_TRANSITIONS: Readonly<Record<TaskState, Readonly<Partial<Record<TaskState, "same" | "next">>>>> = Object.freeze({
  queued: { running: "same", retrying: "same", succeeded: "same", failed: "same", cancelled: "same" },
  running: { queued: "same", running: "same", retrying: "same", succeeded: "same", failed: "same", cancelled: "same" },
  retrying: { running: "next", queued: "next", failed: "same", succeeded: "same", cancelled: "same" },
  failed: { queued: "next" },
  succeeded: {},
  cancelled: {},
});

/** Every state, in the order of a task's life. */
export const TASK_STATES: readonly TaskState[] = Object.freeze(["queued", "running", "retrying", "failed", "succeeded", "cancelled"]);

/** What {@link supersedes} compares: an attempt, counted from 1, and a state. */
export interface StatusOrder {
  /** The attempt, counted from 1. */
  readonly attempt: number;
  /** The state within that attempt. */
  readonly state: TaskState;
}

/** Tells whether a task in this state has ended. */
export function isTerminal(state: TaskState): state is TerminalState {
  return STATE_RANK[state] >= TERMINAL_RANK;
}

/** Tells whether a string names a task state. */
export function isTaskState(value: unknown): value is TaskState {
  return typeof value === "string" && Object.hasOwn(STATE_RANK, value);
}

/**
 * The order of truth: tells whether `next` may replace `current`. Nothing replaces `succeeded` or `cancelled`; otherwise the higher
 * attempt wins, and within an attempt the higher rank until it has ended. Only `running` may be rewritten by its equal (progress, a redelivery).
 */
export function supersedes(next: StatusOrder, current: StatusOrder | undefined): boolean {
  if (current === undefined) return true;
  const rank = STATE_RANK[current.state];
  if (rank >= FINAL_RANK) return false;
  if (next.attempt !== current.attempt) return next.attempt > current.attempt;
  if (rank >= TERMINAL_RANK) return false;
  return STATE_RANK[next.state] > rank || (next.state === "running" && current.state === "running");
}
