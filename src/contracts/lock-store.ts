import type { Duration } from "../time/duration.ts";
import type { Store, WriteOptions } from "./store.ts";

/** How to acquire a lock. */
export interface AcquireOptions {
  /** How long the lock is held without renewal. */
  readonly ttl: Duration;
  /** Who holds it; at most one owner at a time. */
  readonly owner: string;
  /** How long to wait when another owner holds it. @default 0: do not wait */
  readonly wait?: Duration;
  /** Ends the wait: the call rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** One lock among many that are asked for in one call. */
export interface LockRequest {
  /** What to lock. */
  readonly key: string;
  /** Who will hold it. */
  readonly owner: string;
  /** How long it is held without renewal. */
  readonly ttl: Duration;
}

/** What a lock is known by in the store. */
export interface LockHandle {
  /** What is locked. */
  readonly key: string;
  /** Who holds it. */
  readonly owner: string;
  /** The fencing token: strictly higher than that of every earlier holder of this key. */
  readonly token: number;
}

/** A lock as the store keeps it. */
export interface StoredLock extends LockHandle {
  /** When it ends unless it is renewed before, by the store's clock. */
  readonly expiresAt: number;
}

/** A held lock. */
export interface Lock extends LockHandle {
  /** When it ends unless it is renewed before, by the store's clock; moves with each renewal. */
  readonly expiresAt: number;
  /** Aborts, with a `ConflictError` as reason, when the lock ended without being released: expired unrenewed, or taken over. */
  readonly signal: AbortSignal;
  /** Holds it for `ttl` (the acquired one by default) from now. False when it is lost. */
  renew(ttl?: Duration): Promise<boolean>;
  /** Gives it back. False when it was lost before. */
  release(): Promise<boolean>;
}

/**
 * Mutual exclusion with leases and fencing tokens.
 *
 * - **L1** Of many that race for a key, one gets it; the others get `undefined`, or wait.
 * - **L2** Acquire, renew and release are one compare-and-set each: no state in between can be seen.
 * - **L3** Tokens rise strictly per key, across release, expiry and restarts: they are drawn while the key is held against other writers. Nothing
 *   outlives its lock for it by more than a minute and the sweep.
 * - **L4** An expired lock can be acquired at once; its former holder can neither renew nor release it. One that ran out, but that nobody took
 *   over, cannot be renewed either: in between, a guarded write may have been refused. Renewal sets the end to the store's now and the time given,
 *   be that later or earlier than before. A store's clock that is set back lengthens locks by as much, one that is set forward ends them early:
 *   the token then refuses the former holder.
 * - **L5** Renew and release ask for owner and token: nobody gives back another's lock, nor an earlier one of his own.
 * - **L6** Acquiring a key that the same owner holds is refused like any other: a lock is not re-entrant. An acquire of which nobody knows whether
 *   it was carried out rejects and is not repeated; `ownerOf` tells.
 * - **L7** A waiting acquire gets the lock when it is released or expires, from any process, and ends at its time or signal. A lock that came
 *   too late for its waiter is given back.
 * - **L8** `lock.signal` aborts when the lock is lost, at the latest when its time ends as this process's monotonic clock counts it from before the
 *   request, whatever the store's clock does; not on release.
 * - **L9** `isCurrent` tells whether a token is still the current one and has not expired. Without `tx` the answer may be outdated when it arrives.
 *   With `tx` a true answer holds until the transaction ends: who would take the lock over waits for it, and renewing goes on meanwhile where
 *   the store has many writers.
 * - **L10** Namespaces isolate; bad arguments throw `ConfigError`; after `close` calls throw `ClosedError`.
 * - **L11** Many locks are acquired, renewed and released in one call, each on its own; of two requests for one key the first gets it.
 * - **L12** With `tx` a lock is taken, given back or handed over when the caller's transaction commits, and not at all when it rolls back. Until
 *   then others who ask for the key may wait for that transaction, and the time to live counts from the call. Stores without transactions throw
 *   `UnsupportedError`.
 * - **L13** `transfer` hands a lock over in one step: to another owner, under a higher token, for a new time. Nobody gets in between, and a handle
 *   that is not current changes nothing.
 */
export interface LockStore extends Store {
  /** Acquires a lock; `undefined` when another holds it (after waiting, when asked to). */
  acquire(key: string, options: AcquireOptions): Promise<Lock | undefined>;
  /** Acquires many locks, without waiting. Answers each, in order: `undefined` where another holds it. */
  acquireAll(requests: readonly LockRequest[], options?: WriteOptions): Promise<readonly (StoredLock | undefined)[]>;
  /** Holds a lock for `ttl` from now. Answers the new expiry; `undefined` when it is lost. */
  renew(lock: LockHandle, ttl: Duration): Promise<number | undefined>;
  /** Holds many locks for `ttl` from now. Answers the new expiry of each, in order; `undefined` where it is lost. */
  renewAll(locks: readonly LockHandle[], ttl: Duration): Promise<readonly (number | undefined)[]>;
  /** Gives a lock back. False when it was lost before. */
  release(lock: LockHandle): Promise<boolean>;
  /** Gives many locks back. Answers each, in order: false where it was lost before. */
  releaseAll(locks: readonly LockHandle[], options?: WriteOptions): Promise<readonly boolean[]>;
  /** Hands a lock over to another owner. Answers the lock as it is held then; `undefined` when it was lost before. */
  transfer(
    lock: LockHandle,
    to: { readonly owner: string; readonly ttl: Duration },
    options?: WriteOptions,
  ): Promise<StoredLock | undefined>;
  /** Tells who holds the key; `undefined` when nobody does. */
  ownerOf(key: string): Promise<StoredLock | undefined>;
  /** Tells whether the token is the current one of its key: the check that a guarded write makes. */
  isCurrent(lock: LockHandle, options?: WriteOptions): Promise<boolean>;
  /** Deletes what has expired, at most `limit` (default 500). Returns how many. */
  sweep(options?: { readonly limit?: number }): Promise<number>;
}
