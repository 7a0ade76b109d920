import assert from "node:assert/strict";
import { test } from "node:test";
import type { Delivery } from "../../src/model/delivery.ts";
import { envelope } from "../../src/model/envelope.ts";
import { InMemoryBroker, InMemoryResultBackend, memory, MemoryDatabase } from "../../src/memory.ts";
import { ManualClock } from "../../src/time/manual-clock.ts";

const timeout = 60_000;

/** What the kit cannot see from outside: what the database still holds. */
function heldIn(database: MemoryDatabase, namespace = "stem"): Record<string, number> {
  const space = database.space(namespace);
  return {
    envelopes: space.envelopes.size,
    queues: space.queues.size,
    channels: space.channels.size,
    queueWakes: space.queueWakes.size,
    statusWakes: space.statusWakes.size,
  };
}

const nothing = { envelopes: 0, queues: 0, channels: 0, queueWakes: 0, statusWakes: 0 };

test("100,000 envelopes of mixed priorities come back by priority, then by publication", { timeout }, async () => {
  const broker = new InMemoryBroker();
  const sent = Array.from({ length: 100_000 }, (_, at) => envelope({ name: "t", priority: (at * 7) % 10 }));
  for (let at = 0; at < sent.length; at += 1_000) await broker.publish(sent.slice(at, at + 1_000));
  const claimed: string[] = [];
  for (;;) {
    const deliveries = await broker.claim({ queues: ["default"], limit: 1_000, consumer: "c" });
    if (deliveries.length === 0) break;
    claimed.push(...deliveries.map((delivery) => delivery.envelope.id));
    await broker.settle(deliveries.map((delivery) => ({ delivery, settlement: { kind: "ack" } })));
  }
  const expected = sent.map((sentEnvelope, at) => ({ ...sentEnvelope, at })).sort((a, b) => b.priority - a.priority || a.at - b.at);
  assert.deepEqual(claimed, expected.map(({ id }) => id));
  await broker.close();
});

test("a claim costs the same however many wait: 300,000 waiting are claimed from as fast as 3,000", { timeout }, async () => {
  const perClaim = async (waiting: number): Promise<number> => {
    const broker = new InMemoryBroker();
    for (let at = 0; at < waiting; at += 1_000) await broker.publish(Array.from({ length: 1_000 }, () => envelope({ name: "t" })));
    let touched = 0;
    const startedAt = performance.now();
    for (let round = 0; round < 200; round++) {
      const deliveries = await broker.claim({ queues: ["default"], limit: 10, consumer: "c" });
      touched += deliveries.length;
      await broker.settle(deliveries.map((delivery) => ({ delivery, settlement: { kind: "nack", delayMs: 60_000 } })));
    }
    const spent = performance.now() - startedAt;
    assert.equal(touched, 2_000);
    await broker.close();
    return spent;
  };
  await perClaim(3_000);
  const [few, many] = [await perClaim(3_000), await perClaim(300_000)];
  // A scan would cost a hundred times as much; the rest is the noise of a busy machine.
  assert.ok(many < few * 15 + 50, `${few} ms with few, ${many} ms with many`);
});

test("claimers of other queues do not disturb the turns of a claim", { timeout }, async () => {
  const broker = new InMemoryBroker();
  for (const queue of ["a", "b", "x"]) {
    await broker.publish(Array.from({ length: 50 }, () => envelope({ name: "t", queue })));
  }
  const served: string[] = [];
  for (let round = 0; round < 20; round++) {
    const [delivery] = await broker.claim({ queues: ["a", "b"], limit: 1, consumer: "c" });
    served.push(delivery?.envelope.queue ?? "none");
    await broker.claim({ queues: ["x"], limit: 1, consumer: "other" });
  }
  assert.equal(served.filter((queue) => queue === "a").length, 10);
  assert.equal(served.filter((queue) => queue === "b").length, 10);
  await broker.close();
});

test("a queue that runs empty and is filled again all the time does not get ahead of a full one", { timeout }, async () => {
  const broker = new InMemoryBroker();
  await broker.publish(Array.from({ length: 50 }, () => envelope({ name: "t", queue: "full" })));
  const served: string[] = [];
  for (let round = 0; round < 20; round++) {
    if ((await broker.counts("thin")).ready === 0) await broker.publish([envelope({ name: "t", queue: "thin" })]);
    const [delivery] = await broker.claim({ queues: ["thin", "full"], limit: 1, consumer: "c" });
    assert.ok(delivery !== undefined);
    served.push(delivery.envelope.queue);
    await broker.ack(delivery);
  }
  assert.equal(served.filter((queue) => queue === "full").length, 10);
  await broker.close();
});

test("nothing is left of what was settled, waited for or listened to", { timeout }, async () => {
  const clock = new ManualClock();
  const database = new MemoryDatabase();
  const { broker, results, close } = memory({ database, clock });
  await broker.publish(["a", "b", "c"].map((queue) => envelope({ name: "t", queue })));
  const deliveries = await broker.claim({ queues: ["a", "b", "c"], limit: 3, consumer: "c" });
  const [first, second, third] = deliveries;
  assert.ok(first !== undefined && second !== undefined && third !== undefined);
  assert.deepEqual(
    await broker.settle([
      { delivery: first, settlement: { kind: "ack" } },
      { delivery: second, settlement: { kind: "deadLetter", reason: "no" } },
      { delivery: third, settlement: { kind: "nack", delayMs: 5_000 } },
    ]),
    [true, true, true],
  );
  assert.equal(await broker.purge("c"), 1);

  const stop = new AbortController();
  const feed = await broker.subscribe("news", { signal: stop.signal });
  const waiting = broker.claim({ queues: ["a", "b"], limit: 1, consumer: "c", waitMs: 60_000, signal: stop.signal });
  const following = results.waitFor("task", { signal: stop.signal });
  await clock.waitForTimers(2);
  assert.deepEqual(heldIn(database), { envelopes: 0, queues: 0, channels: 1, queueWakes: 2, statusWakes: 1 });
  stop.abort(new Error("enough"));
  assert.deepEqual(await waiting, []);
  await assert.rejects(following, { message: "enough" });
  for await (const broadcast of feed) assert.fail(`heard ${JSON.stringify(broadcast)}`);
  assert.deepEqual(heldIn(database), nothing);
  assert.equal(clock.pending, 0);
  await close();
});

test("closing ends waits and gives back what a consumer holds ahead", { timeout }, async () => {
  const clock = new ManualClock();
  const database = new MemoryDatabase();
  const first = new InMemoryBroker({ database, clock });
  const second = new InMemoryBroker({ database, clock });
  await first.publish(Array.from({ length: 5 }, () => envelope({ name: "t" })));
  const held: Delivery[] = [];
  for await (const delivery of first.consume({ queues: ["default"], consumer: "c", prefetch: 5 })) {
    held.push(delivery);
    assert.equal((await second.counts("default")).inflight, 5);
    const closed = first.close();
    assert.equal(first.close(), closed);
    await closed;
  }
  assert.equal(held.length, 1);
  assert.deepEqual(await second.counts("default"), { ready: 4, delayed: 0, inflight: 1, dead: 0 });
  await second.close();
});

test("a caller that changes an envelope while its publication is under way changes nothing", { timeout }, async () => {
  const broker = new InMemoryBroker();
  const args = { list: [1] };
  const mine = { ...envelope({ name: "t", args }) };
  const published = broker.publish([mine]);
  args.list.push(2);
  mine.queue = "elsewhere";
  assert.deepEqual(await published, [true]);
  const [delivery] = await broker.claim({ queues: ["default"], limit: 1, consumer: "c" });
  assert.deepEqual(delivery?.envelope.args, { list: [1] });
  await broker.close();
});

test("texts beyond the limit are refused, and the error names task, id and size", { timeout }, async () => {
  const broker = new InMemoryBroker({ maxEnvelopeLength: 1_000 });
  const results = new InMemoryResultBackend({ maxPayloadLength: 1_000 });
  const large = "x".repeat(1_000);
  await assert.rejects(broker.publish([envelope({ name: "big", id: "e1", args: large })]), (error: Error) => {
    assert.equal(error.name, "PayloadError");
    assert.match(error.message, /"big".*"e1".*1\d{3} characters.*1000/);
    return true;
  });
  assert.equal((await broker.counts("default")).ready, 0);
  await assert.rejects(results.set("t1", "succeeded", { payload: large }), { name: "PayloadError", message: /"t1".*1002 characters/ });
  await assert.rejects(results.set("t1", "running", { progress: large }), { name: "PayloadError" });
  assert.equal(await results.get("t1"), undefined);
  await Promise.all([broker.close(), results.close()]);
});

test("stores of one database join, others do not", () => {
  const database = new MemoryDatabase();
  const broker = new InMemoryBroker({ database });
  assert.equal(broker.joinWith(new InMemoryResultBackend({ database }))?.atomic, true);
  assert.equal(broker.joinWith(new InMemoryResultBackend({ database, namespace: "other" })), undefined);
  assert.equal(broker.joinWith(new InMemoryResultBackend()), undefined);
});
