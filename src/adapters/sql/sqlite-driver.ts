import type { Client } from "@libsql/client";
import { is } from "drizzle-orm";
import { BaseSQLiteDatabase } from "drizzle-orm/sqlite-core";
import type { Logger } from "../../contracts/logger.ts";
import { consoleLogger } from "../../contracts/logger.ts";
import { ConfigError, StemError, StoreError, UnsupportedError } from "../../errors.ts";
import type { Clock } from "../../time/clock.ts";
import type { Duration } from "../../time/duration.ts";
import { durationMs } from "../../time/duration.ts";
import type { Trip } from "./database.ts";
import { SqlDatabase } from "./database.ts";
import type { Builder } from "./dialect.ts";
import { sqliteDialect } from "./dialect.sqlite.ts";
import type { Driver } from "./driver.ts";
import { sqliteKit } from "./kit.sqlite.ts";
import type { MigrateMode } from "./migrate.ts";
import { prepareSchema } from "./migrate.ts";
import type { MigrationHost } from "./migration.ts";
import { sqliteMigrationHost } from "./migration-host.sqlite.ts";
import type { SafeClientOptions } from "./sqlite-client.ts";
import { SafeClient } from "./sqlite-client.ts";
import { sqliteConnector } from "./sqlite-connection.ts";
import { sqliteFailure } from "./sqlite-failure.ts";
import { IN_MEMORY, sqlitePath } from "./sqlite-path.ts";
import { sqliteBuilder } from "./sqlite-session.ts";
import { FileWatch } from "./sqlite-signals.ts";
import { SqliteTransactions } from "./sqlite-transactions.ts";
import { defineTables } from "./tables.ts";

/** How a SQLite database is opened. */
export interface SqliteOpenOptions {
  /** What opening does about the schema's version. @default "auto" */
  readonly migrate?: MigrateMode | undefined;
  /** Judges all times: for tests. @default the system's clock */
  readonly clock?: Clock | undefined;
  /** Where trouble in the background is reported. @default warnings and errors on the console */
  readonly logger?: Logger | undefined;
  /** How long to wait for other processes that hold the database; of one file in one process, as its first opening says. @default 15 seconds */
  readonly busyTimeout?: Duration | undefined;
  /**
   * When a commit counts: `normal` (the end of the process loses nothing, a power cut may lose the latest commits) or `full` (neither does,
   * at a fraction of the speed). One `full` makes it so for all who have the file open in this process. @default "normal"
   */
  readonly synchronous?: "normal" | "full" | undefined;
  /** Told of each statement before it runs: for tests. @default nobody */
  readonly onTrip?: ((trip: Trip) => void) | undefined;
}

interface OpenFile {
  readonly client: SafeClient;
  readonly watch: FileWatch;
  holders: number;
}

// One connection per file and process: two would wait for each other without being able to.
const openFiles = new Map<string, OpenFile>();

/**
 * Opens a file, or a database in memory, and prepares the schema.
 *
 * @throws {ConfigError} when the location or an option cannot be used, or a package is missing.
 * @throws {StoreError} when the file cannot be opened or written.
 * @throws {MigrationError} when the schema does not fit this version of the library.
 */
export async function openSqlite(location: string | URL, options: SqliteOpenOptions = {}): Promise<SqlDatabase> {
  const { path, file } = await held(location, options, (host) => prepareSchema(host, options.migrate ?? "auto"));
  const transactions = new SqliteTransactions(file.client);
  const driver: Driver = {
    adapter: "sqlite",
    prefix: "stem",
    db: sqliteBuilder(file.client),
    dialect: sqliteDialect,
    tables: defineTables(sqliteKit),
    signals: file.watch.join(),
    announces: false,
    transaction: (work) => transactions.run(work),
    join: (tx) => is(tx, BaseSQLiteDatabase) ? tx as Builder : undefined,
    failure: sqliteFailure,
    close: () => Promise.resolve(release(path, file)),
  };
  return new SqlDatabase(driver, { ...(options.clock === undefined ? {} : { clock: options.clock }), onTrip: options.onTrip });
}

/**
 * Opens the file of a Drizzle database of the caller's own, on libsql. Statements go over a connection of their own, because only that one
 * can be kept safe; those with `tx` join the caller's transaction.
 *
 * @throws what {@link openSqlite} throws, and {@link UnsupportedError} for a database that is no local file.
 */
export async function useSqlite(db: object, options: SqliteOpenOptions = {}): Promise<SqlDatabase> {
  const client = is(db, BaseSQLiteDatabase) && "$client" in db ? db.$client : undefined;
  if (!isLibsql(client)) {
    throw new UnsupportedError("Cannot use the given database: expected a Drizzle database on libsql (drizzle-orm/libsql)");
  }
  const { rows } = await client.execute("select file from pragma_database_list where name = 'main'");
  const path = rows[0]?.["file"];
  if (typeof path !== "string" || path === "") {
    throw new UnsupportedError("Cannot use the given database: it lives in memory or on another machine, expected a local file");
  }
  return await openSqlite(path, options);
}

/** Opens a file, lets a function work on its migrations, and closes it. */
export async function withSqliteHost<T>(location: string | URL, work: (host: MigrationHost) => Promise<T>): Promise<T> {
  const { path, file, prepared } = await held(location, {}, work);
  release(path, file);
  return prepared;
}

/** Takes hold of a file, shared with whoever has it open in this process, and lets a function see to its schema. */
async function held<T>(
  location: string | URL,
  options: SqliteOpenOptions,
  prepare: (host: MigrationHost) => Promise<T>,
): Promise<{ readonly path: string; readonly file: OpenFile; readonly prepared: T }> {
  const path = await sqlitePath(location, { create: options.migrate !== "check" });
  const what = path === IN_MEMORY ? "a SQLite database in memory" : `SQLite file "${path}"`;
  const settings = checkedSettings(options);
  const connect = await sqliteConnector(path, what);
  const file = hold(path, () => new SafeClient(connect, { ...settings, inMemory: path === IN_MEMORY }), options.logger ?? consoleLogger);
  // Others may have opened it with less.
  if (options.synchronous === "full") file.client.demand("pragma synchronous = full");
  try {
    await file.client.prepare();
    return { path, file, prepared: await prepare(sqliteMigrationHost(file.client, what)) };
  } catch (error) {
    release(path, file);
    throw openError(error, what);
  }
}

function checkedSettings({ synchronous = "normal", busyTimeout = "15s" }: SqliteOpenOptions): SafeClientOptions {
  if (synchronous !== "normal" && synchronous !== "full") {
    throw new ConfigError(`Cannot use ${JSON.stringify(synchronous)} as synchronous: expected "normal" or "full"`);
  }
  return {
    busyTimeoutMs: durationMs(busyTimeout, "busyTimeout"),
    onConnect: ["pragma journal_mode = wal", "pragma synchronous = normal"],
  };
}

function hold(path: string, open: () => SafeClient, logger: Logger): OpenFile {
  const there = path === IN_MEMORY ? undefined : openFiles.get(path);
  if (there !== undefined) {
    there.holders += 1;
    return there;
  }
  const client = open();
  const file = { client, watch: new FileWatch(client, { logger }), holders: 1 };
  if (path !== IN_MEMORY) openFiles.set(path, file);
  return file;
}

function release(path: string, file: OpenFile): void {
  file.holders -= 1;
  if (file.holders > 0) return;
  if (openFiles.get(path) === file) openFiles.delete(path);
  file.client.close();
}

function isLibsql(client: unknown): client is Client {
  return typeof client === "object" && client !== null && "execute" in client && "executeMultiple" in client;
}

/** What a caller is told when a file cannot be opened. */
export function openError(error: unknown, what: string): StemError {
  if (StemError.is(error)) return error;
  const { reason, retryable, cause } = sqliteFailure(error);
  return new StoreError(`Cannot open ${what}: ${reason}`, { adapter: "sqlite", operation: "open", retryable, cause });
}
