import type { DriverValueDecoder, SQLWrapper } from "drizzle-orm";
import { Column, is, noopDecoder, SQL, Subquery } from "drizzle-orm";

/** A returned column as Drizzle's builder tells it: its name in the result, by parts, and what it is read from. */
export interface ResultField {
  readonly path: readonly string[];
  readonly field: SQLWrapper;
}

interface ResultColumn {
  readonly name: string;
  /** Absent where values are what the driver gives. */
  readonly decoder: DriverValueDecoder<unknown, unknown> | undefined;
}

/** Makes objects of the rows that a driver gives as arrays. Drizzle's own way asks each value of each row anew what column it is of. */
export class ResultRows {
  readonly #columns: readonly ResultColumn[];

  /** Prepares it for the fields of a statement. `asGiven` tells columns whose values need no decoding. */
  constructor(fields: readonly ResultField[], asGiven: (column: Column) => boolean) {
    this.#columns = fields.map(({ path, field }) => ({ name: path.join("."), decoder: decoderOf(field, asGiven) }));
  }

  /** Names the values of one row. */
  named(row: ArrayLike<unknown>): object {
    const named: Record<string, unknown> = {};
    let at = 0;
    for (const { name, decoder } of this.#columns) {
      const value = row[at++];
      named[name] = decoder === undefined || value === null ? value : decoder.mapFromDriverValue(value);
    }
    return named;
  }
}

function decoderOf(field: SQLWrapper, asGiven: (column: Column) => boolean): DriverValueDecoder<unknown, unknown> | undefined {
  if (is(field, Column)) return asGiven(field) ? undefined : field;
  const expression: unknown = is(field, SQL) ? field : is(field, Subquery) ? field._.sql : Reflect.get(field, "sql");
  // Left out of the types.
  const decoder: unknown = typeof expression === "object" && expression !== null ? Reflect.get(expression, "decoder") : undefined;
  return decoder !== noopDecoder && isDecoder(decoder) ? decoder : undefined;
}

function isDecoder(value: unknown): value is DriverValueDecoder<unknown, unknown> {
  return typeof value === "object" && value !== null && "mapFromDriverValue" in value;
}
