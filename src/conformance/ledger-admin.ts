import { ConfigError } from "../errors.ts";
import { equal, itemAt, ok, present, throws } from "./assert.ts";
import { type ConformanceCase, onLedgers, timedOnLedgers } from "./case.ts";
import { anotherAttempt, death, statesOf, success } from "./ledger-steps.ts";
import { claim, claimOne, expectCounts, idsOf } from "./steps.ts";
import { BAD_IDS } from "./values.ts";

/** How a ledger cancels, purges and replays. */
export const ledgerAdminCases: readonly ConformanceCase[] = Object.freeze([
  ...onLedgers("[T11] cancel ends a task that waits: status, envelope and group", async (context) => {
    const { ledger, ledgerOf, broker, results, envelope, id, second, within } = context;
    const groupId = id("group");
    const published = envelope({ groupId });
    await results.initGroup({ id: groupId, taskIds: [published.id], callback: envelope() });
    await ledger.enqueue([published]);
    const answer = (await second()).results.waitFor(published.id);
    equal(await ledgerOf(await second()).cancel([published.id], { reason: "not needed: at all" }), ["cancelled"], "the answer");
    const status = present(await results.get(published.id), "the status");
    equal(
      [status.state, status.attempt, status.error?.message, status.name],
      ["cancelled", 1, "not needed: at all", published.name],
      "the status",
    );
    ok(status.finishedAt !== undefined && status.expiresAt !== undefined, "Expected the end and the expiry of the status");
    equal((await within(answer)).state, "cancelled", "what somebody who waits is told");
    equal(await claim(ledger), [], "what is claimable after it");
    await expectCounts(broker, {}, "after it");
    const group = await results.getGroup(groupId);
    equal([group?.ended, group?.failed, group?.results[0]?.state], [1, 1, "cancelled"], "its group");
    equal(await results.dueChords(), [groupId], "what is due");
  }),

  ...timedOnLedgers(
    "[T11] a task is cancelled whatever it waits for, and at whatever attempt",
    async ({ ledger, broker, results, clock, envelope }) => {
      const delayed = envelope({ delayMs: 5_000, priority: 1 });
      const retried = envelope({ priority: 9 });
      const expired = envelope({ priority: 8 });
      await ledger.enqueue([delayed, retried, expired]);
      await ledger.finish([anotherAttempt(await claimOne(ledger, { limit: 1 }), 5_000)]);
      const late = await claimOne(ledger, { limit: 1, leaseMs: 1_000 });
      await clock.advance(1_000);
      const ids = [delayed.id, retried.id, expired.id];
      // Whoever looks at statuses alone cannot tell that a lease has ended.
      equal(await ledger.cancel(ids), ["cancelled", "cancelled", ledger.atomic ? "cancelled" : "running"], "the answers");
      equal(await statesOf(results, ids), ["cancelled", "cancelled", "cancelled"], "the states");
      equal((await results.get(delayed.id))?.error?.message, "cancelled", "the reason when none was given");
      const [outcome] = await ledger.finish([success(late, { payload: 1 })]);
      equal<unknown>(
        [outcome?.settled, outcome?.state],
        ledger.atomic ? [false, undefined] : [true, "cancelled"],
        "the late holder's outcome",
      );
      equal((await results.get(expired.id))?.state, "cancelled", "the state after it");
      await clock.advance(60_000);
      equal(await claim(ledger), [], "what is claimable later");
      await expectCounts(broker, {}, "later");
    },
  ),

  ...onLedgers("[T11] cancel tells what it found, for each in order", async ({ ledger, broker, results, envelope }) => {
    const [running, done, dead, waiting] = ["running", "done", "dead", "waiting"].map((args, index) =>
      envelope({ args, priority: 9 - index })
    );
    const all = [running, done, dead, waiting].map((one) => present(one, "an envelope"));
    await ledger.enqueue(all);
    const deliveries = await claim(ledger, { limit: 3 });
    await ledger.finish([success(itemAt(deliveries, 1)), death(itemAt(deliveries, 2))]);
    const ids = all.map(({ id }) => id);
    equal(
      await ledger.cancel([...ids, "nobody", itemAt(ids, 3)]),
      ["running", "ended", "ended", "cancelled", "unknown", "ended"],
      "the answers",
    );
    equal(await statesOf(results, ids), ["cancelled", "succeeded", "failed", "cancelled"], "the states");
    equal(await ledger.cancel([]), [], "of nobody");
    equal(await claim(ledger), [], "what is claimable after it");
    await expectCounts(broker, { inflight: 1, dead: 1 }, "after it");
    for (const [name, id] of BAD_IDS) await throws(() => ledger.cancel([id]), ConfigError, `cancel of ${name}`);
  }),

  ...onLedgers("[T11] of a cancellation and a claim that race one comes first, and nothing runs on", async (context) => {
    const { ledger, ledgerOf, broker, results, envelope, second } = context;
    const other = ledgerOf(await second());
    for (let round = 0; round < 10; round++) {
      const published = Array.from({ length: 6 }, () => envelope());
      await ledger.enqueue(published);
      const [found, deliveries] = await Promise.all([
        ledger.cancel(published.map(({ id }) => id)),
        claim(other, { limit: 3 }),
      ]);
      const claimed = new Set(idsOf(deliveries));
      const running = published.map(({ id }) => claimed.has(id));
      // Without one step for both sides a claim may come between the look at the status and its change.
      if (ledger.atomic) equal(found.map((what) => what === "running"), running, "which were found running");
      else equal(found.every((what) => what === "running" || what === "cancelled"), true, "whether all were found");
      await other.finish(deliveries.map((delivery) => success(delivery)));
      const states = await statesOf(results, published.map(({ id }) => id));
      equal(states, published.map(() => "cancelled"), "the states");
      equal(await claim(ledger), [], "what is claimable after the round");
      await expectCounts(broker, {}, "after the round");
    }
  }),

  ...onLedgers("[T11] cancel of waiting tasks only leaves what a worker holds its status and its result", async (context) => {
    const { ledger, broker, results, envelope, id } = context;
    const groupId = id("group");
    const [running, waiting, done, retrying] = [
      envelope({ priority: 9, groupId }),
      envelope(),
      envelope({ priority: 8 }),
      envelope({
        priority: 7,
      }),
    ];
    await results.initGroup({ id: groupId, taskIds: [running.id] });
    await ledger.enqueue([running, waiting, done, retrying]);
    const deliveries = await claim(ledger, { limit: 3 });
    await ledger.finish([success(itemAt(deliveries, 1)), anotherAttempt(itemAt(deliveries, 2), 60_000)]);
    const ids = [running.id, waiting.id, done.id, retrying.id, running.id, "nobody"];
    equal(
      await ledger.cancel(ids, { waitingOnly: true, reason: "not needed", requestedBy: "ada" }),
      ["running", "cancelled", "ended", "cancelled", "running", "unknown"],
      "the answers",
    );
    const statuses = await results.getMany([running.id, waiting.id, retrying.id]);
    equal(statuses.map((status) => status?.state), ["running", "cancelled", "cancelled"], "the states");
    equal(statuses.map((status) => [status?.error?.message, status?.error?.requestedBy]), [
      [undefined, undefined],
      ["not needed", "ada"],
      ["not needed", "ada"],
    ], "why, and who asked for it");
    const [outcome] = await ledger.finish([success(itemAt(deliveries, 0), { payload: 1 })]);
    equal([outcome?.settled, outcome?.state, outcome?.group?.ended], [true, "succeeded", 1], "the outcome of the one that was held");
    equal((await results.get(running.id))?.payload, 1, "its result");
    equal(await ledger.cancel([running.id], { waitingOnly: true }), ["ended"], "the answer once it has ended");
    equal(await claim(ledger), [], "what is claimable after it");
    // Where the sides are two, an envelope goes when it is claimed next.
    await expectCounts(broker, ledger.atomic ? {} : { delayed: 1 }, "after it");
  }),

  ...onLedgers("[T12] purge cancels what waits in a queue, tells the groups, and leaves what is held", async (context) => {
    const { ledger, broker, results, envelope, id } = context;
    const groupId = id("group");
    const held = envelope({ priority: 9 });
    const waiting = [envelope({ groupId }), envelope({ groupId, delayMs: 60_000 })];
    const elsewhere = envelope({ queue: "elsewhere" });
    await results.initGroup({ id: groupId, taskIds: waiting.map((one) => one.id) });
    await ledger.enqueue([held, ...waiting, elsewhere]);
    const delivery = await claimOne(ledger, { limit: 1 });
    equal(await ledger.purge("default"), 2, "how many were cancelled");
    equal(await statesOf(results, [held.id, ...waiting.map((one) => one.id), elsewhere.id]), [
      "running",
      "cancelled",
      "cancelled",
      "queued",
    ], "the states");
    const group = await results.getGroup(groupId);
    equal([group?.ended, group?.failed], [2, 2], "the group");
    await expectCounts(broker, { inflight: 1 }, "after it");
    equal((await ledger.finish([success(delivery)]))[0]?.state, "succeeded", "the end of what is held");
    equal(await ledger.purge("default"), 0, "once more");
    await throws(() => ledger.purge(""), ConfigError, "purge of an empty name");
  }),

  ...onLedgers(
    "[T12] purge leaves what was owed to tasks that had ended to the next claim",
    async ({ ledger, broker, results, envelope, id }) => {
      const groupId = id("group");
      const [ended, waiting] = [envelope({ groupId }), envelope({ groupId })];
      await results.initGroup({ id: groupId, taskIds: [ended.id, waiting.id] });
      await ledger.enqueue([ended, waiting]);
      await results.set(ended.id, "succeeded", { payload: 1 });
      const cancelled = await ledger.purge("default");
      if (ledger.atomic) equal(cancelled, 1, "how many were cancelled");
      equal(await claim(ledger), [], "what is claimable after it");
      await expectCounts(broker, {}, "after the claim");
      equal(await statesOf(results, [ended.id, waiting.id]), ["succeeded", "cancelled"], "the states");
      equal(
        (await results.getGroup(groupId))?.results.map((result) => result?.state),
        ["succeeded", "cancelled"],
        "what the group was told",
      );
    },
  ),

  ...timedOnLedgers("[T12] replay publishes dead letters again, with their status queued at the next attempt", async (context) => {
    const { ledger, broker, results, clock, envelope } = context;
    const published = [envelope({ maxRetries: 1, args: "same" }), envelope({ resultTtlMs: 1_000 })];
    const ids = published.map(({ id }) => id);
    await ledger.enqueue(published);
    for (const delivery of await claim(ledger)) {
      await ledger.finish([death(delivery)]);
      await clock.advance(1);
    }
    await clock.advance(1_000);
    equal(await statesOf(results, ids), ["failed", undefined], "the states, one of which has expired");
    equal(await ledger.replay({ dryRun: true }), ids, "what a dry run tells");
    equal(await statesOf(results, ids), ["failed", undefined], "the states after the dry run");
    equal(await ledger.replay(), ids, "the answer");
    const statuses = await results.getMany(ids);
    equal(statuses.map((status) => [status?.state, status?.attempt]), [["queued", 2], ["queued", 2]], "the statuses");
    equal(
      ["error" in present(statuses[0], "a status"), "finishedAt" in present(statuses[0], "a status")],
      [false, false],
      "what is left of the end",
    );
    await expectCounts(broker, { ready: 2 }, "after it");
    const again = await claim(ledger);
    equal(again.map(({ envelope: { attempt, args } }) => [attempt, args]), [[2, "same"], [2, undefined]], "what is claimed");
    const outcomes = await ledger.finish(again.map((delivery) => success(delivery)));
    equal(outcomes.map((outcome) => outcome.state), ["succeeded", "succeeded"], "the ends");
  }),

  ...timedOnLedgers("[T12] a replay leaves a status that already tells of its attempt, or of a later one", async (context) => {
    const { ledger, broker, results, clock, envelope } = context;
    for (const replay of [() => ledger.replay(), () => broker.deadLetters.replay()]) {
      const published = [envelope(), envelope(), envelope()];
      const ids = published.map(({ id }) => id);
      await ledger.enqueue(published);
      await results.setMany([
        { id: itemAt(ids, 0), state: "queued", attempt: 2, progress: "kept" },
        { id: itemAt(ids, 1), state: "queued", attempt: 3, progress: "kept" },
        { id: itemAt(ids, 2), state: "running", attempt: 2, progress: "kept" },
      ]);
      for (const delivery of await claim(ledger)) await broker.deadLetter(delivery, "given up");
      const before = await results.getMany(ids);
      await clock.advance(1);
      equal(await replay(), ids, "the answer");
      equal(await results.getMany(ids), before, "the statuses");
      const again = await claim(ledger);
      equal(again.map((delivery) => delivery.envelope.attempt), [2, 2, 2], "the attempts that are claimed");
      await ledger.finish(again.map((delivery) => success(delivery)));
      await expectCounts(broker, {}, "at the end");
    }
  }),

  ...onLedgers("[T12] replay chooses by ids, queue and limit, and refuses bad ones", async ({ ledger, broker, envelope }) => {
    const published = [envelope(), envelope(), envelope({ queue: "other" })];
    await ledger.enqueue(published);
    const deliveries = await claim(ledger, { queues: ["default", "other"] });
    await ledger.finish(deliveries.map((delivery) => death(delivery)));
    equal(await ledger.replay({ ids: [] }), [], "of no ids");
    equal(await ledger.replay({ queue: "other" }), [itemAt(published, 2).id], "of a queue");
    equal(await ledger.replay({ ids: [itemAt(published, 1).id] }), [itemAt(published, 1).id], "of an id");
    equal((await ledger.replay({ limit: 1 })).length, 1, "of a limit");
    for (const limit of [0, -1, 1.5]) await throws(() => ledger.replay({ limit }), ConfigError, `replay with limit ${limit}`);
    await expectCounts(broker, { ready: 2 }, "at the end");
  }),

  ...onLedgers("[B20 T12] a dead letter that its broker replays runs like any other", async ({ ledger, broker, results, envelope }) => {
    const published = envelope();
    await ledger.enqueue([published]);
    await ledger.finish([death(await claimOne(ledger))]);
    equal(await broker.deadLetters.replay(), [published.id], "the replay");
    const again = await claimOne(ledger, { consumer: "w" });
    const status = await results.get(published.id);
    equal([again.envelope.attempt, status?.state, status?.attempt, status?.worker], [2, "running", 2, "w"], "the delivery and its status");
    equal((await ledger.finish([success(again, { payload: 1 })]))[0]?.state, "succeeded", "the end");
  }),
]);
