import { sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import type { EnqueueItem } from "../ledger-requests.ts";
import type { PublishItem } from "../broker-requests.ts";
import type { RowValues } from "./arguments.ts";
import type { SqlDatabase } from "./database.ts";
import { selectInto } from "./insert-rows.ts";
import { isKnown, supersedesSql } from "./order-of-truth.ts";
import type { Statement } from "./statement.ts";
import type { Tables } from "./tables.ts";

const ITEM = {
  id: "text",
  queue: "text",
  priority: "int",
  attempt: "int",
  notBefore: "ms",
  delayMs: "ms",
  leaseMs: "ms",
  envelope: "text",
  state: "text",
  name: "text",
  meta: "text",
  groupId: "text",
} as const;

const SHAPE = { ns: "text", items: ITEM } as const;

/** One envelope as a row. */
export type PublishRow = RowValues<typeof ITEM>;

/** Accepts envelopes; answers the ids of those that were not known. */
export type PublishStatement = Statement<typeof SHAPE, { readonly id: string }>;

/**
 * - `publish`: the delivery only; a status on record stays.
 * - `enqueue`: with the status `queued`; refused while another status is on record.
 * - `replay`: with the status `queued` at the next attempt where the earlier one is on record, or where the row asks for it.
 */
export type PublishMode = "publish" | "enqueue" | "replay";

/** Makes the statement that accepts envelopes. No id may come twice in one batch. */
export function publishStatement(database: SqlDatabase, mode: PublishMode): PublishStatement {
  return database.statement(`publish.${mode}`, SHAPE, ({ db, tables, args, dialect }) => {
    const { tasks, newTasks, deadLetters } = tables;
    const { now } = dialect;
    const { from, column, position } = args.items;
    // The store's own time decides: a delay counts from here.
    const notBefore = sql`coalesce(${now} + ${column.delayMs}, ${column.notBefore})`;
    const source = selectInto(newTasks, {
      ns: args.ns,
      id: column.id,
      name: column.name,
      state: column.state,
      attempt: column.attempt,
      meta: column.meta,
      groupId: column.groupId,
      createdAt: now,
      updatedAt: now,
      queue: column.queue,
      priority: column.priority,
      phase: sql`case when ${notBefore} > ${now} then 1 else 0 end`,
      dueAt: sql`case when ${notBefore} > ${now} then ${notBefore} end`,
      leaseMs: column.leaseMs,
      deliveryAttempt: column.attempt,
      envelope: column.envelope,
    }, {
      from,
      where: sql`not exists (select 1 from ${deadLetters} where ${deadLetters.ns} = ${args.ns} and ${deadLetters.id} = ${column.id}
        and ${deadLetters.expiresAt} > ${now})`,
      orderBy: position,
    });
    const known = isKnown(tasks, now);
    const free = sql`${tasks.phase} is null`;
    const set = {
      ...DELIVERY,
      ...(mode === "publish" ? origin(tasks, known) : queuedStatus(tasks, known)),
      seq: newPlace({ tasks, newTasks, known }),
    };
    return db.insert(newTasks).select(source).onConflictDoUpdate({
      target: [newTasks.ns, newTasks.id],
      set,
      setWhere: mode === "enqueue" ? sql`${free} and (not ${known} or ${tasks.state} = 'queued')` : free,
    }).returning({ id: newTasks.id, signal: dialect.signal });
  });
}

/** Makes the row of an envelope, without a status. */
export function publishRow({ envelope, text }: PublishItem): PublishRow {
  const { id, name, queue, groupId, priority, attempt, notBefore, delayMs, visibilityTimeoutMs } = envelope;
  // Name and group are no status yet, but become part of it when a ledger claims the row.
  return { id, name, queue, groupId, priority, attempt, notBefore, delayMs, leaseMs: visibilityTimeoutMs, envelope: text };
}

/** Makes the row of a task with its status. */
export function enqueueRow(item: EnqueueItem): PublishRow {
  return { ...publishRow(item), state: item.status.state, meta: item.status.meta };
}

// The token is not reset: whoever settled an earlier delivery of this row raised it.
const DELIVERY = {
  ...excluded("queue", "priority", "phase", "envelope"),
  dueAt: sql`excluded.due_at`,
  leaseMs: sql`excluded.lease_ms`,
  deliveryAttempt: sql`excluded.delivery_attempt`,
  deliveries: 0,
  consumer: null,
};

/**
 * The status of a row that is published again: what the batch gives, else the one on record moved to the new attempt. Where one on record
 * is ahead of that (only a replay meets one), it stays.
 */
function queuedStatus(tasks: Tables["tasks"], known: SQL): Record<string, SQL> {
  const queued = { state: sql`'queued'`, attempt: sql`excluded.attempt` };
  const ahead = sql`(${known} and ${tasks.state} <> 'queued' and not ${supersedesSql(queued, tasks)})`;
  const cleared = (column: unknown): SQL => sql`case when ${ahead} then ${column} end`;
  const given = (name: string, column: unknown): SQL =>
    sql`case when ${ahead} then ${column} else coalesce(excluded.${sql.identifier(name)}, case when ${known} then ${column} end) end`;
  return {
    state: sql`case when ${ahead} then ${tasks.state} else coalesce(excluded.state, case when ${known} then 'queued' end) end`,
    attempt: sql`case when ${ahead} then ${tasks.attempt} else excluded.attempt end`,
    name: given("name", tasks.name),
    meta: given("meta", tasks.meta),
    groupId: given("group_id", tasks.groupId),
    createdAt: sql`case when ${known} then ${tasks.createdAt} else excluded.created_at end`,
    updatedAt: sql`case when ${ahead} then ${tasks.updatedAt} else excluded.updated_at end`,
    payload: cleared(tasks.payload),
    error: cleared(tasks.error),
    progress: cleared(tasks.progress),
    worker: sql`case when ${known} then ${tasks.worker} end`,
    startedAt: sql`case when ${known} then ${tasks.startedAt} end`,
    finishedAt: cleared(tasks.finishedAt),
    expiresAt: cleared(tasks.expiresAt),
  };
}

/** What a status will tell of its task when a ledger claims the row; one on record tells its own. */
function origin(tasks: Tables["tasks"], known: SQL): Record<string, SQL> {
  return {
    name: sql`case when ${known} then ${tasks.name} else excluded.name end`,
    groupId: sql`case when ${known} then ${tasks.groupId} else excluded.group_id end`,
  };
}

/** What comes anew stands last, in its queue and in lists; only a row whose status is kept keeps the place of that. */
function newPlace({ tasks, newTasks, known }: Pick<Tables, "tasks" | "newTasks"> & { readonly known: SQL }): SQL {
  return sql`case when ${known} then ${tasks.seq} else excluded.${sql.identifier(newTasks.seq.name)} end`;
}

function excluded<Name extends string>(...names: Name[]): Record<Name, SQL> {
  const entries = names.map((name) => [name, sql`excluded.${sql.identifier(name)}`] as const);
  // Object.fromEntries forgets the names.
  return Object.fromEntries(entries) as Record<Name, SQL>;
}
