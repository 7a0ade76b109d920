import { and, desc, eq, sql } from "drizzle-orm";
import type { SqlDatabase } from "./database.ts";
import type { Dialect } from "./dialect.ts";
import { isKnown } from "./order-of-truth.ts";
import type { Statement } from "./statement.ts";
import type { StatusRow } from "./status-row.ts";
import { CLEARED_STATUS, statusColumns } from "./status-row.ts";
import type { Tables } from "./tables.ts";

const ONE = { ns: "text", id: "text" } as const;
const SOME = { ns: "text", ids: { id: "text" } } as const;
const EXPIRE = { ...ONE, ttlMs: "ms" } as const;
const SWEEP = { ns: "text", limit: "int" } as const;
const LIST = { ns: "text", before: "ms", limit: "int", states: { state: "text" }, name: "text", queue: "text", meta: "text" } as const;

interface IdRow {
  readonly id: string;
}

/** Statements about statuses, but for the one that records them. None of them touches a delivery. */
export interface StatusStatements {
  /** Reads statuses; those that are known, in any order. */
  readonly get: Statement<typeof SOME, StatusRow>;
  /** Lists statuses of lower `seq` than `before`, the highest first; conditions that are null or have no rows do not count. */
  readonly list: Statement<typeof LIST, StatusRow & { readonly seq: number }>;
  /** Moves the end of a status. */
  readonly expire: Statement<typeof EXPIRE, IdRow>;
  /** Deletes the row of a status without a delivery. */
  readonly remove: Statement<typeof ONE, IdRow>;
  /** Takes a status out of a row with a delivery. If that has just ended, the row is left for a sweep. */
  readonly clear: Statement<typeof ONE, IdRow>;
  /** Deletes rows of expired statuses without a delivery. */
  readonly sweep: Statement<typeof SWEEP, IdRow>;
  /** Takes expired statuses out of rows with a delivery. */
  readonly sweepHeld: Statement<typeof SWEEP, IdRow>;
}

/** Makes the statements of a database. */
export function statusStatements(database: SqlDatabase): StatusStatements {
  const { tasks } = database.tables;
  return {
    get: database.statement("get", SOME, ({ db, args: { ns, ids }, dialect }) =>
      db.select(statusColumns(tasks)).from(tasks)
        .where(
          and(eq(tasks.ns, ns), dialect.anyOf(tasks.id, sql`(select ${ids.column.id} from ${ids.from})`), isKnown(tasks, dialect.now)),
        ), {
      idempotent: true,
    }),

    list: database.statement(
      "list",
      LIST,
      ({ db, args, dialect }) =>
        db.select({ ...statusColumns(tasks), seq: tasks.seq }).from(tasks).where(and(
          eq(tasks.ns, args.ns),
          sql`${tasks.seq} > 0 and ${tasks.seq} < ${args.before}`,
          isKnown(tasks, dialect.now),
          dialect.anyOf(tasks.state, sql`(select ${args.states.column.state} from ${args.states.from})`),
          sql`(${args.name} is null or ${tasks.name} = ${args.name})`,
          sql`(${args.queue} is null or ${tasks.queue} = ${args.queue})`,
          sql`(${args.meta} is null or ${dialect.jsonContains(sql`coalesce(${tasks.meta}, '{}')`, args.meta)})`,
        )).orderBy(desc(tasks.seq)).limit(sql.placeholder("limit")),
      { idempotent: true },
    ),

    // Repeating it can only move the end on by the time that the repetition took.
    expire: database.statement(
      "expire",
      EXPIRE,
      ({ db, args, dialect: { now, signal } }) =>
        db.update(tasks).set({ expiresAt: sql`${now} + ${args.ttlMs}` }).where(
          and(eq(tasks.ns, args.ns), eq(tasks.id, args.id), isKnown(tasks, now)),
        )
          .returning({ id: tasks.id, signal }),
      { idempotent: true },
    ),

    remove: database.statement(
      "remove",
      ONE,
      ({ db, args, dialect: { now, signal } }) =>
        db.delete(tasks).where(and(eq(tasks.ns, args.ns), eq(tasks.id, args.id), isKnown(tasks, now), sql`${tasks.phase} is null`))
          .returning({ id: tasks.id, signal }),
    ),

    clear: database.statement(
      "remove.clear",
      ONE,
      ({ db, args, dialect: { now, signal } }) =>
        db.update(tasks).set({ ...CLEARED_STATUS, expiresAt: sql`case when ${tasks.phase} is null then ${now} end` })
          .where(and(eq(tasks.ns, args.ns), eq(tasks.id, args.id), isKnown(tasks, now))).returning({ id: tasks.id, signal }),
    ),

    sweep: database.statement(
      "sweep",
      SWEEP,
      ({ db, args, dialect }) =>
        db.delete(tasks).where(dialect.anyOf(dialect.address(tasks), expired({ tasks, args, dialect, held: false }))).returning({
          id: tasks.id,
        }),
    ),

    sweepHeld: database.statement(
      "sweep.held",
      SWEEP,
      ({ db, args, dialect }) =>
        db.update(tasks).set(CLEARED_STATUS).where(dialect.anyOf(dialect.address(tasks), expired({ tasks, args, dialect, held: true })))
          .returning({ id: tasks.id }),
    ),
  };
}

interface ExpiredRows {
  readonly tasks: Tables["tasks"];
  readonly args: { readonly [K in keyof typeof SWEEP]: ReturnType<typeof sql> };
  readonly dialect: Dialect;
  readonly held: boolean;
}

/** The first rows whose status has expired, with or without a delivery, and locked until the sweep is through. */
function expired({ tasks, args, dialect, held }: ExpiredRows) {
  return sql`(select ${dialect.address(tasks)} from ${tasks} where ${tasks.ns} = ${args.ns} and ${tasks.expiresAt} <= ${dialect.now}
    and ${tasks.phase} is ${held ? sql`not null` : sql`null`} order by ${tasks.expiresAt} limit ${args.limit}${dialect.skipLocked})`;
}
