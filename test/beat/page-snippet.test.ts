/** The Beat snippet of the page that the product was commissioned from, as it is written there, on Postgres and on SQLite; and that it dispatches. */

import assert from "node:assert/strict";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import type { Broker, LockStore, ScheduleStore } from "../../src/mod.ts";
import { Beat } from "../../src/mod.ts";
import { PostgresBroker, PostgresLockStore, PostgresScheduleStore } from "../../src/postgres.ts";
import { SqliteBroker, SqliteLockStore, SqliteScheduleStore } from "../../src/sqlite.ts";
import { createServerFolder } from "../support/server-folder.ts";
import { needsPostgres, postgresUrl } from "../support/servers.ts";

/** Starts Beat, and waits for the task of a schedule that is due. */
async function dispatchOne(
  stores: { readonly broker: Broker; readonly store: ScheduleStore; readonly lockStore: LockStore },
): Promise<void> {
  const { broker, store, lockStore } = stores;
  await store.upsert({ id: "due", spec: { kind: "clocked", at: 1 }, task: { name: "demo", args: {} } });

  const beat = new Beat({ broker, store, lockStore });
  await beat.start();
  const [delivery] = await broker.claim({ queues: ["default"], limit: 1, consumer: "test", waitMs: 10_000 });
  await beat.stop();

  assert.equal(delivery?.envelope.name, "demo");
  assert.equal(await lockStore.ownerOf("beat"), undefined);
}

test("the page's Beat on Postgres", { ...needsPostgres, timeout: 30_000 }, async () => {
  const options = { namespace: `page-${process.pid}-${Date.now()}` };
  const store = await PostgresScheduleStore.connect(postgresUrl(), options);
  const lockStore = await PostgresLockStore.connect(postgresUrl(), options);
  const broker = await PostgresBroker.connect(postgresUrl(), options);
  await dispatchOne({ broker, store, lockStore });
  await store.remove("due");
  await broker.purge("default");
  await broker.close();
  await store.close();
  await lockStore.close();
});

test("the page's Beat on SQLite, in one file and in two", { timeout: 30_000 }, async () => {
  const folder = createServerFolder("page");
  for (const [schedules, tasks] of [["one.sqlite", "one.sqlite"], ["schedules.sqlite", "tasks.sqlite"]] as const) {
    const store = await SqliteScheduleStore.open(join(folder.path, schedules));
    const lockStore = await SqliteLockStore.open(join(folder.path, schedules));
    const broker = await SqliteBroker.open(join(folder.path, tasks));
    await dispatchOne({ broker, store, lockStore });
    await broker.close();
    await store.close();
    await lockStore.close();
  }
  await folder.remove();
});
