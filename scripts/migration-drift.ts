/** Compares the schema with the last snapshot, and the embedded module with the files. */

import { generateDrizzleJson, generateMigration, generateSQLiteDrizzleJson, generateSQLiteMigration } from "drizzle-kit/api";
import * as postgresSchema from "../src/adapters/sql/schema.postgres.ts";
import * as sqliteSchema from "../src/adapters/sql/schema.sqlite.ts";
import type { DialectName } from "./migration-files.ts";
import { embeddedModule, readSnapshot } from "./migration-files.ts";

/** Tells what `drizzle-kit generate` would write now; nothing when the schema and the last snapshot agree. */
export async function checkSchema(dialect: DialectName, folder?: string): Promise<readonly string[]> {
  const statements = await drift(dialect, readSnapshot(dialect, folder));
  return statements.map((statement) => `${dialect}: the migrations are behind the schema, run \`npm run generate\`: ${statement}`);
}

/** Tells whether the embedded module is another one than the files would give. */
export function checkEmbedded(text: string, folder?: string): readonly string[] {
  return text === embeddedModule(folder) ? [] : ["migrations.gen.ts is not what the migrations give: run `npm run generate`"];
}

type PostgresSnapshot = Parameters<typeof generateMigration>[0];
type SqliteSnapshot = Parameters<typeof generateSQLiteMigration>[0];

async function drift(dialect: DialectName, snapshot: Record<string, unknown>): Promise<readonly string[]> {
  const id = String(snapshot["id"]);
  if (dialect === "postgres") {
    // drizzle-kit wrote the snapshot in the form that it now reads.
    return await generateMigration(snapshot as PostgresSnapshot, generateDrizzleJson({ ...postgresSchema }, id));
  }
  return await generateSQLiteMigration(snapshot as SqliteSnapshot, await generateSQLiteDrizzleJson({ ...sqliteSchema }, id));
}
