import type { Broker } from "../contracts/broker.ts";
import type { Delivery, Settlement } from "../model/delivery.ts";
import { DEFAULT_QUEUE } from "../model/envelope.ts";
import { equal, itemAt, ok, present } from "./assert.ts";
import { type CaseContext, type ConformanceCase, law, timedLaw } from "./case.ts";
import { claim, claimNothing, claimOne, expectCounts, idsOf } from "./steps.ts";
import { FAILURE } from "./values.ts";

const settlements: readonly Settlement[] = [{ kind: "ack" }, { kind: "retry" }, { kind: "nack" }, { kind: "deadLetter", reason: "rejected" }];

/** How a broker carries out what consumers decide. */
export const brokerSettleCases: readonly ConformanceCase[] = Object.freeze([
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
        equal(await broker.settle([{ delivery: forged, settlement }]), [false], `${settlement.kind} with token ${token - delivery.token} off`);
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

  timedLaw("[B12] an acknowledged envelope is never delivered again", async ({ broker, clock, envelope, second }) => {
    await broker.publish([envelope()]);
    equal(await broker.ack(await claimOne(broker)), true, "the acknowledgement");
    await expectCounts(broker, {}, "after it");
    await clock.advance(3_600_000);
    await claimNothing((await second()).broker, "an hour later");
    equal((await broker.deadLetters.list()).items, [], "the dead letters");
  }),

  law("[B1 B12] an acknowledged id may be published anew", async ({ broker, envelope }) => {
    const published = envelope({ args: 1, attempt: 4 });
    await broker.publish([published]);
    await broker.ack(await claimOne(broker));
    equal(await broker.publish([{ ...published, args: 2, attempt: 1 }]), [true], "the answer");
    const again = await claimOne(broker);
    equal(again.envelope, { ...published, args: 2, attempt: 1 }, "the envelope");
    equal([again.deliveryCount, again.redelivered], [1, false], "the delivery count and redelivered");
  }),

  timedLaw("[B13] a retry comes back at attempt + 1, at its time, as if delivered for the first time", async ({ broker, clock, envelope }) => {
    const published = envelope({ args: [1], headers: { h: "1" }, meta: { m: 1 }, maxRetries: 3, priority: 6 });
    await broker.publish([published]);
    await claimOne(broker, { leaseMs: 10 });
    await clock.advance(10);
    equal(await broker.retry(await claimOne(broker), 2_000), true, "the retry");
    await expectCounts(broker, { delayed: 1 }, "while it waits");
    await clock.advance(1_999);
    await claimNothing(broker, "a millisecond early");
    await clock.advance(1);
    const again = await claimOne(broker);
    equal(again.envelope, { ...published, attempt: 2 }, "the envelope");
    equal([again.deliveryCount, again.redelivered], [1, false], "the delivery count and redelivered");
    equal((await broker.deadLetters.list()).items, [], "the dead letters");
  }),

  timedLaw("[B13] a retry without delay is claimable at once, whatever delay it was published with", async ({ broker, clock, envelope }) => {
    await broker.publish([envelope({ delayMs: 1_000 }), envelope({ notBefore: clock.now() + 1_000 })]);
    await clock.advance(1_000);
    for (const delivery of await claim(broker)) equal(await broker.retry(delivery), true, "the retry");
    const again = await claim(broker);
    equal(again.map((delivery) => delivery.envelope.attempt), [2, 2], "the attempts");
  }),

  timedLaw("[B14] a put-back keeps its attempt and starts the delivery count again", async ({ broker, clock, envelope }) => {
    const published = envelope({ attempt: 3, args: "same" });
    await broker.publish([published]);
    await claimOne(broker, { leaseMs: 10 });
    await clock.advance(10);
    const second = await claimOne(broker);
    equal(second.deliveryCount, 2, "the delivery count before");
    equal(await broker.nack(second), true, "the put-back");
    await expectCounts(broker, { ready: 1 }, "after it");
    const again = await claimOne(broker);
    equal(again.envelope, published, "the envelope");
    equal([again.deliveryCount, again.redelivered], [1, false], "the delivery count and redelivered");
    equal((await broker.deadLetters.list()).items, [], "the dead letters");
  }),

  timedLaw("[B14] a put-back with a delay is hidden for that long", async ({ broker, clock, envelope }) => {
    await broker.publish([envelope()]);
    await broker.nack(await claimOne(broker), 700);
    await expectCounts(broker, { delayed: 1 }, "while it is hidden");
    await clock.advance(699);
    await claimNothing(broker, "a millisecond early");
    await clock.advance(1);
    equal((await claimOne(broker)).envelope.attempt, 1, "the attempt");
  }),

  timedLaw("[B14] a dead letter keeps reason, error and envelope, and is delivered no more", async ({ broker, clock, envelope, second }) => {
    const published = envelope({ name: "fragile", queue: "q", args: { a: 1 }, maxRetries: 1 });
    await broker.publish([published]);
    await broker.retry(await claimOne(broker, { queues: ["q"] }));
    equal(await broker.deadLetter(await claimOne(broker, { queues: ["q"] }), "no reason: at all", FAILURE), true, "the answer");
    equal(await broker.counts("q"), { ready: 0, delayed: 0, inflight: 0, dead: 1 }, "the counts");
    const letter = present(await (await second()).broker.deadLetters.get(published.id), "the dead letter");
    const { expiresAt, ...rest } = letter;
    equal(rest, {
      id: published.id,
      queue: "q",
      name: "fragile",
      reason: "no reason: at all",
      error: FAILURE,
      envelope: { ...published, attempt: 2 },
      diedAt: clock.now(),
    }, "the dead letter");
    ok(expiresAt > clock.now(), `Expected an expiry after ${clock.now()}, found ${expiresAt}`);
    await clock.advance(600_000);
    equal(await claim(broker, { queues: ["q"] }), [], "what is claimable later");
  }),

  law("[B14] a dead letter without an error has none", async ({ broker, envelope }) => {
    const published = envelope();
    await broker.publish([published]);
    await broker.deadLetter(await claimOne(broker), "rejected");
    equal("error" in present(await broker.deadLetters.get(published.id), "the dead letter"), false, "whether there is an error");
  }),

  timedLaw("[B15] one call settles each delivery by its own decision, the stale ones held up nothing", async ({ broker, clock, envelope }) => {
    const published = Array.from({ length: 6 }, (_, index) => envelope({ args: index }));
    await broker.publish(published);
    const stale = itemAt(await claim(broker, { limit: 1, leaseMs: 10 }), 0);
    await clock.advance(10);
    const deliveries = await claim(broker);
    equal(deliveries.length, 6, "how many are held");
    const answers = await broker.settle([
      { delivery: itemAt(deliveries, 1), settlement: { kind: "ack" } },
      { delivery: stale, settlement: { kind: "ack" } },
      { delivery: itemAt(deliveries, 2), settlement: { kind: "retry", delayMs: 500 } },
      { delivery: itemAt(deliveries, 3), settlement: { kind: "nack" } },
      { delivery: itemAt(deliveries, 4), settlement: { kind: "deadLetter", reason: "four", error: FAILURE } },
      { delivery: itemAt(deliveries, 5), settlement: { kind: "deadLetter", reason: "five" } },
    ]);
    equal(answers, [true, false, true, true, true, true], "the answers");
    await expectCounts(broker, { ready: 1, delayed: 1, inflight: 1, dead: 2 }, "the counts");
    equal((await broker.deadLetters.get(itemAt(published, 4).id))?.reason, "four", "the reason of one dead letter");
    equal((await broker.deadLetters.get(itemAt(published, 5).id))?.reason, "five", "the reason of the other");
    equal((await claimOne(broker)).envelope.args, 3, "what was put back");
    await clock.advance(500);
    const retried = await claimOne(broker);
    equal([retried.envelope.args, retried.envelope.attempt], [2, 2], "what was retried");
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

  law("[B15] 1,500 deliveries are settled in one call", async ({ broker, envelope }) => {
    await broker.publish(Array.from({ length: 1_500 }, () => envelope()));
    const deliveries = [...await claim(broker), ...await claim(broker)];
    const answers = await broker.settle(deliveries.map((delivery) => ({ delivery, settlement: { kind: "ack" } })));
    equal(answers, deliveries.map(() => true), "the answers");
    await expectCounts(broker, {}, "at the end");
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
    const counts = deliveries.map((_, index) => [first[index], then[deliveries.length - 1 - index], last[index]].filter((done) => done).length);
    equal(counts, deliveries.map(() => 1), "how often each was settled");
    equal((await claim(broker)).map((delivery) => delivery.envelope.attempt), deliveries.map(() => 2), "the attempts");
  }),

  timedLaw("[B16] an extension moves the expiry to now plus its time, and makes no copy", async ({ broker, clock, envelope, second }) => {
    const other = (await second()).broker;
    await broker.publish([envelope({ visibilityTimeoutMs: 1_000 })]);
    const delivery = await claimOne(broker);
    await clock.advance(900);
    equal(await broker.extendLease([delivery], 2_000), [clock.now() + 2_000], "the new expiry");
    await expectCounts(broker, { inflight: 1 }, "after the extension");
    await clock.advance(1_999);
    await claimNothing(other, "a millisecond before the new expiry");
    equal(await other.extendLease([delivery], 5_000), [clock.now() + 5_000], "a second extension with the same delivery");
    await clock.advance(4_999);
    await claimNothing(broker, "a millisecond before the second expiry");
    await clock.advance(1);
    const again = await claimOne(broker);
    equal([again.deliveryCount, again.redelivered], [2, true], "the delivery count and redelivered");
  }),

  timedLaw("[B16] an extension never shortens a lease", async ({ broker, clock, envelope }) => {
    await broker.publish([envelope()]);
    const delivery = await claimOne(broker, { leaseMs: 60_000 });
    equal(await broker.extendLease([delivery], 100), [delivery.leaseExpiresAt], "the expiry");
    await clock.advance(59_999);
    await claimNothing(broker, "a millisecond before the lease ends");
    await clock.advance(1);
    await claimOne(broker);
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
