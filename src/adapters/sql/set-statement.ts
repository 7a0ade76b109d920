import type { Column, SQL, SQLWrapper } from "drizzle-orm";
import { sql } from "drizzle-orm";
import type { StatusWrite } from "../result-requests.ts";
import type { RowValues } from "./arguments.ts";
import type { SqlDatabase } from "./database.ts";
import { selectInto } from "./insert-rows.ts";
import { accepts, hasEnded, isKnown } from "./order-of-truth.ts";
import type { Statement } from "./statement.ts";
import { mergedStatus } from "./status-merge.ts";
import type { Tables } from "./tables.ts";

const WRITE = {
  id: "text",
  state: "text",
  attempt: "int",
  payload: "text",
  error: "text",
  meta: "text",
  progress: "text",
  name: "text",
  queue: "text",
  worker: "text",
  groupId: "text",
  ttlMs: "ms",
} as const satisfies Record<keyof StatusWrite, string>;

const SHAPE = { ns: "text", writes: WRITE } as const;

/** One status to write, as a row. */
export type SetRow = RowValues<typeof WRITE>;

/** Records statuses; answers the ids of those that were accepted. */
export type SetStatement = Statement<typeof SHAPE, { readonly id: string }>;

/**
 * Makes the statement that records statuses, each where the order of truth permits. No id may come twice in one batch.
 *
 * New rows get their `seq` in the order of the batch, which is that of `list`; so the rows are taken in that order too, and two batches that
 * name the same tasks the other way round may deadlock. The database ends one of them, and it is repeated.
 */
export function setStatement(database: SqlDatabase): SetStatement {
  return database.statement("set", SHAPE, ({ db, tables: { tasks, newTasks }, args: { ns, writes }, dialect: { now, signal } }) => {
    const { from, column, position } = writes;
    const source = selectInto(newTasks, {
      ...column,
      ns,
      attempt: sql`coalesce(${column.attempt}, 1)`,
      // Nobody reads this before a publication replaces it; until then it tells the statement whether an attempt was given.
      deliveryAttempt: sql`coalesce(${column.attempt}, 0)`,
      createdAt: now,
      updatedAt: now,
      startedAt: sql`case when ${column.state} = 'running' then ${now} end`,
      finishedAt: sql`case when ${hasEnded(column.state)} then ${now} end`,
      expiresAt: sql`${now} + ${column.ttlMs}`,
    }, { from, orderBy: position });
    const next = { ...excludedStatus(newTasks), attempt: attemptGiven(tasks, newTasks, now) };
    const set = { ...mergedStatus(tasks, next, now), seq: newPlace(tasks, newTasks, now) };
    return db.insert(newTasks).select(source).onConflictDoUpdate({
      target: [newTasks.ns, newTasks.id],
      set,
      setWhere: accepts(tasks, next, now),
    }).returning({ id: newTasks.id, signal });
  });
}

/** What the batch gives, as an update sees it that found a row of that id. */
function excludedStatus(newTasks: Tables["newTasks"]) {
  return {
    state: excluded(newTasks.state),
    payload: excluded(newTasks.payload),
    error: excluded(newTasks.error),
    meta: excluded(newTasks.meta),
    progress: excluded(newTasks.progress),
    name: excluded(newTasks.name),
    queue: excluded(newTasks.queue),
    worker: excluded(newTasks.worker),
    groupId: excluded(newTasks.groupId),
    expiresAt: excluded(newTasks.expiresAt),
  };
}

function attemptGiven(tasks: Tables["tasks"], newTasks: Tables["newTasks"], now: SQLWrapper): SQL {
  return sql`case when ${excluded(newTasks.deliveryAttempt)} = 0 and ${isKnown(tasks, now)} then ${tasks.attempt}
    else ${excluded(newTasks.attempt)} end`;
}

/** A task that is heard of anew is listed as a new one, unless its place is also that of its delivery. */
function newPlace(tasks: Tables["tasks"], newTasks: Tables["newTasks"], now: SQLWrapper): SQL {
  return sql`case when ${isKnown(tasks, now)} or ${tasks.phase} is not null then ${tasks.seq} else ${excluded(newTasks.seq)} end`;
}

function excluded(column: Column): SQL {
  return sql`excluded.${sql.identifier(column.name)}`;
}
