import type { Client, InArgs, InStatement, ResultSet, Transaction, TransactionMode } from "@libsql/client";
import { Mutex } from "../../async/mutex.ts";
import { deferred } from "../../async/deferred.ts";
import { systemRandom } from "../../time/random.ts";
import { sleep } from "../../time/sleep.ts";
import { systemClock } from "../../time/clock.ts";
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

const FIRST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 40;

/**
 * A local libsql client that loses nothing that it acknowledged, and blocks nobody while it waits.
 *
 * - libsql runs every statement synchronously, and its own wait for a busy database blocks the event loop, so that another writer of this
 *   process could never finish: operations run one at a time, a transaction counts as one, and waiting happens between short attempts.
 * - A statement that failed because the database was busy stays in progress on its connection, and what is written there afterwards is
 *   acknowledged and never committed (tursodatabase/libsql-client-ts#352). A connection that saw it is dropped.
 */
export class SafeClient {
  readonly #client: Client;
  readonly #options: SafeClientOptions;
  readonly #mutex = new Mutex();
  readonly #settings: string[];
  #connection = 0;
  // Whether the present connection has its settings.
  #settled = false;

  /** Takes over a client that was made with `concurrency: 1` and a short `timeout`; nothing else may use it. */
  constructor(client: Client, options: SafeClientOptions) {
    this.#client = client;
    this.#options = options;
    this.#settings = [...options.onConnect];
  }

  /** Connects, so that what cannot be opened is known. Every other call does so too. */
  prepare(): Promise<void> {
    return this.#alone(async () => {});
  }

  /** Adds a setting to those of every connection; it holds for whatever is called afterwards. */
  demand(setting: string): void {
    if (this.#settings.includes(setting)) return;
    this.#settings.push(setting);
    this.#settled = false;
  }

  /** Runs one statement. */
  execute(statement: InStatement | string, args?: InArgs): Promise<ResultSet> {
    return this.#alone(() => typeof statement === "string" ? this.#client.execute(statement, args) : this.#client.execute(statement));
  }

  /** Runs statements in one transaction. */
  batch(statements: InStatement[], mode?: TransactionMode): Promise<ResultSet[]> {
    return this.#alone(() => this.#client.batch(statements, mode));
  }

  /** Opens a transaction; everything else waits until it is closed. Only its own handle may be used inside. */
  async transaction(mode: TransactionMode = "write"): Promise<Transaction> {
    const opened = deferred<Transaction>();
    // The mutex is held until the transaction is closed, not until it is opened.
    void this.#mutex.run(async () => {
      const closed = deferred<void>();
      try {
        const tx = await this.#whenFree(() => this.#client.transaction(mode));
        opened.resolve(this.#guard(tx, closed.resolve));
      } catch (error) {
        opened.reject(error);
        return;
      }
      await closed.promise;
    });
    return await opened.promise;
  }

  /** Reads a text that changes whenever another connection has written. May change without need, when the connection was dropped. */
  async dataVersion(): Promise<string> {
    return await this.#alone(async () => {
      const { rows } = await this.#client.execute("pragma data_version");
      // Each connection counts by itself.
      return `${this.#connection}.${String(rows[0]?.["data_version"])}`;
    });
  }

  /** Closes the connection. */
  close(): void {
    if (!this.#client.closed) this.#client.close();
  }

  #alone<T>(operation: () => Promise<T>): Promise<T> {
    return this.#mutex.run(() => this.#whenFree(operation));
  }

  /** Runs an operation, again while others hold the database. */
  async #whenFree<T>(operation: () => Promise<T>): Promise<T> {
    const deadline = systemClock.monotonic() + this.#options.busyTimeoutMs;
    for (;;) {
      try {
        // Inside, because they have to wait as well: the switch of a new file to WAL needs it for itself.
        if (!this.#settled) await this.#applySettings();
        return await operation();
      } catch (error) {
        if (!isBusy(error) || this.#options.inMemory === true) throw error;
        await this.#drop();
        await this.#untilFree(deadline, error);
      }
    }
  }

  async #untilFree(deadline: number, lastError: unknown): Promise<void> {
    for (let pauseMs = FIRST_PAUSE_MS;; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      if (systemClock.monotonic() >= deadline) throw lastError;
      // At random, so that processes that were refused together do not come back together.
      await sleep(pauseMs * (0.5 + systemRandom()));
      try {
        // It leaves nothing in progress, also when it fails: no new connection is needed for the next look.
        await this.#client.executeMultiple("begin immediate; rollback");
        return;
      } catch (error) {
        if (!isBusy(error)) throw error;
      }
    }
  }

  async #drop(): Promise<void> {
    if (this.#client.closed) return;
    this.#settled = false;
    this.#connection += 1;
    // oxlint-disable-next-line typescript/await-thenable -- declared to return nothing, but it is asynchronous.
    await this.#client.reconnect();
  }

  async #applySettings(): Promise<void> {
    for (const setting of this.#settings) await this.#client.executeMultiple(setting);
    this.#settled = true;
  }

  /** Drops the connection after a transaction that saw a busy database, and lets the others in when it ends, however it ends. */
  #guard(tx: Transaction, onClosed: () => void): Transaction {
    let tainted = false;
    let ended = false;
    const seen = async <T>(operation: Promise<T>): Promise<T> => {
      try {
        return await operation;
      } catch (error) {
        if (isBusy(error)) tainted = true;
        throw error;
      }
    };
    const end = async (): Promise<void> => {
      if (ended) return;
      ended = true;
      try {
        if (tainted && this.#options.inMemory !== true) await this.#drop();
      } finally {
        onClosed();
      }
    };
    return {
      execute: (statement) => seen(tx.execute(statement)),
      batch: (statements) => seen(tx.batch(statements)),
      executeMultiple: (text) => seen(tx.executeMultiple(text)),
      commit: async () => {
        try {
          await seen(tx.commit());
        } finally {
          await end();
        }
      },
      rollback: async () => {
        try {
          await tx.rollback();
        } finally {
          await end();
        }
      },
      close: () => {
        tx.close();
        void end();
      },
      get closed() {
        return tx.closed;
      },
    };
  }
}
