import type { MaybePromise } from "../async/maybe-promise.ts";
import type { ClaimDueOptions, ScheduleStore, SlotCompletion } from "../contracts/schedule-store.ts";
import type { WriteOptions } from "../contracts/store.ts";
import type { TaskLedger } from "../contracts/task-ledger.ts";
import { ConfigError } from "../errors.ts";
import { show, validateId } from "../model/id.ts";
import { validateInteger } from "../model/numbers.ts";
import type { Page, PageRequest } from "../model/page.ts";
import { decodeCursor, encodeCursor, pageLimit } from "../model/page.ts";
import type { ScheduleClaim, ScheduleEntry, ScheduleInput, ScheduleOutcome, ScheduleRun } from "../model/schedule.ts";
import type { ScheduleWrite } from "../model/schedule-change.ts";
import { LATEST_INSTANT } from "../model/slots.ts";
import { ChangeWatches } from "./change-watches.ts";
import { withoutRepeats } from "./repeats.ts";
import type { ClaimRef, CompleteItem, HistoryLimits, HistoryOptions } from "./schedule-requests.ts";
import { claimKey, toClaimRef, toClaimRequest, toCompleteItem, toHistoryLimits, toScheduleWrite } from "./schedule-requests.ts";
import type { StoreSurfaceOptions } from "./store-surface.ts";
import { StoreSurface } from "./store-surface.ts";
import { validateList } from "./validation.ts";

/** What a schedule store class tells its surface. */
export interface SchedulesSurfaceOptions extends StoreSurfaceOptions, HistoryOptions {}

/**
 * What all schedule stores do alike: checking arguments, defaults, pages, watching, and publishing beside a ledger of another database.
 *
 * A store adds the protected primitives. They are only called with checked, non-empty input, and wrap their driver's errors.
 */
export abstract class SchedulesSurface extends StoreSurface implements ScheduleStore {
  /** How much of the past is kept. */
  protected readonly limits: HistoryLimits;
  readonly #watches = new ChangeWatches();

  /** Prepares the surface; nothing is connected. */
  constructor(options: SchedulesSurfaceOptions) {
    super(options);
    this.limits = toHistoryLimits(options);
  }

  /**
   * Creates or changes an entry. Answers the stored one.
   *
   * @throws {ConfigError} when the entry cannot be used.
   * @throws {ConflictError} when it names another version than there is.
   */
  async upsert(entry: ScheduleInput, options?: WriteOptions): Promise<ScheduleEntry> {
    const tx = this.transactionOf(options);
    return this.writeEntry(toScheduleWrite(entry), tx);
  }

  /** Reads an entry; `undefined` when none is known. */
  async get(id: string): Promise<ScheduleEntry | undefined> {
    this.requireOpen();
    return this.readEntry(validateId(id, "a schedule's id"));
  }

  /** Lists entries by id, in the order in which the store sorts text. */
  async list(page?: PageRequest): Promise<Page<ScheduleEntry>> {
    this.requireOpen();
    const limit = pageLimit(page);
    // No id is empty, so all of them come after that.
    const after = page?.cursor === undefined ? "" : String(decodeCursor(page.cursor, ["string"])[0]);
    const found = await this.listEntries(limit + 1, after);
    return pageOf(found, limit, ({ id }) => id);
  }

  /** Forgets an entry and its history. False when none is known. */
  async remove(id: string, options?: WriteOptions): Promise<boolean> {
    const tx = this.transactionOf(options);
    return this.removeEntry(validateId(id, "a schedule's id"), tx);
  }

  /** Claims slots that are due, the earliest first: one of each entry. */
  async claimDue(options: ClaimDueOptions): Promise<readonly ScheduleClaim[]> {
    this.requireOpen();
    return this.claimSlots(toClaimRequest(options));
  }

  /** Gives claims back, so that the same slots can be claimed at once. Answers one boolean each: false where the claim is stale. */
  async release(claims: readonly ScheduleClaim[]): Promise<readonly boolean[]> {
    this.requireOpen();
    const refs = validateList(claims, "the claims to give back").map(toClaimRef);
    return refs.length === 0 ? [] : this.#once(refs, (some) => this.releaseSlots(some));
  }

  /** Completes a claimed slot. False when the claim is stale. */
  async complete(claim: ScheduleClaim, outcome: ScheduleOutcome): Promise<boolean> {
    this.requireOpen();
    const [completed = false] = await this.completeSlots([toCompleteItem({ claim, outcome, envelopes: [] })]);
    return completed;
  }

  /**
   * Completes many slots together with the publication of their envelopes: in one transaction when the ledger is that of a broker on the same
   * connection, otherwise one after the other, so that a crash in between repeats a publication that the ledger knows by its id.
   */
  async completeAndPublish(slots: readonly SlotCompletion[], ledger: TaskLedger): Promise<readonly boolean[]> {
    this.requireOpen();
    if (typeof ledger?.enqueue !== "function") throw new ConfigError(`Cannot publish through ${show(ledger)}: expected a ledger`);
    const items = validateList(slots, "the slots to complete").map(toCompleteItem);
    if (items.length === 0) return [];
    return this.#once(items, (some) => this.#completeAndPublish(some, ledger));
  }

  /** Deletes history beyond its age, at most `limit` (default 500). Returns how many. */
  async sweep(options: { readonly limit?: number } = {}): Promise<number> {
    this.requireOpen();
    return this.sweepHistory(validateInteger(options.limit ?? 500, "the limit of a sweep", { min: 1, max: 100_000 }));
  }

  /** Tells the past of a schedule, the latest slot first. */
  async history(id: string, page?: PageRequest): Promise<Page<ScheduleRun>> {
    this.requireOpen();
    validateId(id, "a schedule's id");
    const limit = pageLimit(page);
    const before = page?.cursor === undefined ? LATEST_INSTANT + 1 : Number(decodeCursor(page.cursor, ["number"])[0]);
    const found = await this.listRuns(id, limit + 1, before);
    return pageOf(found, limit, ({ slot }) => slot);
  }

  /** How long until something may be claimed, in milliseconds from the store's now, 0 when it may be already; `undefined` when nothing is planned. */
  async nextDueIn(): Promise<number | undefined> {
    this.requireOpen();
    const inMs = await this.dueIn();
    return inMs === undefined ? undefined : Math.max(0, inMs);
  }

  /**
   * Yields whenever `nextDueIn` may have become less, until the signal aborts, the loop is left, or the store is closed. Changes that come
   * while the reader is busy are told once. News can get lost with a connection: look from time to time all the same.
   */
  async watch(options: { readonly signal: AbortSignal }): Promise<AsyncIterable<void>> {
    this.requireOpen();
    const watch = await this.#watches.open(options.signal, (changed) => this.listen(changed));
    if (this.closed) this.#watches.endAll();
    this.requireOpen();
    return watch;
  }

  /** Writes what `writtenEntry` of the model says, at the store's now, in one step. Wakes watches when something changed. */
  protected abstract writeEntry(write: ScheduleWrite, tx?: object): Promise<ScheduleEntry>;
  /** Reads an entry. The objects that all reads return are fresh. */
  protected abstract readEntry(id: string): Promise<ScheduleEntry | undefined>;
  /** Lists entries whose id comes after one, in the store's own order of text. */
  protected abstract listEntries(limit: number, after: string): Promise<readonly ScheduleEntry[]>;
  /** Forgets an entry with its history. */
  protected abstract removeEntry(id: string, tx?: object): Promise<boolean>;
  /** Claims due slots, the earliest first. */
  protected abstract claimSlots(options: ClaimDueOptions): Promise<readonly ScheduleClaim[]>;
  /** Gives claims back, none twice, all of them in one step. Wakes watches. */
  protected abstract releaseSlots(refs: readonly ClaimRef[]): Promise<readonly boolean[]>;
  /** Tells which claims are still current. */
  protected abstract areCurrent(refs: readonly ClaimRef[]): Promise<readonly boolean[]>;
  /** Completes slots, no claim twice, all of them in one step. Wakes watches. */
  protected abstract completeSlots(items: readonly CompleteItem[]): Promise<readonly boolean[]>;
  /** Completes slots and enqueues what those enqueue that are current, all in one step; `undefined` when the ledger is of another database. */
  protected abstract completeWith(ledger: TaskLedger, items: readonly CompleteItem[]): Promise<readonly boolean[]> | undefined;
  /** Deletes history that is older than its age. */
  protected abstract sweepHistory(limit: number): Promise<number>;
  /** Lists what became of slots before one, the latest first. */
  protected abstract listRuns(id: string, limit: number, before: number): Promise<readonly ScheduleRun[]>;
  /** How long until something may be claimed; negative when it could have been before. */
  protected abstract dueIn(): Promise<number | undefined>;
  /** Calls back when something may be claimed sooner, from when it resolves until the returned function is called. */
  protected abstract listen(onChange: () => void): MaybePromise<() => void>;

  /** Ends the watches. */
  protected override async endCalls(): Promise<void> {
    this.#watches.endAll();
  }

  #once<T extends ClaimRef>(items: readonly T[], run: (items: readonly T[]) => Promise<readonly boolean[]>): Promise<readonly boolean[]> {
    return withoutRepeats(items, { idOf: ({ id }) => id, keyOf: claimKey, repeated: false }, run);
  }

  async #completeAndPublish(items: readonly CompleteItem[], ledger: TaskLedger): Promise<readonly boolean[]> {
    const together = this.completeWith(ledger, items);
    if (together !== undefined) return together;
    const current = await this.areCurrent(items);
    const envelopes = items.flatMap((item, at) => current[at] === true ? item.envelopes : []);
    // Before the completion: whoever crashes in between is followed by another, who enqueues the same ids again.
    if (envelopes.length > 0) await ledger.enqueue(envelopes);
    return this.completeSlots(items);
  }
}

/** Makes a page of one item more than was asked for, which tells whether there is another. */
function pageOf<T>(found: readonly T[], limit: number, positionOf: (item: T) => string | number): Page<T> {
  const items = found.slice(0, limit);
  const last = items.at(-1);
  return found.length > limit && last !== undefined ? { items, cursor: encodeCursor([positionOf(last)]) } : { items };
}
