import { entityKind, Placeholder } from "drizzle-orm";
import type { RowShape } from "./arguments.ts";
import { encodeRows, withoutNul } from "./arguments.ts";
import type { SqliteValue } from "./sqlite-connection.ts";

/**
 * The most rows that are bound value by value, which takes about half the time of unpacking JSON. Compiling takes ever more for each row more: 5 ms for
 * this many, half a second for a thousand.
 */
export const MOST_BOUND_ROWS = 128;

/**
 * A batch as a parameter of a statement. Written out by Drizzle it is one JSON text that the statement unpacks, which is right on any connection.
 * On those of the stores, see `sqlite-session.ts`, the unpacking is exchanged for rows of parameters.
 */
export class SqliteBatch extends Placeholder {
  static override readonly [entityKind]: string = "SqliteBatch";
  /** The text of the unpacking before the parameter. */
  readonly before: string;
  /** And behind it. */
  readonly behind: string = ")";
  readonly #columns: readonly (readonly [name: string, type: string])[];

  constructor(name: string, shape: RowShape) {
    super(name);
    this.#columns = Object.entries(shape);
    // Both give JSON strings as text, whole numbers as integers and null as null: no cast is needed. Taking an object apart costs several times as much
    // as a value that stands alone.
    const list = this.#columns.map(([column], _at, { length }) => `${length === 1 ? "value" : `value ->> '$.${column}'`} as "${column}"`)
      .join(", ");
    this.before = `select ${list}, key as position from json_each(`;
  }

  /** The batch as the JSON text that is unpacked. */
  json(rows: readonly Readonly<Record<string, unknown>>[]): string {
    const [first, ...more] = this.#columns;
    return encodeRows(first === undefined || more.length > 0 ? rows : rows.map(({ [first[0]]: value }) => value ?? null));
  }

  /** The batch as rows of parameters, which are numbered from `first`: the count of rows that are given, and the values of `size` rows. */
  text(size: number, first: number): string {
    const width = this.#columns.length;
    const parameter = (row: number, column: number): string => `?${first + 1 + row * width + column}`;
    // libsql binds every number as a float.
    const list = (value: (column: number) => string): string =>
      this.#columns.map(([name, type], at) => `${type === "text" ? value(at) : `cast(${value(at)} as integer)`} as "${name}"`).join(", ");
    if (size === 1) return `select ${list((at) => parameter(0, at))}, 0 as position where ?${first} > 0`;
    const rows = Array.from({ length: size }, (_, row) => `(${this.#columns.map((_column, at) => parameter(row, at)).join(", ")}, ${row})`);
    const position = `column${width + 1}`;
    return `select ${list((at) => `column${at + 1}`)}, ${position} as position from (values ${
      rows.join(", ")
    }) where ${position} < ?${first}`;
  }

  /** How many parameters {@link text} has. */
  count(size: number): number {
    return 1 + size * this.#columns.length;
  }

  /** Adds the values of the parameters. */
  bind(rows: readonly Readonly<Record<string, unknown>>[], size: number, bound: SqliteValue[]): void {
    bound.push(rows.length);
    for (const row of rows) {
      for (const [name] of this.#columns) bound.push(toValue(row[name]));
    }
    const padding = (size - rows.length) * this.#columns.length;
    for (let at = 0; at < padding; at++) bound.push(null);
  }
}

/** A value as it is bound; `undefined` is null. */
export function toValue(value: unknown): SqliteValue {
  // libsql would give text back only as far as the NUL.
  if (typeof value === "string") return withoutNul(value);
  if (typeof value === "number") return value;
  if (value === null || value === undefined) return null;
  throw new TypeError(`Cannot bind a value of type ${typeof value}`);
}
