/** What Redis brokers and ledgers do beyond the laws: what they leave in the server, how often they ask it, and what becomes of a server in trouble. */

import assert from "node:assert/strict";
import { setMaxListeners } from "node:events";
import { test } from "node:test";
import { RedisStreamsBroker } from "../../src/adapters/redis/broker.ts";
import { RedisResultBackend } from "../../src/adapters/redis/results.ts";
import { StoreError } from "../../src/errors.ts";
import type { Delivery } from "../../src/model/delivery.ts";
import type { Envelope, EnvelopeInput } from "../../src/model/envelope.ts";
import { envelope } from "../../src/model/envelope.ts";
import type { TaskLedger } from "../../src/contracts/task-ledger.ts";
import { ManualClock } from "../../src/time/manual-clock.ts";
import { startRedis } from "../support/redis-server.ts";
import { needsRedis, needsRedisProgram } from "../support/servers.ts";
import type { FreshRedis } from "./databases.ts";
import { withRedis } from "./databases.ts";

const options = { ...needsRedis, timeout: 60_000 };
const all = { queues: ["default"], limit: 1_000, consumer: "w" };

interface Stores extends FreshRedis {
  readonly broker: RedisStreamsBroker;
  readonly results: RedisResultBackend;
  readonly ledger: TaskLedger;
}

function withStores(work: (stores: Stores) => Promise<void>, more: Parameters<typeof withRedis>[1] = {}): Promise<void> {
  return withRedis(async (fresh) => {
    const { clock } = more;
    const { hold, namespace } = fresh;
    const use = { namespace, ...(clock === undefined ? {} : { clock }) };
    const [broker, results] = [new RedisStreamsBroker(hold, use), new RedisResultBackend(hold, use)];
    const ledger = broker.joinWith(results);
    assert.ok(ledger !== undefined);
    await work({ ...fresh, broker, results, ledger });
    await Promise.all([broker.close(), results.close()]);
  }, more);
}

function tasks(count: number, input: Partial<EnvelopeInput> = {}): readonly Envelope[] {
  return Array.from({ length: count }, (_, at) => envelope({ name: "n", ...input, id: `task ${at}` }));
}

async function claimAll(claim: TaskLedger["claim"]): Promise<readonly Delivery[]> {
  const found: Delivery[] = [];
  for (;;) {
    const some = await claim(all);
    if (some.length === 0) return found;
    found.push(...some);
  }
}

const success = (delivery: Delivery) => ({ delivery, settlement: { kind: "ack" }, status: { state: "succeeded", ttlMs: 1_000 } }) as const;

test(
  "redis: whatever became of envelopes, nothing but the counter is left once all are gone",
  options,
  () =>
    withStores(async ({ broker, keys }) => {
      const queues = ["a", "b:{c}", "*"];
      await broker.publish(queues.flatMap((queue) => [1, 2, 3, 4, 5, 6].map((at) => envelope({ name: "n", queue, id: `${queue} ${at}` }))));
      await broker.publish([envelope({ name: "n", queue: "a", delayMs: 3_600_000 })]);
      const deliveries = await broker.claim({ ...all, queues });
      assert.equal(deliveries.length, 18);
      await broker.extendLease(deliveries, 60_000);
      const kinds = ["ack", "retry", "nack", "deadLetter"] as const;
      await broker.settle(
        deliveries.slice(4).map((delivery, at) => {
          const kind = kinds[at % 4] ?? "ack";
          return { delivery, settlement: kind === "deadLetter" ? { kind, reason: "r" } : { kind } };
        }),
      );
      await broker.deadLetters.replay({ limit: 1 });
      for (const queue of queues) await broker.purge(queue);
      await broker.deadLetters.purge();
      await broker.settle(deliveries.map((delivery) => ({ delivery, settlement: { kind: "ack" } })));
      // The order of service is forgotten an hour after the last claim of several queues.
      assert.deepEqual(await keys(), ["#", "served"]);
    }),
);

test("redis: tasks that have ended leave nothing but the counter once their statuses and letters are over and swept", options, () => {
  const clock = new ManualClock();
  return withStores(async ({ broker, results, ledger, keys }) => {
    await ledger.enqueue(tasks(50));
    const deliveries = await ledger.claim(all);
    await ledger.finish(deliveries.slice(1).map(success));
    const [first] = deliveries;
    assert.ok(first !== undefined);
    await ledger.finish([{
      delivery: first,
      settlement: { kind: "deadLetter", reason: "r" },
      status: { state: "failed", error: { name: "E", message: "m" }, ttlMs: 1_000 },
    }]);
    await clock.advance(8 * 24 * 3_600_000);
    assert.equal(await broker.sweep(), 1);
    assert.equal(await results.sweep(), 50);
    assert.deepEqual(await keys(), ["#"]);
  }, { clock });
});

test("redis: ten thousand tasks go through in one batch of each step", options, () =>
  withStores(async ({ broker, ledger, trips }) => {
    trips();
    assert.ok((await ledger.enqueue(tasks(10_000))).every((accepted) => accepted));
    assert.ok((await ledger.enqueue(tasks(10_000))).every((accepted) => !accepted));
    assert.deepEqual([...new Set(trips())], ["enqueue"]);
    const deliveries = await claimAll((claim) => ledger.claim(claim));
    assert.deepEqual(deliveries.map(({ envelope: { id } }) => id), tasks(10_000).map(({ id }) => id));
    trips();
    assert.ok((await broker.extendLease(deliveries, 60_000)).every((end) => end !== undefined));
    const half = deliveries.slice(0, 5_000);
    const outcomes = await ledger.finish([...half.map(success), ...deliveries.slice(5_000).map(givenUp)]);
    assert.ok(outcomes.every(({ settled }) => settled));
    assert.deepEqual([...new Set(trips())], ["extendLease", "finish"]);
    assert.deepEqual(await broker.counts("default"), { ready: 0, delayed: 0, inflight: 0, dead: 5_000 });
    assert.equal((await ledger.replay({ limit: 1_000 })).length, 1_000);
    assert.equal(await ledger.purge("default"), 1_000);
    assert.equal(await broker.deadLetters.purge(), 4_000);
  }));

const givenUp = (delivery: Delivery) =>
  ({ delivery, settlement: { kind: "deadLetter", reason: "r" }, status: { state: "failed", ttlMs: 1_000 } }) as const;

test("redis: a queue is emptied of thousands that have fallen due, and of those that are hidden", options, () => {
  const clock = new ManualClock();
  return withStores(async ({ broker, ledger }) => {
    await ledger.enqueue(tasks(3_000, { delayMs: 10 }));
    await ledger.enqueue(Array.from({ length: 300 }, (_, at) => envelope({ name: "n", delayMs: 60_000, priority: at % 10 })));
    await clock.advance(10);
    assert.equal(await ledger.purge("default"), 3_300);
    assert.deepEqual(await broker.counts("default"), { ready: 0, delayed: 0, inflight: 0, dead: 0 });
    await broker.publish(tasks(3_000, { delayMs: 10 }));
    await clock.advance(10);
    assert.equal(await broker.purge("default"), 3_000);
  }, { clock });
});

test("redis: thousands of dead letters of one millisecond are paged without a gap", options, () => {
  const clock = new ManualClock();
  return withStores(async ({ broker }) => {
    await broker.publish(tasks(2_500));
    const deliveries = await claimAll((claim) => broker.claim(claim));
    await broker.settle(deliveries.map((delivery) => ({ delivery, settlement: { kind: "deadLetter", reason: "r" } })));
    const seen: string[] = [];
    for (let cursor: string | undefined;;) {
      const page = await broker.deadLetters.list({ queue: "default" }, { limit: 700, ...(cursor === undefined ? {} : { cursor }) });
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.cursor;
      if (cursor === undefined) break;
    }
    assert.deepEqual(seen, deliveries.map(({ envelope: { id } }) => id).toSorted().toReversed());
  }, { clock });
});

test(
  "redis: places stay exact up to the largest number that is ever drawn",
  options,
  () =>
    withStores(async ({ broker, client, keyOf }) => {
      await client.set(keyOf("#"), "899999999990000");
      const ids: string[] = [];
      for (let at = 0; at < 40; at++) {
        const id = `${at}`;
        await broker.publish([envelope({ name: "n", id, priority: at % 2 === 0 ? 0 : 9 })]);
        ids.push(id);
      }
      const claimed = await broker.claim(all);
      const expected = [...ids.filter((_, at) => at % 2 === 1), ...ids.filter((_, at) => at % 2 === 0)];
      assert.deepEqual(claimed.map(({ envelope: { id } }) => id), expected);
      assert.ok(
        claimed.every(({ token }, at) => Number.isSafeInteger(token) && token > 899999999990000 && token > (claimed[at - 1]?.token ?? 0)),
      );
    }),
);

test(
  "redis: tokens and places go on rising where a restart has lost the latest writes",
  options,
  () =>
    withStores(async ({ broker, client, keyOf }) => {
      await broker.publish(tasks(1));
      const [before] = await broker.claim(all);
      assert.ok(before !== undefined);
      const [counter, place] = [await client.get(keyOf("#")), (await client.get(keyOf("e:task 0")))?.slice(0, 16)];
      await client.unlink(keyOf("#"), keyOf("e:task 0"), keyOf("qh:default"), keyOf("ql:default"));
      await broker.publish(tasks(1));
      const [after] = await broker.claim(all);
      assert.ok(after !== undefined && after.token > before.token, `${after?.token} after ${before.token} (${counter})`);
      assert.ok((await client.get(keyOf("e:task 0")) ?? "").slice(0, 16) > (place ?? ""));
      assert.equal(await broker.ack(before), false);
      assert.equal(await broker.ack(after), true);
    }),
);

test("redis: ids that look like parts of keys are kept apart", options, () =>
  withStores(async ({ broker, ledger, results }) => {
    const odd = ["#", "e:#", "qr:default", "a b", "{", "}", "~q:default", "\u{1f600}\uffff", "\u0001", "*", "1", "01", "%7b"];
    await ledger.enqueue(odd.map((id) => envelope({ id, name: id, queue: id, groupId: id, args: id })));
    const deliveries = await ledger.claim({ ...all, queues: odd });
    assert.deepEqual(
      deliveries.map(({ envelope: { id, queue, name, args } }) => JSON.stringify([id, queue, name, args])).toSorted(),
      odd.map((id) => JSON.stringify([id, id, id, id])).toSorted(),
    );
    const states = await results.getMany(odd);
    assert.deepEqual(
      states.map((status) => [status?.state, status?.name, status?.queue, status?.groupId]),
      odd.map((id) => ["running", id, id, id]),
    );
    assert.ok((await ledger.finish(deliveries.map(givenUp))).every(({ settled }) => settled));
    assert.deepEqual((await broker.deadLetters.list({ queue: "\u{1f600}\uffff" })).items.map(({ id }) => id), ["\u{1f600}\uffff"]);
    assert.deepEqual((await ledger.replay({ ids: odd })).toSorted(), odd.toSorted());
    assert.deepEqual(await ledger.cancel(odd), odd.map(() => "cancelled"));
  }));

test(
  "redis: a waiting claim asks once per look, and no more until something comes",
  options,
  () =>
    withStores(async ({ broker, database, namespace, trips, client, keyOf }) => {
      const quiet = new RedisStreamsBroker({ database, release: () => Promise.resolve() }, { namespace, pollMs: 60_000 });
      trips();
      const waiting = quiet.claim({ ...all, waitMs: 50_000 });
      while (Number((await client.call("PUBSUB", "NUMSUB", keyOf("~q:default")) as unknown[])[1]) === 0);
      await broker.publish(tasks(1, { delayMs: 60 }));
      const [delivery] = await waiting;
      const told = trips();
      assert.ok(delivery !== undefined);
      // Before the wait, at its begin, at the news of what is hidden, and when it is due; once more where a timer came a little early.
      assert.ok(told.filter((name) => name === "claim").length <= 5, told.join(" "));
      assert.deepEqual([...new Set(told)].toSorted(), ["claim", "publish"]);
      const published = await client.get(keyOf("e:task 0"));
      assert.ok(published !== null);
      await quiet.close();
    }),
);

test(
  "redis: a claim of more queues than are remembered otherwise serves each before any twice",
  options,
  () =>
    withStores(async ({ broker }) => {
      const queues = Array.from({ length: 1_200 }, (_, at) => `queue ${at}`);
      await broker.publish(queues.flatMap((queue) => [1, 2, 3].map((at) => envelope({ name: "n", queue, id: `${queue} ${at}` }))));
      for (const round of [1, 2]) {
        const served = new Set<string>();
        for (let claim = 0; claim < 12; claim++) {
          for (const delivery of await broker.claim({ ...all, queues, limit: 100 })) served.add(delivery.envelope.queue);
        }
        assert.equal(served.size, 1_200, `Round ${round}`);
      }
    }),
);

test("redis: one claim moves a thousand due envelopes at most, however many queues it serves", options, () => {
  const clock = new ManualClock();
  return withStores(async ({ broker, client, keyOf }) => {
    const queues = Array.from({ length: 20 }, (_, at) => `queue ${at}`);
    await broker.publish(
      queues.flatMap((queue) => Array.from({ length: 150 }, (_, at) => envelope({ name: "n", queue, id: `${queue} ${at}`, delayMs: 10 }))),
    );
    await clock.advance(10);
    const first = await broker.claim({ ...all, queues, limit: 20 });
    assert.deepEqual(new Set(first.map(({ envelope: { queue } }) => queue)), new Set(queues));
    const left = await Promise.all(queues.map((queue) => client.zcard(keyOf(`qd:${queue}`))));
    assert.equal(left.reduce((sum, count) => sum + count, 0), 2_000);
    let claimed = first.length;
    for (let some = first; some.length > 0; claimed += some.length) some = await broker.claim({ ...all, queues });
    assert.equal(claimed, 3_000);
  }, { clock });
});

test(
  "redis: one task wakes one of the claims that wait, and nobody stays behind",
  options,
  () =>
    withRedis(async ({ hold, namespace, trips, client, keyOf, keys }) => {
      const ends = new AbortController();
      setMaxListeners(0, ends.signal);
      const brokers = Array.from({ length: 20 }, () => new RedisStreamsBroker(hold, { namespace, pollMs: 60_000 }));
      const claims = brokers.map((broker) => broker.claim({ ...all, limit: 1, waitMs: 50_000, signal: ends.signal }));
      const publisher = new RedisStreamsBroker(hold, { namespace });
      const waiting = (queue = "default") => client.zcard(keyOf(`qw:${queue}`));
      while (await waiting() < 20);
      // One whose process is gone has waited for longer.
      await client.zadd(keyOf("qw:default"), 1, "gone");
      trips();
      await publisher.publish(tasks(1));
      await Promise.race(claims);
      assert.deepEqual(trips(), ["publish", "claim"]);
      await publisher.publish(Array.from({ length: 5 }, () => envelope({ name: "n" })));
      while (await waiting() > 14);
      const found: number[] = [];
      for (const claim of claims) void claim.then((deliveries) => found.push(deliveries.length));
      ends.abort();
      await Promise.all(claims);
      assert.equal(found.reduce((sum, count) => sum + count, 0), 6);
      while ((await keys()).some((key) => key.startsWith("qw:")));
      await Promise.all(brokers.map((broker) => broker.close()));
      await publisher.close();
    }),
);

test(
  "redis: a claim that was woken for more than it takes wakes the next one",
  options,
  () =>
    withRedis(async ({ hold, namespace, client, keyOf }) => {
      const [first, second, publisher] = [1, 2, 3].map(() => new RedisStreamsBroker(hold, { namespace, pollMs: 60_000 }));
      assert.ok(first !== undefined && second !== undefined && publisher !== undefined);
      const both = first.claim({ ...all, queues: ["a", "b"], limit: 1, waitMs: 50_000 });
      while (await client.zcard(keyOf("qw:b")) < 1);
      const one = second.claim({ ...all, queues: ["b"], waitMs: 50_000 });
      while (await client.zcard(keyOf("qw:b")) < 2);
      await publisher.publish([envelope({ name: "n", queue: "a" }), envelope({ name: "n", queue: "b" })]);
      const queues = (await Promise.all([both, one])).map((deliveries) => deliveries.map(({ envelope: { queue } }) => queue));
      assert.deepEqual(queues, [["a"], ["b"]]);
      await Promise.all([first, second, publisher].map((broker) => broker.close()));
    }),
);

test(
  "redis: a subscriber hears a channel that was silent for long, also where the server's clock was set back meanwhile",
  options,
  () =>
    withStores(async ({ broker, client, keyOf }) => {
      const ends = new AbortController();
      const heard = (await broker.subscribe("news", { signal: ends.signal }))[Symbol.asyncIterator]();
      await broker.broadcast("news", "first");
      const next = async (): Promise<unknown> => {
        const { done, value } = await heard.next();
        return done === true ? "the end" : value.message;
      };
      assert.equal(await next(), "first");
      // The stream has expired, and what comes now is older by the server's clock.
      await client.unlink(keyOf("b:news"));
      await client.xadd(keyOf("b:news"), "5-1", "text", '"again"', "sentAt", "5");
      await client.publish(keyOf("~b:news"), "");
      assert.equal(await next(), "again");
      ends.abort();
    }),
);

test("redis: scripts that the server forgot are sent again", options, () =>
  withStores(async ({ broker, client }) => {
    await broker.publish(tasks(1));
    await client.script("FLUSH");
    const [delivery] = await broker.claim(all);
    await client.script("FLUSH");
    assert.ok(delivery !== undefined);
    assert.equal(await broker.ack(delivery), true);
  }));

test("redis: envelopes that the server has lost hold nothing up", options, () =>
  withStores(async ({ broker, ledger, client, keyOf }) => {
    await ledger.enqueue(tasks(3));
    const held = await ledger.claim({ ...all, limit: 1 });
    await client.unlink(keyOf("e:task 0"), keyOf("e:task 1"));
    const [delivery] = await ledger.claim(all);
    assert.equal(delivery?.envelope.id, "task 2");
    assert.deepEqual(await broker.settle(held.map((lost) => ({ delivery: lost, settlement: { kind: "retry" } }))), [true]);
    assert.equal(await broker.ack(delivery), true);
    assert.deepEqual(await broker.counts("default"), { ready: 0, delayed: 0, inflight: 0, dead: 0 });
  }));

const structures = [
  "qr:default",
  "qd:default",
  "ql:default",
  "qh:default",
  "paused",
  "si",
  "sx",
  "sf:failed",
  "x",
  "xe",
  "xd:default",
  "xq:default",
  "gm:g",
  "g:g",
];

for (const name of structures) {
  test(
    `redis: a key of a wrong type refuses a step as a whole: ${name}`,
    options,
    () =>
      withStores(async ({ broker, results, ledger, client, keys, keyOf }) => {
        await results.initGroup({ id: "g", taskIds: ["task 1"] });
        await ledger.enqueue([envelope({ name: "n" })]);
        const [alone] = await ledger.claim(all);
        assert.ok(alone !== undefined);
        await ledger.enqueue([...tasks(4, { groupId: "g" })]);
        const deliveries = await ledger.claim({ ...all, limit: 2 });
        await broker.publish([envelope({ name: "n", delayMs: 3_600_000 })]);
        await client.unlink(keyOf(name));
        await client.call("XADD", keyOf(name), "*", "f", "v");
        const dump = async () =>
          Promise.all((await keys()).filter((key) => key !== "#").map(async (key) => [key, await client.dumpBuffer(keyOf(key))]));
        let before = await dump();
        const steps: readonly (() => Promise<unknown>)[] = [
          () => ledger.enqueue([envelope({ name: "n", id: "usual" })]),
          () => ledger.finish([{ ...success(alone), status: { state: "succeeded", ttlMs: 3_600_000 } }]),
          () => ledger.claim({ ...all, limit: 1 }),
          () => ledger.enqueue([envelope({ name: "n", id: "new" }), envelope({ name: "n", id: "later", delayMs: 3_600_000 })]),
          // Kept for so long that nothing goes by itself meanwhile.
          () => ledger.finish(deliveries.map((delivery) => ({ ...givenUp(delivery), status: { state: "failed", ttlMs: 3_600_000 } }))),
          () => broker.settle(deliveries.map((delivery) => ({ delivery, settlement: { kind: "deadLetter", reason: "r" } }))),
          () => broker.settle(deliveries.map((delivery) => ({ delivery, settlement: { kind: "nack", delayMs: 3_600_000 } }))),
          () => ledger.cancel(["task 0", "task 1", "task 2", "task 3"]),
          () => ledger.claim(all),
        ];
        let refused = 0;
        for (const step of steps) {
          const error = await step().then(() => undefined, (error: unknown) => error);
          const after = await dump();
          if (error !== undefined) {
            assert.ok(error instanceof StoreError, String(error));
            assert.deepEqual(after, before);
            refused += 1;
          }
          // It may have had no use for that key.
          before = after;
        }
        assert.ok(refused > 0, "Nothing was refused");
      }),
  );
}

test(
  "redis: a server whose memory is full refuses what is new and lets out what is there",
  { ...needsRedisProgram, timeout: 60_000 },
  async () => {
    await using server = await startRedis();
    await withStores(async ({ broker, ledger, results, client, keys }) => {
      await ledger.enqueue(tasks(100));
      await client.config("SET", "maxmemory", "1");
      const before = await keys();
      await assert.rejects(ledger.enqueue([envelope({ name: "n" })]), StoreError);
      await assert.rejects(broker.publish([envelope({ name: "n" })]), StoreError);
      assert.deepEqual(await keys(), before);
      const deliveries = await ledger.claim(all);
      assert.equal(deliveries.length, 100);
      assert.ok((await broker.extendLease(deliveries, 60_000)).every((end) => end !== undefined));
      assert.ok((await ledger.finish(deliveries.map(success))).every(({ settled }) => settled));
      assert.equal((await results.get("task 7"))?.state, "succeeded");
      assert.deepEqual(await broker.counts("default"), { ready: 0, delayed: 0, inflight: 0, dead: 0 });
    }, { url: server.url });
  },
);
