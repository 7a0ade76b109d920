/** Twenty processes that connect at the same moment to a database without tables: the schema is made once, and nobody fails. */

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createClient } from "@libsql/client";
import postgresJs from "postgres";
import { postgresMigrations, sqliteMigrations } from "../../src/adapters/sql/migrations.gen.ts";
import { runTogether } from "../support/child.ts";
import { needsPostgres, postgresUrl } from "../support/servers.ts";

const PROCESSES = 20;

test("SQLite: twenty first connections at once all succeed, with one ledger row per migration", { timeout: 240_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "stem-first-"));
  const path = join(folder, "first.db");
  try {
    await connectAll(path, "");
    const client = createClient({ url: `file:${path}` });
    const ledger = await client.execute("select tag from stem_migrations");
    assert.deepEqual(ledger.rows.map((row) => row["tag"]), sqliteMigrations.map(({ tag }) => tag));
    const tasks = await client.execute("select count(*) as n from stem_tasks");
    assert.equal(tasks.rows[0]?.["n"], PROCESSES);
    const check = await client.execute("pragma integrity_check");
    assert.equal(check.rows[0]?.["integrity_check"], "ok");
    client.close();
  } finally {
    await rm(folder, { recursive: true });
  }
});

test(
  "Postgres: twenty first connections at once all succeed, with one ledger row per migration",
  { ...needsPostgres, timeout: 240_000 },
  async () => {
    const schema = `stem_first_${Date.now()}`;
    const sql = postgresJs(postgresUrl(), { max: 1, onnotice: () => {} });
    try {
      await connectAll(postgresUrl(), schema);
      const ledger = await sql`select tag from ${sql(schema)}.stem_migrations`;
      assert.deepEqual(ledger.map(({ tag }) => String(tag)), postgresMigrations.map(({ tag }) => tag));
      const [tasks] = await sql`select count(*)::int as n from ${sql(schema)}.tasks`;
      assert.equal(tasks?.["n"], PROCESSES);
    } finally {
      await sql`drop schema if exists ${sql(schema)} cascade`;
      await sql.end();
    }
  },
);

async function connectAll(location: string, schema: string): Promise<void> {
  const outcomes = await runTogether("test/sql/children/first-connect.ts", PROCESSES, (index) => [location, schema, `task-${index}`]);
  assert.deepEqual(outcomes.filter(({ code }) => code !== 0), []);
}
