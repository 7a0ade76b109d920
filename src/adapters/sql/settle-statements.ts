import { and, eq, isNotNull, isNull, sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import type { RowValues } from "./arguments.ts";
import type { RowSource } from "./dialect.ts";
import type { SqlDatabase } from "./database.ts";
import { larger } from "./larger.ts";
import type { Statement, StatementParts } from "./statement.ts";
import type { Tables } from "./tables.ts";

const REF = { id: "text", token: "ms" } as const;
const REFS = { ns: "text", items: REF } as const;
const REQUEUE = { ns: "text", items: { ...REF, attempts: "int", delayMs: "ms" } } as const;
const EXTEND = { ns: "text", items: { ...REF, leaseMs: "ms" } } as const;

/** A delivery named by id and token. */
export type RefRow = RowValues<typeof REF>;

/** A delivery that was current. */
export interface SettledRow {
  readonly id: string;
  /** The token that it was held with. */
  readonly token: number;
}

/** What a dead letter is made of. */
export interface ReleasedRow extends SettledRow {
  readonly queue: string | null;
  readonly envelope: string | null;
  readonly deliveryAttempt: number;
  readonly deliveries: number;
}

/** Statements that end or prolong deliveries. Each looks at the token: of a stale delivery it changes nothing, and answers nothing. */
export interface SettleStatements {
  /** Forgets deliveries whose row holds nothing else. */
  readonly remove: Statement<typeof REFS, SettledRow>;
  /** Takes deliveries out of rows that hold a status too. */
  readonly clear: Statement<typeof REFS, SettledRow>;
  /** As `remove`, and gives what was in them. */
  readonly removeWhole: Statement<typeof REFS, ReleasedRow>;
  /** As `clear`, and gives what was in them. */
  readonly clearWhole: Statement<typeof REFS, ReleasedRow>;
  /** Makes deliveries claimable again, now or later, that many attempts on. */
  readonly requeue: Statement<typeof REQUEUE, SettledRow>;
  /** Moves the end of leases, never to before the present one. */
  readonly extend: Statement<typeof EXTEND, { readonly id: string; readonly token: number; readonly dueAt: number | null }>;
}

/** Makes the statements of a database. */
export function settleStatements(database: SqlDatabase): SettleStatements {
  return {
    remove: database.statement("settle.remove", REFS, (parts) => removal(parts).returning(settledOf(parts, BEFORE)), { perRow: true }),
    clear: database.statement("settle.clear", REFS, (parts) => clearing(parts).returning(settledOf(parts, AFTER)), { perRow: true }),
    removeWhole: database.statement("settle.removeWhole", REFS, (parts) => removal(parts).returning(wholeOf(parts, BEFORE)), {
      perRow: true,
    }),
    clearWhole: database.statement("settle.clearWhole", REFS, (parts) => clearing(parts).returning(wholeOf(parts, AFTER)), {
      perRow: true,
    }),

    requeue: database.statement("settle.requeue", REQUEUE, ({ db, tables: { tasks }, args, dialect }) => {
      const { from, column } = args.items;
      return db.update(tasks).set({
        phase: sql`case when ${column.delayMs} > 0 then 1 else 0 end`,
        dueAt: sql`case when ${column.delayMs} > 0 then ${dialect.now} + ${column.delayMs} end`,
        deliveryAttempt: sql`${tasks.deliveryAttempt} + ${column.attempts}`,
        token: sql`${tasks.token} + 1`,
        deliveries: 0,
        consumer: null,
      }).from(from).where(held(tasks, args.ns, args.items)).returning({
        ...settledOf({ tables: { tasks } }, AFTER),
        signal: dialect.signal,
      });
    }, { perRow: true }),

    // Repeating it can only move the end on by the time that the repetition took.
    extend: database.statement("extendLease", EXTEND, ({ db, tables: { tasks }, args, dialect }) => {
      const { from, column } = args.items;
      const end = sql`${dialect.now} + ${column.leaseMs}`;
      return db.update(tasks).set({ phase: 2, dueAt: larger(sql`coalesce(${tasks.dueAt}, 0)`, end) }).from(from)
        .where(held(tasks, args.ns, args.items)).returning({ id: tasks.id, token: tasks.token, dueAt: tasks.dueAt });
    }, { idempotent: true, perRow: true }),
  };
}

/** Whether a row holds the very delivery that a batch names. An expired lease that nobody took over still counts. */
export function held(tasks: Tables["tasks"], ns: SQL, { own, column }: RowSource<typeof REF>): SQL {
  return sql`${tasks.ns} = ${own(ns)} and ${tasks.id} = ${column.id} and ${tasks.token} = ${column.token} and ${tasks.phase} is not null`;
}

type RefParts = StatementParts<typeof REFS>;

function removal({ db, tables: { tasks }, args }: RefParts) {
  const { from, column } = args.items;
  // SQLite's delete knows no FROM: the ids lead to the rows by their index, and the pairs decide.
  return db.delete(tasks).where(and(
    eq(tasks.ns, args.ns),
    sql`${tasks.id} in (select ${column.id} from ${from})`,
    sql`(${tasks.id}, ${tasks.token}) in (select ${column.id}, ${column.token} from ${from})`,
    isNotNull(tasks.phase),
    isNull(tasks.state),
  ));
}

function clearing({ db, tables: { tasks }, args }: RefParts) {
  const { from } = args.items;
  return db.update(tasks).set({ phase: null, dueAt: null, consumer: null, token: sql`${tasks.token} + 1` }).from(from)
    .where(and(held(tasks, args.ns, args.items), isNotNull(tasks.state)));
}

// What is returned of a deleted row is as it was; an updated one has the next token.
const BEFORE = sql.raw("0");
const AFTER = sql.raw("1");

function settledOf({ tables: { tasks } }: { readonly tables: Pick<Tables, "tasks"> }, raised: SQL) {
  return { id: tasks.id, token: sql<number>`${tasks.token} - ${raised}`.mapWith(Number) };
}

function wholeOf(parts: RefParts, raised: SQL) {
  const { tasks } = parts.tables;
  return {
    ...settledOf(parts, raised),
    queue: tasks.queue,
    envelope: tasks.envelope,
    deliveryAttempt: tasks.deliveryAttempt,
    deliveries: tasks.deliveries,
  };
}
