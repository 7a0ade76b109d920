import { equal, ok } from "./assert.ts";
import { type ConformanceCase, law, timedLaw } from "./case.ts";
import { claim, claimNothing, claimOne, idsOf, startWaiting } from "./steps.ts";

/** How a claim waits, and what wakes it. */
export const brokerWaitingCases: readonly ConformanceCase[] = Object.freeze([
  law("[B8] a claim that does not wait answers at once", async ({ broker, within }) => {
    equal(await within(claim(broker)), [], "a claim without waitMs");
    equal(await within(claim(broker, { waitMs: 0 })), [], "a claim with waitMs 0");
  }),

  law("[B8] a claim that finds work does not wait for more", async ({ broker, envelope, within }) => {
    await broker.publish([envelope()]);
    equal((await within(claim(broker, { limit: 10, waitMs: 60_000 }))).length, 1, "what it answers");
  }),

  timedLaw("[B8] a wait ends empty at waitMs, not before", async (context) => {
    const { broker, clock } = context;
    let isOver = false;
    const { afterMoving } = await startWaiting(context, () =>
      claim(broker, { waitMs: 5_000 }).then((deliveries) => {
        isOver = true;
        return deliveries;
      }));
    await clock.advance(4_999);
    equal(isOver, false, "whether it ended a millisecond early");
    equal(await afterMoving(1), [], "what it answers");
  }),

  law("[B8] a wait ends empty at waitMs in real time", async ({ broker, within }) => {
    equal(await within(claim(broker, { waitMs: 60 })), [], "what it answers");
  }),

  law("[B8] a wait ends empty at its signal", async ({ broker, within }) => {
    const controller = new AbortController();
    const answer = claim(broker, { waitMs: 60_000, signal: controller.signal });
    controller.abort(new Error("The case has seen enough"));
    equal(await within(answer), [], "what it answers");
    equal(await within(claim(broker, { waitMs: 60_000, signal: AbortSignal.abort() })), [], "with a signal that was aborted before");
  }),

  timedLaw("[B8] an ended wait takes nothing that arrives later, and leaves no timer", async (context) => {
    const { broker, clock, envelope, within } = context;
    const before = clock.pending;
    const controller = new AbortController();
    const { answer } = await startWaiting(context, () => claim(broker, { waitMs: 60_000, signal: controller.signal }));
    controller.abort();
    await within(answer);
    equal(clock.pending, before, "how many timers are left");
    await broker.publish([envelope()]);
    await claimOne(broker);
  }),

  law("[B8 B25] a wait ends empty when its store is closed", async ({ broker, envelope, second, within }) => {
    const closing = await second();
    const answer = claim(closing.broker, { waitMs: 60_000 });
    await within(closing.close());
    equal(await within(answer), [], "what it answers");
    await broker.publish([envelope()]);
    await claimOne(broker);
  }),

  law("[B8] a wait wakes when work is published on the same connection", async ({ broker, envelope, within }) => {
    const answer = claim(broker, { waitMs: 60_000 });
    const published = envelope();
    await broker.publish([published]);
    equal(idsOf(await within(answer)), [published.id], "what it answers");
  }),

  law("[B8] a wait wakes when work is published on another connection", async ({ broker, envelope, second, within }) => {
    const other = (await second()).broker;
    await claimNothing(broker, "before anything was published");
    const answer = claim(broker, { waitMs: 60_000 });
    const published = envelope();
    await other.publish([published]);
    equal(idsOf(await within(answer)), [published.id], "what it answers");
  }),

  law("[B8] no wake-up is lost between looking and waiting", async ({ broker, envelope, second, within }) => {
    const other = (await second()).broker;
    for (let round = 0; round < 25; round++) {
      const published = envelope();
      const answer = claim(broker, { waitMs: 60_000 });
      // A different number of turns each time, so that the publication falls into every part of the claim.
      for (let turn = 0; turn < round; turn++) await Promise.resolve();
      await (round % 2 === 0 ? other : broker).publish([published]);
      equal(idsOf(await within(answer)), [published.id], `what round ${round} answers`);
    }
  }),

  law("[B8] work in any of its queues wakes a wait, work elsewhere does not", async ({ broker, envelope, second, within }) => {
    const other = (await second()).broker;
    let isOver = false;
    const answer = claim(broker, { queues: ["a", "b"], waitMs: 60_000 }).then((deliveries) => {
      isOver = true;
      return deliveries;
    });
    await other.publish([envelope({ queue: "elsewhere" })]);
    await other.counts("elsewhere");
    equal(isOver, false, "whether work elsewhere ended it");
    const published = envelope({ queue: "b" });
    await other.publish([published]);
    equal(idsOf(await within(answer)), [published.id], "what it answers");
  }),

  law("[B6 B8] many waits share what arrives, one each", async ({ broker, envelope, second, within }) => {
    const other = (await second()).broker;
    const answers = Array.from(
      { length: 10 },
      (_, index) => claim(index % 2 === 0 ? broker : other, { limit: 1, waitMs: 60_000, consumer: `waiter-${index}` }),
    );
    const published = Array.from({ length: 10 }, () => envelope());
    await broker.publish(published.slice(0, 5));
    await other.publish(published.slice(5));
    const deliveries = (await within(Promise.all(answers))).flat();
    equal(idsOf(deliveries).toSorted(), published.map(({ id }) => id).toSorted(), "what they got");
  }),

  law("[B8] a wait wakes when a delivery is put back, retried or replayed", async ({ broker, envelope, second, within }) => {
    const other = (await second()).broker;
    const published = envelope();
    await broker.publish([published]);
    let held = await claimOne(broker);

    let answer = claimOne(other, { waitMs: 60_000 });
    await broker.nack(held);
    held = await within(answer);
    equal([held.envelope.id, held.envelope.attempt], [published.id, 1], "what is claimed when it is put back");

    answer = claimOne(other, { waitMs: 60_000 });
    await broker.retry(held);
    held = await within(answer);
    equal([held.envelope.id, held.envelope.attempt], [published.id, 2], "what is claimed when it is retried");

    await broker.deadLetter(held, "rejected");
    answer = claimOne(other, { waitMs: 60_000 });
    await broker.deadLetters.replay();
    held = await within(answer);
    equal([held.envelope.id, held.envelope.attempt], [published.id, 3], "what is claimed when it is replayed");
  }),

  timedLaw("[B5 B8] a wait wakes when a delayed envelope falls due", async (context) => {
    const { broker, envelope } = context;
    const published = envelope({ delayMs: 2_000 });
    await broker.publish([published]);
    const { afterMoving } = await startWaiting(context, () => claim(broker, { waitMs: 60_000 }));
    equal(idsOf(await afterMoving(2_000)), [published.id], "what it answers");
  }),

  timedLaw("[B5 B8] a wait wakes when something falls due that was published after it began", async (context) => {
    const { broker, clock, envelope } = context;
    const { afterMoving } = await startWaiting(context, () => claim(broker, { waitMs: 60_000 }));
    const published = envelope({ notBefore: clock.now() + 3_000 });
    await broker.publish([published]);
    equal(idsOf(await afterMoving(3_000)), [published.id], "what it answers");
  }),

  law(
    "[B5 B8] a wait wakes when an envelope of another connection falls due, in real time",
    async ({ broker, envelope, second, within }) => {
      const other = (await second()).broker;
      const answer = claimOne(broker, { waitMs: 60_000 });
      const published = envelope({ delayMs: 120 });
      await other.publish([published]);
      equal((await within(answer)).envelope.id, published.id, "what it answers");
    },
  ),

  timedLaw("[B8 B9] a wait wakes when a lease expires", async (context) => {
    const { broker, envelope } = context;
    await broker.publish([envelope()]);
    const held = await claimOne(broker, { leaseMs: 4_000 });
    const { afterMoving } = await startWaiting(context, () => claim(broker, { waitMs: 60_000 }));
    const [taken] = await afterMoving(4_000);
    equal(taken?.envelope.id, held.envelope.id, "what it answers");
    equal(taken?.redelivered, true, "redelivered");
  }),

  law("[B8 B9] a wait wakes when a lease of another connection expires, in real time", async ({ broker, envelope, second, within }) => {
    const other = (await second()).broker;
    await broker.publish([envelope()]);
    const held = await claimOne(other, { leaseMs: 150 });
    const taken = await within(claimOne(broker, { waitMs: 60_000 }));
    equal([taken.envelope.id, taken.redelivered], [held.envelope.id, true], "what it answers");
    ok(taken.claimedAt >= held.leaseExpiresAt, "Expected the takeover not before the end of the lease");
  }),
]);
