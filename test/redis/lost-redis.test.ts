/** What becomes of calls when Redis goes away, comes back, hangs, forgets, or refuses: no hang, no lie, and no restart needed. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { Redis } from "ioredis";
import type { RedisDatabase } from "../../src/adapters/redis/database.ts";
import { prefixOf } from "../../src/adapters/redis/keys.ts";
import type { RedisUse } from "../../src/adapters/redis/open.ts";
import { openRedis } from "../../src/adapters/redis/open.ts";
import { script } from "../../src/adapters/redis/script.ts";
import { deferred } from "../../src/async/deferred.ts";
import type { Logger } from "../../src/contracts/logger.ts";
import { ClosedError, StoreError } from "../../src/errors.ts";
import { withDeadline } from "../../src/time/sleep.ts";
import type { RedisServer } from "../support/redis-server.ts";
import { startRedis } from "../support/redis-server.ts";
import { needsRedis, needsRedisProgram } from "../support/servers.ts";
import { withCutRedis, withRedis } from "./databases.ts";

const timeout = 60_000;
const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {} };

const add = script("test.add", ["return call('INCRBY', ns .. 'n', ARGV[1])"]);
const count = script("test.count", ["return tonumber(call('GET', ns .. 'n') or 0)"], { idempotent: true });
const channel = `${prefixOf("ns")}~t`;

/** Uses a private server: the work may do to it what it likes. */
async function withServer(
  work: (database: RedisDatabase, server: RedisServer, trips: string[]) => Promise<void>,
  { settings = {}, ...use }: RedisUse & { readonly settings?: Readonly<Record<string, string>> } = {},
): Promise<void> {
  await using server = await startRedis({ settings });
  const trips: string[] = [];
  const database = await openRedis(server.url, { logger: quiet, ...use, onTrip: ({ name }) => trips.push(name) });
  try {
    await work(database, server, trips);
  } finally {
    await database.close();
  }
}

function storeError(message: RegExp, retryable: boolean) {
  return (error: unknown): true => {
    assert.ok(error instanceof StoreError, inspect(error));
    assert.match(error.message, message);
    assert.deepEqual([error.adapter, error.operation, error.retryable], ["redis", "test", retryable]);
    return true;
  };
}

async function timed(work: Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work;
  return performance.now() - startedAt;
}

test(
  "calls wait for a server that comes back, and fail at the deadline where it does not",
  { ...needsRedisProgram, timeout },
  () =>
    withServer(async (database, server) => {
      assert.equal(await database.run(add, "ns", [1]), 1);
      await server.halt();
      const waiting = Promise.all(Array.from({ length: 40 }, () => database.run(add, "ns", [1])));
      await server.restart();
      const tookMs = await timed(waiting);
      assert.ok(tookMs < 3_000, `It took ${tookMs} ms`);
      // What was acknowledged is there, and everything was carried out once.
      assert.equal(await database.run(count, "ns", []), 41);

      await server.kill();
      const startedAt = performance.now();
      const message = /^Cannot test: there was no connection for 1500 ms \(connect ECONNREFUSED/;
      const calls = Array.from({ length: 40 }, () => assert.rejects(database.run(add, "ns", [1]), storeError(message, true)));
      await Promise.all(calls);
      const waitedMs = performance.now() - startedAt;
      assert.ok(waitedMs > 1_400 && waitedMs < 3_000, `It waited ${waitedMs} ms`);
      await server.restart();
      assert.equal(await database.run(count, "ns", []), 41, "what failed had no effect");
    }, { commandTimeout: 1_500 }),
);

test(
  "a server that comes back empty is served as a new one, scripts and subscriptions too",
  { ...needsRedisProgram, timeout },
  () =>
    withServer(async (database, server) => {
      const heard: string[] = [];
      let woken = deferred<void>();
      const stop = await database.signals.listen([channel], (of) => {
        heard.push(of);
        woken.resolve();
      });
      assert.equal(await database.run(add, "ns", [5]), 5);
      await server.kill();
      await server.restart();
      await withDeadline(woken.promise, 5_000);
      assert.deepEqual(heard, [channel], "whoever waits is told to look again");
      assert.equal(await database.run(add, "ns", [1]), 1, "nothing was kept");
      woken = deferred();
      const publish = script("test.publish", ["return call('PUBLISH', ns .. '~t', '')"]);
      assert.equal(await database.run(publish, "ns", []), 1);
      await withDeadline(woken.promise, 5_000);
      stop();
    }, { settings: { appendonly: "no" } }),
);

test(
  "a server that hangs is given up at the deadline, and used again once it goes on",
  { ...needsRedisProgram, timeout },
  () =>
    withServer(async (database, server) => {
      assert.equal(await database.run(add, "ns", [1]), 1);
      server.pause();
      const inFlight = assert.rejects(
        database.run(add, "ns", [1]),
        storeError(/^Cannot test: the connection was lost \(no answer came within 600 ms\)/, true),
      );
      const tookMs = await timed(inFlight);
      assert.ok(tookMs > 500 && tookMs < 1_500, `It took ${tookMs} ms`);
      const laterMs = await timed(assert.rejects(database.run(add, "ns", [1]), storeError(/there was no connection for 600 ms/, true)));
      assert.ok(laterMs > 500 && laterMs < 1_500, `It took ${laterMs} ms`);
      server.resume();
      const backMs = await timed(withDeadline(database.run(count, "ns", []), 5_000));
      assert.ok(backMs < 1_500, `It took ${backMs} ms`);
      // The first of the two was under way, and nobody could know: now it is done. The second one never went out.
      assert.ok([1, 2].includes(Number(await database.run(count, "ns", []))));
    }, { commandTimeout: 600 }),
);

test("a process that was busy does not blame the server", { ...needsRedisProgram, timeout }, () =>
  withServer(async (database) => {
    assert.equal(await database.run(add, "ns", [1]), 1);
    const call = database.run(add, "ns", [1]);
    // A task that computes, and lets nobody else have a turn.
    for (const until = performance.now() + 1_200; performance.now() < until;);
    assert.equal(await call, 2);
  }, { commandTimeout: 300 }));

test(
  "a call whose answer was lost is repeated only where that does no harm",
  { ...needsRedis, timeout },
  () =>
    withCutRedis((url, cutAtAnswer) =>
      withRedis(async ({ database, namespace, trips }) => {
        assert.equal(await database.run(add, namespace, [1]), 1);
        trips();
        cutAtAnswer();
        await assert.rejects(database.run(add, namespace, [1]), storeError(/^Cannot test: the connection was lost/, true));
        assert.deepEqual(trips(), ["test.add"]);
        assert.equal(await database.run(count, namespace, []), 2, "it was carried out");
        trips();
        cutAtAnswer();
        assert.equal(await database.run(count, namespace, []), 2);
        assert.deepEqual(trips(), ["test.count", "test.count"]);
      }, { url })
    ),
);

test(
  "a server that forgot the scripts is given them again, and each trip is counted",
  { ...needsRedisProgram, timeout },
  () =>
    withServer(async (database, server, trips) => {
      const client = new Redis(server.url);
      assert.equal(await database.run(add, "ns", [1]), 1);
      assert.equal(await database.run(add, "ns", [1]), 2);
      assert.deepEqual(trips.splice(0), ["test.add", "test.add", "test.add"], "the first time the text follows the hash");
      await client.script("FLUSH");
      const sums = await Promise.all([1, 1, 1].map((by) => database.run(add, "ns", [by])));
      assert.deepEqual(new Set(sums), new Set([3, 4, 5]));
      client.disconnect();
    }),
);

test(
  "a full server refuses before it changes anything, and takes calls again once it has room",
  { ...needsRedisProgram, timeout },
  () =>
    withServer(async (database, server, trips) => {
      const client = new Redis(server.url);
      assert.equal(await database.run(add, "ns", [1]), 1);
      await client.config("SET", "maxmemory", "1");
      trips.length = 0;
      const full = storeError(/^Cannot test: it is full: raise maxmemory, or delete what is not needed \(OOM/, true);
      await assert.rejects(database.run(add, "ns", [1]), full);
      assert.ok(trips.length > 1, "it is worth another try: nothing was changed");
      assert.equal(await database.run(count, "ns", []), 1);
      const waiting = database.run(add, "ns", [1]);
      await client.config("SET", "maxmemory", "0");
      assert.equal(await waiting, 2);
      client.disconnect();
    }, { commandTimeout: 800 }),
);

test(
  "a replica, a busy server, a wrong type and a failing script are told apart",
  { ...needsRedisProgram, timeout },
  () =>
    withServer(async (database, server) => {
      const client = new Redis(server.url);
      await client.hset(`${prefixOf("ns")}n`, "a", "b");
      await assert.rejects(database.run(add, "ns", [1]), storeError(/a key of the namespace holds something else: .*\(WRONGTYPE/, false));
      await client.unlink(`${prefixOf("ns")}n`);
      const broken = script("test.broken", ["return nobody.knows"]);
      await assert.rejects(database.run(broken, "ns", []), storeError(/^Cannot test: the server refused it: ERR /, false));

      await client.config("SET", "busy-reply-threshold", "50");
      const endless = script("test.endless", ["while true do end"], { idempotent: true });
      const stuck = assert.rejects(database.run(endless, "ns", []), storeError(/killed|the server refused it/i, false));
      // Whoever asks meanwhile is told that it is busy; the reader's own connection gets no answer before the script ends.
      const other = await openRedis(server.url, { logger: quiet, commandTimeout: 400, connectTimeout: 400 }).catch((error: unknown) =>
        error
      );
      assert.ok(other instanceof StoreError && other.retryable, inspect(other));
      assert.match(other.message, /it is busy with a script \(BUSY/);
      await client.script("KILL");
      await stuck;

      await client.replicaof("127.0.0.1", 1);
      await assert.rejects(database.run(add, "ns", [1]), storeError(/it is a replica, which takes no writes \(READONLY/, true));
      assert.equal(await database.run(count, "ns", []), 0, "it can be read");
      const waiting = database.run(add, "ns", [1]);
      await client.replicaof("NO", "ONE");
      assert.equal(await waiting, 1, "whoever waits for the primary finds it");
      client.disconnect();
    }, { commandTimeout: 1_000 }),
);

test("closing lets calls under way end, and refuses later ones", { ...needsRedisProgram, timeout }, async () => {
  await using server = await startRedis();
  const database = await openRedis(server.url);
  assert.equal(await database.run(count, "ns", []), 0);
  const calls = Array.from({ length: 100 }, () => database.run(count, "ns", []));
  const closing = database.close();
  assert.deepEqual(await Promise.all(calls), Array.from({ length: 100 }, () => 0));
  await Promise.all([closing, database.close()]);
  await assert.rejects(database.run(count, "ns", []), ClosedError);

  // Also where nobody answers.
  const lost = await openRedis(server.url, { commandTimeout: 10_000 });
  await server.kill();
  const waiting = assert.rejects(lost.run(count, "ns", []), ClosedError);
  const tookMs = await timed(Promise.all([lost.close(), waiting]));
  assert.ok(tookMs < 2_000, `It took ${tookMs} ms`);
});
