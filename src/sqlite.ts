/**
 * Stores in a SQLite file, shared by every process of a machine. Needs the packages `drizzle-orm` and `@libsql/client`.
 *
 * @module
 */

export {
  sqlite,
  SqliteBroker,
  sqliteFromDrizzle,
  SqliteLockStore,
  SqliteRateLimiter,
  SqliteResultBackend,
  SqliteRevokeStore,
  SqliteScheduleStore,
} from "./adapters/sql/sqlite.ts";
export type {
  SqliteAdapterOptions,
  SqliteBrokerOptions,
  SqliteLockStoreOptions,
  SqliteRateLimiterOptions,
  SqliteResultBackendOptions,
  SqliteRevokeStoreOptions,
  SqliteScheduleStoreOptions,
} from "./adapters/sql/sqlite.ts";
export type { SqliteOpenOptions } from "./adapters/sql/sqlite-driver.ts";
export type { SqlBrokerOptions } from "./adapters/sql/broker.ts";
export type { SqlRateLimiterOptions } from "./adapters/sql/limiter.ts";
export type { SqlLockStoreOptions } from "./adapters/sql/locks.ts";
export type { SqlResultBackendOptions } from "./adapters/sql/results.ts";
export type { SqlRevokeStoreOptions } from "./adapters/sql/revocations.ts";
export type { SqlScheduleStoreOptions } from "./adapters/sql/schedules.ts";
export type { GroupCommitOptions } from "./adapters/call-group.ts";
export type { Trip } from "./adapters/sql/database.ts";
export type { SqlStoreOptions } from "./adapters/sql/sql-adapter.ts";
export type { MigrateMode } from "./adapters/sql/migrate.ts";
