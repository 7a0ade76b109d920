/** Compares what the schema describes with the catalogue of a database that the runner really migrated. */

import { createClient } from "@libsql/client";
import { is, SQL } from "drizzle-orm";
import { getTableConfig as postgresTable, PgDialect } from "drizzle-orm/pg-core";
import type { PgTable } from "drizzle-orm/pg-core";
import { getTableConfig as sqliteTable, SQLiteSyncDialect } from "drizzle-orm/sqlite-core";
import type { SQLiteTable } from "drizzle-orm/sqlite-core";
import postgres from "postgres";
import { migrateHost } from "../src/adapters/sql/migrate.ts";
import type { Migration } from "../src/adapters/sql/migration.ts";
import { postgresMigrationHost } from "../src/adapters/sql/migration-host.postgres.ts";
import { sqliteMigrationHost } from "../src/adapters/sql/migration-host.sqlite.ts";
import { postgresMigrations, sqliteMigrations } from "../src/adapters/sql/migrations.gen.ts";
import * as postgresSchema from "../src/adapters/sql/schema.postgres.ts";
import * as sqliteSchema from "../src/adapters/sql/schema.sqlite.ts";

/** A column as both sides tell it. */
interface ColumnFact {
  readonly table: string;
  readonly column: string;
  readonly type: string;
  readonly required: boolean;
  /** Its default as SQL; `sequence` when the database counts it up. */
  readonly fallback: string | undefined;
}

/** An index as both sides tell it. */
interface IndexFact {
  readonly table: string;
  /** The index's name. */
  readonly name: string;
  readonly unique: boolean;
  /** Its columns in order, each with `desc` where it runs down. */
  readonly columns: readonly string[];
  /** Which rows it holds; absent when all. */
  readonly where: string | undefined;
}

/** Migrates a fresh SQLite file, and tells where its catalogue differs from the schema. */
export async function sqliteCatalogue(path: string, migrations: readonly Migration[] = sqliteMigrations): Promise<readonly string[]> {
  const client = createClient({ url: `file:${path}`, concurrency: 1 });
  try {
    await migrateHost({ ...sqliteMigrationHost(client, path), migrations });
    const expected: string[] = [];
    const found: string[] = [];
    for (const table of Object.values(sqliteSchema)) {
      // The kit gives Postgres and SQLite tables one type; here they are what they are.
      const config = sqliteTable(table as SQLiteTable);
      const text = (part: unknown): string =>
        plain(is(part, SQL) ? new SQLiteSyncDialect().sqlToQuery(part).sql : nameOf(part), config.name);
      for (const column of config.columns) {
        expected.push(columnFact({
          table: config.name,
          column: column.name,
          type: column.getSQLType(),
          required: column.notNull || column.primary,
          fallback: column.primary ? "sequence" : defaultOf(column.default),
        }));
      }
      for (const { config: { name, unique, columns, where } } of config.indexes) {
        const wanted = where === undefined ? undefined : text(where);
        expected.push(indexFact({ table: config.name, name, unique, columns: columns.map(text), where: wanted }));
      }
      const columns = await client.execute({ sql: "select * from pragma_table_info(?)", args: [config.name] });
      for (const row of columns.rows) {
        const primary = row["pk"] === 1;
        found.push(columnFact({
          table: config.name,
          column: String(row["name"]),
          type: String(row["type"]),
          required: row["notnull"] === 1 || primary,
          fallback: primary ? "sequence" : defaultOf(row["dflt_value"]),
        }));
      }
      const indexes = await client.execute({
        sql: `select l.name, l."unique", m.sql, (select group_concat(x.name || case x."desc" when 1 then ' desc' else '' end, ', ')
          from pragma_index_xinfo(l.name) as x where x.key = 1) as columns
          from pragma_index_list(?) as l join sqlite_master as m on m.name = l.name where l.origin = 'c'`,
        args: [config.name],
      });
      for (const row of indexes.rows) {
        const where = / where (.*)$/is.exec(String(row["sql"]))?.[1];
        found.push(indexFact({
          table: config.name,
          name: String(row["name"]),
          unique: row["unique"] === 1,
          columns: String(row["columns"]).split(", "),
          where: where === undefined ? undefined : plain(where, config.name),
        }));
      }
    }
    return differences("sqlite", expected, found);
  } finally {
    client.close();
  }
}

/** Migrates a fresh schema of a Postgres server, and tells where its catalogue differs from the schema's description. */
export async function postgresCatalogue(url: string, migrations: readonly Migration[] = postgresMigrations): Promise<readonly string[]> {
  const schema = `stem_verify_${Date.now()}`;
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    await migrateHost({ ...postgresMigrationHost(sql, schema, "the server"), migrations });
    const expected: string[] = [];
    const found: string[] = [];
    for (const table of Object.values(postgresSchema)) {
      // As above.
      const config = postgresTable(table as unknown as PgTable);
      const text = (part: unknown): string => plain(is(part, SQL) ? new PgDialect().sqlToQuery(part).sql : nameOf(part), config.name);
      for (const column of config.columns) {
        const counted = column.getSQLType() === "bigserial";
        expected.push(columnFact({
          table: config.name,
          column: column.name,
          type: counted ? "bigint" : column.getSQLType(),
          required: column.notNull || column.primary,
          fallback: counted ? "sequence" : defaultOf(column.default),
        }));
      }
      for (const key of config.primaryKeys) {
        expected.push(
          indexFact({ table: config.name, name: key.getName(), unique: true, columns: key.columns.map(text), where: undefined }),
        );
      }
      for (const { config: { name, unique, columns, where } } of config.indexes) {
        const wanted = where === undefined ? undefined : text(where);
        expected.push(indexFact({ table: config.name, name: String(name), unique, columns: columns.map(text), where: wanted }));
      }
      const columns = await sql`select column_name, data_type, collation_name, is_nullable, column_default from information_schema.columns
        where table_schema = ${schema} and table_name = ${config.name}`;
      for (const row of columns) {
        const fallback = defaultOf(row["column_default"]);
        found.push(columnFact({
          table: config.name,
          column: String(row["column_name"]),
          type: `${row["data_type"]}${row["collation_name"] === null ? "" : ` collate "${row["collation_name"]}"`}`,
          required: row["is_nullable"] === "NO",
          fallback: fallback?.startsWith("nextval(") === true ? "sequence" : fallback,
        }));
      }
      const indexes = await sql`select c.relname as name, i.indisunique as "unique", pg_get_expr(i.indpred, i.indrelid) as "where",
          (select array_to_json(array_agg(pg_get_indexdef(i.indexrelid, k::int, true) || case i.indoption[k - 1] & 1 when 1 then ' desc' else '' end
            order by k)) from generate_series(1, i.indnkeyatts) as k) as columns
        from pg_index i join pg_class c on c.oid = i.indexrelid where i.indrelid = ${`${schema}.${config.name}`}::regclass`;
      for (const row of indexes) {
        const columns: unknown = row["columns"];
        found.push(indexFact({
          table: config.name,
          name: String(row["name"]),
          unique: row["unique"] === true,
          columns: Array.isArray(columns) ? columns.map((column) => plain(String(column), config.name)) : [],
          where: typeof row["where"] === "string" ? plain(row["where"], config.name) : undefined,
        }));
      }
    }
    return differences("postgres", expected, found);
  } finally {
    await sql`drop schema if exists ${sql(schema)} cascade`;
    await sql.end();
  }
}

function columnFact({ table, column, type, required, fallback }: ColumnFact): string {
  return `${table}.${column} ${type.toLowerCase()} ${required ? "not null" : "null"} default ${fallback ?? "none"}`;
}

function indexFact({ table, name, unique, columns, where }: IndexFact): string {
  return `${table}: ${unique ? "unique " : ""}index ${name} (${columns.join(", ")})${where === undefined ? "" : ` where ${where}`}`;
}

function defaultOf(value: unknown): string | undefined {
  return typeof value === "number" || typeof value === "string" ? String(value) : undefined;
}

function nameOf(column: unknown): string {
  return typeof column === "object" && column !== null && "name" in column ? String(column.name) : String(column);
}

/** SQL without what a server writes in its own way: quotes, parentheses, casts, the table's name, and its words for `in`. */
function plain(text: string, table: string): string {
  return text.toLowerCase()
    .replaceAll(/["`]/g, "")
    .replaceAll(`${table}.`, "")
    .replaceAll(/= any \(+array\[([^\]]*)\]\)*/g, "in ($1)")
    .replaceAll(/::\w+/g, "")
    .replaceAll(/[()]/g, " ")
    .replaceAll(/\s+/g, " ")
    .trim();
}

function differences(dialect: string, expected: readonly string[], found: readonly string[]): readonly string[] {
  if (expected.length < 60) return [`${dialect}: only ${expected.length} facts were expected: the comparison itself is broken`];
  return [
    ...expected.filter((fact) => !found.includes(fact)).map((fact) => `${dialect}: the migrated database lacks ${fact}`),
    ...found.filter((fact) => !expected.includes(fact)).map((fact) =>
      `${dialect}: the migrated database has, and the schema lacks, ${fact}`
    ),
  ];
}
