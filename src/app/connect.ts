import type { Adapter } from "../contracts/adapter.ts";
import type { Logger } from "../contracts/logger.ts";
import { loadDriver } from "../async/load-driver.ts";
import { ConfigError } from "../errors.ts";
import type { Clock } from "../time/clock.ts";

/** How to connect, whatever the store. */
export interface ConnectOptions {
  /** Keeps systems on one database apart. @default "stem" */
  readonly namespace?: string;
  /** The Postgres schema of the tables. @default "stem" */
  readonly schema?: string;
  /** Whether connecting migrates the database, only checks it, or does neither. @default "auto" */
  readonly migrate?: "auto" | "check" | "off";
  /** Judges leases, TTLs and due times instead of the store's own clock: for tests. @default the store's clock */
  readonly clock?: Clock;
  /** Where stores report what nobody awaits. @default warnings and errors on the console */
  readonly logger?: Logger;
}

const SQLITE_PACKAGES = ["drizzle-orm", "@libsql/client"] as const;
const POSTGRES_PACKAGES = ["drizzle-orm", "postgres"] as const;
const REDIS_PACKAGES = ["ioredis"] as const;
const SCHEMES = "memory:, sqlite:, file:, postgres:, postgresql:, redis:, rediss:";

/**
 * Connects to the store that a URL names. The adapter's module, and with it the driver, is loaded only now.
 *
 * @throws {ConfigError} when the URL names no store that is known, or its driver is not installed.
 */
export async function connect(url: string, options: ConnectOptions = {}): Promise<Adapter> {
  const { schema, migrate, ...common } = options;
  const migrating = migrate === undefined ? common : { ...common, migrate };
  switch (schemeOf(url)) {
    case "memory": {
      const { memory } = await import("../adapters/memory/adapter.ts");
      return memory(common);
    }
    case "sqlite":
    case "file": {
      const { sqlite } = await loadDriver(() => import("../adapters/sql/sqlite.ts"), "a SQLite database", SQLITE_PACKAGES);
      return await sqlite(url, migrating);
    }
    case "postgres":
    case "postgresql": {
      const { postgres } = await loadDriver(() => import("../adapters/sql/postgres.ts"), "a Postgres database", POSTGRES_PACKAGES);
      return await postgres(url, schema === undefined ? migrating : { ...migrating, schema });
    }
    case "libsql":
      throw new ConfigError("Cannot connect to a libsql: URL: remote libsql is not supported yet, expected one of " + SCHEMES);
    case "redis":
    case "rediss": {
      const { redis } = await loadDriver(() => import("../adapters/redis/adapter.ts"), "a Redis database", REDIS_PACKAGES);
      return await redis(url, common);
    }
    default:
      throw new ConfigError(`Cannot connect to a store of scheme "${schemeOf(url)}": expected one of ${SCHEMES}`);
  }
}

function schemeOf(url: string): string {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1];
  // The URL itself may hold a password, so it is never shown.
  if (scheme === undefined) {
    throw new ConfigError(`Cannot connect to a store without a scheme: expected a URL that begins with one of ${SCHEMES}`);
  }
  return scheme.toLowerCase();
}
