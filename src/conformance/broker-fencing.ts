import type { Broker } from "../contracts/broker.ts";
import type { Delivery, Settlement } from "../model/delivery.ts";
import { DEFAULT_QUEUE } from "../model/envelope.ts";
import { equal, itemAt, ok } from "./assert.ts";
import { type CaseContext, type ConformanceCase, law, timedLaw } from "./case.ts";
import { claim, claimNothing, claimOne, expectCounts, idsOf } from "./steps.ts";

const settlements: readonly Settlement[] = [{ kind: "ack" }, { kind: "retry" }, { kind: "nack" }, {
  kind: "deadLetter",
  reason: "rejected",
}];

/** How a broker refuses those who hold a delivery no more. */
export const brokerFencingCases: readonly ConformanceCase[] = Object.freeze([
  ...settlements.map((settlement) =>
    timedLaw(`[B11] after a takeover the former holder's ${settlement.kind} is refused and changes nothing`, async (context) => {
      const { broker, clock, second } = context;
      const { stale, current } = await takeOver(context);
      equal(await broker.settle([{ delivery: stale, settlement }]), [false], "the former holder's settlement");
      equal(await (await second()).broker.settle([{ delivery: stale, settlement }]), [false], "the same from another connection");
      await expectCounts(broker, { inflight: 1 }, "after the refusal");
      equal(await broker.extendLease([current], 60_000), [clock.now() + 60_000], "the holder's extension");
      equal(await broker.ack(current), true, "the holder's acknowledgement");
      await expectCounts(broker, {}, "at the end");
    })
  ),

  timedLaw("[B11 B16] after a takeover the former holder's extension is refused and changes nothing", async (context) => {
    const { broker, clock } = context;
    const { stale, current } = await takeOver(context);
    equal(await broker.extendLease([stale], 600_000), [undefined], "the former holder's extension");
    clock.set(current.leaseExpiresAt - 1);
    await claimNothing(broker, "a millisecond before the holder's lease ends");
    clock.set(current.leaseExpiresAt);
    equal((await claimOne(broker)).deliveryCount, 3, "the delivery count after the holder's lease has ended");
  }),

  timedLaw("[B11] an expired lease that nobody took over can still be settled and extended", async ({ broker, clock, envelope }) => {
    await broker.publish([envelope(), envelope()]);
    const [one, two] = await claimTwo(broker, { leaseMs: 100 });
    await clock.advance(5_000);
    equal(await broker.ack(one), true, "the acknowledgement");
    equal(await broker.extendLease([two], 1_000), [clock.now() + 1_000], "the extension");
    await claimNothing(broker, "what was extended");
    equal(await broker.ack(two), true, "the acknowledgement of the other");
  }),

  law("[B11] a token that was never given out is refused", async ({ broker, envelope }) => {
    await broker.publish([envelope()]);
    const delivery = await claimOne(broker);
    for (const token of [delivery.token + 1, delivery.token - 1, delivery.token + 1_000_000]) {
      const forged = { ...delivery, token };
      for (const settlement of settlements) {
        equal(
          await broker.settle([{ delivery: forged, settlement }]),
          [false],
          `${settlement.kind} with token ${token - delivery.token} off`,
        );
      }
      equal(await broker.extendLease([forged], 1_000), [undefined], "an extension");
    }
    equal(await broker.ack(delivery), true, "the true token");
  }),

  law("[B11] the token counts, not who settles: any connection may", async ({ broker, envelope, second }) => {
    await broker.publish([envelope(), envelope()]);
    const [one, two] = await claimTwo(broker, { consumer: "first" });
    const other = (await second()).broker;
    equal(await other.ack({ ...one, consumer: "second" }), true, "an acknowledgement");
    ok((await other.extendLease([two], 1_000))[0] !== undefined, "Expected the extension to be accepted");
  }),

  ...settlements.map((settlement) =>
    law(`[B11] a delivery is settled once: ${settlement.kind}, then everything else is refused`, async ({ broker, envelope }) => {
      await broker.publish([envelope()]);
      const delivery = await claimOne(broker);
      equal(await broker.settle([{ delivery, settlement }]), [true], "the first settlement");
      const before = await broker.counts(DEFAULT_QUEUE);
      for (const later of settlements) equal(await broker.settle([{ delivery, settlement: later }]), [false], `a later ${later.kind}`);
      equal(await broker.extendLease([delivery], 1_000), [undefined], "a later extension");
      equal(await broker.counts(DEFAULT_QUEUE), before, "the counts after the refusals");
    })
  ),

  timedLaw("[B11 B12] a token of an earlier life of the same id is refused", async ({ broker, envelope }) => {
    const published = envelope();
    await broker.publish([published]);
    const earlier = await claimOne(broker);
    await broker.ack(earlier);
    await broker.publish([published]);
    const later = await claimOne(broker);
    equal(await broker.ack(earlier), false, "the earlier life's acknowledgement");
    equal(await broker.ack(later), true, "the later life's acknowledgement");
  }),

  timedLaw("[B11] a token is not given out again after a retry, put-back or replay", async ({ broker, envelope }) => {
    await broker.publish([envelope()]);
    const tokens: number[] = [];
    for (const settlement of [{ kind: "nack" }, { kind: "retry" }, { kind: "deadLetter", reason: "rejected" }, { kind: "ack" }] as const) {
      const delivery = await claimOne(broker);
      tokens.push(delivery.token);
      equal(await broker.settle([{ delivery, settlement }]), [true], settlement.kind);
      await broker.deadLetters.replay();
    }
    equal(tokens, [...new Set(tokens)].toSorted((a, b) => a - b), "the tokens, which rise");
  }),

  law("[B11 B15] a delivery that one call names twice is settled by the first decision", async ({ broker, envelope }) => {
    await broker.publish([envelope()]);
    const delivery = await claimOne(broker);
    const answers = await broker.settle([
      { delivery, settlement: { kind: "retry" } },
      { delivery, settlement: { kind: "ack" } },
    ]);
    equal(answers, [true, false], "the answers");
    equal((await claimOne(broker)).envelope.attempt, 2, "the attempt");
  }),

  law("[B11 B15] a settlement raced for over two connections happens once", async ({ broker, envelope, second }) => {
    const other = (await second()).broker;
    await broker.publish(Array.from({ length: 20 }, () => envelope()));
    const deliveries = await claim(broker);
    const requests = deliveries.map((delivery) => ({ delivery, settlement: { kind: "retry" } as const }));
    const [first, then, last] = await Promise.all([
      broker.settle(requests),
      other.settle(requests.toReversed()),
      broker.settle(requests),
    ]);
    const counts = deliveries.map((_, index) =>
      [first[index], then[deliveries.length - 1 - index], last[index]].filter((done) => done).length
    );
    equal(counts, deliveries.map(() => 1), "how often each was settled");
    equal((await claim(broker)).map((delivery) => delivery.envelope.attempt), deliveries.map(() => 2), "the attempts");
  }),

  timedLaw("[B11 B16] many leases are extended in one call, the stale ones answered as undefined", async ({ broker, clock, envelope }) => {
    await broker.publish([envelope(), envelope(), envelope(), envelope()]);
    const deliveries = await claim(broker, { leaseMs: 1_000 });
    await broker.ack(itemAt(deliveries, 1));
    await broker.nack(itemAt(deliveries, 2));
    const until = clock.now() + 3_000;
    equal(await broker.extendLease(deliveries, 3_000), [until, undefined, undefined, until], "the answers");
    await clock.advance(1_000);
    equal(idsOf(await claim(broker)), [itemAt(deliveries, 2).envelope.id], "what is claimable when the old leases would have ended");
  }),
]);

async function claimTwo(broker: Broker, options: Parameters<typeof claim>[1]): Promise<readonly [Delivery, Delivery]> {
  const deliveries = await claim(broker, options);
  return [itemAt(deliveries, 0), itemAt(deliveries, 1)];
}

async function takeOver({ broker, clock, envelope }: CaseContext): Promise<{ readonly stale: Delivery; readonly current: Delivery }> {
  await broker.publish([envelope()]);
  const stale = await claimOne(broker, { consumer: "same name", leaseMs: 1_000 });
  await clock.advance(1_000);
  return { stale, current: await claimOne(broker, { consumer: "same name", leaseMs: 30_000 }) };
}
