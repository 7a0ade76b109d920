import { ConfigError } from "../errors.ts";
import type { Clock } from "./clock.ts";
import { requireDelay } from "./clock.ts";
import { nextTurn } from "./next-turn.ts";

/** How a {@link ManualClock} begins. */
export interface ManualClockOptions {
  /** The first answer of {@link ManualClock.now}, in epoch milliseconds. @default 1767225600000, the start of 2026 in UTC */
  readonly start?: number;
}

interface ManualTimer {
  readonly dueAtMs: number;
  readonly callback: () => void;
}

interface TimerWaiter {
  readonly count: number;
  readonly resolve: () => void;
}

/**
 * A clock that stands still until it is told to move, so that a test of an hour takes a millisecond.
 *
 * @example
 * ```ts
 * import { ManualClock } from "@stem/stem";
 *
 * const clock = new ManualClock();
 * clock.timer(3_600_000, () => console.log("an hour later"));
 * await clock.advance(3_600_000); // an hour later
 * ```
 */
export class ManualClock implements Clock {
  #nowMs: number;
  #monotonicMs = 0;
  // In the order in which they fire: earlier first, and of equals the one that was set first.
  readonly #timers: ManualTimer[] = [];
  readonly #waiters = new Set<TimerWaiter>();
  #advancing: Promise<void> = Promise.resolve();

  /** Makes a clock that stands at `start`. */
  constructor(options: ManualClockOptions = {}) {
    this.#nowMs = requireInstant(options.start ?? Date.UTC(2026, 0, 1));
  }

  /** The instant at which this clock stands, in epoch milliseconds. */
  now(): number {
    return Math.floor(this.#nowMs);
  }

  /** The sum of all that it was advanced by, in milliseconds; {@link ManualClock.set} does not touch it. */
  monotonic(): number {
    return this.#monotonicMs;
  }

  /** Calls back while {@link ManualClock.advance} passes the due moment; a delay of zero or less needs `advance(0)`. */
  timer(delayMs: number, callback: () => void): () => void {
    requireDelay(delayMs);
    const timer: ManualTimer = { dueAtMs: this.#monotonicMs + Math.max(delayMs, 0), callback };
    const later = this.#timers.findIndex((other) => other.dueAtMs > timer.dueAtMs);
    this.#timers.splice(later === -1 ? this.#timers.length : later, 0, timer);
    for (const waiter of this.#waiters) {
      if (this.#timers.length < waiter.count) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
    return () => {
      const index = this.#timers.indexOf(timer);
      if (index !== -1) this.#timers.splice(index, 1);
    };
  }

  /** How many timers wait to fire. */
  get pending(): number {
    return this.#timers.length;
  }

  /** How long until the next timer fires, in milliseconds; `undefined` when none waits. */
  get nextTimerMs(): number | undefined {
    const next = this.#timers[0];
    return next === undefined ? undefined : next.dueAtMs - this.#monotonicMs;
  }

  /**
   * Resolves once at least `count` timers wait: the signal that the code under test has come to its pause.
   *
   * Look at {@link ManualClock.pending} first when timers of an earlier step may still be there.
   */
  waitForTimers(count: number): Promise<void> {
    if (this.#timers.length >= count) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.add({ count, resolve }));
  }

  /**
   * Moves both clocks forward and fires what falls due on the way, in order, each at its own moment.
   *
   * Promise chains run dry before the first timer, between two timers and at the end, so that timers which they set on the way
   * fire too. Real input and output is not waited for. Calls made while one is under way queue behind it.
   *
   * @throws What a timer's callback threw; time then stands at that timer's moment.
   * @throws {ConfigError} When `ms` is negative or not finite.
   */
  advance(ms: number): Promise<void> {
    if (!Number.isFinite(ms) || ms < 0) {
      return Promise.reject(new ConfigError(`Cannot advance a manual clock by ${ms} ms: expected zero or more`));
    }
    const run = this.#advancing.then(() => this.#run(ms));
    // The queue goes on after a throwing callback; the error itself reaches the caller through `run`.
    this.#advancing = run.catch(() => undefined);
    return run;
  }

  /** Sets the wall clock, forward or back, as an administrator would: timers and {@link ManualClock.monotonic} do not notice. */
  set(at: number): void {
    this.#nowMs = requireInstant(at);
  }

  async #run(ms: number): Promise<void> {
    const endMs = this.#monotonicMs + ms;
    await nextTurn();
    for (let next = this.#timers[0]; next !== undefined && next.dueAtMs <= endMs; next = this.#timers[0]) {
      this.#timers.shift();
      this.#moveTo(next.dueAtMs);
      next.callback();
      await nextTurn();
    }
    this.#moveTo(endMs);
    await nextTurn();
  }

  #moveTo(monotonicMs: number): void {
    this.#nowMs += monotonicMs - this.#monotonicMs;
    this.#monotonicMs = monotonicMs;
  }
}

function requireInstant(at: number): number {
  if (Number.isSafeInteger(at)) return at;
  throw new ConfigError(`Cannot set a manual clock to ${at}: expected whole epoch milliseconds`);
}
