import type { Lock, LockStore } from "../contracts/lock-store.ts";
import type { Logger } from "../contracts/logger.ts";
import { consoleLogger } from "../contracts/logger.ts";
import { ConflictError, StemError, TimeoutError } from "../errors.ts";
import { show } from "../model/id.ts";
import type { Clock } from "../time/clock.ts";
import { systemClock } from "../time/clock.ts";
import type { Duration } from "../time/duration.ts";
import { durationMs, formatMs } from "../time/duration.ts";
import { uuidV7 } from "../time/id.ts";

/** How {@link withLock} holds its lock. */
export interface WithLockOptions {
  /** How long the lock outlives a holder that died; it is renewed each third of that while the function runs. @default "30s" */
  readonly ttl?: Duration;
  /** Who holds it, as others see. @default an id of its own for each call */
  readonly owner?: string;
  /** How long to wait while another holds it. @default 0: do not wait */
  readonly wait?: Duration;
  /** Ends the wait: the call rejects with the signal's reason. A function that runs already is not told. */
  readonly signal?: AbortSignal;
  /** Measures the time between renewals. @default the system's clock */
  readonly clock?: Clock;
  /** Where is told that a renewal or the release failed. @default warnings and errors on the console */
  readonly logger?: Logger;
}

const RENEW_SHARE = 1 / 3;
const RETRY_SHARE = 1 / 12;

/**
 * Runs a function while holding a lock: acquires it, renews it, and gives it back whatever happens. Gives what the function gives.
 *
 * `lock.signal` aborts when the lock is lost, because the store was away for too long or this process stood still: stop then. What the function
 * wrote after that is refused only where the write looks at `lock.token`.
 *
 * @throws {ConflictError} when another holds the lock and there is no `wait`, and when the lock was lost before the function ended, although that
 *   may have done its work.
 * @throws {TimeoutError} when it was still held by another after `wait`.
 * @throws what the function throws.
 *
 * @example
 * ```ts
 * import { InMemoryLockStore, withLock } from "@stem/stem";
 *
 * const locks = new InMemoryLockStore();
 * const total = await withLock(locks, "invoice:7", { wait: "5s" }, async (lock) => {
 *   console.log(lock.token > 0); // true
 *   return 42;
 * });
 * console.log(total); // 42
 * await locks.close();
 * ```
 */
export async function withLock<T>(
  store: LockStore,
  key: string,
  options: WithLockOptions,
  run: (lock: Lock) => T | PromiseLike<T>,
): Promise<T> {
  const { clock = systemClock, logger = consoleLogger } = options;
  const ttlMs = durationMs(options.ttl ?? "30s", "ttl", { min: 1 });
  const lock = await acquire(store, key, { ...options, ttlMs, owner: options.owner ?? uuidV7(clock) });
  const stopRenewing = renewWhileHeld(lock, { ttlMs, clock, logger });
  let value: T;
  try {
    value = await run(lock);
  } catch (error) {
    await giveBack(lock, stopRenewing, logger);
    throw error;
  }
  if (await giveBack(lock, stopRenewing, logger)) return value;
  const cause: unknown = lock.signal.reason;
  throw new ConflictError(`Cannot vouch for what was done under lock ${show(key)}: it was lost before the end`, { cause });
}

async function acquire(
  store: LockStore,
  key: string,
  { ttlMs, owner, wait = 0, signal }: WithLockOptions & { readonly ttlMs: number; readonly owner: string },
): Promise<Lock> {
  const lock = await store.acquire(key, { ttl: ttlMs, owner, wait, ...(signal === undefined ? {} : { signal }) });
  if (lock !== undefined) return lock;
  const holder = await store.ownerOf(key);
  const why = holder === undefined ? "it was held by another until just now" : `it is held by ${show(holder.owner)}`;
  const message = `Cannot acquire lock ${show(key)} as owner ${show(owner)}: ${why}`;
  const waitMs = durationMs(wait, "wait");
  throw waitMs === 0 ? new ConflictError(message, { retryable: true }) : new TimeoutError(`${message} after ${formatMs(waitMs)}`, waitMs);
}

interface RenewalOptions {
  readonly ttlMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Renews the lock until it is lost, or the returned function is called; that resolves when no renewal is under way any more. */
function renewWhileHeld(lock: Lock, { ttlMs, clock, logger }: RenewalOptions): () => Promise<void> {
  let stopped = false;
  let renewing: Promise<void> = Promise.resolve();
  let cancelTimer = arm(ttlMs * RENEW_SHARE);
  // Aborts when the time has ended, also while nothing answers.
  lock.signal.addEventListener("abort", stop, { once: true });
  return () => {
    stop();
    return renewing;
  };

  function arm(ms: number): () => void {
    return clock.timer(ms, () => {
      renewing = renew();
    });
  }

  async function renew(): Promise<void> {
    let nextMs = ttlMs * RENEW_SHARE;
    try {
      if (!await lock.renew()) return;
    } catch (error) {
      // There may be time for another try. When the store was closed there is none.
      if (StemError.is(error) && error.code === "CLOSED") return;
      logger.warn("Cannot renew a lock; trying again while it lasts", { key: lock.key, owner: lock.owner, error });
      nextMs = ttlMs * RETRY_SHARE;
    }
    if (!stopped) cancelTimer = arm(nextMs);
  }

  function stop(): void {
    stopped = true;
    cancelTimer();
    lock.signal.removeEventListener("abort", stop);
  }
}

/** Gives the lock back. False when it was lost before. */
async function giveBack(lock: Lock, stopRenewing: () => Promise<void>, logger: Logger): Promise<boolean> {
  await stopRenewing();
  try {
    return await lock.release();
  } catch (error) {
    // The work is done, and was done under the lock unless its time had ended: it ends by itself.
    logger.warn("Cannot give back a lock; it ends by itself", { key: lock.key, owner: lock.owner, error });
    return !lock.signal.aborted;
  }
}
