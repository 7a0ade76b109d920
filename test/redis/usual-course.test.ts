/** Redis: the short courses that scripts take where all is as usual, and the claim that follows a task of its own process. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { RedisStreamsBroker } from "../../src/adapters/redis/broker.ts";
import { RedisLockStore } from "../../src/adapters/redis/locks.ts";
import { RedisResultBackend } from "../../src/adapters/redis/results.ts";
import type { Clock } from "../../src/time/clock.ts";
import type { TaskLedger } from "../../src/contracts/task-ledger.ts";
import { envelope } from "../../src/model/envelope.ts";
import { ManualClock } from "../../src/time/manual-clock.ts";
import { needsRedis } from "../support/servers.ts";
import type { FreshRedis } from "./databases.ts";
import { withRedis } from "./databases.ts";

const options = { ...needsRedis, timeout: 30_000 };
const all = { queues: ["q"], limit: 10, consumer: "w" };

interface Stores {
  readonly broker: RedisStreamsBroker;
  readonly results: RedisResultBackend;
  readonly ledger: TaskLedger;
  readonly close: () => Promise<unknown>;
}

/** Stores of their own, as another process has them. */
function storesOf({ hold, namespace }: FreshRedis, clock?: Clock): Stores {
  const use = { namespace, pollMs: 60_000, ...(clock === undefined ? {} : { clock }) };
  const [broker, results] = [new RedisStreamsBroker(hold, use), new RedisResultBackend(hold, use)];
  const ledger = broker.joinWith(results);
  assert.ok(ledger !== undefined);
  return { broker, results, ledger, close: () => Promise.all([broker.close(), results.close()]) };
}

/** Until so many claims wait, and know it. */
async function untilWaiting({ client, keyOf, database }: FreshRedis, count: number): Promise<void> {
  while (await client.zcard(keyOf("qw:q")) !== count);
  await database.read("get", "EXISTS", [keyOf("#")]);
}

test("redis: the usual course of a step leaves behind what the general one does", options, async () => {
  const input = { queue: "q", args: { n: 1 }, meta: { m: "1" }, priority: 7, attempt: 2, visibilityTimeoutMs: 5_000, resultTtlMs: 9_000 };
  const ids = ["a", "b", "c"];
  const three = ids.map((id) => envelope({ name: "n", id, ...input }));
  const leftBehind = async (isUsual: boolean): Promise<readonly unknown[]> => {
    const found: unknown[] = [];
    const clock = new ManualClock();
    await withRedis(async (fresh) => {
      const { broker, results, ledger, close } = storesOf(fresh, clock);
      const { client, keys, keyOf } = fresh;
      // One of another queue, which waits for a time of its own, has the script go the general course.
      const besides = isUsual ? [] : [envelope({ name: "n", id: "besides", queue: "other", delayMs: 3_600_000 })];
      const look = async (): Promise<void> => {
        const counted = await broker.counts("q");
        const left = (await keys()).filter((key) => !/besides|other/.test(key));
        const types = await Promise.all(left.map((key) => client.type(keyOf(key))));
        const kept = await Promise.all(left.map(async (key) => await client.pttl(keyOf(key)) > 0));
        const listed = (await results.list()).items.filter(({ id }) => id !== "besides");
        found.push(await results.getMany(ids), listed, counted, left.map((key, at) => [key, types[at], kept[at]]));
      };
      assert.ok((await ledger.enqueue([...three, ...besides])).every(Boolean));
      await look();
      await clock.advance(10);
      const claimed = await ledger.claim({ ...all, limit: 2, queues: isUsual ? ["q"] : ["q", "other"] });
      found.push(claimed.map(({ token: _, ...delivery }) => delivery));
      await client.del(keyOf("served"));
      await look();
      await clock.advance(10);
      const status = { state: "succeeded", payload: [1], meta: { m: "2" }, ttlMs: 60_000 } as const;
      const completions = claimed.map((delivery) => ({ delivery, settlement: { kind: "ack" } as const, status }));
      const stale = completions.slice(0, 1).map((completion) => ({ ...completion, delivery: { ...completion.delivery, token: 1 } }));
      const outcomes = await ledger.finish([...completions, ...(isUsual ? [] : stale)]);
      found.push(outcomes.slice(0, 2));
      await look();
      await close();
    }, { clock });
    return found;
  };
  assert.deepEqual(await leftBehind(true), await leftBehind(false));
});

test("redis: a lock that is taken and given back alone leaves behind what one does that goes with others", options, async () => {
  const leftBehind = async (isAlone: boolean): Promise<readonly unknown[]> => {
    const found: unknown[] = [];
    const clock = new ManualClock();
    await withRedis(async (fresh) => {
      const { hold, namespace, client, keys, keyOf } = fresh;
      const locks = new RedisLockStore(hold, { namespace, clock, pollMs: 60_000 });
      const all = isAlone ? ["a"] : ["a", "b"];
      const look = async (): Promise<void> => {
        const left = (await keys()).filter((key) => key !== "l:b" && key !== "#");
        const values = await Promise.all(left.map((key) => key === "l:a" ? client.get(keyOf(key)) : client.zscore(keyOf(key), "a")));
        const kept = await Promise.all(left.map(async (key) => await client.pttl(keyOf(key)) > 0));
        found.push(left.map((key, at) => [key, values[at], kept[at]]), await locks.ownerOf("a"));
      };
      const held = await Promise.all(all.map((key) => locks.acquire(key, { owner: "one two", ttl: "5s" })));
      await look();
      const again = await Promise.all(all.map((key) => locks.acquire(key, { owner: "other", ttl: "5s" })));
      found.push(again[0]);
      const waits = locks.acquire("a", { owner: "other", ttl: "5s", wait: "20s" });
      // It has looked, and hears of what becomes of the key.
      while (await client.pubsub("NUMSUB", keyOf("~l:a")).then(([, count]) => Number(count)) === 0);
      await hold.database.read("get", "EXISTS", [keyOf("#")]);
      found.push((await Promise.all(held.flatMap((lock) => lock === undefined ? [] : [lock.release()])))[0]);
      found.push((await waits)?.owner);
      await look();
      await locks.close();
    }, { clock });
    return found;
  };
  const alone = await leftBehind(true);
  // Of two locks each draws a token.
  const texts = (found: readonly unknown[]) => found.map((value) => JSON.stringify(value)?.replaceAll(/\d{15}/g, "token"));
  assert.deepEqual(texts(alone), texts(await leftBehind(false)));
  assert.deepEqual([alone[2], alone[3], alone[4]], [undefined, true, "other"]);
});

test(
  "redis: a claim that waits where a task is enqueued goes out right behind it, and nobody is woken",
  options,
  () =>
    withRedis(async (fresh) => {
      const [here, elsewhere] = [storesOf(fresh), storesOf(fresh)];
      // The server learns the scripts.
      await here.ledger.enqueue([envelope({ name: "n", queue: "other" })]);
      const [first, second] = [here, elsewhere].map(({ ledger }) => ledger.claim({ ...all, waitMs: 20_000 }));
      await untilWaiting(fresh, 2);
      fresh.trips();
      await here.ledger.enqueue([envelope({ name: "n", queue: "q", id: "a" })]);
      assert.deepEqual((await first)?.map(({ envelope: { id } }) => id), ["a"]);
      assert.deepEqual(fresh.trips(), ["enqueue", "claim"]);
      await untilWaiting(fresh, 1);
      // More than the one here takes.
      await here.ledger.enqueue([envelope({ name: "n", queue: "q", id: "b" })]);
      assert.deepEqual((await second)?.map(({ envelope: { id } }) => id), ["b"]);
      await Promise.all([here.close(), elsewhere.close()]);
    }),
);

test("redis: a task whose follower gives up meanwhile goes to another claim that waits", options, () =>
  withRedis(async (fresh) => {
    const [here, elsewhere] = [storesOf(fresh), storesOf(fresh)];
    for (let round = 0; round < 20; round++) {
      const [ends, done] = [new AbortController(), new AbortController()];
      const claims = [
        here.ledger.claim({ ...all, waitMs: 20_000, signal: ends.signal }),
        elsewhere.ledger.claim({ ...all, waitMs: 20_000, signal: done.signal }),
      ];
      await untilWaiting(fresh, 2);
      const enqueued = here.ledger.enqueue([envelope({ name: "n", queue: "q", id: `${round}` })]);
      for (let turn = 0; turn < round; turn++) await Promise.resolve();
      ends.abort();
      await enqueued;
      const some = await Promise.any(claims.map(async (claim) => {
        const deliveries = await claim;
        if (deliveries.length === 0) throw new Error("This one went without");
        return deliveries;
      }));
      assert.deepEqual(some.map(({ envelope: { id } }) => id), [`${round}`]);
      done.abort();
      await Promise.all(claims);
      assert.ok(await here.broker.settle(some.map((delivery) => ({ delivery, settlement: { kind: "ack" } }))));
      await untilWaiting(fresh, 0);
    }
    await Promise.all([here.close(), elsewhere.close()]);
  }));
