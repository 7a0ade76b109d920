import type { Envelope } from "../model/envelope.ts";
import { ConfigError, PayloadError } from "../errors.ts";
import { equal, itemAt, throws } from "./assert.ts";
import { type ConformanceCase, law, timedLaw } from "./case.ts";
import { claim, claimNothing, claimOne, expectCounts, idsOf } from "./steps.ts";
import { AWKWARD_IDS, JSON_VALUES, META_VALUES } from "./values.ts";

/** How a broker accepts envelopes, and gives them back. */
export const brokerPublishCases: readonly ConformanceCase[] = Object.freeze([
  law("[B1] publishing the same id twice keeps the first", async ({ broker, envelope }) => {
    const first = envelope({ args: "first" });
    equal(await broker.publish([first]), [true], "the first publication");
    equal(await broker.publish([{ ...first, args: "second", priority: 9 }]), [false], "the second publication");
    await expectCounts(broker, { ready: 1 }, "after both");
    equal((await claimOne(broker)).envelope, first, "the envelope that is claimed");
    await claimNothing(broker, "a copy");
  }),

  law("[B1] an id that one call names twice is accepted once", async ({ broker, envelope }) => {
    const twice = envelope({ args: 1 });
    equal(await broker.publish([twice, envelope(), { ...twice, args: 2 }]), [true, true, false], "the answers");
    await expectCounts(broker, { ready: 2 }, "after the call");
  }),

  law("[B1] an id is known while it is delayed, held, retried or put back", async ({ broker, envelope }) => {
    const delayed = envelope({ delayMs: 3_600_000 });
    const held = envelope();
    await broker.publish([delayed, held]);
    equal(await broker.publish([{ ...delayed, delayMs: 0 }]), [false], "while it is delayed");
    const delivery = await claimOne(broker);
    equal(delivery.envelope.id, held.id, "what is claimed");
    equal(await broker.publish([held]), [false], "while it is held");
    await claimNothing(broker, "a copy of the held one, or the delayed one");
    await broker.retry(delivery, 3_600_000);
    equal(await broker.publish([held]), [false], "while its retry waits");
    await expectCounts(broker, { delayed: 2 }, "at the end");
  }),

  law("[B1] an id is known while it is a dead letter", async ({ broker, envelope }) => {
    const dead = envelope({ args: "first" });
    await broker.publish([dead]);
    await broker.deadLetter(await claimOne(broker), "rejected");
    equal(await broker.publish([{ ...dead, args: "second" }]), [false], "the answer");
    await claimNothing(broker, "what a dead letter hides");
    equal((await broker.deadLetters.get(dead.id))?.envelope, dead, "the dead letter");
  }),

  law("[B1 B6] of twenty publishers of one id over two connections one is accepted", async ({ broker, envelope, second }) => {
    const other = (await second()).broker;
    const wanted = envelope();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? broker : other).publish([{ ...wanted, args: index }])),
    );
    equal(answers.flat().filter((accepted) => accepted).length, 1, "how many were accepted");
    const { envelope: claimed } = await claimOne(other);
    equal(itemAt(answers, Number(claimed.args)), [true], "the answer to the publisher whose arguments were kept");
  }),

  law("[B1 B2] overlapping batches from two connections do not block each other", async ({ broker, envelope, second, within }) => {
    const other = (await second()).broker;
    for (let round = 0; round < 5; round++) {
      const batch = Array.from({ length: 40 }, () => envelope());
      const answers = await within(Promise.all([broker.publish(batch), other.publish(batch.toReversed())]), 20_000);
      equal(answers.flat().filter((accepted) => accepted).length, 40, "how many were accepted");
      const claimed = await claim(broker);
      equal(idsOf(claimed).toSorted(), batch.map(({ id }) => id).toSorted(), "what is claimed");
    }
  }),

  law("[B2] one bad envelope refuses the whole call", async ({ broker, envelope }) => {
    const good = [envelope(), envelope()];
    const bad = { ...envelope(), priority: 10 };
    await throws(() => broker.publish([...good, bad]), ConfigError, "a batch that ends with a bad envelope");
    await throws(() => broker.publish([bad, ...good]), ConfigError, "a batch that begins with a bad envelope");
    await expectCounts(broker, {}, "after both calls");
    equal(await broker.publish(good), [true, true], "the good ones alone");
  }),

  law("[B2] arguments without JSON text refuse the whole call", async ({ broker, envelope }) => {
    const cycle: Record<string, unknown> = {};
    cycle["self"] = cycle;
    for (const args of [1n, { deep: [1n] }, cycle, () => 1]) {
      await throws(() => broker.publish([envelope(), envelope({ args })]), PayloadError, "arguments that JSON cannot carry");
    }
    await expectCounts(broker, {}, "after the calls");
  }),

  law("[B2] a batch accepts what is new and tells what was known", async ({ broker, envelope }) => {
    const known = envelope();
    await broker.publish([known]);
    equal(await broker.publish([envelope(), known, envelope()]), [true, false, true], "the answers");
    await expectCounts(broker, { ready: 3 }, "after the call");
  }),

  law("[B2 B4 B7] 2,500 envelopes of one call are all accepted, in order", async ({ broker, envelope }) => {
    const batch = Array.from({ length: 2_500 }, (_, index) => envelope({ args: index }));
    const answers = await broker.publish(batch);
    equal(answers.length, batch.length, "how many answers");
    equal(answers.every((accepted) => accepted), true, "whether all were accepted");
    const claimed = [...await claim(broker), ...await claim(broker), ...await claim(broker)];
    equal(claimed.map((delivery) => delivery.envelope.args), batch.map((one) => one.args), "the order");
  }),

  law("[B3] every field comes back, from any connection", async ({ broker, envelope, second }) => {
    const link = envelope({ name: "link", args: [1], onSuccess: [envelope({ name: "nested" })] });
    const full: Envelope = envelope({
      args: { a: 1, nested: [null, {}] },
      headers: { traceparent: "00-abc", "x:y": "Ü", " ": "" },
      meta: { tenant: "t1", flags: [true, null], nothing: null },
      priority: 7,
      attempt: 3,
      maxRetries: 5,
      retryPolicy: { maxRetries: 5, backoff: "linear", delay: "2s", jitter: 0.25 },
      enqueuedAt: 1_700_000_000_123,
      notBefore: 1_700_000_000_456,
      delayMs: 0,
      expiresAt: 4_000_000_000_000,
      visibilityTimeoutMs: 60_000,
      softTimeLimitMs: 10_000,
      timeLimitMs: 20_000,
      resultTtlMs: 30_000,
      ignoreResult: true,
      limitKey: "customer:1",
      unique: { key: "unique:1", token: 2 ** 53 - 1, ttlMs: 86_400_000 },
      groupId: "g:1",
      parentId: "p 1",
      rootId: "r/1",
      onSuccess: [link],
      onFailure: [envelope({ name: "undo" }), link],
    });
    await broker.publish([full]);
    equal((await claimOne((await second()).broker)).envelope, full, "the envelope");
  }),

  law("[B3] absent fields stay absent", async ({ broker, envelope }) => {
    const bare = envelope();
    await broker.publish([bare]);
    const { envelope: claimed } = await claimOne(broker);
    equal(Object.keys(claimed).toSorted(), Object.keys(bare).toSorted(), "the fields");
  }),

  law("[B3] absent arguments are told from null", async ({ broker, envelope }) => {
    await broker.publish([envelope(), envelope({ args: null })]);
    const claimed = await claim(broker);
    equal(claimed.map((delivery) => "args" in delivery.envelope), [false, true], "whether there are arguments");
    equal(itemAt(claimed, 1).envelope.args, null, "the arguments");
  }),

  ...JSON_VALUES.map(([name, value]) =>
    law(`[B3] arguments and headers survive: ${name}`, async ({ broker, envelope }) => {
      const published = envelope({ args: value, headers: { [name]: JSON.stringify(value).slice(0, 1_000) } });
      await broker.publish([published, envelope({ args: [value, { value }] })]);
      const claimed = await claim(broker);
      equal(itemAt(claimed, 0).envelope, published, "the envelope");
      equal(itemAt(claimed, 1).envelope.args, [value, { value }], "the wrapped value");
    })
  ),

  law("[B3] meta survives, whatever it holds", async ({ broker, envelope }) => {
    const published = META_VALUES.map(([name, value]) => envelope({ meta: { [name]: value, list: [value] } }));
    await broker.publish(published);
    equal((await claim(broker)).map((delivery) => delivery.envelope), published, "the envelopes");
  }),

  law("[B1 B3] awkward ids, names and queues are kept apart and come back unchanged", async ({ broker, envelope }) => {
    const batch = AWKWARD_IDS.map((id) => envelope({ id, name: id, queue: id, args: id }));
    equal(await broker.publish(batch), batch.map(() => true), "the answers");
    for (const published of batch) {
      equal((await broker.counts(published.queue)).ready, 1, `what is ready in the queue ${JSON.stringify(published.queue)}`);
      const delivery = await claimOne(broker, { queues: [published.queue], consumer: published.id });
      equal(delivery.envelope, published, "the envelope");
      equal(delivery.consumer, published.id, "the consumer");
      equal(await broker.ack(delivery), true, "the acknowledgement");
    }
  }),

  law("[B4] higher priorities come first, and equal ones in the order of publication", async ({ broker, envelope }) => {
    const priorities = [0, 9, 5, 3, 9, 0, 5, 1];
    await broker.publish(priorities.map((priority, index) => envelope({ priority, args: index })));
    const claimed = await claim(broker);
    equal(claimed.map((delivery) => delivery.envelope.args), [1, 4, 2, 6, 3, 7, 0, 5], "the order");
  }),

  timedLaw("[B4] the order holds within one millisecond, across calls, and whatever the ids", async ({ broker, envelope }) => {
    const ids = Array.from({ length: 30 }, (_, index) => `${String(99 - index)}-task`);
    for (const id of ids.slice(0, 10)) await broker.publish([envelope({ id })]);
    await broker.publish(ids.slice(10, 20).map((id) => envelope({ id })));
    for (const id of ids.slice(20)) await broker.publish([envelope({ id })]);
    const claimed: string[] = [];
    for (let count = 0; count < 15; count++) claimed.push(...idsOf(await claim(broker, { limit: 2 })));
    equal(claimed, ids, "the order");
  }),

  law("[B4] a late envelope of higher priority overtakes those that wait", async ({ broker, envelope }) => {
    await broker.publish([envelope({ args: "early", priority: 4 })]);
    await broker.publish([envelope({ args: "late", priority: 5 })]);
    equal((await claimOne(broker, { limit: 1 })).envelope.args, "late", "the first");
    equal((await claimOne(broker, { limit: 1 })).envelope.args, "early", "the second");
  }),

  timedLaw("[B4] what is retried, put back, delayed or redelivered keeps its place", async ({ broker, clock, envelope }) => {
    const published = ["redelivered", "put back", "delayed", "retried", "plain"].map((args) =>
      envelope(args === "delayed" ? { args, delayMs: 1_000 } : { args })
    );
    await broker.publish(published);
    const held = await claim(broker, { limit: 3, leaseMs: 1_000 });
    equal(held.map((delivery) => delivery.envelope.args), ["redelivered", "put back", "retried"], "what is held at first");
    await broker.retry(itemAt(held, 2));
    await broker.nack(itemAt(held, 1));
    await broker.publish([envelope({ args: "late" })]);
    await clock.advance(1_000);
    const claimed = await claim(broker);
    equal(claimed.map((delivery) => delivery.envelope.args), [...published.map(({ args }) => args), "late"], "the order");
  }),

  law("[B4 B12 B20] what is published anew or replayed stands behind what waits", async ({ broker, envelope }) => {
    const [acknowledged, dead, waiting] = [envelope(), envelope(), envelope()];
    await broker.publish([acknowledged, dead]);
    const held = await claim(broker);
    await broker.ack(itemAt(held, 0));
    await broker.deadLetter(itemAt(held, 1), "rejected");
    await broker.publish([waiting]);
    await broker.publish([acknowledged]);
    await broker.deadLetters.replay();
    equal(idsOf(await claim(broker)), [waiting.id, acknowledged.id, dead.id], "the order");
  }),

  timedLaw("[B5] an envelope with notBefore is hidden until then", async ({ broker, clock, envelope }) => {
    await broker.publish([envelope({ notBefore: clock.now() + 1_000 })]);
    await expectCounts(broker, { delayed: 1 }, "before it is due");
    await clock.advance(999);
    await claimNothing(broker, "a millisecond early");
    await clock.advance(1);
    await expectCounts(broker, { ready: 1 }, "when it is due");
    await claimOne(broker);
  }),

  timedLaw("[B5] an envelope with delayMs is hidden for that long from its acceptance", async ({ broker, clock, envelope, second }) => {
    await broker.publish([envelope({ delayMs: 1_000, enqueuedAt: 1 })]);
    await clock.advance(999);
    await claimNothing((await second()).broker, "a millisecond early");
    await clock.advance(1);
    await claimOne(broker);
  }),

  timedLaw("[B5] delayMs wins over notBefore", async ({ broker, clock, envelope }) => {
    const sooner = envelope({ delayMs: 10, notBefore: clock.now() + 5_000 });
    const later = envelope({ delayMs: 5_000, notBefore: clock.now() + 10 });
    await broker.publish([sooner, later]);
    await clock.advance(10);
    equal((await claimOne(broker)).envelope.id, sooner.id, "what is due first");
    await clock.advance(4_990);
    equal((await claimOne(broker)).envelope.id, later.id, "what is due later");
  }),

  timedLaw("[B5] notBefore in the past and a delay of zero hide nothing", async ({ broker, clock, envelope }) => {
    const batch = [envelope({ notBefore: 1 }), envelope({ delayMs: 0 }), envelope({ notBefore: clock.now() })];
    await broker.publish(batch);
    equal(idsOf(await claim(broker)), batch.map(({ id }) => id), "what is claimable at once");
  }),

  timedLaw("[B4 B5] what is hidden holds up nothing behind it, whatever its priority", async ({ broker, clock, envelope }) => {
    const plain = envelope({ priority: 0 });
    await broker.publish([...Array.from({ length: 50 }, () => envelope({ priority: 9, delayMs: 5_000 })), plain]);
    equal((await claimOne(broker)).envelope.id, plain.id, "what is claimed");
    await clock.advance(5_000);
    equal((await claim(broker)).length, 50, "what is claimed when the others are due");
  }),
]);
