/** What Redis schedule stores do beyond the laws: what they leave in the server, how often they ask it, and what races do to them. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { RedisStreamsBroker } from "../../src/adapters/redis/broker.ts";
import { RedisResultBackend } from "../../src/adapters/redis/results.ts";
import { RedisScheduleStore } from "../../src/adapters/redis/schedules.ts";
import { StoreError } from "../../src/errors.ts";
import { envelope } from "../../src/mod.ts";
import type { ScheduleInput } from "../../src/model/schedule.ts";
import { needsRedis } from "../support/servers.ts";
import { withRedis } from "./databases.ts";

const options = { ...needsRedis, timeout: 30_000 };

/** An entry whose slot has come. */
function due(id: string): ScheduleInput {
  return { id, spec: { kind: "clocked", at: 1_000 }, task: { name: "t" } };
}

const claim = { limit: 1_000, owner: "beat", leaseMs: 60_000 };

test(
  "redis: an entry that was completed and removed leaves nothing but the counter",
  options,
  () =>
    withRedis(async ({ hold, namespace, keys }) => {
      const store = new RedisScheduleStore(hold, { namespace });
      for (const id of ["a", "b {}", "c\nd"]) await store.upsert(due(id));
      assert.deepEqual(await keys(), ["c:a", "c:b {}", "c:c\nd", "cd", "ci"]);
      const claims = await store.claimDue(claim);
      assert.deepEqual(claims.map(({ entry }) => entry.id), ["a", "b {}", "c\nd"]);
      for (const held of claims) assert.equal(await store.complete(held, { kind: "dispatched", taskId: "x" }), true);
      assert.deepEqual(await keys(), ["#", "c:a", "c:b {}", "c:c\nd", "ca", "ch:a", "ch:b {}", "ch:c\nd", "ci"]);
      for (const id of ["a", "b {}", "c\nd"]) assert.equal(await store.remove(id), true);
      assert.deepEqual(await keys(), ["#"]);
    }),
);

test("redis: history is bounded by number in both of its indexes", options, () =>
  withRedis(async ({ hold, namespace, client, keyOf }) => {
    const store = new RedisScheduleStore(hold, { namespace, historyCount: 3 });
    await store.upsert({ id: "a", spec: { kind: "interval", everyMs: 1 }, task: { name: "t" }, startAt: 1_000 });
    for (let run = 0; run < 10; run++) {
      let [held] = await store.claimDue(claim);
      // The next one is due in the next millisecond.
      while (held === undefined) [held] = await store.claimDue(claim);
      await store.complete(held, { kind: "dispatched", nextRunAt: held.slot + 1 });
    }
    assert.deepEqual([await client.zcard(keyOf("ch:a")), await client.zcard(keyOf("ca"))], [3, 3]);
    assert.equal((await store.history("a")).items.length, 3);
  }));

test(
  "redis: a thousand slots are claimed, and completed with their tasks, in one trip each",
  options,
  () =>
    withRedis(async ({ hold, namespace, trips }) => {
      const store = new RedisScheduleStore(hold, { namespace });
      const broker = new RedisStreamsBroker(hold, { namespace });
      const ledger = broker.joinWith(new RedisResultBackend(hold, { namespace }));
      assert.ok(ledger !== undefined);
      await store.upsert(due("warm"));
      const warm = await store.claimDue(claim);
      await store.completeAndPublish(warm.map((held) => ({ claim: held, outcome: { kind: "skipped" }, envelopes: [] })), ledger);
      await Promise.all(Array.from({ length: 1_000 }, (_, at) => store.upsert(due(`entry ${at}`))));
      trips();
      const claims = await store.claimDue(claim);
      const slots = claims.map((held) => ({ claim: held, outcome: { kind: "dispatched" as const }, envelopes: [envelope({ name: "t" })] }));
      assert.deepEqual(new Set(await store.completeAndPublish(slots, ledger)), new Set([true]));
      assert.deepEqual(trips(), ["claimDue", "completeSlots"]);
      assert.equal((await broker.counts("default")).ready, 1_000);
    }),
);

test("redis: changes that race from two connections all count, a version each", options, () =>
  withRedis(async ({ hold, namespace }) => {
    await withRedis(async ({ hold: elsewhere }) => {
      const [here, there] = [new RedisScheduleStore(hold, { namespace }), new RedisScheduleStore(elsewhere, { namespace })];
      const written = await Promise.all(
        Array.from({ length: 40 }, (_, at) => (at % 2 === 0 ? here : there).upsert({ ...due("a"), meta: { at } })),
      );
      assert.deepEqual(
        written.map(({ version }) => version).toSorted((a, b) => a - b),
        Array.from({ length: 40 }, (_, at) => at + 1),
      );
    }, { namespace });
  }));

test("redis: of twenty who claim one slot over several connections one gets it", options, () =>
  withRedis(async ({ hold, namespace }) => {
    await withRedis(async ({ hold: elsewhere }) => {
      const [here, there] = [new RedisScheduleStore(hold, { namespace }), new RedisScheduleStore(elsewhere, { namespace })];
      await here.upsert(due("a"));
      const claims = await Promise.all(Array.from({ length: 20 }, (_, at) => (at % 2 === 0 ? here : there).claimDue(claim)));
      assert.equal(claims.flat().length, 1);
    }, { namespace });
  }));

for (const key of ["ci", "cd", "cl", "ca", "ch:a", "si", "qr:default"]) {
  test(
    `redis: a key that holds something else refuses a completion as a whole: ${key}`,
    options,
    () =>
      withRedis(async ({ hold, namespace, client, keyOf, keys }) => {
        const store = new RedisScheduleStore(hold, { namespace });
        const ledger = new RedisStreamsBroker(hold, { namespace }).joinWith(new RedisResultBackend(hold, { namespace }));
        assert.ok(ledger !== undefined);
        await store.upsert(due("a"));
        const [held] = await store.claimDue(claim);
        assert.ok(held !== undefined);
        const before = await client.get(keyOf("c:a"));
        await client.del(keyOf(key));
        await client.lpush(keyOf(key), "something else");
        const kept = await keys();
        await assert.rejects(
          store.completeAndPublish([{ claim: held, outcome: { kind: "dispatched" }, envelopes: [envelope({ name: "t" })] }], ledger),
          (error) => StoreError.is(error) && !error.retryable,
        );
        assert.deepEqual([await keys(), await client.get(keyOf("c:a"))], [kept, before]);
      }),
  );
}

for (const key of ["ci", "cd", "cl", "#"]) {
  test(
    `redis: a key that holds something else refuses claims, changes and removals as a whole: ${key}`,
    options,
    () =>
      withRedis(async ({ hold, namespace, client, keyOf, keys }) => {
        const store = new RedisScheduleStore(hold, { namespace });
        await store.upsert(due("a"));
        const before = await client.get(keyOf("c:a"));
        await client.del(keyOf(key));
        await client.lpush(keyOf(key), "something else");
        const kept = await keys();
        const refused = (error: unknown): boolean => StoreError.is(error) && !error.retryable;
        await assert.rejects(store.claimDue(claim), refused);
        if (key !== "#") {
          await assert.rejects(store.upsert({ ...due("a"), meta: { changed: true } }), refused);
          await assert.rejects(store.upsert(due("b")), refused);
          await assert.rejects(store.remove("a"), refused);
        }
        assert.deepEqual([await keys(), await client.get(keyOf("c:a"))], [kept, before]);
      }),
  );
}

test(
  "redis: schedules that the server has lost keep no other from being listed and claimed",
  options,
  () =>
    withRedis(async ({ hold, namespace, client, keyOf, keys }) => {
      const store = new RedisScheduleStore(hold, { namespace });
      for (const id of ["a", "b", "c"]) await store.upsert(due(id));
      await client.del(keyOf("c:a"), keyOf("c:b"));
      assert.deepEqual((await store.list()).items.map(({ id }) => id), ["c"]);
      assert.deepEqual((await store.claimDue(claim)).map(({ entry }) => entry.id), ["c"]);
      assert.deepEqual(await keys(), ["#", "c:c", "ci", "cl"]);
    }),
);

test(
  "redis: schedules are listed by the bytes of their ids, page by page, whatever characters they hold",
  options,
  () =>
    withRedis(async ({ hold, namespace }) => {
      const store = new RedisScheduleStore(hold, { namespace });
      // By UTF-16 the last two would stand the other way round.
      const ids = ["(a", "+", "-", "[a", "a", "a b", "a{b}", "z\n", "é", "\uFFFD", "\u{1F600}"];
      for (const id of ids.toReversed()) await store.upsert(due(id));
      const listed: string[] = [];
      for (let cursor: string | undefined, more = true; more;) {
        const page = await store.list({ limit: 2, ...(cursor === undefined ? {} : { cursor }) });
        listed.push(...page.items.map(({ id }) => id));
        cursor = page.cursor;
        more = cursor !== undefined;
      }
      assert.deepEqual(listed, ids);
    }),
);

test(
  "redis: a slot whose lease ran out is claimed anew, or completed by whoever held it, and held by nobody twice",
  options,
  () =>
    withRedis(async ({ hold, namespace, client, keyOf, keys }) => {
      const store = new RedisScheduleStore(hold, { namespace });
      await store.upsert(due("a"));
      await store.upsert(due("b"));
      const first = await store.claimDue({ ...claim, leaseMs: 1 });
      assert.equal(await store.nextDueIn().then((inMs = Infinity) => inMs <= 1), true);
      // As if their leases had ended an hour ago.
      await client.zadd(keyOf("cl"), 1, "a", 1, "b");
      const [again] = await store.claimDue({ ...claim, limit: 1 });
      assert.equal(again?.entry.id, "a");
      assert.deepEqual(await Promise.all(first.map((held) => store.complete(held, { kind: "dispatched" }))), [false, true]);
      assert.deepEqual(await keys(), ["#", "c:a", "c:b", "ca", "ch:b", "ci", "cl"]);
      assert.ok(again !== undefined && await store.complete(again, { kind: "dispatched" }));
      assert.deepEqual(await keys(), ["#", "c:a", "c:b", "ca", "ch:a", "ch:b", "ci"]);
    }),
);

test(
  "redis: a sweep lets go of what is too old in both of its indexes, in steps",
  options,
  () =>
    withRedis(async ({ hold, namespace, client, keyOf, keys }) => {
      const store = new RedisScheduleStore(hold, { namespace, historyAge: "1h" });
      for (const id of ["a", "b", "c"]) await store.upsert(due(id));
      for (const held of await store.claimDue(claim)) await store.complete(held, { kind: "skipped" });
      assert.equal(await store.sweep(), 0);
      // As if all but the last had come about long ago.
      await client.zadd(keyOf("ca"), "XX", 1, "a\x001000", 1, "b\x001000");
      assert.deepEqual([await store.sweep({ limit: 1 }), await store.sweep({ limit: 10 }), await store.sweep()], [1, 1, 0]);
      assert.deepEqual(await keys(), ["#", "c:a", "c:b", "c:c", "ca", "ch:c", "ci"]);
    }),
);

test("redis: whoever watches hears of changes on another connection at once", options, () =>
  withRedis(async ({ hold, namespace }) => {
    await withRedis(async ({ hold: elsewhere }) => {
      const ending = new AbortController();
      const there = new RedisScheduleStore(elsewhere, { namespace });
      const watch = (await new RedisScheduleStore(hold, { namespace }).watch({ signal: ending.signal }))[Symbol.asyncIterator]();
      const heard = async (change: () => Promise<unknown>): Promise<void> => {
        const news = watch.next();
        await change();
        assert.equal((await news).done, false);
      };
      await heard(() => there.upsert(due("a")));
      const held = await there.claimDue(claim);
      await heard(() => there.release(held));
      const [again] = await there.claimDue(claim);
      assert.ok(again !== undefined);
      await heard(() => there.complete(again, { kind: "skipped" }));
      await heard(() => there.remove("a"));
      ending.abort();
      assert.equal((await watch.next()).done, true);
    }, { namespace });
  }));
