import { ClosedError, ConfigError } from "../errors.ts";
import { SeparateLedger } from "../ledger/separate-ledger.ts";
import { describeError, equal, ok, present, throws } from "./assert.ts";
import { type ConformanceCase, law } from "./case.ts";
import { death, success } from "./ledger-steps.ts";
import { claim, claimOne, idsOf } from "./steps.ts";
import { BAD_IDS } from "./values.ts";

/** How the stores of one adapter belong together. */
export const adapterCases: readonly ConformanceCase[] = Object.freeze([
  law("[A1] closing an adapter closes its stores, once", async ({ second, within }) => {
    const closing = await second();
    await within(Promise.all([closing.close(), closing.close(), closing[Symbol.asyncDispose]()]));
    await throws(() => closing.broker.counts("default"), ClosedError, "a call of its broker");
    await throws(() => closing.results.get("id"), ClosedError, "a call of its result backend");
    await within(closing.broker.close());
    await within(closing.results.close());
    await within(closing.close());
  }),

  law(
    "[A1] closing one adapter leaves others on the same database alone",
    async ({ adapter, broker, results, second, envelope, within }) => {
      const answer = claim(broker, { waitMs: 60_000 });
      const closing = await second();
      await closing.results.set("id", "running");
      await within(closing.close());
      equal((await results.get("id"))?.state, "running", "a status");
      const published = envelope();
      await adapter.broker.publish([published]);
      equal(idsOf(await within(answer)), [published.id], "a wait that had begun before");
    },
  ),

  law("[A1] an adapter that was never used closes, and so does one that is closed while it works", async (context) => {
    const { second, envelope, within } = context;
    await within((await second()).close());
    const busy = await second();
    const calls = Promise.allSettled([
      ...Array.from({ length: 20 }, () => busy.broker.publish([envelope()])),
      ...Array.from({ length: 20 }, (_, index) => busy.results.set(`id-${index}`, "queued")),
      claim(busy.broker, { waitMs: 60_000 }),
    ]);
    await within(busy.close());
    for (const call of await within(calls)) {
      if (call.status === "rejected") ok(call.reason instanceof ClosedError, `Expected ClosedError, got ${describeError(call.reason)}`);
    }
  }),

  law("[A1] an adapter says what it can do", async ({ adapter: { supports } }) => {
    ok(supports.name !== "", "Expected a name");
    equal([typeof supports.durable, typeof supports.shared, typeof supports.transactions], ["boolean", "boolean", "boolean"], "the kinds");
    ok(["push", "poll", "process"].includes(supports.notifications), `Expected a way of notification, found ${supports.notifications}`);
    equal(supports.notifications !== "process", supports.shared, "whether other processes are told, where they share the state");
    ok(supports.timeResolutionMs > 0, `Expected a resolution above zero, found ${supports.timeResolutionMs}`);
  }),

  law("[A2] a second connection sees what the first has written, at once", async ({ broker, results, envelope, id, second }) => {
    const other = await second();
    for (let round = 0; round < 10; round++) {
      const published = envelope();
      await broker.publish([published]);
      const delivery = await claimOne(other.broker);
      equal(delivery.envelope.id, published.id, "the envelope");
      await other.results.set(published.id, "running");
      equal((await results.get(published.id))?.state, "running", "the status");
      equal(await broker.ack(delivery), true, "the acknowledgement");
      const groupId = id("group");
      await results.initGroup({ id: groupId, taskIds: ["a"] });
      equal((await other.results.addGroupResult(groupId, { taskId: "a", state: "succeeded" }))?.completedNow, true, "the group");
      await results.setHeartbeat(heartbeat(groupId), 60_000);
      ok((await other.results.listHeartbeats()).some((beat) => beat.workerId === groupId), "Expected the heartbeat");
    }
  }),

  law("[A3] the stores of one adapter join into an atomic ledger, those of different namespaces do not", async ({ adapter, other }) => {
    equal(present(adapter.broker.joinWith(adapter.results), "a ledger").atomic, true, "whether it is atomic");
    const elsewhere = await other();
    equal(adapter.broker.joinWith(elsewhere.results), undefined, "a ledger across namespaces");
    equal(elsewhere.broker.joinWith(adapter.results), undefined, "a ledger across namespaces, the other way");
  }),

  law("[A3] producers and workers of both kinds of ledger work together", async ({ adapter, broker, results, envelope, id }) => {
    const joined = present(adapter.broker.joinWith(adapter.results), "a ledger");
    const separate = new SeparateLedger(broker, results);
    equal(separate.atomic, false, "whether the second kind is atomic");
    const pairs = [joined, separate].flatMap((producer) => [joined, separate].map((worker) => ({ producer, worker })));
    for (const { producer, worker } of pairs) {
      const groupId = id("group");
      const [one, two] = [envelope({ groupId }), envelope({ groupId })];
      await results.initGroup({ id: groupId, taskIds: [one.id, two.id] });
      equal(await producer.enqueue([one, two]), [true, true], "the enqueue");
      equal(await worker.enqueue([one]), [false], "the same by the other kind");
      const deliveries = await claim(worker, { consumer: "w" });
      equal(idsOf(deliveries), [one.id, two.id], "what is claimed");
      const [first, then] = deliveries.map((delivery) => success(delivery, { payload: 1 }));
      await worker.finish([present(first, "a delivery"), death(present(then, "a delivery").delivery)]);
      equal((await results.getMany([one.id, two.id])).map((status) => status?.state), ["succeeded", "failed"], "the states");
      equal((await results.getGroup(groupId))?.ended, 2, "how many of the group have ended");
      equal(await producer.replay(), [two.id], "the replay");
      equal(await worker.cancel([two.id, one.id]), ["cancelled", "ended"], "the cancellation");
      for (const ledger of [separate, joined]) equal(await claim(ledger), [], "what is claimable at the end of a pair");
    }
  }),

  law("[A4] what was acknowledged is there for a later connection, although the first was never closed", async (context) => {
    const { broker, results, ledger, envelope, id, second } = context;
    const [waiting, done] = [envelope({ args: { kept: true } }), envelope({ queue: "done" })];
    const groupId = id("group");
    await ledger.enqueue([waiting, done]);
    await results.initGroup({ id: groupId, taskIds: [done.id] });
    await ledger.finish([success(await claimOne(ledger, { queues: ["done"] }), { payload: 1 })]);
    await results.addGroupResult(groupId, { taskId: done.id, state: "succeeded", payload: 1 });
    await broker.publish([envelope({ queue: "dead" })]);
    await broker.deadLetter(await claimOne(broker, { queues: ["dead"] }), "rejected");
    const later = await second();
    equal((await claimOne(later.broker)).envelope, waiting, "the envelope");
    equal((await later.results.get(done.id))?.payload, 1, "the status");
    equal((await later.results.getGroup(groupId))?.ended, 1, "the group");
    equal((await later.broker.deadLetters.list()).items.length, 1, "the dead letters");
  }),

  law(
    "[A4] a durable adapter keeps it also when every connection was closed in between",
    async ({ adapter, ledger, envelope, second, within }) => {
      const published = envelope();
      await ledger.enqueue([published]);
      if (!adapter.supports.durable) return equal(adapter.supports.shared, false, "whether state that is not durable is shared");
      await within(adapter.close());
      const later = await second();
      equal((await later.results.get(published.id))?.state, "queued", "the status");
      equal((await claimOne(later.broker)).envelope, published, "the envelope");
    },
  ),

  law("[A2 B26 R22] a namespace that no store can keep is refused", async ({ connect, within }) => {
    for (const [name, namespace] of BAD_IDS) await within(throws(() => connect(namespace), ConfigError, `a connection to ${name}`));
  }),
]);

function heartbeat(workerId: string) {
  return { workerId, queues: ["q"], concurrency: 1, running: [], processed: 0, startedAt: 1, meta: {} };
}
