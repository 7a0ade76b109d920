/** What Redis leaves behind of results, and what a full or misused server is not made to change. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { RedisResultBackend } from "../../src/adapters/redis/results.ts";
import { StoreError } from "../../src/errors.ts";
import { envelope } from "../../src/model/envelope.ts";
import { ManualClock } from "../../src/time/manual-clock.ts";
import { startRedis } from "../support/redis-server.ts";
import { needsRedis, needsRedisProgram } from "../support/servers.ts";
import type { FreshRedis } from "./databases.ts";
import { withRedis } from "./databases.ts";

const options = { ...needsRedis, timeout: 30_000 };

/** How many names the lists of what ends hold. */
async function namesInLists({ client, keyOf, keys }: FreshRedis): Promise<number> {
  let names = 0;
  for (const key of await keys()) if (key.startsWith("sl:")) names += await client.llen(keyOf(key));
  return names;
}

test("redis: a status whose end moves on and on is named once, and swept after its last end", options, () => {
  const clock = new ManualClock();
  return withRedis(async (fresh) => {
    const backend = new RedisResultBackend(fresh.hold, { namespace: fresh.namespace, clock });
    await backend.set("gone first", "succeeded", { ttl: "2s" });
    await backend.set("task", "running", { ttl: "2s" });
    await backend.set("other task", "running", { ttl: "2s" });
    for (let progress = 0; progress < 200; progress++) {
      await clock.advance(100);
      await backend.set("task", "running", { progress, ttl: "5s" });
      assert.equal(await backend.expire("other task", "5s"), true);
    }
    assert.equal(await namesInLists(fresh), 3);
    // What has ended goes; what lives on is carried along, once.
    assert.equal(await backend.sweep(), 1);
    assert.equal(await namesInLists(fresh), 2);
    assert.equal((await backend.get("task"))?.progress, 199);
    await clock.advance(5_000);
    assert.equal(await backend.get("task"), undefined);
    assert.equal(await backend.sweep(), 2);
    assert.deepEqual(await fresh.keys(), ["#"]);
  }, { clock });
});

test("redis: a status whose end is brought forward is swept after that", options, () => {
  const clock = new ManualClock();
  return withRedis(async (fresh) => {
    const backend = new RedisResultBackend(fresh.hold, { namespace: fresh.namespace, clock });
    await backend.set("forever", "succeeded", { ttl: "30d" });
    await backend.set("brought forward", "succeeded", { ttl: "30d" });
    await backend.expire("brought forward", "1m");
    await backend.set("without end", "running", { ttl: "1m" });
    await backend.set("without end", "running");
    await clock.advance(120_000);
    assert.equal(await backend.sweep(), 1);
    assert.equal(await backend.remove("forever"), true);
    assert.equal(await backend.remove("without end"), true);
    await clock.advance(31 * 86_400_000);
    while (await namesInLists(fresh) > 0) assert.equal(await backend.sweep(), 0);
    await backend.sweep();
    assert.deepEqual(await fresh.keys(), ["#"]);
  }, { clock });
});

test("redis: what an earlier life of an id left in the index of a state is swept, whatever became of it since", options, () => {
  const clock = new ManualClock();
  return withRedis(async (fresh) => {
    const backend = new RedisResultBackend(fresh.hold, { namespace: fresh.namespace, clock });
    const members = (key: string) => fresh.client.zrange(fresh.keyOf(key), 0, "-1");
    for (const id of ["a", "b", "c"]) await backend.set(id, "failed", { ttl: "1s" });
    await clock.advance(2_000);
    await backend.set("a", "queued");
    await backend.set("b", "succeeded", { ttl: "1h" });
    await backend.set("c", "failed", { ttl: "1h" });
    assert.deepEqual(await members("sf:failed"), ["a", "b", "c"]);
    assert.equal(await backend.sweep(), 0);
    assert.deepEqual(await members("sf:failed"), ["c"]);
    assert.deepEqual(await members("si"), ["a", "b", "c"]);
  }, { clock });
});

test("redis: a sweep deletes at most its limit of each, also of ten thousand that ended together", options, () => {
  const clock = new ManualClock();
  return withRedis(async ({ hold, namespace, keys, trips }) => {
    const backend = new RedisResultBackend(hold, { namespace, clock });
    const state = (at: number) => (["succeeded", "failed", "cancelled"] as const)[at % 3] ?? "succeeded";
    await backend.setMany(Array.from({ length: 10_000 }, (_, at) => ({ id: `task ${at}`, state: state(at), ttl: 1_000 + at % 7 })));
    await backend.setMany(Array.from({ length: 3_000 }, (_, at) => ({ id: `alive ${at}`, state: "succeeded", ttl: "1h" })));
    for (let at = 0; at < 30; at++) {
      await backend.initGroup({ id: `group ${at}`, taskIds: ["a"], ttlMs: 1_000 });
      const times = { queues: ["q"], concurrency: 1, running: [], processed: 0, startedAt: 1, meta: {} };
      await backend.setHeartbeat({ workerId: `worker ${at}`, ...times }, 1_000);
    }
    await clock.advance(60_000);
    assert.equal(await backend.sweep({ limit: 20 }), 60);
    const counts: number[] = [];
    trips();
    do counts.push(await backend.sweep({ limit: 4_000 })); while (counts.at(-1) !== 0);
    assert.deepEqual(counts, [4_020, 4_000, 1_980, 0]);
    assert.ok(trips().length < 50);
    assert.equal((await backend.list({}, { limit: 5 })).items.length, 5);
    assert.deepEqual((await keys()).filter((key) => !/^s[:l]/.test(key)), ["#", "si", "sx"]);
  }, { clock });
});

for (const key of ["gm:g2", "gc", "gx"]) {
  test(
    `redis: a key that holds something else refuses reports as a whole: ${key}`,
    options,
    () =>
      withRedis(async ({ hold, namespace, client, keyOf }) => {
        const backend = new RedisResultBackend(hold, { namespace });
        await backend.initGroup({ id: "g1", taskIds: ["a"], ttlMs: 60_000 });
        await backend.initGroup({ id: "g2", taskIds: ["b"] });
        await client.del(keyOf(key));
        await client.set(keyOf(key), "something else");
        await assert.rejects(
          backend.addGroupResults([{ groupId: "g1", taskId: "a", state: "succeeded" }, { groupId: "g2", taskId: "b", state: "failed" }]),
          (error) => StoreError.is(error) && !error.retryable && error.message.startsWith("Cannot add group results:"),
        );
        assert.equal((await backend.getGroup("g1"))?.ended, 0);
        assert.equal(await client.get(keyOf(key)), "something else");
      }),
  );
}

for (const key of ["g:new", "gm:new", "gc", "gx"]) {
  test(
    `redis: a key that holds something else refuses a group as a whole: ${key}`,
    options,
    () =>
      withRedis(async ({ hold, namespace, client, keyOf, keys }) => {
        const backend = new RedisResultBackend(hold, { namespace });
        await client.set(keyOf(key), "something else");
        await assert.rejects(
          backend.initGroup({ id: "new", taskIds: ["a"], ttlMs: 60_000 }),
          (error) => StoreError.is(error) && !error.retryable && error.message.startsWith("Cannot init group:"),
        );
        assert.deepEqual(await keys(), [key]);
      }),
  );
}

test("redis: a full server takes no new results, and lets go of those it has", { ...needsRedisProgram, timeout: 30_000 }, async () => {
  await using server = await startRedis();
  await withRedis(async ({ hold, namespace, client, keys }) => {
    const backend = new RedisResultBackend(hold, { namespace });
    await backend.setMany([{ id: "a", state: "succeeded" }, { id: "b", state: "succeeded" }]);
    await backend.initGroup({ id: "g", taskIds: ["a"], callback: envelope({ name: "callback" }) });
    await backend.addGroupResult("g", { taskId: "a", state: "succeeded" });
    const before = await keys();
    await client.config("SET", "maxmemory", "1");
    const isFull = (error: unknown): boolean => StoreError.is(error) && error.retryable && error.message.includes("it is full");
    await assert.rejects(backend.set("new", "queued"), isFull);
    await assert.rejects(backend.initGroup({ id: "new", taskIds: ["a"], ttlMs: 60_000 }), isFull);
    assert.deepEqual(await keys(), before);
    const claim = await backend.claimChord("g", { owner: "o", leaseMs: 60_000 });
    assert.ok(claim !== undefined && await backend.completeChord(claim));
    assert.equal(await backend.expire("a", "1m"), true);
    assert.equal(await backend.remove("b"), true);
    assert.equal(await backend.sweep(), 0);
  }, { url: server.url });
});
