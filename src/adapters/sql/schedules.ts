import type { Logger } from "../../contracts/logger.ts";
import type { ClaimDueOptions } from "../../contracts/schedule-store.ts";
import type { TaskLedger } from "../../contracts/task-ledger.ts";
import { validateId } from "../../model/id.ts";
import type { ScheduleClaim, ScheduleEntry, ScheduleRun } from "../../model/schedule.ts";
import type { ScheduleWrite } from "../../model/schedule-change.ts";
import { dueTime, ownedPart, writtenEntry } from "../../model/schedule-change.ts";
import type { Clock } from "../../time/clock.ts";
import type { Duration } from "../../time/duration.ts";
import type { ClaimRef, CompleteItem } from "../schedule-requests.ts";
import { claimKey } from "../schedule-requests.ts";
import { SchedulesSurface } from "../schedules-surface.ts";
import type { SqlDatabase, SqlHold } from "./database.ts";
import { databaseOf } from "./ledger-side.ts";
import { inLockOrder } from "./lock-order.ts";
import { ScheduleHistory } from "./schedule-history.ts";
import { toClaim, toEntry } from "./schedule-row.ts";
import type { ScheduleRow } from "./schedule-row.ts";
import type { ScheduleStatements } from "./schedule-statements.ts";
import { scheduleStatements } from "./schedule-statements.ts";
import { scheduleTopic } from "./topics.ts";

/** Options of the SQL schedule stores. */
export interface SqlScheduleStoreOptions {
  /** Keeps systems on one database apart. @default "stem" */
  readonly namespace?: string | undefined;
  /** Judges all times instead of the store's own clock: for tests. @default the store's clock */
  readonly clock?: Clock | undefined;
  /** Where the store reports what nobody awaits. @default warnings and errors on the console */
  readonly logger?: Logger | undefined;
  /** How many slots of the past are kept of each schedule. @default 100 */
  readonly historyCount?: number | undefined;
  /** How long a slot of the past is kept. @default "30d" */
  readonly historyAge?: Duration | undefined;
}

/** A schedule store on the tables `schedules` and `schedule_runs`: written once for Postgres and SQLite. */
export class SqlScheduleStore extends SchedulesSurface {
  /** The namespace of all its rows. */
  readonly namespace: string;
  readonly #hold: SqlHold;
  readonly #database: SqlDatabase;
  readonly #statements: ScheduleStatements;
  readonly #history: ScheduleHistory;

  /** Made by the adapters' entry points. Closing it releases the hold. */
  constructor(hold: SqlHold, options: SqlScheduleStoreOptions = {}) {
    super({ ...options, what: `the ${hold.database.adapter} schedule store`, transactions: true });
    this.namespace = validateId(options.namespace ?? "stem", "a namespace");
    this.#hold = hold;
    this.#database = hold.database;
    this.#statements = scheduleStatements(hold.database);
    this.#history = new ScheduleHistory({ database: hold.database, namespace: this.namespace, limits: this.limits });
  }

  protected override async writeEntry(write: ScheduleWrite, tx?: object): Promise<ScheduleEntry> {
    const one = { ns: this.namespace, id: write.owned.id };
    for (;;) {
      const [found] = await this.#statements.get.run(one, { tx });
      const [time] = found === undefined ? await this.#statements.now.run({}, { tx }) : [found];
      const known = found === undefined ? undefined : { entry: toEntry(found), lastSlotAt: found.lastSlotAt ?? undefined };
      const entry = writtenEntry(write, known, time?.now ?? this.clock.now());
      if (entry === known?.entry) return entry;
      if (await this.#write(entry, found, tx)) return entry;
      // Somebody else wrote in between: it is decided again, on what is there now.
    }
  }

  protected override async readEntry(id: string): Promise<ScheduleEntry | undefined> {
    const [row] = await this.#statements.get.run({ ns: this.namespace, id });
    return row === undefined ? undefined : toEntry(row);
  }

  protected override async listEntries(limit: number, after: string): Promise<readonly ScheduleEntry[]> {
    return (await this.#statements.list.run({ ns: this.namespace, after, limit })).map(toEntry);
  }

  protected override async removeEntry(id: string, tx?: object): Promise<boolean> {
    if (tx === undefined) return this.#database.transaction("removeSchedule", (inside) => this.removeEntry(id, inside));
    const removed = await this.#statements.remove.run({ ns: this.namespace, id }, { tx, signal: this.#topics });
    // Whoever was completing a slot of it has committed by now, or finds no entry.
    if (removed.length > 0) await this.#history.remove(id, tx);
    return removed.length > 0;
  }

  protected override async claimSlots({ limit, owner, leaseMs }: ClaimDueOptions): Promise<readonly ScheduleClaim[]> {
    // Where a write keeps all others out, it pays to look before.
    if (this.#database.singleWriter && (await this.dueIn() ?? Infinity) > 0) return [];
    const rows = await this.#statements.claim.run({ ns: this.namespace, limit, owner, leaseMs });
    return rows.map(toClaim).sort((a, b) => a.slot - b.slot || (a.entry.id < b.entry.id ? -1 : 1));
  }

  protected override async releaseSlots(refs: readonly ClaimRef[]): Promise<readonly boolean[]> {
    const rows = await this.#statements.release.run({ ns: this.namespace, items: inLockOrder(refs, ({ id }) => id) }, {
      signal: this.#topics,
    });
    return answers(refs, rows);
  }

  protected override async areCurrent(items: readonly ClaimRef[]): Promise<readonly boolean[]> {
    return answers(items, await this.#statements.check.run({ ns: this.namespace, items: items.map(refOf) }));
  }

  protected override completeSlots(items: readonly CompleteItem[]): Promise<readonly boolean[]> {
    return this.#database.transaction("completeSlots", (tx) => this.#complete(items, tx));
  }

  protected override completeWith(ledger: TaskLedger, items: readonly CompleteItem[]): Promise<readonly boolean[]> | undefined {
    if (databaseOf(ledger) !== this.#database) return undefined;
    return this.#database.transaction("completeSlots", async (tx) => {
      const completed = await this.#complete(items, tx);
      const envelopes = items.flatMap((item, at) => completed[at] === true ? item.envelopes : []);
      if (envelopes.length > 0) await ledger.enqueue(envelopes, { tx });
      return completed;
    });
  }

  protected override sweepHistory(limit: number): Promise<number> {
    return this.#history.sweep(limit);
  }

  protected override listRuns(id: string, limit: number, before: number): Promise<readonly ScheduleRun[]> {
    return this.#history.list(id, limit, before);
  }

  protected override async dueIn(): Promise<number | undefined> {
    const [next] = await this.#statements.nextDue.run({ ns: this.namespace });
    return next?.inMs;
  }

  protected override listen(onChange: () => void): Promise<() => void> {
    return this.#database.signals.listen([scheduleTopic(this.namespace)], onChange);
  }

  protected override disconnect(): Promise<void> {
    return this.#hold.release();
  }

  async #write(entry: ScheduleEntry, found: ScheduleRow | undefined, tx: object | undefined): Promise<boolean> {
    const { id, version, createdAt, updatedAt, nextRunAt, maxRuns } = entry;
    const text = JSON.stringify(ownedPart(entry));
    const values = { ns: this.namespace, id, entry: text, version, createdAt, updatedAt, nextRunAt, dueAt: dueTime(entry), maxRuns };
    const options = { tx, signal: this.#topics };
    const written = found === undefined
      ? await this.#statements.insert.run(values, options)
      : await this.#statements.replace.run({ ...values, seq: found.seq, token: found.token }, options);
    return written.length > 0;
  }

  async #complete(items: readonly CompleteItem[], tx: object): Promise<readonly boolean[]> {
    const rows = await this.#statements.complete.run({
      ns: this.namespace,
      items: inLockOrder(items, ({ id }) => id).map((item) => ({
        ...refOf(item),
        dispatched: item.kind === "dispatched" ? 1 : 0,
        nextRunAt: item.nextRunAt,
      })),
    }, { tx, signal: this.#topics });
    const completed = answers(items, rows);
    const done = items.filter((_, at) => completed[at] === true);
    if (done.length > 0) await this.#history.record(done, tx);
    return completed;
  }

  get #topics(): readonly string[] {
    return [scheduleTopic(this.namespace)];
  }
}

function refOf({ id, token, slot }: ClaimRef): ClaimRef {
  return { id, token, slot };
}

/** Tells which of the claims are among the rows. */
function answers(refs: readonly ClaimRef[], rows: readonly Pick<ClaimRef, "id" | "token">[]): readonly boolean[] {
  const found = new Set(rows.map(claimKey));
  return refs.map((ref) => found.has(claimKey(ref)));
}
