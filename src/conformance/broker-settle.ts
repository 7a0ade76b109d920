import { equal, itemAt, ok, present } from "./assert.ts";
import { type ConformanceCase, law, timedLaw } from "./case.ts";
import { claim, claimNothing, claimOne, expectCounts } from "./steps.ts";
import { FAILURE } from "./values.ts";

/** How a broker carries out what consumers decide. */
export const brokerSettleCases: readonly ConformanceCase[] = Object.freeze([
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

  timedLaw(
    "[B13] a retry comes back at attempt + 1, at its time, as if delivered for the first time",
    async ({ broker, clock, envelope }) => {
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
    },
  ),

  timedLaw(
    "[B13] a retry without delay is claimable at once, whatever delay it was published with",
    async ({ broker, clock, envelope }) => {
      await broker.publish([envelope({ delayMs: 1_000 }), envelope({ notBefore: clock.now() + 1_000 })]);
      await clock.advance(1_000);
      for (const delivery of await claim(broker)) equal(await broker.retry(delivery), true, "the retry");
      const again = await claim(broker);
      equal(again.map((delivery) => delivery.envelope.attempt), [2, 2], "the attempts");
    },
  ),

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

  timedLaw(
    "[B14] a dead letter keeps reason, error and envelope, and is delivered no more",
    async ({ broker, clock, envelope, second }) => {
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
    },
  ),

  law("[B14] a dead letter without an error has none", async ({ broker, envelope }) => {
    const published = envelope();
    await broker.publish([published]);
    await broker.deadLetter(await claimOne(broker), "rejected");
    equal("error" in present(await broker.deadLetters.get(published.id), "the dead letter"), false, "whether there is an error");
  }),

  timedLaw(
    "[B15] one call settles each delivery by its own decision, the stale ones held up nothing",
    async ({ broker, clock, envelope }) => {
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
    },
  ),

  law("[B15] 1,500 deliveries are settled in one call", async ({ broker, envelope }) => {
    await broker.publish(Array.from({ length: 1_500 }, () => envelope()));
    const deliveries = [...await claim(broker), ...await claim(broker)];
    const answers = await broker.settle(deliveries.map((delivery) => ({ delivery, settlement: { kind: "ack" } })));
    equal(answers, deliveries.map(() => true), "the answers");
    await expectCounts(broker, {}, "at the end");
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
]);
