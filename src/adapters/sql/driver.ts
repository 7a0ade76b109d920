import type { Builder, Dialect } from "./dialect.ts";
import type { Signals } from "./signals.ts";
import type { Tables } from "./tables.ts";

/** What a driver's error means for whoever made the call. */
export interface Failure {
  /** What went wrong, without the statement and its values: it follows "Cannot publish: ". */
  readonly reason: string;
  /** Whether the same call may succeed when it is made again. */
  readonly retryable: boolean;
  /** Whether the database certainly did nothing, so that even a call that must not happen twice may be repeated. */
  readonly untouched: boolean;
  /** Whether a row with the same key was in the way. @default false */
  readonly taken?: boolean;
  /** The driver's own error. */
  readonly cause: unknown;
}

/** A connected database, before anything is known of stores: what differs between the two drivers outside a statement. */
export interface Driver {
  /** The adapter's name, as errors tell it. */
  readonly adapter: "postgres" | "sqlite";
  /** Goes before the names of prepared statements, so that two schemas on one connection do not mix theirs. */
  readonly prefix: string;
  /** Drizzle's query builder on it. */
  readonly db: Builder;
  /** What differs inside a statement. */
  readonly dialect: Dialect;
  /** The tables, as this database names them. */
  readonly tables: Tables;
  /** Who is told of writes, and listens for those of others. */
  readonly signals: Signals;
  /** Whether `dialect.signal` reaches this process's listeners too. Otherwise whoever wrote tells them after the commit. */
  readonly announces: boolean;
  /** Runs a function in a write transaction: commits when it fulfils, rolls back when it rejects. Statements inside use the given builder only. */
  transaction<T>(work: (tx: Builder) => Promise<T>): Promise<T>;
  /** The builder of a caller's Drizzle transaction; `undefined` when it is not one of this dialect. */
  join(tx: object): Builder | undefined;
  /** Told how many rows a statement gave back, where the database is to be kept aware of how large its tables are. Must not throw. */
  touched?(rows: number): void;
  /** Reads an error that a statement or a transaction rejected with. */
  failure(error: unknown): Failure;
  /** Lets calls under way finish for a short while, and closes what this driver opened. `idle` says that there are none. */
  close(idle: boolean): Promise<void>;
}
