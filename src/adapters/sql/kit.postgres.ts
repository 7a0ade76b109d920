import { sql } from "drizzle-orm";
import { bigint, bigserial, customType, index, integer, pgSchema, pgTable, primaryKey, uniqueIndex } from "drizzle-orm/pg-core";
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
    str: (name: string) => bytewiseText(name),
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

// Sorts by bytes, as the other stores do. By the rules of a language a comparison takes several times as long, and each step down an index is one;
// and those rules change with the system's libraries, which leaves indexes in an order that no longer holds.
const bytewiseText = customType<{ data: string }>({ dataType: () => 'text collate "C"' });

type Columns = [AnyPgColumn, ...AnyPgColumn[]];
