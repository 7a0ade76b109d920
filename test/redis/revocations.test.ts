/** What Redis revoke stores do beyond the laws: what they leave in the server, and how often they ask it. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Redis } from "ioredis";
import { RedisRevokeStore } from "../../src/adapters/redis/revocations.ts";
import { StoreError } from "../../src/errors.ts";
import type { Revocation } from "../../src/model/revocation.ts";
import { needsRedis } from "../support/servers.ts";
import { withRedis } from "./databases.ts";

const options = { ...needsRedis, timeout: 30_000 };

function of(id: string, expiresInMs?: number): Revocation {
  return { target: { kind: "task", id }, terminate: false, ...(expiresInMs === undefined ? {} : { expiresInMs }) };
}

test(
  "redis: decisions that are over and pruned leave nothing but the counter",
  options,
  () =>
    withRedis(async ({ hold, namespace, keys }) => {
      const store = new RedisRevokeStore(hold, { namespace });
      await store.upsertAll([of("a"), of("b {}\n"), of("c", 3_600_000)]);
      assert.deepEqual(await keys(), ["#", "v", "vv", "vx"]);
      assert.deepEqual(await store.remove(["a", "b {}\n", "c"].map((id) => ({ kind: "task", id }))), [true, true, true]);
      assert.equal(await store.pruneExpired(), 3);
      assert.deepEqual(await keys(), ["#"]);
    }),
);

test(
  "redis: ten thousand decisions are recorded, found and taken back in one trip each",
  options,
  () =>
    withRedis(async ({ hold, namespace, trips }) => {
      const store = new RedisRevokeStore(hold, { namespace });
      await store.upsertAll([of("warm")]);
      await store.match([{ id: "warm", name: "n", enqueuedAt: 0, headers: {} }]);
      await store.remove([{ kind: "task", id: "warm" }]);
      trips();
      const ids = Array.from({ length: 10_000 }, (_, at) => `task ${at}`);
      const recorded = await store.upsertAll(ids.map((id) => of(id)));
      assert.equal(new Set(recorded.map(({ version }) => version)).size, 10_000);
      const found = await store.match(ids.map((id) => ({ id, name: "n", enqueuedAt: 0, headers: { tenant: "x" } })));
      assert.deepEqual(found.map((entry) => entry?.version), recorded.map(({ version }) => version));
      assert.equal((await store.remove(ids.map((id) => ({ kind: "task", id })))).filter((removed) => removed).length, 10_000);
      assert.deepEqual(trips(), ["upsertAll", "match", "remove"]);
    }),
);

test(
  "redis: versions rise although the server has forgotten everything",
  options,
  () =>
    withRedis(async ({ hold, namespace, client, keyOf }) => {
      const store = new RedisRevokeStore(hold, { namespace });
      const [before] = await store.upsertAll([of("a")]);
      await client.del(keyOf("#"), keyOf("v"), keyOf("vv"));
      // No server restarts within the millisecond of its last write.
      while (before !== undefined && await millisecondOf(client) <= before.revokedAt);
      const [after] = await store.upsertAll([of("a")]);
      assert.ok(before !== undefined && after !== undefined && after.version > before.version);
    }),
);

for (const key of ["v", "vv", "vx", "#"]) {
  test(
    `redis: a key that holds something else refuses a decision as a whole: ${key}`,
    options,
    () =>
      withRedis(async ({ hold, namespace, client, keyOf, keys }) => {
        const store = new RedisRevokeStore(hold, { namespace });
        await client.lpush(keyOf(key), "something else");
        await assert.rejects(
          store.upsertAll([of("a"), of("b", 1_000)]),
          (error) =>
            StoreError.is(error) && !error.retryable && error.message.startsWith("Cannot upsert all: a key of the namespace holds"),
        );
        assert.deepEqual(await keys(), [key]);
      }),
  );
}

for (const key of ["v", "vv", "vx"]) {
  test(
    `redis: a key that holds something else refuses taking back and pruning as a whole: ${key}`,
    options,
    () =>
      withRedis(async ({ hold, namespace, client, keyOf }) => {
        const store = new RedisRevokeStore(hold, { namespace });
        await store.upsertAll([of("a"), of("b", 60_000)]);
        // As if it had ended long ago.
        await client.zadd(keyOf("vx"), 1, "task b");
        await client.del(keyOf(key));
        await client.lpush(keyOf(key), "something else");
        const sizes = async (): Promise<readonly unknown[]> =>
          Promise.all(["v", "vv", "vx"].filter((name) => name !== key).map((name) => client.memory("USAGE", keyOf(name))));
        const before = await sizes();
        const refused = (error: unknown): boolean => StoreError.is(error) && !error.retryable;
        await assert.rejects(store.remove([{ kind: "task", id: "a" }]), refused);
        await assert.rejects(store.pruneExpired(), refused);
        assert.deepEqual(await sizes(), before);
      }),
  );
}

test(
  "redis: versions rise by the decisions of two connections that race, and the last of each target counts",
  options,
  () =>
    withRedis(async ({ hold, namespace, client, keyOf }) => {
      await withRedis(async ({ hold: elsewhere }) => {
        const stores = [new RedisRevokeStore(hold, { namespace }), new RedisRevokeStore(elsewhere, { namespace })];
        const ids = ["a", "b {}", "é\u{1F600}"];
        const answers = await Promise.all(
          Array.from({ length: 50 }, (_, at) => at).flatMap((at) =>
            stores.map((store) => store.upsertAll(ids.map((id) => ({ ...of(id), reason: `${at}` }))))
          ),
        );
        const all = answers.flat();
        assert.equal(new Set(all.map(({ version }) => version)).size, 300);
        const kept = await stores[0]?.get(ids.map((id) => ({ kind: "task", id })));
        for (const [at, id] of ids.entries()) {
          const latest = all.filter(({ target }) =>
            target.kind === "task" && target.id === id
          ).toSorted((a, b) => b.version - a.version)[0];
          assert.deepEqual(kept?.[at], latest);
        }
        assert.deepEqual([await client.hlen(keyOf("v")), await client.zcard(keyOf("vv"))], [3, 3]);
      }, { namespace });
    }),
);

test("redis: whoever watches hears of decisions on another connection at once", options, () =>
  withRedis(async ({ hold, namespace }) => {
    await withRedis(async ({ hold: elsewhere }) => {
      const ending = new AbortController();
      const watch = (await new RedisRevokeStore(hold, { namespace }).watch({ signal: ending.signal }))[Symbol.asyncIterator]();
      const news = watch.next();
      await new RedisRevokeStore(elsewhere, { namespace }).upsertAll([of("a")]);
      assert.equal((await news).done, false);
      ending.abort();
      assert.equal((await watch.next()).done, true);
    }, { namespace });
  }));

/** The server's clock in milliseconds. */
async function millisecondOf(client: Redis): Promise<number> {
  const [seconds, microseconds] = await client.time();
  return Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000);
}
