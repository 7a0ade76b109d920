import { Ticker } from "../async/ticker.ts";
import type { TaskSystem } from "../contracts/system.ts";
import type { Clock } from "../time/clock.ts";

/** What {@link maintenance} needs. */
export interface MaintenanceOptions extends TaskSystem {
  /** How often to look for what has expired. */
  readonly intervalMs: number;
  /** Measures the time between. */
  readonly clock: Clock;
  /** Hears of sweeps that failed; the next one tries again. */
  readonly onError: (error: unknown) => void;
}

const AT_ONCE = 500;

/** Deletes what has expired, in small steps, for as long as the worker lives: nobody else would. */
export function maintenance(options: MaintenanceOptions): Ticker {
  const { broker, backend, intervalMs, clock, onError } = options;
  return new Ticker({
    name: "maintenance",
    intervalMs,
    firstDelayMs: intervalMs,
    clock,
    onError,
    run: async () => {
      const swept = await backend.sweep({ limit: AT_ONCE }) + await broker.sweep({ limit: AT_ONCE });
      // There was more than one step took: go on after a pause that leaves the others room.
      return swept >= AT_ONCE ? Math.min(100, intervalMs) : undefined;
    },
  });
}
