/** A database that an earlier version of the library filled is brought up to date on connect, and everything in it goes on. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createClient } from "@libsql/client";
import { migrateHost } from "../../src/adapters/sql/migrate.ts";
import type { Migration, MigrationHost } from "../../src/adapters/sql/migration.ts";
import { postgresMigrationHost } from "../../src/adapters/sql/migration-host.postgres.ts";
import { sqliteMigrationHost } from "../../src/adapters/sql/migration-host.sqlite.ts";
import type { Adapter } from "../../src/contracts/adapter.ts";
import { MigrationError } from "../../src/errors.ts";
import { checkMigrations, migrate, migrationStatus, postgresMigrations, sqliteMigrations } from "../../src/migrations.ts";
import { envelope } from "../../src/model/envelope.ts";
import { postgres } from "../../src/postgres.ts";
import { sqlite } from "../../src/sqlite.ts";
import { needsPostgres, postgresUrl } from "../support/servers.ts";
import { withSchema } from "./databases.ts";

const timeout = 60_000;

interface Row {
  readonly [column: string]: string | number | bigint | null;
}

/** An empty database, and ways to fill it from outside. */
interface Empty {
  readonly url: string;
  readonly schema: string;
  readonly migrations: readonly Migration[];
  readonly host: MigrationHost;
  readonly prefix: string;
  readonly run: (text: string, values?: readonly Row[string][]) => Promise<readonly Row[]>;
  readonly connect: () => Promise<Adapter>;
}

const sides = [
  { name: "sqlite", needs: {}, use: withFile },
  { name: "postgres", needs: needsPostgres, use: withEmptySchema },
];

const TABLES = ["tasks", "dead_letters", "groups", "group_members", "workers"];

for (const { name, needs, use } of sides) {
  test(`${name}: a database of the first version is upgraded with everything in it`, { ...needs, timeout }, () =>
    use(async (filled) => {
      const { kept, rows } = await fill(filled);
      await use(async (old) => {
        const [first, ...later] = old.migrations;
        assert.ok(first !== undefined && later.length > 0, "There is nothing to upgrade to");
        await migrateHost({ ...old.host, migrations: [first] });
        for (const [table, contents] of rows) {
          for (const row of contents) {
            const columns = Object.keys(row);
            const places = columns.map((_, index) => `$${index + 1}`);
            await old.run(
              `insert into ${old.prefix}${table} (${columns.join(", ")}) values (${places.join(", ")})`,
              Object.values(row),
            );
          }
        }
        // What the identity columns give out next, as it was where the rows came from.
        if (name === "postgres") await old.run(`select setval('${old.prefix}tasks_seq_seq', (select max(seq) from ${old.prefix}tasks))`);

        const { url, schema } = old;
        await assert.rejects(checkMigrations(url, { schema }), MigrationError);
        assert.deepEqual((await migrationStatus(url, { schema })).pending.map(({ tag }) => tag), later.map(({ tag }) => tag));

        const adapter = await old.connect();
        try {
          await verify(adapter, kept);
        } finally {
          await adapter.close();
        }
        await checkMigrations(url, { schema });
        assert.deepEqual(await migrate(url, { schema }), []);
      });
    }));
}

interface Kept {
  readonly waiting: string;
  readonly done: string;
  readonly dead: string;
  readonly group: string;
}

/** Works with the database as any version would, and reads what that leaves in the tables of the first one. */
async function fill({ connect, run, prefix }: Empty): Promise<{ kept: Kept; rows: ReadonlyMap<string, readonly Row[]> }> {
  const adapter = await connect();
  const ids = { waiting: "waiting:1", done: "done-ü", dead: "dead", group: "group" };
  try {
    const { broker, results } = adapter;
    const ledger = broker.joinWith(results);
    assert.ok(ledger !== undefined);
    await results.initGroup({ id: ids.group, taskIds: [ids.done] });
    await results.setHeartbeat(
      { workerId: "w", queues: ["q"], concurrency: 1, running: [], processed: 0, startedAt: 1, meta: {} },
      600_000,
    );
    await ledger.enqueue([
      envelope({ name: "t", id: ids.done, queue: "done", groupId: ids.group }),
      envelope({ name: "t", id: ids.dead, queue: "done" }),
      envelope({ name: "t", id: ids.waiting, args: { deep: ["ü", null] } }),
    ]);
    const [done, dead] = await ledger.claim({ queues: ["done"], limit: 2, consumer: "w" });
    assert.ok(done !== undefined && dead !== undefined);
    await ledger.finish([
      { delivery: done, settlement: { kind: "ack" }, status: { state: "succeeded", payload: [1, "two"] } },
      {
        delivery: dead,
        settlement: { kind: "deadLetter", reason: "rejected", error: { name: "E", message: "m" } },
        status: { state: "failed", error: { name: "E", message: "m" } },
      },
    ]);
  } finally {
    await adapter.close();
  }
  const rows = new Map<string, readonly Row[]>();
  for (const table of TABLES) rows.set(table, await run(`select * from ${prefix}${table}`));
  assert.ok([...rows.values()].every((found) => found.length > 0), "A table of the first version is empty");
  return { kept: ids, rows };
}

async function verify({ broker, results, locks }: Adapter, kept: Kept): Promise<void> {
  assert.deepEqual((await results.get(kept.done))?.payload, [1, "two"]);
  assert.equal((await results.get(kept.dead))?.state, "failed");
  assert.equal((await results.getGroup(kept.group))?.ended, 1);
  assert.deepEqual((await results.listHeartbeats()).map(({ workerId }) => workerId), ["w"]);
  assert.deepEqual((await broker.deadLetters.list()).items.map(({ envelope }) => envelope.id), [kept.dead]);
  const [delivery] = await broker.claim({ queues: ["default"], limit: 10, consumer: "w" });
  assert.ok(delivery !== undefined);
  assert.deepEqual([delivery.envelope.id, delivery.envelope.args], [kept.waiting, { deep: ["ü", null] }]);
  assert.equal(await broker.ack(delivery), true);
  // A new task takes its place behind the old ones, and what the second version brought works.
  assert.deepEqual(await broker.publish([envelope({ name: "t", id: "new" })]), [true]);
  assert.ok((await locks.acquire("a key", { ttl: "1m", owner: "o" })) !== undefined);
}

async function withFile(work: (empty: Empty) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "stem-upgrade-"));
  const path = join(folder, "stem.db");
  const client = createClient({ url: `file:${path}`, concurrency: 1, timeout: 5_000, intMode: "bigint" });
  try {
    await work({
      url: `sqlite:${path}`,
      schema: "stem",
      migrations: sqliteMigrations,
      host: sqliteMigrationHost(client, path),
      prefix: "stem_",
      run: async (text, values = []) =>
        (await client.execute({ sql: text, args: [...values] })).rows.map((row) =>
          Object.fromEntries(Object.entries(row).map(([column, value]) => [column, value instanceof ArrayBuffer ? null : value]))
        ),
      connect: () => sqlite(path),
    });
  } finally {
    client.close();
    rmSync(folder, { recursive: true });
  }
}

function withEmptySchema(work: (empty: Empty) => Promise<void>): Promise<void> {
  return withSchema((schema, sql) =>
    work({
      url: postgresUrl(),
      schema,
      migrations: postgresMigrations,
      host: postgresMigrationHost(sql, schema, "the server"),
      prefix: `"${schema}".`,
      run: (text, values = []) => sql.unsafe<Row[]>(text, values.map((value) => (value === null ? null : String(value)))),
      connect: () => postgres(postgresUrl(), { schema, maxConnections: 2 }),
    })
  );
}
