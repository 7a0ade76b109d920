import type { Logger } from "../../contracts/logger.ts";
import type { ClaimDueOptions } from "../../contracts/schedule-store.ts";
import type { TaskLedger } from "../../contracts/task-ledger.ts";
import { validateId } from "../../model/id.ts";
import type { ScheduleClaim, ScheduleEntry, ScheduleRun } from "../../model/schedule.ts";
import type { OwnedSchedule, ScheduleWrite } from "../../model/schedule-change.ts";
import { dueTime, isExhausted, ownedPart, writtenEntry } from "../../model/schedule-change.ts";
import type { Clock } from "../../time/clock.ts";
import type { Duration } from "../../time/duration.ts";
import type { ClaimRef, CompleteItem } from "../schedule-requests.ts";
import { SchedulesSurface } from "../schedules-surface.ts";
import { readStored } from "../stored-json.ts";
import type { MemorySpace, StoredSchedule } from "./database.ts";
import { MemoryDatabase } from "./database.ts";
import type { Enqueue } from "./ledger.ts";
import { enqueuerOf } from "./ledger.ts";

/** Options of {@link InMemoryScheduleStore}. */
export interface InMemoryScheduleStoreOptions {
  /** What it shares its state with others by. @default a database of its own */
  readonly database?: MemoryDatabase;
  /** Keeps users of one database apart. @default "stem" */
  readonly namespace?: string;
  /** Judges what is due, leases and the age of history. @default the system's clock */
  readonly clock?: Clock;
  /** Where it reports what nobody awaits. @default warnings and errors on the console */
  readonly logger?: Logger;
  /** How many slots of the past are kept of each schedule. @default 100 */
  readonly historyCount?: number;
  /** How long a slot of the past is kept. @default "30d" */
  readonly historyAge?: Duration;
}

/**
 * A schedule store in this process's memory: the reference of what every schedule store does, for tests and for programs of one process.
 *
 * @example
 * ```ts
 * import { InMemoryScheduleStore } from "@stem/stem";
 *
 * const schedules = new InMemoryScheduleStore();
 * await schedules.upsert({ id: "report", spec: { kind: "cron", expression: "0 6 * * *" }, task: { name: "report" }, timeZone: "Europe/Berlin" });
 * console.log((await schedules.get("report"))?.version); // 1
 * await schedules.close();
 * ```
 */
export class InMemoryScheduleStore extends SchedulesSurface {
  readonly #space: MemorySpace;

  /** Makes a store; nothing needs to be connected. */
  constructor(options: InMemoryScheduleStoreOptions = {}) {
    super({ ...options, what: "the memory schedule store", transactions: false });
    this.#space = (options.database ?? new MemoryDatabase()).space(validateId(options.namespace ?? "stem", "a namespace"));
  }

  protected override async writeEntry(write: ScheduleWrite): Promise<ScheduleEntry> {
    const { id } = write.owned;
    const stored = this.#space.schedules.get(id);
    const known = stored === undefined ? undefined : { entry: toEntry(stored), lastSlotAt: stored.lastSlotAt };
    const entry = writtenEntry(write, known, this.clock.now());
    if (entry === known?.entry) return entry;
    const { enabled, maxRuns, version, createdAt, updatedAt, nextRunAt, lastRunAt, runs } = entry;
    const kept = { id, enabled, maxRuns, version, createdAt, updatedAt, nextRunAt, lastRunAt, lastSlotAt: known?.lastSlotAt, runs };
    // Whoever holds a slot loses it.
    this.#space.schedules.set(id, { ...kept, text: JSON.stringify(ownedPart(entry)), claim: undefined });
    this.#space.scheduleChanges.emit();
    return entry;
  }

  protected override async readEntry(id: string): Promise<ScheduleEntry | undefined> {
    const stored = this.#space.schedules.get(id);
    return stored === undefined ? undefined : toEntry(stored);
  }

  protected override async listEntries(limit: number, after: string): Promise<readonly ScheduleEntry[]> {
    return [...this.#space.schedules.values()].filter(({ id }) => id > after).sort(byId).slice(0, limit).map(toEntry);
  }

  protected override async removeEntry(id: string): Promise<boolean> {
    this.#space.scheduleRuns.delete(id);
    const removed = this.#space.schedules.delete(id);
    if (removed) this.#space.scheduleChanges.emit();
    return removed;
  }

  protected override async claimSlots({ limit, owner, leaseMs }: ClaimDueOptions): Promise<readonly ScheduleClaim[]> {
    const now = this.clock.now();
    const due = [...this.#space.schedules.values()].flatMap((stored) => {
      const { nextRunAt: slot } = stored;
      return slot !== undefined && (dueAt(stored) ?? Infinity) <= now ? [{ stored, slot }] : [];
    });
    due.sort((a, b) => a.slot - b.slot || byId(a.stored, b.stored));
    return due.slice(0, limit).map(({ stored, slot }) => {
      const token = this.#space.next();
      const leaseExpiresAt = now + leaseMs;
      stored.claim = { token, slot, until: leaseExpiresAt };
      return { entry: toEntry(stored), slot, token, owner, claimedAt: now, leaseExpiresAt };
    });
  }

  protected override async releaseSlots(refs: readonly ClaimRef[]): Promise<readonly boolean[]> {
    const released = refs.map((ref) => {
      const stored = this.#heldBy(ref);
      if (stored !== undefined) stored.claim = undefined;
      return stored !== undefined;
    });
    if (released.includes(true)) this.#space.scheduleChanges.emit();
    return released;
  }

  protected override async areCurrent(items: readonly ClaimRef[]): Promise<readonly boolean[]> {
    return items.map((item) => this.#heldBy(item) !== undefined);
  }

  protected override async completeSlots(items: readonly CompleteItem[]): Promise<readonly boolean[]> {
    return this.#completeAll(items);
  }

  protected override completeWith(ledger: TaskLedger, items: readonly CompleteItem[]): Promise<readonly boolean[]> | undefined {
    const enqueue = enqueuerOf(ledger);
    return enqueue === undefined ? undefined : this.#completeAfter(enqueue, items);
  }

  protected override async sweepHistory(limit: number): Promise<number> {
    const end = this.clock.now() - this.limits.ageMs;
    const old = [...this.#space.scheduleRuns.values()].flatMap((runs) =>
      [...runs.values()].flatMap((text) => {
        const { slot, completedAt } = readStored<ScheduleRun>(text);
        return completedAt <= end ? [{ runs, slot, completedAt }] : [];
      })
    );
    const swept = old.sort((a, b) => a.completedAt - b.completedAt).slice(0, limit);
    for (const { runs, slot } of swept) runs.delete(slot);
    return swept.length;
  }

  protected override async listRuns(id: string, limit: number, before: number): Promise<readonly ScheduleRun[]> {
    const runs = this.#space.scheduleRuns.get(id) ?? new Map<number, string>();
    return [...runs.values()].map((text) => readStored<ScheduleRun>(text)).filter(({ slot }) => slot < before)
      .sort((a, b) => b.slot - a.slot).slice(0, limit);
  }

  protected override async dueIn(): Promise<number | undefined> {
    const times = [...this.#space.schedules.values()].flatMap((stored) => dueAt(stored) ?? []);
    return times.length === 0 ? undefined : Math.min(...times) - this.clock.now();
  }

  protected override listen(onChange: () => void): () => void {
    return this.#space.scheduleChanges.subscribe(onChange);
  }

  protected override async disconnect(): Promise<void> {
    // The database belongs to whoever holds it; watches have ended by now.
  }

  /** Gives what a claim holds; `undefined` when it is stale. One that ran out, but that nobody took over, still counts. */
  #heldBy({ id, token, slot }: ClaimRef): StoredSchedule | undefined {
    const stored = this.#space.schedules.get(id);
    return stored?.claim?.token === token && stored.claim.slot === slot ? stored : undefined;
  }

  /** All in one go: nothing else can come in between. What cannot be enqueued throws before anything is written. */
  async #completeAfter(enqueue: Enqueue, items: readonly CompleteItem[]): Promise<readonly boolean[]> {
    enqueue(items.flatMap((item) => this.#heldBy(item) === undefined ? [] : item.envelopes));
    return this.#completeAll(items);
  }

  #completeAll(items: readonly CompleteItem[]): readonly boolean[] {
    const now = this.clock.now();
    const completed = items.map((item) => {
      const stored = this.#heldBy(item);
      if (stored !== undefined) this.#complete(stored, item, now);
      return stored !== undefined;
    });
    if (completed.includes(true)) this.#space.scheduleChanges.emit();
    return completed;
  }

  #complete(stored: StoredSchedule, item: CompleteItem, now: number): void {
    if (item.kind === "dispatched") {
      stored.runs += 1;
      stored.lastRunAt = item.slot;
    }
    stored.nextRunAt = isExhausted(stored) ? undefined : item.nextRunAt;
    stored.lastSlotAt = item.slot;
    stored.claim = undefined;
    this.#record(item, now);
  }

  #record({ id: scheduleId, slot, kind, taskId, message }: CompleteItem, completedAt: number): void {
    const runs = this.#space.scheduleRuns.get(scheduleId) ?? new Map<number, string>();
    this.#space.scheduleRuns.set(scheduleId, runs.set(slot, JSON.stringify({ scheduleId, slot, kind, taskId, message, completedAt })));
    // Slots only rise, so the first is the oldest.
    for (const oldest of runs.keys()) {
      if (runs.size <= this.limits.count) break;
      runs.delete(oldest);
    }
  }
}

function toEntry({ text, version, createdAt, updatedAt, nextRunAt, lastRunAt, runs }: StoredSchedule): ScheduleEntry {
  return {
    ...readStored<OwnedSchedule>(text),
    version,
    createdAt,
    updatedAt,
    ...(nextRunAt === undefined ? {} : { nextRunAt }),
    ...(lastRunAt === undefined ? {} : { lastRunAt }),
    runs,
  };
}

/** When a slot may be claimed: when it comes, or when the lease of its holder ends. */
function dueAt(stored: StoredSchedule): number | undefined {
  return stored.claim === undefined ? dueTime(stored) : stored.claim.until;
}

function byId(a: StoredSchedule, b: StoredSchedule): number {
  return a.id < b.id ? -1 : 1;
}
