import type Libsql from "libsql";
import { loadDriver } from "../../async/load-driver.ts";

/** A value as libsql binds it. */
export type SqliteValue = string | number | bigint | Uint8Array | null;

/** A row, column by column. */
export type SqliteRow = readonly unknown[];

/** The packages that a SQLite store needs. The driver's client brings the driver itself, which is what is used. */
export const PACKAGES = ["drizzle-orm", "@libsql/client"] as const;

// libsql's own wait blocks the event loop: it only bridges the moment in which another connection switches a page of the log.
const NATIVE_WAIT_MS = 5;

// The statements of the stores are about a hundred; only what comes in ever new texts, such as migrations, exceeds this.
const MOST_COMPILED = 300;

/**
 * Loads the driver, and gives what opens connections.
 *
 * @param location A path, a URL as SQLite itself takes it, or `":memory:"`.
 * @param what The database in words.
 */
export async function sqliteConnector(location: string, what: string): Promise<() => SqliteConnection> {
  const { default: Database } = await loadDriver(() => import("libsql"), what, PACKAGES);
  return () => new SqliteConnection(new Database(location, { timeout: NATIVE_WAIT_MS }));
}

interface Compiled {
  readonly statement: Libsql.Statement;
  /** Whether it gives rows. */
  readonly reads: boolean;
}

/**
 * One connection to a local database, on which each text is compiled once: compiling one of the longer statements takes ten times as long as
 * running it. SQLite compiles by itself again what a change of the schema has outdated.
 *
 * Everything runs synchronously.
 */
export class SqliteConnection {
  readonly #database: Libsql.Database;
  readonly #compiled = new Map<string, Compiled>();

  /** Takes over a connection of libsql's. */
  constructor(database: Libsql.Database) {
    this.#database = database;
  }

  /** Whether a transaction is open. */
  get inTransaction(): boolean {
    return this.#database.open && this.#database.inTransaction;
  }

  /** Runs one statement, and gives all its rows. */
  query(text: string, values: readonly SqliteValue[] = []): readonly SqliteRow[] {
    const { statement, reads } = this.#compile(text);
    // Typed as an array of anything; after `raw` each row is an array.
    if (reads) return statement.all(values) as SqliteRow[];
    statement.run(values);
    return [];
  }

  /** Runs one statement that gives no rows, and tells how many it has written. */
  write(text: string, values: readonly SqliteValue[]): number {
    return this.#compile(text).statement.run(values).changes;
  }

  /** Names the columns that a statement gives. */
  columnsOf(text: string): readonly string[] {
    const { statement, reads } = this.#compile(text);
    return reads ? statement.columns().map(({ name }) => name) : [];
  }

  /** Runs any number of statements, written one behind the other. Leaves nothing in progress, also when it fails. */
  run(text: string): void {
    this.#database.exec(text);
  }

  /** Closes the connection; doing so again does nothing. */
  close(): void {
    this.#compiled.clear();
    if (this.#database.open) this.#database.close();
  }

  #compile(text: string): Compiled {
    const known = this.#compiled.get(text);
    if (known !== undefined) return known;
    const statement = this.#database.prepare(text);
    const compiled = { statement, reads: statement.reader };
    if (compiled.reads) statement.raw(true);
    if (this.#compiled.size >= MOST_COMPILED) this.#compiled.clear();
    this.#compiled.set(text, compiled);
    return compiled;
  }
}
