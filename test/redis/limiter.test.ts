/** What Redis rate limiters do beyond the laws: what they leave in the server, how often they ask it, and what becomes of lost answers. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { RedisRateLimiter } from "../../src/adapters/redis/limiter.ts";
import type { Permit, PermitRequest } from "../../src/contracts/rate-limiter.ts";
import { StoreError } from "../../src/errors.ts";
import { ManualClock } from "../../src/time/manual-clock.ts";
import { startRedis } from "../support/redis-server.ts";
import { needsRedis, needsRedisProgram } from "../support/servers.ts";
import { withCutRedis, withRedis } from "./databases.ts";

const options = { ...needsRedis, timeout: 20_000 };

function request(holder: string, given: Partial<PermitRequest> = {}): PermitRequest {
  return { key: "key", holder, limit: 10, ttl: "1h", ...given };
}

async function enter(limiter: RedisRateLimiter, ...requests: readonly PermitRequest[]): Promise<readonly Permit[]> {
  return (await limiter.enter(requests)).flatMap(({ permit }) => permit ?? []);
}

test(
  "redis: a bucket is one key that the server deletes when it is full",
  options,
  () =>
    withRedis(async ({ hold, namespace, client, keyOf, keys }) => {
      const limiter = new RedisRateLimiter(hold, { namespace });
      const rate = { limit: 3, per: "1h" };
      const before = Date.now();
      await limiter.acquire("key", rate);
      const [first, stored] = [await client.pexpiretime(keyOf("r:key")), await client.get(keyOf("r:key"))];
      assert.ok(
        first >= before + 1_200_000 && first <= Date.now() + 1_200_001,
        `Expected its end in 20 minutes, found ${first - before} ms`,
      );
      assert.equal(Math.ceil(Number(stored) / 1_000), first);
      await limiter.acquire("key", { ...rate, tokens: 2 });
      assert.equal(await client.pexpiretime(keyOf("r:key")), first + 2_400_000);
      // A refusal writes nothing.
      const changes = await client.object("IDLETIME", keyOf("r:key"));
      assert.deepEqual([(await limiter.acquire("key", rate)).allowed, changes], [false, 0]);
      assert.equal(await client.pexpiretime(keyOf("r:key")), first + 2_400_000);
      assert.deepEqual(await keys(), ["r:key"]);
      assert.equal(await limiter.sweep(), 0);
    }),
);

test(
  "redis: the permits of a key end with the last of them, and a key without permits leaves nothing",
  options,
  () =>
    withRedis(async ({ hold, namespace, client, keyOf, keys }) => {
      const limiter = new RedisRateLimiter(hold, { namespace });
      const ends = async (): Promise<
        readonly number[]
      > => [await client.pexpiretime(keyOf("p:key")), await client.pexpiretime(keyOf("pt:key"))];
      const endOf = async (holder: string): Promise<number> => Number(await client.zscore(keyOf("p:key"), holder));
      const [a, b] = await enter(limiter, request("a"), request("b", { ttl: "2h" }));
      assert.ok(a !== undefined && b !== undefined);
      assert.deepEqual(await keys(), ["#", "p:key", "pt:key"]);
      assert.deepEqual(await ends(), Array(2).fill(await endOf("b")));
      await limiter.renewPermits([a], "3h");
      assert.deepEqual(await ends(), Array(2).fill(await endOf("a")));
      await limiter.leave([a]);
      assert.deepEqual(await ends(), Array(2).fill(await endOf("b")));
      await limiter.renewPermits([b], "1m");
      assert.deepEqual(await ends(), Array(2).fill(await endOf("b")));
      await limiter.leave([b]);
      assert.deepEqual(await keys(), ["#"]);
      assert.equal(await limiter.sweep(), 0);
    }),
);

test("redis: permits that have ended go with the next change of their key, although another lasts", options, async () => {
  const clock = new ManualClock();
  await withRedis(async ({ hold, namespace, client, keyOf }) => {
    const limiter = new RedisRateLimiter(hold, { namespace });
    const crowd = Array.from({ length: 2_500 }, (_, at) => request(`short ${at}`, { limit: 10_000, ttl: 1_000 }));
    const [lasting] = await enter(limiter, request("lasting"), ...crowd);
    assert.ok(lasting !== undefined);
    await clock.advance(1_000);
    const sizes: (readonly number[])[] = [];
    for (let round = 0; round < 3; round++) {
      await limiter.renewPermits([lasting], "1h");
      sizes.push([await client.zcard(keyOf("p:key")), await client.hlen(keyOf("pt:key"))]);
    }
    // A thousand at a time, so that no call holds the server up for long.
    assert.deepEqual(sizes, [[1_501, 1_501], [501, 501], [1, 1]]);
  }, { clock });
});

test("redis: what is asked about ten thousand keys is one trip each", options, () =>
  withRedis(async ({ hold, namespace, keys, trips }) => {
    const limiter = new RedisRateLimiter(hold, { namespace });
    const rate = { limit: 1, per: "1h" };
    await limiter.acquire("key 0", rate);
    const warm = await enter(limiter, request("holder", { key: "key 0", limit: 1 }));
    assert.deepEqual([await limiter.renewPermits(warm, "1h"), await limiter.leave(warm)], [[true], [true]]);
    trips();
    const names = Array.from({ length: 10_000 }, (_, at) => `key ${at}`);
    const decisions = await limiter.acquireMany(names.map((key) => ({ ...rate, key })));
    assert.deepEqual([decisions.length, decisions.filter(({ allowed }) => allowed).length, decisions[0]?.allowed], [10_000, 9_999, false]);
    const permits = await enter(limiter, ...names.map((key) => request("holder", { key, limit: 1 })));
    assert.deepEqual(permits.map(({ token }) => token), names.map((_, at) => (permits[0]?.token ?? 0) + at));
    assert.equal((await limiter.renewPermits(permits, "2h")).filter((held) => held).length, 10_000);
    assert.equal((await limiter.leave(permits)).filter((held) => held).length, 10_000);
    assert.deepEqual(trips(), ["acquire", "enter", "renewPermits", "leave"]);
    assert.equal((await keys()).length, 10_001);
  }));

test(
  "redis: a key that holds something else refuses the whole call, and nothing is written",
  options,
  () =>
    withRedis(async ({ hold, namespace, client, keyOf, keys }) => {
      const limiter = new RedisRateLimiter(hold, { namespace });
      const [permit] = await enter(limiter, request("holder"));
      assert.ok(permit !== undefined);
      const [end, counter] = [await client.zscore(keyOf("p:key"), "holder"), await client.get(keyOf("#"))];
      for (const other of ["r:other", "p:other", "pt:another"]) await client.rpush(keyOf(other), "somebody's");
      const rate = { limit: 2, per: "1h" };
      const calls = ["other", "another"].flatMap((key) => [
        () => limiter.enter([request("new"), request("new", { key })]),
        () => limiter.renewPermits([permit, { ...permit, key }], "9h"),
        () => limiter.leave([permit, { ...permit, key }]),
      ]);
      for (const call of [...calls, () => limiter.acquireMany([{ ...rate, key: "free" }, { ...rate, key: "other" }])]) {
        await assert.rejects(call, StoreError);
      }
      assert.deepEqual(await keys(), ["#", "p:key", "p:other", "pt:another", "pt:key", "r:other"]);
      assert.deepEqual([await client.zcard(keyOf("p:key")), await client.zscore(keyOf("p:key"), "holder")], [1, end]);
      assert.equal(await client.get(keyOf("#")), counter);
      await client.unlink(keyOf("#"));
      await client.rpush(keyOf("#"), "somebody's");
      await assert.rejects(limiter.enter([request("new")]), StoreError);
      assert.equal(await client.zcard(keyOf("p:key")), 1);
    }),
);

test(
  "redis: tokens whose answer is lost are not taken twice; an enter whose answer is lost is asked again",
  options,
  () =>
    withCutRedis((url, cutAtAnswer) =>
      withRedis(async ({ hold, namespace, trips, client, keyOf }) => {
        const limiter = new RedisRateLimiter(hold, { namespace });
        const rate = { limit: 3, per: "1h" };
        await limiter.acquire("key", rate);
        await enter(limiter, request("warm"));
        trips();
        cutAtAnswer();
        await assert.rejects(limiter.acquire("key", rate), (error) => error instanceof StoreError && error.retryable);
        assert.deepEqual(trips(), ["acquire"]);
        assert.deepEqual([(await limiter.acquire("key", rate)).allowed, (await limiter.acquire("key", rate)).allowed], [true, false]);
        trips();
        cutAtAnswer();
        const [permit] = await enter(limiter, request("holder", { limit: 2 }));
        assert.ok(trips().length > 1, "Expected more than one trip");
        assert.equal(await client.hget(keyOf("pt:key"), "holder"), String(permit?.token));
        assert.equal(await client.zcard(keyOf("p:key")), 2);
      }, { url })
    ),
);

test("redis: tokens of permits rise also when the server has lost everything", { ...needsRedisProgram, timeout: 20_000 }, async () => {
  await using server = await startRedis();
  await withRedis(async ({ hold, namespace, client }) => {
    const limiter = new RedisRateLimiter(hold, { namespace });
    const tokens: number[] = [];
    for (let round = 0; round < 5; round++) {
      const permits = await enter(limiter, request("holder", { limit: 1 }));
      tokens.push(...permits.map(({ token }) => token));
      await client.flushall();
      assert.deepEqual(await limiter.renewPermits(permits, "1h"), [false]);
      // No server restarts within a millisecond, by which numbers rise.
      const lostAt = await client.time();
      while (String(await client.time()).slice(0, -3) === String(lostAt).slice(0, -3));
    }
    assert.equal(tokens.length, 5);
    assert.deepEqual(tokens, [...new Set(tokens)].toSorted((a, b) => a - b));
  }, { url: server.url });
});

test(
  "redis: on a full server limits are asked as ever, so that workers can empty it",
  { ...needsRedisProgram, timeout: 20_000 },
  async () => {
    await using server = await startRedis();
    await withRedis(async ({ hold, namespace, client }) => {
      const limiter = new RedisRateLimiter(hold, { namespace });
      await client.config("SET", "maxmemory", "1");
      await assert.rejects(client.set("key", "value"), /OOM/);
      const rate = { limit: 1, per: "1h" };
      assert.deepEqual([(await limiter.acquire("key", rate)).allowed, (await limiter.acquire("key", rate)).allowed], [true, false]);
      const permits = await enter(limiter, request("a", { limit: 1 }), request("b", { limit: 1 }));
      assert.deepEqual(permits.map(({ holder }) => holder), ["a"]);
      assert.deepEqual([await limiter.renewPermits(permits, "2h"), await limiter.leave(permits)], [[true], [true]]);
    }, { url: server.url });
  },
);
