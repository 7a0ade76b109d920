import type { SQL } from "drizzle-orm";
import { sql } from "drizzle-orm";
import type { Bound, ColumnType, RowShape, RowValues } from "./arguments.ts";
import { parameter, sqlType, withoutNul } from "./arguments.ts";

/** How the texts of a batch are told apart. */
interface Marks {
  /** Stands between two rows. */
  readonly separator: string;
  /** Stands for null. */
  readonly nothing: string;
}

/**
 * A batch as something to select from: of each column one argument that holds the texts of all rows, and one for what they have in common, of which one is
 * null.
 *
 * Taking a text apart at a separator is copying. Unpacking JSON took the server half of the time of a whole statement that ends tasks, and
 * arrays are parsed character by character too. Most columns of most batches say the same in every row: those are not taken apart at all.
 */
export function unpackedBatch(name: string, shape: RowShape): SQL {
  const table = sql.identifier(name);
  const unpacked = Object.entries(shape).map(([column, type]) => unpackedColumn(parameter(argumentOf(name, column), "text"), type));
  const names = [...Object.keys(shape), "position"].map((column) => sql.identifier(column));
  const columns = Object.entries(shape).map(([column, type]) => {
    const value = sql`coalesce(${table}.${sql.identifier(column)}, ${parameter(commonOf(name, column), type)})`;
    // Sorted as the tables are: whoever writes the same rows as another takes them in the same order.
    return sql`${value}${type === "text" ? sql` collate "C"` : sql``} as ${sql.identifier(column)}`;
  });
  // The first condition is always true: it makes the planner expect one row instead of ten and more, and so look up each by an index. For many it
  // reads a young table as a whole, and keeps doing so while the table grows: a batch took 30 ms and more at 100,000 rows instead of 0.2.
  return sql`(select ${sql.join(columns, sql`, `)}, position from (select ${parameter(argumentOf(name, "#separator"), "text")} as separator,
    ${parameter(argumentOf(name, "#nothing"), "text")} as nothing) as marks,
    rows from (${sql.join(unpacked, sql`, `)}) with ordinality as ${table} (${sql.join(names, sql`, `)})
    where position + 0 = position and position <= ${parameter(argumentOf(name, "#count"), "int")}) as ${table}`;
}

/** The values for the arguments of {@link unpackedBatch}. */
export function packedBatch(name: string, shape: RowShape, rows: readonly RowValues<RowShape>[]): Bound {
  // Practically always the first marks will do, because JSON text has no such characters.
  for (let number = 0;; number++) {
    const packed = packedBy(marksOf(number), name, shape, rows);
    if (packed !== undefined) return packed;
  }
}

function unpackedColumn(texts: SQL, type: ColumnType): SQL {
  const array = sql`string_to_array(${texts}, marks.separator, marks.nothing)`;
  return type === "text" ? sql`unnest(${array})` : sql`unnest(cast(${array} as ${sqlType(type)}[]))`;
}

function marksOf(number: number): Marks {
  // A separator that begins in no other place of itself is not found too early behind a text that ends like its beginning.
  if (number === 0) return { separator: "\u001e", nothing: "\u001f" };
  return { separator: `\u001e${number}\u001f`, nothing: `\u001f${number}` };
}

/** `undefined` when a mark may be in a text of the batch. */
function packedBy(marks: Marks, name: string, shape: RowShape, rows: readonly RowValues<RowShape>[]): Bound | undefined {
  const bound: Record<string, string | number | null> = {
    [argumentOf(name, "#separator")]: marks.separator,
    [argumentOf(name, "#nothing")]: marks.nothing,
    [argumentOf(name, "#count")]: rows.length,
  };
  // The first column is always packed, where there are rows: it tells how many.
  let isFirst = rows.length > 0;
  for (const column in shape) {
    const common = isFirst ? undefined : commonValue(rows, column);
    const packed = common === undefined ? packedColumn(rows, column, marks) : null;
    if (packed === undefined) return undefined;
    bound[argumentOf(name, column)] = packed;
    bound[commonOf(name, column)] = common ?? null;
    isFirst = false;
  }
  return bound;
}

/** What a column holds in every row; `undefined` where that differs. */
function commonValue(rows: readonly RowValues<RowShape>[], column: string): string | number | null | undefined {
  const value = rows[0]?.[column] ?? null;
  for (const row of rows) if ((row[column] ?? null) !== value) return undefined;
  return typeof value === "string" ? withoutNul(value) : value;
}

function packedColumn(rows: readonly RowValues<RowShape>[], column: string, { separator, nothing }: Marks): string | undefined {
  let absent = 0;
  const texts = rows.map((row) => {
    const value = row[column];
    if (value === null || value === undefined) {
      absent += 1;
      return nothing;
    }
    // Postgres refuses NUL, and with it the whole batch.
    return typeof value === "string" ? withoutNul(value) : String(value);
  });
  const packed = texts.join(separator);
  if (timesIn(packed, separator) !== rows.length - 1 || timesIn(packed, nothing) !== absent) return undefined;
  // No text at all would be taken for no row; of what is one row too many, the count cuts that off.
  return packed || separator;
}

function timesIn(text: string, mark: string): number {
  let times = 0;
  for (let at = text.indexOf(mark); at !== -1; at = text.indexOf(mark, at + mark.length)) times += 1;
  return times;
}

function argumentOf(name: string, part: string): string {
  return `${name}.${part}`;
}

/** The argument for what a column holds in every row. */
function commonOf(name: string, column: string): string {
  return `${name}.#common.${column}`;
}
