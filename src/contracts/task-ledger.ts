import type { Delivery, Settlement } from "../model/delivery.ts";
import type { Envelope } from "../model/envelope.ts";
import type { GroupProgress } from "../model/group.ts";
import type { TaskFailure } from "../model/task-failure.ts";
import type { TaskState } from "../model/task-state.ts";
import type { ClaimOptions, ReplayOptions } from "./broker.ts";
import type { WriteOptions } from "./store.ts";

/** How a delivery ended: what becomes of the envelope, of the status, and what follows from it. */
export interface Completion {
  /** What was claimed. */
  readonly delivery: Delivery;
  /** What becomes of the envelope. */
  readonly settlement: Settlement;
  /** What to record. */
  readonly status: CompletionStatus;
  /** Envelopes to publish in the same step. @default none */
  readonly followUps?: readonly Envelope[];
}

/** The status part of a completion; attempt, name, queue, worker and group come from the delivery. */
export interface CompletionStatus {
  /** The state to record: `queued` goes with `nack`, `retrying` with `retry`, a terminal one with `ack` and `deadLetter`. */
  readonly state: TaskState;
  /** The encoded result (a JSON value). */
  readonly payload?: unknown;
  /** Why the attempt failed. */
  readonly error?: TaskFailure;
  /** JSON values that replace the stored ones; `__stemResultEncoder` among them tells the group how to decode the payload. */
  readonly meta?: Readonly<Record<string, unknown>>;
  /** How long a terminal status is kept. @default the envelope's `resultTtlMs`, else the backend's default */
  readonly ttlMs?: number;
}

/** Why tasks are cancelled. */
export interface CancelOptions {
  /** Why; becomes the message of the status's error. @default "cancelled" */
  readonly reason?: string;
  /** Who asked for it; stands in the status's error. @default none */
  readonly requestedBy?: string;
  /** Leave those alone that a worker holds: their status and result stay theirs. @default false */
  readonly waitingOnly?: boolean;
}

/**
 * What `cancel` found: it was waiting and is cancelled; a worker held it, and its status is cancelled unless only waiting ones were meant; it had
 * ended; it is not known.
 */
export type CancelOutcome = "cancelled" | "running" | "ended" | "unknown";

/** What became of a completion. */
export interface CompletionOutcome {
  /**
   * False when the delivery was stale. Nothing was written then; only where the ledger is not atomic, a holder that lost its lease
   * after the first check may have written its status.
   */
  readonly settled: boolean;
  /** The state on record afterwards: another one than asked for when the order of truth refused it. Absent when it was not settled. */
  readonly state?: TaskState;
  /** How far the task's group has come; absent when it has none, or the task has not ended. */
  readonly group?: GroupProgress;
}

/**
 * A broker and a result backend as one: each step of a task's life writes both sides.
 *
 * When both share a database the pairs commit together ({@link TaskLedger.atomic}). Otherwise they are written in an order in which a
 * crash in between can only repeat work, never lose it: `queued` before publishing; at the end the token is checked, then come the status,
 * the follow-ups, the group's count, and last the settlement. A task that is claimed again although its status has ended at that very
 * attempt is not run again: what was still owed is carried out from the stored status.
 *
 * - **T1** `enqueue` makes the task claimable and its status `queued`; a worker that is faster than the producer is never overwritten.
 * - **T2** `enqueue` is idempotent by id as publishing is, and also while the status of that id is kept: such a task is not run again. An expired
 *   status or dead letter does not count.
 * - **T3** `claim` hands out deliveries whose status is `running` with the attempt, the worker and the start, at the latest when it ends.
 * - **T4** `finish` writes status, settlement, follow-ups and the group's count; of an atomic ledger all or none, also when it fails midway.
 *   When the order of truth refuses the status, the envelope is acknowledged, no follow-up is published, the group is told the state on record
 *   when that has ended, and the outcome names it.
 * - **T5** A stale delivery's completion writes nothing at all where both sides share a database; elsewhere it never undoes a newer status.
 * - **T6** A retry's status tells the failed attempt and its error, and the next claim runs at attempt + 1.
 * - **T7** A dead letter's status is terminal, and its group is told; so is the group of every task that ends, however it ends.
 * - **T8** Many completions are written in one step, each answered on its own, in order. Bad ones (a follow-up that is no valid envelope, a state that
 *   does not go with the settlement) throw `ConfigError` before anything is written.
 * - **T9** `enqueue` with `tx` joins the caller's transaction. A ledger over two databases records the status with the claim then, since it could
 *   not undo it together with the transaction.
 * - **T10** A put-back task (`nack`) is `queued` again where both sides share a database, and keeps its attempt everywhere.
 * - **T11** `cancel` ends tasks that wait: status, envelope and group in one step on an atomic ledger, whatever their attempt. One that a worker holds
 *   gets its status only, so that its result is refused; with `waitingOnly` it is left alone. (A ledger over two databases may still hit one that is claimed
 *   at that very moment.)
 * - **T12** `purge` cancels everything of a queue that waits. `replay` publishes dead letters again with their status `queued` at the next attempt.
 * - **T13** `claim` hands out expired envelopes and those delivered too often as well: whoever claims compares `expiresAt` with `claimedAt`, and
 *   `deliveryCount` with its limit, and finishes them as cancelled or dead.
 */
export interface TaskLedger {
  /** Whether both sides are written in one transaction. */
  readonly atomic: boolean;
  /** Accepts tasks. Answers one boolean each, in order: false when the id was known already. */
  enqueue(envelopes: readonly Envelope[], options?: WriteOptions): Promise<readonly boolean[]>;
  /** Hands out claimable tasks as {@link ClaimOptions} say, and records that they run. */
  claim(options: ClaimOptions): Promise<readonly Delivery[]>;
  /** Writes how deliveries ended. Answers one outcome each, in order. */
  finish(completions: readonly Completion[]): Promise<readonly CompletionOutcome[]>;
  /** Ends tasks as cancelled. Answers for each, in order, what was found. */
  cancel(taskIds: readonly string[], options?: CancelOptions): Promise<readonly CancelOutcome[]>;
  /** Cancels every task of a queue that no worker holds. Returns how many. */
  purge(queue: string): Promise<number>;
  /** Publishes dead letters again. Answers their ids, in the order of their deaths. */
  replay(options?: ReplayOptions): Promise<readonly string[]>;
}
