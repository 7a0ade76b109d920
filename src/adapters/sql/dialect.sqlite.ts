import { sql } from "drizzle-orm";
import type { SQL, SQLWrapper } from "drizzle-orm";
import type { RowShape } from "./arguments.ts";
import { parameter } from "./arguments.ts";
import type { Dialect, RowSource } from "./dialect.ts";
import { NOW } from "./dialect.ts";
import { rowSource } from "./row-source.ts";

/** SQLite's side of the seam: one writer at a time, and the time of whoever asks. */
export const sqliteDialect: Dialect = {
  now: parameter(NOW, "ms").mapWith(Number),

  // Nobody outside this process hears of a write; inside, whoever ran the statement tells the others after its commit.
  signal: sql<null>`null`,

  // There is nothing to skip: while one connection writes, no other does.
  singleWriter: true,

  skipLocked: sql``,

  anyOf: (column, subselect): SQL<boolean> => sql<boolean>`${column} in (${subselect})`,

  rows<R extends RowShape>(name: string, shape: R): RowSource<R> {
    // The operator gives JSON strings as text, whole numbers as integers and null as null: no cast is needed.
    const columns = Object.keys(shape).map((column) => sql`value ->> ${sql.raw(`'$.${column}'`)} as ${sql.identifier(column)}`);
    const list = sql.join([...columns, sql`key as position`], sql`, `);
    const table = sql.identifier(name);
    // Nothing of the position, put behind the value, makes it one of the row's in the eyes of the planner.
    const own = (value: SQLWrapper): SQL<string> => sql<string>`${value} || substr(${table}.position, 1, 0)`;
    return rowSource(name, shape, sql`(select ${list} from json_each(${sql.placeholder(name)})) as ${table}`, own);
  },

  // One writes at a time, so the order of the batch is that of the rows too.
  numbered: ({ from, position }) => ({ from, seq: sql`null`, orderBy: position }),

  // One writes at a time, so what the refused row would have got is the latest number.
  nextSeq: (column): SQL<number> => sql<number>`excluded.${sql.identifier(column.name)}`.mapWith(Number),

  jsonContains: (whole, part): SQL<boolean> =>
    sql<boolean>`not exists (select 1 from json_each(${part}) as p where p.type || ':' || p.atom is not
      (select w.type || ':' || w.atom from json_each(${whole}) as w where w.key = p.key order by w.id desc limit 1))`,
};
