import { anySignal } from "../async/signal.ts";
import { Ticker } from "../async/ticker.ts";
import type { Lock, LockStore } from "../contracts/lock-store.ts";
import { retryDelayMs } from "../time/backoff.ts";
import type { Clock } from "../time/clock.ts";
import { sleep } from "../time/sleep.ts";

/** What leading needs. */
export interface LeadershipOptions {
  /** Where the lock is. */
  readonly lockStore: LockStore;
  /** Its key. */
  readonly key: string;
  /** Who holds it. */
  readonly owner: string;
  /** How long it is held without renewal. */
  readonly ttlMs: number;
  /** Sets the timers. */
  readonly clock: Clock;
  /** Hears that the lock was taken (true), and that it is gone (false). */
  readonly onChange: (isLeading: boolean) => void;
  /** Hears what failed; it is tried again after a pause. */
  readonly onError: (operation: string, error: unknown) => void;
}

const PAUSE = { backoff: "exponential", delay: 250, maxDelay: 5_000, jitter: "equal" } as const;

/**
 * Works while it holds the lock, and waits for it otherwise, until the signal aborts. Never rejects.
 *
 * @param work Gets a signal that aborts at the end or when the lock is lost, and one for the lost lock alone; ends soon after.
 */
export async function lead(
  options: LeadershipOptions,
  signal: AbortSignal,
  work: (signal: AbortSignal, held: AbortSignal) => Promise<void>,
): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    try {
      const { lockStore, key, owner, ttlMs } = options;
      const lock = await lockStore.acquire(key, { owner, ttl: ttlMs, wait: ttlMs, signal });
      failures = 0;
      if (lock !== undefined) await hold(options, lock, signal, work);
    } catch (error) {
      if (signal.aborted) return;
      options.onError("acquire the lock", error);
      failures += 1;
      await sleep(retryDelayMs(PAUSE, failures), { clock: options.clock, signal }).catch(() => undefined);
    }
  }
}

async function hold(
  { ttlMs, clock, onChange, onError }: LeadershipOptions,
  lock: Lock,
  signal: AbortSignal,
  work: (signal: AbortSignal, held: AbortSignal) => Promise<void>,
): Promise<void> {
  const renewal = new Ticker({
    name: "renewal",
    intervalMs: ttlMs / 3,
    firstDelayMs: ttlMs / 3,
    clock,
    run: async () => void await lock.renew(),
    onError: (error) => onError("renew the lock", error),
  });
  const either = anySignal(signal, lock.signal);
  renewal.start();
  onChange(true);
  try {
    await work(either.signal, lock.signal);
  } finally {
    either.dispose();
    await renewal.stop();
    onChange(false);
    // Others need not wait for it to run out.
    await lock.release().catch((error: unknown) => onError("release the lock", error));
  }
}
