import type { Duration } from "../time/duration.ts";
import type { ChordClaim, Group, GroupInput, GroupProgress, GroupReport } from "../model/group.ts";
import type { Heartbeat, StoredHeartbeat } from "../model/heartbeat.ts";
import type { PageRequest } from "../model/page.ts";
import type { TaskFailure } from "../model/task-failure.ts";
import type { TaskState } from "../model/task-state.ts";
import type { StatusFilter, StatusPage, TaskStatus } from "../model/task-status.ts";
import type { Store, WriteOptions } from "./store.ts";

/** What to record besides the state. What is absent keeps its stored value, unless said otherwise. */
export interface StatusFields {
  /** The encoded result (a JSON value, `null` included). */
  readonly payload?: unknown;
  /** Why the attempt failed. Absent clears an earlier error. */
  readonly error?: TaskFailure;
  /** The attempt, counted from 1. @default the stored attempt, else 1 */
  readonly attempt?: number;
  /** JSON values that replace the stored ones, all keys at once. No string inside may hold a NUL character or half a surrogate pair. */
  readonly meta?: Readonly<Record<string, unknown>>;
  /** How long the status is kept from now on. @default for a task that has ended the backend's default, one day; for one that has not, no limit */
  readonly ttl?: Duration;
  /** The task's name. */
  readonly name?: string;
  /** The task's queue. */
  readonly queue?: string;
  /** The worker that holds the task. */
  readonly worker?: string;
  /** What the handler reports about its progress (a JSON value). */
  readonly progress?: unknown;
  /** The group that the task belongs to. */
  readonly groupId?: string;
}

/** One status to record. */
export interface StatusUpdate extends StatusFields {
  /** The task. */
  readonly id: string;
  /** Its new state. */
  readonly state: TaskState;
}

/** How long to wait for a task's end. */
export interface WaitOptions {
  /** How long at most. @default no limit */
  readonly timeout?: Duration;
  /** Ends the wait: the call rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * Keeps what became of tasks, and tells everyone who waits.
 *
 * Statuses
 * - **R1** What was set is what is read, from any connection: state, attempt, payload, error, meta, progress; JSON in meaning, `null` told from absent.
 * - **R2** The order of truth is (attempt, rank of state), see `supersedes`: a write that is behind is refused, changes nothing and answers `false`.
 *   A higher attempt clears what the earlier one left: payload, progress, error, the time of its end.
 * - **R3** Nothing overwrites `succeeded` or `cancelled`; `failed` yields only to a higher attempt; of many racing writers the order decides, not the timing.
 * - **R4** A status that has ended expires after its TTL (the call's, else one day); one that has not ended expires only when its latest set gave
 *   a TTL. Each accepted set counts anew. Expired is absent at once, for every reader and every writer.
 * - **R5** Many statuses are read and written in one call, answered in the order asked; one refused write does not hold up the others.
 * - **R6** `expire` changes the TTL of a known status; `remove` forgets it; both tell whether there was one.
 * - **R7** `sweep` deletes expired data in small batches and says how much it did.
 * - **R8** `list` filters by state, name, queue and meta in the store, the latest created first, and pages by cursor without skipping or repeating
 *   what was there throughout.
 *
 * Waiting
 * - **R9** `watch` yields the current status first, when there is one, then every later one, from any process, without a gap in between;
 *   several changes in quick succession may be seen as the latest one. It ends after a terminal state, when the status is gone, or at its signal.
 * - **R10** `waitFor` answers as soon as the task has ended, also when it had ended before, and when another process ended it. Many waits share reads.
 * - **R11** `waitFor` throws `TimeoutError` at its timeout, the signal's reason at its signal, and `ConflictError` when a status that it saw is
 *   gone; it leaves nothing behind. A store that stays away longer than it repeats a read for is a retryable `StoreError`.
 *
 * Workers
 * - **R12** A heartbeat is listed until its time-to-live ends; a worker that reports again after that is listed again.
 *
 * Groups
 * - **R13** `initGroup` is idempotent by group id: the first one wins, and the later call answers `false`.
 * - **R14** A member's end is counted once however often it is reported; answers are counts. A report to an unknown group, or of a task that is no member, answers `undefined`.
 * - **R15** Exactly one report is answered that it completed the group, under any race.
 * - **R16** `getGroup` gives results in submission order.
 * - **R17** A completed group's chord has one holder at a time; a claim that was not completed within its lease can be claimed again, and
 *   `completeChord` with a stale token is refused. A chord is dispatched once: after `completeChord` nobody can claim it.
 * - **R18** `dueChords` names completed groups whose callback nobody holds and nobody dispatched.
 *
 * Everywhere
 * - **R19** Namespaces isolate.
 * - **R20** What it returns is the caller's: changing it changes nothing inside.
 * - **R21** After `close`, calls throw `ClosedError`, and waits end with it; `close` is idempotent.
 * - **R22** Bad arguments throw `ConfigError` and change nothing; empty batches do nothing.
 * - **R23** Writes with `tx` join the caller's transaction. Stores without transactions throw `UnsupportedError`.
 */
export interface ResultBackend extends Store {
  /** Records a status. False when the stored one is ahead: see the order of truth. */
  set(taskId: string, state: TaskState, fields?: StatusFields): Promise<boolean>;
  /** Records many statuses in one step. Answers one boolean each, in order. */
  setMany(updates: readonly StatusUpdate[], options?: WriteOptions): Promise<readonly boolean[]>;
  /** Reads a status; `undefined` when none is known. */
  get(taskId: string): Promise<TaskStatus | undefined>;
  /** Reads many statuses, in the order asked; `undefined` where none is known. */
  getMany(taskIds: readonly string[]): Promise<readonly (TaskStatus | undefined)[]>;
  /** Follows a task: its status now, then each change. */
  watch(taskId: string, options?: { readonly signal?: AbortSignal }): AsyncIterable<TaskStatus>;
  /** Waits for a task's end, also of one that is not known yet. Answers the terminal status. */
  waitFor(taskId: string, options?: WaitOptions): Promise<TaskStatus>;
  /** Lists statuses, the latest created first. */
  list(filter?: StatusFilter, page?: PageRequest): Promise<StatusPage>;
  /** Keeps a status for `ttl` from now. False when none is known. */
  expire(taskId: string, ttl: Duration): Promise<boolean>;
  /** Forgets a status. False when none is known. */
  remove(taskId: string): Promise<boolean>;
  /** Deletes expired statuses, groups and heartbeats, at most `limit` of each (default 500). Returns how many were deleted. */
  sweep(options?: { readonly limit?: number }): Promise<number>;

  /** Records that a worker lives; it counts as gone when it does not report again within `ttlMs`. */
  setHeartbeat(heartbeat: Heartbeat, ttlMs: number): Promise<void>;
  /** Lists the workers that live, by id. */
  listHeartbeats(): Promise<readonly StoredHeartbeat[]>;
  /** Takes a worker off the list. False when it was not there. */
  removeHeartbeat(workerId: string): Promise<boolean>;

  /** Makes a group. False when a group of that id exists already. */
  initGroup(group: GroupInput, options?: WriteOptions): Promise<boolean>;
  /** Reports members' ends. Answers one progress each, in order; `undefined` for an unknown group or a task that is no member of it. */
  addGroupResults(reports: readonly GroupReport[]): Promise<readonly (GroupProgress | undefined)[]>;
  /** Reports one member's end: the single-item form of `addGroupResults`. */
  addGroupResult(groupId: string, result: Omit<GroupReport, "groupId">): Promise<GroupProgress | undefined>;
  /** Reads a group with its results; `undefined` when none is known. */
  getGroup(groupId: string): Promise<Group | undefined>;
  /** Claims the right to dispatch a completed group's callback; `undefined` when there is nothing to claim, or another holds it. */
  claimChord(groupId: string, options: { readonly owner: string; readonly leaseMs: number }): Promise<ChordClaim | undefined>;
  /** Records that the callback was dispatched. False when the claim is stale. */
  completeChord(claim: ChordClaim): Promise<boolean>;
  /** Names completed groups whose callback waits to be dispatched, the longest waiting first; at most `limit` (default 100). */
  dueChords(options?: { readonly limit?: number }): Promise<readonly string[]>;
}
