/** Lock stores with one defect each. */

import type { Lock, LockHandle, LockStore, StoredLock } from "../../src/contracts/lock-store.ts";
import { durationMs } from "../../src/time/duration.ts";
import { abortable, sleep } from "../../src/time/sleep.ts";
import type { Defect, Scope, Shared } from "./wrap.ts";

/** A lock object on a store, whose signal never aborts. */
function lockOn(locks: LockStore, stored: StoredLock, ttl: number | string): Lock {
  return {
    ...stored,
    signal: new AbortController().signal,
    renew: async (time = ttl) => await locks.renew(stored, time) !== undefined,
    release: () => locks.release(stored),
  };
}

/** Changes the lock objects that an acquire gives. */
function giving(change: (lock: Lock, locks: LockStore) => Lock): NonNullable<Defect["locks"]> {
  return ({ sound: { locks } }) => ({
    acquire: async (key, options) => {
      const lock = await locks.acquire(key, options);
      return lock === undefined ? undefined : change(lock, locks);
    },
  });
}

/** Changes each renewal. */
function renewing(
  renew: (lock: LockHandle, ttl: number | string, scope: Scope) => Promise<number | undefined>,
): NonNullable<Defect["locks"]> {
  return (scope) => ({ renewAll: (handles, ttl) => Promise.all(handles.map((lock) => renew(lock, ttl, scope))) });
}

/** Changes each release. */
function releasing(release: (lock: LockHandle, scope: Scope) => Promise<boolean>): NonNullable<Defect["locks"]> {
  return (scope) => ({
    releaseAll: async (handles, options) => {
      if (options?.tx !== undefined) return scope.sound.locks.releaseAll(handles, options);
      return Promise.all(handles.map((lock) => release(lock, scope)));
    },
  });
}

// By what the connections of a namespace share.
const numbers = new WeakMap<Shared, Map<string, number>>();

/** Gives out tokens of its own: counted per key, from one again when the lock is given back. */
function countedPerLock(scope: Scope): Partial<LockStore> {
  const { sound: { locks }, shared } = scope;
  const counts = numbers.get(shared) ?? new Map<string, number>();
  numbers.set(shared, counts);
  const shown = <L extends StoredLock>(lock: L | undefined): L | undefined => {
    if (lock === undefined) return undefined;
    const token = (counts.get(lock.key) ?? 0) + 1;
    counts.set(lock.key, token);
    counts.set(`${lock.key} ${token}`, lock.token);
    return { ...lock, token };
  };
  const meant = (lock: LockHandle): LockHandle => ({ ...lock, token: counts.get(`${lock.key} ${lock.token}`) ?? lock.token });
  return {
    acquireAll: async (requests, options) => (await locks.acquireAll(requests, options)).map(shown),
    transfer: async (lock, to, options) => shown(await locks.transfer(meant(lock), to, options)),
    renewAll: (handles, ttl) => locks.renewAll(handles.map(meant), ttl),
    isCurrent: (lock, options) => locks.isCurrent(meant(lock), options),
    releaseAll: async (handles, options) => {
      const released = await locks.releaseAll(handles.map(meant), options);
      for (const [at, { key }] of handles.entries()) if (released[at] === true) counts.delete(key);
      return released;
    },
  };
}

/** The defects. */
export const lockDefects: readonly Defect[] = [
  { name: "locks are kept on each connection", law: "L1", isApart: true },
  {
    name: "an acquire looks first, and takes the lock a moment later",
    law: "L1",
    locks: ({ sound: { locks } }) => ({
      acquire: async (key, options) => {
        if (options.wait !== undefined || await locks.ownerOf(key) !== undefined) return locks.acquire(key, options);
        const lock = await locks.acquire(key, options);
        const holder = lock === undefined ? await locks.ownerOf(key) : undefined;
        if (holder === undefined) return lock;
        const stolen = await locks.transfer(holder, options);
        return stolen === undefined ? undefined : lockOn(locks, stolen, options.ttl);
      },
    }),
  },
  {
    name: "a release looks first, and gives the lock back a moment later",
    law: "L2",
    locks: releasing(async (lock, { sound: { locks } }) => {
      if (!await locks.isCurrent(lock)) return locks.release(lock);
      await Promise.resolve();
      await locks.release(lock);
      return true;
    }),
  },
  { name: "tokens begin again after a release", law: "L3", locks: countedPerLock },
  {
    name: "what has expired is never deleted",
    law: "L3",
    locks: () => ({ sweep: () => Promise.resolve(0) }),
  },
  {
    name: "an expired lock that nobody took can be renewed",
    law: "L4",
    locks: renewing(async (lock, ttl, { sound: { locks } }) =>
      await locks.renew(lock, ttl) ?? (await locks.acquireAll([{ ...lock, ttl }]))[0]?.expiresAt
    ),
  },
  {
    name: "a renewal never moves the end to an earlier instant",
    law: "L4",
    locks: renewing(async (lock, ttl, { sound: { locks }, clock }) => {
      const left = ((await locks.ownerOf(lock.key))?.expiresAt ?? 0) - clock.now();
      return locks.renew(lock, Math.max(left, durationMs(ttl, "ttl")));
    }),
  },
  {
    name: "a release ignores the owner",
    law: "L5",
    locks: releasing(async (lock, { sound: { locks } }) => {
      const holder = await locks.ownerOf(lock.key);
      return locks.release(holder?.token === lock.token ? holder : lock);
    }),
  },
  {
    name: "a release ignores the token",
    law: "L5",
    locks: releasing(async (lock, { sound: { locks } }) => {
      const holder = await locks.ownerOf(lock.key);
      return locks.release(holder?.owner === lock.owner ? holder : lock);
    }),
  },
  {
    name: "a renewal ignores the token",
    law: "L5",
    locks: renewing(async (lock, ttl, { sound: { locks } }) => {
      const holder = await locks.ownerOf(lock.key);
      return locks.renew(holder?.owner === lock.owner ? holder : lock, ttl);
    }),
  },
  {
    name: "an owner gets its own lock again",
    law: "L6",
    locks: ({ sound: { locks } }) => ({
      acquire: async (key, options) => {
        const holder = await locks.ownerOf(key);
        return holder?.owner === options.owner ? lockOn(locks, holder, options.ttl) : locks.acquire(key, options);
      },
    }),
  },
  {
    name: "a release wakes nobody",
    law: "L7",
    locks: ({ sound: { locks }, clock }) => ({
      acquire: async (key, { wait, ...options }) => {
        const first = await locks.acquire(key, options);
        if (first !== undefined || wait === undefined) return first;
        await sleep(Math.min(durationMs(wait, "wait"), 5_000), { clock, signal: options.signal });
        return locks.acquire(key, options);
      },
    }),
  },
  {
    name: "the end of the holder's time wakes nobody",
    law: "L7",
    locks: ({ sound: { locks }, clock }) => ({
      acquire: async (key, { wait, ...options }) => {
        const startedAt = clock.monotonic();
        const lock = await locks.acquire(key, { ...options, ...(wait === undefined ? {} : { wait }) });
        if (lock === undefined || clock.monotonic() - startedAt < 4_000) return lock;
        await lock.release();
        await sleep(60_000, { clock });
        return undefined;
      },
    }),
  },
  {
    name: "a lock that comes when its waiter has gone is kept",
    law: "L7",
    locks: ({ sound: { locks } }) => ({
      acquire: (key, { signal, ...options }) => abortable(locks.acquire(key, options), signal),
    }),
  },
  { name: "the signal of a lock never aborts", law: "L8", locks: giving((lock, locks) => lockOn(locks, lock, 1_000)) },
  {
    name: "the signal of a lock aborts when it is released",
    law: "L8",
    locks: giving((lock) => {
      const controller = new AbortController();
      const release = async () => {
        const released = await lock.release();
        controller.abort();
        return released;
      };
      return { ...lock, expiresAt: lock.expiresAt, signal: controller.signal, renew: (ttl) => lock.renew(ttl), release };
    }),
  },
  {
    name: "whoever owns the lock is taken for its current holder",
    law: "L9",
    locks: ({ sound: { locks } }) => ({ isCurrent: async (lock) => (await locks.ownerOf(lock.key))?.owner === lock.owner }),
  },
  {
    name: "a transaction is ignored when a token is looked at",
    law: "L9",
    locks: ({ sound: { locks } }) => ({ isCurrent: (lock) => locks.isCurrent(lock) }),
  },
  { name: "namespaces share their locks", law: "L10", connectWith: (options) => ({ ...options, namespace: "shared" }) },
  {
    name: "a call after close is answered",
    law: "L10",
    locks: ({ sound: { locks } }) => ({ ownerOf: (key) => locks.ownerOf(key).catch(() => undefined) }),
  },
  {
    name: "of two requests for one key the last gets it",
    law: "L11",
    locks: ({ sound: { locks } }) => ({
      acquireAll: async (requests, options) => (await locks.acquireAll(requests.toReversed(), options)).toReversed(),
    }),
  },
  {
    name: "many are refused when one is held",
    law: "L11",
    locks: ({ sound: { locks } }) => ({
      acquireAll: async (requests, options) => {
        const found = await locks.acquireAll(requests, options);
        if (!found.includes(undefined)) return found;
        await locks.releaseAll(found.filter((lock) => lock !== undefined));
        return found.map(() => undefined);
      },
    }),
  },
  {
    name: "a transaction is ignored when locks are taken",
    law: "L12",
    locks: ({ sound: { locks } }) => ({ acquireAll: (requests) => locks.acquireAll(requests) }),
  },
  {
    name: "a hand-over is a release and an acquire",
    law: "L13",
    locks: ({ sound: { locks } }) => ({
      transfer: async (lock, to, options) => {
        if (options?.tx !== undefined) return locks.transfer(lock, to, options);
        if (!await locks.release(lock)) return locks.transfer(lock, to);
        await Promise.resolve();
        return (await locks.acquireAll([{ key: lock.key, ...to }]))[0];
      },
    }),
  },
  {
    name: "the heir of a lock gets the token of the former holder",
    law: "L13",
    locks: ({ sound: { locks } }) => ({
      transfer: async (lock, to, options) => {
        const heir = await locks.transfer(lock, to, options);
        return heir === undefined ? undefined : { ...heir, token: lock.token };
      },
    }),
  },
];
