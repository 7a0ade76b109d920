import type { ClaimOptions } from "../contracts/broker.ts";
import type { Envelope } from "../model/envelope.ts";
import { ClosedError, ConfigError, PayloadError, StemError, UnsupportedError } from "../errors.ts";
import { describeError, equal, fail, ok, present, show, throws } from "./assert.ts";
import { type ConformanceCase, law } from "./case.ts";
import { claim, claimNothing, claimOne, expectCounts, idsOf, refusalOf, rollBack, scribble } from "./steps.ts";
import { BAD_IDS } from "./values.ts";

const noTimes = [-1, Number.NaN, Number.POSITIVE_INFINITY, 0.5, 2 ** 53];
const noLimits = [0, -1, 1_001, 1.5, Number.NaN, Number.POSITIVE_INFINITY];

/** What a broker refuses, what it gives away, and what it does for a caller's transaction. */
export const brokerInputCases: readonly ConformanceCase[] = Object.freeze([
  law("[B24] changing what was published or claimed changes nothing inside", async ({ broker, envelope }) => {
    const args = { list: [1] };
    const published = envelope({ args, meta: { list: [1] } });
    await broker.publish([published]);
    args.list.push(2);
    const first = await claimOne(broker);
    scribble(first.envelope);
    await broker.nack(first);
    const again = await claimOne(broker);
    equal([again.envelope.args, again.envelope.meta["list"]], [{ list: [1] }, [1]], "what is claimed again");
    await broker.deadLetter(again, "rejected");
    scribble(present(await broker.deadLetters.get(published.id), "the dead letter").envelope);
    for (const letter of (await broker.deadLetters.list()).items) scribble(letter.envelope);
    await broker.deadLetters.replay();
    equal((await claimOne(broker)).envelope.args, { list: [1] }, "what is claimed after a replay");
  }),

  law("[B22 B24] a broadcast is each subscriber's own", async ({ broker, within }) => {
    const controller = new AbortController();
    const message = { list: [1] };
    const iterators = await Promise.all(
      [1, 2].map(async () => (await broker.subscribe("own", { signal: controller.signal }))[Symbol.asyncIterator]()),
    );
    await broker.broadcast("own", message);
    message.list.push(2);
    for (const iterator of iterators) {
      const next = await within(iterator.next());
      ok(next.done !== true, "Expected a message");
      equal(next.value.message, { list: [1] }, "the message");
      scribble(next.value.message);
    }
    controller.abort();
  }),

  law("[B25] after close every call throws ClosedError, and closing again does nothing", async ({ second, envelope, within }) => {
    const closing = await second();
    const { broker } = closing;
    await broker.publish([envelope()]);
    const delivery = await claimOne(broker);
    await within(Promise.all([closing.close(), closing.close()]));
    const { signal } = new AbortController();
    const calls: Readonly<Record<string, () => unknown>> = {
      publish: () => broker.publish([envelope()]),
      "publish of nothing": () => broker.publish([]),
      claim: () => claim(broker),
      settle: () => broker.settle([{ delivery, settlement: { kind: "ack" } }]),
      ack: () => broker.ack(delivery),
      retry: () => broker.retry(delivery),
      nack: () => broker.nack(delivery),
      deadLetter: () => broker.deadLetter(delivery, "rejected"),
      extendLease: () => broker.extendLease([delivery], 1_000),
      consume: () => broker.consume({ queues: ["default"], consumer: "c" })[Symbol.asyncIterator]().next(),
      purge: () => broker.purge("default"),
      counts: () => broker.counts("default"),
      sweep: () => broker.sweep(),
      broadcast: () => broker.broadcast("channel", 1),
      subscribe: () => broker.subscribe("channel", { signal }),
      "deadLetters.list": () => broker.deadLetters.list(),
      "deadLetters.get": () => broker.deadLetters.get("id"),
      "deadLetters.replay": () => broker.deadLetters.replay(),
      "deadLetters.purge": () => broker.deadLetters.purge(),
    };
    for (const [name, call] of Object.entries(calls)) await within(throws(call, ClosedError, name));
    await within(broker.close());
    await within(broker[Symbol.asyncDispose]());
    await within(closing[Symbol.asyncDispose]());
  }),

  law("[B26] envelopes that no store can carry are refused, and nothing is written", async ({ broker, envelope }) => {
    const plain = envelope();
    const bad: Readonly<Record<string, Envelope>> = {
      ...Object.fromEntries(BAD_IDS.flatMap(([name, id]): [string, Envelope][] => [
        [name, { ...plain, id }],
        [`${name} as the task's name`, { ...plain, name: id }],
        [`${name} as the queue`, { ...plain, queue: id }],
        [`${name} as the group`, { ...plain, groupId: id }],
        [`${name} in a link`, { ...plain, onSuccess: [{ ...plain, id }] }],
      ])),
      "priority 10": { ...plain, priority: 10 },
      "priority -1": { ...plain, priority: -1 },
      "priority 1.5": { ...plain, priority: 1.5 },
      "priority NaN": { ...plain, priority: Number.NaN },
      "attempt 0": { ...plain, attempt: 0 },
      "maxRetries -1": { ...plain, maxRetries: -1 },
      "visibilityTimeoutMs 0": { ...plain, visibilityTimeoutMs: 0 },
      "meta with NUL": { ...plain, meta: { tenant: "a\u0000b" } },
      ...Object.fromEntries(noTimes.flatMap((time): [string, Envelope][] => [
        [`notBefore ${time}`, { ...plain, notBefore: time }],
        [`delayMs ${time}`, { ...plain, delayMs: time }],
        [`expiresAt ${time}`, { ...plain, expiresAt: time }],
        [`visibilityTimeoutMs ${time}`, { ...plain, visibilityTimeoutMs: time }],
      ])),
    };
    for (const [name, one] of Object.entries(bad)) {
      await throws(() => broker.publish([envelope(), one]), ConfigError, `publish with ${name}`);
    }
    await expectCounts(broker, {}, "after all refusals");
  }),

  law("[B26] bad claims are refused, and nothing is taken", async ({ broker, envelope }) => {
    await broker.publish([envelope()]);
    const bad: readonly Partial<ClaimOptions>[] = [
      { queues: [] },
      { queues: ["default", "default"] },
      ...BAD_IDS.flatMap(([, id]) => [{ queues: ["default", id] }, { consumer: id }]),
      ...noLimits.map((limit) => ({ limit })),
      ...noTimes.flatMap((time) => [{ leaseMs: time }, { waitMs: time }]),
    ];
    for (const options of bad) await throws(() => claim(broker, options), ConfigError, `claim with ${show(options)}`);
    await expectCounts(broker, { ready: 1 }, "after all refusals");
  }),

  law("[B26] bad ways to consume are refused", async ({ broker, within }) => {
    const plain = { queues: ["default"], consumer: "c" };
    const bad = [
      { ...plain, queues: [] },
      { ...plain, consumer: "" },
      { ...plain, prefetch: -1 },
      { ...plain, prefetch: Number.NaN },
      { ...plain, maxDeliveries: 0 },
      { ...plain, leaseMs: -1 },
    ];
    for (const options of bad) {
      const next = () => broker.consume(options)[Symbol.asyncIterator]().next();
      await within(throws(next, ConfigError, `consume with ${JSON.stringify(options)}`));
    }
  }),

  law("[B26] bad settlements and extensions are refused, and nothing is settled", async ({ broker, envelope }) => {
    await broker.publish([envelope(), envelope()]);
    const [good, delivery] = await claim(broker);
    if (good === undefined || delivery === undefined) fail("Expected two deliveries");
    for (const time of noTimes) {
      await throws(() => broker.retry(delivery, time), ConfigError, `retry after ${time} ms`);
      await throws(() => broker.nack(delivery, time), ConfigError, `nack for ${time} ms`);
      await throws(() => broker.extendLease([delivery], time), ConfigError, `extendLease by ${time} ms`);
      const mixed = [
        { delivery: good, settlement: { kind: "ack" } },
        { delivery, settlement: { kind: "retry", delayMs: time } },
      ] as const;
      await throws(() => broker.settle(mixed), ConfigError, `a batch with a retry after ${time} ms`);
    }
    await expectCounts(broker, { inflight: 2 }, "after all refusals");
  }),

  law("[B26] bad questions and orders are refused", async ({ broker }) => {
    const { deadLetters } = broker;
    const { signal } = new AbortController();
    const calls: Readonly<Record<string, () => unknown>> = {
      ...Object.fromEntries(BAD_IDS.flatMap(([name, id]): [string, () => unknown][] => [
        [`purge of ${name}`, () => broker.purge(id)],
        [`counts of ${name}`, () => broker.counts(id)],
        [`broadcast to ${name}`, () => broker.broadcast(id, 1)],
        [`subscribe to ${name}`, () => broker.subscribe(id, { signal })],
        [`deadLetters.get of ${name}`, () => deadLetters.get(id)],
        [`deadLetters.list of the queue ${name}`, () => deadLetters.list({ queue: id })],
        [`deadLetters.replay of ${name}`, () => deadLetters.replay({ ids: [id] })],
        [`deadLetters.purge of the queue ${name}`, () => deadLetters.purge({ queue: id })],
      ])),
      ...Object.fromEntries(noLimits.flatMap((limit): [string, () => unknown][] => [
        [`deadLetters.list with limit ${limit}`, () => deadLetters.list({}, { limit })],
        [`deadLetters.replay with limit ${limit}`, () => deadLetters.replay({ limit })],
      ])),
      ...Object.fromEntries(noTimes.flatMap((time): [string, () => unknown][] => [
        [`deadLetters.replay after ${time} ms`, () => deadLetters.replay({ delayMs: time })],
        [`deadLetters.list since ${time}`, () => deadLetters.list({ since: time })],
      ])),
      "sweep with limit 0": () => broker.sweep({ limit: 0 }),
      "deadLetters.list with a cursor of nowhere": () => deadLetters.list({}, { cursor: "nowhere" }),
      "deadLetters.list with a cursor of another listing": () => deadLetters.list({}, { cursor: "[true]" }),
    };
    for (const [name, call] of Object.entries(calls)) await throws(call, ConfigError, name);
    await throws(() => broker.broadcast("channel", 1n), PayloadError, "broadcast of a bigint");
    await throws(() => broker.broadcast("channel", undefined), StemError, "broadcast of nothing");
  }),

  law("[B26] empty batches do nothing", async ({ broker }) => {
    equal(await broker.publish([]), [], "publish");
    equal(await broker.settle([]), [], "settle");
    equal(await broker.extendLease([], 1_000), [], "extendLease");
  }),

  law("[B2 B26] 10 MB of arguments are carried whole, or refused with nothing written", async ({ broker, envelope }) => {
    const big = envelope({ args: "x".repeat(10_000_000) });
    const small = envelope();
    const refusal = await refusalOf(() => broker.publish([small, big]));
    if (refusal === undefined) equal((await claim(broker)).map((one) => one.envelope.args), [undefined, big.args], "the arguments");
    else {
      ok(refusal instanceof PayloadError, `Expected PayloadError, got ${describeError(refusal)}`);
      await claimNothing(broker, "after the refusal");
    }
  }),

  law("[B27] publish with tx is claimable when it commits and gone when it rolls back", async (context) => {
    const { adapter, broker, envelope, transaction } = context;
    if (!adapter.supports.transactions) {
      await throws(() => broker.publish([envelope()], { tx: {} }), UnsupportedError, "publish with tx");
      await throws(() => broker.settle([], { tx: {} }), UnsupportedError, "settle with tx");
      return claimNothing(broker, "after the refusal");
    }
    const run = present(transaction, "a harness with `transaction`, since supports.transactions is true");
    const published = envelope();
    await run(async (tx) => {
      equal(await broker.publish([published], { tx }), [true], "the answer inside");
      equal(await broker.publish([published], { tx }), [false], "the second answer inside");
      await claimNothing((await context.second()).broker, "before the commit");
    });
    equal(idsOf(await claim(broker)), [published.id], "what is claimable after the commit");
    await rollBack(run, async (tx) => {
      equal(await broker.publish([envelope(), envelope()], { tx }), [true, true], "the answer inside");
    });
    await claimNothing(broker, "after the rollback");
  }),

  law("[B8 B27] a commit wakes a waiting claim", async (context) => {
    const { adapter, broker, envelope, transaction, within } = context;
    if (!adapter.supports.transactions) {
      return void await throws(() => broker.publish([envelope()], { tx: {} }), UnsupportedError, "publish with tx");
    }
    const run = present(transaction, "a harness with `transaction`, since supports.transactions is true");
    const answer = claim((await context.second()).broker, { waitMs: 60_000 });
    const published = envelope();
    await run(async (tx) => {
      await broker.publish([published], { tx });
    });
    equal(idsOf(await within(answer)), [published.id], "what it answers");
  }),

  law("[B11 B27] settle with tx takes effect when it commits and never when it rolls back", async (context) => {
    const { adapter, broker, envelope, transaction } = context;
    await broker.publish([envelope()]);
    const delivery = await claimOne(broker);
    const request = { delivery, settlement: { kind: "deadLetter", reason: "rejected" } } as const;
    if (!adapter.supports.transactions) {
      await throws(() => broker.settle([request], { tx: {} }), UnsupportedError, "settle with tx");
      return expectCounts(broker, { inflight: 1 }, "after the refusal");
    }
    const run = present(transaction, "a harness with `transaction`, since supports.transactions is true");
    await rollBack(run, async (tx) => equal(await broker.settle([request], { tx }), [true], "the answer inside"));
    await expectCounts(broker, { inflight: 1 }, "after the rollback");
    await run(async (tx) => equal(await broker.settle([request], { tx }), [true], "the answer inside"));
    await expectCounts(broker, { dead: 1 }, "after the commit");
  }),
]);
