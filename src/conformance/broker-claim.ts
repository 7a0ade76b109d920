import type { Broker } from "../contracts/broker.ts";
import type { Delivery } from "../model/delivery.ts";
import { equal, itemAt, ok, only } from "./assert.ts";
import { type ConformanceCase, law, timedLaw } from "./case.ts";
import { claim, claimNothing, claimOne, expectCounts, idsOf } from "./steps.ts";

/** How a broker hands out envelopes: to whom, how many, and for how long. */
export const brokerClaimCases: readonly ConformanceCase[] = Object.freeze([
  law("[B6] a claimed envelope is handed to nobody else", async ({ broker, envelope, second }) => {
    await broker.publish([envelope()]);
    await claimOne(broker);
    await claimNothing(broker, "for the same consumer");
    await claimNothing((await second()).broker, "for a second connection");
    await expectCounts(broker, { inflight: 1 }, "while it is held");
  }),

  law("[B6] one envelope raced for by twenty claimers over two connections goes to one", async ({ broker, envelope, second }) => {
    const other = (await second()).broker;
    for (let round = 0; round < 5; round++) {
      await broker.publish([envelope()]);
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, index) => claim(index % 2 === 0 ? broker : other, { consumer: `racer-${index}` })),
      );
      equal(answers.flat().length, 1, "how many got it");
    }
  }),

  law("[B6] twenty racing claimers over two connections get each envelope once", async ({ broker, envelope, second }) => {
    const other = (await second()).broker;
    const published = Array.from({ length: 200 }, () => envelope());
    await broker.publish(published);
    const claimed = await Promise.all(Array.from({ length: 20 }, async (_, index) => {
      const mine: Delivery[] = [];
      for (let turn = 0; turn < 5; turn++) {
        mine.push(...await claim(index % 2 === 0 ? broker : other, { limit: 3, consumer: `racer-${index}` }));
      }
      return mine;
    }));
    const rest = await claim(broker);
    const ids = idsOf([...claimed.flat(), ...rest]);
    equal(ids.length, 200, "how many deliveries there were");
    equal(ids.toSorted(), published.map(({ id }) => id).toSorted(), "what was delivered");
  }),

  law("[B7] a claim answers with at most its limit, the rest stays", async ({ broker, envelope }) => {
    const published = Array.from({ length: 7 }, () => envelope());
    await broker.publish(published);
    const first = await claim(broker, { limit: 3 });
    equal(idsOf(first), published.slice(0, 3).map(({ id }) => id), "the first three");
    await expectCounts(broker, { ready: 4, inflight: 3 }, "after the first claim");
    equal((await claim(broker, { limit: 1_000 })).length, 4, "the rest");
  }),

  law("[B7] a claim serves the queues it names and no other", async ({ broker, envelope }) => {
    await broker.publish([envelope({ queue: "a", args: "a" }), envelope({ queue: "b", args: "b" }), envelope({ queue: "c", args: "c" })]);
    const claimed = await claim(broker, { queues: ["a", "c"] });
    equal(claimed.map((delivery) => delivery.envelope.queue).toSorted(), ["a", "c"], "what is claimed");
    equal(await claim(broker, { queues: ["a", "c", "nothing here"] }), [], "what is left in them");
    equal(idsOf(await claim(broker, { queues: ["b"] })).length, 1, "what is left in the third");
  }),

  law("[B7] the limit counts over all queues of the claim, which goes round them", async ({ broker, envelope }) => {
    await broker.publish(["a", "b", "c"].flatMap((queue) => [envelope({ queue }), envelope({ queue }), envelope({ queue })]));
    const first = await claim(broker, { queues: ["a", "b", "c"], limit: 4 });
    equal(perQueue(first, ["a", "b", "c"]).toSorted((a, b) => a - b), [1, 1, 2], "how many are claimed from each");
    equal((await claim(broker, { queues: ["a", "b", "c"], limit: 1_000 })).length, 5, "how many are left");
  }),

  law("[B7] what one queue does not have the others may give", async ({ broker, envelope }) => {
    await broker.publish([...Array.from({ length: 20 }, () => envelope({ queue: "a" })), envelope({ queue: "b" })]);
    equal(perQueue(await claim(broker, { queues: ["b", "none", "a"], limit: 10 }), ["a", "b"]), [9, 1], "how many are claimed from each");
  }),

  law("[B4 B7] within each queue of a claim the order holds", async ({ broker, envelope }) => {
    const priorities = [1, 8, 1, 8];
    await broker.publish(["a", "b"].flatMap((queue) => priorities.map((priority, index) => envelope({ queue, priority, args: index }))));
    const claimed = await claim(broker, { queues: ["b", "a"] });
    for (const queue of ["a", "b"]) {
      const order = claimed.filter((delivery) => delivery.envelope.queue === queue).map((delivery) => delivery.envelope.args);
      equal(order, [1, 3, 0, 2], `the order within the queue ${queue}`);
    }
  }),

  ...[10, 2, 1].map((limit) =>
    law(
      `[B7] a deep queue that is refilled all the time does not starve a shallow one: claims of ${limit}`,
      async ({ broker, envelope }) => {
        const deep = (count: number) => Array.from({ length: count }, () => envelope({ queue: "deep", priority: 9 }));
        for (const queues of [["deep", "shallow"], ["shallow", "deep"]]) {
          await broker.publish(deep(60));
          // The first claims rotate as they like; the shallow queue then has to be served within a round of its two queues.
          for (let turn = 0; turn < 3; turn++) await claim(broker, { queues, limit });
          await broker.publish([envelope({ queue: "shallow" })]);
          const rounds = await roundsUntilServed(broker, { queues, limit, refill: deep });
          ok(rounds <= (limit === 1 ? 2 : 1), `Expected the shallow one of ${queues.join(", ")} at once, it was served by claim ${rounds}`);
          await broker.purge("deep");
        }
      },
    )
  ),

  law("[B6 B9] a first delivery tells who holds it, since when and until when", async ({ broker, envelope }) => {
    const published = envelope();
    await broker.publish([published]);
    const delivery = await claimOne(broker, { consumer: "worker:1", leaseMs: 5_000 });
    equal(delivery.envelope, published, "the envelope");
    equal(delivery.consumer, "worker:1", "the consumer");
    equal(delivery.deliveryCount, 1, "the delivery count");
    equal(delivery.redelivered, false, "redelivered");
    equal(delivery.leaseExpiresAt - delivery.claimedAt, 5_000, "the lease");
    ok(Number.isSafeInteger(delivery.token) && delivery.token > 0, `Expected a token above zero, found ${delivery.token}`);
    ok(Number.isSafeInteger(delivery.claimedAt), `Expected whole milliseconds, found ${delivery.claimedAt}`);
  }),

  timedLaw("[B9] an expired lease makes the envelope claimable again, and tells so", async ({ broker, clock, envelope, second }) => {
    const published = envelope({ attempt: 2, maxRetries: 3 });
    await broker.publish([published]);
    const first = await claimOne(broker, { consumer: "slow", leaseMs: 1_000 });
    equal([first.claimedAt, first.leaseExpiresAt], [clock.now(), clock.now() + 1_000], "the lease");
    await clock.advance(999);
    await claimNothing(broker, "a millisecond before the lease ends");
    await clock.advance(1);
    await expectCounts(broker, { ready: 1 }, "when the lease has ended");
    const again = await claimOne((await second()).broker, { consumer: "quick" });
    equal(again.envelope, published, "the envelope, at the same attempt");
    equal([again.redelivered, again.deliveryCount, again.consumer], [true, 2, "quick"], "redelivered, count and consumer");
    ok(again.token > first.token, `Expected a token above ${first.token}, found ${again.token}`);
    await expectCounts(broker, { inflight: 1 }, "after the takeover");
  }),

  timedLaw("[B9] every further expiry counts on", async ({ broker, clock, envelope }) => {
    await broker.publish([envelope()]);
    const tokens = new Set<number>();
    for (let count = 1; count <= 5; count++) {
      const delivery = await claimOne(broker, { leaseMs: 100 });
      equal([delivery.deliveryCount, delivery.redelivered], [count, count > 1], "the delivery count and redelivered");
      tokens.add(delivery.token);
      await clock.advance(100);
    }
    equal(tokens.size, 5, "how many different tokens there were");
  }),

  timedLaw("[B6 B9] an expired lease raced for by twenty claimers goes to one", async ({ broker, clock, envelope, second }) => {
    const other = (await second()).broker;
    await broker.publish([envelope(), envelope(), envelope()]);
    equal((await claim(broker, { leaseMs: 1_000 })).length, 3, "what is held");
    await clock.advance(1_000);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => claim(index % 2 === 0 ? broker : other, { consumer: `racer-${index}` })),
    );
    const taken = answers.flat();
    equal(taken.length, 3, "how many were taken over");
    equal(new Set(idsOf(taken)).size, 3, "how many different ones");
    equal(taken.every((delivery) => delivery.redelivered && delivery.deliveryCount === 2), true, "whether all tell of the expiry");
  }),

  timedLaw("[B4 B9] what an expired lease gives back stands in the order of priorities", async ({ broker, clock, envelope }) => {
    await broker.publish([envelope({ priority: 2, args: "held" })]);
    await claimOne(broker, { leaseMs: 1_000 });
    await broker.publish([envelope({ priority: 1, args: "low" }), envelope({ priority: 3, args: "high" })]);
    await clock.advance(1_000);
    const claimed = await claim(broker);
    equal(claimed.map((delivery) => delivery.envelope.args), ["high", "held", "low"], "the order");
  }),

  timedLaw("[B10] a lease is 30 seconds when nobody says otherwise", async ({ broker, clock, envelope }) => {
    await broker.publish([envelope()]);
    const delivery = await claimOne(broker);
    equal(delivery.leaseExpiresAt, clock.now() + 30_000, "the expiry");
    await clock.advance(29_999);
    await claimNothing(broker, "a millisecond before the lease ends");
    await clock.advance(1);
    await claimOne(broker);
  }),

  timedLaw("[B10] the claim's lease wins over the default, the envelope's over the claim's", async ({ broker, clock, envelope }) => {
    await broker.publish([envelope(), envelope({ visibilityTimeoutMs: 500 }), envelope({ visibilityTimeoutMs: 90_000 })]);
    const claimed = await claim(broker, { leaseMs: 2_000 });
    equal(claimed.map((delivery) => delivery.leaseExpiresAt - clock.now()), [2_000, 500, 90_000], "the leases");
    const [plain, short, long] = [itemAt(claimed, 0), itemAt(claimed, 1), itemAt(claimed, 2)];
    await clock.advance(500);
    equal(only(await claim(broker)).envelope.id, short.envelope.id, "what is claimable after 500 ms");
    await clock.advance(1_500);
    equal(idsOf(await claim(broker)).toSorted(), [plain.envelope.id, short.envelope.id].toSorted(), "what is claimable after 2,000 ms");
    await clock.advance(87_999);
    ok(!idsOf(await claim(broker)).includes(long.envelope.id), "Expected the longest lease to hold until its end");
    await clock.advance(1);
    ok(idsOf(await claim(broker)).includes(long.envelope.id), "Expected the longest lease to have ended");
  }),
]);

function perQueue(deliveries: readonly Delivery[], queues: readonly string[]): readonly number[] {
  return queues.map((queue) => deliveries.filter((delivery) => delivery.envelope.queue === queue).length);
}

interface Serving {
  readonly queues: readonly string[];
  readonly limit: number;
  readonly refill: (count: number) => Parameters<Broker["publish"]>[0];
}

async function roundsUntilServed(broker: Broker, { queues, limit, refill }: Serving): Promise<number> {
  for (let round = 1; round <= 30; round++) {
    const claimed = await claim(broker, { queues, limit });
    equal(claimed.length, limit, "how many are claimed while there is plenty");
    await broker.settle(claimed.map((delivery) => ({ delivery, settlement: { kind: "ack" } })));
    if (claimed.some((delivery) => delivery.envelope.queue === "shallow")) return round;
    await broker.publish(refill(limit));
  }
  return Number.POSITIVE_INFINITY;
}
