import type { Builder } from "./dialect.ts";
import type { SafeClient, SqliteTransaction } from "./sqlite-client.ts";
import { sqliteBuilder } from "./sqlite-session.ts";

/** Runs transactions on a client, all through one builder, for which Drizzle makes each statement only once. */
export class SqliteTransactions {
  readonly #client: SafeClient;
  readonly #builder: Builder;
  // The client opens one at a time.
  #open: SqliteTransaction | undefined;

  /** Prepares them; nothing is opened. */
  constructor(client: SafeClient) {
    this.#client = client;
    this.#builder = sqliteBuilder({
      query: (text, values) => this.#open?.query(text, values) ?? hasEnded(),
      queryAll: (statements) => this.#open?.queryAll(statements) ?? hasEnded(),
      writeExactly: (statements, count) => this.#open?.writeExactly(statements, count) ?? hasEnded(),
    });
  }

  /** Runs a function in a transaction: commits when it fulfils, rolls back when it rejects. */
  async run<T>(work: (tx: Builder) => Promise<T>): Promise<T> {
    const tx = await this.#client.transaction();
    this.#open = tx;
    try {
      const value = await work(this.#builder);
      this.#open = undefined;
      await tx.commit();
      return value;
    } catch (error) {
      this.#open = undefined;
      await tx.rollback();
      throw error;
    }
  }
}

function hasEnded(): Promise<never> {
  return Promise.reject(new Error("The transaction has ended"));
}
