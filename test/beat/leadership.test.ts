import assert from "node:assert/strict";
import { test } from "node:test";
import { deferred } from "../../src/async/deferred.ts";
import type { LockStore } from "../../src/mod.ts";
import { StoreError } from "../../src/mod.ts";
import { setBeatStage, START } from "./beat-stage.ts";

const at = (seconds: number) => START + seconds * 1_000;
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => at(from + index));

/** A lock store in which one method behaves otherwise. */
function withMethod<Name extends keyof LockStore>(store: LockStore, name: Name, method: LockStore[Name]): LockStore {
  return new Proxy(store, {
    get(target, key) {
      if (key === name) return method;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? (...parameters: unknown[]): unknown => Reflect.apply(value, target, parameters) : value;
    },
  });
}

test("of several with one lock store one dispatches, and when it stops another goes on at once", async () => {
  await using stage = setBeatStage();
  const lockStore = stage.adapter.locks;
  const first = await stage.start({ lockStore, id: "first" });
  const second = await stage.start({ lockStore, id: "second" });
  const third = await stage.start({ lockStore, id: "third" });
  await stage.schedule({ id: "tick" });
  await stage.pass(3_000);
  assert.deepEqual([first, second, third].map(({ beat }) => beat.isLeading), [true, false, false]);
  assert.equal((await lockStore.ownerOf("beat"))?.owner, "first");
  assert.deepEqual(first.slots("slot-dispatched"), range(1, 3));
  await first.beat.stop();
  assert.equal(first.beat.isLeading, false);
  await stage.pass(3_000);
  assert.deepEqual(second.slots("slot-dispatched"), range(4, 6));
  assert.deepEqual(third.slots("slot-dispatched"), []);
  assert.deepEqual(first.events.map(({ type }) => type).filter((type) => type !== "slot-dispatched"), [
    "started",
    "leading",
    "stopping",
    "following",
    "stopped",
  ]);
});

test("the lock is held by renewal, for as long as it takes", async () => {
  await using stage = setBeatStage();
  const lockStore = stage.adapter.locks;
  const first = await stage.start({ lockStore, lease: "3s" });
  const second = await stage.start({ lockStore, lease: "3s" });
  await stage.schedule({ id: "tick", spec: { kind: "interval", everyMs: 10_000 } });
  await stage.pass(60_000, 500);
  assert.deepEqual([first.beat.isLeading, second.beat.isLeading], [true, false]);
  assert.equal(first.slots("slot-dispatched").length, 6);
});

test("after a crash another takes over when the lease has run out, and the slots in between fire", async () => {
  await using stage = setBeatStage();
  const lockStore = stage.adapter.locks;
  // What a crashed instance leaves behind: its lock, and a slot that it held.
  await stage.schedule({ id: "tick" });
  await lockStore.acquire("beat", { owner: "crashed", ttl: "15s" });
  await stage.clock.advance(1_000);
  const [held] = await stage.adapter.schedules.claimDue({ limit: 1, owner: "crashed", leaseMs: 15_000 });
  assert.equal(held?.slot, at(1));
  const { beat, slots } = await stage.start({ lockStore });
  await stage.pass(13_000);
  assert.deepEqual([beat.isLeading, slots("slot-dispatched")], [false, []]);
  await stage.pass(3_000);
  assert.equal(beat.isLeading, true);
  assert.deepEqual(slots("slot-dispatched"), range(1, 17));
  assert.equal(new Set((await stage.take()).map(({ id }) => id)).size, 17);
});

test("who loses the lock dispatches no more, gives back what it claimed, and waits for its turn", async () => {
  await using stage = setBeatStage();
  const lockStore = stage.adapter.locks;
  const first = await stage.start({ lockStore, id: "first", lease: "3s" });
  await stage.schedule({ id: "tick" });
  await stage.pass(2_000);
  const stored = await lockStore.ownerOf("beat");
  assert.ok(stored !== undefined);
  // An operator takes the lock away.
  const other = await lockStore.transfer(stored, { owner: "other", ttl: "5s" });
  assert.ok(other !== undefined);
  await stage.pass(4_000);
  assert.equal(first.beat.isLeading, false);
  const before = first.slots("slot-dispatched").length;
  assert.ok(before <= 3, "it went on until the next renewal at most");
  assert.deepEqual(await stage.adapter.schedules.nextDueIn(), 0);
  await stage.pass(3_000);
  assert.equal(first.beat.isLeading, true);
  assert.deepEqual(first.slots("slot-dispatched"), range(1, 9));
});

test("a slot that was claimed before the lock was lost, and not handed to the store yet, is given back", async () => {
  await using stage = setBeatStage();
  const lockStore = stage.adapter.locks;
  const { promise: gate, resolve: letGo } = deferred<void>();
  const { promise: arrived, resolve: arrive } = deferred<void>();
  const { slots, beat } = await stage.start({
    lockStore,
    lease: "3s",
    middleware: [{
      onEnqueue: async (envelope, next) => {
        arrive();
        await gate;
        await next(envelope);
      },
    }],
  });
  const following = new Promise<void>((resolve) => beat.subscribe(({ type }) => type === "following" && resolve()));
  await stage.adapter.schedules.upsert({ id: "once", spec: { kind: "clocked", at: at(1) }, task: { name: "work" } });
  await stage.clock.advance(1_000);
  await arrived;
  const stored = await lockStore.ownerOf("beat");
  assert.ok(stored !== undefined && await lockStore.transfer(stored, { owner: "other", ttl: "1m" }) !== undefined);
  await stage.clock.advance(1_000);
  letGo();
  await following;
  assert.equal(beat.isLeading, false);
  assert.deepEqual(slots("slot-dispatched"), []);
  const [claim] = await stage.adapter.schedules.claimDue({ limit: 1, owner: "other", leaseMs: 1_000 });
  assert.equal(claim?.slot, at(1));
});

test("a lock store that is away: it says so, waits, and leads when it is back", async () => {
  await using stage = setBeatStage();
  let isAway = true;
  const away = new StoreError("Cannot reach the store", { adapter: "test", operation: "test", retryable: true });
  const locks = stage.adapter.locks;
  const lockStore = withMethod(locks, "acquire", (key, options) => isAway ? Promise.reject(away) : locks.acquire(key, options));
  const { beat, events, slots } = await stage.start({ lockStore });
  await stage.schedule({ id: "tick" });
  await stage.pass(10_000, 250);
  const errors = events.filter(({ type }) => type === "error").length;
  assert.ok(errors >= 4 && errors <= 10, `it failed ${errors} times in 10 s`);
  assert.equal(beat.isLeading, false);
  isAway = false;
  await stage.pass(5_000, 250);
  assert.equal(beat.isLeading, true);
  assert.deepEqual(slots("slot-dispatched"), range(1, 15));
});

test("Beats with different lock keys do not wait for each other", async () => {
  await using stage = setBeatStage();
  const lockStore = stage.adapter.locks;
  const first = await stage.start({ lockStore, lockKey: "a" });
  const second = await stage.start({ lockStore, lockKey: "b" });
  assert.deepEqual([first.beat.isLeading, second.beat.isLeading], [true, true]);
});

test("without a lock store all compete, and each slot is dispatched once", async () => {
  await using stage = setBeatStage();
  const beats = await Promise.all(Array.from({ length: 4 }, () => stage.start()));
  for (let count = 0; count < 5; count++) await stage.schedule({ id: `tick-${count}` });
  await stage.pass(10_000);
  for (let count = 0; count < 5; count++) {
    const all = beats.flatMap(({ slots }) => slots("slot-dispatched", `tick-${count}`));
    assert.deepEqual(all.toSorted((a, b) => a - b), range(1, 10));
  }
  assert.equal((await stage.take()).length, 50);
});
