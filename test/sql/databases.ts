/** A fresh database of each dialect, for tests of what stores are built on. */

import postgresJs from "postgres";
import type { SqlDatabase, Trip } from "../../src/adapters/sql/database.ts";
import { openPostgres } from "../../src/adapters/sql/postgres-driver.ts";
import { openSqlite } from "../../src/adapters/sql/sqlite-driver.ts";
import type { Clock } from "../../src/time/clock.ts";
import { needsPostgres, postgresUrl } from "../support/servers.ts";

/** What a test may ask of its database. */
export interface FreshOptions {
  /** Judges times. */
  readonly clock?: Clock;
  /** Told of each trip. */
  readonly onTrip?: (trip: Trip) => void;
}

/** A dialect, and how to get a database of it. */
export interface FreshDialect {
  readonly name: string;
  /** Options for a test that uses it. */
  readonly needs: { readonly skip?: string };
  /** Opens a database with empty tables, and removes it when the work is done. */
  readonly withDatabase: (work: (database: SqlDatabase) => Promise<void>, options?: FreshOptions) => Promise<void>;
}

/** Both dialects. */
export const dialects: readonly FreshDialect[] = [
  {
    name: "sqlite",
    needs: {},
    withDatabase: async (work, options) => {
      const database = await openSqlite(":memory:", options);
      try {
        await work(database);
      } finally {
        await database.close();
      }
    },
  },
  {
    name: "postgres",
    needs: needsPostgres,
    withDatabase: (work, options) =>
      withSchema(async (schema) => {
        const database = await openPostgres(postgresUrl(), { schema, maxConnections: 2, ...options });
        try {
          await work(database);
        } finally {
          await database.close();
        }
      }),
  },
];

/** Lends a name for a schema, which is dropped afterwards, and a client to look at it with. */
export async function withSchema(work: (schema: string, sql: postgresJs.Sql) => Promise<void>): Promise<void> {
  const schema = `stem_test_${crypto.randomUUID().slice(0, 13)}`;
  const sql = postgresJs(postgresUrl(), { max: 1, onnotice: () => {} });
  try {
    await work(schema, sql);
  } finally {
    await sql`drop schema if exists ${sql(schema)} cascade`;
    await sql.end();
  }
}
