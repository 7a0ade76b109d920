import type { ReservedSql, Sql } from "postgres";
import { Semaphore } from "../../async/semaphore.ts";
import { TimeoutError } from "../../errors.ts";
import { withDeadline } from "../../time/sleep.ts";
import type { Builder } from "./dialect.ts";

/** What {@link PostgresTransactions} need. */
export interface PostgresTransactionsOptions {
  /** Makes a client of one connection, which calls back as soon as that is lost. */
  readonly connect: (handlers: { readonly onclose: () => void }) => Sql;
  /** Makes Drizzle's builder on a client; it uses `unsafe` and `options` and nothing else. */
  readonly builderOn: (client: Sql) => Builder;
  /** How many transactions at once; others wait for their turn. */
  readonly max: number;
  /** How long one attempt to connect may take. */
  readonly connectTimeoutMs: number;
}

/**
 * Runs transactions, each on a connection that it has for itself.
 *
 * The driver's own `begin` goes on writing to its connection after that was lost, be it only the `rollback`, and this throws where nobody can
 * catch it: one broken connection ends the process. Here nothing is sent to a connection that is known to be lost, and each has a client of
 * its own, because that is how to know which one it was.
 */
export class PostgresTransactions {
  readonly #options: PostgresTransactionsOptions;
  readonly #turns: Semaphore;
  readonly #idle: Session[] = [];
  #closed = false;

  /** Prepares them; nothing is connected before the first transaction. */
  constructor(options: PostgresTransactionsOptions) {
    this.#options = options;
    this.#turns = new Semaphore(options.max);
  }

  /** Runs a function in a transaction: commits when it fulfils, rolls back when it rejects. */
  run<T>(work: (tx: Builder) => Promise<T>): Promise<T> {
    return this.#turns.run(async () => {
      const session = this.#next() ?? await Session.open(this.#options);
      try {
        return await session.transact(work);
      } finally {
        if (session.usable && !this.#closed) this.#idle.push(session);
        else await session.close();
      }
    });
  }

  /** Closes the connections: idle ones now, the others when their transaction ends. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#idle.splice(0).map((session) => session.close()));
  }

  #next(): Session | undefined {
    for (let session = this.#idle.pop(); session !== undefined; session = this.#idle.pop()) {
      if (session.usable) return session;
      void session.close();
    }
    return undefined;
  }
}

/** One connection, and what is known of its state. */
class Session {
  readonly #client: Sql;
  readonly #builder: Builder;
  #reserved: ReservedSql | undefined;
  // Why nothing may be sent any more.
  #broken: Error | undefined;
  // What the present transaction failed with first.
  #failure: { readonly error: unknown } | undefined;
  readonly #waiting = new Set<(error: Error) => void>();

  static async open(options: PostgresTransactionsOptions): Promise<Session> {
    const session = new Session(options);
    try {
      // Without types to fetch, the driver never hands out a connection that was opened for being reserved: it has to be open before.
      await withDeadline(session.#client.unsafe("select 1"), options.connectTimeoutMs);
      session.#reserved = await withDeadline(session.#client.reserve(), options.connectTimeoutMs);
      return session;
    } catch (error) {
      await session.#client.end({ timeout: 0 });
      throw error instanceof TimeoutError ? driverLike("CONNECT_TIMEOUT", error.message) : error;
    }
  }

  constructor({ connect, builderOn }: PostgresTransactionsOptions) {
    this.#client = connect({ onclose: () => this.#break(driverLike("CONNECTION_CLOSED", "the connection was lost")) });
    this.#builder = builderOn(this.#guarded());
  }

  get usable(): boolean {
    return this.#broken === undefined;
  }

  async transact<T>(work: (tx: Builder) => Promise<T>): Promise<T> {
    this.#failure = undefined;
    await this.#send((sql) => sql.unsafe("begin"));
    let value: T;
    try {
      value = await work(this.#builder);
      // Postgres has undone everything by then, and would answer a commit with a rollback and no error.
      this.#requireUnfailed();
    } catch (error) {
      await this.#rollBack();
      throw error;
    }
    await this.#send((sql) => sql.unsafe("commit"));
    return value;
  }

  async close(): Promise<void> {
    if (this.usable) this.#reserved?.release();
    this.#break(driverLike("CONNECTION_ENDED", "the connection was closed"));
    await this.#client.end({ timeout: 0 });
  }

  #requireUnfailed(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async #rollBack(): Promise<void> {
    if (!this.usable) return;
    try {
      await this.#send((sql) => sql.unsafe("rollback"));
    } catch (error) {
      // Whoever rolls back has an error to tell already. The server undoes what a lost connection has left.
      this.#break(driverLike("CONNECTION_CLOSED", "the connection could not be rolled back", error));
    }
  }

  #break(reason: Error): void {
    this.#broken ??= reason;
    for (const reject of this.#waiting) reject(reason);
    this.#waiting.clear();
  }

  /** Sends something, and waits for its answer or the end of the connection: the driver forgets what it had not written by then. */
  #send<R>(query: (sql: ReservedSql) => PromiseLike<R>): Promise<R> {
    const reserved = this.#reserved;
    if (this.#broken !== undefined || reserved === undefined) return Promise.reject(this.#broken ?? new Error("Not connected"));
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject);
      query(reserved).then((answer) => {
        this.#waiting.delete(reject);
        resolve(answer);
      }, (error: unknown) => {
        this.#waiting.delete(reject);
        reject(error);
      });
    });
  }

  /** What Drizzle takes for a client. */
  #guarded(): Sql {
    const unsafe: (...call: Parameters<Sql["unsafe"]>) => unknown = (...call) => {
      let asArrays = false;
      // Sent in a moment: Drizzle says directly after this call whether it wants arrays or objects.
      const answer = Promise.resolve().then(() =>
        this.#send<unknown>((sql) => asArrays ? sql.unsafe(...call).values() : sql.unsafe(...call))
      );
      const noted = answer.catch((error: unknown) => {
        this.#failure ??= { error };
        throw error;
      });
      const values = (): Promise<unknown> => {
        asArrays = true;
        return noted;
      };
      return Object.assign(noted, { values });
    };
    return { options: this.#client.options, unsafe } as unknown as Sql;
  }
}

/** An error as the driver itself would make it. */
function driverLike(code: string, message: string, cause?: unknown): Error {
  return Object.assign(new Error(message, cause === undefined ? undefined : { cause }), { code });
}
