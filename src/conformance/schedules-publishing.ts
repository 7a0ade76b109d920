import { ConfigError, PayloadError } from "../errors.ts";
import type { SlotCompletion } from "../contracts/schedule-store.ts";
import type { TaskLedger } from "../contracts/task-ledger.ts";
import type { Envelope } from "../model/envelope.ts";
import type { ScheduleClaim } from "../model/schedule.ts";
import { equal, itemAt, ok, present, throws } from "./assert.ts";
import { type CaseContext, type ConformanceCase, timedOnLedgers } from "./case.ts";
import { statesOf } from "./ledger-steps.ts";
import { claimDue, claimNoSlot, claimSlot, dispatched, entryOf, everyMinute, SECOND, untyped } from "./schedule-steps.ts";
import { claim, expectCounts, idsOf, refusalOf } from "./steps.ts";

/** Larger than any ledger takes, and well-formed all the same. */
const TOO_LARGE = "x".repeat(5 * 1024 * 1024);

/** How slots are completed together with what they enqueue. */
export const schedulePublishingCases: readonly ConformanceCase[] = Object.freeze([
  ...timedOnLedgers("[S8] slots are completed and their envelopes enqueued, each answered on its own, in order", async (context) => {
    const { adapter: { schedules }, ledger, broker, results, envelope, second } = context;
    const claims = await claimMany(context, 4);
    const stale = itemAt(claims, 1);
    await (await second()).schedules.upsert(everyMinute(stale.entry.id, { meta: { changed: true } }));
    const envelopes = claims.map(() => [envelope(), envelope()]);
    const slots = claims.map((one, at) => slotOf(one, at === 3 ? [] : itemAt(envelopes, at)));
    equal(await schedules.completeAndPublish([...slots, itemAt(slots, 0)], ledger), [true, false, true, true, false], "the answers");
    const published = [0, 2].flatMap((at) => itemAt(envelopes, at).map(({ id }) => id));
    equal(await statesOf(results, published), published.map(() => "queued"), "the states");
    equal(
      await statesOf(results, itemAt(envelopes, 1).map(({ id }) => id)),
      [undefined, undefined],
      "the states of what a stale slot names",
    );
    await expectCounts(broker, { ready: 4 }, "the queue");
    for (const [at, one] of claims.entries()) {
      const { runs, nextRunAt } = await entryOf(schedules, one.entry.id);
      const expected = at === 1 ? [0, one.slot] : [1, one.slot + 60 * SECOND];
      equal([runs, nextRunAt], expected, `runs and next slot of entry ${at}`);
      equal((await schedules.history(one.entry.id)).items.length, at === 1 ? 0 : 1, `how long the history of entry ${at} is`);
    }
    equal(idsOf(await claim(ledger)).toSorted(), published.toSorted(), "what is claimable");
    equal(await schedules.completeAndPublish([], ledger), [], "the answers to nothing");
  }),

  ...timedOnLedgers("[S8] a stale claim enqueues nothing, whoever the ledger belongs to", async (context) => {
    const { adapter: { schedules }, ledger, ledgerOf, broker, clock, envelope, second } = context;
    const other = await second();
    for (const [index, foreign] of [ledger, ledgerOf(other)].entries()) {
      const queue = `queue-${index}`;
      const [stale] = await claimMany(context, 1, SECOND);
      await clock.advance(SECOND);
      const heir = await claimSlot(other.schedules);
      const slot = slotOf(present(stale, "a claim"), [envelope({ queue })]);
      equal(await schedules.completeAndPublish([slot], foreign), [false], "the answer to the stale one");
      equal((await broker.counts(queue)).ready, 0, "how many were enqueued by it");
      const mine = envelope({ queue });
      equal(await other.schedules.completeAndPublish([slotOf(heir, [mine])], foreign), [true], "the answer to the heir");
      equal(idsOf(await claim(ledger, { queues: [queue] })), [mine.id], "what is claimable");
      await schedules.remove(heir.entry.id);
    }
  }),

  ...timedOnLedgers("[S8] a ledger of another connection, and of another namespace, will do", async (context) => {
    const { adapter: { schedules }, ledgerOf, envelope, second, other } = context;
    for (const adapter of [await second(), await other()]) {
      const claimed = itemAt(await claimMany(context, 1), 0);
      const published = envelope({ queue: "elsewhere" });
      equal(await schedules.completeAndPublish([slotOf(claimed, [published])], ledgerOf(adapter)), [true], "the answer");
      equal((await adapter.results.get(published.id))?.state, "queued", "the state");
      equal(idsOf(await claim(ledgerOf(adapter), { queues: ["elsewhere"] })), [published.id], "what is claimable");
      await schedules.remove(claimed.entry.id);
    }
  }),

  ...timedOnLedgers("[S8] a slot whose envelope is known already is completed all the same", async (context) => {
    const { adapter: { schedules }, ledger, broker, envelope } = context;
    const claims = await claimMany(context, 2);
    const [known, fresh] = [envelope(), envelope()];
    // As after a crash between the two steps.
    equal(await ledger.enqueue([known]), [true], "the enqueue before");
    const slots = [slotOf(itemAt(claims, 0), [known]), slotOf(itemAt(claims, 1), [fresh, fresh])];
    equal(await schedules.completeAndPublish(slots, ledger), [true, true], "the answers");
    await expectCounts(broker, { ready: 2 }, "the queue");
    await claimNoSlot(schedules, "what is due");
  }),

  ...timedOnLedgers("[S8] when the enqueue fails, no slot is completed and nothing is enqueued by any of them", async (context) => {
    const { adapter: { schedules }, ledger, broker, envelope } = context;
    const claims = await claimMany(context, 3);
    const before = await Promise.all(claims.map(({ entry }) => schedules.get(entry.id)));
    const slots = claims.map((one, at) => slotOf(one, [envelope(at === 1 ? { args: TOO_LARGE } : {})]));
    await throws(() => schedules.completeAndPublish(slots, ledger), PayloadError, "an envelope that is too large for the ledger");
    const reason = new Error("The case's ledger is away");
    const away: TaskLedger = { ...sound(ledger), enqueue: () => Promise.reject(reason) };
    ok(await refusalOf(() => schedules.completeAndPublish(slots, away)) === reason, "Expected the ledger's own error");
    for (const [at, { entry }] of claims.entries()) {
      equal(await schedules.get(entry.id), before[at], `entry ${at} after it`);
      equal(await schedules.history(entry.id), { items: [] }, `the history of entry ${at}`);
    }
    await expectCounts(broker, {}, "the queue");
    const good = claims.map((one) => slotOf(one, [envelope()]));
    equal(await schedules.completeAndPublish(good, ledger), [true, true, true], "the answers with others");
    await expectCounts(broker, { ready: 3 }, "the queue in the end");
  }),

  ...timedOnLedgers("[S8] what cannot be enqueued or completed is refused before anything is written", async (context) => {
    const { adapter: { schedules }, ledger, broker, clock, envelope, id } = context;
    const claims = await claimMany(context, 2);
    const [one, two] = [itemAt(claims, 0), itemAt(claims, 1)];
    const bad: readonly SlotCompletion[] = [
      slotOf(two, [envelope(), { ...envelope(), name: "" }]),
      slotOf(two, [{ ...envelope(), priority: 10 }]),
      slotOf(two, [untyped("null")]),
      { ...slotOf(two, []), envelopes: untyped("{}") },
      { ...slotOf(two, []), outcome: untyped('{"kind":"done"}') },
      { ...slotOf(two, []), outcome: { kind: "dispatched", nextRunAt: two.slot } },
      { ...slotOf(two, []), outcome: { kind: "dispatched", taskId: "" } },
      { ...slotOf(two, []), claim: untyped("{}") },
    ];
    for (const [index, slot] of bad.entries()) {
      const slots = [slotOf(one, [envelope({ id: id("never") })]), slot];
      await throws(() => schedules.completeAndPublish(slots, ledger), ConfigError, `bad slot ${index}`);
    }
    await throws(() => schedules.completeAndPublish([slotOf(one, [])], untyped("{}")), ConfigError, "what is no ledger");
    await throws(() => schedules.completeAndPublish(untyped("{}"), ledger), ConfigError, "what is no list");
    await expectCounts(broker, {}, "the queue");
    equal(await schedules.nextDueIn(), one.leaseExpiresAt - clock.now(), "how long until something is due");
    equal(await schedules.complete(one, dispatched(one)), true, "the completion in the end");
  }),

  ...timedOnLedgers("[S8] of two that complete one claim, one enqueues", async (context) => {
    const { adapter: { schedules }, ledger, ledgerOf, broker, clock, envelope, second } = context;
    const other = await second();
    const [first] = await claimMany(context, 1);
    let claimed = present(first, "a claim");
    for (let run = 1; run <= 5; run++) {
      // Both would enqueue the same: the id is made of schedule and slot.
      const published = envelope();
      const answers = await Promise.all([
        schedules.completeAndPublish([slotOf(claimed, [published])], ledger),
        other.schedules.completeAndPublish([slotOf(claimed, [published])], ledgerOf(other)),
      ]);
      equal(answers.flat().filter((answer) => answer).length, 1, "how many completed it");
      equal((await entryOf(schedules, claimed.entry.id)).runs, run, "the runs");
      equal((await broker.counts("default")).ready, run, "how many were enqueued");
      await clock.advance(60 * SECOND);
      claimed = await claimSlot(schedules);
    }
  }),
]);

/** Makes that many entries of every minute, and claims their first slots. */
async function claimMany({ adapter: { schedules }, clock, id }: CaseContext, count: number, leaseMs = 600 * SECOND) {
  for (let index = 0; index < count; index++) await schedules.upsert(everyMinute(id("entry")));
  await clock.advance(60 * SECOND);
  const claims = await claimDue(schedules, { leaseMs });
  equal(claims.length, count, "how many were claimed");
  return claims;
}

function slotOf(claimed: ScheduleClaim, envelopes: readonly Envelope[]): SlotCompletion {
  return { claim: claimed, outcome: dispatched(claimed), envelopes };
}

function sound(ledger: TaskLedger): TaskLedger {
  return {
    atomic: ledger.atomic,
    enqueue: (envelopes, options) => ledger.enqueue(envelopes, options),
    claim: (options) => ledger.claim(options),
    finish: (completions) => ledger.finish(completions),
    cancel: (ids, options) => ledger.cancel(ids, options),
    purge: (queue) => ledger.purge(queue),
    replay: (options) => ledger.replay(options),
  };
}
