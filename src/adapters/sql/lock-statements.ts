import { and, eq, gt, sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import type { StoredLock } from "../../contracts/lock-store.ts";
import type { SqlDatabase } from "./database.ts";
import type { Dialect } from "./dialect.ts";
import { selectInto } from "./insert-rows.ts";
import type { Statement, StatementParts } from "./statement.ts";
import type { Tables } from "./tables.ts";

const REF = { key: "text", owner: "text", token: "ms" } as const;
const ACQUIRE = { ns: "text", items: { key: "text", owner: "text", ttlMs: "ms" } } as const;
const CHANGE = { ns: "text", items: { ...REF, ttlMs: "ms" } } as const;
const TRANSFER = { ns: "text", ...REF, newOwner: "text", ttlMs: "ms" } as const;
const ONE = { ns: "text", key: "text" } as const;
const HOLDS = { ...ONE, token: "ms" } as const;
const SWEEP = { ns: "text", limit: "int", keptMs: "ms" } as const;

// A number that was drawn for a new row comes too late when the key was taken and given back meanwhile. As long as the row is there, such an
// insert becomes an update, which draws anew: so the row stays for a while after its lock.
export const LOCK_ROW_KEPT_MS = 60_000;

/** A lock by its number, which no other has. */
interface TokenRow {
  readonly token: number;
}

/** Changes locks that are held as the batch says; the others are left alone, and not answered. */
export type ChangeStatement = Statement<typeof CHANGE, StoredLock>;

/** Statements on locks. Each is one compare-and-set for all of its batch. */
export interface LockStatements {
  /** Takes locks that nobody holds. */
  readonly acquire: Statement<typeof ACQUIRE, StoredLock>;
  /** Moves the end of locks, but for rows that a transaction has taken hold of. */
  readonly renewFree: ChangeStatement;
  /** As `renewFree`, and waits for those transactions. */
  readonly renew: ChangeStatement;
  /** Gives back locks, but for rows that a transaction has taken hold of. */
  readonly releaseFree: ChangeStatement;
  /** As `releaseFree`, and waits for those transactions. */
  readonly release: ChangeStatement;
  /** Hands a lock over to another owner under a new token. */
  readonly transfer: Statement<typeof TRANSFER, StoredLock>;
  /** Reads a lock. */
  readonly read: Statement<typeof ONE, StoredLock>;
  /** Tells how long until a lock ends. */
  readonly endsIn: Statement<typeof ONE, { readonly leftMs: number }>;
  /** Finds a lock by its token. */
  readonly find: Statement<typeof HOLDS, TokenRow>;
  /** Finds a lock by its token, and keeps those who would take it over out until the transaction's end. */
  readonly hold: Statement<typeof HOLDS, TokenRow>;
  /** Deletes locks that ended a while ago. */
  readonly sweep: Statement<typeof SWEEP, TokenRow>;
}

/** Makes the statements of a database. */
export function lockStatements(database: SqlDatabase): LockStatements {
  const { locks, newLocks } = database.tables;
  const whole = { key: locks.key, owner: locks.owner, token: locks.token, expiresAt: locks.expiresAt };

  return {
    acquire: database.statement("acquire", ACQUIRE, ({ db, args, dialect }) => {
      const { now } = dialect;
      const { from, column, own } = args.items;
      // Looked at first, because a refused insert costs a number, and on Postgres a lock on the row. With a limit inside, the look-up is one per
      // row of the batch by the key, see publish-statements.ts. Who was faster in between is found by the conflict.
      const held = sql`(select 1 from ${locks} where ${locks.ns} = ${own(args.ns)} and ${locks.key} = ${column.key}
        and ${locks.expiresAt} > ${now} limit 1)`;
      const source = selectInto(newLocks, {
        ns: args.ns,
        key: column.key,
        owner: column.owner,
        expiresAt: sql`${now} + ${column.ttlMs}`,
      }, { from, where: sql`${held} is null`, orderBy: column.key });
      return db.insert(newLocks).select(source).onConflictDoUpdate({
        target: [newLocks.ns, newLocks.key],
        set: takenOver(locks, dialect),
        setWhere: sql`${locks.expiresAt} <= ${now}`,
      }).returning(whole);
    }),

    renewFree: database.statement("renew.free", CHANGE, (parts) => renewal(parts, isFree(parts)), { idempotent: true }),
    renew: database.statement("renew", CHANGE, (parts) => renewal(parts), { idempotent: true }),
    releaseFree: database.statement("release.free", CHANGE, (parts) => giveBack(parts, isFree(parts))),
    release: database.statement("release", CHANGE, (parts) => giveBack(parts)),

    // An upsert, because only there both databases draw a number: it never inserts, since what it selects has a row.
    transfer: database.statement("transfer", TRANSFER, ({ db, args, dialect }) => {
      const { now } = dialect;
      const held = sql`${locks.ns} = ${args.ns} and ${locks.key} = ${args.key} and ${locks.owner} = ${args.owner}
        and ${locks.token} = ${args.token} and ${locks.expiresAt} > ${now}`;
      const source = selectInto(newLocks, {
        ns: args.ns,
        key: args.key,
        owner: args.newOwner,
        expiresAt: sql`${now} + ${args.ttlMs}`,
      }, { from: sql`${locks}`, where: held, orderBy: args.key });
      return db.insert(newLocks).select(source).onConflictDoUpdate({
        target: [newLocks.ns, newLocks.key],
        set: takenOver(locks, dialect),
        setWhere: held,
      }).returning(whole);
    }),

    read: database.statement(
      "ownerOf",
      ONE,
      ({ db, args, dialect }) =>
        db.select(whole).from(locks).where(and(eq(locks.ns, args.ns), eq(locks.key, args.key), gt(locks.expiresAt, dialect.now))),
      { idempotent: true },
    ),

    endsIn: database.statement(
      "acquire.endsIn",
      ONE,
      ({ db, args, dialect: { now } }) =>
        db.select({ leftMs: sql<number>`${locks.expiresAt} - ${now}`.mapWith(Number) }).from(locks)
          .where(and(eq(locks.ns, args.ns), eq(locks.key, args.key), gt(locks.expiresAt, now))),
      { idempotent: true },
    ),

    find: database.statement(
      "isCurrent.find",
      HOLDS,
      ({ db, args, dialect }) => db.select({ token: locks.token }).from(locks).where(isCurrent(locks, args, dialect.now)),
      { idempotent: true },
    ),

    hold: database.statement("isCurrent.hold", HOLDS, ({ db, args, dialect }) => {
      const matches = isCurrent(locks, args, dialect.now);
      // Where one writer keeps out all others, becoming that one is what holds the answer: a transaction may have only read until now.
      if (dialect.singleWriter) {
        return db.update(locks).set({ owner: sql`${locks.owner}` }).where(matches).returning({ token: locks.token });
      }
      // The token belongs to a unique index, so who changes it has to wait for this; who moves the end only has not.
      return db.select({ token: locks.token }).from(locks).where(sql`${matches} for key share`);
    }),

    sweep: database.statement("sweep.locks", SWEEP, ({ db, args, dialect }) => {
      const { now, skipLocked } = dialect;
      // Both ends of the range: see `giveBack`.
      const ended = sql`(select ${locks.token} from ${locks} where ${locks.ns} = ${args.ns}
        and ${locks.expiresAt} between ${args.keptMs} - ${now} and ${now} - ${args.keptMs}
        order by ${locks.expiresAt} limit ${args.limit}${skipLocked})`;
      return db.delete(locks).where(and(eq(locks.ns, args.ns), dialect.anyOf(locks.token, ended))).returning({ token: locks.token });
    }, { idempotent: true }),
  };
}

/** What a row becomes that an upsert meets. The number is drawn when the row is locked, so it is higher than every one that the row had. */
function takenOver(locks: Tables["locks"], dialect: Dialect): Record<string, SQL> {
  return { owner: sql`excluded.owner`, expiresAt: sql`excluded.expires_at`, token: dialect.nextSeq(locks.token) };
}

function renewal(parts: StatementParts<typeof CHANGE>, where?: SQL) {
  return change(parts, sql`${parts.dialect.now} + ${parts.args.items.column.ttlMs}`, where);
}

/** A lock that was given back keeps the instant below zero: it is over whatever the clock says later, and the sweep knows since when. */
function giveBack(parts: StatementParts<typeof CHANGE>, where?: SQL) {
  return change(parts, sql`-(${parts.dialect.now})`, where);
}

function change({ db, tables: { locks }, args, dialect }: StatementParts<typeof CHANGE>, expiresAt: SQL, where: SQL | undefined) {
  const { from, column } = args.items;
  return db.update(locks).set({ expiresAt }).from(from).where(and(
    isNamed(locks, args),
    sql`${locks.owner} = ${column.owner} and ${locks.token} = ${column.token}`,
    gt(locks.expiresAt, dialect.now),
    where,
  )).returning({ key: locks.key, owner: locks.owner, token: locks.token, expiresAt: locks.expiresAt, signal: dialect.signal });
}

/** Whether no transaction has taken hold of the row: one that is slow must not hold up the locks of others that came with the same batch. */
function isFree({ tables: { locks }, args, dialect }: StatementParts<typeof CHANGE>): SQL | undefined {
  if (dialect.singleWriter) return undefined;
  return dialect.anyOf(
    locks.token,
    sql`(select ${locks.token} from ${args.items.from}, ${locks} where ${isNamed(locks, args)}${dialect.skipLocked})`,
  );
}

/**
 * Whether the batch names the row. The namespace is written as if each row of the batch held it, so that both databases go from the batch to the
 * table: Postgres would otherwise go through all of a namespace that its statistics do not know, and compare each of its rows with each of the
 * batch (4 seconds for 1,000 of 20,000 locks).
 */
function isNamed(
  locks: Tables["locks"],
  { ns, items: { column, position } }: Pick<StatementParts<typeof CHANGE>["args"], "ns" | "items">,
): SQL {
  return sql`${locks.ns} = ${ns} || substr(cast(${position} as text), 1, 0) and ${locks.key} = ${column.key}`;
}

function isCurrent(locks: Tables["locks"], args: { readonly ns: SQL; readonly key: SQL; readonly token: SQL }, now: SQL): SQL {
  return sql`${locks.ns} = ${args.ns} and ${locks.key} = ${args.key} and ${locks.token} = ${args.token} and ${locks.expiresAt} > ${now}`;
}
