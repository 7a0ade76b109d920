import { ClosedError, ConfigError, StoreError } from "../../errors.ts";
import type { Clock } from "../../time/clock.ts";
import { systemClock } from "../../time/clock.ts";
import type { DatabaseHold } from "../database-hold.ts";
import { operationOf, wordsOf } from "../operation.ts";
import { repeatedCall } from "../repeated-call.ts";
import type { Shape, ValuesOf } from "./arguments.ts";
import { denseRows } from "./dense-rows.ts";
import type { Builder } from "./dialect.ts";
import { NOW, SIGNAL } from "./dialect.ts";
import type { Driver, Failure } from "./driver.ts";
import { signalPayload } from "./signals.ts";
import type { Signals } from "./signals.ts";
import type { Preparable, RunOptions, Statement, StatementOptions, StatementParts } from "./statement.ts";
import { StatementTemplate } from "./statement.ts";
import type { Tables } from "./tables.ts";

/** How a store holds its database. */
export type SqlHold = DatabaseHold<SqlDatabase>;

/** One trip to the database, as {@link DatabaseOptions.onTrip} is told. */
export interface Trip {
  /** What went: a statement, or the begin, commit or rollback of a transaction. */
  readonly kind: "statement" | "begin" | "commit" | "rollback";
  /** The name of the statement or of the transaction. */
  readonly name: string;
  /** Whether it went inside a transaction. */
  readonly inTransaction: boolean;
}

/** How a {@link SqlDatabase} behaves. */
export interface DatabaseOptions {
  /** Gives the time of every statement whose dialect does not ask the server. @default systemClock */
  readonly clock?: Clock | undefined;
  /** Told of each trip before it goes: for tests that count them. @default nobody */
  readonly onTrip?: ((trip: Trip) => void) | undefined;
  /** How long a call that failed without effect is repeated, in milliseconds. @default 2,000 */
  readonly repeatForMs?: number | undefined;
}

interface OwnTransaction {
  readonly builder: Builder;
  /** Who will be told of its writes. */
  readonly topics: Set<string>;
  ended: boolean;
}

/**
 * A database that stores write their statements on: once for both dialects.
 *
 * @example
 * ```ts ignore
 * const touch = database.statement("touch", { ns: "text", seen: { id: "text", at: "ms" } }, ({ db, tables: { workers }, args, dialect }) =>
 *   db.update(workers).set({ seenAt: args.seen.column.at }).from(args.seen.from)
 *     .where(and(eq(workers.ns, args.ns), eq(workers.id, args.seen.column.id)))
 *     .returning({ id: workers.id, signal: dialect.signal }), { idempotent: true });
 * await touch.run({ ns: "stem", seen: [{ id: "w1", at: 5 }] }, { signal: ["workers"] });
 * ```
 */
export class SqlDatabase {
  /** The tables, for the expressions of statements. */
  readonly tables: Tables;
  /** The adapter's name: `"postgres"` or `"sqlite"`. For error messages, and for nothing else. */
  readonly adapter: Driver["adapter"];
  /** Whether a write keeps all other writers out. */
  readonly singleWriter: boolean;
  /** News of writes, from any process. */
  readonly signals: Signals;
  readonly #driver: Driver;
  readonly #clock: Clock;
  readonly #onTrip: (trip: Trip) => void;
  readonly #repeatForMs: number;
  // Our own transactions, by what their functions are given.
  readonly #own = new WeakMap<object, OwnTransaction>();
  // What is known of an error that was made here.
  readonly #failures = new WeakMap<object, Failure>();
  #underWay = 0;
  #closing: Promise<void> | undefined;

  /** Takes over a connected driver: closing the database closes it. */
  constructor(driver: Driver, options: DatabaseOptions = {}) {
    this.#driver = driver;
    this.tables = driver.tables;
    this.adapter = driver.adapter;
    this.singleWriter = driver.dialect.singleWriter;
    this.signals = driver.signals;
    this.#clock = options.clock ?? systemClock;
    this.#onTrip = options.onTrip ?? (() => {});
    this.#repeatForMs = options.repeatForMs ?? 2_000;
  }

  /**
   * Makes a statement. Nothing is sent before it is first run.
   *
   * @param name `operation` or `operation.part`, unique among the database's statements; errors name the operation.
   * @param shape The arguments' names and types; a shape inside it is a batch.
   */
  statement<const S extends Shape, Row>(
    name: string,
    shape: S,
    build: (parts: StatementParts<S>) => Preparable<Row>,
    options: StatementOptions<Row> = {},
  ): Statement<S, Row> {
    const { dialect, tables, prefix } = this.#driver;
    const template = new StatementTemplate(name, build, { ...options, shape, dialect, tables, prefix });
    return { name, run: (values, runOptions) => this.#run(template, values, runOptions ?? {}) };
  }

  /**
   * Runs a function in a transaction of its own, again when the database undid it without fault of the function. Statements join it with
   * `{ tx }`; those that run at the same time go to Postgres together.
   *
   * @param name As of a statement.
   * @throws what the function throws, or {@link StoreError}; nothing is written then.
   */
  transaction<T>(name: string, work: (tx: object) => Promise<T>, options: StatementOptions = {}): Promise<T> {
    return this.#repeat(name, options.idempotent ?? false, () => this.#transact(name, work));
  }

  /** Closes what was opened for it, after the calls under way. Later calls throw {@link ClosedError}; closing again does nothing. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.signals.close();
    await this.#driver.close(this.#underWay === 0);
  }

  async #run<S extends Shape, Row>(template: StatementTemplate<S, Row>, values: ValuesOf<S>, options: RunOptions): Promise<readonly Row[]> {
    const { tx, signal = [] } = options;
    const call = { values, signal: this.#driver.announces ? signalPayload(signal) ?? null : null };
    if (tx === undefined) {
      const rows = await this.#repeat(template.name, template.idempotent, () => this.#send(template, call));
      if (rows.length > 0) this.#announce(signal);
      return rows;
    }
    this.#requireOpen(template.name);
    const rows = await this.#send(template, call, this.#join(tx));
    const own = this.#own.get(tx);
    if (rows.length > 0 && own !== undefined) signal.forEach((topic) => own.topics.add(topic));
    return rows;
  }

  async #send<S extends Shape, Row>(
    template: StatementTemplate<S, Row>,
    { values, signal }: { readonly values: ValuesOf<S>; readonly signal: string | null },
    tx?: Builder,
  ): Promise<readonly Row[]> {
    const inTransaction = tx !== undefined;
    this.#onTrip({ kind: "statement", name: template.name, inTransaction });
    try {
      const supplied = { [SIGNAL]: signal, [NOW]: Math.floor(this.#clock.now()) };
      const rows = denseRows(await template.execute(tx ?? this.#driver.db, values, supplied));
      this.#driver.touched?.(rows.length);
      return rows;
    } catch (error) {
      const failure = this.#driver.failure(error);
      if (template.allOrNothing && !inTransaction && failure.taken === true) return [];
      throw this.#storeError(template.name, failure);
    }
  }

  async #transact<T>(name: string, work: (tx: object) => Promise<T>): Promise<T> {
    const topics = new Set<string>();
    let own: OwnTransaction;
    let failed: { readonly error: unknown } | undefined;
    this.#onTrip({ kind: "begin", name, inTransaction: true });
    try {
      const result = await this.#driver.transaction(async (builder) => {
        // Something of its own, because its connection will serve others: a straggler must not write into theirs.
        const tx = {};
        this.#own.set(tx, own = { builder, topics, ended: false });
        try {
          const value = await work(tx);
          own.ended = true;
          this.#onTrip({ kind: "commit", name, inTransaction: true });
          return value;
        } catch (error) {
          own.ended = true;
          failed = { error };
          this.#onTrip({ kind: "rollback", name, inTransaction: true });
          throw error;
        }
      });
      this.#announce(topics);
      return result;
    } catch (error) {
      if (failed === undefined) throw this.#storeError(name, this.#driver.failure(error));
      // What failed before the commit is undone, whatever became of the connection.
      const failure = this.#failureOf(failed.error);
      throw failure === undefined ? failed.error : this.#storeError(name, { ...failure, untouched: true });
    }
  }

  /** Tells this process, where the database itself does not. */
  #announce(topics: Iterable<string>): void {
    if (!this.#driver.announces) this.signals.tell(topics);
  }

  #join(tx: object): Builder {
    const own = this.#own.get(tx);
    if (own?.ended === true) throw new ConfigError("Cannot use the given tx: the transaction has ended");
    if (own !== undefined) return own.builder;
    const builder = this.#driver.join(tx);
    if (builder !== undefined) return builder;
    throw new ConfigError(`Cannot use the given tx: expected a Drizzle transaction of a ${this.adapter} database`);
  }

  #repeat<T>(name: string, idempotent: boolean, work: () => Promise<T>): Promise<T> {
    const call = async (): Promise<T> => {
      this.#requireOpen(name);
      this.#underWay += 1;
      try {
        return await work();
      } finally {
        this.#underWay -= 1;
      }
    };
    const isWorthIt = (error: unknown): boolean => {
      const failure = this.#failureOf(error);
      return failure !== undefined && failure.retryable && (failure.untouched || idempotent);
    };
    return repeatedCall(call, { forMs: this.#repeatForMs, isWorthIt });
  }

  #storeError(name: string, failure: Failure): StoreError {
    const operation = operationOf(name);
    const { reason, retryable, cause } = failure;
    const error = new StoreError(`Cannot ${wordsOf(operation)}: ${reason}`, { adapter: this.adapter, operation, retryable, cause });
    this.#failures.set(error, failure);
    return error;
  }

  #failureOf(error: unknown): Failure | undefined {
    return typeof error === "object" && error !== null ? this.#failures.get(error) : undefined;
  }

  #requireOpen(name: string): void {
    if (this.#closing !== undefined) throw new ClosedError(`Cannot ${wordsOf(operationOf(name))}: the ${this.adapter} database was closed`);
  }
}
