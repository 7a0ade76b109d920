import assert from "node:assert/strict";
import { test } from "node:test";
import { BrokerSurface } from "../../src/adapters/broker-surface.ts";
import { jsonText } from "../../src/adapters/json-form.ts";
import type { PublishItem } from "../../src/adapters/broker-requests.ts";
import type { DeadLetterPrimitives } from "../../src/adapters/dead-letters-surface.ts";
import { KeyedWake } from "../../src/async/keyed-wake.ts";
import type { PausedQueue, QueueCounts } from "../../src/contracts/broker.ts";
import { ConfigError, StoreError } from "../../src/errors.ts";
import type { Delivery } from "../../src/model/delivery.ts";
import { envelope } from "../../src/model/envelope.ts";

const timeout = 20_000;

/** A store that only publishes, takes a turn of the event loop for each batch, and remembers the batches. */
class SlowStore extends BrokerSurface {
  readonly batches: (readonly string[])[] = [];
  readonly transactionBatches: (readonly string[])[] = [];
  refuse: ((ids: readonly string[]) => Error | undefined) | undefined;
  protected override readonly wakes = new KeyedWake<string>();
  readonly #known = new Set<string>();

  constructor(groupCommit: { readonly maxCalls?: number; readonly maxLength?: number } = {}) {
    super({ what: "the slow store", form: jsonText, transactions: true, groupCommit });
  }

  override joinWith(): undefined {
    return undefined;
  }

  protected override async publishBatch(items: readonly PublishItem[], tx?: object): Promise<readonly boolean[]> {
    const ids = items.map((item) => item.envelope.id);
    (tx === undefined ? this.batches : this.transactionBatches).push(ids);
    await new Promise((resolve) => setTimeout(resolve, 1));
    const refusal = this.refuse?.(ids);
    if (refusal !== undefined) throw refusal;
    return ids.map((id) => this.#known.size < this.#known.add(id).size);
  }

  protected override claimNow(): Promise<readonly Delivery[]> {
    return Promise.resolve([]);
  }

  protected override settleBatch(items: readonly unknown[]): Promise<readonly boolean[]> {
    return Promise.resolve(items.map(() => true));
  }

  protected override extendBatch(): Promise<readonly undefined[]> {
    return Promise.resolve([]);
  }

  protected override pause(): Promise<boolean> {
    return Promise.resolve(true);
  }

  protected override resume(): Promise<boolean> {
    return Promise.resolve(true);
  }

  protected override listPaused(): Promise<readonly PausedQueue[]> {
    return Promise.resolve([]);
  }

  protected override purgeQueue(): Promise<number> {
    return Promise.resolve(0);
  }

  protected override countsOf(): Promise<QueueCounts> {
    return Promise.resolve({ ready: 0, delayed: 0, inflight: 0, dead: 0 });
  }

  protected override nextDueIn(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  protected override sweepExpired(): Promise<number> {
    return Promise.resolve(0);
  }

  protected override get deadLetterPrimitives(): DeadLetterPrimitives {
    throw new Error("not a part of this test");
  }

  protected override send(): Promise<void> {
    return Promise.resolve();
  }

  protected override listen(): () => void {
    return () => undefined;
  }

  protected override disconnect(): Promise<void> {
    return Promise.resolve();
  }
}

function named(...ids: readonly string[]) {
  return ids.map((id) => envelope({ id, name: "t" }));
}

test("a lone call goes by itself; a hundred in flight share a few batches", { timeout }, async () => {
  const store = new SlowStore();
  assert.deepEqual(await store.publish(named("alone")), [true]);
  assert.deepEqual(store.batches, [["alone"]]);
  const ids = Array.from({ length: 100 }, (_, at) => `t${at}`);
  const answers = await Promise.all(ids.map((id) => store.publish(named(id))));
  assert.deepEqual(answers.flat(), ids.map(() => true));
  assert.ok(store.batches.length <= 4, `${store.batches.length} batches`);
  assert.deepEqual(store.batches.flat(), ["alone", ...ids]);
});

test("the envelopes of one call stay together, also when they are more than a batch should carry", { timeout }, async () => {
  const store = new SlowStore({ maxLength: 2_000 });
  const large = Array.from({ length: 50 }, (_, at) => `large-${at}`);
  await Promise.all([store.publish(named("a")), store.publish(named(...large)), store.publish(named("b"))]);
  assert.ok(store.batches.some((ids) => large.every((id) => ids.includes(id))), "The call was split");
  assert.ok(store.batches.length >= 2, "The limit was not heeded");
});

test("of one id in several calls of a batch the first is accepted, and the store sees it once", { timeout }, async () => {
  const store = new SlowStore();
  const first = store.publish(named("busy"));
  const answers = await Promise.all([store.publish(named("x", "y", "x")), store.publish(named("y", "z"))]);
  await first;
  assert.deepEqual(answers, [[true, true, false], [false, true]]);
  assert.deepEqual(store.batches.flat(), ["busy", "x", "y", "z"]);
});

test("a call with a transaction goes by itself", { timeout }, async () => {
  const store = new SlowStore();
  const others = [store.publish(named("a")), store.publish(named("b"))];
  await store.publish(named("mine"), { tx: {} });
  await Promise.all(others);
  assert.deepEqual(store.transactionBatches, [["mine"]]);
  assert.ok(!store.batches.flat().includes("mine"));
});

test("a call that the store refuses fails alone", { timeout }, async () => {
  const store = new SlowStore();
  store.refuse = (ids) => ids.includes("bad") ? new ConfigError("Cannot take bad") : undefined;
  const busy = store.publish(named("busy"));
  const answers = await Promise.allSettled([store.publish(named("a")), store.publish(named("bad")), store.publish(named("b"))]);
  await busy;
  assert.deepEqual(answers.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
});

test("a store that fails for a while fails every call of the batch, once", { timeout }, async () => {
  const store = new SlowStore();
  store.refuse = () => new StoreError("Cannot reach it", { adapter: "slow", operation: "publish", retryable: true });
  const answers = await Promise.allSettled(["a", "b", "c"].map((id) => store.publish(named(id))));
  assert.deepEqual(answers.map(({ status }) => status), ["rejected", "rejected", "rejected"]);
  assert.ok(store.batches.length <= 2, `${store.batches.length} batches`);
});

test("close lets the calls under way finish", { timeout }, async () => {
  const store = new SlowStore();
  const calls = [store.publish(named("a")), store.publish(named("b"))];
  await store.close();
  assert.deepEqual(await Promise.all(calls), [[true], [true]]);
  await assert.rejects(store.publish(named("c")), { name: "ClosedError" });
});
