import type { Column, SQL, SQLWrapper } from "drizzle-orm";
import type { BaseSQLiteDatabase, SQLiteTable } from "drizzle-orm/sqlite-core";
import type { Bound, RowShape, RowValues } from "./arguments.ts";

/** The part of Drizzle's query builder that both dialects share at run time, under the types of the SQLite one. */
export type Builder = Pick<
  BaseSQLiteDatabase<"async", unknown, Record<string, never>>,
  "select" | "selectDistinct" | "insert" | "update" | "delete" | "with" | "$with"
>;

/** A batch on its way into a table whose rows the database numbers. */
export interface NumberedRows {
  /** Stands after FROM, with the columns of the batch. */
  readonly from: SQL;
  /** The number that each row gets; null where the table itself gives it. */
  readonly seq: SQL;
  /** In which order the rows are taken. */
  readonly orderBy: SQL;
}

/** A batch as a table: `from` stands after FROM (or in `update … from`), the columns anywhere in the statement. */
export interface RowSource<R extends RowShape> {
  /** The rows, under the name of the argument. */
  readonly from: SQL;
  /** That name. */
  readonly table: SQLWrapper;
  /** The columns, by name. */
  readonly column: { readonly [K in keyof R]: SQL<R[K] extends "text" ? string : number> };
  /**
   * A text of the statement's, as if each row held it. Compare a table's first key column with this in `update … from`: SQLite, which knows
   * nothing of how many rows a namespace has, then goes from the batch to the table, and not from all of the namespace to the batch.
   */
  own(value: SQLWrapper): SQL<string>;
  /** Where in the batch a row stands, counted up from its first. */
  readonly position: SQL<number>;
  /** Turns the rows of one call into values for the statement's arguments. */
  bind(rows: readonly RowValues<RowShape>[]): Bound;
}

/**
 * What differs between Postgres and SQLite inside a statement. A store asks for these fragments and never for the dialect's name.
 *
 * Statements built with them have fixed text, whatever the size of a batch: each is prepared once.
 */
export interface Dialect {
  /** The store's now, in epoch milliseconds: the server's clock on Postgres unless a clock was injected, else the injected or the host's. */
  readonly now: SQL<number>;
  /**
   * Goes among the returned columns of a write whose `signal` option may be used: sends the notification once per statement, if it wrote
   * anything, with its commit.
   */
  readonly signal: SQL<null>;
  /**
   * Whether a write keeps all other writers out, also one that changes nothing: then it is worth reading first whether there is anything
   * to write.
   */
  readonly singleWriter: boolean;
  /**
   * Where a row of a table stands: a subselect that finds rows names them by it, and the statement around it goes to them without an index. On
   * Postgres another writer may move a row meanwhile; then it is passed over this time.
   */
  address(table: SQLiteTable): SQL;
  /** Goes after a subselect's LIMIT: leave out rows that another transaction has locked, and lock the others. */
  readonly skipLocked: SQL;
  /**
   * Whether the column is among what the subselect gives, which is run once and before everything else. On Postgres a plain `in` may run
   * it again per row: with `skipLocked` that locks more rows than its limit, and after a table grew from nothing it took minutes.
   */
  anyOf(column: SQLWrapper, subselect: SQLWrapper): SQL<boolean>;
  /** Unpacks the batch argument of that name. */
  rows<R extends RowShape>(name: string, shape: R): RowSource<R>;
  /**
   * Numbers the rows of a batch for the table `tasks` by their position, and has them taken by `key`: where several write at once, they
   * then take the rows that they share in one order, and none waits for another in a circle.
   */
  numbered(rows: RowSource<RowShape>, key: SQLWrapper): NumberedRows;
  /**
   * A number for the row that an upsert meets, from the sequence of its `seq` column: to be set in `on conflict do update`, where it is higher than
   * every number that the row had. On Postgres `excluded` has one that was drawn before the row was locked, and so may be older than the row's.
   */
  nextSeq(column: Column): SQL<number>;
  /** Whether every member of the JSON object `part` (strings, numbers, booleans) stands in the JSON object `whole`; of doubled keys the last counts. */
  jsonContains(whole: SQLWrapper, part: SQLWrapper): SQL<boolean>;
}

/** The names of the two arguments that every execution supplies. */
export const NOW = "now";
/** See {@link NOW}. */
export const SIGNAL = "signal";
