/** What Redis lock stores do beyond the laws: what they leave in the server, how often they ask it, and what becomes of lost answers. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { RedisLockStore } from "../../src/adapters/redis/locks.ts";
import { StoreError } from "../../src/errors.ts";
import { removeNamespaces } from "../support/redis-keys.ts";
import { startRedis } from "../support/redis-server.ts";
import { needsRedis, needsRedisProgram } from "../support/servers.ts";
import { withCutRedis, withRedis } from "./databases.ts";

const options = { ...needsRedis, timeout: 20_000 };

test(
  "redis: a lock is one key that the server deletes at its end, and a lock that is over leaves none",
  options,
  () =>
    withRedis(async ({ hold, namespace, client, keyOf, keys }) => {
      const locks = new RedisLockStore(hold, { namespace });
      const [lock, short] = await locks.acquireAll([{ key: "key", owner: "o", ttl: "1h" }, { key: "short", owner: "o", ttl: 100 }]);
      assert.ok(lock !== undefined && short !== undefined);
      assert.deepEqual(await keys(), ["#", "l:key", "l:short"]);
      assert.equal(await client.pexpiretime(keyOf("l:key")), lock.expiresAt);
      const renewed = await locks.renew(lock, "2h");
      assert.equal(await client.pexpiretime(keyOf("l:key")), renewed);
      const heir = await locks.transfer(lock, { owner: "heir", ttl: "3h" });
      assert.equal(await client.pexpiretime(keyOf("l:key")), heir?.expiresAt);
      assert.ok(heir !== undefined && await locks.release(heir));
      // Got when the short one has ended.
      const next = await locks.acquire("short", { owner: "next", ttl: "1h", wait: "10s" });
      assert.ok(next !== undefined && next.expiresAt - 3_600_000 >= short.expiresAt && await next.release());
      assert.deepEqual(await keys(), ["#"]);
      assert.equal(await locks.sweep(), 0);
    }),
);

test(
  "redis: ten thousand locks are taken, renewed and given back in one trip each",
  options,
  () =>
    withRedis(async ({ hold, namespace, keys, trips }) => {
      const locks = new RedisLockStore(hold, { namespace });
      const warm = await locks.acquireAll([{ key: "held", owner: "o", ttl: "1h" }]);
      await locks.renewAll(warm.flatMap((lock) => lock ?? []), "1h");
      assert.equal(await locks.release({ key: "nobody's", owner: "o", token: 1 }), false);
      trips();
      const requests = Array.from({ length: 10_000 }, (_, at) => ({ key: at === 5_000 ? "held" : `key ${at}`, owner: "o", ttl: "1h" }));
      const taken = await locks.acquireAll(requests);
      const held = taken.flatMap((lock) => lock ?? []);
      assert.deepEqual([taken.length, held.length, taken[5_000]], [10_000, 9_999, undefined]);
      assert.deepEqual(held.map(({ token }) => token), held.map((_, at) => (held[0]?.token ?? 0) + at));
      assert.equal((await locks.renewAll(held, "2h")).filter((end) => end !== undefined).length, 9_999);
      assert.deepEqual(trips(), ["acquire", "renew"]);
      assert.deepEqual(await locks.ownerOf("key 9999"), { ...held.at(-1), expiresAt: (await locks.ownerOf("key 0"))?.expiresAt });
      trips();
      assert.equal((await locks.releaseAll([...held, { key: "held", owner: "another", token: 1 }])).filter((done) => done).length, 9_999);
      assert.deepEqual(trips(), ["release"]);
      assert.deepEqual(await keys(), ["#", "l:held"]);
    }),
);

test("redis: calls that are made at once share a trip", options, () =>
  withRedis(async ({ hold, namespace, trips }) => {
    const locks = new RedisLockStore(hold, { namespace });
    await (await locks.acquire("warm", { owner: "o", ttl: "1h" }))?.release();
    trips();
    const taken = await Promise.all(Array.from({ length: 500 }, (_, at) => locks.acquire(`key ${at}`, { owner: "o", ttl: "1h" })));
    assert.equal((await Promise.all(taken.flatMap((lock) => lock?.release() ?? []))).filter((done) => done === true).length, 500);
    assert.ok(trips().length <= 4, "Expected the first call of a kind to go alone, and the others together");
  }));

test(
  "redis: whoever waits for a lock is woken by its release, however long it would have slept",
  options,
  () =>
    withRedis(async ({ hold, namespace, keyOf, client, database, trips }) => {
      const locks = new RedisLockStore(hold, { namespace, pollMs: 600_000 });
      const held = await locks.acquire("key", { owner: "o", ttl: "1h" });
      const waiting = locks.acquire("key", { owner: "waiter", ttl: "1h", wait: "10m" });
      // It has looked, and listens.
      while (!trips().includes("acquire.endsIn")) await database.read("get", "GET", [keyOf("#")]);
      assert.deepEqual(await client.pubsub("NUMSUB", keyOf("~l:key")), [keyOf("~l:key"), 1]);
      assert.equal(await held?.release(), true);
      assert.equal((await waiting)?.owner, "waiter");
    }),
);

test(
  "redis: a key that holds something else refuses the whole call, and nothing is written",
  options,
  () =>
    withRedis(async ({ hold, namespace, client, keyOf, keys }) => {
      const locks = new RedisLockStore(hold, { namespace });
      const [lock] = await locks.acquireAll([{ key: "held", owner: "o", ttl: "1h" }]);
      assert.ok(lock !== undefined);
      await client.rpush(keyOf("l:other"), "somebody's");
      const counter = await client.get(keyOf("#"));
      const other = { key: "other", owner: "o", token: 1 };
      const calls = [
        () => locks.acquireAll(["free", "other", "free too"].map((key) => ({ key, owner: "o", ttl: "1h" }))),
        () => locks.renewAll([lock, other], "9h"),
        () => locks.releaseAll([lock, other]),
        () => locks.transfer(other, { owner: "heir", ttl: "1h" }),
        () => locks.ownerOf("other"),
      ];
      for (const call of calls) await assert.rejects(call, StoreError);
      assert.deepEqual(await keys(), ["#", "l:held", "l:other"]);
      assert.deepEqual(await locks.ownerOf("held"), lock);
      assert.deepEqual([await client.get(keyOf("#")), await client.lrange(keyOf("l:other"), 0, -1)], [counter, ["somebody's"]]);
    }),
);

test("redis: namespaces with the signs of Redis in their names do not meet", options, async () => {
  const names = ["a", "a}", "{a}", "a{b}c", "%7d", "}", "*", "a:b", "名 字"];
  for (const namespace of names.map((name) => `${name} ${crypto.randomUUID()}`)) {
    await withRedis(async ({ hold, client, keys }) => {
      const others = [`${namespace}}`, `{${namespace}`, `${namespace}%7d`];
      const stores = [namespace, ...others].map((own) => new RedisLockStore(hold, { namespace: own }));
      for (const locks of stores) assert.notEqual(await locks.acquire("{key}", { owner: "o", ttl: 60_000 }), undefined);
      assert.deepEqual(await keys(), ["#", "l:{key}"]);
      for (const locks of stores) {
        const lock = await locks.ownerOf("{key}");
        assert.ok(lock !== undefined && await locks.release(lock));
      }
      assert.equal(await removeNamespaces(client, others), others.length);
    }, { namespace });
  }
});

test(
  "redis: an acquire whose answer is lost rejects and is not sent again; a renewal is",
  options,
  () =>
    withCutRedis((url, cutAtAnswer) =>
      withRedis(async ({ hold, namespace, trips }) => {
        const locks = new RedisLockStore(hold, { namespace });
        const warm = await locks.acquire("warm", { owner: "o", ttl: "1h" });
        assert.ok(warm !== undefined && await warm.renew());
        trips();
        cutAtAnswer();
        await assert.rejects(locks.acquire("key", { owner: "o", ttl: "1h" }), (error) => error instanceof StoreError && error.retryable);
        assert.deepEqual(trips(), ["acquire"]);
        const lock = await locks.ownerOf("key");
        assert.equal(lock?.owner, "o", "The server had carried it out");
        trips();
        cutAtAnswer();
        const end = await locks.renew(lock, "2h");
        assert.ok(trips().filter((name) => name === "renew").length > 1, "Expected more than one trip");
        assert.equal((await locks.ownerOf("key"))?.expiresAt, end);
      }, { url })
    ),
);

test("redis: tokens rise also when the server has lost everything", { ...needsRedisProgram, timeout: 20_000 }, async () => {
  await using server = await startRedis();
  await withRedis(async ({ hold, namespace, client }) => {
    const locks = new RedisLockStore(hold, { namespace });
    const tokens: number[] = [];
    for (let round = 0; round < 5; round++) {
      const lock = await locks.acquire("key", { owner: "o", ttl: "1h" });
      assert.ok(lock !== undefined);
      tokens.push(lock.token);
      await client.flushall();
      assert.equal(await lock.renew(), false);
      // No server restarts within a millisecond, by which numbers rise.
      const lostAt = await client.time();
      while (String(await client.time()).slice(0, -3) === String(lostAt).slice(0, -3));
    }
    assert.deepEqual(tokens, [...new Set(tokens)].toSorted((a, b) => a - b));
  }, { url: server.url });
});

test("redis: on a full server what is held is renewed, handed over and given back, and nothing more is taken", {
  ...needsRedisProgram,
  timeout: 20_000,
}, async () => {
  await using server = await startRedis();
  await withRedis(async ({ hold, namespace, client }) => {
    const locks = new RedisLockStore(hold, { namespace });
    const [lock] = await locks.acquireAll([{ key: "key", owner: "o", ttl: "1h" }]);
    assert.ok(lock !== undefined);
    await client.config("SET", "maxmemory", "1");
    await assert.rejects(locks.acquire("other", { owner: "o", ttl: "1h" }), (error) => error instanceof StoreError && error.retryable);
    assert.ok((await locks.renew(lock, "2h") ?? 0) > lock.expiresAt);
    const heir = await locks.transfer(lock, { owner: "heir", ttl: "1h" });
    assert.ok(heir !== undefined && await locks.release(heir));
    assert.equal(await locks.ownerOf("key"), undefined);
  }, { url: server.url });
});
