import type { Delivery, Settlement } from "../model/delivery.ts";
import type { Envelope } from "../model/envelope.ts";
import type { GroupProgress } from "../model/group.ts";
import type { TaskFailure } from "../model/task-failure.ts";
import type { TaskState } from "../model/task-state.ts";
import type { ClaimOptions } from "./broker.ts";
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
  /** JSON values that are merged over the stored ones. */
  readonly meta?: Readonly<Record<string, unknown>>;
  /** How long a terminal status is kept. @default the envelope's `resultTtlMs`, else the backend's default */
  readonly ttlMs?: number;
}

/** What became of a completion. */
export interface CompletionOutcome {
  /** False when the delivery was stale: then nothing at all was written. */
  readonly settled: boolean;
  /** How far the task's group has come; absent when it has none, or the task has not ended. */
  readonly group?: GroupProgress;
}

/**
 * A broker and a result backend as one: each step of a task's life writes both sides.
 *
 * When both share a database the pairs commit together ({@link TaskLedger.atomic}). Otherwise they are written in an order in which a
 * crash in between can only repeat work, never lose it: `queued` before publishing; follow-ups, then the status, then the group's count,
 * then the acknowledgement.
 *
 * - **T1** `enqueue` makes the task claimable and its status `queued`; a worker that is faster than the producer is never overwritten.
 * - **T2** `enqueue` is idempotent by id, as publishing is; where both sides share a database also while the task's status is kept.
 * - **T3** `claim` hands out deliveries whose status is `running` with the attempt, the worker and the start, at the latest when it ends.
 * - **T4** `finish` writes status, settlement, follow-ups and the group's count; of an atomic ledger all or none, also when it fails midway.
 * - **T5** A stale delivery's completion writes nothing at all where both sides share a database; elsewhere it never undoes a newer status.
 * - **T6** A retry's status tells the failed attempt and its error, and the next claim runs at attempt + 1.
 * - **T7** A dead letter's status is terminal, and its group is told; so is the group of every task that ends, however it ends.
 * - **T8** Many completions are written in one step, each answered on its own, in order.
 * - **T9** `enqueue` with `tx` joins the caller's transaction.
 * - **T10** A put-back task (`nack`) is `queued` again where both sides share a database, and keeps its attempt everywhere.
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
}
