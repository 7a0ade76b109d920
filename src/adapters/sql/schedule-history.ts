import { and, desc, eq, sql } from "drizzle-orm";
import type { ScheduleRun } from "../../model/schedule.ts";
import type { CompleteItem, HistoryLimits } from "../schedule-requests.ts";
import type { SqlDatabase } from "./database.ts";
import { selectInto } from "./insert-rows.ts";

/** What {@link ScheduleHistory} is made of. */
export interface ScheduleHistoryOptions {
  readonly database: SqlDatabase;
  readonly namespace: string;
  /** How much of the past is kept. */
  readonly limits: HistoryLimits;
}

// With the sweep it is looked anyway; this is for those who complete very much, or never sweep.
const PRUNE_EVERY = 500;

/** What became of slots, a row for each. */
export class ScheduleHistory {
  readonly #options: ScheduleHistoryOptions;
  readonly #statements: ReturnType<typeof statementsOf>;
  // The schedules of which slots were completed here since it was last looked whether they have too many.
  readonly #grown = new Set<string>();
  #sincePruned = 0;

  /** Makes the access; nothing is sent. */
  constructor(options: ScheduleHistoryOptions) {
    this.#options = options;
    this.#statements = statementsOf(options.database);
  }

  /** Records slots within the transaction that completes them. Now and then it lets go of those that are too many. */
  async record(items: readonly CompleteItem[], tx: object): Promise<void> {
    const rows = items.map(({ id, slot, kind, taskId, message }) => ({ id, slot, kind, taskId, message }));
    await this.#statements.record.run({ ns: this.#options.namespace, items: rows }, { tx });
    for (const { id } of items) this.#grown.add(id);
    this.#sincePruned += items.length;
    if (this.#sincePruned >= PRUNE_EVERY) await this.#prune(tx);
  }

  /** Lists slots before one, the latest first. */
  async list(id: string, limit: number, before: number): Promise<readonly ScheduleRun[]> {
    const rows = await this.#statements.list.run({ ns: this.#options.namespace, id, limit, before });
    return rows.map(({ slot, kind, taskId, message, completedAt }) => ({
      scheduleId: id,
      slot,
      kind: kind === "dispatched" || kind === "skipped" ? kind : "failed",
      ...(taskId === null ? {} : { taskId }),
      ...(message === null ? {} : { message }),
      completedAt,
    }));
  }

  /** Forgets the past of a schedule. */
  async remove(id: string, tx: object): Promise<void> {
    await this.#statements.remove.run({ ns: this.#options.namespace, id }, { tx });
  }

  /** Deletes what is older than its age, at most `limit`; and of the schedules that went on since, what is too much. */
  async sweep(limit: number): Promise<number> {
    const { namespace: ns, limits: { ageMs } } = this.#options;
    await this.#prune();
    return (await this.#statements.sweep.run({ ns, ageMs, limit })).length;
  }

  async #prune(tx?: object): Promise<void> {
    const { namespace: ns, limits: { count } } = this.#options;
    // In one order everywhere, so that no two wait for each other in a circle.
    const items = [...this.#grown].sort().map((id) => ({ id }));
    this.#grown.clear();
    this.#sincePruned = 0;
    if (items.length === 0) return;
    const found = await this.#statements.excess.run({ ns, items, count }, { tx });
    const full = found.flatMap(({ id, slot }) => slot === null ? [] : [{ ns, id, slot }]);
    // A statement for each, because it is planned well whatever the database knows of the namespace: one delete for all of them took 20 s of
    // Postgres where that knew nothing of it.
    await Promise.all(full.map((one) => this.#statements.prune.run(one, { tx })));
  }
}

function statementsOf(database: SqlDatabase) {
  const { scheduleRuns: runs } = database.tables;
  return {
    record: database.statement(
      "completeSlots.record",
      { ns: "text", items: { id: "text", slot: "ms", kind: "text", taskId: "text", message: "text" } },
      ({ db, args, dialect: { now } }) => {
        const { from, column: { id: scheduleId, slot, kind, taskId, message }, position } = args.items;
        const values = { ns: args.ns, scheduleId, slot, kind, taskId, message, completedAt: now };
        // No slot comes twice in the life of an entry. Should there be a line of it all the same, it must not keep the entry from going on.
        return db.insert(runs).select(selectInto(runs, values, { from, orderBy: position })).onConflictDoUpdate({
          target: [runs.ns, runs.scheduleId, runs.slot],
          set: {
            kind: sql`excluded.kind`,
            taskId: sql`excluded.task_id`,
            message: sql`excluded.message`,
            completedAt: sql`excluded.completed_at`,
          },
        }).returning({ slot: runs.slot });
      },
    ),

    excess: database.statement("scheduleHistory.excess", { ns: "text", items: { id: "text" }, count: "int" }, ({ db, args }) => {
      const { from, column, own } = args.items;
      const first = sql<number | null>`(select kept.slot from ${runs} as kept where kept.ns = ${
        own(args.ns)
      } and kept.schedule_id = ${column.id}
        order by kept.schedule_id desc, kept.slot desc limit 1 offset ${args.count})`;
      return db.select({ id: column.id, slot: first.mapWith(toSlot).as("slot") }).from(from);
    }, { idempotent: true }),

    prune: database.statement(
      "scheduleHistory.prune",
      { ns: "text", id: "text", slot: "ms" },
      ({ db, args }) =>
        db.delete(runs).where(and(eq(runs.ns, args.ns), eq(runs.scheduleId, args.id), sql`${runs.slot} <= ${args.slot}`))
          .returning({ slot: runs.slot }),
      { idempotent: true },
    ),

    list: database.statement(
      "scheduleHistory",
      { ns: "text", id: "text", before: "ms", limit: "int" },
      ({ db, args }) =>
        db.select({ slot: runs.slot, kind: runs.kind, taskId: runs.taskId, message: runs.message, completedAt: runs.completedAt }).from(
          runs,
        )
          .where(and(eq(runs.ns, args.ns), eq(runs.scheduleId, args.id), sql`${runs.slot} < ${args.before}`))
          .orderBy(desc(runs.slot)).limit(sql.placeholder("limit")),
      { idempotent: true },
    ),

    remove: database.statement(
      "removeSchedule.history",
      { ns: "text", id: "text" },
      ({ db, args }) => db.delete(runs).where(and(eq(runs.ns, args.ns), eq(runs.scheduleId, args.id))).returning({ slot: runs.slot }),
    ),

    sweep: database.statement("sweep.scheduleRuns", { ns: "text", ageMs: "ms", limit: "int" }, ({ db, args, dialect: { now } }) => {
      const isOld = sql`ns = ${args.ns} and completed_at <= ${now} - ${args.ageMs}`;
      const oldest =
        sql`(select completed_at, schedule_id, slot from ${runs} where ${isOld} order by completed_at, schedule_id, slot limit ${args.limit})`;
      const last =
        sql`(select completed_at, schedule_id, slot from ${oldest} as oldest order by completed_at desc, schedule_id desc, slot desc limit 1)`;
      // By a range, which is read off an index: a list of rows to find again can be planned so that each row of the namespace is compared with each.
      return db.delete(runs).where(sql`${isOld} and (completed_at, schedule_id, slot) <= ${last}`).returning({ slot: runs.slot });
    }, { idempotent: true }),
  };
}

/** A slot as the drivers give it from an expression: text on Postgres. */
function toSlot(value: unknown): number | null {
  return value === null ? null : Number(value);
}
