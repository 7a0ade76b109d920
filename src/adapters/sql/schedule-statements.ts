import { and, eq, isNotNull, sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import type { SqlDatabase } from "./database.ts";
import type { RowSource } from "./dialect.ts";
import type { ClaimedScheduleRow, ScheduleRow } from "./schedule-row.ts";
import { larger } from "./larger.ts";
import { scheduleColumns } from "./schedule-row.ts";
import type { Statement } from "./statement.ts";
import type { Tables } from "./tables.ts";

const NS = { ns: "text" } as const;
const ONE = { ns: "text", id: "text" } as const;
const LIST = { ns: "text", after: "text", limit: "int" } as const;
const WRITE = {
  ...ONE,
  entry: "text",
  version: "int",
  createdAt: "ms",
  updatedAt: "ms",
  nextRunAt: "ms",
  dueAt: "ms",
  maxRuns: "int",
} as const;
const REPLACE = { ...WRITE, seq: "ms", token: "ms" } as const;
const CLAIM = { ns: "text", limit: "int", owner: "text", leaseMs: "ms" } as const;
const REF = { id: "text", token: "ms", slot: "ms" } as const;
const REFS = { ns: "text", items: REF } as const;
const COMPLETE = { ns: "text", items: { ...REF, dispatched: "int", nextRunAt: "ms" } } as const;

// `seq` is never given twice, and no entry is claimed this often: tokens of one id rise, also over entries that were removed and made again.
const TOKENS_PER_ROW = sql.raw("65536");

interface IdRow {
  readonly id: string;
}

interface NowRow {
  readonly now: number;
}

/** A slot named by its claim. */
export interface SlotRow extends IdRow {
  readonly token: number;
}

/** Statements about schedules, but for their past. */
export interface ScheduleStatements {
  /** Reads an entry, and the store's now. */
  readonly get: Statement<typeof ONE, ScheduleRow & NowRow>;
  /** Reads the store's now. */
  readonly now: Statement<Record<never, never>, NowRow>;
  /** Makes an entry unless there is one of that id. */
  readonly insert: Statement<typeof WRITE, IdRow>;
  /** Replaces an entry unless anything happened to it. Its claim becomes stale. */
  readonly replace: Statement<typeof REPLACE, IdRow>;
  /** Lists entries. */
  readonly list: Statement<typeof LIST, ScheduleRow>;
  /** Forgets an entry. */
  readonly remove: Statement<typeof ONE, IdRow>;
  /** Claims what is due; those that another claims at the same time are left out. */
  readonly claim: Statement<typeof CLAIM, ClaimedScheduleRow>;
  /** Lets go of slots, where the claims are current. */
  readonly release: Statement<typeof REFS, SlotRow>;
  /** Names the claims that are current. */
  readonly check: Statement<typeof REFS, SlotRow>;
  /** Moves entries to their next slots, where the claims are current. */
  readonly complete: Statement<typeof COMPLETE, SlotRow>;
  /** In how many milliseconds the next slot falls due, or the next lease ends; no row when none will. */
  readonly nextDue: Statement<typeof NS, { readonly inMs: number }>;
}

/** Makes the statements of a database. */
export function scheduleStatements(database: SqlDatabase): ScheduleStatements {
  const { schedules, newSchedules } = database.tables;
  const columns = scheduleColumns(schedules);
  return {
    get: database.statement(
      "getSchedule",
      ONE,
      ({ db, args, dialect: { now } }) => db.select({ ...columns, now }).from(schedules).where(isOne(schedules, args)),
      { idempotent: true },
    ),

    now: database.statement(
      "upsertSchedule.now",
      {},
      ({ db, dialect: { now } }) => db.select({ now }).from(sql`(select 1 as one) as one`),
      {
        idempotent: true,
      },
    ),

    insert: database.statement(
      "upsertSchedule.insert",
      WRITE,
      ({ db, args, dialect }) =>
        db.insert(newSchedules).values({ ...args, runs: 0, token: 0 }).onConflictDoNothing()
          .returning({ id: newSchedules.id, signal: dialect.signal }),
    ),

    replace: database.statement("upsertSchedule.replace", REPLACE, ({ db, args, dialect }) => {
      const { entry, version, updatedAt, nextRunAt, dueAt, maxRuns } = args;
      return db.update(schedules)
        .set({ entry, version, updatedAt, nextRunAt, dueAt, maxRuns, token: sql`${schedules.token} + 1`, claimedBy: null })
        // Every write of a row raises its token.
        .where(and(isOne(schedules, args), eq(schedules.seq, args.seq), eq(schedules.token, args.token)))
        .returning({ id: schedules.id, signal: dialect.signal });
    }),

    list: database.statement(
      "listSchedules",
      LIST,
      ({ db, args }) =>
        db.select(columns).from(schedules).where(and(eq(schedules.ns, args.ns), sql`${schedules.id} > ${args.after}`))
          .orderBy(schedules.id).limit(sql.placeholder("limit")),
      { idempotent: true },
    ),

    remove: database.statement(
      "removeSchedule",
      ONE,
      ({ db, args, dialect }) => db.delete(schedules).where(isOne(schedules, args)).returning({ id: schedules.id, signal: dialect.signal }),
    ),

    claim: database.statement("claimDue", CLAIM, ({ db, args, dialect }) => {
      const { anyOf, now, skipLocked } = dialect;
      const due = sql`(select ${schedules.id} from ${schedules} where ${schedules.ns} = ${args.ns} and ${schedules.dueAt} <= ${now}
        order by ${schedules.nextRunAt}, ${schedules.id} limit ${args.limit}${skipLocked})`;
      return db.update(schedules).set({
        dueAt: sql`${now} + ${args.leaseMs}`,
        claimedBy: args.owner,
        token: larger(sql`${schedules.token} + 1`, sql`${schedules.seq} * ${TOKENS_PER_ROW}`),
      }).where(and(eq(schedules.ns, args.ns), anyOf(schedules.id, due)))
        .returning({ ...columns, claimedAt: now, dueAt: schedules.dueAt, claimedBy: schedules.claimedBy });
    }),

    release: database.statement(
      "release.slots",
      REFS,
      ({ db, args: { ns, items }, dialect }) =>
        db.update(schedules).set({ dueAt: schedules.nextRunAt, token: sql`${schedules.token} + 1`, claimedBy: null }).from(items.from)
          .where(held(schedules, ns, items)).returning({ ...slotOf(schedules), signal: dialect.signal }),
    ),

    check: database.statement(
      "completeSlots.check",
      REFS,
      ({ db, args: { ns, items } }) =>
        db.select({ id: schedules.id, token: schedules.token }).from(items.from).innerJoin(schedules, held(schedules, ns, items)),
      {
        idempotent: true,
      },
    ),

    complete: database.statement("completeSlots", COMPLETE, ({ db, args: { ns, items }, dialect }) => {
      const { from, column: { dispatched, nextRunAt, slot } } = items;
      const isExhausted = sql`(${schedules.maxRuns} is not null and ${schedules.runs} + ${dispatched} >= ${schedules.maxRuns})`;
      const next = sql`case when ${isExhausted} then null else ${nextRunAt} end`;
      return db.update(schedules).set({
        nextRunAt: next,
        dueAt: next,
        lastSlotAt: slot,
        lastRunAt: sql`case when ${dispatched} = 1 then ${slot} else ${schedules.lastRunAt} end`,
        runs: sql`${schedules.runs} + ${dispatched}`,
        token: sql`${schedules.token} + 1`,
        claimedBy: null,
      }).from(from).where(held(schedules, ns, items))
        .returning({ ...slotOf(schedules), signal: dialect.signal });
    }),

    nextDue: database.statement(
      "nextDueIn",
      NS,
      ({ db, args, dialect }) =>
        db.select({ inMs: sql<number>`${schedules.dueAt} - ${dialect.now}`.mapWith(Number) }).from(schedules)
          .where(and(eq(schedules.ns, args.ns), isNotNull(schedules.dueAt))).orderBy(schedules.dueAt).limit(1),
      { idempotent: true },
    ),
  };
}

function isOne(schedules: Tables["schedules"], args: { readonly ns: SQL; readonly id: SQL }): SQL {
  return sql`${schedules.ns} = ${args.ns} and ${schedules.id} = ${args.id}`;
}

/** The claim that was: the row has the next token by now. */
function slotOf(schedules: Tables["schedules"]) {
  return { id: schedules.id, token: sql<number>`${schedules.token} - 1`.mapWith(Number) };
}

/**
 * Whether a row's slot is held by the very claim that a batch names. An expired lease that nobody took over still counts.
 *
 * The namespace is written as if each row of the batch held it, so that both databases go from the batch to the table: Postgres would otherwise
 * go through all of a namespace that its statistics do not know, and compare each of its rows with each of the batch.
 */
function held(schedules: Tables["schedules"], ns: SQL, { position, column }: RowSource<typeof REF>): SQL {
  const own = sql`${ns} || substr(cast(${position} as text), 1, 0)`;
  return sql`${schedules.ns} = ${own} and ${schedules.id} = ${column.id} and ${schedules.token} = ${column.token}
    and ${schedules.nextRunAt} = ${column.slot} and ${schedules.claimedBy} is not null`;
}
