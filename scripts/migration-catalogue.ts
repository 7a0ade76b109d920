/** Compares what the schema describes with the catalogue of a database that the runner really migrated. */

import { createClient } from "@libsql/client";
import { getTableConfig as postgresTable } from "drizzle-orm/pg-core";
import type { PgTable } from "drizzle-orm/pg-core";
import { getTableConfig as sqliteTable } from "drizzle-orm/sqlite-core";
import type { SQLiteTable } from "drizzle-orm/sqlite-core";
import postgres from "postgres";
import { migrateHost } from "../src/adapters/sql/migrate.ts";
import { postgresMigrationHost } from "../src/adapters/sql/migration-host.postgres.ts";
import { sqliteMigrationHost } from "../src/adapters/sql/migration-host.sqlite.ts";
import * as postgresSchema from "../src/adapters/sql/schema.postgres.ts";
import * as sqliteSchema from "../src/adapters/sql/schema.sqlite.ts";

/** Migrates a fresh SQLite file, and tells where its catalogue differs from the schema. */
export async function sqliteCatalogue(path: string): Promise<readonly string[]> {
  const client = createClient({ url: `file:${path}`, concurrency: 1 });
  try {
    await migrateHost(sqliteMigrationHost(client, path));
    const expected: string[] = [];
    const found: string[] = [];
    for (const table of Object.values(sqliteSchema)) {
      // The kit gives Postgres and SQLite tables one type; here they are what they are.
      const config = sqliteTable(table as SQLiteTable);
      for (const column of config.columns) {
        expected.push(`${config.name}.${column.name} ${column.getSQLType()} ${column.notNull || column.primary ? "not null" : "null"}`);
      }
      for (const index of config.indexes) {
        expected.push(
          `${config.name}: index ${index.config.name} unique=${index.config.unique} partial=${index.config.where !== undefined}`,
        );
      }
      const columns = await client.execute({ sql: "select * from pragma_table_info(?)", args: [config.name] });
      for (const row of columns.rows) {
        const notNull = row["notnull"] === 1 || row["pk"] === 1;
        found.push(`${config.name}.${String(row["name"])} ${String(row["type"]).toLowerCase()} ${notNull ? "not null" : "null"}`);
      }
      const indexes = await client.execute({ sql: "select * from pragma_index_list(?) where origin = 'c'", args: [config.name] });
      for (const row of indexes.rows) {
        found.push(`${config.name}: index ${String(row["name"])} unique=${row["unique"] === 1} partial=${row["partial"] === 1}`);
      }
    }
    return differences("sqlite", expected, found);
  } finally {
    client.close();
  }
}

/** Migrates a fresh schema of a Postgres server, and tells where its catalogue differs from the schema's description. */
export async function postgresCatalogue(url: string): Promise<readonly string[]> {
  const schema = `stem_verify_${Date.now()}`;
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    await migrateHost(postgresMigrationHost(sql, schema, "the server"));
    const expected: string[] = [];
    for (const table of Object.values(postgresSchema)) {
      // As above.
      const config = postgresTable(table as unknown as PgTable);
      for (const column of config.columns) {
        const type = column.getSQLType() === "bigserial" ? "bigint" : column.getSQLType();
        expected.push(`${config.name}.${column.name} ${type} ${column.notNull || column.primary ? "not null" : "null"}`);
      }
      for (const index of config.indexes) {
        expected.push(
          `${config.name}: index ${index.config.name} unique=${index.config.unique} partial=${index.config.where !== undefined}`,
        );
      }
    }
    const tables = Object.values(postgresSchema).map((table) => postgresTable(table as unknown as PgTable).name);
    const columns = await sql`select table_name, column_name, data_type, is_nullable from information_schema.columns
      where table_schema = ${schema} and table_name = any(${tables})`;
    const indexes = await sql`select c.relname as index_name, t.relname as table_name, i.indisunique, i.indpred is not null as partial
      from pg_index i join pg_class c on c.oid = i.indexrelid join pg_class t on t.oid = i.indrelid
      join pg_namespace n on n.oid = t.relnamespace where n.nspname = ${schema} and not i.indisprimary and t.relname = any(${tables})`;
    const found = [
      ...columns.map((row) =>
        `${row["table_name"]}.${row["column_name"]} ${row["data_type"]} ${row["is_nullable"] === "NO" ? "not null" : "null"}`
      ),
      ...indexes.map((row) => `${row["table_name"]}: index ${row["index_name"]} unique=${row["indisunique"]} partial=${row["partial"]}`),
    ];
    return differences("postgres", expected, found);
  } finally {
    await sql`drop schema if exists ${sql(schema)} cascade`;
    await sql.end();
  }
}

function differences(dialect: string, expected: readonly string[], found: readonly string[]): readonly string[] {
  if (expected.length < 20) return [`${dialect}: only ${expected.length} facts were expected: the comparison itself is broken`];
  return [
    ...expected.filter((fact) => !found.includes(fact)).map((fact) => `${dialect}: the migrated database lacks ${fact}`),
    ...found.filter((fact) => !expected.includes(fact)).map((fact) =>
      `${dialect}: the migrated database has, and the schema lacks, ${fact}`
    ),
  ];
}
