/** What a user of Redis's access control list needs, and what becomes of one who may do less. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis } from "ioredis";
import { openRedis } from "../../src/adapters/redis/open.ts";
import { script } from "../../src/adapters/redis/script.ts";
import type { Logger } from "../../src/contracts/logger.ts";
import { StoreError } from "../../src/errors.ts";
import { StemApp, task } from "../../src/mod.ts";
import { redis } from "../../src/redis.ts";
import { startRedis } from "../support/redis-server.ts";
import { needsRedisProgram } from "../support/servers.ts";

const timeout = 60_000;

/** Collects what is told. */
function listener(): Logger & { readonly told: string[] } {
  const told: string[] = [];
  return { debug() {}, info() {}, warn: (message) => told.push(message), error: (message) => told.push(message), told };
}

// The usual line; since Redis 7 it gives no channels.
const USUAL = ["~*", "+@all", "-@dangerous", "+info"];

test(
  "a user without channels loses no step: waits look from time to time, and one warning says so",
  { ...needsRedisProgram, timeout },
  async () => {
    await using server = await startRedis();
    const admin = new Redis(server.port);
    admin.on("error", () => {});
    await admin.call("ACL", "SETUSER", "blind", "on", ">pw", "resetchannels", ...USUAL);
    const url = `redis://blind:pw@127.0.0.1:${server.port}`;
    const logger = listener();
    const double = task({ name: "double", run: (_ctx, { n }: { n: number }) => n * 2 });
    await using app = await StemApp.fromUrl(url, { tasks: [double], logger, worker: { queues: ["default", "other"] } });
    const soon = await app.stem.enqueueMany([
      { task: double, args: { n: 1 }, delay: 20 },
      { task: double, args: { n: 2 }, delay: 20, queue: "other" },
    ]);
    const now = await app.enqueue(double, { args: { n: 3 } });
    assert.deepEqual(await Promise.all([...soon, now].map((handle) => handle.result())), [2, 4, 6]);

    const adapter = await redis(url, { logger });
    const lock = await adapter.locks.acquire("beat", { ttl: "1m", owner: "w1" });
    assert.equal(await lock?.release(), true);
    assert.equal(await adapter.locks.ownerOf("beat"), undefined);
    await adapter.broker.pauseQueue("other");
    assert.equal((await adapter.broker.pausedQueues()).length, 1);
    assert.equal(await adapter.broker.resumeQueue("other"), true);
    await adapter.broker.broadcast("channel", { all: true });
    const heard = new AbortController();
    const watching = adapter.schedules.watch({ signal: heard.signal });
    await adapter.schedules.upsert({ id: "s", task: { name: "double", args: { n: 1 } }, spec: { kind: "interval", everyMs: 3_600_000 } });
    assert.equal((await adapter.schedules.list()).items.length, 1);
    await watching;
    heard.abort();
    await adapter.close();
    const warnings = logger.told.filter((message) => message.startsWith("Redis tells nothing of changes"));
    assert.equal(warnings.length, 2, `One for each of two connections: ${logger.told.join("; ")}`);
    assert.deepEqual(logger.told.length, warnings.length, logger.told.join("; "));
    admin.disconnect();
  },
);

test("what a user may not do is told, also within a script, and is not worth another try", { ...needsRedisProgram, timeout }, async () => {
  await using server = await startRedis();
  const admin = new Redis(server.port);
  admin.on("error", () => {});
  await admin.call("ACL", "SETUSER", "few", "on", ">pw", ...USUAL, "resetkeys", "~stem:{mine}:*", "allchannels", "-set");
  const trips: string[] = [];
  const database = await openRedis(`redis://few:pw@127.0.0.1:${server.port}`, { onTrip: ({ name }) => trips.push(name) });
  const cases = [
    [script("test.command", ["return call('SET', ns .. 'k', '1')"]), "mine"],
    [script("test.key", ["return call('INCR', ns .. 'k')"]), "another"],
  ] as const;
  for (const [forbidden, namespace] of cases) {
    await assert.rejects(database.run(forbidden, namespace, []), (error: unknown) => {
      assert.ok(error instanceof StoreError);
      assert.equal(error.retryable, false);
      assert.match(error.message, /^Cannot test: the user lacks a permission \(/);
      return true;
    });
  }
  // The first one was known by no hash yet.
  assert.deepEqual(trips, ["test.command", "test.command", "test.key"]);
  await database.close();

  // Who may not ask for the server's version is let in all the same.
  await admin.call("ACL", "SETUSER", "shy", "on", ">pw", ...USUAL, "allchannels", "-info");
  const logger = listener();
  const shy = await openRedis(`redis://shy:pw@127.0.0.1:${server.port}`, { logger });
  assert.equal(await shy.run(script("test.sum", ["return 1 + 1"]), "ns", []), 2);
  assert.deepEqual(logger.told, ["Redis tells neither its version nor its settings: let the user use INFO"]);
  await shy.close();
  admin.disconnect();
});
