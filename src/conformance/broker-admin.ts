import { equal, itemAt } from "./assert.ts";
import { type ConformanceCase, law, timedLaw } from "./case.ts";
import { claim, claimNothing, claimOne, expectCounts, expectEnd, idsOf, readNext } from "./steps.ts";
import { AWKWARD_IDS, JSON_VALUES } from "./values.ts";

/** How a broker is watched and tidied, and how it broadcasts. Dead letters have a file of their own. */
export const brokerAdminCases: readonly ConformanceCase[] = Object.freeze([
  timedLaw("[B18] counts tell ready, delayed, inflight and dead apart", async ({ broker, clock, envelope, second }) => {
    await expectCounts(broker, {}, "of a queue nobody used");
    await broker.publish(Array.from({ length: 10 }, () => envelope()));
    await broker.publish([envelope({ delayMs: 5_000 }), envelope({ notBefore: clock.now() + 5_000 }), envelope({ queue: "another" })]);
    const held = await claim(broker, { limit: 4, leaseMs: 1_000 });
    await broker.deadLetter(itemAt(held, 0), "rejected");
    await broker.retry(itemAt(held, 1), 5_000);
    await broker.ack(itemAt(held, 2));
    await expectCounts((await second()).broker, { ready: 6, delayed: 3, inflight: 1, dead: 1 }, "after all that");
    await clock.advance(1_000);
    await expectCounts(broker, { ready: 7, delayed: 3, dead: 1 }, "after the lease has ended");
    await clock.advance(4_000);
    await expectCounts(broker, { ready: 10, dead: 1 }, "after all have fallen due");
    equal(await broker.counts("another"), { ready: 1, delayed: 0, inflight: 0, dead: 0 }, "of another queue");
  }),

  timedLaw("[B18] purge forgets what is ready or delayed, not what is held or dead, and tells how many", async (context) => {
    const { broker, clock, envelope, second } = context;
    const delayed = envelope({ delayMs: 5_000 });
    await broker.publish([
      envelope({ priority: 9 }),
      envelope({ priority: 9 }),
      envelope(),
      envelope(),
      delayed,
      envelope({ queue: "another" }),
    ]);
    const held = await claim(broker, { limit: 2 });
    await broker.deadLetter(itemAt(held, 0), "rejected");
    equal(await (await second()).broker.purge("default"), 3, "how many were forgotten");
    await expectCounts(broker, { inflight: 1, dead: 1 }, "after the purge");
    equal(await broker.ack(itemAt(held, 1)), true, "the acknowledgement of what is held");
    await clock.advance(5_000);
    await claimNothing(broker, "of what was purged");
    equal((await broker.counts("another")).ready, 1, "what is ready in another queue");
    equal(await broker.publish([delayed]), [true], "the publication of a purged id");
    equal(await broker.purge("nothing here"), 0, "how many are forgotten of an unknown queue");
  }),

  timedLaw("[B9 B18] purge forgets what a holder let expire", async ({ broker, clock, envelope }) => {
    await broker.publish([envelope()]);
    const held = await claimOne(broker, { leaseMs: 1_000 });
    await clock.advance(1_000);
    equal(await broker.purge("default"), 1, "how many were forgotten");
    await claimNothing(broker, "of what was purged");
    equal(await broker.ack(held), false, "the late acknowledgement");
  }),

  law("[B22] a broadcast reaches every subscriber on every connection, once and in order", async (context) => {
    const { broker, second, within } = context;
    const other = (await second()).broker;
    const controller = new AbortController();
    const { signal } = controller;
    await broker.broadcast("control", "before anybody listened");
    const subscriptions = await within(Promise.all([
      broker.subscribe("control", { signal }),
      broker.subscribe("control", { signal }),
      other.subscribe("control", { signal }),
      other.subscribe("control", { signal }),
    ]));
    const iterators = subscriptions.map((subscription) => subscription[Symbol.asyncIterator]());
    for (let index = 0; index < 20; index++) await other.broadcast("control", index);
    for (const iterator of iterators) {
      const received = await readNext(context, iterator, 20);
      equal(received.map((one) => one.message), Array.from({ length: 20 }, (_, index) => index), "the messages");
      equal(received.every((one) => one.channel === "control" && Number.isSafeInteger(one.sentAt)), true, "channel and time");
    }
    controller.abort();
    for (const iterator of iterators) await expectEnd(context, iterator);
  }),

  law("[B22] nothing sent after subscribe resolved is missed, although nobody reads yet", async (context) => {
    const { broker, second, within } = context;
    const controller = new AbortController();
    const subscription = await within((await second()).broker.subscribe("late", { signal: controller.signal }));
    await broker.broadcast("late", 1);
    await broker.broadcast("late", 2);
    const iterator = subscription[Symbol.asyncIterator]();
    const first = await readNext(context, iterator, 2);
    await broker.broadcast("late", 3);
    const rest = await readNext(context, iterator, 1);
    equal([...first, ...rest].map((one) => one.message), [1, 2, 3], "the messages");
    controller.abort();
    await expectEnd(context, iterator);
  }),

  law("[B22] channels are kept apart, whatever their names", async (context) => {
    const { broker, within } = context;
    const subscribers = await within(Promise.all(AWKWARD_IDS.map(async (channel) => {
      const controller = new AbortController();
      const messages = await broker.subscribe(channel, { signal: controller.signal });
      return { channel, controller, iterator: messages[Symbol.asyncIterator]() };
    })));
    for (const channel of AWKWARD_IDS) await broker.broadcast(channel, { to: channel });
    for (const { channel, controller, iterator } of subscribers) {
      const received = itemAt(await readNext(context, iterator, 1), 0);
      equal([received.channel, received.message], [channel, { to: channel }], "the channel and its message");
      controller.abort();
      await expectEnd(context, iterator);
    }
  }),

  law("[B22] a broadcast carries any JSON value", async (context) => {
    const { broker, second, within } = context;
    const controller = new AbortController();
    const subscription = await within((await second()).broker.subscribe("values", { signal: controller.signal }));
    const iterator = subscription[Symbol.asyncIterator]();
    for (const [, value] of JSON_VALUES) await broker.broadcast("values", value);
    const received = await readNext(context, iterator, JSON_VALUES.length);
    for (const [index, [name, value]] of JSON_VALUES.entries()) equal(itemAt(received, index).message, value, name);
    controller.abort();
    await expectEnd(context, iterator);
  }),

  law("[B22] a subscription ends at its signal while it waits, and when its loop is left", async (context) => {
    const { broker, within } = context;
    const controller = new AbortController();
    const waiting = (await broker.subscribe("quiet", { signal: controller.signal }))[Symbol.asyncIterator]();
    const end = expectEnd(context, waiting);
    controller.abort();
    await end;
    const left = (await broker.subscribe("left", { signal: new AbortController().signal }))[Symbol.asyncIterator]();
    await within(Promise.resolve(left.return?.()));
    await broker.broadcast("left", 1);
    await expectEnd(context, left);
    await expectEnd(context, (await broker.subscribe("quiet", { signal: AbortSignal.abort() }))[Symbol.asyncIterator]());
  }),

  law("[B22 B25] a subscription ends when its store is closed", async (context) => {
    const { second, within } = context;
    const closing = await second();
    const iterator = (await closing.broker.subscribe("quiet", { signal: new AbortController().signal }))[Symbol.asyncIterator]();
    const end = expectEnd(context, iterator);
    await within(closing.close());
    await end;
  }),

  timedLaw("[B22] a broadcast tells when it was accepted", async (context) => {
    const { broker, clock } = context;
    const controller = new AbortController();
    const iterator = (await broker.subscribe("timed", { signal: controller.signal }))[Symbol.asyncIterator]();
    await clock.advance(12_345);
    await broker.broadcast("timed", null);
    equal(await readNext(context, iterator, 1), [{ channel: "timed", message: null, sentAt: clock.now() }], "what arrives");
    controller.abort();
    await expectEnd(context, iterator);
  }),

  law("[B23] namespaces keep envelopes, dead letters and counts apart", async ({ broker, envelope, other }) => {
    const elsewhere = (await other()).broker;
    const published = envelope({ args: "here" });
    equal(await broker.publish([published]), [true], "the publication here");
    equal(await elsewhere.publish([{ ...published, args: "there" }]), [true], "the publication there");
    const held = await claimOne(broker);
    const heldThere = await claimOne(elsewhere);
    equal([held.envelope.args, heldThere.envelope.args], ["here", "there"], "what is claimed");
    equal(
      await elsewhere.settle([{ delivery: held, settlement: { kind: "ack" } }]),
      [held.token === heldThere.token],
      "a delivery that strayed",
    );
    await expectCounts(broker, { inflight: 1 }, "here after that");
    await broker.deadLetter(held, "rejected");
    equal(await elsewhere.deadLetters.get(published.id), undefined, "the dead letter, there");
    equal((await elsewhere.deadLetters.list()).items, [], "the dead letters there");
    equal(await elsewhere.deadLetters.purge(), 0, "how many dead letters are forgotten there");
    equal(await elsewhere.deadLetters.replay(), [], "what is replayed there");
    equal(await elsewhere.purge("default"), 0, "how many are forgotten there");
    await expectCounts(broker, { dead: 1 }, "here at the end");
  }),

  law("[B8 B22 B23] namespaces keep wake-ups and broadcasts apart", async (context) => {
    const { broker, envelope, other, within } = context;
    const elsewhere = (await other()).broker;
    const controller = new AbortController();
    const iterator = (await broker.subscribe("same name", { signal: controller.signal }))[Symbol.asyncIterator]();
    const answer = claim(broker, { waitMs: 60_000 });
    await elsewhere.publish([envelope()]);
    await elsewhere.broadcast("same name", "there");
    await broker.broadcast("same name", "here");
    const published = envelope();
    await broker.publish([published]);
    equal(idsOf(await within(answer)), [published.id], "what the waiting claim answers");
    equal((await readNext(context, iterator, 1)).map((one) => one.message), ["here"], "what the subscriber receives");
    controller.abort();
    await expectEnd(context, iterator);
  }),

  law("[B23] awkward namespaces are kept apart", async ({ connect, namespace, envelope }) => {
    const tails = [":", "::", "a:b", "%", "_", "'", "ü", "👩", " "];
    const adapters = await Promise.all(tails.map((tail) => connect(`${namespace}${tail}`)));
    const published = envelope();
    for (const adapter of adapters) equal(await adapter.broker.publish([published]), [true], "the publication");
    for (const adapter of adapters) equal((await claimOne(adapter.broker)).envelope, published, "the envelope");
  }),
]);
