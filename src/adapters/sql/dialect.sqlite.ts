import { sql } from "drizzle-orm";
import type { SQL, SQLWrapper } from "drizzle-orm";
import type { RowShape } from "./arguments.ts";
import { parameter } from "./arguments.ts";
import type { Dialect, RowSource } from "./dialect.ts";
import { NOW } from "./dialect.ts";
import { rowSource } from "./row-source.ts";
import { SqliteBatch } from "./sqlite-batch.ts";

/** SQLite's side of the seam: one writer at a time, and the time of whoever asks. */
export const sqliteDialect: Dialect = {
  now: parameter(NOW, "ms").mapWith(Number),

  // Nobody outside this process hears of a write; inside, whoever ran the statement tells the others after its commit.
  signal: sql<null>`null`,

  // There is nothing to skip: while one connection writes, no other does.
  singleWriter: true,

  address: (table): SQL => sql`${table}.rowid`,

  skipLocked: sql``,

  anyOf: (column, subselect): SQL<boolean> => sql<boolean>`${column} in (${subselect})`,

  rows<R extends RowShape>(name: string, shape: R): RowSource<R> {
    const table = sql.identifier(name);
    const batch = new SqliteBatch(name, shape);
    const from = sql`(${sql.raw(batch.before)}${batch}${sql.raw(batch.behind)}) as ${table}`;
    // Nothing of the position, put behind the value, makes it one of the row's in the eyes of the planner.
    const own = (value: SQLWrapper): SQL<string> => sql<string>`${value} || substr(${table}.position, 1, 0)`;
    return rowSource(name, shape, { from, own, bind: (rows) => ({ [name]: batch.json(rows) }) });
  },

  // One writes at a time, so the order of the batch is that of the rows too.
  numbered: ({ from, position }) => ({ from, seq: sql`null`, orderBy: position }),

  // One writes at a time, so what the refused row would have got is the latest number.
  nextSeq: (column): SQL<number> => sql<number>`excluded.${sql.identifier(column.name)}`.mapWith(Number),

  jsonContains: (whole, part): SQL<boolean> =>
    sql<boolean>`not exists (select 1 from json_each(${part}) as p where p.type || ':' || p.atom is not
      (select w.type || ':' || w.atom from json_each(${whole}) as w where w.key = p.key order by w.id desc limit 1))`,
};
