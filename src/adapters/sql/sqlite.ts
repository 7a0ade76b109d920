import type { Adapter, AdapterSupport } from "../../contracts/adapter.ts";
import type { SqlBrokerOptions } from "./broker.ts";
import { SqlBroker } from "./broker.ts";
import { holding } from "../database-hold.ts";
import type { SqlRateLimiterOptions } from "./limiter.ts";
import { SqlRateLimiter } from "./limiter.ts";
import type { SqlLockStoreOptions } from "./locks.ts";
import { SqlLockStore } from "./locks.ts";
import type { SqlResultBackendOptions } from "./results.ts";
import { SqlResultBackend } from "./results.ts";
import type { SqlRevokeStoreOptions } from "./revocations.ts";
import { SqlRevokeStore } from "./revocations.ts";
import type { SqlScheduleStoreOptions } from "./schedules.ts";
import { SqlScheduleStore } from "./schedules.ts";
import type { SqlStoreOptions } from "./sql-adapter.ts";
import { sqlAdapter } from "./sql-adapter.ts";
import type { SqliteOpenOptions } from "./sqlite-driver.ts";
import { openSqlite, useSqlite } from "./sqlite-driver.ts";

/** Options of {@link sqlite}: how to open the file, and those of each store. */
export type SqliteAdapterOptions = SqliteOpenOptions & SqlStoreOptions;
/** Options of {@link SqliteBroker.open}. */
export type SqliteBrokerOptions = SqliteOpenOptions & SqlBrokerOptions;
/** Options of {@link SqliteResultBackend.open}. */
export type SqliteResultBackendOptions = SqliteOpenOptions & SqlResultBackendOptions;
/** Options of {@link SqliteScheduleStore.open}. */
export type SqliteScheduleStoreOptions = SqliteOpenOptions & SqlScheduleStoreOptions;
/** Options of {@link SqliteLockStore.open}. */
export type SqliteLockStoreOptions = SqliteOpenOptions & SqlLockStoreOptions;
/** Options of {@link SqliteRevokeStore.open}. */
export type SqliteRevokeStoreOptions = SqliteOpenOptions & SqlRevokeStoreOptions;

/** Options of {@link SqliteRateLimiter.open}. */
export type SqliteRateLimiterOptions = SqliteOpenOptions & SqlRateLimiterOptions;

/** What the SQLite stores can and cannot do. */
const support: AdapterSupport = Object.freeze({
  name: "sqlite",
  durable: true,
  notifications: "poll",
  transactions: true,
  shared: true,
  timeResolutionMs: 1,
});

/** A broker in a SQLite file. */
export class SqliteBroker extends SqlBroker {
  /**
   * Opens a file (a path, `sqlite:PATH`, a file URL) or `":memory:"`; the tables are made on the way.
   *
   * @throws {ConfigError} when the location or an option cannot be used.
   * @throws {StoreError} when the file cannot be opened.
   * @throws {MigrationError} when the file does not fit this version of the library.
   */
  static async open(location: string | URL, options: SqliteBrokerOptions = {}): Promise<SqliteBroker> {
    return holding(await openSqlite(location, options), 1, (hold) => new SqliteBroker(hold, options));
  }

  /** Uses the file of the caller's own Drizzle database (drizzle-orm/libsql), which stays the caller's to close. */
  static async fromDrizzle(db: object, options: SqliteBrokerOptions = {}): Promise<SqliteBroker> {
    return holding(await useSqlite(db, options), 1, (hold) => new SqliteBroker(hold, options));
  }
}

/** A result backend in a SQLite file. */
export class SqliteResultBackend extends SqlResultBackend {
  /** Opens a file, see {@link SqliteBroker.open}. */
  static async open(location: string | URL, options: SqliteResultBackendOptions = {}): Promise<SqliteResultBackend> {
    return holding(await openSqlite(location, options), 1, (hold) => new SqliteResultBackend(hold, options));
  }

  /** Uses the file of the caller's own Drizzle database (drizzle-orm/libsql), which stays the caller's to close. */
  static async fromDrizzle(db: object, options: SqliteResultBackendOptions = {}): Promise<SqliteResultBackend> {
    return holding(await useSqlite(db, options), 1, (hold) => new SqliteResultBackend(hold, options));
  }
}

/** A schedule store in a SQLite file. */
export class SqliteScheduleStore extends SqlScheduleStore {
  /** Opens a file, see {@link SqliteBroker.open}. */
  static async open(location: string | URL, options: SqliteScheduleStoreOptions = {}): Promise<SqliteScheduleStore> {
    return holding(await openSqlite(location, options), 1, (hold) => new SqliteScheduleStore(hold, options));
  }

  /** Uses the file of the caller's own Drizzle database (drizzle-orm/libsql), which stays the caller's to close. */
  static async fromDrizzle(db: object, options: SqliteScheduleStoreOptions = {}): Promise<SqliteScheduleStore> {
    return holding(await useSqlite(db, options), 1, (hold) => new SqliteScheduleStore(hold, options));
  }
}

/** Locks in a SQLite file. */
export class SqliteLockStore extends SqlLockStore {
  /** Opens a file, see {@link SqliteBroker.open}. */
  static async open(location: string | URL, options: SqliteLockStoreOptions = {}): Promise<SqliteLockStore> {
    return holding(await openSqlite(location, options), 1, (hold) => new SqliteLockStore(hold, options));
  }

  /** Uses the file of the caller's own Drizzle database (drizzle-orm/libsql), which stays the caller's to close. */
  static async fromDrizzle(db: object, options: SqliteLockStoreOptions = {}): Promise<SqliteLockStore> {
    return holding(await useSqlite(db, options), 1, (hold) => new SqliteLockStore(hold, options));
  }
}

/** A revoke store in a SQLite file. */
export class SqliteRevokeStore extends SqlRevokeStore {
  /** Opens a file, see {@link SqliteBroker.open}. */
  static async open(location: string | URL, options: SqliteRevokeStoreOptions = {}): Promise<SqliteRevokeStore> {
    return holding(await openSqlite(location, options), 1, (hold) => new SqliteRevokeStore(hold, options));
  }

  /** Uses the file of the caller's own Drizzle database (drizzle-orm/libsql), which stays the caller's to close. */
  static async fromDrizzle(db: object, options: SqliteRevokeStoreOptions = {}): Promise<SqliteRevokeStore> {
    return holding(await useSqlite(db, options), 1, (hold) => new SqliteRevokeStore(hold, options));
  }
}

/** A rate limiter in a SQLite file. */
export class SqliteRateLimiter extends SqlRateLimiter {
  /** Opens a file, see {@link SqliteBroker.open}. */
  static async open(location: string | URL, options: SqliteRateLimiterOptions = {}): Promise<SqliteRateLimiter> {
    return holding(await openSqlite(location, options), 1, (hold) => new SqliteRateLimiter(hold, options));
  }

  /** Uses the file of the caller's own Drizzle database (drizzle-orm/libsql), which stays the caller's to close. */
  static async fromDrizzle(db: object, options: SqliteRateLimiterOptions = {}): Promise<SqliteRateLimiter> {
    return holding(await useSqlite(db, options), 1, (hold) => new SqliteRateLimiter(hold, options));
  }
}

/**
 * Opens all stores of a SQLite file: a path, `sqlite:PATH`, a file URL, or `":memory:"`.
 *
 * @throws {ConfigError} when the location or an option cannot be used.
 * @throws {StoreError} when the file cannot be opened.
 * @throws {MigrationError} when the file does not fit this version of the library.
 *
 * @example
 * ```ts
 * import { Stem } from "@stem/stem";
 * import { sqlite } from "@stem/stem/sqlite";
 *
 * const adapter = await sqlite(":memory:");
 * const stem = new Stem({ broker: adapter.broker, backend: adapter.results });
 * await stem.enqueue("demo", { args: {} });
 * await adapter.close();
 * ```
 */
export async function sqlite(location: string | URL, options: SqliteAdapterOptions = {}): Promise<Adapter> {
  return sqlAdapter(await openSqlite(location, options), support, options);
}

/** Opens all stores on the file of the caller's own Drizzle database (drizzle-orm/libsql), which stays the caller's to close. */
export async function sqliteFromDrizzle(db: object, options: SqliteAdapterOptions = {}): Promise<Adapter> {
  return sqlAdapter(await useSqlite(db, options), support, options);
}
