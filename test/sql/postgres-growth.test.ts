import assert from "node:assert/strict";
import { test } from "node:test";
import postgresJs from "postgres";
import { PostgresGrowth } from "../../src/adapters/sql/postgres-growth.ts";
import { deferred } from "../../src/async/deferred.ts";
import { postgres } from "../../src/postgres.ts";
import { needsPostgres, postgresUrl } from "../support/servers.ts";

const logger = { debug() {}, info() {}, warn() {}, error() {} };

test("few rows are not worth a look", () => {
  const { client, texts } = fakeClient([]);
  const growth = new PostgresGrowth({ client, schema: "stem", logger });
  for (let turn = 0; turn < 49; turn++) growth.touched(10);
  assert.deepEqual(texts, []);
});

test("tables that have grown are analysed, and one look is under way at a time", async () => {
  const { client, texts, ended } = fakeClient([{ name: "tasks", columns: "ns, id" }, { name: 'gro"ups', columns: '"i""d"' }]);
  const growth = new PostgresGrowth({ client, schema: "my schema", logger });
  growth.touched(499);
  growth.touched(1);
  growth.touched(10_000);
  await ended;
  const [look, ...rest] = texts;
  assert.match(look ?? "", /pg_relation_size/);
  assert.deepEqual(rest.map((text) => text.replace(/.*; /, "")), [
    'analyze (skip_locked) "my schema"."tasks" (ns, id)',
    'analyze (skip_locked) "my schema"."gro""ups" ("i""d")',
  ]);
  assert.ok(rest.every((text) => text.startsWith("set local default_statistics_target")));
});

test("a look that fails is told as a detail", async () => {
  const told = deferred<string>();
  const client = { unsafe: () => Promise.reject(new Error("no")) } as unknown as Client;
  const growth = new PostgresGrowth({ client, schema: "stem", logger: { ...logger, debug: (message) => told.resolve(message) } });
  growth.touched(500);
  assert.match(await told.promise, /analyse/);
});

test("Postgres takes notice of tables that grow", { ...needsPostgres, timeout: 60_000 }, async () => {
  const schema = `stem_growth_${Date.now()}`;
  const sql = postgresJs(postgresUrl(), { max: 1, onnotice: () => {} });
  try {
    const { results, close } = await postgres(postgresUrl(), { schema });
    // Too few for the store itself to look.
    await results.setMany(Array.from({ length: 400 }, (_, index) => ({ id: `t${index}`, state: "running" })));
    await close();
    const analysed = deferred<void>();
    const unsafe = async (text: string, values?: string[]): Promise<unknown> => {
      const rows = await sql.unsafe(text, values);
      if (text.includes('"tasks"')) analysed.resolve();
      return rows;
    };
    new PostgresGrowth({ client: { unsafe } as unknown as Client, schema, logger }).touched(500);
    await analysed.promise;
    const [table] = await sql`select reltuples::int as rows from pg_class where oid = ${`${schema}.tasks`}::regclass`;
    assert.equal(table?.["rows"], 400);
    const known = await sql`select attname as name from pg_stats where schemaname = ${schema} and tablename = 'tasks'`;
    const names = new Set(known.map(({ name }) => String(name)));
    for (const name of ["id", "queue", "phase", "seq", "expires_at"]) assert.ok(names.has(name), `Nothing is known of ${name}`);
    for (const name of ["payload", "envelope", "error"]) assert.ok(!names.has(name), `It read all of ${name}`);
  } finally {
    await sql`drop schema if exists ${sql(schema)} cascade`;
    await sql.end();
  }
});

type Client = ConstructorParameters<typeof PostgresGrowth>[0]["client"];

/** A client that answers the first statement with rows, and keeps the texts of all. */
function fakeClient(rows: readonly { readonly name: string; readonly columns: string }[]) {
  const texts: string[] = [];
  const end = deferred<void>();
  const unsafe = (text: string): Promise<readonly object[]> => {
    texts.push(text);
    if (texts.length === rows.length + 1) end.resolve();
    return Promise.resolve(texts.length === 1 ? rows : []);
  };
  return { client: { unsafe } as unknown as Client, texts, ended: end.promise };
}
