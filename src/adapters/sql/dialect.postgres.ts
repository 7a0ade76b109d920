import { getTableName, sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import type { RowShape } from "./arguments.ts";
import { parameter, sqlType } from "./arguments.ts";
import type { Dialect, RowSource } from "./dialect.ts";
import { NOW, SIGNAL } from "./dialect.ts";
import { rowSource } from "./row-source.ts";

/** What Postgres' side of the seam depends on. */
export interface PostgresDialectOptions {
  /** The schema of the tables. */
  readonly schema: string;
  /** The channel of `LISTEN` and `NOTIFY`. */
  readonly channel: string;
  /** Whether a clock was injected: then its time counts, and not the server's. */
  readonly injectedClock: boolean;
}

/** Postgres' side of the seam: many writers, the server's time, notifications. */
export function postgresDialect(options: PostgresDialectOptions): Dialect {
  // As Postgres names the sequence of a serial column.
  const sequenceOf = (table: string, column: string): SQL =>
    sql.raw(`${literal(`"${options.schema}"."${table}_${column}_seq"`)}::regclass`);
  const sequence = sequenceOf("tasks", "seq");
  return {
    // statement_timestamp, because it is one value for the whole statement, so that an index can be searched with it, and moves on between
    // the statements of a transaction. clock_timestamp is evaluated per row; now() stands still until the commit.
    now: options.injectedClock
      ? parameter(NOW, "ms").mapWith(Number)
      : sql<number>`floor(extract(epoch from statement_timestamp()) * 1000)::bigint`.mapWith(Number),

    // A subselect that depends on no row is run once per statement, and only when a row is returned.
    signal: sql<null>`(select pg_notify(${sql.raw(literal(options.channel))}, s.payload)
      from (select ${parameter(SIGNAL, "text")} as payload) as s where s.payload is not null)`,

    singleWriter: false,

    skipLocked: sql` for update skip locked`,

    anyOf: (column, subselect): SQL<boolean> => sql<boolean>`${column} = any(array(${subselect}))`,

    rows<R extends RowShape>(name: string, shape: R): RowSource<R> {
      const table = sql.identifier(name);
      const columns = Object.entries(shape).map(([column, type]) => sql`${sql.identifier(column)} ${sqlType(type)}`);
      const names = Object.keys(shape).map((column) => sql.identifier(column));
      const list = sql.join(columns, sql`, `);
      // The argument is cast twice, so that the driver sends it as text whatever it does with JSON. The condition is always true: it makes the
      // planner expect one row instead of a hundred, and so look up each by an index. For a hundred it reads a young table as a whole, and
      // keeps doing so while the table grows: a batch took 30 ms and more at 100,000 rows instead of 0.2.
      return rowSource(
        name,
        shape,
        sql`(select * from rows from (json_to_recordset(cast(${parameter(name, "text")} as json)) as (${list}))
          with ordinality as ${table} (${sql.join([...names, sql`position`], sql`, `)}) where position + 0 = position) as ${table}`,
        (value) => sql<string>`${value}`,
      );
    },

    numbered: ({ from, table }, key) => ({
      from: sql`(select ${table}.*, nextval(${sequence}) as seq from (select * from ${from} order by position) as ${table}) as ${table}`,
      seq: sql`${table}.seq`,
      orderBy: sql`${key}`,
    }),

    nextSeq: (column): SQL<number> => sql<number>`nextval(${sequenceOf(getTableName(column.table), column.name)})`.mapWith(Number),

    // Escaped NULs and halves of surrogate pairs make Postgres refuse the whole text as JSON: an object with one holds nothing.
    jsonContains: (whole, part): SQL<boolean> =>
      sql<boolean>`case when ${whole} ~ '\\\\u(0000|[dD][89a-fA-F])' then false else not exists (select 1
        from json_each(cast(${part} as json)) as p
        where p.value::text is distinct from (cast(${whole} as json) -> p.key)::text) end`,
  };
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
