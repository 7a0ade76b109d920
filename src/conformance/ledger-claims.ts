import { UnsupportedError } from "../errors.ts";
import { equal, itemAt, ok, present, throws } from "./assert.ts";
import { type ConformanceCase, onLedgers, timedOnLedgers } from "./case.ts";
import { anotherAttempt, death, statesOf, success } from "./ledger-steps.ts";
import { claim, claimNothing, claimOne, expectCounts, idsOf, rollBack } from "./steps.ts";

/** How tasks enter a ledger, and how they are claimed from it. */
export const ledgerClaimCases: readonly ConformanceCase[] = Object.freeze([
  ...timedOnLedgers(
    "[T1] enqueue makes a task claimable and its status queued",
    async ({ ledger, broker, results, clock, envelope, second }) => {
      const published = envelope({ name: "n", queue: "q", args: [1], meta: { tenant: "t" }, groupId: "g", attempt: 2 });
      equal(await ledger.enqueue([published]), [true], "the answer");
      const now = clock.now();
      const status = { id: published.id, name: "n", queue: "q", state: "queued", attempt: 2, meta: published.meta, groupId: "g" };
      equal<unknown>(await results.get(published.id), { ...status, createdAt: now, updatedAt: now }, "the status");
      equal((await claimOne((await second()).broker, { queues: ["q"] })).envelope, published, "what a broker claims");
      equal((await broker.counts("q")).inflight, 1, "how many are held");
    },
  ),

  ...onLedgers("[T1] a worker that is faster than the producer is never overwritten", async (context) => {
    const { ledger, ledgerOf, results, envelope, second, within } = context;
    const worker = ledgerOf(await second());
    const published = Array.from({ length: 40 }, () => envelope());
    const controller = new AbortController();
    let done = 0;
    const work = async (consumer: string) => {
      while (!controller.signal.aborted) {
        const deliveries = await worker.claim({
          ...{ queues: ["default"], limit: 5, consumer, waitMs: 60_000 },
          signal: controller.signal,
        });
        await worker.finish(deliveries.map((delivery) => success(delivery, { payload: delivery.envelope.id })));
        done += deliveries.length;
        if (done === published.length) controller.abort();
      }
    };
    const workers = Promise.all([work("one"), work("two")]);
    await Promise.all(published.map((one) => ledger.enqueue([one])));
    await within(workers, 30_000);
    const statuses = await results.getMany(published.map(({ id }) => id));
    equal<unknown>(statuses.map((status) => status?.state), published.map(() => "succeeded"), "the states");
    equal(statuses.map((status) => status?.payload), published.map(({ id }) => id), "the payloads");
  }),

  ...timedOnLedgers("[T1] a delayed task is queued at once and claimable in time", async ({ ledger, results, clock, envelope }) => {
    const published = envelope({ delayMs: 1_000 });
    await ledger.enqueue([published]);
    equal((await results.get(published.id))?.state, "queued", "the state");
    equal(await claim(ledger), [], "what is claimable at once");
    await clock.advance(1_000);
    equal((await claimOne(ledger)).envelope.id, published.id, "what is claimable in time");
  }),

  ...onLedgers("[T2] enqueue is idempotent by id while the task waits, runs, or is a dead letter", async (context) => {
    const { ledger, broker, results, envelope } = context;
    const published = envelope({ args: "first" });
    equal(await ledger.enqueue([published, { ...published, args: "second" }]), [true, false], "twice in one call");
    equal(await ledger.enqueue([envelope(), { ...published, args: "third" }]), [true, false], "while it waits");
    const [delivery] = await claim(ledger, { limit: 1 });
    equal(delivery?.envelope.args, "first", "the arguments");
    equal(await ledger.enqueue([published]), [false], "while it runs");
    equal((await results.get(published.id))?.state, "running", "the state while it runs");
    await ledger.finish([death(present(delivery, "a delivery"))]);
    equal(await ledger.enqueue([published]), [false], "while it is a dead letter");
    equal((await results.get(published.id))?.state, "failed", "the state of the dead letter");
    await expectCounts(broker, { ready: 1, dead: 1 }, "at the end");
  }),

  ...timedOnLedgers("[T2] a task whose status is kept is not run again, one whose status has expired is", async (context) => {
    const { ledger, broker, results, clock, envelope } = context;
    const published = envelope({ resultTtlMs: 1_000 });
    await ledger.enqueue([published]);
    await ledger.finish([success(await claimOne(ledger), { payload: 1 })]);
    equal(await ledger.enqueue([published, envelope()]), [false, true], "while its status is kept");
    await expectCounts(broker, { ready: 1 }, "after that");
    equal((await results.get(published.id))?.payload, 1, "the payload");
    await clock.advance(1_000);
    equal(await ledger.enqueue([published]), [true], "when its status has expired");
    equal(idsOf(await claim(ledger)).includes(published.id), true, "whether it is claimable");
  }),

  ...onLedgers("[T1 T2] a task whose producer was cut off after its status is enqueued when it is enqueued again", async (context) => {
    const { ledger, results, envelope } = context;
    const published = envelope();
    await results.set(published.id, "queued", { name: published.name, queue: published.queue, meta: published.meta });
    equal(await ledger.enqueue([published]), [true], "the answer");
    equal(await ledger.enqueue([published]), [false], "the answer once more");
    equal((await results.get(published.id))?.state, "queued", "the state");
    equal((await claimOne(ledger)).envelope, published, "what is claimed");
  }),

  ...timedOnLedgers("[B4 T2] a task that is enqueued anew stands behind those that wait, and is the latest created", async (context) => {
    const { ledger, results, clock, envelope } = context;
    const [anew, waiting] = [envelope({ resultTtlMs: 1_000 }), envelope()];
    await ledger.enqueue([{ ...anew, groupId: "of its first life" }]);
    await ledger.finish([success(await claimOne(ledger))]);
    await ledger.enqueue([waiting]);
    await clock.advance(1_000);
    equal(await ledger.enqueue([anew]), [true], "the answer");
    equal((await results.list()).items.map((status) => status.id), [anew.id, waiting.id], "the list");
    equal(idsOf(await claim(ledger)), [waiting.id, anew.id], "the order of the claim");
    equal((await results.get(anew.id))?.groupId, undefined, "the group of its second life");
  }),

  ...timedOnLedgers("[T3] what is claimed is running, with its attempt, worker and start", async ({ ledger, results, clock, envelope }) => {
    const published = Array.from({ length: 3 }, () => envelope({ attempt: 3, meta: { kept: 1 } }));
    await ledger.enqueue(published);
    await clock.advance(500);
    const deliveries = await ledger.claim({ queues: ["default"], limit: 2, consumer: "worker:1", leaseMs: 7_000 });
    equal(idsOf(deliveries), published.slice(0, 2).map(({ id }) => id), "what is claimed");
    equal(itemAt(deliveries, 0).leaseExpiresAt, clock.now() + 7_000, "the lease");
    const [first, , third] = await results.getMany(published.map(({ id }) => id));
    equal([first?.state, first?.attempt, first?.worker, first?.startedAt], ["running", 3, "worker:1", clock.now()], "the claimed one");
    equal(first?.meta, itemAt(published, 0).meta, "its meta");
    equal([third?.state, third?.worker, third?.startedAt], ["queued", undefined, undefined], "the one that was left");
  }),

  ...onLedgers("[B8 T3] a waiting claim wakes when a task is enqueued on another connection", async (context) => {
    const { ledger, ledgerOf, results, envelope, second, within } = context;
    const answer = claimOne(ledger, { waitMs: 60_000, consumer: "waiter" });
    const published = envelope();
    await ledgerOf(await second()).enqueue([published]);
    equal((await within(answer)).envelope.id, published.id, "what is claimed");
    const status = await results.get(published.id);
    equal([status?.state, status?.worker], ["running", "waiter"], "its status");
  }),

  ...timedOnLedgers("[B9 T3] a task that is taken over runs on at the same attempt, with its new worker", async (context) => {
    const { ledger, ledgerOf, results, clock, envelope, second } = context;
    const published = envelope();
    await ledger.enqueue([published]);
    await claimOne(ledger, { consumer: "slow", leaseMs: 1_000 });
    await clock.advance(1_000);
    const taken = await claimOne(ledgerOf(await second()), { consumer: "quick" });
    equal([taken.redelivered, taken.deliveryCount, taken.envelope.attempt], [true, 2, 1], "the delivery");
    const status = await results.get(published.id);
    equal([status?.state, status?.attempt, status?.worker], ["running", 1, "quick"], "the status");
  }),

  ...onLedgers("[B6 T3] twenty racing claimers over two connections get each task once", async (context) => {
    const { ledger, ledgerOf, results, envelope, second } = context;
    const other = ledgerOf(await second());
    const published = Array.from({ length: 100 }, () => envelope());
    await ledger.enqueue(published);
    const claimed = await Promise.all(Array.from({ length: 20 }, async (_, index) => {
      const mine = [];
      const from = index % 2 === 0 ? ledger : other;
      for (let turn = 0; turn < 4; turn++) mine.push(...await claim(from, { limit: 2, consumer: `racer-${index}` }));
      return mine;
    }));
    const deliveries = [...claimed.flat(), ...await claim(ledger, { consumer: "last" })];
    equal(idsOf(deliveries).toSorted(), published.map(({ id }) => id).toSorted(), "what was delivered");
    const statuses = await results.getMany(idsOf(deliveries));
    equal(statuses.map((status) => status?.worker), deliveries.map((delivery) => delivery.consumer), "the workers");
  }),

  ...onLedgers(
    "[T2 T4] a task whose status has ended at that very attempt is not run again, what was owed is carried out",
    async (context) => {
      const { ledger, broker, results, envelope, id } = context;
      const groupId = id("group");
      const link = envelope({ name: "link", queue: "links" });
      const published = envelope({ groupId, onSuccess: [link] });
      const behind = envelope();
      await results.initGroup({ id: groupId, taskIds: [published.id] });
      await ledger.enqueue([published, behind]);
      // What a holder leaves that is cut off after it has written the status.
      await results.set(published.id, "succeeded", { payload: 7, meta: { __stemResultEncoder: "json" } });
      equal(idsOf(await claim(ledger)), [behind.id], "what is handed out");
      await expectCounts(broker, { inflight: 1 }, "after the claim");
      equal((await results.get(published.id))?.payload, 7, "the payload");
      const group = present(await results.getGroup(groupId), "the group");
      equal<unknown>(group.results, [{ taskId: published.id, state: "succeeded", payload: 7, encoder: "json" }], "what its group was told");
      equal((await claimOne(ledger, { queues: ["links"] })).envelope.id, link.id, "its follow-up");
      equal((await results.get(link.id))?.state, "running", "the follow-up's state");
    },
  ),

  ...onLedgers("[T7] a task that had failed at that very attempt becomes a dead letter instead of running again", async (context) => {
    const { ledger, broker, results, envelope } = context;
    const link = envelope({ name: "undo", queue: "links" });
    const published = envelope({ onFailure: [link] });
    await ledger.enqueue([published]);
    await results.set(published.id, "failed");
    equal(await claim(ledger), [], "what is handed out");
    await expectCounts(broker, { dead: 1 }, "after the claim");
    equal(await statesOf(results, [published.id, link.id]), ["failed", "queued"], "the states");
  }),

  ...timedOnLedgers("[T13] expired envelopes and those delivered too often are handed out as well", async ({ ledger, clock, envelope }) => {
    const published = envelope({ expiresAt: clock.now() + 1_000, visibilityTimeoutMs: 100 });
    await ledger.enqueue([published]);
    await clock.advance(2_000);
    for (let count = 1; count <= 25; count++) {
      const delivery = await claimOne(ledger);
      equal(delivery.deliveryCount, count, "the delivery count");
      ok(delivery.claimedAt > present(delivery.envelope.expiresAt, "an expiry"), "Expected the claim to tell that the task has expired");
      await clock.advance(100);
    }
  }),

  ...onLedgers("[T6 T10] what is put back or retried is claimed by whoever comes next", async ({ ledger, ledgerOf, envelope, second }) => {
    const other = ledgerOf(await second());
    await ledger.enqueue([envelope()]);
    const first = await claimOne(ledger);
    await ledger.finish([anotherAttempt(first)]);
    const then = await claimOne(other, { consumer: "other" });
    equal([then.envelope.attempt, then.consumer, then.deliveryCount], [2, "other", 1], "the delivery");
    ok(then.token > first.token, `Expected a token above ${first.token}, found ${then.token}`);
  }),

  ...onLedgers("[T9] enqueue with tx takes effect when it commits, and never when it rolls back", async (context) => {
    const { adapter, ledger, broker, results, envelope, transaction } = context;
    const published = envelope();
    if (!adapter.supports.transactions) {
      await throws(() => ledger.enqueue([published], { tx: {} }), UnsupportedError, "enqueue with tx");
      await claimNothing(broker, "after the refusal");
      return equal(await results.get(published.id), undefined, "the status after the refusal");
    }
    const run = present(transaction, "a harness with `transaction`, since supports.transactions is true");
    const other = await context.second();
    await rollBack(run, async (tx) => equal(await ledger.enqueue([published], { tx }), [true], "the answer inside"));
    equal(await results.get(published.id), undefined, "the status after the rollback");
    await claimNothing(broker, "after the rollback");
    await run(async (tx) => {
      equal(await ledger.enqueue([published, published], { tx }), [true, false], "the answer inside");
      equal(await other.results.get(published.id), undefined, "the status, seen from outside before the commit");
    });
    // A ledger over two databases cannot undo a status together with the caller's transaction: it leaves it to the claim.
    if (ledger.atomic) equal((await other.results.get(published.id))?.state, "queued", "the state after the commit");
    equal((await claimOne(other.broker)).envelope, published, "what is claimable after the commit");
  }),

  ...onLedgers("[T9] a commit wakes a waiting claim", async (context) => {
    const { adapter, ledger, ledgerOf, envelope, transaction, within } = context;
    const published = envelope();
    if (!adapter.supports.transactions) {
      return void await throws(() => ledger.enqueue([published], { tx: {} }), UnsupportedError, "enqueue with tx");
    }
    const run = present(transaction, "a harness with `transaction`, since supports.transactions is true");
    const answer = claimOne(ledgerOf(await context.second()), { waitMs: 60_000 });
    await run(async (tx) => {
      await ledger.enqueue([published], { tx });
    });
    equal((await within(answer)).envelope.id, published.id, "what it answers");
  }),
]);
