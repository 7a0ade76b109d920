import { Ticker } from "../async/ticker.ts";
import type { LockStore } from "../contracts/lock-store.ts";
import type { RateLimiter } from "../contracts/rate-limiter.ts";
import type { RevokeStore } from "../contracts/revoke-store.ts";
import type { TaskSystem } from "../contracts/system.ts";
import type { Clock } from "../time/clock.ts";

/** What {@link maintenance} needs. */
export interface MaintenanceOptions extends TaskSystem {
  /** Keeps locks. @default none */
  readonly lockStore?: LockStore;
  /** Keeps revocations. @default none */
  readonly revokeStore?: RevokeStore;
  /** Keeps buckets and permits. @default none */
  readonly limiter?: RateLimiter;
  /** How often to look for what has expired. */
  readonly intervalMs: number;
  /** Measures the time between. */
  readonly clock: Clock;
  /** Hears of sweeps that failed; the next one tries again. */
  readonly onError: (error: unknown) => void;
}

const AT_ONCE = 500;
const SHORTEST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 100;

/** Deletes what has expired, in small steps, for as long as the worker lives: nobody else would. */
export function maintenance(options: MaintenanceOptions): Ticker {
  const { broker, backend, lockStore, revokeStore, limiter, intervalMs, clock, onError } = options;
  const limit = AT_ONCE;
  const sweeps = [
    () => backend.sweep({ limit }),
    () => broker.sweep({ limit }),
    ...(lockStore === undefined ? [] : [() => lockStore.sweep({ limit })]),
    ...(revokeStore === undefined ? [] : [() => revokeStore.pruneExpired({ limit })]),
    ...(limiter === undefined ? [] : [() => limiter.sweep({ limit })]),
  ];
  return new Ticker({
    name: "maintenance",
    intervalMs,
    firstDelayMs: intervalMs,
    clock,
    onError,
    run: async () => {
      const startedAt = clock.monotonic();
      let swept = 0;
      // One after the other: a sweep has time. A store that is away must not keep the others from theirs.
      for (const sweep of sweeps) {
        try {
          swept += await sweep();
        } catch (error) {
          onError(error);
        }
      }
      if (swept < AT_ONCE) return undefined;
      // There was more than one step took: go on after a pause that leaves the others room, as long as the step itself took.
      const tookMs = clock.monotonic() - startedAt;
      return Math.min(intervalMs, LONGEST_PAUSE_MS, Math.max(SHORTEST_PAUSE_MS, tookMs));
    },
  });
}
