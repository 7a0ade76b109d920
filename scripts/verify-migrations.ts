/**
 * Proves that schema, migrations, embedded module and a really migrated database say the same: `npm run verify`.
 *
 * `drizzle-kit generate` and `check` cannot tell: the one ends with 0 when it stopped at a question, the other does not look at the schema.
 */

import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { findPostgres } from "../test/support/postgres-binaries.ts";
import { startPostgres } from "../test/support/postgres-server.ts";
import { checkEmbedded, checkSchema } from "./migration-drift.ts";
import { postgresCatalogue, sqliteCatalogue } from "./migration-catalogue.ts";
import { dialects, embeddedPath } from "./migration-files.ts";

const problems: string[] = [];
for (const dialect of dialects) problems.push(...await checkSchema(dialect));
problems.push(...checkEmbedded(readFileSync(embeddedPath, "utf8")));

const folder = await mkdtemp(join(tmpdir(), "stem-verify-"));
try {
  problems.push(...await sqliteCatalogue(join(folder, "verify.db")));
} finally {
  await rm(folder, { recursive: true, force: true });
}
const given = process.env["STEM_TEST_POSTGRES_URL"];
if (given !== undefined && given !== "") {
  problems.push(...await postgresCatalogue(given));
} else if (findPostgres() === undefined) {
  problems.push("postgres: cannot compare a really migrated database: no PostgreSQL programs found and STEM_TEST_POSTGRES_URL is not set");
} else {
  await using server = await startPostgres();
  problems.push(...await postgresCatalogue(server.url));
}

for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exit(1);
console.log("schema, migrations, embedded module and migrated databases agree");
