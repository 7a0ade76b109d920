import { equal } from "./assert.ts";
import { type ConformanceCase, law, timedLaw } from "./case.ts";
import { bury, claim, claimNothing, claimOne, expectCounts, idsOf } from "./steps.ts";
import { FAILURE } from "./values.ts";

/** How a broker publishes again what was given up on. */
export const brokerReplayCases: readonly ConformanceCase[] = Object.freeze([
  timedLaw("[B20] a replayed dead letter runs at attempt + 1 with a fresh budget of retries", async ({ broker, envelope }) => {
    const published = envelope({ args: "same", maxRetries: 2, priority: 3, headers: { a: "b" } });
    await broker.publish([published]);
    for (const _retry of [1, 2]) await broker.retry(await claimOne(broker));
    await broker.deadLetter(await claimOne(broker), "retries-exhausted", FAILURE);
    equal(await broker.deadLetters.replay(), [published.id], "the answer");
    equal(await broker.deadLetters.get(published.id), undefined, "the dead letter after its replay");
    await expectCounts(broker, { ready: 1 }, "after the replay");
    const again = await claimOne(broker);
    const { attempt, maxRetries, ...rest } = again.envelope;
    const { attempt: _attempt, maxRetries: _maxRetries, ...original } = published;
    equal(rest, original, "the envelope");
    equal([attempt, maxRetries - (attempt - 1)], [4, 2], "the attempt and the retries that it has left");
    equal([again.deliveryCount, again.redelivered], [1, false], "the delivery count and redelivered");
  }),

  law("[B20] an envelope can die, be replayed and die again", async ({ broker, envelope }) => {
    const published = envelope();
    await broker.publish([published]);
    for (let life = 1; life <= 4; life++) {
      const delivery = await claimOne(broker);
      equal(delivery.envelope.attempt, life, "the attempt");
      equal(await broker.deadLetter(delivery, `death ${life}`), true, "the death");
      equal((await broker.deadLetters.get(published.id))?.reason, `death ${life}`, "the reason");
      await expectCounts(broker, { dead: 1 }, "after the death");
      equal(await broker.deadLetters.replay({ ids: [published.id] }), [published.id], "the replay");
    }
    await broker.ack(await claimOne(broker));
    await expectCounts(broker, {}, "at the end");
  }),

  timedLaw("[B20] a replay lifts the times that are over, and keeps those to come", async ({ broker, clock, envelope }) => {
    const now = clock.now();
    const published = [
      envelope({ delayMs: 1_000, expiresAt: now + 2_000 }),
      envelope({ notBefore: now + 1_000, expiresAt: now + 3_600_000, visibilityTimeoutMs: 5_000, resultTtlMs: 7_000, timeLimitMs: 9_000 }),
    ];
    await broker.publish(published);
    await clock.advance(2_000);
    for (const delivery of await claim(broker)) await broker.deadLetter(delivery, "rejected");
    await broker.deadLetters.replay();
    const [one, two] = (await claim(broker)).map((delivery) => delivery.envelope);
    equal([one?.delayMs, one?.expiresAt], [undefined, undefined], "the times of the first");
    equal([two?.notBefore, two?.expiresAt], [undefined, now + 3_600_000], "the times of the second");
    equal([two?.visibilityTimeoutMs, two?.resultTtlMs, two?.timeLimitMs], [5_000, 7_000, 9_000], "the lengths of time of the second");
  }),

  timedLaw("[B20] replay takes 100 unless told otherwise, by ids as many as there are ids", async ({ broker, envelope }) => {
    const published = Array.from({ length: 150 }, () => envelope());
    const ids = published.map(({ id }) => id);
    const burials = [
      { replay: () => broker.deadLetters.replay(), expected: 100 },
      { replay: () => broker.deadLetters.replay({ ids }), expected: 150 },
      { replay: () => broker.deadLetters.replay({ ids, limit: 30 }), expected: 30 },
    ];
    for (const { replay, expected } of burials) {
      await broker.publish(published);
      const settlement = { kind: "deadLetter", reason: "rejected" } as const;
      await broker.settle((await claim(broker)).map((delivery) => ({ delivery, settlement })));
      equal((await replay()).length, expected, "how many were replayed");
      await expectCounts(broker, { ready: expected, dead: 150 - expected }, "after the replay");
      await broker.deadLetters.purge();
      await broker.purge("default");
    }
  }),

  timedLaw("[B20] replay takes the oldest first, up to its limit, and answers in the order of deaths", async (context) => {
    const { broker } = context;
    const ids = await bury(context, 6);
    equal(await broker.deadLetters.replay({ limit: 2 }), ids.slice(0, 2), "the first two");
    equal(await broker.deadLetters.replay({ ids: ids.slice(2).toReversed() }), ids.slice(2), "the others, asked for in another order");
    await expectCounts(broker, { ready: 6 }, "at the end");
  }),

  timedLaw("[B20] replay chooses by ids, queue and time", async (context) => {
    const { broker, clock } = context;
    const [early = "", middle = ""] = await bury(context, 2, "a");
    await clock.advance(10);
    const since = clock.now();
    const [late = ""] = await bury(context, 1, "a");
    const [elsewhere = ""] = await bury(context, 1, "b");
    equal(await broker.deadLetters.replay({ ids: [] }), [], "of no ids");
    equal(await broker.deadLetters.replay({ ids: ["nobody", middle, middle] }), [middle], "of an id twice and one nobody knows");
    equal(await broker.deadLetters.replay({ queue: "b" }), [elsewhere], "of queue b");
    equal(await broker.deadLetters.replay({ queue: "a", since }), [late], "of queue a since then");
    equal(await broker.deadLetters.replay({ ids: [early], queue: "b" }), [], "of an id in another queue");
    equal((await broker.deadLetters.list()).items.map(({ id }) => id), [early], "what is left");
  }),

  timedLaw("[B20] a dry run tells what a replay would take, and changes nothing", async (context) => {
    const { broker } = context;
    const ids = await bury(context, 3);
    const before = await broker.deadLetters.list();
    equal(await broker.deadLetters.replay({ dryRun: true, limit: 2 }), ids.slice(0, 2), "the answer");
    equal(await broker.deadLetters.list(), before, "the dead letters after it");
    await expectCounts(broker, { dead: 3 }, "after it");
    await claimNothing(broker, "after it");
  }),

  timedLaw("[B20] a replay with a delay is hidden for that long", async (context) => {
    const { broker, clock } = context;
    await bury(context, 2);
    await broker.deadLetters.replay({ delayMs: 4_000 });
    await expectCounts(broker, { delayed: 2 }, "while it is hidden");
    await clock.advance(3_999);
    await claimNothing(broker, "a millisecond early");
    await clock.advance(1);
    equal((await claim(broker)).length, 2, "how many are claimable");
  }),

  law("[B6 B20] two replays that race over two connections take each dead letter once", async (context) => {
    const { broker, second } = context;
    const other = (await second()).broker;
    const ids = await bury(context, 40);
    const answers = await Promise.all([
      broker.deadLetters.replay({ limit: 30 }),
      other.deadLetters.replay({ limit: 30 }),
      broker.deadLetters.replay({ ids: ids.slice(20) }),
      other.deadLetters.replay({ ids: ids.slice(0, 20) }),
    ]);
    const rest = await broker.deadLetters.replay();
    equal([...answers, rest].flat().toSorted(), ids.toSorted(), "what they answer together");
    equal(idsOf(await claim(broker)).toSorted(), ids.toSorted(), "what is claimable");
  }),
]);
