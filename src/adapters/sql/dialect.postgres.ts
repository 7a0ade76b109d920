import { getTableName, sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import { parameter } from "./arguments.ts";
import type { Dialect } from "./dialect.ts";
import { NOW, SIGNAL } from "./dialect.ts";
import { packedBatch, unpackedBatch } from "./postgres-batch.ts";
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
      : sql<number>`(select floor(extract(epoch from statement_timestamp()) * 1000)::bigint)`.mapWith(Number),

    // A subselect that depends on no row is run once per statement, and only when a row is returned.
    signal: sql<null>`(select pg_notify(${sql.raw(literal(options.channel))}, s.payload)
      from (select ${parameter(SIGNAL, "text")} as payload) as s where s.payload is not null)`,

    singleWriter: false,

    address: (table): SQL => sql`${table}.ctid`,

    skipLocked: sql` for update skip locked`,

    anyOf: (column, subselect): SQL<boolean> => sql<boolean>`${column} = any(array(${subselect}))`,

    rows: (name, shape) =>
      rowSource(name, shape, {
        from: unpackedBatch(name, shape),
        own: (value) => sql<string>`${value}`,
        bind: (rows) => packedBatch(name, shape, rows),
      }),

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
