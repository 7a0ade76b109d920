import { sql } from "drizzle-orm";
import { index, integer, sqliteTableCreator, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import type { IndexBuilder, IndexColumn } from "drizzle-orm/sqlite-core";

/**
 * The words that `tables.ts` is written in. This kit gives the types; the Postgres kit has the same shape.
 *
 * Tables of a SQLite file share one name space with the user's own, so everything carries the prefix `stem_`.
 */
export const sqliteKit = {
  table: sqliteTableCreator((name) => `stem_${name}`),
  /** Text of any length. */
  str: (name: string) => text(name),
  /** A whole number of 32 bits. */
  int: (name: string) => integer(name),
  /** Epoch milliseconds, or a length in milliseconds: a whole number up to 2^53. */
  ms: (name: string) => integer(name),
  /** A number that the database gives out: strictly rising, never used again. Here it is the row's own address. */
  seq: (name: string) => integer(name).primaryKey({ autoIncrement: true }),
  /** The same number as an insert sees it that leaves it to the database; `excluded` knows which one a refused row would have got. */
  filledSeq: (name: string) => integer(name).generatedAlwaysAs(sql`null`),
  /** The columns by which a row is told from all others. The address is the primary key here, so this one is a unique index. */
  key: (table: string, columns: Columns) => uniqueIndex(`stem_${table}_key`).on(...columns),
  /** Finds rows by the columns, in their order; name it after its table. */
  index: (name: string, columns: Columns) => index(`stem_${name}`).on(...columns),
  /** The same, and no two rows may agree in them. */
  uniqueIndex: (name: string, columns: Columns) => uniqueIndex(`stem_${name}`).on(...columns),
  /** Finds rows by a column that hardly any two share, faster than an index in order does; nothing where the database has only those. */
  hashIndexes: (_name: string, _column: IndexColumn): readonly IndexBuilder[] => [],
};

/** One or more columns of an index. */
export type Columns = readonly [IndexColumn, ...IndexColumn[]];

/** What both kits offer. */
export type Kit = typeof sqliteKit;
