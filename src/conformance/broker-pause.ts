import { ConfigError } from "../errors.ts";
import { equal, throws } from "./assert.ts";
import { type ConformanceCase, law, timedLaw } from "./case.ts";
import { claim, claimNothing, claimOne, expectCounts, idsOf } from "./steps.ts";
import { AWKWARD_IDS, BAD_IDS } from "./values.ts";

/** How queues are paused and resumed. */
export const brokerPauseCases: readonly ConformanceCase[] = Object.freeze([
  law("[B28] a paused queue hands out nothing, to any connection, until it is resumed from any", async ({ broker, envelope, second }) => {
    const other = (await second()).broker;
    const published = Array.from({ length: 3 }, () => envelope());
    await broker.publish(published.slice(0, 2));
    equal(await broker.pauseQueue("default"), true, "the pause");
    await claimNothing(broker, "from the paused queue");
    await claimNothing(other, "from the paused queue, on another connection");
    await other.publish(published.slice(2));
    await claimNothing(other, "of what arrives meanwhile");
    await expectCounts(other, { ready: 3 }, "while it is paused");
    equal(await other.resumeQueue("default"), true, "the end of the pause");
    equal(idsOf(await claim(broker)), published.map(({ id }) => id), "what is claimable, in order");
  }),

  law("[B7 B28] one claim passes over its paused queues and serves the others in full", async ({ broker, envelope }) => {
    for (const queue of ["a", "b", "c"]) await broker.publish(Array.from({ length: 5 }, () => envelope({ queue })));
    await broker.pauseQueue("b");
    const claimed = await claim(broker, { queues: ["a", "b", "c"], limit: 8 });
    equal(claimed.map((one) => one.envelope.queue).toSorted(), ["a", "a", "a", "a", "c", "c", "c", "c"], "the queues served");
    await broker.resumeQueue("b");
    equal((await claim(broker, { queues: ["b"] })).length, 5, "how many the third held back");
  }),

  timedLaw("[B28] what falls due, comes back or runs out of its lease meanwhile waits too", async ({ broker, clock, envelope, second }) => {
    const [delayed, retried, put, left] = [envelope({ delayMs: 1_000 }), envelope(), envelope(), envelope()];
    await broker.publish([delayed, retried, put, left]);
    const [first, next] = await claim(broker, { limit: 3, leaseMs: 1_000 });
    await broker.pauseQueue("default");
    if (first !== undefined) equal(await broker.retry(first), true, "a retry within the pause");
    if (next !== undefined) equal(await broker.nack(next), true, "a put-back within the pause");
    await clock.advance(2_000);
    await claimNothing(broker, "from the paused queue");
    await claimNothing((await second()).broker, "from the paused queue, on another connection");
    await expectCounts(broker, { ready: 4 }, "while it is paused");
    await broker.resumeQueue("default");
    equal(idsOf(await claim(broker)).toSorted(), [delayed, retried, put, left].map(({ id }) => id).toSorted(), "what is claimable then");
  }),

  law("[B28] what is held can be extended and settled while its queue is paused", async ({ broker, envelope }) => {
    await broker.publish([envelope(), envelope()]);
    const [done, dead] = await claim(broker, { leaseMs: 60_000 });
    await broker.pauseQueue("default");
    if (done === undefined || dead === undefined) return equal("two deliveries", "less", "what was claimed");
    equal((await broker.extendLease([done], 120_000)).map((end) => end !== undefined), [true], "the extension");
    equal([await broker.ack(done), await broker.deadLetter(dead, "rejected")], [true, true], "the settlements");
    await expectCounts(broker, { dead: 1 }, "after both");
    equal(await broker.purge("default"), 0, "what a purge finds");
  }),

  law("[B8 B28] resuming wakes waiting claims, on every connection", async ({ broker, envelope, second, within }) => {
    const other = (await second()).broker;
    await broker.publish([envelope(), envelope()]);
    await broker.pauseQueue("default");
    const answers = [broker, other].map((one) => claim(one, { limit: 1, waitMs: 60_000 }));
    // A look of the same kind behind each of them: the waits have looked too.
    await claimNothing(broker, "while it is paused");
    await claimNothing(other, "while it is paused");
    await other.resumeQueue("default");
    equal((await within(Promise.all(answers))).map((claimed) => claimed.length), [1, 1], "how many each got");
  }),

  law("[B8 B28] a wait for a paused queue and another one wakes for the other", async ({ broker, envelope, second, within }) => {
    await broker.publish([envelope({ queue: "paused" })]);
    await broker.pauseQueue("paused");
    const answer = claim(broker, { queues: ["paused", "open"], waitMs: 60_000 });
    const published = envelope({ queue: "open" });
    await (await second()).broker.publish([published]);
    equal(idsOf(await within(answer)), [published.id], "what it answers");
  }),

  timedLaw("[B28] paused queues are told by name, with reason, requester and time", async ({ broker, clock, second }) => {
    const other = (await second()).broker;
    equal(await other.pausedQueues(), [], "before any pause");
    const at = clock.now();
    equal(await broker.pauseQueue("mail", { reason: "the server is down", by: "kim" }), true, "the first pause");
    await clock.advance(1_000);
    equal(await other.pauseQueue("mail", { reason: "another", by: "lee" }), false, "a second pause of the same queue");
    equal(await other.pauseQueue("Zoo"), true, "the pause of another one");
    equal(await other.pausedQueues(), [
      { queue: "Zoo", pausedAt: at + 1_000 },
      { queue: "mail", reason: "the server is down", by: "kim", pausedAt: at },
    ], "what is told");
    equal(await other.resumeQueue("mail"), true, "the first end");
    equal(await broker.resumeQueue("mail"), false, "the second end");
    equal((await broker.pausedQueues()).map(({ queue }) => queue), ["Zoo"], "what is told then");
  }),

  law("[B28] of many who pause or resume a queue at once, one did it", async ({ broker, second }) => {
    const other = (await second()).broker;
    const both = Array.from({ length: 10 }, (_, index) => index % 2 === 0 ? broker : other);
    const paused = await Promise.all(both.map((one, index) => one.pauseQueue("default", { by: `${index}` })));
    equal(paused.filter((did) => did).length, 1, "how many paused it");
    equal((await broker.pausedQueues()).map(({ by }) => by), [`${paused.indexOf(true)}`], "who it was");
    const resumed = await Promise.all(both.map((one) => one.resumeQueue("default")));
    equal(resumed.filter((did) => did).length, 1, "how many resumed it");
  }),

  law("[B23 B28] a pause holds in its namespace, whatever the queue's name", async ({ broker, envelope, other }) => {
    const elsewhere = (await other()).broker;
    for (const queue of AWKWARD_IDS) {
      equal(await broker.pauseQueue(queue), true, `the pause of ${queue}`);
      await Promise.all([broker, elsewhere].map((one) => one.publish([envelope({ queue })])));
      equal((await claim(broker, { queues: [queue] })).length, 0, `what comes of ${queue}`);
      equal((await claim(elsewhere, { queues: [queue] })).length, 1, `what comes of ${queue} in another namespace`);
    }
    equal((await broker.pausedQueues()).map(({ queue }) => queue), AWKWARD_IDS.toSorted(byUnit), "the paused queues");
    equal(await elsewhere.pausedQueues(), [], "those of another namespace");
  }),

  law("[B24 B28] what is told of paused queues is the caller's", async ({ broker }) => {
    await broker.pauseQueue("default", { reason: "why" });
    for (const told of await broker.pausedQueues()) Object.assign(told, { queue: "another", reason: "none" });
    equal((await broker.pausedQueues()).map(({ queue, reason }) => [queue, reason]), [["default", "why"]], "what is told next");
  }),

  law("[B26 B28] bad names of queues are refused, and so are empty reasons", async ({ broker }) => {
    for (const [name, id] of BAD_IDS) {
      await throws(() => broker.pauseQueue(id), ConfigError, `pauseQueue of ${name}`);
      await throws(() => broker.resumeQueue(id), ConfigError, `resumeQueue of ${name}`);
    }
    await throws(() => broker.pauseQueue("default", { reason: "" }), ConfigError, "pauseQueue for no reason");
    await throws(() => broker.pauseQueue("default", { by: "" }), ConfigError, "pauseQueue by nobody");
    equal(await broker.pausedQueues(), [], "what is paused after all refusals");
  }),

  law("[A4 B28] a pause outlives the connection that asked for it", async ({ adapter, connect, envelope, namespace }) => {
    const first = await connect(namespace);
    await first.broker.publish([envelope()]);
    await first.broker.pauseQueue("default");
    await first.close();
    await claimNothing((await connect(namespace)).broker, "on a new connection");
    equal(await adapter.broker.resumeQueue("default"), true, "the end of the pause");
    await claimOne(adapter.broker);
  }),
]);

function byUnit(a: string, b: string): number {
  return a < b ? -1 : 1;
}
