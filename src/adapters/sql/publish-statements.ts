import { sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import type { EnqueueItem } from "../ledger-requests.ts";
import type { PublishItem } from "../broker-requests.ts";
import type { RowValues } from "./arguments.ts";
import type { SqlDatabase } from "./database.ts";
import { selectInto } from "./insert-rows.ts";
import { isKnown, supersedesSql } from "./order-of-truth.ts";
import type { RunOptions, Statement, StatementParts } from "./statement.ts";
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
type PublishStatement = Statement<typeof SHAPE, { readonly id: string }>;

/**
 * - `publish`: the delivery only; a status on record stays.
 * - `enqueue`: with the status `queued`; refused while another status is on record.
 * - `replay`: with the status `queued` at the next attempt where the earlier one is on record, or where the row asks for it.
 */
export type PublishMode = "publish" | "enqueue" | "replay";

/**
 * Accepts envelopes. Nearly always none of them is known: where many write at once, a short statement inserts them all then, and nothing
 * otherwise. Only when some are known the long one, which can take over rows that are there, is sent after it. Where one writes at a time,
 * it is as fast as the short one.
 */
export class Publisher {
  readonly #fresh: PublishStatement | undefined;
  readonly #freshWithin: PublishStatement | undefined;
  readonly #any: PublishStatement;

  /** Makes the statements of a database. */
  constructor(database: SqlDatabase, mode: PublishMode) {
    this.#fresh = database.singleWriter ? undefined : freshStatement(database, mode, { within: false });
    this.#freshWithin = database.singleWriter ? undefined : freshStatement(database, mode, { within: true });
    this.#any = publishStatement(database, mode);
  }

  /** Accepts envelopes, no id twice. Answers the ids of those that were not known. */
  async accept(ns: string, items: readonly PublishRow[], options: RunOptions): Promise<ReadonlySet<string>> {
    const statement = options.tx === undefined ? this.#fresh : this.#freshWithin;
    const fresh = await statement?.run({ ns, items }, options) ?? [];
    const accepted = new Set(fresh.map(({ id }) => id));
    if (accepted.size === items.length) return accepted;
    const rest = accepted.size === 0 ? items : items.filter(({ id }) => !accepted.has(id ?? ""));
    for (const { id } of await this.#any.run({ ns, items: rest }, options)) accepted.add(id);
    return accepted;
  }
}

/**
 * Inserts all or nothing. Who looked and found nothing may still be outrun by another writer: outside a transaction that undoes the statement,
 * and inside one, which it would undo too, each row is put in on approval, for a sixth more of the server's time.
 */
function freshStatement(database: SqlDatabase, mode: PublishMode, { within }: { readonly within: boolean }): PublishStatement {
  return database.statement(`publish.${mode}.fresh${within ? ".within" : ""}`, SHAPE, (parts) => {
    const { db, tables: { tasks, newTasks, deadLetters }, args, dialect } = parts;
    const { from, table, column, own } = args.items;
    // With a limit inside, the look-up stays one per row of the batch, by the key. As a join it was planned over the young, empty table, and then
    // went through the whole of the grown one for each row.
    const there = (lookUp: SQL): SQL => sql`(${lookUp} limit 1) is not null`;
    const known = there(sql`select 1 from ${tasks} where ${tasks.ns} = ${own(args.ns)} and ${tasks.id} = ${column.id}`);
    const dead = there(sql`select 1 from ${deadLetters} where ${deadLetters.ns} = ${own(args.ns)} and ${deadLetters.id} = ${column.id}
      and ${deadLetters.expiresAt} > ${dialect.now}`);
    // Counted on the way through the batch: unpacking it once more to ask would cost as much as a third of the insert.
    const counted =
      sql`(select ${table}.*, sum(case when ${known} or ${dead} then 1 else 0 end) over () as refused from ${from}) as ${table}`;
    const insert = db.insert(newTasks).select(sourceOf(parts, { from: counted, where: sql`${table}.refused = 0` }));
    return (within ? insert.onConflictDoNothing() : insert).returning({ id: newTasks.id, signal: dialect.signal });
  }, { allOrNothing: !within });
}

function publishStatement(database: SqlDatabase, mode: PublishMode): PublishStatement {
  return database.statement(`publish.${mode}`, SHAPE, (parts) => {
    const { db, tables, args, dialect } = parts;
    const { tasks, newTasks, deadLetters } = tables;
    const { now } = dialect;
    const { column } = args.items;
    const source = sourceOf(parts, {
      where: sql`not exists (select 1 from ${deadLetters} where ${deadLetters.ns} = ${args.ns} and ${deadLetters.id} = ${column.id}
        and ${deadLetters.expiresAt} > ${now})`,
    });
    const known = isKnown(tasks, now);
    const free = sql`${tasks.phase} is null`;
    const set = {
      ...DELIVERY,
      ...(mode === "publish" ? origin(tasks, known) : queuedStatus(tasks, known, mode)),
      seq: newPlace({ tasks, newTasks, known }),
    };
    return db.insert(newTasks).select(source).onConflictDoUpdate({
      target: [newTasks.ns, newTasks.id],
      set,
      setWhere: mode === "enqueue" ? sql`${free} and (not ${known} or ${tasks.state} = 'queued')` : free,
    }).returning({ id: newTasks.id, signal: dialect.signal });
  }, { perRow: true, echo: ({ id }) => ({ id: String(id) }) });
}

function sourceOf(
  { tables: { newTasks }, args, dialect: { now } }: StatementParts<typeof SHAPE>,
  { from = args.items.from, where }: { readonly from?: SQL; readonly where: SQL },
): SQL {
  const { column, position } = args.items;
  // The store's own time decides: a delay counts from here.
  const notBefore = sql`coalesce(${now} + ${column.delayMs}, ${column.notBefore})`;
  return selectInto(newTasks, {
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
  }, { from, where, orderBy: position });
}

/** Makes the row of an envelope, without a status. Name and group are none yet, but become part of it when a ledger claims the row. */
export function publishRow(item: PublishItem): PublishRow {
  return rowOf(item, undefined);
}

/** Makes the row of a task with its status. */
export function enqueueRow(item: EnqueueItem): PublishRow {
  return rowOf(item, item.status);
}

// Written out, because a literal that begins with a spread is several times slower to make.
function rowOf({ envelope, text }: PublishItem, status: EnqueueItem["status"] | undefined): PublishRow {
  const { id, name, queue, groupId, priority, attempt, notBefore, delayMs, visibilityTimeoutMs } = envelope;
  return {
    id,
    name,
    queue,
    groupId,
    priority,
    attempt,
    notBefore,
    delayMs,
    leaseMs: visibilityTimeoutMs,
    envelope: text,
    state: status?.state,
    meta: status?.meta,
  };
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
 * The status of a row that is published again: what the batch gives, else the one on record moved to the new attempt. A replay leaves one
 * that does not yield to that by the order of truth; what is enqueued meets none but `queued`, and starts it anew.
 */
function queuedStatus(tasks: Tables["tasks"], known: SQL, mode: Exclude<PublishMode, "publish">): Record<string, SQL> {
  const queued = { state: sql`'queued'`, attempt: sql`excluded.attempt` };
  const ahead = mode === "enqueue" ? sql`false` : sql`(${known} and not ${supersedesSql(queued, tasks)})`;
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
