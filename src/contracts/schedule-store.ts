import type { Envelope } from "../model/envelope.ts";
import type { Page, PageRequest } from "../model/page.ts";
import type { ScheduleClaim, ScheduleEntry, ScheduleInput, ScheduleOutcome, ScheduleRun } from "../model/schedule.ts";
import type { TaskLedger } from "./task-ledger.ts";
import type { Store, WriteOptions } from "./store.ts";

/** What to claim. */
export interface ClaimDueOptions {
  /** How many slots at most. */
  readonly limit: number;
  /** Who claims. */
  readonly owner: string;
  /** How long the claimer holds each slot. */
  readonly leaseMs: number;
}

/**
 * Keeps schedules and hands out their slots.
 *
 * - **S1** Every field of every kind of entry comes back as it was written.
 * - **S2** Versions rise by one with each change; an upsert that names another version throws `ConflictError` and changes nothing.
 * - **S3** A due slot is claimed by one scheduler at a time, under any race; disabled, ended and exhausted entries are never due.
 * - **S4** A claim that was not completed within its lease can be claimed again: the same slot, a higher token.
 * - **S5** `complete` with a stale token changes nothing and answers `false`; a current one moves the entry to its next slot, in one step.
 * - **S6** The next slot is the one that the outcome names: computed from the slot, never from the time of execution.
 * - **S7** Changing or removing an entry while a slot is claimed makes that claim stale.
 * - **S8** `completeAndPublish` completes slots and enqueues their envelopes in one transaction when the ledger shares the database; otherwise it
 *   checks the claims, then enqueues, then completes, which repeats at most an idempotent enqueue. A stale claim enqueues nothing.
 * - **S9** `history` tells the latest runs first and is bounded by count and age.
 * - **S10** `nextDueAt` tells the earliest slot, and `watch` wakes when it may have changed, from any process.
 * - **S11** Namespaces isolate; bad arguments throw `ConfigError`; after `close` calls throw `ClosedError`.
 */
export interface ScheduleStore extends Store {
  /** Creates or changes an entry. Answers the stored one. */
  upsert(entry: ScheduleInput, options?: WriteOptions): Promise<ScheduleEntry>;
  /** Reads an entry; `undefined` when none is known. */
  get(id: string): Promise<ScheduleEntry | undefined>;
  /** Lists entries by id. */
  list(page?: PageRequest): Promise<Page<ScheduleEntry>>;
  /** Forgets an entry. False when none is known. */
  remove(id: string): Promise<boolean>;
  /** Claims slots that are due, the earliest first. */
  claimDue(options: ClaimDueOptions): Promise<readonly ScheduleClaim[]>;
  /** Completes a claimed slot. False when the claim is stale. */
  complete(claim: ScheduleClaim, outcome: ScheduleOutcome): Promise<boolean>;
  /** Completes many slots together with the publication of their envelopes. Answers one boolean each, in order. */
  completeAndPublish(
    slots: readonly { readonly claim: ScheduleClaim; readonly outcome: ScheduleOutcome; readonly envelopes: readonly Envelope[] }[],
    ledger: TaskLedger,
  ): Promise<readonly boolean[]>;
  /** Deletes history beyond its age, at most `limit` (default 500). Returns how many. */
  sweep(options?: { readonly limit?: number }): Promise<number>;
  /** Tells the past of a schedule, the latest run first. */
  history(id: string, page?: PageRequest): Promise<Page<ScheduleRun>>;
  /** The earliest instant at which something may be claimed; `undefined` when nothing is planned. */
  nextDueAt(): Promise<number | undefined>;
  /** Yields whenever `nextDueAt` may have changed, until the signal aborts. */
  watch(options: { readonly signal: AbortSignal }): Promise<AsyncIterable<void>>;
}
