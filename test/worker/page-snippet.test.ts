/** The revoke snippets of the page that the product was commissioned from, as they are written there; and that such a worker honours them. */

import assert from "node:assert/strict";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import type { RevokeStore } from "../../src/mod.ts";
import { InMemoryBroker, InMemoryResultBackend, Stem, task, TaskRevokedError, Worker } from "../../src/mod.ts";
import { PostgresRevokeStore } from "../../src/postgres.ts";
import { SqliteRevokeStore } from "../../src/sqlite.ts";
import { createServerFolder } from "../support/server-folder.ts";
import { needsPostgres, postgresUrl } from "../support/servers.ts";

const endless = task({
  name: "endless",
  run: ({ signal }) => new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true })),
});
const registry = [endless];

async function configure(connect: () => Promise<RevokeStore>): Promise<void> {
  const broker = new InMemoryBroker();
  const backend = new InMemoryResultBackend();
  const revokeStore = await connect();
  const worker = new Worker({ broker, registry, backend, revokeStore });

  await worker.shutdown();
  await revokeStore.close();
  await backend.close();
  await broker.close();
}

/** The same, and the worker works meanwhile: it stops what another connection revokes. */
async function honour(connect: () => Promise<RevokeStore>): Promise<void> {
  const broker = new InMemoryBroker();
  const backend = new InMemoryResultBackend();
  const [revokeStore, elsewhere] = [await connect(), await connect()];
  const worker = new Worker({ broker, registry, backend, revokeStore });
  const begun = new Promise<void>((resolve) => worker.subscribe(({ type }) => type === "task-started" && resolve()));
  await worker.start();
  const stem = new Stem({ broker, backend, registry });
  const handle = await stem.enqueue(endless);
  await begun;
  await elsewhere.upsertAll([{ target: { kind: "task", id: handle.id }, terminate: true, reason: "by hand", expiresInMs: 60_000 }]);
  await assert.rejects(handle.result({ timeout: "10s" }), (error) => error instanceof TaskRevokedError && error.reason === "by hand");
  await worker.shutdown();
  await elsewhere.remove([{ kind: "task", id: handle.id }]);
  await Promise.all([revokeStore.close(), elsewhere.close(), backend.close(), broker.close()]);
}

test("the page's revoke store on Postgres", { ...needsPostgres, timeout: 30_000 }, async () => {
  await configure(() => PostgresRevokeStore.connect(postgresUrl()));
  await honour(() => PostgresRevokeStore.connect(postgresUrl(), { namespace: `page-${process.pid}` }));
});

test("the page's revoke store in SQLite", { timeout: 30_000 }, async () => {
  const folder = createServerFolder("page");
  const connect = (): Promise<SqliteRevokeStore> => SqliteRevokeStore.open(join(folder.path, "stem_revoke.sqlite"), { namespace: "stem" });
  await configure(connect);
  await honour(connect);
  await folder.remove();
});
