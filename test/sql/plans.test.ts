/** On Postgres the statements that a worker lives on read as much of a large table as of a small one. */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import postgresJs from "postgres";
import { ClaimStatements } from "../../src/adapters/sql/claim-statements.ts";
import type { SqlDatabase } from "../../src/adapters/sql/database.ts";
import { finishStatements } from "../../src/adapters/sql/finish-statements.ts";
import { PLAN_SETTINGS } from "../../src/adapters/sql/postgres-plans.ts";
import { Publisher } from "../../src/adapters/sql/publish-statements.ts";
import { queueStatements } from "../../src/adapters/sql/queue-statements.ts";
import { settleStatements } from "../../src/adapters/sql/settle-statements.ts";
import { statusStatements } from "../../src/adapters/sql/status-statements.ts";
import { postgres } from "../../src/postgres.ts";
import { needsPostgres, postgresUrl } from "../support/servers.ts";
import type { StatementTexts } from "../support/statement-texts.ts";
import { postgresTexts } from "../support/statement-texts.ts";

const SMALL = 10_000;
const LARGE = 1_000_000;
const BATCH = 100;
const timeout = 300_000;

/** A node of a plan, as `explain (format json)` tells it. */
interface PlanNode {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "Index Name"?: string;
  readonly "Shared Hit Blocks"?: number;
  readonly "Shared Read Blocks"?: number;
  readonly Plans?: readonly PlanNode[];
}

describe("Postgres: a million tasks wait", { ...needsPostgres, timeout }, () => {
  const schema = `stem_plans_${Date.now()}`;
  const texts = postgresTexts(schema, declare);
  let sql: postgresJs.Sql;

  before(async () => {
    sql = postgresJs(postgresUrl(), { max: 1, onnotice: () => {}, connection: PLAN_SETTINGS });
    await (await postgres(postgresUrl(), { schema })).close();
    await sql.unsafe(`set search_path to ${schema}`);
  }, { timeout });

  after(async () => {
    await sql.unsafe(`drop schema if exists ${schema} cascade`);
    await sql.end();
  }, { timeout });

  test("a claim, and what ends it, read no more of a hundred times as many", { timeout }, async () => {
    const read = new Map<string, number>();
    await fill(sql, 0, SMALL);
    for (const [name, values] of hotCalls()) read.set(name, blocksOf(await explain(sql, call(texts, name, values), "analyze, buffers, ")));
    await fill(sql, SMALL, LARGE);
    for (const [name, values] of hotCalls()) {
      const [small, large] = [read.get(name) ?? 0, blocksOf(await explain(sql, call(texts, name, values), "analyze, buffers, "))];
      // Indexes of a hundred times as many rows have a level more, which is read for each row.
      assert.ok(large <= 2 * small + 20, `${name} read ${small} blocks among ${SMALL} tasks, and ${large} among ${LARGE}`);
    }
  });

  for (
    const [how, settings] of [["on connections of ours", PLAN_SETTINGS], ["on the caller's own connections", {
      plan_cache_mode: "auto",
    }]] as const
  ) {
    for (const isAnalysed of [false, true]) {
      test(
        `every hot statement finds its rows by an index, and sorts no queue: ${how}, ${isAnalysed ? "" : "not "}analysed`,
        { timeout },
        async () => {
          await sql.unsafe("reset plan_cache_mode; reset enable_seqscan; reset enable_sort");
          for (const [name, value] of Object.entries(settings)) await sql.unsafe(`set ${name} = ${value}`);
          if (isAnalysed) await sql.unsafe("analyze tasks");
          for (const [name, values] of settings === PLAN_SETTINGS ? [...hotCalls(), ...coldCalls()] : hotCalls()) {
            const plan = await explain(sql, call(texts, name, values));
            const title = `${name}: ${JSON.stringify(plan, null, 1)}`;
            assert.ok(!nodesOf(plan).some((node) => node["Node Type"] === "Seq Scan" && node["Relation Name"] === "tasks"), title);
            assert.ok(!sortsQueue(plan), title);
          }
        },
      );
    }
  }
});

function declare(database: SqlDatabase): void {
  const claims = new ClaimStatements(database, true);
  void claims.run({ ns: "stem", queues: ["a", "b"], limit: 1, leaseMs: 1, consumer: "c" }).catch(() => {});
  finishStatements(database);
  queueStatements(database);
  settleStatements(database);
  statusStatements(database);
  new Publisher(database, "enqueue");
}

type Calls = readonly (readonly [name: string, values: Readonly<Record<string, unknown>>])[];

/** What a worker and those who enqueue for it send all the time. */
function hotCalls(): Calls {
  const claim = { ns: "stem", limit: BATCH, leaseMs: 30_000, consumer: "c" };
  const some = Array.from(
    { length: BATCH },
    (_, at) => ({ id: idOf(at * 50), token: 0, attempt: 1, state: "succeeded", attempts: 0, forget: 1 }),
  );
  const fresh = Array.from(
    { length: BATCH },
    (_, at) => ({ id: `new ${at}`, queue: "default", priority: 0, attempt: 1, envelope: "{}", state: "queued" }),
  );
  return [
    ["claim.tasks", { ...claim, queue: "default" }],
    ["claim.tasks2", { ...claim, queues: [{ queue: "default", at: 0 }, { queue: "other", at: 1 }] }],
    ["claim.promote", { ns: "stem", limit: 1_000 }],
    ["claim.nextDue", { ns: "stem" }],
    ["finish.usual", { ns: "stem", items: some }],
    ["publish.enqueue.fresh", { ns: "stem", items: fresh }],
    ["publish.enqueue.fresh.within", { ns: "stem", items: fresh }],
    ["get", { ns: "stem", ids: some.map(({ id }) => ({ id })) }],
  ];
}

/** What is sent at times. */
function coldCalls(): Calls {
  const some = Array.from({ length: BATCH }, (_, at) => ({ id: idOf(at * 50), token: 0 }));
  return [
    ["publish.enqueue", { ns: "stem", items: some }],
    ["finish.lock", { ns: "stem", items: some }],
    ["finish.decided", { ns: "stem", items: some }],
    ["settle.remove", { ns: "stem", items: some }],
    ["settle.clear", { ns: "stem", items: some }],
    ["settle.requeue", { ns: "stem", items: some }],
    ["extendLease", { ns: "stem", items: some }],
    ["list", { ns: "stem", before: 1e15, limit: 100, states: [{ state: "queued" }] }],
    ["sweep", { ns: "stem", limit: 500 }],
  ];
}

function idOf(at: number): string {
  return `task-${String(at).padStart(9, "0")}`;
}

async function fill(sql: postgresJs.Sql, from: number, to: number): Promise<void> {
  await sql.unsafe(`insert into tasks (ns, id, name, state, created_at, updated_at, queue, priority, phase, envelope)
    select 'stem', 'task-' || lpad(n::text, 9, '0'), 'demo', 'queued', 0, 0, case n % 10 when 0 then 'other' else 'default' end, 0, 0, '{}'
    from generate_series(${from}, ${to - 1}) as n`);
}

interface Call {
  readonly text: string;
  readonly values: string;
}

function call(texts: StatementTexts, name: string, given: Readonly<Record<string, unknown>>): Call {
  const { text, values } = texts(name, given);
  return { text, values: values.map(literal).join(", ") };
}

/** The plan of a call; with `analyze` it is carried out, and undone. */
async function explain(sql: postgresJs.Sql, { text, values }: Call, options = ""): Promise<PlanNode> {
  await sql.unsafe(`begin; prepare plan as ${text}`);
  try {
    const [row] = await sql.unsafe<{ "QUERY PLAN": readonly { readonly Plan: PlanNode }[] }[]>(
      `explain (${options}costs off, format json) execute plan (${values})`,
    );
    const plan = row?.["QUERY PLAN"][0]?.Plan;
    assert.ok(plan !== undefined);
    return plan;
  } finally {
    await sql.unsafe("rollback; deallocate all");
  }
}

function nodesOf(plan: PlanNode): readonly PlanNode[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];
}

/** Whether more than the head of a queue is sorted: tasks below a sort, with no limit in between. */
function sortsQueue(plan: PlanNode): boolean {
  return nodesOf(plan).some((node) => node["Node Type"].includes("Sort") && readsWithoutLimit(node));
}

function readsWithoutLimit(plan: PlanNode): boolean {
  if (plan["Node Type"] === "Limit") return false;
  if (plan["Relation Name"] === "tasks" && plan["Node Type"].includes("Scan")) return true;
  return (plan.Plans ?? []).some(readsWithoutLimit);
}

function blocksOf(plan: PlanNode): number {
  return (plan["Shared Hit Blocks"] ?? 0) + (plan["Shared Read Blocks"] ?? 0);
}

function literal(value: unknown): string {
  if (value === null || value === undefined) return "null";
  return typeof value === "number" ? String(value) : `'${String(value).replaceAll("'", "''")}'`;
}
