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

/** What became of slots, a row for each. */
export class ScheduleHistory {
  readonly #options: ScheduleHistoryOptions;
  readonly #statements: ReturnType<typeof statementsOf>;

  /** Makes the access; nothing is sent. */
  constructor(options: ScheduleHistoryOptions) {
    this.#options = options;
    this.#statements = statementsOf(options.database);
  }

  /** Records slots within the transaction that completes them, and lets go of those that are too many. */
  async record(items: readonly CompleteItem[], tx: object): Promise<void> {
    const { namespace: ns, limits } = this.#options;
    const rows = items.map(({ id, slot, kind, taskId, message }) => ({ id, slot, kind, taskId, message }));
    const ids = items.map(({ id }) => ({ id }));
    // They go to the server together, and are carried out in this order.
    await Promise.all([
      this.#statements.record.run({ ns, items: rows }, { tx }),
      this.#statements.prune.run({ ns, items: ids, count: limits.count }, { tx }),
    ]);
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

  /** Deletes what is older than its age, at most `limit`. */
  async sweep(limit: number): Promise<number> {
    const { namespace: ns, limits: { ageMs } } = this.#options;
    return (await this.#statements.sweep.run({ ns, ageMs, limit })).length;
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

    prune: database.statement("completeSlots.prune", { ns: "text", items: { id: "text" }, count: "int" }, ({ db, args }) => {
      const { from, column, own } = args.items;
      // The latest slot that is too many, looked up once for each schedule.
      const last = sql`(select slot from ${runs} as kept where kept.ns = ${own(args.ns)} and kept.schedule_id = ${column.id}
        order by kept.slot desc limit 1 offset ${args.count})`;
      const lasts = sql`(select ${own(args.ns)} as ns, ${column.id} as id, ${last} as slot from ${from}) as lasts`;
      return db.delete(runs).where(and(
        eq(runs.ns, args.ns),
        sql`(${runs.scheduleId}, ${runs.slot}) in (select old.schedule_id, old.slot from ${lasts} join ${runs} as old
          on old.ns = lasts.ns and old.schedule_id = lasts.id and old.slot <= lasts.slot)`,
      )).returning({ slot: runs.slot });
    }),

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

    sweep: database.statement(
      "sweep.scheduleRuns",
      { ns: "text", ageMs: "ms", limit: "int" },
      ({ db, args, dialect: { now } }) =>
        db.delete(runs).where(and(
          eq(runs.ns, args.ns),
          sql`(${runs.scheduleId}, ${runs.slot}) in (select old.schedule_id, old.slot from ${runs} as old where old.ns = ${args.ns}
          and old.completed_at <= ${now} - ${args.ageMs} order by old.completed_at, old.schedule_id, old.slot limit ${args.limit})`,
        )).returning({ slot: runs.slot }),
      { idempotent: true },
    ),
  };
}
