import { anySignal } from "../async/signal.ts";
import type { LockStore } from "../contracts/lock-store.ts";
import type { Logger } from "../contracts/logger.ts";
import { StemError } from "../errors.ts";
import { withLock } from "../locks/with-lock.ts";
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
  /** Where a renewal that failed is told. */
  readonly logger: Logger;
  /** Hears that the lock was taken (true), and that it is gone (false). */
  readonly onChange: (isLeading: boolean) => void;
  /** Hears what failed; it is tried again after a pause. */
  readonly onError: (operation: string, error: unknown) => void;
}

/** Works until the first signal aborts: at the end, or when the lock is lost. The second one aborts for a lost lock alone. */
export type Leading = (signal: AbortSignal, held: AbortSignal) => Promise<void>;

const PAUSE = { backoff: "exponential", delay: 250, maxDelay: 5_000, jitter: "equal" } as const;

/** Works while it holds the lock, and waits for it otherwise, until the signal aborts. Never rejects. */
export async function lead(options: LeadershipOptions, signal: AbortSignal, work: Leading): Promise<void> {
  const { lockStore, key, owner, ttlMs, clock, logger, onChange, onError } = options;
  let failures = 0;
  while (!signal.aborted) {
    try {
      await withLock(lockStore, key, { ttl: ttlMs, owner, wait: ttlMs, signal, clock, logger }, async (lock) => {
        failures = 0;
        const either = anySignal(signal, lock.signal);
        onChange(true);
        await work(either.signal, lock.signal);
        either.dispose();
        onChange(false);
      });
    } catch (error) {
      if (signal.aborted) return;
      // Another holds it: wait on.
      if (StemError.is(error) && (error.code === "TIMEOUT" || error.code === "CONFLICT")) continue;
      onError("acquire the lock", error);
      failures += 1;
      await sleep(retryDelayMs(PAUSE, failures), { clock, signal }).catch(() => undefined);
    }
  }
}
