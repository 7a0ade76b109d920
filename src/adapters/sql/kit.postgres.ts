import { sql } from "drizzle-orm";
import { bigint, bigserial, index, integer, pgSchema, pgTable, primaryKey, text, uniqueIndex } from "drizzle-orm/pg-core";
import type { AnyPgColumn } from "drizzle-orm/pg-core";
import type { Kit } from "./kit.sqlite.ts";

/**
 * The kit for Postgres.
 *
 * @param schema The schema that the tables are named with. Without one the names stay bare, as the generated migrations need it: these run
 *   under a search path.
 */
export function postgresKit(schema?: string): Kit {
  const kit = {
    table: schema === undefined ? pgTable : pgSchema(schema).table,
    str: (name: string) => text(name),
    int: (name: string) => integer(name),
    ms: (name: string) => bigint(name, { mode: "number" }),
    seq: (name: string) => bigserial(name, { mode: "number" }),
    filledSeq: (name: string) => bigint(name, { mode: "number" }).generatedAlwaysAs(sql`null`),
    key: (table: string, columns: Columns) => primaryKey({ name: `${table}_key`, columns }),
    index: (name: string, columns: Columns) => index(name).on(...columns),
    uniqueIndex: (name: string, columns: Columns) => uniqueIndex(name).on(...columns),
    hashIndexes: (name: string, column: AnyPgColumn) => [index(name).using("hash", column)],
  } satisfies Record<keyof Kit, unknown>;
  // The one place where Postgres builders go under the types of the SQLite ones: at run time both have what tables.ts and the stores call.
  return kit as unknown as Kit;
}

type Columns = [AnyPgColumn, ...AnyPgColumn[]];
