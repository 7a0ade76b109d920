import type { Delivery } from "../model/delivery.ts";
import { DEAD_LETTER_REASONS } from "../model/delivery.ts";
import { DEFAULT_QUEUE } from "../model/envelope.ts";
import { equal, itemAt, present } from "./assert.ts";
import { type CaseContext, type ConformanceCase, law, timedLaw } from "./case.ts";
import { claim, claimNothing, claimOne, expectCounts, expectEnd, idsOf, readNext } from "./steps.ts";

const from = { queues: [DEFAULT_QUEUE], consumer: "consumer" };

/** How a broker hands out one delivery after the other. */
export const brokerConsumeCases: readonly ConformanceCase[] = Object.freeze([
  law("[B17] consume yields what there is and what arrives, in order, until its signal aborts", async (context) => {
    const { broker, envelope, second } = context;
    const published = Array.from({ length: 6 }, () => envelope());
    const controller = new AbortController();
    await broker.publish(published.slice(0, 3));
    const deliveries = broker.consume({ ...from, signal: controller.signal })[Symbol.asyncIterator]();
    const first = await readNext(context, deliveries, 3);
    const waiting = readNext(context, deliveries, 3);
    await (await second()).broker.publish(published.slice(3));
    const all = [...first, ...await waiting];
    equal(idsOf(all), published.map(({ id }) => id), "what it yields");
    equal(
      all.every((delivery) => delivery.consumer === "consumer" && delivery.deliveryCount === 1),
      true,
      "whether all are first deliveries",
    );
    for (const delivery of all) equal(await broker.ack(delivery), true, "the acknowledgement");
    const end = expectEnd(context, deliveries);
    controller.abort();
    await end;
  }),

  law("[B17] consume takes the lease that it is given", async (context) => {
    const { broker, envelope } = context;
    await broker.publish([envelope()]);
    const controller = new AbortController();
    const deliveries = broker.consume({ ...from, leaseMs: 7_000, signal: controller.signal })[Symbol.asyncIterator]();
    const delivery = itemAt(await readNext(context, deliveries, 1), 0);
    equal(delivery.leaseExpiresAt - delivery.claimedAt, 7_000, "the lease");
    controller.abort();
    await expectEnd(context, deliveries);
  }),

  law("[B17] consume whose signal was aborted before yields nothing", async (context) => {
    const { broker, envelope } = context;
    await broker.publish([envelope()]);
    await expectEnd(context, broker.consume({ ...from, signal: AbortSignal.abort() })[Symbol.asyncIterator]());
    await claimOne(broker);
  }),

  law("[B17] consume gives back what it claimed ahead when its signal aborts", async (context) => {
    const { broker, envelope } = context;
    const published = Array.from({ length: 8 }, () => envelope({ attempt: 2 }));
    await broker.publish(published);
    const controller = new AbortController();
    const deliveries = broker.consume({ ...from, prefetch: 5, signal: controller.signal })[Symbol.asyncIterator]();
    const taken = itemAt(await readNext(context, deliveries, 1), 0);
    controller.abort();
    await drain(context, deliveries);
    const rest = await claim(broker);
    equal(idsOf(rest).toSorted(), published.slice(1).map(({ id }) => id).toSorted(), "what is claimable at once");
    equal(rest.every((delivery) => delivery.envelope.attempt === 2 && !delivery.redelivered), true, "whether no attempt was burnt");
    equal(await broker.ack(taken), true, "the acknowledgement of what it yielded");
  }),

  law("[B17] consume gives back what it claimed ahead when its loop is left", async ({ broker, envelope, within }) => {
    await broker.publish(Array.from({ length: 6 }, () => envelope()));
    await within((async () => {
      for await (const delivery of broker.consume({ ...from, prefetch: 4 })) {
        await broker.ack(delivery);
        break;
      }
    })());
    await expectCounts(broker, { ready: 5 }, "after the loop was left");
  }),

  law("[B17] consume never holds more than one delivery and its prefetch", async (context) => {
    const { broker, envelope } = context;
    await broker.publish(Array.from({ length: 20 }, () => envelope()));
    const controller = new AbortController();
    const deliveries = broker.consume({ ...from, prefetch: 3, signal: controller.signal })[Symbol.asyncIterator]();
    let most = 0;
    for (let count = 0; count < 10; count++) {
      const delivery = itemAt(await readNext(context, deliveries, 1), 0);
      most = Math.max(most, (await broker.counts(DEFAULT_QUEUE)).inflight);
      await broker.ack(delivery);
    }
    equal(most <= 4, true, `whether ${most} held at most are no more than four`);
    controller.abort();
    await drain(context, deliveries);
    await expectCounts(broker, { ready: 10 }, "after the end");
  }),

  timedLaw("[B17] a poison envelope is dead-lettered instead of yielded, and what stands behind it comes", async (context) => {
    const { broker, clock, envelope } = context;
    const poison = envelope({ priority: 9 });
    const healthy = envelope({ priority: 0 });
    await broker.publish([poison]);
    for (let count = 1; count <= 2; count++) {
      equal((await claimOne(broker, { leaseMs: 100 })).deliveryCount, count, "the delivery count");
      await clock.advance(100);
    }
    await broker.publish([healthy]);
    const controller = new AbortController();
    const deliveries = broker.consume({ ...from, maxDeliveries: 2, signal: controller.signal })[Symbol.asyncIterator]();
    equal(idsOf(await readNext(context, deliveries, 1)), [healthy.id], "what it yields");
    controller.abort();
    await drain(context, deliveries);
    const letter = present(await broker.deadLetters.get(poison.id), "the dead letter of the poison envelope");
    equal([letter.reason, letter.envelope.attempt], [DEAD_LETTER_REASONS.poison, 1], "its reason and attempt");
    await clock.advance(600_000);
    await expectCounts(broker, { ready: 1, dead: 1 }, "at the end");
  }),

  timedLaw("[B17] an envelope is yielded up to maxDeliveries times, ten unless told otherwise", async (context) => {
    const { broker, clock, envelope } = context;
    await broker.publish([envelope()]);
    for (let count = 1; count <= 9; count++) {
      equal((await claimOne(broker, { leaseMs: 100 })).deliveryCount, count, "the delivery count");
      await clock.advance(100);
    }
    const controller = new AbortController();
    const deliveries = broker.consume({ ...from, leaseMs: 100, signal: controller.signal })[Symbol.asyncIterator]();
    equal(itemAt(await readNext(context, deliveries, 1), 0).deliveryCount, 10, "the delivery count of the tenth");
    controller.abort();
    await drain(context, deliveries);
    await clock.advance(100);
    const next = new AbortController();
    const later = broker.consume({ ...from, signal: next.signal })[Symbol.asyncIterator]();
    const healthy = envelope();
    const waiting = readNext(context, later, 1);
    await broker.publish([healthy]);
    equal(idsOf(await waiting), [healthy.id], "what is yielded instead of an eleventh");
    next.abort();
    await drain(context, later);
    await expectCounts(broker, { inflight: 1, dead: 1 }, "at the end");
  }),

  law("[B6 B17] two loops on two connections share a queue, each envelope once", async ({ broker, envelope, second, within }) => {
    const other = (await second()).broker;
    const published = Array.from({ length: 60 }, () => envelope());
    await broker.publish(published);
    const controller = new AbortController();
    const seen: string[] = [];
    const run = async (mine: typeof broker, consumer: string): Promise<void> => {
      for await (const delivery of mine.consume({ ...from, consumer, prefetch: 4, signal: controller.signal })) {
        seen.push(delivery.envelope.id);
        equal(await mine.ack(delivery), true, "the acknowledgement");
        if (seen.length === published.length) controller.abort();
      }
    };
    await within(Promise.all([run(broker, "one"), run(other, "two")]), 30_000);
    equal(seen.toSorted(), published.map(({ id }) => id).toSorted(), "what was yielded");
    await claimNothing(broker, "at the end");
  }),

  law("[B17 B25] consume ends when its store is closed, and gives back what it claimed ahead", async (context) => {
    const { broker, envelope, second, within } = context;
    await broker.publish([envelope(), envelope(), envelope()]);
    const closing = await second();
    const deliveries = closing.broker.consume({ ...from, prefetch: 2 })[Symbol.asyncIterator]();
    await readNext(context, deliveries, 1);
    await within(closing.close());
    await expectEnd(context, deliveries);
    await expectCounts(broker, { ready: 2, inflight: 1 }, "after the end");
  }),

  law("[B17 B25] consume that waits ends when its store is closed", async (context) => {
    const { second, within } = context;
    const closing = await second();
    const end = expectEnd(context, closing.broker.consume(from)[Symbol.asyncIterator]());
    await within(closing.close());
    await end;
  }),
]);

/** Reads what an aborted iteration still yields, and puts it back; fails when it does not end. */
async function drain({ broker, within }: CaseContext, deliveries: AsyncIterator<Delivery>): Promise<void> {
  for (;;) {
    const next = await within(deliveries.next());
    if (next.done === true) return;
    await broker.nack(next.value);
  }
}
