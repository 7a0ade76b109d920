import { ConfigError } from "../errors.ts";
import type { Completion } from "../contracts/task-ledger.ts";
import { equal, itemAt, present, throws } from "./assert.ts";
import { type CaseContext, type ConformanceCase, onLedgers, timedOnLedgers } from "./case.ts";
import { anotherAttempt, death, putBack, statesOf, success } from "./ledger-steps.ts";
import { claim, claimNothing, claimOne, expectCounts, idsOf } from "./steps.ts";

/** How a ledger answers many completions at once, stale ones, put-back ones and bad ones. */
export const ledgerBatchCases: readonly ConformanceCase[] = Object.freeze([
  ...timedOnLedgers("[T5] a stale completion writes nothing, or at least undoes nothing newer", async (context) => {
    const { ledger, ledgerOf, broker, results, envelope, id, second } = context;
    const other = ledgerOf(await second());
    for (const complete of [success, anotherAttempt, death, putBack]) {
      const groupId = id("group");
      const [published, link] = [envelope({ groupId }), envelope({ queue: "links" })];
      await results.initGroup({ id: groupId, taskIds: [published.id], callback: envelope() });
      const { stale, current } = await takeOver(context, published);
      const completion: Completion = { ...complete(stale), followUps: [link] };
      equal(await other.finish([completion]), [{ settled: false }], `the outcome of ${complete.name}`);
      const status = present(await results.get(published.id), "the status");
      equal([status.state, status.worker, "payload" in status], ["running", "quick", false], "the status after it");
      equal(await results.get(link.id), undefined, "the follow-up");
      equal((await results.getGroup(groupId))?.ended, 0, "how many of the group have ended");
      await expectCounts(broker, { inflight: 1 }, "after it");
      const [outcome] = await ledger.finish([success(current, { payload: "newer" })]);
      equal([outcome?.settled, outcome?.state, outcome?.group?.completedNow], [true, "succeeded", true], "the holder's outcome");
      equal(await other.finish([complete(stale)]), [{ settled: false }], "the stale one again, after the holder's");
      equal((await results.get(published.id))?.payload, "newer", "the payload in the end");
    }
    equal((await broker.counts("links")).ready, 0, "how many follow-ups were published");
  }),

  ...timedOnLedgers("[T8] many completions are written in one step, each answered on its own, in order", async (context) => {
    const { ledger, broker, results, clock, envelope } = context;
    const { stale } = await takeOver(context, envelope());
    const published = Array.from({ length: 4 }, () => envelope());
    await ledger.enqueue(published);
    const deliveries = await claim(ledger);
    const outcomes = await ledger.finish([
      success(itemAt(deliveries, 0), { payload: 0 }),
      success(stale),
      anotherAttempt(itemAt(deliveries, 1), 500),
      putBack(itemAt(deliveries, 2)),
      death(itemAt(deliveries, 3)),
      success(itemAt(deliveries, 1)),
    ]);
    equal(outcomes.map((outcome) => outcome.settled), [true, false, true, true, true, false], "which were settled");
    equal(outcomes.map((outcome) => outcome.state).filter((_, index) => index !== 3), [
      "succeeded",
      undefined,
      "retrying",
      "failed",
      undefined,
    ], "the states that are told");
    const states = await statesOf(results, published.map(({ id }) => id));
    equal(states.filter((_, index) => index !== 2), ["succeeded", "retrying", "failed"], "the states on record");
    await expectCounts(broker, { ready: 1, delayed: 1, inflight: 1, dead: 1 }, "at the end");
    await clock.advance(500);
    equal(idsOf(await claim(broker)).toSorted(), [itemAt(published, 1).id, itemAt(published, 2).id].toSorted(), "what is claimable");
  }),

  ...onLedgers(
    "[T8] 300 completions of one group count one by one, and one of them completes it",
    async ({ ledger, broker, results, envelope, id }) => {
      const groupId = id("group");
      const published = Array.from({ length: 300 }, () => envelope({ groupId }));
      await results.initGroup({ id: groupId, taskIds: published.map((one) => one.id), callback: envelope() });
      await ledger.enqueue(published);
      const outcomes = await ledger.finish((await claim(ledger)).map((delivery, payload) => success(delivery, { payload })));
      equal(outcomes.map((outcome) => outcome.group?.ended), published.map((_, index) => index + 1), "the counts");
      equal(outcomes.filter((outcome) => outcome.group?.completedNow).length, 1, "how many completed it");
      await expectCounts(broker, {}, "at the end");
    },
  ),

  ...onLedgers("[B11 T5 T8] a completion raced for over two connections counts once", async (context) => {
    const { ledger, ledgerOf, broker, results, envelope, id, second, within } = context;
    const other = ledgerOf(await second());
    const groupId = id("group");
    const published = Array.from({ length: 20 }, () => envelope({ groupId }));
    await results.initGroup({ id: groupId, taskIds: published.map((one) => one.id), callback: envelope() });
    await ledger.enqueue(published);
    const completions = (await claim(ledger)).map((delivery) => success(delivery, { payload: 1 }));
    const [first, then] = await within(Promise.all([ledger.finish(completions), other.finish(completions.toReversed())]), 20_000);
    const settled = completions.map((_, index) =>
      [first[index]?.settled, then[19 - index]?.settled].filter((done) => done === true).length
    );
    equal(settled, completions.map(() => 1), "how often each was settled");
    equal((await results.getGroup(groupId))?.ended, 20, "how many of the group have ended");
    await claimNothing(broker, "at the end");
    await expectCounts(broker, {}, "at the end");
  }),

  ...onLedgers("[T8] bad completions are refused, and nothing is written", async ({ ledger, broker, results, envelope }) => {
    const published = [envelope(), envelope()];
    await ledger.enqueue(published);
    const [good, delivery] = await claim(ledger);
    const one = present(delivery, "a delivery");
    const bad: Readonly<Record<string, Completion>> = {
      "a success that is retried": { ...success(one), settlement: { kind: "retry" } },
      "a retry that is acknowledged": { ...anotherAttempt(one), settlement: { kind: "ack" } },
      "a task that is queued and acknowledged": { ...putBack(one), settlement: { kind: "ack" } },
      "a task that is running and acknowledged": { ...success(one), status: { state: "running" } },
      "a success that is put back": { ...success(one), settlement: { kind: "nack" } },
      "a dead letter that is retrying": { ...death(one), status: { state: "retrying" } },
      "a follow-up without a name": { ...success(one), followUps: [envelope(), { ...envelope(), name: "" }] },
      "a follow-up of priority 10": { ...success(one), followUps: [{ ...envelope(), priority: 10 }] },
      "a negative delay": { ...anotherAttempt(one), settlement: { kind: "retry", delayMs: -1 } },
      "a delay of half a millisecond": { ...putBack(one), settlement: { kind: "nack", delayMs: 0.5 } },
      "a delay of a century": { ...putBack(one), settlement: { kind: "nack", delayMs: 3_153_600_000_000 } },
      "a dead letter without a reason": { ...death(one), settlement: { kind: "deadLetter", reason: "" } },
      "a negative time to live": success(one, { ttlMs: -1 }),
      "meta with NUL": success(one, { meta: { text: "a\u0000" } }),
    };
    for (const [name, completion] of Object.entries(bad)) {
      await throws(() => ledger.finish([success(present(good, "a delivery")), completion]), ConfigError, `finish with ${name}`);
    }
    await throws(() => ledger.enqueue([envelope(), { ...envelope(), priority: 10 }]), ConfigError, "enqueue with a bad envelope");
    await expectCounts(broker, { inflight: 2 }, "after all refusals");
    equal(await statesOf(results, published.map(({ id }) => id)), ["running", "running"], "the states after all refusals");
    equal((await results.list()).items.length, 2, "how many statuses there are");
    equal([await ledger.enqueue([]), await ledger.finish([])], [[], []], "empty batches");
  }),

  ...onLedgers(
    "[T10] a put-back task keeps its attempt, and is queued again where both sides are one",
    async ({ ledger, broker, results, envelope }) => {
      const published = envelope({ attempt: 2 });
      await ledger.enqueue([published]);
      const [outcome] = await ledger.finish([putBack(await claimOne(ledger))]);
      equal(outcome?.settled, true, "the outcome");
      if (ledger.atomic) equal((await results.get(published.id))?.state, "queued", "the state");
      await expectCounts(broker, { ready: 1 }, "after it");
      const again = await claimOne(ledger, { consumer: "next" });
      equal([again.envelope, again.deliveryCount, again.redelivered], [published, 1, false], "the delivery");
      const status = await results.get(published.id);
      equal([status?.state, status?.attempt, status?.worker], ["running", 2, "next"], "the status");
    },
  ),
]);

async function takeOver({ ledger, clock }: CaseContext, published: Parameters<CaseContext["ledger"]["enqueue"]>[0][number]) {
  await ledger.enqueue([published]);
  const stale = await claimOne(ledger, { consumer: "slow", leaseMs: 1_000 });
  await clock.advance(1_000);
  return { stale, current: await claimOne(ledger, { consumer: "quick", leaseMs: 60_000 }) };
}
