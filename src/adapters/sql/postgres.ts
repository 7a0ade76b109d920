import type { Adapter, AdapterSupport } from "../../contracts/adapter.ts";
import type { SqlBrokerOptions } from "./broker.ts";
import { SqlBroker } from "./broker.ts";
import { holding } from "../database-hold.ts";
import type { SqlRateLimiterOptions } from "./limiter.ts";
import { SqlRateLimiter } from "./limiter.ts";
import type { SqlLockStoreOptions } from "./locks.ts";
import { SqlLockStore } from "./locks.ts";
import type { PostgresOpenOptions, PostgresUse } from "./postgres-driver.ts";
import { openPostgres, usePostgres } from "./postgres-driver.ts";
import type { SqlResultBackendOptions } from "./results.ts";
import { SqlResultBackend } from "./results.ts";
import type { SqlRevokeStoreOptions } from "./revocations.ts";
import { SqlRevokeStore } from "./revocations.ts";
import type { SqlScheduleStoreOptions } from "./schedules.ts";
import { SqlScheduleStore } from "./schedules.ts";
import type { SqlStoreOptions } from "./sql-adapter.ts";
import { sqlAdapter } from "./sql-adapter.ts";

/** Options of {@link postgres}: how to connect, and those of each store. */
export type PostgresAdapterOptions = PostgresOpenOptions & SqlStoreOptions;
/** Options of {@link PostgresBroker.connect}. */
export type PostgresBrokerOptions = PostgresOpenOptions & SqlBrokerOptions;
/** Options of {@link PostgresResultBackend.connect}. */
export type PostgresResultBackendOptions = PostgresOpenOptions & SqlResultBackendOptions;
/** Options of {@link PostgresScheduleStore.connect}. */
export type PostgresScheduleStoreOptions = PostgresOpenOptions & SqlScheduleStoreOptions;
/** Options of {@link PostgresLockStore.connect}. */
export type PostgresLockStoreOptions = PostgresOpenOptions & SqlLockStoreOptions;
/** Options of {@link PostgresRevokeStore.connect}. */
export type PostgresRevokeStoreOptions = PostgresOpenOptions & SqlRevokeStoreOptions;

/** Options of {@link PostgresRateLimiter.connect}. */
export type PostgresRateLimiterOptions = PostgresOpenOptions & SqlRateLimiterOptions;

/** What the Postgres stores can and cannot do. */
const support: AdapterSupport = Object.freeze({
  name: "postgres",
  durable: true,
  notifications: "push",
  transactions: true,
  shared: true,
  timeResolutionMs: 1,
});

/** A broker in a Postgres database. */
export class PostgresBroker extends SqlBroker {
  /**
   * Connects to a server (`postgres://user:password@host:port/database`); the tables are made on the way.
   *
   * @throws {ConfigError} when the URL or an option cannot be used.
   * @throws {StoreError} when the server cannot be reached within the deadline.
   * @throws {MigrationError} when the database does not fit this version of the library.
   */
  static async connect(url: string, options: PostgresBrokerOptions = {}): Promise<PostgresBroker> {
    return holding(await openPostgres(url, options), 1, (hold) => new PostgresBroker(hold, options));
  }

  /** Works on the caller's own Drizzle database (drizzle-orm/postgres-js), which stays the caller's to close. */
  static async fromDrizzle(db: object, options: PostgresUse & SqlBrokerOptions = {}): Promise<PostgresBroker> {
    return holding(await usePostgres(db, options), 1, (hold) => new PostgresBroker(hold, options));
  }
}

/** A result backend in a Postgres database. */
export class PostgresResultBackend extends SqlResultBackend {
  /** Connects to a server, see {@link PostgresBroker.connect}. */
  static async connect(url: string, options: PostgresResultBackendOptions = {}): Promise<PostgresResultBackend> {
    return holding(await openPostgres(url, options), 1, (hold) => new PostgresResultBackend(hold, options));
  }

  /** Works on the caller's own Drizzle database (drizzle-orm/postgres-js), which stays the caller's to close. */
  static async fromDrizzle(db: object, options: PostgresUse & SqlResultBackendOptions = {}): Promise<PostgresResultBackend> {
    return holding(await usePostgres(db, options), 1, (hold) => new PostgresResultBackend(hold, options));
  }
}

/** A schedule store in a Postgres database. */
export class PostgresScheduleStore extends SqlScheduleStore {
  /** Connects to a server, see {@link PostgresBroker.connect}. */
  static async connect(url: string, options: PostgresScheduleStoreOptions = {}): Promise<PostgresScheduleStore> {
    return holding(await openPostgres(url, options), 1, (hold) => new PostgresScheduleStore(hold, options));
  }

  /** Works on the caller's own Drizzle database (drizzle-orm/postgres-js), which stays the caller's to close. */
  static async fromDrizzle(db: object, options: PostgresUse & SqlScheduleStoreOptions = {}): Promise<PostgresScheduleStore> {
    return holding(await usePostgres(db, options), 1, (hold) => new PostgresScheduleStore(hold, options));
  }
}

/** Locks in a Postgres database. */
export class PostgresLockStore extends SqlLockStore {
  /** Connects to a server, see {@link PostgresBroker.connect}. */
  static async connect(url: string, options: PostgresLockStoreOptions = {}): Promise<PostgresLockStore> {
    return holding(await openPostgres(url, options), 1, (hold) => new PostgresLockStore(hold, options));
  }

  /** Works on the caller's own Drizzle database (drizzle-orm/postgres-js), which stays the caller's to close. */
  static async fromDrizzle(db: object, options: PostgresUse & SqlLockStoreOptions = {}): Promise<PostgresLockStore> {
    return holding(await usePostgres(db, options), 1, (hold) => new PostgresLockStore(hold, options));
  }
}

/** A revoke store in a Postgres database. */
export class PostgresRevokeStore extends SqlRevokeStore {
  /** Connects to a server, see {@link PostgresBroker.connect}. */
  static async connect(url: string, options: PostgresRevokeStoreOptions = {}): Promise<PostgresRevokeStore> {
    return holding(await openPostgres(url, options), 1, (hold) => new PostgresRevokeStore(hold, options));
  }

  /** Works on the caller's own Drizzle database (drizzle-orm/postgres-js), which stays the caller's to close. */
  static async fromDrizzle(db: object, options: PostgresUse & SqlRevokeStoreOptions = {}): Promise<PostgresRevokeStore> {
    return holding(await usePostgres(db, options), 1, (hold) => new PostgresRevokeStore(hold, options));
  }
}

/** A rate limiter in a Postgres database. */
export class PostgresRateLimiter extends SqlRateLimiter {
  /** Connects to a server, see {@link PostgresBroker.connect}. */
  static async connect(url: string, options: PostgresRateLimiterOptions = {}): Promise<PostgresRateLimiter> {
    return holding(await openPostgres(url, options), 1, (hold) => new PostgresRateLimiter(hold, options));
  }

  /** Works on the caller's own Drizzle database (drizzle-orm/postgres-js), which stays the caller's to close. */
  static async fromDrizzle(db: object, options: PostgresUse & SqlRateLimiterOptions = {}): Promise<PostgresRateLimiter> {
    return holding(await usePostgres(db, options), 1, (hold) => new PostgresRateLimiter(hold, options));
  }
}

/**
 * Connects to all stores of a Postgres database.
 *
 * @throws {ConfigError} when the URL or an option cannot be used.
 * @throws {StoreError} when the server cannot be reached within the deadline.
 * @throws {MigrationError} when the database does not fit this version of the library.
 *
 * @example
 * ```ts no-run
 * import { Stem } from "@stem/stem";
 * import { postgres } from "@stem/stem/postgres";
 *
 * const adapter = await postgres("postgres://postgres:postgres@localhost:5432/stem");
 * const stem = new Stem({ broker: adapter.broker, backend: adapter.results });
 * await stem.enqueue("demo", { args: {} });
 * await adapter.close();
 * ```
 */
export async function postgres(url: string, options: PostgresAdapterOptions = {}): Promise<Adapter> {
  return sqlAdapter(await openPostgres(url, options), support, options);
}

/** Makes all stores on the caller's own Drizzle database (drizzle-orm/postgres-js), which stays the caller's to close. */
export async function postgresFromDrizzle(db: object, options: PostgresUse & SqlStoreOptions = {}): Promise<Adapter> {
  return sqlAdapter(await usePostgres(db, options), support, options);
}
