/** The whole system in a few lines, on whichever runtime executes this file: typed tasks, one app per store, results from another connection. */

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { StemApp, task } from "../../src/mod.ts";
import { removeNamespacesAt } from "../support/redis-keys.ts";
import { needsPostgres, needsRedis, postgresUrl, redisUrl } from "../support/servers.ts";

const timeout = 60_000;
const options = { timeout: "20s" } as const;
const greet = task({
  name: "runtimes.greet",
  run: (_ctx, args: { name: string }) => `Hello, ${args.name}`,
});
const fail = task({
  name: "runtimes.fail",
  run: () => {
    throw new RangeError("out of range");
  },
});

test("memory: a task runs and its result comes back", { timeout }, async () => {
  const app = await StemApp.inMemory({ tasks: [greet, fail] });
  await showTasks(app, app);
  await app.close();
});

test("sqlite: the result is read through another connection to the file", {
  timeout,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), "stem-runtime-"));
  try {
    await showTwoConnections(`sqlite:${join(folder, "stem.db")}`, "runtime");
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("postgres: the result is read through another connection to the server", {
  timeout,
  ...needsPostgres,
}, async () => {
  await showTwoConnections(postgresUrl(), `runtime-${crypto.randomUUID()}`);
});

test("redis: the result is read through another connection to the server", {
  timeout,
  ...needsRedis,
}, async () => {
  const namespace = `runtime-${crypto.randomUUID()}`;
  await showTwoConnections(redisUrl(), namespace);
  await removeNamespacesAt(redisUrl(), [namespace]);
});

async function showTwoConnections(
  url: string,
  namespace: string,
): Promise<void> {
  const worker = await StemApp.fromUrl(url, {
    tasks: [greet, fail],
    namespace,
  });
  const reader = await StemApp.fromUrl(url, {
    tasks: [greet, fail],
    namespace,
    autoStart: false,
  });
  await showTasks(worker, reader);
  await worker.close();
  await reader.close();
}

async function showTasks(worker: StemApp, reader: StemApp): Promise<void> {
  await worker.start();
  const greeting = await reader.enqueue(greet, { args: { name: "Ünïcode ✓" } });
  assert.equal(await greeting.result(options), "Hello, Ünïcode ✓");
  const failing = await reader.enqueue(fail, {
    args: undefined,
    maxRetries: 0,
  });
  await assert.rejects(failing.result(options), { code: "TASK_FAILED" });
  const status = await failing.status();
  assert.equal(status?.state, "failed");
  assert.match(status.error?.message ?? "", /out of range/);
}
