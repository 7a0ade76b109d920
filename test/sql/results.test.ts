/** What only SQL has: how many statements an operation takes, and by which index each finds its rows. */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createClient } from "@libsql/client";
import postgresJs from "postgres";
import { chordStatements } from "../../src/adapters/sql/chord-statements.ts";
import type { SqlDatabase, Trip } from "../../src/adapters/sql/database.ts";
import { GroupReports } from "../../src/adapters/sql/group-reports.ts";
import { groupStatements } from "../../src/adapters/sql/group-statements.ts";
import { sqliteMigrations } from "../../src/adapters/sql/migrations.gen.ts";
import { setStatement } from "../../src/adapters/sql/set-statement.ts";
import { statusStatements } from "../../src/adapters/sql/status-statements.ts";
import type { ResultBackend } from "../../src/contracts/result-backend.ts";
import { PostgresResultBackend } from "../../src/postgres.ts";
import { SqliteResultBackend } from "../../src/sqlite.ts";
import { needsPostgres, postgresUrl } from "../support/servers.ts";
import { postgresTexts, sqliteTexts } from "../support/statement-texts.ts";
import type { StatementText, StatementTexts } from "../support/statement-texts.ts";

const schema = `stem_results_${Date.now()}`;
const plansSchema = `${schema}_plans`;

/** Each operation with the statements it takes, whatever the size of its batch. */
const OPERATIONS: readonly (readonly [string, (results: ResultBackend) => Promise<unknown>, readonly string[]])[] = [
  ["set of one", (results) => results.set("t0", "running"), ["set"]],
  ["set of 500", (results) => results.setMany(ids(500).map((id) => ({ id, state: "running" }))), ["set"]],
  ["set with a repetition", (results) => results.setMany([{ id: "a", state: "queued" }, { id: "a", state: "running" }]), [
    "begin",
    "set",
    "set",
    "commit",
  ]],
  ["get of 500", (results) => results.getMany(ids(500)), ["get"]],
  ["list", (results) => results.list({ state: "running", name: "n", queue: "q", meta: { a: 1 } }), ["list"]],
  ["expire", (results) => results.expire("t0", "1h"), ["expire"]],
  ["remove", (results) => results.remove("t0"), ["remove"]],
  ["initGroup of 500", (results) => results.initGroup({ id: "g", taskIds: ids(500) }), [
    "begin",
    "initGroup",
    "initGroup.members",
    "commit",
  ]],
  ["initGroup of one that is there", (results) => results.initGroup({ id: "g", taskIds: ids(500) }), ["begin", "initGroup", "commit"]],
  ["addGroupResults of 500", (results) => results.addGroupResults(ids(500).map(endOf)), [
    "begin",
    "addGroupResults.members",
    "addGroupResults.groups",
    "commit",
  ]],
  ["getGroup of 500", (results) => results.getGroup("g"), ["getGroup"]],
  ["dueChords", (results) => results.dueChords(), ["dueChords"]],
];

async function checkTrips(results: ResultBackend, trips: Trip[]): Promise<void> {
  for (const [what, operation, expected] of OPERATIONS) {
    trips.length = 0;
    await operation(results);
    assert.deepEqual(trips.map(({ kind, name }) => kind === "statement" ? name : kind), expected, what);
  }
}

test("SQLite: every operation takes a fixed number of statements", { timeout: 60_000 }, async () => {
  const trips: Trip[] = [];
  const results = await SqliteResultBackend.open(":memory:", { onTrip: (trip) => trips.push(trip) });
  await checkTrips(results, trips);
  await results.close();
});

test("SQLite: every statement finds its rows by an index", { timeout: 60_000 }, async () => {
  const client = createClient({ url: ":memory:" });
  for (const { statements } of sqliteMigrations) for (const statement of statements) await client.execute(statement);
  for (const [name, { text, values }, index] of [...plansOf(sqliteTexts(declare)), ...plansOf(sqliteTexts(declare, { inUsers: true }))]) {
    const { rows } = await client.execute({ sql: `explain query plan ${text}`, args: [...values] as (string | number | null)[] });
    const plan = rows.map((row) => String(row["detail"])).join("\n");
    assert.match(plan, new RegExp(`INDEX stem_${index}`), `${name}:\n${plan}`);
    assert.doesNotMatch(plan, /SCAN stem_/, `${name}:\n${plan}`);
  }
  client.close();
});

describe("Postgres", () => {
  const sql = needsPostgres.skip === undefined ? postgresJs(postgresUrl(), { max: 1, onnotice: () => {}, prepare: false }) : undefined;
  const trips: Trip[] = [];
  let results: PostgresResultBackend | undefined;

  before(async () => {
    if (sql !== undefined) results = await PostgresResultBackend.connect(postgresUrl(), { schema, onTrip: (trip) => trips.push(trip) });
  });

  after(async () => {
    await results?.close();
    await sql?.unsafe(`drop schema if exists ${schema}, ${plansSchema} cascade`);
    await sql?.end();
  });

  test("every operation takes a fixed number of statements", { ...needsPostgres, timeout: 60_000 }, async () => {
    assert.ok(results !== undefined);
    await checkTrips(results, trips);
  });

  test("batches that name the same rows the other way round all come through", { ...needsPostgres, timeout: 60_000 }, async () => {
    assert.ok(results !== undefined);
    const backend = results;
    const names = ids(60, "both");
    await backend.initGroup({ id: "both", taskIds: names });
    const answers = await Promise.all(Array.from({ length: 8 }, async (_, turn) => {
      const order = turn % 2 === 0 ? names : names.toReversed();
      // More than one process would send: calls of one backend would be grouped.
      const other = await PostgresResultBackend.connect(postgresUrl(), { schema, maxConnections: 1 });
      await other.setMany(order.map((id) => ({ id, state: "running" })));
      const progress = await other.addGroupResults(order.map((id) => ({ ...endOf(id), groupId: "both" })));
      await other.close();
      return progress;
    }));
    assert.equal(answers.flat().filter((progress) => progress?.completedNow === true).length, 1, "how often it was completed");
    assert.deepEqual([...new Set(answers.flat().map((progress) => progress?.total))], [60], "the answers");
    assert.equal((await backend.getGroup("both"))?.ended, 60, "the count");
  });

  test("every statement finds its rows by an index, with and without statistics", { ...needsPostgres, timeout: 120_000 }, async () => {
    assert.ok(sql !== undefined);
    // Tables that nobody has analysed yet.
    await (await PostgresResultBackend.connect(postgresUrl(), { schema: plansSchema })).close();
    await sql.unsafe(`set search_path to ${plansSchema}; set plan_cache_mode = force_generic_plan`);
    for (const statement of FILL) await sql.unsafe(statement);
    for (const analysed of [false, true]) {
      if (analysed) await sql.unsafe("analyze tasks, groups, group_members");
      for (const [name, { text, values }, index] of plansOf(postgresTexts(plansSchema, declare))) {
        await sql.unsafe(`prepare plan as ${text}`);
        const rows = await sql.unsafe<{ "QUERY PLAN": string }[]>(`explain (costs off) execute plan (${values.map(literal).join(", ")})`);
        await sql.unsafe("deallocate plan");
        const plan = rows.map((row) => row["QUERY PLAN"]).join("\n");
        const title = `${name}, ${analysed ? "analysed" : "not analysed"}:\n${plan}`;
        assert.match(plan, new RegExp(`\\b${index}\\b`), title);
        assert.doesNotMatch(plan, /Seq Scan on (tasks|groups|group_members)/, title);
        assert.doesNotMatch(plan, /(Hash|Merge) /, title);
        if (analysed && name === "list") assert.doesNotMatch(plan, /Sort/, title);
      }
    }
  });
});

function declare(database: SqlDatabase): void {
  setStatement(database);
  statusStatements(database);
  groupStatements(database);
  chordStatements(database);
  new GroupReports(database, "stem");
}

/** Statements, each with the index that it has to use. */
function plansOf(texts: StatementTexts): readonly (readonly [string, StatementText, string])[] {
  const ns = "stem";
  const some = ids(20);
  const named = (name: string, values: Readonly<Record<string, unknown>>, index: string) =>
    [name, texts(name, { ns, ...values }), index] as const;
  return [
    named("get", { ids: some.map((id) => ({ id })) }, "tasks_key"),
    named("list", { before: 1e15, limit: 100, states: [{ state: "running" }] }, "tasks_newest"),
    named("expire", { id: "t1", ttlMs: 1 }, "tasks_key"),
    named("remove", { id: "t1" }, "tasks_key"),
    named("remove.clear", { id: "t1" }, "tasks_key"),
    named("sweep", { limit: 100 }, "tasks_expires"),
    named("sweep.held", { limit: 100 }, "tasks_expires"),
    named("getGroup", { id: "g1" }, "group_members_key"),
    named("sweep.groups", { limit: 100 }, "groups_expires"),
    named("sweep.members", { groups: [{ id: "g1" }] }, "group_members_key"),
    named("addGroupResults.members", { ends: some.map(endOf) }, "group_members_key"),
    named("addGroupResults.groups", { counts: [{ id: "g1", ended: 1, failed: 0 }] }, "groups_key"),
    named("addGroupResults.look", { members: some.map(endOf) }, "group_members_key"),
    named("claimChord", { id: "g1", owner: "o", leaseMs: 1 }, "groups_(key|chord)"),
    named("completeChord", { id: "g1", token: 1 }, "groups_(key|chord)"),
    named("dueChords", { limit: 100 }, "groups_chord"),
  ];
}

// Enough rows that an index is worth it; part of them has expired.
const FILL = [
  `insert into tasks (ns, id, name, state, payload, meta, created_at, updated_at, expires_at, queue)
    select 'stem', 't' || i, 'n' || i % 50, 'succeeded', repeat('x', 100), '{}', i, i,
    (extract(epoch from now()) * 1000)::bigint + (i - 1000) * 1000, 'default' from generate_series(1, 20000) as i`,
  `insert into groups (ns, id, total, completed, meta, callback, created_at, completed_at, expires_at, ttl_ms)
    select 'stem', 'g' || i, 4, 4, '{}', case when i % 10 = 0 then '{}' end, i, i,
    (extract(epoch from now()) * 1000)::bigint + (i - 200) * 1000, 1000 from generate_series(1, 5000) as i`,
  `insert into group_members (ns, group_id, task_id, position)
    select 'stem', 'g' || (i + 3) / 4, 't' || i, (i + 3) % 4 from generate_series(1, 20000) as i`,
];

function ids(count: number, prefix = "t"): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index}`);
}

function endOf(taskId: string) {
  return { groupId: "g", taskId, state: "succeeded" } as const;
}

function literal(value: unknown): string {
  if (value === null) return "null";
  return typeof value === "number" ? String(value) : `'${String(value).replaceAll("'", "''")}'`;
}
