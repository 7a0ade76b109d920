import type { KeyedWake } from "../async/keyed-wake.ts";
import type { MaybePromise } from "../async/maybe-promise.ts";
import { anySignal } from "../async/signal.ts";
import { WaitingLines } from "../async/waiting-lines.ts";
import type { AcquireOptions, Lock, LockHandle, LockRequest, LockStore, StoredLock } from "../contracts/lock-store.ts";
import type { WriteOptions } from "../contracts/store.ts";
import { validateId } from "../model/id.ts";
import { validateInteger } from "../model/numbers.ts";
import type { Duration } from "../time/duration.ts";
import { systemRandom } from "../time/random.ts";
import { abortable, sleep } from "../time/sleep.ts";
import type { GroupCommitOptions } from "./call-group.ts";
import { CallGroup } from "./call-group.ts";
import type { LockKeeper } from "./held-lock.ts";
import { HeldLock } from "./held-lock.ts";
import type { AcquireCall, AcquireItem, LockRef, RenewItem, TransferCall } from "./lock-requests.ts";
import { holdingOf, toAcquireCall, toAcquireItem, toLockRef, toLockTtlMs, toTransferCall } from "./lock-requests.ts";
import { withoutRepeats } from "./repeats.ts";
import type { StoreSurfaceOptions } from "./store-surface.ts";
import { StoreSurface } from "./store-surface.ts";
import { validateList } from "./validation.ts";

/** What a lock store class tells its surface. */
export interface LocksSurfaceOptions extends StoreSurfaceOptions {
  /** How calls made at the same time share round trips. @default each goes by itself */
  readonly groupCommit?: GroupCommitOptions | undefined;
}

// What was free, and was taken by another at that moment: look again soon, but do not spin.
const SHORTEST_WAIT_MS = 1;
const MOST_PAUSE_MS = 32;

/**
 * What all lock stores do alike: checking arguments, waiting, grouping calls, the lock object and its time.
 *
 * A store adds the protected primitives. They are only called with checked, non-empty input, and wrap their driver's errors.
 */
export abstract class LocksSurface extends StoreSurface implements LockStore {
  readonly #acquiring: CallGroup<AcquireItem, StoredLock | undefined>;
  readonly #renewing: CallGroup<RenewItem, number | undefined>;
  readonly #releasing: CallGroup<LockRef, boolean>;
  readonly #keeper: LockKeeper;
  readonly #lines = new WaitingLines();
  readonly #closing = new AbortController();
  readonly #timed = new Set<HeldLock>();
  readonly #underWay = new Set<Promise<unknown>>();

  /** Prepares the surface; nothing is connected. */
  constructor(options: LocksSurfaceOptions) {
    super(options);
    const { groupCommit } = options;
    this.#acquiring = new CallGroup({ name: "acquire", groupCommit, run: (items) => this.#acquireOnce(items) });
    this.#renewing = new CallGroup({ name: "renew", groupCommit, run: (items) => this.#renewOnce(items) });
    this.#releasing = new CallGroup({ name: "release", groupCommit, run: (refs) => this.#releaseOnce(refs) });
    this.#keeper = {
      clock: this.clock,
      renew: async (lock, ttl) => await this.renew(lock, ttl) !== undefined,
      release: (lock) => this.release(lock),
      timed: (lock, hasTimer) => void (hasTimer ? this.#timed.add(lock) : this.#timed.delete(lock)),
    };
  }

  /** Acquires a lock; `undefined` when another holds it (after waiting, when asked to). */
  async acquire(key: string, options: AcquireOptions): Promise<Lock | undefined> {
    this.requireOpen();
    const call = toAcquireCall(key, options);
    call.signal?.throwIfAborted();
    return this.#untilDone(this.#acquire(call));
  }

  /** Acquires many locks, without waiting. Answers each, in order: `undefined` where another holds it. */
  async acquireAll(requests: readonly LockRequest[], options?: WriteOptions): Promise<readonly (StoredLock | undefined)[]> {
    const tx = this.transactionOf(options);
    const items = validateList(requests, "the locks to acquire").map(toAcquireItem);
    if (items.length === 0) return [];
    return tx === undefined ? this.#acquiring.call(items) : this.#acquireOnce(items, tx);
  }

  /** Holds a lock for `ttl` from now. Answers the new expiry; `undefined` when it is lost. */
  async renew(lock: LockHandle, ttl: Duration): Promise<number | undefined> {
    const [expiresAt] = await this.renewAll([lock], ttl);
    return expiresAt;
  }

  /** Holds many locks for `ttl` from now. Answers the new expiry of each, in order; `undefined` where it is lost. */
  async renewAll(locks: readonly LockHandle[], ttl: Duration): Promise<readonly (number | undefined)[]> {
    this.requireOpen();
    const ttlMs = toLockTtlMs(ttl);
    const items = validateList(locks, "the locks to renew").map((lock) => ({ ...toLockRef(lock), ttlMs }));
    if (items.length === 0) return [];
    const askedAtMs = this.clock.monotonic();
    const own = locks.map((lock) => lock instanceof HeldLock ? lock : undefined);
    for (const lock of own) lock?.renewing(ttlMs, askedAtMs);
    const ends = await this.#renewing.call(items);
    for (const [at, lock] of own.entries()) lock?.renewed(ends[at], ttlMs, askedAtMs);
    return ends;
  }

  /** Gives a lock back. False when it was lost before. */
  async release(lock: LockHandle): Promise<boolean> {
    const [released = false] = await this.releaseAll([lock]);
    return released;
  }

  /** Gives many locks back. Answers each, in order: false where it was lost before. */
  async releaseAll(locks: readonly LockHandle[], options?: WriteOptions): Promise<readonly boolean[]> {
    const tx = this.transactionOf(options);
    const refs = validateList(locks, "the locks to release").map(toLockRef);
    if (refs.length === 0) return [];
    // Within a transaction nothing has happened yet: the lock goes on counting, in case that rolls back.
    if (tx !== undefined) return this.#releaseOnce(refs, tx);
    const released = await this.#releasing.call(refs);
    for (const [at, lock] of locks.entries()) if (lock instanceof HeldLock) lock.released(released[at] ?? false);
    return released;
  }

  /** Hands a lock over to another owner. Answers the lock as it is held then; `undefined` when it was lost before. */
  async transfer(
    lock: LockHandle,
    to: { readonly owner: string; readonly ttl: Duration },
    options?: WriteOptions,
  ): Promise<StoredLock | undefined> {
    const tx = this.transactionOf(options);
    const handed = await this.handOver(toTransferCall(lock, to), tx);
    if (tx === undefined && lock instanceof HeldLock) lock.released(handed !== undefined);
    return handed;
  }

  /** Tells who holds the key; `undefined` when nobody does. */
  async ownerOf(key: string): Promise<StoredLock | undefined> {
    this.requireOpen();
    return this.readLock(validateId(key, "a lock's key"));
  }

  /** Tells whether the token is the current one of its key. With `tx` a true answer holds until that commits. */
  async isCurrent(lock: LockHandle, options?: WriteOptions): Promise<boolean> {
    const tx = this.transactionOf(options);
    return this.holds(toLockRef(lock), tx);
  }

  /** Deletes what has expired, at most `limit` (default 500). Returns how many. */
  async sweep(options: { readonly limit?: number } = {}): Promise<number> {
    this.requireOpen();
    return this.sweepExpired(validateInteger(options.limit ?? 500, "the limit of a sweep", { min: 1, max: 100_000 }));
  }

  /** Takes the locks that nobody holds; no key comes twice. The objects it returns are fresh. */
  protected abstract acquireBatch(items: readonly AcquireItem[], tx?: object): Promise<readonly (StoredLock | undefined)[]>;
  /** Moves the end of locks that are held so and have not ended; no two are the same. Answers the new ends. */
  protected abstract renewBatch(items: readonly RenewItem[]): Promise<readonly (number | undefined)[]>;
  /** Gives back what is held so and has not ended; no two are the same. Wakes those who wait for the keys. */
  protected abstract releaseBatch(refs: readonly LockRef[], tx?: object): Promise<readonly boolean[]>;
  /** Gives a lock that is held so, and has not ended, to another owner under a higher token, in one step. The object it returns is fresh. */
  protected abstract handOver(call: TransferCall, tx?: object): Promise<StoredLock | undefined>;
  /** Reads the holder of a key; one whose time has ended is none. */
  protected abstract readLock(key: string): Promise<StoredLock | undefined>;
  /** How long until the holder's time ends, in milliseconds; `undefined` when nobody holds the key. */
  protected abstract endsIn(key: string): Promise<number | undefined>;
  /** Whether that token is the current one of its key; with a transaction, keeps others from taking the lock over until its end. */
  protected abstract holds(ref: LockRef, tx?: object): Promise<boolean>;
  /** Deletes what has ended, at most `limit`. */
  protected abstract sweepExpired(limit: number): Promise<number>;
  /** Notified by key whenever its lock was given back. */
  protected abstract readonly wakes: KeyedWake<string>;

  /** Makes sure that news of the key reach {@link LocksSurface.wakes} from now on; returns what ends that. Default: nothing to do. */
  protected listenFor(_key: string): MaybePromise<() => void> {
    return () => undefined;
  }

  /** Ends waits, lets grouped calls finish, and tells holders that nobody renews their locks any more. */
  protected override async endCalls(): Promise<void> {
    this.#closing.abort(this.closedError());
    // One that ends may begin another: to give back what came too late.
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
    await Promise.all([this.#acquiring.flush(), this.#renewing.flush(), this.#releasing.flush()]);
    for (const lock of this.#timed) lock.lose("its store was closed");
  }

  async #acquire(call: AcquireCall): Promise<Lock | undefined> {
    const deadline = this.clock.monotonic() + call.waitMs;
    if (call.waitMs === 0) return this.#attempt(call);
    // Whoever waits here already comes first.
    const lock = this.#lines.has(call.item.key) ? undefined : await this.#attempt(call);
    return lock ?? this.#acquireInTurn(call, deadline);
  }

  /** Of those in this process who wait for one key, the first one asks the store. */
  async #acquireInTurn(call: AcquireCall, deadline: number): Promise<Lock | undefined> {
    const { signal, dispose } = anySignal(call.signal, this.#closing.signal);
    try {
      const timeoutMs = deadline - this.clock.monotonic();
      const leave = await this.#lines.enter(call.item.key, { signal, timeoutMs, clock: this.clock });
      if (leave === undefined) return undefined;
      try {
        return await this.#acquireByWaiting(call, deadline, signal);
      } finally {
        leave();
      }
    } finally {
      dispose();
    }
  }

  async #acquireByWaiting(call: AcquireCall, deadline: number, signal: AbortSignal): Promise<Lock | undefined> {
    const { clock, pollMs } = this;
    const { key } = call.item;
    const stopListening = await this.listenFor(key);
    const watch = this.wakes.watch([key]);
    let lost = 0;
    try {
      for (;;) {
        // Only looking, as long as it is held: many may be woken by one release, and where one writes at a time even a refused acquire is a write.
        const endsInMs = await abortable(this.endsIn(key), signal);
        const lock = endsInMs === undefined ? await this.#attempt(call) : undefined;
        const leftMs = deadline - clock.monotonic();
        if (lock !== undefined || leftMs <= 0) return lock;
        const wasWoken = await watch.next({
          timeoutMs: Math.min(leftMs, Math.max(endsInMs ?? 0, SHORTEST_WAIT_MS), pollMs),
          signal,
          clock,
        });
        // Woken in vain before: others are faster, time after time, and all who look at once are in their way.
        if (wasWoken && lost > 0) await sleep(Math.min(MOST_PAUSE_MS, 2 ** lost) * systemRandom(), { signal, clock });
        lost = wasWoken ? lost + 1 : 0;
      }
    } finally {
      watch.close();
      stopListening();
    }
  }

  /** Asks once. A lock that comes when nobody can use it any more is given back. */
  async #attempt({ item, signal }: AcquireCall): Promise<Lock | undefined> {
    const askedAtMs = this.clock.monotonic();
    const asked = this.#acquiring.call([item]);
    let stored: StoredLock | undefined;
    try {
      [stored] = await abortable(asked, signal);
    } catch (error) {
      if (signal?.aborted) void this.#untilDone(this.#giveBackLater(asked));
      throw error;
    }
    if (stored === undefined) return undefined;
    if (signal?.aborted !== true && !this.closed && this.clock.monotonic() - askedAtMs < item.ttlMs) {
      return new HeldLock(this.#keeper, { ref: stored, expiresAt: stored.expiresAt, ttlMs: item.ttlMs, askedAtMs });
    }
    await this.#releasing.call([stored]);
    signal?.throwIfAborted();
    this.requireOpen();
    return undefined;
  }

  async #giveBackLater(asked: Promise<readonly (StoredLock | undefined)[]>): Promise<void> {
    try {
      const [stored] = await asked;
      if (stored !== undefined) await this.#releasing.call([stored]);
    } catch (error) {
      this.logger.warn("Cannot give back a lock that came too late for its waiter; it ends by itself", { error });
    }
  }

  async #untilDone<T>(call: Promise<T>): Promise<T> {
    this.#underWay.add(call);
    try {
      return await call;
    } finally {
      this.#underWay.delete(call);
    }
  }

  #acquireOnce(items: readonly AcquireItem[], tx?: object): Promise<readonly (StoredLock | undefined)[]> {
    return withoutRepeats(items, { idOf: keyOf, keyOf, repeated: undefined }, (some) => this.acquireBatch(some, tx));
  }

  #releaseOnce(refs: readonly LockRef[], tx?: object): Promise<readonly boolean[]> {
    return withoutRepeats(refs, { idOf: keyOf, keyOf: holdingOf, repeated: false }, (some) => this.releaseBatch(some, tx));
  }

  /** Of several renewals of one lock the last one stands, and each is answered as if it had been alone. */
  async #renewOnce(items: readonly RenewItem[]): Promise<readonly (number | undefined)[]> {
    const last = new Map(items.map((item) => [holdingOf(item), item]));
    if (last.size === items.length) return this.renewBatch(items);
    const ends = await this.renewBatch([...last.values()]);
    const starts = new Map([...last.values()].map((item, at) => [holdingOf(item), startOf(ends[at], item)]));
    return items.map((item) => {
      const start = starts.get(holdingOf(item));
      return start === undefined ? undefined : start + item.ttlMs;
    });
  }
}

function keyOf({ key }: { readonly key: string }): string {
  return key;
}

function startOf(end: number | undefined, { ttlMs }: RenewItem): number | undefined {
  return end === undefined ? undefined : end - ttlMs;
}
