import { Mutex } from "../../async/mutex.ts";
import { deferred } from "../../async/deferred.ts";
import { systemRandom } from "../../time/random.ts";
import { sleep } from "../../time/sleep.ts";
import { systemClock } from "../../time/clock.ts";
import type { SqliteConnection, SqliteRow, SqliteValue } from "./sqlite-connection.ts";
import { isBusy } from "./sqlite-failure.ts";

/** How a {@link SafeClient} behaves. */
export interface SafeClientOptions {
  /** How long to wait for other processes that hold the database, in milliseconds. */
  readonly busyTimeoutMs: number;
  /** Statements that every new connection starts with: settings that the file does not keep. */
  readonly onConnect: readonly string[];
  /** Whether the database lives in its connection: then that one is never dropped. @default false */
  readonly inMemory?: boolean | undefined;
}

/** Rows by the names of their columns. */
export interface NamedRows {
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

/** One statement with its values. */
export interface SqliteStatement {
  readonly sql: string;
  readonly args: readonly SqliteValue[];
}

/** What runs statements: a client, or a transaction on it. */
export interface SqliteRunner {
  /** Runs a statement, and gives its rows. */
  query(text: string, values?: readonly SqliteValue[]): Promise<readonly SqliteRow[]>;
  /** Runs several, which commit together, and gives the rows of all. */
  queryAll(statements: readonly SqliteStatement[]): Promise<readonly SqliteRow[]>;
  /** Runs statements that write and give no rows: all of them, or none where they would not write that many rows. Answers whether it did. */
  writeExactly(statements: readonly SqliteStatement[], count: number): Promise<boolean>;
  /** Runs a statement, and gives its rows by the names of its columns. */
  execute(statement: string | SqliteStatement): Promise<NamedRows>;
}

/** An open transaction. */
export interface SqliteTransaction extends SqliteRunner {
  /** Ends it with effect. */
  commit(): Promise<void>;
  /** Ends it without; does nothing when it has ended. */
  rollback(): Promise<void>;
  /** The same. */
  close(): void;
}

type Attempt<T> = { readonly value: T } | { readonly error: unknown };

const FIRST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 40;

/**
 * A connection to a local database that loses nothing that it acknowledged, and blocks nobody while it waits.
 *
 * - libsql runs every statement synchronously, and its own wait for a busy database blocks the event loop, so that another writer of this
 *   process could never finish: operations run one at a time, a transaction counts as one, and waiting happens between short attempts.
 * - A statement that failed because the database was busy stays in progress on its connection, and what is written there afterwards is
 *   acknowledged and never committed (tursodatabase/libsql-client-ts#352). A connection that saw it is dropped.
 */
export class SafeClient implements SqliteRunner {
  readonly #connect: () => SqliteConnection;
  readonly #options: SafeClientOptions;
  readonly #mutex = new Mutex();
  readonly #settings: string[];
  #connection: SqliteConnection | undefined;
  #connections = 0;
  // Whether the present connection has its settings.
  #settled = false;
  #closed = false;

  /** Makes one on connections that wait only shortly for a busy database; nothing is opened yet. */
  constructor(connect: () => SqliteConnection, options: SafeClientOptions) {
    this.#connect = connect;
    this.#options = options;
    this.#settings = [...options.onConnect];
  }

  /** Connects, so that what cannot be opened is known. Every other call does so too. */
  prepare(): Promise<void> {
    return this.#alone(() => {});
  }

  /** Adds a setting to those of every connection; it holds for whatever is called afterwards. */
  demand(setting: string): void {
    if (this.#settings.includes(setting)) return;
    this.#settings.push(setting);
    this.#settled = false;
  }

  /** Runs one statement, which commits by itself. */
  query(text: string, values?: readonly SqliteValue[]): Promise<readonly SqliteRow[]> {
    return this.#alone((connection) => connection.query(text, values));
  }

  /** Runs several in one transaction. */
  queryAll(statements: readonly SqliteStatement[]): Promise<readonly SqliteRow[]> {
    return this.#alone((connection) => this.#together(connection, () => all(connection, statements)));
  }

  /** Writes that many rows, or nothing, in one transaction. */
  writeExactly(statements: readonly SqliteStatement[], count: number): Promise<boolean> {
    const write = (connection: SqliteConnection): boolean => written(connection, statements) === count;
    // What writes one row or none needs no other to commit with.
    return this.#alone((connection) => count === 1 ? write(connection) : this.#together(connection, () => write(connection)));
  }

  /** Runs one statement, and gives its rows by the names of their columns. */
  execute(statement: string | SqliteStatement): Promise<NamedRows> {
    return this.#alone((connection) => named(connection, statement));
  }

  /** Opens a transaction that writes; everything else waits until it has ended. Only its own handle may be used inside. */
  async transaction(): Promise<SqliteTransaction> {
    const opened = deferred<SqliteTransaction>();
    // The mutex is held until the transaction has ended, not until it is opened.
    void this.#mutex.run(async () => {
      const ended = deferred<void>();
      try {
        opened.resolve(
          await this.#whenFree((connection) => {
            connection.query("begin immediate");
            return this.#guard(connection, ended.resolve);
          }),
        );
      } catch (error) {
        opened.reject(error);
        return;
      }
      await ended.promise;
    });
    return await opened.promise;
  }

  /** Reads a text that changes whenever another connection has written. May change without need, when the connection was dropped. */
  dataVersion(): Promise<string> {
    // Each connection counts by itself.
    return this.#alone((connection) => `${this.#connections}.${String(connection.query("pragma data_version")[0]?.[0])}`);
  }

  /** Closes the connection. */
  close(): void {
    this.#closed = true;
    this.#drop();
  }

  #alone<T>(operation: (connection: SqliteConnection) => T): Promise<T> {
    if (this.#mutex.locked) return this.#mutex.run(() => this.#whenFree(operation));
    // Nobody has a turn, and this one is over before anybody could ask for one.
    const first = this.#attempt(operation);
    return "value" in first ? Promise.resolve(first.value) : this.#mutex.run(() => this.#whenFree(operation, first));
  }

  /** Runs an operation, again while others hold the database. */
  async #whenFree<T>(operation: (connection: SqliteConnection) => T, first: Attempt<T> = this.#attempt(operation)): Promise<T> {
    const deadline = systemClock.monotonic() + this.#options.busyTimeoutMs;
    for (let last = first;; last = this.#attempt(operation)) {
      if ("value" in last) return last.value;
      if (!isBusy(last.error) || this.#options.inMemory === true) throw last.error;
      this.#drop();
      await this.#untilFree(deadline, last.error);
    }
  }

  #attempt<T>(operation: (connection: SqliteConnection) => T): Attempt<T> {
    try {
      return { value: operation(this.#ready()) };
    } catch (error) {
      return { error };
    }
  }

  async #untilFree(deadline: number, lastError: unknown): Promise<void> {
    for (let pauseMs = FIRST_PAUSE_MS;; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      if (systemClock.monotonic() >= deadline) throw lastError;
      // At random, so that processes that were refused together do not come back together.
      await sleep(pauseMs * (0.5 + systemRandom()));
      try {
        // It leaves nothing in progress, also when it fails: no new connection is needed for the next look.
        this.#open().run("begin immediate; rollback");
        return;
      } catch (error) {
        if (!isBusy(error)) throw error;
      }
    }
  }

  /** Runs a function in a transaction, which is undone when it throws or gives false. */
  #together<T>(connection: SqliteConnection, work: () => T): T {
    connection.query("begin immediate");
    let done = false;
    try {
      const result = work();
      done = result !== false;
      if (done) connection.query("commit");
      return result;
    } catch (error) {
      done = false;
      throw error;
    } finally {
      if (!done && !rollBack(connection)) this.#drop();
    }
  }

  /** The connection with its settings. Those may find the database busy as well: the switch of a new file to WAL needs it for itself. */
  #ready(): SqliteConnection {
    const connection = this.#open();
    if (!this.#settled) {
      for (const setting of this.#settings) connection.run(setting);
      this.#settled = true;
    }
    return connection;
  }

  #open(): SqliteConnection {
    if (this.#closed) throw new Error("The connection was closed");
    return this.#connection ??= this.#connect();
  }

  #drop(): void {
    this.#connection?.close();
    this.#connection = undefined;
    this.#settled = false;
    this.#connections += 1;
  }

  /** Drops the connection after a transaction that saw a busy database, and lets the others in when it ends, however it ends. */
  #guard(connection: SqliteConnection, onEnd: () => void): SqliteTransaction {
    let tainted = false;
    let ended = false;
    const seen = <T>(operation: () => T): T => {
      if (ended) throw new Error("The transaction has ended");
      try {
        return operation();
      } catch (error) {
        if (isBusy(error)) tainted = true;
        throw error;
      }
    };
    const end = (): void => {
      ended = true;
      if (!rollBack(connection)) tainted = true;
      if (tainted && this.#options.inMemory !== true) this.#drop();
      onEnd();
    };
    return {
      query: async (text, values) => seen(() => connection.query(text, values)),
      queryAll: async (statements) => seen(() => all(connection, statements)),
      writeExactly: async (statements, count) =>
        seen(() => {
          connection.query("savepoint written");
          const isExact = written(connection, statements) === count;
          if (!isExact) connection.query("rollback to written");
          connection.query("release written");
          return isExact;
        }),
      execute: async (statement) => seen(() => named(connection, statement)),
      commit: async () => {
        try {
          seen(() => connection.query("commit"));
        } finally {
          if (!ended) end();
        }
      },
      rollback: async () => {
        if (!ended) end();
      },
      close: () => {
        if (!ended) end();
      },
    };
  }
}

function all(connection: SqliteConnection, statements: readonly SqliteStatement[]): readonly SqliteRow[] {
  return statements.flatMap(({ sql, args }) => connection.query(sql, args));
}

function written(connection: SqliteConnection, statements: readonly SqliteStatement[]): number {
  return statements.reduce((sum, { sql, args }) => sum + connection.write(sql, args), 0);
}

/** Undoes a transaction, if one is open: a commit that failed leaves it so. False when that cannot be done: nothing of it lasts without its connection. */
function rollBack(connection: SqliteConnection): boolean {
  try {
    if (connection.inTransaction) connection.query("rollback");
    return true;
  } catch {
    return false;
  }
}

function named(connection: SqliteConnection, statement: string | SqliteStatement): NamedRows {
  const { sql, args } = typeof statement === "string" ? { sql: statement, args: [] } : statement;
  const rows = connection.query(sql, args);
  const columns = rows.length === 0 ? [] : connection.columnsOf(sql);
  return { rows: rows.map((row) => Object.fromEntries(columns.map((column, at) => [column, row[at]]))) };
}
