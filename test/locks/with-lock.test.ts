/** withLock: what it gives, when it renews, and what it says when the lock was not got or was lost. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { LockStore } from "../../src/contracts/lock-store.ts";
import type { Logger } from "../../src/contracts/logger.ts";
import { ConfigError, ConflictError, StoreError, TimeoutError } from "../../src/errors.ts";
import { InMemoryLockStore, withLock } from "../../src/mod.ts";
import { ManualClock } from "../../src/time/manual-clock.ts";
import { nextTurn } from "../../src/time/next-turn.ts";

const away = new StoreError("Cannot renew: the store is away", { adapter: "memory", operation: "renew", retryable: true });

/** A store on a clock, and a log of what was warned. */
function stage(change: (locks: InMemoryLockStore) => Partial<LockStore> = () => ({})) {
  const clock = new ManualClock();
  const warnings: string[] = [];
  const logger: Logger = { debug() {}, info() {}, warn: (message) => void warnings.push(message), error() {} };
  const inner = new InMemoryLockStore({ clock });
  const bound = new Proxy(inner, {
    get: (target, key) => {
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const locks = new Proxy(bound, { get: (target, key) => Reflect.get(change(inner), key) ?? Reflect.get(target, key) });
  return { clock, warnings, inner, locks, options: { ttl: 3_000, owner: "me", clock, logger } };
}

test("it gives what the function gives, and the lock back", async () => {
  const { locks, options } = stage();
  const value = await withLock(locks, "key", options, async (lock) => {
    assert.deepEqual((await locks.ownerOf("key"))?.owner, "me");
    return lock.token;
  });
  assert.ok(value > 0);
  assert.equal(await locks.ownerOf("key"), undefined);
  assert.equal(await withLock(locks, "key", {}, () => "not a promise"), "not a promise");
});

test("it throws what the function throws, and gives the lock back", async () => {
  const { locks, options } = stage();
  const error = new Error("no");
  await assert.rejects(withLock(locks, "key", options, () => Promise.reject(error)), (thrown) => thrown === error);
  await assert.rejects(
    withLock(locks, "key", options, () => {
      throw error;
    }),
    (thrown) => thrown === error,
  );
  assert.equal(await locks.ownerOf("key"), undefined);
});

test("it renews while the function runs, and leaves no timer", async () => {
  const { clock, locks, options } = stage();
  await withLock(locks, "key", options, async (lock) => {
    for (let round = 0; round < 10; round++) await clock.advance(1_000);
    assert.equal(lock.signal.aborted, false);
    assert.equal((await locks.ownerOf("key"))?.token, lock.token);
  });
  assert.equal(clock.pending, 0);
});

test("without a wait it throws ConflictError that names the holder, after a wait in vain TimeoutError", async () => {
  const { clock, inner, locks, options } = stage();
  await inner.acquire("key", { owner: "other", ttl: 60_000 });
  const run = () => assert.fail("It must not run");
  await assert.rejects(
    withLock(locks, "key", options, run),
    (error) => error instanceof ConflictError && /"other"/.test(error.message) && error.retryable,
  );
  const waiting = assert.rejects(withLock(locks, "key", { ...options, wait: 5_000 }, run), TimeoutError);
  await clock.waitForTimers(1);
  await clock.advance(5_000);
  await waiting;
  await assert.rejects(withLock(locks, "key", { ...options, ttl: 0 }, run), ConfigError);
  const reason = new Error("enough");
  await assert.rejects(
    withLock(locks, "key", { ...options, wait: "1m", signal: AbortSignal.abort(reason) }, run),
    (error) => error === reason,
  );
});

test("when the lock is lost its signal aborts, and the call rejects although the function ends well", async () => {
  const { clock, inner, locks, options } = stage();
  await assert.rejects(
    withLock(locks, "key", options, async (lock) => {
      await inner.release({ key: lock.key, owner: lock.owner, token: lock.token });
      await clock.advance(1_000);
      assert.ok(lock.signal.reason instanceof ConflictError);
    }),
    (error) => error instanceof ConflictError && /lost/.test(error.message),
  );
  await assert.rejects(
    withLock(locks, "key", options, async (lock) => {
      await inner.release({ key: lock.key, owner: lock.owner, token: lock.token });
    }),
    ConflictError,
  );
  assert.equal(clock.pending, 0);
});

test("a renewal that fails is tried again while the lock lasts", async () => {
  let failures = 2;
  const { clock, warnings, locks, options } = stage((inner) => ({
    acquire: async (key, acquireOptions) => {
      const lock = await inner.acquire(key, acquireOptions);
      if (lock === undefined) return undefined;
      const renew = (ttl?: number | string) => failures-- > 0 ? Promise.reject(away) : lock.renew(ttl);
      return { ...lock, signal: lock.signal, expiresAt: lock.expiresAt, renew, release: () => lock.release() };
    },
  }));
  await withLock(locks, "key", options, async (lock) => {
    await clock.advance(2_900);
    assert.equal(lock.signal.aborted, false);
    await clock.advance(1_000);
    assert.equal(lock.signal.aborted, false);
  });
  assert.equal(warnings.length, 2);
});

test("a store that stays away aborts the signal when the time ends; a release that fails is told, and does not fail the call", async () => {
  const { clock, warnings, locks, options } = stage((inner) => ({
    acquire: async (key, acquireOptions) => {
      const lock = await inner.acquire(key, acquireOptions);
      if (lock === undefined) return undefined;
      const fail = () => Promise.reject(away);
      return { ...lock, signal: lock.signal, expiresAt: lock.expiresAt, renew: fail, release: fail };
    },
  }));
  assert.equal(await withLock(locks, "one", options, () => "done"), "done");
  assert.deepEqual(warnings, ["Cannot give back a lock; it ends by itself"]);
  await assert.rejects(
    withLock(locks, "two", options, async (lock) => {
      await clock.advance(2_999);
      assert.equal(lock.signal.aborted, false);
      await clock.advance(1);
      assert.equal(lock.signal.aborted, true);
    }),
    ConflictError,
  );
  assert.equal(clock.pending, 0);
});

test("when the store is closed meanwhile the signal aborts", async () => {
  const { inner, locks, options } = stage();
  await assert.rejects(
    withLock(locks, "key", options, async (lock) => {
      await inner.close();
      await nextTurn();
      assert.ok(lock.signal.aborted);
    }),
    ConflictError,
  );
});
