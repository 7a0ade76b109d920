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

/** A slot that ends, and what it enqueues. */
export interface SlotCompletion {
  /** The right to end it. */
  readonly claim: ScheduleClaim;
  /** What became of it, and the slot that follows. */
  readonly outcome: ScheduleOutcome;
  /** What it enqueues, in the same step where the stores share a database. */
  readonly envelopes: readonly Envelope[];
}

/**
 * Keeps schedules and hands out their slots.
 *
 * - **S1** Every field of every kind of entry comes back as it was written.
 * - **S2** Versions rise by one with each change by the owner; an upsert that names another version throws `ConflictError` and changes nothing.
 *   An upsert that changes nothing is no change: compared are JSON values after defaults, whatever the order of keys, and without the fields that
 *   only the store writes. The version is looked at first. Slots that pass are no change either.
 * - **S3** A due slot is claimed by one scheduler at a time, under any race; entries that are disabled or have no next slot are never due. The earliest
 *   slots come first. `startAt` and `endAt` belong to the time that they bound, and bound slots, not the time of claiming.
 * - **S4** A claim that was not completed within its lease can be claimed again: the same slot, a higher token. One that ran out, but that nobody
 *   took over, can still be completed. `release` gives claims back before: the same slot is claimable at once.
 * - **S5** `complete` with a stale token changes nothing and answers `false`; a current one moves the entry to its next slot, in one step. Of two
 *   completions of one claim the first counts.
 * - **S6** The next slot is the one that the outcome names, whatever the time of execution; without one the entry is never due again. `runs`
 *   counts the dispatched slots, and an entry with `maxRuns` of them has no next slot.
 * - **S7** Changing or removing an entry while a slot is claimed makes that claim stale. A change of when it fires (spec, zone, start, end, the number
 *   of runs, or enabled again) sets the next slot to the first after the store's now and after the latest slot that was completed; any other change
 *   leaves it, and one that was claimed is claimable again. A clocked entry that was never completed keeps its slot when that has passed: it is due.
 * - **S8** `completeAndPublish` completes slots and enqueues their envelopes in one transaction when the ledger is that of a broker on the same connection;
 *   otherwise it checks the claims, then enqueues, then completes: a crash in between repeats the enqueue, which is the same task for as long as the
 *   ledger knows its id. A stale claim enqueues nothing. A slot whose envelope is known already is completed all the same. An envelope that
 *   is none throws `ConfigError` before anything is written.
 * - **S9** `history` tells the latest slots first and is bounded: by count at once or soon, by age with the sweep. It goes with its entry.
 * - **S10** `nextDueIn` tells how long until something may be claimed, and `watch` wakes when that may have become less, from any process: by an upsert,
 *   a removal, a completion, or claims given back.
 * - **S11** Namespaces isolate; bad arguments throw `ConfigError`; after `close` calls throw `ClosedError`.
 * - **S12** With `tx` an upsert or removal joins the caller's transaction. Stores without transactions throw `UnsupportedError`.
 */
export interface ScheduleStore extends Store {
  /** Creates or changes an entry. Answers the stored one. */
  upsert(entry: ScheduleInput, options?: WriteOptions): Promise<ScheduleEntry>;
  /** Reads an entry; `undefined` when none is known. */
  get(id: string): Promise<ScheduleEntry | undefined>;
  /** Lists entries by id, in the order in which the store sorts text. */
  list(page?: PageRequest): Promise<Page<ScheduleEntry>>;
  /** Forgets an entry and its history. False when none is known. */
  remove(id: string, options?: WriteOptions): Promise<boolean>;
  /** Claims slots that are due, the earliest first: one of each entry. */
  claimDue(options: ClaimDueOptions): Promise<readonly ScheduleClaim[]>;
  /** Gives claims back, so that the same slots can be claimed at once. Answers one boolean each: false where the claim is stale. */
  release(claims: readonly ScheduleClaim[]): Promise<readonly boolean[]>;
  /** Completes a claimed slot. False when the claim is stale. */
  complete(claim: ScheduleClaim, outcome: ScheduleOutcome): Promise<boolean>;
  /** Completes many slots together with the publication of their envelopes. Answers one boolean each, in order: false where the claim is stale. */
  completeAndPublish(slots: readonly SlotCompletion[], ledger: TaskLedger): Promise<readonly boolean[]>;
  /** Deletes history beyond its age, at most `limit` (default 500). Returns how many. */
  sweep(options?: { readonly limit?: number }): Promise<number>;
  /** Tells the past of a schedule, the latest slot first. */
  history(id: string, page?: PageRequest): Promise<Page<ScheduleRun>>;
  /** How long until something may be claimed, in milliseconds from the store's now, 0 when it may be already; `undefined` when nothing is planned. */
  nextDueIn(): Promise<number | undefined>;
  /** Yields whenever `nextDueIn` may have become less, until the signal aborts; what happened after the promise resolved is not missed. */
  watch(options: { readonly signal: AbortSignal }): Promise<AsyncIterable<void>>;
}
