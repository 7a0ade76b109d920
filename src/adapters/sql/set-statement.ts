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
 * New rows get their `seq` in the order of the batch, which is that of `list`.
 */
export function setStatement(database: SqlDatabase): SetStatement {
  return database.statement("set", SHAPE, ({ db, tables: { tasks }, args: { ns, writes }, dialect }) => {
    const { now, signal } = dialect;
    const { column } = writes;
    const { from, seq, orderBy } = dialect.numbered(writes, column.id);
    const source = selectInto(tasks, {
      ...column,
      ns,
      seq,
      attempt: sql`coalesce(${column.attempt}, 1)`,
      // Nobody reads this before a publication replaces it; until then it tells the statement whether an attempt was given.
      deliveryAttempt: sql`coalesce(${column.attempt}, 0)`,
      createdAt: now,
      updatedAt: now,
      startedAt: sql`case when ${column.state} = 'running' then ${now} end`,
      finishedAt: sql`case when ${hasEnded(column.state)} then ${now} end`,
      expiresAt: sql`${now} + ${column.ttlMs}`,
    }, { from, orderBy });
    const next = { ...excludedStatus(tasks), attempt: attemptGiven(tasks, now) };
    return db.insert(tasks).select(source).onConflictDoUpdate({
      target: [tasks.ns, tasks.id],
      set: { ...mergedStatus(tasks, next, now), seq: newPlace(tasks, now) },
      setWhere: accepts(tasks, next, now),
    }).returning({ id: tasks.id, signal });
  }, { perRow: true, echo: ({ id }) => ({ id: String(id) }) });
}

/** What the batch gives, as an update sees it that found a row of that id. */
function excludedStatus(tasks: Tables["tasks"]) {
  return {
    state: excluded(tasks.state),
    payload: excluded(tasks.payload),
    error: excluded(tasks.error),
    meta: excluded(tasks.meta),
    progress: excluded(tasks.progress),
    name: excluded(tasks.name),
    queue: excluded(tasks.queue),
    worker: excluded(tasks.worker),
    groupId: excluded(tasks.groupId),
    expiresAt: excluded(tasks.expiresAt),
  };
}

function attemptGiven(tasks: Tables["tasks"], now: SQLWrapper): SQL {
  return sql`case when ${excluded(tasks.deliveryAttempt)} = 0 and ${isKnown(tasks, now)} then ${tasks.attempt}
    else ${excluded(tasks.attempt)} end`;
}

/** A task that is heard of anew is listed as a new one, unless its place is also that of its delivery. */
function newPlace(tasks: Tables["tasks"], now: SQLWrapper): SQL {
  return sql`case when ${isKnown(tasks, now)} or ${tasks.phase} is not null then ${tasks.seq} else ${excluded(tasks.seq)} end`;
}

function excluded(column: Column): SQL {
  return sql`excluded.${sql.identifier(column.name)}`;
}
