import { and, eq, gt, sql } from "drizzle-orm";
import type { SqlDatabase } from "./database.ts";
import { selectInto } from "./insert-rows.ts";
import type { Statement } from "./statement.ts";

const KEYS = { ns: "text", keys: { key: "text" } } as const;
const BUCKETS = { ns: "text", items: { key: "text", fullAtUs: "ms" } } as const;
const PERMITS = { ns: "text", items: { key: "text", holder: "text", ttlMs: "ms" } } as const;
const REF = { key: "text", holder: "text", token: "ms" } as const;
const REFS = { ns: "text", items: REF } as const;
const RENEW = { ns: "text", items: { ...REF, ttlMs: "ms" } } as const;
const SWEEP = { ns: "text", limit: "int" } as const;

// The holder of the row that stands for a key as a whole. No holder is called so: ids are not empty.
const NOBODY = sql.raw("''");
// How long such a row stays when nobody asks for the key any more.
const KEPT_MS = sql.raw("60000");

interface KeyRow {
  readonly key: string;
}

/** A permit by what names it. */
export interface PermitRow extends KeyRow {
  readonly holder: string;
  readonly token: number;
}

/** How full a bucket is. */
export interface BucketRow extends KeyRow {
  readonly fullAtUs: number;
  /** The store's now. */
  readonly now: number;
}

/** Who holds a permit of a key, and for how long yet. */
export interface HeldRow extends KeyRow {
  readonly holder: string;
  readonly leftMs: number;
}

/**
 * Statements of the rate limiter. What is decided depends on rows that are read first, so others are kept out of a key from before the reading
 * until the commit. Only a statement that begins after that has a now that is not older than what it reads.
 */
export interface LimiterStatements {
  /** Keeps others out of buckets until the commit; makes those that are not there. */
  readonly lockBuckets: Statement<typeof KEYS, KeyRow>;
  /** Reads buckets, also those that are not there. */
  readonly readBuckets: Statement<typeof KEYS, BucketRow>;
  /** Writes buckets. */
  readonly putBuckets: Statement<typeof BUCKETS, KeyRow>;
  /** Keeps others out of the permits of keys until the commit. */
  readonly lockPermits: Statement<typeof KEYS, KeyRow>;
  /** Reads the permits that are held. */
  readonly readPermits: Statement<typeof KEYS, HeldRow>;
  /** Gives permits, no holder two of a key. */
  readonly putPermits: Statement<typeof PERMITS, PermitRow>;
  /** Sets the end of permits that are held, none twice. */
  readonly renew: Statement<typeof RENEW, PermitRow>;
  /** Takes permits back that are held. */
  readonly leave: Statement<typeof REFS, PermitRow>;
  /** Deletes full buckets. */
  readonly sweepBuckets: Statement<typeof SWEEP, KeyRow>;
  /** Deletes expired permits. */
  readonly sweepPermits: Statement<typeof SWEEP, { readonly token: number }>;
  /** Deletes the rows by which keys were locked. */
  readonly sweepLocks: Statement<typeof SWEEP, { readonly token: number }>;
}

/** Makes the statements of a database. */
export function limiterStatements(database: SqlDatabase): LimiterStatements {
  const { buckets, permits, newPermits } = database.tables;
  const whole = { key: permits.key, holder: permits.holder, token: permits.token };

  return {
    lockBuckets: database.statement("acquire.lock", KEYS, ({ db, args }) => {
      const { from, column } = args.keys;
      const source = selectInto(buckets, { ns: args.ns, key: column.key, fullAtUs: sql`0` }, { from, orderBy: column.key });
      return db.insert(buckets).select(source)
        .onConflictDoUpdate({ target: [buckets.ns, buckets.key], set: { fullAtUs: sql`${buckets.fullAtUs}` } })
        .returning({ key: buckets.key });
    }),

    readBuckets: database.statement("acquire.read", KEYS, ({ db, args, dialect: { now } }) => {
      const { from, column, own } = args.keys;
      // One that is not there is full.
      const fullAtUs = sql<number>`coalesce(${buckets.fullAtUs}, 0)`.mapWith(Number);
      return db.select({ key: column.key, fullAtUs, now: now.as("now") }).from(from)
        .leftJoin(buckets, sql`${buckets.ns} = ${own(args.ns)} and ${buckets.key} = ${column.key}`);
    }),

    putBuckets: database.statement("acquire.put", BUCKETS, ({ db, args }) => {
      const { from, column } = args.items;
      const source = selectInto(buckets, { ns: args.ns, key: column.key, fullAtUs: column.fullAtUs }, { from, orderBy: column.key });
      return db.insert(buckets).select(source)
        .onConflictDoUpdate({ target: [buckets.ns, buckets.key], set: { fullAtUs: sql`excluded.full_at_us` } })
        .returning({ key: buckets.key });
    }),

    lockPermits: database.statement("enter.lock", KEYS, ({ db, args, dialect: { now } }) => {
      const { from, column } = args.keys;
      const expiresAt = sql`${now} + ${KEPT_MS}`;
      const source = selectInto(newPermits, { ns: args.ns, key: column.key, holder: NOBODY, expiresAt }, { from, orderBy: column.key });
      return db.insert(newPermits).select(source)
        .onConflictDoUpdate({ target: [newPermits.ns, newPermits.key, newPermits.holder], set: { expiresAt: sql`excluded.expires_at` } })
        .returning({ key: newPermits.key });
    }),

    readPermits: database.statement("enter.read", KEYS, ({ db, args, dialect: { now } }) => {
      const { from, column, own } = args.keys;
      // The end as a term keeps SQLite from the index of ends, by which it went through the namespace for each key: 45 s for 1,000 keys
      // among 200,000 permits, instead of a tenth of a second.
      return db.select({ key: permits.key, holder: permits.holder, leftMs: sql<number>`${permits.expiresAt} - ${now}`.mapWith(Number) })
        .from(from).innerJoin(
          permits,
          sql`${permits.ns} = ${own(args.ns)} and ${permits.key} = ${column.key} and ${permits.holder} <> ${NOBODY}
          and ${permits.expiresAt} + 0 > ${now}`,
        );
    }),

    putPermits: database.statement("enter.put", PERMITS, ({ db, args, dialect }) => {
      const { from, column } = args.items;
      const expiresAt = sql`${dialect.now} + ${column.ttlMs}`;
      const values = { ns: args.ns, key: column.key, holder: column.holder, expiresAt };
      return db.insert(newPermits).select(selectInto(newPermits, values, { from, orderBy: sql`${column.key}, ${column.holder}` }))
        .onConflictDoUpdate({
          target: [newPermits.ns, newPermits.key, newPermits.holder],
          set: { expiresAt: sql`excluded.expires_at`, ...nextToken() },
        }).returning(whole);

      // Apart, because the table for inserts knows its number as one that cannot be set.
      function nextToken(): Record<string, unknown> {
        return { token: dialect.nextSeq(permits.token) };
      }
    }),

    renew: database.statement("renewPermits", RENEW, ({ db, args, dialect: { now } }) => {
      const { from, column, own } = args.items;
      return db.update(permits).set({ expiresAt: sql`${now} + ${column.ttlMs}` }).from(from).where(and(
        sql`${permits.ns} = ${own(args.ns)} and ${permits.key} = ${column.key} and ${permits.holder} = ${column.holder}`,
        eq(permits.token, column.token),
        gt(permits.expiresAt, now),
      )).returning(whole);
    }, { idempotent: true }),

    leave: database.statement("leave", REFS, ({ db, args, dialect: { now } }) => {
      const { from, column } = args.items;
      // SQLite's delete knows no FROM. No two permits have one token.
      return db.delete(permits).where(and(
        eq(permits.ns, args.ns),
        sql`${permits.key} in (select ${column.key} from ${from})`,
        sql`(${permits.key}, ${permits.holder}, ${permits.token}) in (select ${column.key}, ${column.holder}, ${column.token} from ${from})`,
        gt(permits.expiresAt, now),
      )).returning(whole);
    }),

    sweepBuckets: database.statement("sweep.buckets", SWEEP, ({ db, args, dialect }) => {
      const full = sql`(select ${buckets.key} from ${buckets} where ${buckets.ns} = ${args.ns}
        and ${buckets.fullAtUs} <= ${dialect.now} * 1000 order by ${buckets.fullAtUs} limit ${args.limit}${dialect.skipLocked})`;
      return db.delete(buckets).where(and(eq(buckets.ns, args.ns), dialect.anyOf(buckets.key, full))).returning({ key: buckets.key });
    }, { idempotent: true }),

    sweepPermits: expired("sweep.permits", sql.raw("<>")),
    sweepLocks: expired("sweep.permitLocks", sql.raw("=")),
  };

  function expired(name: string, relation: ReturnType<typeof sql.raw>): LimiterStatements["sweepPermits"] {
    return database.statement(name, SWEEP, ({ db, args, dialect }) => {
      const tokens =
        sql`(select ${permits.token} from ${permits} where ${permits.ns} = ${args.ns} and ${permits.expiresAt} <= ${dialect.now}
        and ${permits.holder} ${relation} ${NOBODY} order by ${permits.expiresAt} limit ${args.limit}${dialect.skipLocked})`;
      return db.delete(permits).where(and(eq(permits.ns, args.ns), dialect.anyOf(permits.token, tokens))).returning({
        token: permits.token,
      });
    }, { idempotent: true });
  }
}
