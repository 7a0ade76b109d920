/**
 * Stores in a Postgres database. Needs the packages `drizzle-orm` and `postgres`.
 *
 * @module
 */

export {
  postgres,
  PostgresBroker,
  postgresFromDrizzle,
  PostgresLockStore,
  PostgresRateLimiter,
  PostgresResultBackend,
  PostgresRevokeStore,
  PostgresScheduleStore,
} from "./adapters/sql/postgres.ts";
export type {
  PostgresAdapterOptions,
  PostgresBrokerOptions,
  PostgresLockStoreOptions,
  PostgresRateLimiterOptions,
  PostgresResultBackendOptions,
  PostgresRevokeStoreOptions,
  PostgresScheduleStoreOptions,
} from "./adapters/sql/postgres.ts";
export type { PostgresOpenOptions, PostgresUse } from "./adapters/sql/postgres-driver.ts";
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
