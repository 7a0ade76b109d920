import { and, eq, sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import type { RowValues } from "./arguments.ts";
import type { SqlDatabase } from "./database.ts";
import { hasEnded, isKnown } from "./order-of-truth.ts";
import type { SettledRow } from "./settle-statements.ts";
import { held } from "./settle-statements.ts";
import type { Statement, StatementParts } from "./statement.ts";
import type { Tables } from "./tables.ts";
import type { StatusRow } from "./status-row.ts";
import { statusColumns } from "./status-row.ts";

const ITEM = {
  id: "text",
  token: "ms",
  state: "text",
  attempt: "int",
  payload: "text",
  error: "text",
  meta: "text",
  name: "text",
  queue: "text",
  worker: "text",
  groupId: "text",
  ttlMs: "ms",
  // What becomes of the delivery, see `DeliveryAction`.
  action: "int",
  delayMs: "ms",
  attempts: "int",
} as const;

const WRITE = { ns: "text", items: ITEM } as const;
const USUAL_ITEM = {
  id: "text",
  token: "ms",
  attempt: "int",
  state: "text",
  payload: "text",
  error: "text",
  meta: "text",
  name: "text",
  worker: "text",
  groupId: "text",
  ttlMs: "ms",
  // The delivery's next phase; null ends it.
  phase: "int",
  delayMs: "ms",
  attempts: "int",
  deliveries: "int",
  // Whether the envelope goes: 0 or 1.
  forget: "int",
} as const;

const USUAL = { ns: "text", items: USUAL_ITEM } as const;
const LOCK = { ns: "text", items: { id: "text" } } as const;

/** One task's end, or another step of it, as a row. */
export type FinishRow = RowValues<typeof ITEM>;

/** The end of a task that runs as it should, or its next step, as a row. */
export type UsualRow = RowValues<typeof USUAL_ITEM>;

/** What a write does to the delivery of its row. */
export const DELIVERY_ACTION = Object.freeze({ keep: 0, forget: 1, bury: 2, requeue: 3 } as const);

/** A row that was written. */
export interface WrittenRow {
  readonly id: string;
  /** The token that it was held with. */
  readonly token: number;
  readonly queue: string | null;
  /** The envelope, of rows whose delivery is to be buried. */
  readonly envelope: string | null;
  readonly deliveryAttempt: number;
  readonly deliveries: number;
}

/** A row that is locked until the transaction ends. */
export interface LockedRow extends StatusRow {
  readonly phase: number | null;
  readonly dueAt: number | null;
  readonly token: number;
  readonly deliveryAttempt: number;
  readonly envelope: string | null;
  readonly now: number;
}

/** Statements that write the status and the delivery of a row together. */
export interface FinishStatements {
  /** Ends what runs as it should: the token is current, and the status on record is `running` at that attempt. Leaves all other rows. */
  readonly usual: Statement<typeof USUAL, SettledRow>;
  /** The same, and gives what is in the rows. */
  readonly whole: Statement<typeof USUAL, WrittenRow>;
  /** Writes what was decided about locked rows. */
  readonly decided: Statement<typeof WRITE, WrittenRow>;
  /** Locks rows, and gives what is in them. */
  readonly lock: Statement<typeof LOCK, LockedRow>;
}

/** Makes the statements of a database. */
export function finishStatements(database: SqlDatabase): FinishStatements {
  return {
    usual: database.statement("finish.usual", USUAL, (parts) => {
      const { tasks } = parts.tables;
      return usualEnd(parts).returning({ id: tasks.id, token: tokenBefore(tasks), signal: parts.dialect.signal });
    }, { perRow: true, echo: ({ id, token }) => ({ id: String(id), token: Number(token) }) }),
    whole: database.statement(
      "finish.whole",
      USUAL,
      (parts) => usualEnd(parts).returning({ ...writtenOf(parts.tables.tasks), signal: parts.dialect.signal }),
      { perRow: true },
    ),
    decided: database.statement("finish.decided", WRITE, (parts) => {
      const { tables: { tasks }, args } = parts;
      const known = isKnown(tasks, parts.dialect.now);
      return write(parts, sql`${tasks.ns} = ${args.items.own(args.ns)} and ${tasks.id} = ${args.items.column.id}`, {
        known,
        createdAt: sql`case when ${known} then ${tasks.createdAt} else ${parts.dialect.now} end`,
      });
    }),
    lock: database.statement("finish.lock", LOCK, ({ db, tables: { tasks }, args, dialect }) =>
      // An update that changes nothing is the one lock that both dialects know.
      db.update(tasks).set({ token: sql`${tasks.token}` })
        .where(and(eq(tasks.ns, args.ns), sql`${tasks.id} in (select ${args.items.column.id} from ${args.items.from})`))
        .returning({
          ...statusColumns(tasks),
          phase: tasks.phase,
          dueAt: tasks.dueAt,
          token: tasks.token,
          deliveryAttempt: tasks.deliveryAttempt,
          envelope: tasks.envelope,
          now: dialect.now,
        })),
  };
}

function usualEnd({ db, tables: { tasks }, args, dialect: { now } }: StatementParts<typeof USUAL>) {
  const { from, column } = args.items;
  return db.update(tasks).set({
    state: column.state,
    payload: sql`coalesce(${column.payload}, ${tasks.payload})`,
    error: column.error,
    meta: sql`coalesce(${column.meta}, ${tasks.meta})`,
    name: sql`coalesce(${column.name}, ${tasks.name})`,
    worker: sql`coalesce(${column.worker}, ${tasks.worker})`,
    groupId: sql`coalesce(${column.groupId}, ${tasks.groupId})`,
    updatedAt: now,
    finishedAt: sql`case when ${column.phase} is null then ${now} end`,
    expiresAt: sql`${now} + ${column.ttlMs}`,
    phase: column.phase,
    dueAt: sql`${now} + ${column.delayMs}`,
    deliveryAttempt: sql`${tasks.deliveryAttempt} + ${column.attempts}`,
    token: sql`${tasks.token} + 1`,
    deliveries: sql`coalesce(${column.deliveries}, ${tasks.deliveries})`,
    consumer: null,
    envelope: sql`case when ${column.forget} = 0 then ${tasks.envelope} end`,
  }).from(from).where(
    sql`${held(tasks, args.ns, args.items)} and ${tasks.state} = 'running' and ${tasks.attempt} = ${column.attempt}
      and ${tasks.expiresAt} is null`,
  );
}

function write(
  { db, tables: { tasks }, args, dialect }: StatementParts<typeof WRITE>,
  where: SQL,
  { known, ...more }: { readonly known: SQL; readonly createdAt?: SQL },
) {
  const { from, column } = args.items;
  const { now } = dialect;
  const action = (kind: keyof typeof DELIVERY_ACTION): SQL => sql`${column.action} = ${sql.raw(String(DELIVERY_ACTION[kind]))}`;
  // A status that has expired leaves nothing behind.
  const sameAttempt = sql`(${known} and ${tasks.attempt} = ${column.attempt})`;
  const kept = (value: SQL, stored: unknown): SQL => sql`coalesce(${value}, case when ${known} then ${stored} end)`;
  const keptInAttempt = (value: SQL, stored: unknown): SQL => sql`coalesce(${value}, case when ${sameAttempt} then ${stored} end)`;
  return db.update(tasks).set({
    ...more,
    state: column.state,
    attempt: column.attempt,
    payload: keptInAttempt(column.payload, tasks.payload),
    progress: sql`case when ${sameAttempt} then ${tasks.progress} end`,
    error: column.error,
    meta: kept(column.meta, tasks.meta),
    name: kept(column.name, tasks.name),
    queue: kept(column.queue, tasks.queue),
    worker: kept(column.worker, tasks.worker),
    groupId: kept(column.groupId, tasks.groupId),
    updatedAt: now,
    startedAt: sql`case when ${known} then ${tasks.startedAt} end`,
    finishedAt: sql`case when ${hasEnded(column.state)} then ${now} end`,
    expiresAt: sql`${now} + ${column.ttlMs}`,
    phase: sql`case when ${action("keep")} then ${tasks.phase} when ${
      action("requeue")
    } then case when ${column.delayMs} > 0 then 1 else 0 end end`,
    dueAt: sql`case when ${action("keep")} then ${tasks.dueAt} when ${
      action("requeue")
    } and ${column.delayMs} > 0 then ${now} + ${column.delayMs} end`,
    deliveryAttempt: sql`${tasks.deliveryAttempt} + coalesce(${column.attempts}, 0)`,
    token: sql`${tasks.token} + case when ${action("keep")} then 0 else 1 end`,
    // Kept for the dead letter, which has to tell it.
    deliveries: sql`case when ${action("requeue")} then 0 else ${tasks.deliveries} end`,
    consumer: sql`case when ${action("keep")} then ${tasks.consumer} end`,
    // What has ended is not delivered again: without its envelope the row is half as large.
    envelope: sql`case when ${action("forget")} then null else ${tasks.envelope} end`,
  }).from(from).where(where).returning({ ...writtenOf(tasks), signal: dialect.signal });
}

function tokenBefore(tasks: Tables["tasks"]) {
  return sql<number>`${tasks.token} - 1`.mapWith(Number);
}

function writtenOf(tasks: Tables["tasks"]) {
  return {
    id: tasks.id,
    token: tokenBefore(tasks),
    queue: tasks.queue,
    envelope: sql<string | null>`case when ${tasks.phase} is null then ${tasks.envelope} end`,
    deliveryAttempt: tasks.deliveryAttempt,
    deliveries: tasks.deliveries,
  };
}
