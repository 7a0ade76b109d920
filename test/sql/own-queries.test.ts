/** The exported tables in a user's own queries: they have the types of their dialect, join with the user's tables, and none is missing. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createClient } from "@libsql/client";
import { eq, getTableName, sql } from "drizzle-orm";
import { drizzle as drizzleLibsql } from "drizzle-orm/libsql";
import { pgTable, text as pgText } from "drizzle-orm/pg-core";
import { drizzle as drizzlePostgres } from "drizzle-orm/postgres-js";
import { sqliteTable, text as sqliteText } from "drizzle-orm/sqlite-core";
import { sqliteKit } from "../../src/adapters/sql/kit.sqlite.ts";
import * as generatedPostgres from "../../src/adapters/sql/schema.postgres.ts";
import * as generatedSqlite from "../../src/adapters/sql/schema.sqlite.ts";
import { defineTables } from "../../src/adapters/sql/tables.ts";
import { envelope } from "../../src/model/envelope.ts";
import { postgres } from "../../src/postgres.ts";
import * as exportedPostgres from "../../src/schema-postgres.ts";
import * as exportedSqlite from "../../src/schema-sqlite.ts";
import { sqlite } from "../../src/sqlite.ts";
import { needsPostgres, postgresUrl } from "../support/servers.ts";
import { withSchema } from "./databases.ts";

test("every table is exported, and in what migrations are generated from", () => {
  const names = Object.entries(defineTables(sqliteKit)).filter(([key]) => !key.startsWith("new")).map(([key]) => key).toSorted();
  assert.ok(names.length >= 13, `Only ${names.length} tables were found`);
  for (const module of [generatedPostgres, generatedSqlite, exportedPostgres, exportedSqlite]) {
    const exported = Object.entries(module).filter(([, value]) => typeof value === "object").map(([key]) => key);
    assert.deepEqual(exported.toSorted(), names);
  }
});

test(
  "postgres: a user's Drizzle database selects from the tables and joins them with its own",
  { ...needsPostgres, timeout: 30_000 },
  () =>
    withSchema(async (schema, client) => {
      const adapter = await postgres(postgresUrl(), { schema, maxConnections: 2 });
      try {
        await adapter.broker.publish([envelope({ name: "mail.send", id: "t1", priority: 7 })]);
      } finally {
        await adapter.close();
      }
      await client.unsafe(`create table "${schema}".orders (id text primary key, task_id text)`);
      await client.unsafe(`insert into "${schema}".orders values ('o1', 't1'), ('o2', null)`);
      const { tasks } = exportedPostgres.stemTables(schema);
      const orders = pgTable("orders", { id: pgText("id").primaryKey(), taskId: pgText("task_id") });
      const db = drizzlePostgres({ client });
      await db.execute(sql`select set_config('search_path', ${schema}, false)`);
      const rows = await db.select({ order: orders.id, task: tasks.id, priority: tasks.priority }).from(orders)
        .leftJoin(tasks, eq(tasks.id, orders.taskId)).orderBy(orders.id);
      const expected: { order: string; task: string | null; priority: number | null }[] = [
        { order: "o1", task: "t1", priority: 7 },
        { order: "o2", task: null, priority: null },
      ];
      assert.deepEqual(rows, expected);
      assert.equal(getTableName(exportedPostgres.locks), "locks");
    }),
);

test("sqlite: a user's Drizzle database selects from the tables and joins them with its own", { timeout: 30_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "stem-own-"));
  const path = join(folder, "stem.db");
  try {
    const adapter = await sqlite(path);
    try {
      await adapter.broker.publish([envelope({ name: "mail.send", id: "t1", priority: 7 })]);
    } finally {
      await adapter.close();
    }
    const client = createClient({ url: `file:${path}` });
    await client.batch(["create table orders (id text primary key, task_id text)", "insert into orders values ('o1', 't1'), ('o2', null)"]);
    const { tasks } = exportedSqlite;
    const orders = sqliteTable("orders", { id: sqliteText("id").primaryKey(), taskId: sqliteText("task_id") });
    const rows = await drizzleLibsql({ client }).select({ order: orders.id, task: tasks.id, priority: tasks.priority }).from(orders)
      .leftJoin(tasks, eq(tasks.id, orders.taskId)).orderBy(orders.id);
    client.close();
    assert.deepEqual(rows, [{ order: "o1", task: "t1", priority: 7 }, { order: "o2", task: null, priority: null }]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
