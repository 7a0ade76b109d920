import { sql } from "drizzle-orm";
import type { RowShape } from "./arguments.ts";
import type { RowSource } from "./dialect.ts";

/** Names the columns of an unpacked batch: `from` has to offer them, and `position`, under the batch's name. */
export function rowSource<R extends RowShape>(
  name: string,
  shape: R,
  { from, own, bind }: Pick<RowSource<R>, "from" | "own" | "bind">,
): RowSource<R> {
  const table = sql.identifier(name);
  const columns = Object.keys(shape).map((column) => [column, sql`${table}.${sql.identifier(column)}`] as const);
  return {
    from,
    table,
    own,
    bind,
    // Object.fromEntries forgets which name has which type; the shape knows.
    column: Object.fromEntries(columns) as RowSource<R>["column"],
    position: sql<number>`${table}.position`.mapWith(Number),
  };
}
