import { systemClock } from "../time/clock.ts";
import { sleep } from "../time/sleep.ts";

/** How a {@link repeatedCall} goes on. */
export interface RepeatedCallOptions {
  /** For how long it is made again, in milliseconds. */
  readonly forMs: number;
  /** Whether making it again may help, and does no harm. */
  readonly isWorthIt: (error: unknown) => boolean;
}

const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 250;

/** Makes a call, and makes it again after pauses that grow, for as long as that is worth it and its time is not over. */
export async function repeatedCall<T>(call: () => Promise<T>, { forMs, isWorthIt }: RepeatedCallOptions): Promise<T> {
  const startedAt = systemClock.monotonic();
  for (let pauseMs = FIRST_PAUSE_MS;; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    try {
      return await call();
    } catch (error) {
      const leftMs = forMs - (systemClock.monotonic() - startedAt);
      if (!isWorthIt(error) || leftMs < pauseMs) throw error;
    }
    await sleep(pauseMs);
  }
}
