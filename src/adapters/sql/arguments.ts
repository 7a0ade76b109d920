import type { SQL } from "drizzle-orm";
import { sql } from "drizzle-orm";
import type { Dialect, RowSource } from "./dialect.ts";

/** What a column, or an argument for one, holds: `ms` is a whole number of 64 bits, `int` one of 32. */
export type ColumnType = "text" | "int" | "ms";

/** The names and types of the columns of a batch. */
export type RowShape = Readonly<Record<string, ColumnType>>;

/** The names and types of a statement's arguments. A shape inside the shape is a batch: many rows in one argument. */
export type Shape = Readonly<Record<string, ColumnType | RowShape>>;

/** The value for a column; `undefined` is SQL's null. */
export type ColumnValue<T extends ColumnType> = (T extends "text" ? string : number) | null | undefined;

/** One row of a batch; columns that are left out are null. */
export type RowValues<R extends RowShape> = { readonly [K in keyof R]?: ColumnValue<R[K]> };

/** The values for all arguments of a shape. */
export type ValuesOf<S extends Shape> = {
  readonly [K in keyof S]: S[K] extends ColumnType ? ColumnValue<S[K]> : S[K] extends RowShape ? readonly RowValues<S[K]>[] : never;
};

/** The arguments as SQL: a typed parameter for each value, a source of rows for each batch. */
export type ArgumentsOf<S extends Shape> = {
  readonly [K in keyof S]: S[K] extends ColumnType ? SQL : S[K] extends RowShape ? RowSource<S[K]> : never;
};

const SQL_TYPES = { text: sql`text`, int: sql`integer`, ms: sql`bigint` } as const;

/** The name of a type in both dialects: SQLite reads `bigint` as its one kind of whole number. */
export function sqlType(type: ColumnType): SQL {
  return SQL_TYPES[type];
}

/**
 * A parameter with its type written beside it. Postgres needs that for `$1 + $2` and in a select list; libsql binds every number as a
 * float, and only the cast makes `7 / 2` a whole number again.
 */
export function parameter(name: string, type: ColumnType): SQL {
  return sql`cast(${sql.placeholder(name)} as ${sqlType(type)})`;
}

/** Gives the arguments of a shape as SQL. */
export function argumentsOf<S extends Shape>(shape: S, dialect: Dialect): ArgumentsOf<S> {
  const entries = Object.entries(shape).map(([name, type]) =>
    [name, typeof type === "string" ? parameter(name, type) : dialect.rows(name, type)] as const
  );
  // Object.fromEntries forgets which name has which type; the shape knows.
  return Object.fromEntries(entries) as ArgumentsOf<S>;
}

/** What the drivers bind, by the names of the arguments. */
export type Bound = Readonly<Record<string, string | number | null>>;

/** Turns values into what the drivers bind: batches as their sources say, and everything absent null. */
export function bindValues<S extends Shape>(args: ArgumentsOf<S>, values: ValuesOf<S>): Bound {
  const bound: Record<string, string | number | null> = {};
  for (const [name, arg] of Object.entries<SQL | RowSource<RowShape>>(args)) {
    const value: ColumnValue<ColumnType> | readonly RowValues<RowShape>[] = values[name];
    if (typeof value === "object" && value !== null) Object.assign(bound, "bind" in arg ? arg.bind(value) : {});
    else bound[name] = value ?? null;
  }
  return bound;
}

// JSON text inside a column was escaped before, so it shows here with two backslashes; that costs a needless second pass, and no more.
const UNSTORABLE = /\\u(?:0000|d[89a-f])/;

/**
 * Writes the rows of a batch, or the values of its only column, as one JSON text.
 *
 * Postgres refuses a NUL or half a surrogate pair in text, and with it the whole batch. Ids are validated and JSON columns have these
 * characters escaped, which leaves free text, such as the reason of a dead letter: there they become U+FFFD.
 */
export function encodeRows(rows: readonly unknown[]): string {
  const text = JSON.stringify(rows);
  return UNSTORABLE.test(text) ? JSON.stringify(rows, (_key, value: unknown) => typeof value === "string" ? storable(value) : value) : text;
}

function storable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- NUL is the very character to replace.
  return text.replace(/\u0000|\p{Surrogate}/gu, "\ufffd");
}

/**
 * Puts U+FFFD where text has a NUL, which no database takes whole. Ids are validated and JSON columns have it escaped, which leaves free text. Halves of
 * surrogate pairs become the same on their way out.
 */
export function withoutNul(text: string): string {
  return text.includes("\u0000") ? text.replaceAll("\u0000", "\ufffd") : text;
}
