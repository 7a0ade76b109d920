/** What Redis result backends do beyond the laws: what they leave in the server, how often they ask it, and what they do not touch. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { RedisResultBackend } from "../../src/adapters/redis/results.ts";
import { StoreError } from "../../src/errors.ts";
import { needsRedis } from "../support/servers.ts";
import { withRedis } from "./databases.ts";

const options = { ...needsRedis, timeout: 30_000 };

test(
  "redis: the server deletes a status at its end by itself, and the sweep what names it",
  options,
  () =>
    withRedis(async ({ hold, namespace, client, keyOf, keys }) => {
      const backend = new RedisResultBackend(hold, { namespace });
      await backend.set("a {}", "failed", { ttl: 1_000, error: { name: "E", message: "m" } });
      const status = await backend.get("a {}");
      assert.equal(await client.pexpiretime(keyOf("s:a {}")), status?.expiresAt);
      // As the server itself does at that time.
      await client.del(keyOf("s:a {}"));
      assert.equal(await backend.get("a {}"), undefined);
      assert.deepEqual((await backend.list()).items, []);
      assert.deepEqual((await backend.list({ state: "failed" })).items, []);
      await backend.set("a {}", "succeeded", { ttl: 1 });
      while (await client.exists(keyOf("s:a {}")) === 1) await backend.get("a {}");
      // The lists of what ends stay until their span of time has passed.
      for (let swept = 0; (await keys()).length > 1; swept += await backend.sweep()) assert.ok(swept <= 1);
      assert.deepEqual(await keys(), ["#"]);
    }),
);

test(
  "redis: groups and heartbeats that are over leave nothing once they were swept",
  options,
  () =>
    withRedis(async ({ hold, namespace, client, keyOf, keys }) => {
      const backend = new RedisResultBackend(hold, { namespace });
      await backend.initGroup({ id: "g {}", taskIds: ["a"], ttlMs: 50 });
      await backend.addGroupResult("g {}", { taskId: "a", state: "succeeded", payload: 1 });
      await backend.setHeartbeat(
        { workerId: "w {}", queues: ["q"], concurrency: 1, running: [], processed: 0, startedAt: 1, meta: {} },
        50,
      );
      while (await client.exists(keyOf("g:g {}"), keyOf("gm:g {}")) > 0) await backend.listHeartbeats();
      for (let swept = 0; swept < 2;) swept += await backend.sweep();
      assert.deepEqual(await keys(), []);
    }),
);

test("redis: ten thousand statuses are written and read in one trip each", options, () =>
  withRedis(async ({ hold, namespace, trips }) => {
    const backend = new RedisResultBackend(hold, { namespace });
    await backend.setMany([{ id: "warm", state: "queued" }]);
    trips();
    const ids = Array.from({ length: 10_000 }, (_, at) => `task ${at}`);
    const written = await backend.setMany(ids.map((id, at) => ({ id, state: "succeeded", payload: at })));
    assert.equal(written.filter((done) => done).length, 10_000);
    assert.deepEqual((await backend.getMany(ids)).map((status) => status?.payload), ids.map((_, at) => at));
    assert.deepEqual(trips(), ["set", "get"]);
  }));

test("redis: JSON text passes through as it is", options, () =>
  withRedis(async ({ hold, namespace, client, keyOf }) => {
    const backend = new RedisResultBackend(hold, { namespace });
    const values = [[], {}, null, "", 0, 2 ** 53, -0.1, 1e21, "\u0000\ud83d\ude00\ud800", { "": [[], {}] }, "a\u2028b"];
    await backend.setMany(values.map((payload, at) => ({ id: `v${at}`, state: "succeeded", payload })));
    for (const [at, payload] of values.entries()) {
      assert.deepEqual((await backend.get(`v${at}`))?.payload, payload);
      const stored = await client.get(keyOf(`s:v${at}`));
      assert.ok(stored?.includes(`\0${JSON.stringify(payload)}\0`), `Expected ${JSON.stringify(payload)} in ${stored}`);
    }
  }));

for (const key of ["si", "sf:failed", "#"]) {
  test(
    `redis: a key that holds something else refuses statuses as a whole: ${key}`,
    options,
    () =>
      withRedis(async ({ hold, namespace, client, keyOf, keys }) => {
        const backend = new RedisResultBackend(hold, { namespace });
        await client.lpush(keyOf(key), "something else");
        await assert.rejects(
          backend.setMany([{ id: "a", state: "queued" }, { id: "b", state: "failed" }]),
          (error) => StoreError.is(error) && !error.retryable && error.message.startsWith("Cannot set:"),
        );
        assert.deepEqual(await keys(), [key]);
      }),
  );
}

test("redis: pages neither repeat nor skip while statuses come, change and go", options, () =>
  withRedis(async ({ hold, namespace }) => {
    const backend = new RedisResultBackend(hold, { namespace });
    const ids = Array.from({ length: 1_200 }, (_, at) => `task ${at}`);
    await backend.setMany(ids.map((id, at) => ({ id, state: at % 3 === 0 ? "failed" : "queued", meta: { odd: at % 2 === 1 } })));
    const listed: string[] = [];
    for (let cursor: string | undefined, page = 0;; page++) {
      const { items, cursor: next } = await backend.list({ state: "failed", meta: { odd: true } }, {
        limit: 7,
        ...(cursor === undefined ? {} : { cursor }),
      });
      listed.push(...items.map(({ id }) => id));
      await backend.set(`late ${page}`, "failed", { meta: { odd: true } });
      if (next === undefined) break;
      cursor = next;
    }
    assert.deepEqual(listed, ids.filter((_, at) => at % 3 === 0 && at % 2 === 1).toReversed());
  }));
