import type { SQL } from "drizzle-orm";
import { getTableColumns, sql } from "drizzle-orm";
import type { SQLiteTable } from "drizzle-orm/sqlite-core";

/**
 * Writes the query of an `insert … select` into the table: one row for each that `from` gives, in the order of `orderBy`.
 *
 * Drizzle names all columns of the table in such an insert, but for generated ones, so the list has to have one value for each; what
 * `values` leaves out gets its column's default, or null.
 *
 * @param values What goes into each column, by the column's name in `tables.ts`.
 */
export function selectInto<T extends SQLiteTable>(
  table: T,
  values: { readonly [K in keyof T["_"]["columns"]]?: SQL },
  source: { readonly from: SQL; readonly where?: SQL; readonly orderBy: SQL },
): SQL {
  const given = Object.entries(getTableColumns(table)).filter(([, column]) => column.generated === undefined);
  const list = given.map(([name, column]) => {
    const value = values[name];
    if (value !== undefined) return value;
    if (typeof column.default === "number") return sql.raw(String(column.default));
    return sql`null`;
  });
  // With the condition SQLite cannot mistake the conflict clause that follows for that of a join.
  return sql`select ${sql.join(list, sql`, `)} from ${source.from} where ${source.where ?? sql`true`} order by ${source.orderBy}`;
}
