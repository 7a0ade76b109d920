import { is } from "drizzle-orm";
import { PgDatabase } from "drizzle-orm/pg-core";
import type { Sql } from "postgres";
import type { Logger } from "../../contracts/logger.ts";
import { consoleLogger } from "../../contracts/logger.ts";
import { ConfigError, StemError, StoreError, UnsupportedError } from "../../errors.ts";
import { show } from "../../model/id.ts";
import type { Clock } from "../../time/clock.ts";
import { durationMs } from "../../time/duration.ts";
import type { Duration } from "../../time/duration.ts";
import { withDeadline } from "../../time/sleep.ts";
import type { Trip } from "./database.ts";
import { SqlDatabase } from "./database.ts";
import type { Builder } from "./dialect.ts";
import { postgresDialect } from "./dialect.postgres.ts";
import type { Driver } from "./driver.ts";
import { postgresKit } from "./kit.postgres.ts";
import { loadDriver } from "../../async/load-driver.ts";
import type { MigrateMode } from "./migrate.ts";
import { prepareSchema } from "./migrate.ts";
import type { MigrationHost } from "./migration.ts";
import { postgresMigrationHost } from "./migration-host.postgres.ts";
import { PostgresGrowth } from "./postgres-growth.ts";
import { postgresBuilder } from "./postgres-session.ts";
import type { ListenHandlers } from "./postgres-listener.ts";
import { PostgresListener } from "./postgres-listener.ts";
import { postgresFailure } from "./postgres-failure.ts";
import { PLAN_SETTINGS, refusesPlanSettings } from "./postgres-plans.ts";
import { describePostgresUrl } from "./postgres-url.ts";
import { PostgresTransactions } from "./postgres-transactions.ts";
import { Signals } from "./signals.ts";
import { defineTables } from "./tables.ts";

/** How a Postgres database is used, whoever opened it. */
export interface PostgresUse {
  /** The schema of the tables. @default "stem" */
  readonly schema?: string | undefined;
  /** What connecting does about the schema's version. @default "auto" */
  readonly migrate?: MigrateMode | undefined;
  /** Judges all times instead of the server's clock: for tests. @default the server's clock */
  readonly clock?: Clock | undefined;
  /** Where lost connections are reported. @default warnings and errors on the console */
  readonly logger?: Logger | undefined;
  /** Told of each trip to the server before it goes: for tests. @default nobody */
  readonly onTrip?: ((trip: Trip) => void) | undefined;
}

/** How a Postgres database is opened. */
export interface PostgresOpenOptions extends PostgresUse {
  /** How many connections at most, besides the one that listens and up to four for transactions. @default 10 */
  readonly maxConnections?: number | undefined;
  /** Whether statements stay prepared on the connections; set it to false behind PgBouncer in transaction mode. @default true */
  readonly prepare?: boolean | undefined;
  /** TLS as postgres.js takes it: `"require"`, `"verify-full"`, or Node's TLS options. @default what the URL says */
  readonly tls?: boolean | "require" | "prefer" | "allow" | "verify-full" | object | undefined;
  /** How long connecting may take. @default 10 seconds */
  readonly connectTimeout?: Duration | undefined;
  /** How the server's own lists name this process. @default "stem" */
  readonly applicationName?: string | undefined;
}

const PACKAGES = ["drizzle-orm", "postgres"] as const;
const LONGEST_SCHEMA = 57;

// They are short, and those that write the same rows wait for each other anyway.
const MOST_TRANSACTIONS = 4;

const LONGEST_RECONNECT_S = 0.25;
// How long calls under way may take to end.
const BUSY_END_S = 5;
// The driver waits for the end of a query on a connection that was lost under it, which never comes.
const IDLE_END_S = 0.5;

/**
 * Connects to a server, and prepares the schema.
 *
 * @throws {ConfigError} when the URL or an option cannot be used, or a package is missing.
 * @throws {StoreError} when the server cannot be reached, or refuses, within the deadline.
 * @throws {MigrationError} when the schema does not fit this version of the library.
 */
export async function openPostgres(url: string, options: PostgresOpenOptions = {}): Promise<SqlDatabase> {
  const schema = schemaName(options.schema);
  return await connected(
    url,
    options,
    (client, { what, connectTimeoutMs }) =>
      useClient(client, {
        ...options,
        schema,
        what,
        connectTimeoutMs,
        close: (idle) => client.end({ timeout: idle ? IDLE_END_S : BUSY_END_S }),
      }),
  );
}

/** Connects, lets a function work on the migrations of a schema, and disconnects. */
export async function withPostgresHost<T>(
  url: string,
  options: Pick<PostgresOpenOptions, "schema">,
  work: (host: MigrationHost) => Promise<T>,
): Promise<T> {
  const schema = schemaName(options.schema);
  return await connected(url, { maxConnections: 1 }, async (client, { what }) => {
    const result = await work(postgresMigrationHost(client, schema, what));
    await client.end({ timeout: IDLE_END_S });
    return result;
  });
}

interface Connected {
  readonly what: string;
  readonly connectTimeoutMs: number;
}

/** Connects within the deadline, and hands the client on; it is closed when that fails. */
async function connected<T>(
  url: string,
  options: PostgresOpenOptions,
  use: (client: Sql, about: Connected) => Promise<T>,
): Promise<T> {
  const what = describePostgresUrl(url);
  const connectTimeoutMs = durationMs(options.connectTimeout ?? "10s", "connectTimeout", { min: 1 });
  const { default: postgres } = await loadDriver(() => import("postgres"), what, PACKAGES);
  const attempt = async (settings: Readonly<Record<string, string>>): Promise<T> => {
    const client = postgres(url, clientOptions(options, connectTimeoutMs, settings));
    try {
      // The driver would go on for ever with a server that accepts and closes.
      await withDeadline(client`select 1`, connectTimeoutMs, { message: `nothing came within ${connectTimeoutMs} ms` });
      return await use(client, { what, connectTimeoutMs });
    } catch (error) {
      await client.end({ timeout: 0 });
      throw error;
    }
  };
  try {
    return await attempt(PLAN_SETTINGS).catch((error: unknown) => {
      if (!refusesPlanSettings(error)) throw error;
      return attempt({});
    });
  } catch (error) {
    throw connectError(error, what);
  }
}

function clientOptions(options: PostgresOpenOptions, connectTimeoutMs: number, settings: Readonly<Record<string, string>>) {
  return {
    max: options.maxConnections ?? 10,
    prepare: options.prepare ?? true,
    connect_timeout: Math.ceil(connectTimeoutMs / 1_000),
    connection: { ...settings, application_name: options.applicationName ?? "stem" },
    onnotice: () => {},
    // No statement has arrays in it. A connection that is lost while the driver asks for their types ends the process: nobody awaits that query.
    fetch_types: false,
    // The driver's own pauses grow to 20 seconds within a short outage; how often is asked at all is up to whoever repeats a call.
    backoff: (failures: number) => Math.min(0.01 * 2 ** failures, LONGEST_RECONNECT_S),
    ...(options.tls === undefined ? {} : { ssl: options.tls }),
  };
}

/**
 * Uses a Drizzle database of the caller's own, on postgres.js; the caller closes it.
 *
 * @throws what {@link openPostgres} throws, and {@link UnsupportedError} for a Drizzle database of another driver.
 */
export async function usePostgres(db: object, options: PostgresUse = {}): Promise<SqlDatabase> {
  const client = is(db, PgDatabase) && "$client" in db ? db.$client : undefined;
  if (!isPostgresJs(client)) {
    throw new UnsupportedError("Cannot use the given database: expected a Drizzle database on postgres.js (drizzle-orm/postgres-js)");
  }
  const what = "the given Drizzle database";
  try {
    const close = (): Promise<void> => Promise.resolve();
    return await useClient(client, { ...options, schema: schemaName(options.schema), what, connectTimeoutMs: 10_000, close });
  } catch (error) {
    throw connectError(error, what);
  }
}

interface ClientUse extends PostgresUse {
  readonly schema: string;
  readonly what: string;
  readonly connectTimeoutMs: number;
  readonly close: Driver["close"];
}

async function useClient(client: Sql, use: ClientUse): Promise<SqlDatabase> {
  const { schema, what, logger = consoleLogger, connectTimeoutMs } = use;
  const { default: postgres } = await loadDriver(() => import("postgres"), what, PACKAGES);
  await prepareSchema(postgresMigrationHost(client, schema, what), use.migrate ?? "auto");
  const channel = `stem_${schema}`;
  const connect = (handlers: Partial<ListenHandlers>): Sql => {
    // As the driver's own `listen` makes its connection; the two handlers are options that its types leave out.
    const single = { ...client.options, max: 1, idle_timeout: null, max_lifetime: null, fetch_types: false, ...handlers };
    return postgres(single as unknown as Parameters<typeof postgres>[0]);
  };
  const signals = new Signals((owner) => new PostgresListener(owner, { channel, connect, connectTimeoutMs, logger }));
  const transactions = new PostgresTransactions({ connect, builderOn: postgresBuilder, max: MOST_TRANSACTIONS, connectTimeoutMs });
  const growth = new PostgresGrowth({ client, schema, logger });
  const driver: Driver = {
    adapter: "postgres",
    prefix: schema,
    db: postgresBuilder(client),
    dialect: postgresDialect({ schema, channel, injectedClock: use.clock !== undefined }),
    tables: defineTables(postgresKit(schema)),
    signals,
    announces: true,
    transaction: (work) => transactions.run(work),
    join: (tx) => is(tx, PgDatabase) ? tx as unknown as Builder : undefined,
    touched: (rows) => growth.touched(rows),
    failure: postgresFailure,
    close: async (idle) => {
      await Promise.all([transactions.close(), use.close(idle)]);
    },
  };
  return new SqlDatabase(driver, { ...(use.clock === undefined ? {} : { clock: use.clock }), onTrip: use.onTrip });
}

function schemaName(schema = "stem"): string {
  // The server cuts names at 63 bytes, and the channel's name is this one with a prefix.
  const bytes = new TextEncoder().encode(schema).length;
  if (bytes === 0 || bytes > LONGEST_SCHEMA || /[\0"]/u.test(schema)) {
    throw new ConfigError(`Cannot use ${show(schema)} as a schema: expected 1 to ${LONGEST_SCHEMA} bytes of UTF-8 without quotes`);
  }
  if (schema === "public" || schema === "information_schema" || schema.startsWith("pg_")) {
    throw new ConfigError(`Cannot use ${show(schema)} as a schema: expected one that holds nothing but this library's tables`);
  }
  return schema;
}

function isPostgresJs(client: unknown): client is Sql {
  return typeof client === "function" && "unsafe" in client && "begin" in client && "options" in client;
}

function connectError(error: unknown, what: string): StemError {
  if (StemError.is(error) && error.code !== "TIMEOUT") return error;
  const { reason, retryable, cause } = postgresFailure(error);
  return new StoreError(`Cannot connect to ${what}: ${reason}`, {
    adapter: "postgres",
    operation: "connect",
    retryable: StemError.is(error) || retryable,
    cause,
  });
}
