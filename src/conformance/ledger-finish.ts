import type { Completion } from "../contracts/task-ledger.ts";
import { equal, itemAt, present } from "./assert.ts";
import { type ConformanceCase, onLedgers, timedOnLedgers } from "./case.ts";
import { anotherAttempt, death, putBack, statesOf, success } from "./ledger-steps.ts";
import { claim, claimOne, expectCounts } from "./steps.ts";
import { FAILURE, JSON_VALUES } from "./values.ts";

/** How a ledger writes the ends of deliveries. */
export const ledgerFinishCases: readonly ConformanceCase[] = Object.freeze([
  ...timedOnLedgers("[T4] finish writes status, acknowledgement, follow-ups and the group's count", async (context) => {
    const { ledger, broker, results, clock, envelope, id } = context;
    const groupId = id("group");
    const published = envelope({ groupId, meta: { kept: 1 } });
    const links = [envelope({ queue: "links", args: 1 }), envelope({ queue: "links", args: 2, delayMs: 1_000 })];
    await results.initGroup({ id: groupId, taskIds: [published.id, "other"] });
    await ledger.enqueue([published]);
    const delivery = await claimOne(ledger, { consumer: "w" });
    await clock.advance(40);
    const outcomes = await ledger.finish([success(delivery, { payload: { sum: 3 } }, links)]);
    equal(outcomes, [{
      settled: true,
      state: "succeeded",
      group: { groupId, total: 2, ended: 1, failed: 0, completedNow: false },
    }], "the outcome");
    const status = present(await results.get(published.id), "the status");
    equal([status.state, status.attempt, status.payload, status.worker], ["succeeded", 1, { sum: 3 }, "w"], "the status");
    equal([status.startedAt, status.finishedAt, status.expiresAt], [clock.now() - 40, clock.now(), clock.now() + 86_400_000], "its times");
    equal(status.meta, published.meta, "its meta");
    await expectCounts(broker, {}, "of its queue");
    equal(await broker.counts("links"), { ready: 1, delayed: 1, inflight: 0, dead: 0 }, "of the queue of its follow-ups");
    equal(await statesOf(results, links.map((link) => link.id)), ["queued", "queued"], "the states of its follow-ups");
    equal((await results.getGroup(groupId))?.results[0]?.payload, { sum: 3 }, "what its group was told");
  }),

  ...timedOnLedgers("[T4] how long a final status is kept: the completion's time wins over the envelope's", async (context) => {
    const { ledger, results, clock, envelope } = context;
    const published = [envelope({ resultTtlMs: 2_000 }), envelope({ resultTtlMs: 2_000 })];
    await ledger.enqueue(published);
    const [one, two] = await claim(ledger);
    await ledger.finish([success(present(one, "a delivery")), success(present(two, "a delivery"), { ttlMs: 500 })]);
    const expiries = (await results.getMany(published.map(({ id }) => id))).map((status) => status?.expiresAt);
    equal(expiries, [clock.now() + 2_000, clock.now() + 500], "the expiries");
  }),

  ...timedOnLedgers("[R4 T4] a status that has expired leaves nothing to the completion after it", async (context) => {
    const { ledger, results, clock, envelope } = context;
    const published = envelope({ visibilityTimeoutMs: 60_000 });
    await ledger.enqueue([published]);
    const delivery = await claimOne(ledger);
    await results.set(published.id, "running", { ttl: 1_000, progress: 1, payload: 2, meta: { old: true } });
    await clock.advance(1_000);
    equal(await results.get(published.id), undefined, "the status before");
    equal((await ledger.finish([success(delivery)]))[0]?.state, "succeeded", "the outcome");
    const status = present(await results.get(published.id), "the status");
    equal([status.meta, "progress" in status, "payload" in status], [{}, false, false], "what is left of the expired one");
  }),

  ...onLedgers("[T4] payloads of any JSON value reach status and group", async ({ ledger, results, envelope, id }) => {
    const groupId = id("group");
    const published = JSON_VALUES.map(([name]) => envelope({ groupId, name }));
    await results.initGroup({ id: groupId, taskIds: published.map((one) => one.id) });
    await ledger.enqueue(published);
    const deliveries = await claim(ledger);
    const meta = { __stemResultEncoder: "json" };
    await ledger.finish(deliveries.map((delivery, index) => success(delivery, { payload: itemAt(JSON_VALUES, index)[1], meta })));
    const statuses = await results.getMany(published.map((one) => one.id));
    const group = present(await results.getGroup(groupId), "the group");
    for (const [index, [name, value]] of JSON_VALUES.entries()) {
      equal([statuses[index]?.payload, statuses[index]?.meta], [value, meta], name);
      equal([group.results[index]?.payload, group.results[index]?.encoder], [value, "json"], `${name}, as its group knows it`);
    }
  }),

  ...onLedgers("[T4] a success without a value is told from a success with null", async ({ ledger, results, envelope, id }) => {
    const groupId = id("group");
    const published = [envelope({ groupId }), envelope({ groupId })];
    await results.initGroup({ id: groupId, taskIds: published.map((one) => one.id) });
    await ledger.enqueue(published);
    const [one, two] = await claim(ledger);
    await ledger.finish([success(present(one, "a delivery")), success(present(two, "a delivery"), { payload: null })]);
    const group = present(await results.getGroup(groupId), "the group").results.map((result) => present(result, "a result"));
    const statuses = (await results.getMany(published.map(({ id }) => id))).map((status) => present(status, "a status"));
    for (const [none, nothing] of [group, statuses]) {
      equal(["payload" in present(none, "the first"), present(nothing, "the second").payload], [false, null], "the payloads");
    }
  }),

  ...onLedgers("[T4] follow-ups whose ids are known are left out, the others published", async ({ ledger, broker, results, envelope }) => {
    const known = envelope({ queue: "links", args: "first" });
    const fresh = envelope({ queue: "links" });
    await ledger.enqueue([known, envelope()]);
    await ledger.finish([success(await claimOne(ledger), {}, [{ ...known, args: "second" }, fresh])]);
    const claimed = await claim(broker, { queues: ["links"] });
    equal(claimed.map((delivery) => delivery.envelope), [known, fresh], "what is claimable");
    equal(await statesOf(results, [known.id, fresh.id]), ["queued", "queued"], "the states");
  }),

  ...onLedgers("[T4 T11] a result that comes after a cancellation is refused: acknowledged, without follow-ups", async (context) => {
    const { ledger, broker, results, envelope, id } = context;
    for (const complete of [success, anotherAttempt, death, putBack]) {
      const groupId = id("group");
      const [published, link] = [envelope({ groupId }), envelope({ queue: "links" })];
      await results.initGroup({ id: groupId, taskIds: [published.id] });
      await ledger.enqueue([published]);
      const delivery = await claimOne(ledger);
      equal(await ledger.cancel([published.id], { reason: "enough" }), ["running"], "the cancellation");
      const completion: Completion = { ...complete(delivery), ...(complete === success ? { followUps: [link] } : {}) };
      const [outcome] = await ledger.finish([completion]);
      equal([outcome?.settled, outcome?.state], [true, "cancelled"], `the outcome of ${complete.name}`);
      equal((await results.get(published.id))?.state, "cancelled", "the state");
      equal(await results.get(link.id), undefined, "the follow-up");
      await expectCounts(broker, {}, "after it");
      equal((await results.getGroup(groupId))?.results[0]?.state, "cancelled", "what its group was told");
    }
    equal(await broker.counts("links"), { ready: 0, delayed: 0, inflight: 0, dead: 0 }, "of the queue of the follow-up");
  }),

  ...timedOnLedgers("[T6] a retry tells the failed attempt and its error, and comes back at attempt + 1", async (context) => {
    const { ledger, broker, results, clock, envelope, id } = context;
    const groupId = id("group");
    const published = envelope({ groupId, maxRetries: 3 });
    await results.initGroup({ id: groupId, taskIds: [published.id] });
    await ledger.enqueue([published]);
    equal(await ledger.finish([anotherAttempt(await claimOne(ledger), 2_000)]), [{ settled: true, state: "retrying" }], "the outcome");
    const status = present(await results.get(published.id), "the status");
    equal([status.state, status.attempt, status.error], ["retrying", 1, FAILURE], "the status");
    equal(["finishedAt" in status, "expiresAt" in status], [false, false], "whether it has ended or will expire");
    equal((await results.getGroup(groupId))?.ended, 0, "how many of the group have ended");
    await clock.advance(1_999);
    equal(await claim(ledger), [], "what is claimable a millisecond early");
    await clock.advance(1);
    const again = await claimOne(ledger, { consumer: "next" });
    equal(again.envelope, { ...published, attempt: 2 }, "the envelope");
    const running = present(await results.get(published.id), "the status");
    equal(
      [running.state, running.attempt, running.worker, running.error],
      ["running", 2, "next", undefined],
      "the status of the next attempt",
    );
    equal((await ledger.finish([success(again)]))[0]?.group?.completedNow, true, "whether the group is complete");
    await expectCounts(broker, {}, "at the end");
  }),

  ...onLedgers("[T7] a dead letter's status is final, and its group is told", async ({ ledger, broker, results, envelope, id }) => {
    const groupId = id("group");
    const link = envelope({ queue: "links" });
    const published = envelope({ groupId });
    await results.initGroup({ id: groupId, taskIds: [published.id], callback: envelope() });
    await ledger.enqueue([published]);
    const [outcome] = await ledger.finish([death(await claimOne(ledger), [link])]);
    const group = { groupId, total: 1, ended: 1, failed: 1, completedNow: true };
    equal(outcome, { settled: true, state: "failed", group }, "the outcome");
    const status = await results.get(published.id);
    equal([status?.state, status?.error], ["failed", FAILURE], "the status");
    const letter = await broker.deadLetters.get(published.id);
    equal([letter?.reason, letter?.error], ["retries-exhausted", FAILURE], "the dead letter");
    equal(await results.dueChords(), [groupId], "what is due");
    equal((await results.getGroup(groupId))?.results[0]?.error, FAILURE, "what its group was told");
    equal((await claimOne(ledger, { queues: ["links"] })).envelope.id, link.id, "its follow-up");
  }),

  ...onLedgers("[T7] every end is told to the group: failed and acknowledged, cancelled, dead as cancelled", async (context) => {
    const { ledger, broker, results, envelope, id } = context;
    const groupId = id("group");
    const published = Array.from({ length: 3 }, () => envelope({ groupId }));
    await results.initGroup({ id: groupId, taskIds: published.map((one) => one.id) });
    await ledger.enqueue(published);
    const deliveries = await claim(ledger);
    const outcomes = await ledger.finish([
      { delivery: itemAt(deliveries, 0), settlement: { kind: "ack" }, status: { state: "failed", error: FAILURE } },
      { delivery: itemAt(deliveries, 1), settlement: { kind: "ack" }, status: { state: "cancelled" } },
      { delivery: itemAt(deliveries, 2), settlement: { kind: "deadLetter", reason: "rejected" }, status: { state: "cancelled" } },
    ]);
    equal(outcomes.map((outcome) => [outcome.group?.ended, outcome.group?.failed]), [[1, 1], [2, 2], [3, 3]], "the group's counts");
    equal(await statesOf(results, published.map((one) => one.id)), ["failed", "cancelled", "cancelled"], "the states");
    await expectCounts(broker, { dead: 1 }, "at the end");
  }),
]);
