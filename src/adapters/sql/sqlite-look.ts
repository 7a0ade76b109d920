import type { MigrationView } from "./migration.ts";
import { sqliteMigrationHost } from "./migration-host.sqlite.ts";
import { sqliteMigrations } from "./migrations.gen.ts";
import { SafeClient } from "./sqlite-client.ts";
import { sqliteConnector } from "./sqlite-connection.ts";
import { openError } from "./sqlite-driver.ts";
import { sqliteCode } from "./sqlite-failure.ts";
import { IN_MEMORY, isThere, sqlitePath, sqliteUrl } from "./sqlite-path.ts";

const BUSY_TIMEOUT_MS = 15_000;

/**
 * Lets a function look at the migrations of a file through a connection that can write nothing: for users who may only read it. Where no file is,
 * none is made, and no migration was applied.
 *
 * @throws {ConfigError} when the location cannot be used, or a package is missing.
 * @throws {StoreError} when the file cannot be read.
 */
export async function lookAtSqlite<T>(location: string | URL, work: (view: MigrationView) => Promise<T>): Promise<T> {
  const path = await sqlitePath(location);
  const what = path === IN_MEMORY ? "a SQLite database in memory" : `SQLite file "${path}"`;
  if (path === IN_MEMORY || !await isThere(path)) {
    return await work({ what, migrations: sqliteMigrations, readLedger: () => Promise.resolve(undefined) });
  }
  const look = async (parameters: string): Promise<T> => {
    const connect = await sqliteConnector(sqliteUrl(path, parameters), what);
    const client = new SafeClient(connect, { busyTimeoutMs: BUSY_TIMEOUT_MS, onConnect: [] });
    try {
      return await work(sqliteMigrationHost(client, what));
    } finally {
      client.close();
    }
  };
  try {
    return await look("mode=ro").catch((error: unknown) => {
      // A file in WAL mode that nobody has open needs two more files beside it, even to be read. Who may not make them reads it as one that does not
      // change: whoever opened it to write would have made them.
      if (isWithoutWal(error)) return look("immutable=1");
      throw error;
    });
  } catch (error) {
    throw openError(error, what);
  }
}

function isWithoutWal(error: unknown): boolean {
  const code = sqliteCode(error);
  return code === "SQLITE_READONLY" || code === "SQLITE_CANTOPEN";
}
