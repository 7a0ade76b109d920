/**
 * The one way by which the library reads time and waits: everything that needs either takes a {@link Clock}.
 *
 * @module
 */

import { ConfigError } from "../errors.ts";

/** Reads time and sets timers. {@link systemClock} is the real one; `ManualClock` lets a test move time by hand. */
export interface Clock {
  /** The instant now, in whole epoch milliseconds. May jump either way when somebody sets the machine's clock. */
  now(): number;
  /** Milliseconds since some fixed, unspecified moment; never goes back. Measures durations. May have a fraction. */
  monotonic(): number;
  /**
   * Calls back once, no sooner than `delayMs` from now as {@link Clock.monotonic} counts it.
   *
   * Zero or less means as soon as possible, yet never before this call has returned. Any length works; `Infinity` never fires.
   *
   * @returns A function that cancels the timer; calling it later or twice does nothing.
   * @throws {ConfigError} When `delayMs` is not a number.
   */
  timer(delayMs: number, callback: () => void): () => void;
}

// Runtimes keep the delay in a signed 32-bit integer: anything longer fires at once, so longer waits are made of several.
const longestTimeoutMs = 2 ** 31 - 1;

/** The clock of the machine. Its timers keep the process alive until they fire or are cancelled. */
export const systemClock: Clock = Object.freeze({
  now: (): number => Date.now(),

  monotonic: (): number => performance.now(),

  timer(delayMs: number, callback: () => void): () => void {
    requireDelay(delayMs);
    const dueAtMs = performance.now() + delayMs;
    let timeout = setTimeout(fireOrWaitOn, timeoutFor(delayMs));
    return () => clearTimeout(timeout);

    function fireOrWaitOn(): void {
      // Timeouts may come a fraction of a millisecond early; a caller that compares instants would then find nothing due.
      const leftMs = dueAtMs - performance.now();
      if (leftMs > 0) timeout = setTimeout(fireOrWaitOn, timeoutFor(leftMs));
      else callback();
    }
  },
});

/** Refuses what no timer can wait for. */
export function requireDelay(delayMs: number): void {
  if (typeof delayMs !== "number" || Number.isNaN(delayMs)) {
    throw new ConfigError(`Cannot set a timer of ${String(delayMs)} ms: expected a number of milliseconds`);
  }
}

function timeoutFor(delayMs: number): number {
  return Math.min(Math.max(Math.ceil(delayMs), 0), longestTimeoutMs);
}
