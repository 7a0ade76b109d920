import { and, eq, sql } from "drizzle-orm";
import type { SqlDatabase } from "./database.ts";
import { isPaused } from "./paused-queues.ts";
import type { Statement } from "./statement.ts";

const NS = { ns: "text" } as const;
const QUEUE = { ns: "text", queue: "text" } as const;
const WAITING = { ...QUEUE, after: "ms", limit: "int" } as const;
const LOOK = { ns: "text", queues: { queue: "text" } } as const;
const PROMOTE = { ns: "text", limit: "int" } as const;

/** How many rows of a queue stand where, see `QueueCounts`. */
export interface CountsRow {
  readonly ready: number;
  readonly delayed: number;
  readonly inflight: number;
  readonly dead: number;
}

/** Statements about whole queues. */
export interface QueueStatements {
  /** Makes claimable what has become due: delayed rows, and those whose lease ran out. Answers their queues. */
  readonly promote: Statement<typeof PROMOTE, { readonly queue: string | null }>;
  /** Tells, without writing, whether something can be claimed from the queues, and whether something of the namespace is due. */
  readonly look: Statement<typeof LOOK, { readonly ready: number; readonly due: number }>;
  /** In how many milliseconds the next row of the namespace falls due; no row when none will. */
  readonly nextDue: Statement<typeof NS, { readonly inMs: number }>;
  /** Counts a queue. */
  readonly counts: Statement<typeof QUEUE, CountsRow>;
  /** Forgets rows of a queue that nobody holds and that carry no status. */
  readonly remove: Statement<typeof QUEUE, { readonly id: string }>;
  /** Takes deliveries that nobody holds out of rows that carry a status. */
  readonly clear: Statement<typeof QUEUE, { readonly id: string }>;
  /** Names some tasks of a queue that nobody holds, in the order of their `seq` and above `after`. */
  readonly waiting: Statement<typeof WAITING, { readonly id: string; readonly seq: number }>;
}

/** Makes the statements of a database. */
export function queueStatements(database: SqlDatabase): QueueStatements {
  const { tasks, deadLetters } = database.tables;
  return {
    promote: database.statement("claim.promote", PROMOTE, ({ db, args, dialect }) => {
      const due = sql`(select ${dialect.address(tasks)} from ${tasks} where ${tasks.ns} = ${args.ns} and ${tasks.phase} in (1, 2)
        and ${tasks.dueAt} <= ${dialect.now} order by ${tasks.dueAt} limit ${args.limit}${dialect.skipLocked})`;
      return db.update(tasks).set({ phase: 0, dueAt: null }).where(dialect.anyOf(dialect.address(tasks), due))
        .returning({ queue: tasks.queue, signal: dialect.signal });
    }, { idempotent: true }),

    look: database.statement("claim.look", LOOK, ({ db, args, dialect }) => {
      const { from, column } = args.queues;
      const ready = sql`exists (select 1 from ${from} where exists (select 1 from ${tasks} where ${tasks.ns} = ${args.ns}
        and ${tasks.queue} = ${column.queue} and ${tasks.phase} = 0) and not ${isPaused(database.tables, args.ns, column.queue)})`;
      const due = sql`exists (select 1 from ${tasks} where ${tasks.ns} = ${args.ns} and ${tasks.phase} in (1, 2)
        and ${tasks.dueAt} <= ${dialect.now})`;
      const asNumber = (condition: unknown) => sql<number>`case when ${condition} then 1 else 0 end`.mapWith(Number);
      return db.select({ ready: asNumber(ready).as("ready"), due: asNumber(due).as("due") }).from(sql`(select 1 as one) as one`);
    }, { idempotent: true }),

    nextDue: database.statement(
      "claim.nextDue",
      NS,
      ({ db, args, dialect }) =>
        db.select({ inMs: sql<number>`${tasks.dueAt} - ${dialect.now}`.mapWith(Number) }).from(tasks)
          .where(and(eq(tasks.ns, args.ns), sql`${tasks.phase} in (1, 2)`)).orderBy(tasks.dueAt).limit(1),
      { idempotent: true },
    ),

    counts: database.statement("counts", QUEUE, ({ db, args, dialect }) => {
      const { now } = dialect;
      const inQueue = sql`${tasks.ns} = ${args.ns} and ${tasks.queue} = ${args.queue}`;
      const count = (condition: unknown) => sql<number>`(select count(*) from ${tasks} where ${inQueue} and ${condition})`.mapWith(Number);
      const due = sql`(select count(*) from ${tasks} where ${inQueue} and ${tasks.phase} in (1, 2) and ${tasks.dueAt} <= ${now})`;
      const counted = {
        ready: sql<number>`(select count(*) from ${tasks} where ${inQueue} and ${tasks.phase} = 0) + ${due}`.mapWith(Number).as("ready"),
        delayed: count(sql`${tasks.phase} = 1 and ${tasks.phase} in (1, 2) and ${tasks.dueAt} > ${now}`).as("delayed"),
        inflight: count(sql`${tasks.phase} = 2 and ${tasks.phase} in (1, 2) and ${tasks.dueAt} > ${now}`).as("inflight"),
        dead: sql<number>`(select count(*) from ${deadLetters} where ${deadLetters.ns} = ${args.ns} and ${deadLetters.queue} = ${args.queue}
          and ${deadLetters.expiresAt} > ${now})`.mapWith(Number).as("dead"),
      };
      return db.select(counted).from(sql`(select 1 as one) as one`);
    }, { idempotent: true }),

    remove: database.statement(
      "purge.remove",
      QUEUE,
      ({ db, args, dialect }) =>
        db.delete(tasks).where(and(unheld(args, dialect.now), sql`${tasks.state} is null`)).returning({ id: tasks.id }),
    ),

    clear: database.statement(
      "purge.clear",
      QUEUE,
      ({ db, args, dialect }) =>
        db.update(tasks).set({ phase: null, dueAt: null, consumer: null, token: sql`${tasks.token} + 1` })
          .where(and(unheld(args, dialect.now), sql`${tasks.state} is not null`)).returning({ id: tasks.id }),
    ),

    waiting: database.statement(
      "purge.waiting",
      WAITING,
      ({ db, args, dialect }) =>
        db.select({ id: tasks.id, seq: tasks.seq }).from(tasks).where(and(unheld(args, dialect.now), sql`${tasks.seq} > ${args.after}`))
          .orderBy(tasks.seq).limit(sql.placeholder("limit")),
    ),
  };

  function unheld(args: { readonly ns: ReturnType<typeof sql>; readonly queue: ReturnType<typeof sql> }, now: ReturnType<typeof sql>) {
    return sql`${tasks.ns} = ${args.ns} and ${tasks.queue} = ${args.queue}
      and (${tasks.phase} = 0 or (${tasks.phase} in (1, 2) and (${tasks.phase} = 1 or ${tasks.dueAt} <= ${now})))`;
  }
}
