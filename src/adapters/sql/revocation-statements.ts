import { and, desc, eq, sql } from "drizzle-orm";
import type { Column, SQL } from "drizzle-orm";
import type { SqlDatabase } from "./database.ts";
import type { Dialect } from "./dialect.ts";
import { selectInto } from "./insert-rows.ts";
import type { Statement, StatementParts } from "./statement.ts";

const WRITE = {
  target: "text",
  // Whether tasks of a name are meant: only then `before` has a value.
  byName: "int",
  before: "ms",
  terminate: "int",
  reason: "text",
  requestedBy: "text",
  expiresAt: "ms",
  expiresInMs: "ms",
} as const;
const RECORD = { ns: "text", writes: WRITE } as const;
const SOME = { ns: "text", targets: { target: "text" } } as const;
const LIST = { ns: "text", limit: "int", before: "ms" } as const;
const NS = { ns: "text" } as const;
const SWEEP = { ns: "text", limit: "int" } as const;

/** A revocation as it is stored. */
export interface StoredRow {
  readonly target: string;
  readonly before: number | null;
  readonly terminate: number;
  readonly reason: string | null;
  readonly requestedBy: string | null;
  readonly revokedAt: number;
  readonly expiresAt: number | null;
  readonly version: number;
}

/** A row by its target. */
interface TargetRow {
  readonly target: string;
}

/** Statements on revocations. */
export interface RevocationStatements {
  /** Records decisions, no target twice; none of them, and without an answer, when an expiry is not after now. */
  readonly record: Statement<typeof RECORD, StoredRow>;
  /** Reads what is in force. */
  readonly find: Statement<typeof SOME, StoredRow>;
  /** Lists what is in force, the highest version first. */
  readonly list: Statement<typeof LIST, StoredRow>;
  /** Ends what is in force. */
  readonly remove: Statement<typeof SOME, TargetRow>;
  /** Deletes what has ended. */
  readonly prune: Statement<typeof SWEEP, TargetRow>;
  /** Tells the latest versions, expired and removed ones included. */
  readonly newest: Statement<typeof NS, { readonly version: number }>;
}

// So many decisions may commit while an earlier one, in somebody's open transaction, does not: it is still found to be new after them. Where one writes at a
// time, the last one tells it all.
const NEWEST = 200;

/** Makes the statements of a database. */
export function revocationStatements(database: SqlDatabase): RevocationStatements {
  const { revocations, newRevocations } = database.tables;
  const { version } = revocations;
  const whole = {
    target: revocations.target,
    before: revocations.before,
    terminate: revocations.terminate,
    reason: revocations.reason,
    requestedBy: revocations.requestedBy,
    revokedAt: revocations.revokedAt,
    expiresAt: revocations.expiresAt,
    version,
  };
  const inForce = (now: SQL): SQL => sql`(${revocations.expiresAt} is null or ${revocations.expiresAt} > ${now})`;
  const someInForce = ({ ns, targets }: StatementParts<typeof SOME>["args"], dialect: Dialect): SQL =>
    sql`${revocations.ns} = ${ns} and ${dialect.anyOf(revocations.target, sql`(select ${targets.column.target} from ${targets.from})`)}
      and ${inForce(dialect.now)}`;
  const target: [typeof newRevocations.ns, typeof newRevocations.target] = [newRevocations.ns, newRevocations.target];
  const idempotent = { idempotent: true };
  return {
    record: database.statement("upsertAll", RECORD, ({ db, args, dialect }) => {
      const { now, signal } = dialect;
      const { from, column, position } = args.writes;
      const source = selectInto(newRevocations, {
        ns: args.ns,
        target: column.target,
        before: sql`case when ${column.byName} = 1 then coalesce(${column.before}, ${now}) end`,
        terminate: column.terminate,
        reason: column.reason,
        requestedBy: column.requestedBy,
        revokedAt: now,
        expiresAt: sql`coalesce(${now} + ${column.expiresInMs}, ${column.expiresAt})`,
      }, { from, where: sql`not exists (select 1 from ${from} where ${column.expiresAt} <= ${now})`, orderBy: position });
      const set = {
        before: excluded(revocations.before),
        terminate: excluded(revocations.terminate),
        reason: excluded(revocations.reason),
        requestedBy: excluded(revocations.requestedBy),
        revokedAt: excluded(revocations.revokedAt),
        expiresAt: excluded(revocations.expiresAt),
        version: dialect.nextSeq(version),
      };
      return db.insert(newRevocations).select(source)
        .onConflictDoUpdate({ target, set })
        .returning({ ...whole, signal });
    }, idempotent),

    find: database.statement(
      "match",
      SOME,
      ({ db, args: { ns, targets }, dialect }) =>
        db.select(whole).from(targets.from)
          .innerJoin(revocations, and(eq(revocations.target, targets.column.target), eq(revocations.ns, targets.own(ns))))
          .where(inForce(dialect.now)),
      idempotent,
    ),

    list: database.statement("list.revocations", LIST, ({ db, args, dialect }) =>
      db.select(whole).from(revocations)
        .where(and(eq(revocations.ns, args.ns), sql`${version} < ${args.before}`, inForce(dialect.now)))
        .orderBy(desc(version)).limit(sql.placeholder("limit")), idempotent),

    // An upsert, though of rows that are there, because only an upsert can draw a version under the row's lock. The row stays until it is pruned,
    // so that whoever compares the latest versions finds the removal.
    remove: database.statement("remove.revocations", SOME, ({ db, args, dialect }) => {
      const { now, signal } = dialect;
      const { from, column, position } = args.targets;
      // Found for the whole batch at once: row by row the planner goes through all of a namespace that its statistics do not know yet.
      const there = dialect.anyOf(
        column.target,
        sql`(select ${revocations.target} from ${revocations} where ${someInForce(args, dialect)})`,
      );
      // Long over, also when the clock is set back.
      const values = { ns: args.ns, target: column.target, terminate: sql`0`, revokedAt: now, expiresAt: sql`0` };
      const source = selectInto(newRevocations, values, { from, where: there, orderBy: position });
      const set = { expiresAt: sql`0`, version: dialect.nextSeq(version) };
      return db.insert(newRevocations).select(source).onConflictDoUpdate({ target, set, setWhere: inForce(now) })
        .returning({ target: newRevocations.target, signal });
    }),

    prune: database.statement("pruneExpired", SWEEP, ({ db, args, dialect }) => {
      const ended =
        sql`(select ${version} from ${revocations} where ${revocations.ns} = ${args.ns} and ${revocations.expiresAt} <= ${dialect.now}
        order by ${revocations.expiresAt} limit ${args.limit}${dialect.skipLocked})`;
      return db.delete(revocations).where(and(eq(revocations.ns, args.ns), dialect.anyOf(version, ended))).returning({
        target: revocations.target,
      });
    }, idempotent),

    newest: database.statement(
      "watch.newest",
      NS,
      ({ db, args, dialect }) =>
        db.select({ version }).from(revocations).where(eq(revocations.ns, args.ns)).orderBy(desc(version)).limit(
          dialect.singleWriter ? 1 : NEWEST,
        ),
      idempotent,
    ),
  };
}

function excluded(column: Column): SQL {
  return sql`excluded.${sql.identifier(column.name)}`;
}
