/** How waits on Redis hear of changes: by its channels alone, across a cut connection, and not of more than they asked for. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { RedisResultBackend } from "../../src/adapters/redis/results.ts";
import { withDeadline } from "../../src/time/sleep.ts";
import { startRedis } from "../support/redis-server.ts";
import { needsRedis, needsRedisProgram } from "../support/servers.ts";
import type { FreshRedis } from "./databases.ts";
import { withRedis } from "./databases.ts";

const timeout = 30_000;
/** No poll comes in time: what is seen was told of. */
const pollMs = 60_000;

/** Two backends on connections of their own: one that waits, one that writes. */
async function withBoth(
  work: (waiting: RedisResultBackend, writing: RedisResultBackend, fresh: FreshRedis) => Promise<void>,
  url?: string,
): Promise<void> {
  const where = url === undefined ? {} : { url };
  await withRedis(async (fresh) => {
    const { namespace } = fresh;
    await withRedis(async ({ hold }) => {
      await work(new RedisResultBackend(fresh.hold, { namespace, pollMs }), new RedisResultBackend(hold, { namespace, pollMs }), fresh);
    }, { namespace, ...where });
  }, where);
}

test(
  "redis: every kind of change wakes those who watch, without a poll",
  { ...needsRedis, timeout },
  () =>
    withBoth(async (waiting, writing) => {
      const id = "a {}~*?[:] é";
      const changes: readonly (() => Promise<boolean>)[] = [
        () => writing.set(id, "running", { worker: "w" }),
        () => writing.set(id, "running", { progress: 0.5 }),
        () => writing.expire(id, "1h"),
        () => writing.set(id, "retrying", { ttl: "1m" }),
        () => writing.remove(id),
      ];
      await writing.set(id, "queued");
      const seen: string[] = [];
      const follow = async (): Promise<void> => {
        let next = 0;
        for await (const { state, progress, expiresAt } of waiting.watch(id)) {
          seen.push([state, progress, expiresAt === undefined ? "" : "ends"].join(" ").trim());
          assert.equal(await changes[next++]?.(), true);
        }
      };
      await withDeadline(follow(), 10_000);
      assert.deepEqual(seen, ["queued", "running", "running 0.5", "running 0.5 ends", "retrying 0.5 ends"]);
    }),
);

test("redis: a wait whose connection is cut looks again once it is back, without a poll", { ...needsRedisProgram, timeout }, async () => {
  await using server = await startRedis();
  await withBoth(async (waiting, writing, { client }) => {
    await writing.setMany([{ id: "a", state: "running" }, { id: "b", state: "running" }]);
    const ends = [waiting.waitFor("a"), waiting.waitFor("b"), waiting.waitFor("not known yet")];
    const heard = async (): Promise<number> => Number(String(await client.client("LIST", "TYPE", "PUBSUB")).match(/ sub=4 /g)?.length ?? 0);
    while (await heard() === 0) await waiting.get("a");
    // While nobody hears: what is written now is told to no one.
    assert.ok(Number(await client.call("CLIENT", "KILL", "TYPE", "PUBSUB")) > 0);
    await writing.setMany([{ id: "a", state: "succeeded", payload: 1 }, { id: "b", state: "failed" }]);
    const [a, b] = await withDeadline(Promise.all(ends.slice(0, 2)), 10_000);
    assert.deepEqual([a?.payload, b?.state], [1, "failed"]);
    // And later news come by the new connection.
    await writing.set("not known yet", "cancelled");
    assert.equal((await withDeadline(Promise.all(ends.slice(2)), 10_000))[0]?.state, "cancelled");
    while (String(await client.pubsub("CHANNELS")) !== "") await waiting.get("a");
  }, server.url);
});

test(
  "redis: of a task that nobody waits for nothing is told, and a wait reads its own task only",
  { ...needsRedis, timeout },
  () =>
    withBoth(async (waiting, writing, { client, keyOf, trips }) => {
      const subscriber = client.duplicate();
      const told: string[] = [];
      try {
        subscriber.on("pmessage", (_pattern: unknown, channel: unknown) => told.push(String(channel)));
        await subscriber.psubscribe(`${keyOf("~s").replaceAll(/[\\{}[\]*?]/g, "\\$&")}*`);
        await writing.setMany([{ id: "a", state: "queued" }, { id: "b", state: "queued" }]);
        const end = waiting.waitFor("a");
        while ((await client.pubsub("NUMSUB", keyOf("~s:a")))[1] !== 1) await writing.get("a");
        // Its first look goes out once it hears.
        while (!trips().includes("get")) await client.ping();
        await writing.set("b", "succeeded");
        await writing.set("a", "succeeded");
        assert.equal((await withDeadline(end, 5_000)).state, "succeeded");
        assert.deepEqual(trips(), ["get"]);
        while ((await client.pubsub("NUMSUB", keyOf("~s")))[1] !== 0) await writing.get("a");
        await writing.set("c", "succeeded");
        await subscriber.ping();
        assert.deepEqual(told, [keyOf("~s:b"), keyOf("~s:a")]);
      } finally {
        subscriber.disconnect();
      }
    }),
);
