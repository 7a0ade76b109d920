import type { Broker } from "../contracts/broker.ts";
import type { DeadLetter } from "../model/delivery.ts";
import type { Page } from "../model/page.ts";
import { equal, itemAt, ok, present } from "./assert.ts";
import { type ConformanceCase, law, timedLaw } from "./case.ts";
import { bury, claim, claimOne, expectCounts, idsOf } from "./steps.ts";
import { AWKWARD_IDS, FAILURE, JSON_VALUES } from "./values.ts";

/** How a broker keeps, lists, replays and forgets what was given up on. */
export const brokerDeadLetterCases: readonly ConformanceCase[] = Object.freeze([
  timedLaw("[B19] dead letters are listed with the latest first", async (context) => {
    const { broker, second } = context;
    const ids = await bury(context, 5);
    const { items, cursor } = await (await second()).broker.deadLetters.list();
    equal(items.map((letter) => letter.id), ids.toReversed(), "the ids");
    equal(cursor, undefined, "the cursor of the only page");
    for (const letter of items) equal(await broker.deadLetters.get(letter.id), letter, "the same letter, read by id");
    equal(await broker.deadLetters.get("nobody"), undefined, "a letter nobody wrote");
  }),

  law("[B19] any dead letter is read by its id, however many there are", async ({ broker, envelope }) => {
    const published = Array.from({ length: 150 }, (_, index) => envelope({ args: index }));
    await broker.publish(published);
    const settlement = { kind: "deadLetter", reason: "rejected" } as const;
    await broker.settle((await claim(broker)).map((delivery) => ({ delivery, settlement })));
    for (const one of published) equal((await broker.deadLetters.get(one.id))?.envelope, one, "the envelope");
  }),

  timedLaw("[B19] dead letters are filtered by ids, queue and time", async (context) => {
    const { broker, clock } = context;
    const inA = await bury(context, 3, "a");
    const since = clock.now() + 1;
    await clock.advance(1);
    const inB = await bury(context, 2, "b");
    const laterInA = await bury(context, 1, "a");
    const list = async (filter: Parameters<Broker["deadLetters"]["list"]>[0]) =>
      (await broker.deadLetters.list(filter)).items.map((letter) => letter.id).toSorted();
    equal(await list({ queue: "a" }), [...inA, ...laterInA].toSorted(), "of queue a");
    equal(await list({ queue: "b" }), [...inB].toSorted(), "of queue b");
    equal(await list({ queue: "c" }), [], "of queue c");
    equal(await list({ ids: [itemAt(inA, 1), itemAt(inB, 0), "nobody"] }), [itemAt(inA, 1), itemAt(inB, 0)].toSorted(), "of these ids");
    equal(await list({ ids: inA, queue: "b" }), [], "of these ids in another queue");
    equal(await list({ ids: [] }), [], "of no ids");
    equal(await list({ since }), [...inB, ...laterInA].toSorted(), "since then");
    equal(await list({ queue: "a", since }), laterInA, "of queue a since then");
    equal(await list({ since: clock.now() + 1 }), [], "since later than all");
  }),

  timedLaw("[B19] pages neither skip nor repeat, although several died in one millisecond", async ({ broker, clock, envelope }) => {
    const ids: string[] = [];
    for (let batch = 0; batch < 4; batch++) {
      await broker.publish(Array.from({ length: 5 }, (_, index) => envelope({ id: AWKWARD_IDS[batch * 5 + index] ?? "" })));
      const held = await claim(broker);
      ids.push(...idsOf(held));
      await broker.settle(held.map((delivery) => ({ delivery, settlement: { kind: "deadLetter", reason: "rejected" } })));
      await clock.advance(batch % 2);
    }
    for (const limit of [1, 3, 7, 20, 1_000]) {
      const letters = await allPages((cursor) => broker.deadLetters.list({}, { limit, ...cursor }), limit);
      equal(letters.map(({ id }) => id).toSorted(), ids.toSorted(), `the ids in pages of ${limit}`);
      const times = letters.map(({ diedAt }) => diedAt);
      equal(times, times.toSorted((a, b) => b - a), "the times, latest first");
    }
  }),

  timedLaw("[B19] what dies while somebody pages does not disturb the pages", async (context) => {
    const { broker } = context;
    const ids = await bury(context, 6);
    const first = await broker.deadLetters.list({}, { limit: 4 });
    await bury(context, 3);
    const rest = await broker.deadLetters.list({}, { limit: 4, cursor: present(first.cursor, "a cursor") });
    equal([...first.items, ...rest.items].map(({ id }) => id), ids.toReversed(), "the ids");
    equal(rest.cursor, undefined, "the cursor of the last page");
  }),

  law("[B3 B19] dead letters keep awkward ids, reasons and payloads", async ({ broker, envelope }) => {
    const published = AWKWARD_IDS.map((id, index) => envelope({ id, args: itemAt(JSON_VALUES, index % JSON_VALUES.length)[1] }));
    await broker.publish(published);
    const held = await claim(broker);
    await broker.settle(
      held.map((delivery) => ({ delivery, settlement: { kind: "deadLetter", reason: delivery.envelope.id, error: FAILURE } })),
    );
    for (const one of published) {
      const letter = present(await broker.deadLetters.get(one.id), `the dead letter ${JSON.stringify(one.id)}`);
      equal([letter.id, letter.reason, letter.error, letter.envelope], [one.id, one.id, FAILURE, one], "the letter");
    }
    equal((await broker.deadLetters.replay({ ids: ["a:b"] })).length, 1, "how many are replayed by one id");
    equal((await claimOne(broker)).envelope.id, "a:b", "what was replayed");
  }),

  timedLaw("[B19] dead letters are forgotten by queue, by time, or all", async (context) => {
    const { broker, clock } = context;
    await bury(context, 2, "a");
    await bury(context, 2, "b");
    await clock.advance(10);
    const since = clock.now();
    await bury(context, 1, "a");
    equal(await broker.deadLetters.purge({ ids: [] }), 0, "of no ids");
    equal(await broker.deadLetters.purge({ queue: "a", since }), 1, "of queue a since then");
    equal(await broker.deadLetters.purge({ queue: "b" }), 2, "of queue b");
    equal((await broker.deadLetters.list()).items.length, 2, "how many are left");
    equal(await broker.deadLetters.purge(), 2, "of all");
    equal(await broker.deadLetters.purge(), 0, "once more");
  }),

  law("[B1 B19] an id whose dead letter was forgotten may be published anew", async (context) => {
    const { broker, envelope } = context;
    const [id = ""] = await bury(context, 1);
    await broker.deadLetters.purge();
    equal(await broker.publish([envelope({ id })]), [true], "the answer");
    equal((await claimOne(broker)).envelope.attempt, 1, "the attempt");
  }),

  timedLaw("[B21] a dead letter outlives its task's status", async ({ adapter, broker, clock, envelope }) => {
    const published = envelope();
    await broker.publish([published]);
    await adapter.results.set(published.id, "failed", { ttl: 1_000, error: FAILURE });
    await broker.deadLetter(await claimOne(broker), "rejected", FAILURE);
    await clock.advance(1_000);
    await adapter.results.sweep();
    equal(await adapter.results.get(published.id), undefined, "the status");
    equal((await broker.deadLetters.get(published.id))?.error, FAILURE, "the error of the dead letter");
    equal(await broker.deadLetters.replay(), [published.id], "the replay");
  }),

  timedLaw("[B18 B21] a dead letter is absent from the moment its retention ends", async (context) => {
    const { broker, clock, envelope } = context;
    const [id = ""] = await bury(context, 1);
    const { expiresAt } = present(await broker.deadLetters.get(id), "the dead letter");
    ok(expiresAt - clock.now() > 60_000, "Expected a retention of more than a minute");
    clock.set(expiresAt - 1);
    equal((await broker.deadLetters.list()).items.length, 1, "how many are listed a millisecond before");
    clock.set(expiresAt);
    equal(await broker.deadLetters.get(id), undefined, "the dead letter");
    equal((await broker.deadLetters.list()).items, [], "the list");
    await expectCounts(broker, {}, "the counts");
    equal(await broker.deadLetters.replay(), [], "what a replay takes");
    equal(await broker.deadLetters.replay({ ids: [id] }), [], "what a replay by id takes");
    equal(await broker.publish([envelope({ id })]), [true], "the publication of its id");
    equal((await claimOne(broker)).envelope.attempt, 1, "the attempt");
  }),

  timedLaw("[B21] sweep deletes dead letters whose retention is over, in small batches, and nothing else", async (context) => {
    const { broker, clock } = context;
    const [first = ""] = await bury(context, 5);
    const { expiresAt } = present(await broker.deadLetters.get(first), "the dead letter");
    equal(await broker.sweep(), 0, "how many are deleted too early");
    clock.set(expiresAt + 1_000);
    const [late = ""] = await bury(context, 1);
    equal([await broker.sweep({ limit: 2 }), await broker.sweep({ limit: 2 }), await broker.sweep({ limit: 2 })], [2, 2, 1], "the batches");
    equal(await broker.sweep(), 0, "how many are left");
    equal((await broker.deadLetters.list()).items.map(({ id }) => id), [late], "the dead letters that are kept");
  }),

  timedLaw(
    "[B21] forgetting a status touches neither its delivery nor its dead letter, nor the reverse",
    async ({ adapter, broker, envelope }) => {
      const { results } = adapter;
      const [waiting, held, dead] = [envelope({ priority: 0 }), envelope({ priority: 1 }), envelope({ priority: 2 })];
      await broker.publish([waiting, held, dead]);
      for (const { id } of [waiting, held, dead]) await results.set(id, "queued");
      await broker.deadLetter(await claimOne(broker, { limit: 1 }), "rejected");
      const delivery = await claimOne(broker, { limit: 1 });
      for (const { id } of [waiting, held, dead]) equal(await results.remove(id), true, "the removal of the status");
      await expectCounts(broker, { ready: 1, inflight: 1, dead: 1 }, "after the removals");
      equal(await broker.publish([waiting, held, dead]), [false, false, false], "a publication of the same ids");
      for (const { id } of [waiting, held, dead]) await results.set(id, "failed");
      equal(await broker.ack(delivery), true, "the acknowledgement");
      equal([await broker.purge("default"), await broker.deadLetters.purge()], [1, 1], "how many were forgotten");
      const states = (await results.getMany([waiting.id, held.id, dead.id])).map((status) => status?.state);
      equal(states, ["failed", "failed", "failed"], "the states that are kept");
    },
  ),
]);

async function allPages(
  page: (cursor: { readonly cursor?: string }) => Promise<Page<DeadLetter>>,
  limit: number,
): Promise<readonly DeadLetter[]> {
  const letters: DeadLetter[] = [];
  for (let cursor: { readonly cursor?: string } = {};;) {
    const found = await page(cursor);
    ok(found.items.length <= limit, `Expected at most ${limit} on a page, found ${found.items.length}`);
    letters.push(...found.items);
    if (found.cursor === undefined) return letters;
    ok(letters.length < 1_000, "Expected the pages to end");
    cursor = { cursor: found.cursor };
  }
}
