import { ClosedError, ConfigError } from "../errors.ts";
import type { Clock } from "../time/clock.ts";
import { systemClock } from "../time/clock.ts";
import { nextTurn } from "../time/next-turn.ts";
import { reportError } from "./report-error.ts";

/** What a {@link Ticker} does, and when. */
export interface TickerOptions {
  /**
   * The work of one run. The signal is aborted by `stop`.
   *
   * May return how many milliseconds to wait, counted from its end, before the next run; `Infinity` waits for `wake`.
   */
  readonly run: (signal: AbortSignal) => Promise<number | void>;
  /** How long from the start of one run to the start of the next, in milliseconds, unless the run says otherwise. */
  readonly intervalMs: number;
  /** Gets what a run throws; the next run comes all the same. Must not throw itself: what it throws is uncaught. */
  readonly onError: (error: unknown) => void;
  /** How long from `start` to the first run, in milliseconds. @default 0, at once */
  readonly firstDelayMs?: number | undefined;
  /** Whose time counts. @default systemClock */
  readonly clock?: Clock | undefined;
  /** What the ticker is for; errors name it. @default "ticker" */
  readonly name?: string | undefined;
}

/**
 * Runs something again and again, never twice at once. A run that takes longer than the interval is followed by the next directly.
 *
 * @example
 * ```ts
 * import { Ticker } from "./ticker.ts";
 *
 * const ticker = new Ticker({ intervalMs: 1_000, run: async () => console.log("beat"), onError: console.error });
 * ticker.start();
 * await ticker.stop();
 * ```
 */
export class Ticker {
  readonly #run: (signal: AbortSignal) => Promise<number | void>;
  readonly #intervalMs: number;
  readonly #firstDelayMs: number;
  readonly #onError: (error: unknown) => void;
  readonly #clock: Clock;
  readonly #name: string;
  readonly #controller = new AbortController();
  #started = false;
  #woken = false;
  #cancelTimer: (() => void) | undefined;
  #underWay: Promise<void> | undefined;

  /**
   * Makes a ticker; nothing runs before `start`.
   *
   * @throws {ConfigError} When the interval is not above 0, or the first delay is negative.
   */
  constructor(options: TickerOptions) {
    this.#name = options.name ?? "ticker";
    this.#run = options.run;
    this.#intervalMs = options.intervalMs;
    this.#firstDelayMs = options.firstDelayMs ?? 0;
    this.#onError = options.onError;
    this.#clock = options.clock ?? systemClock;
    if (!(this.#intervalMs > 0)) throw this.#refusal("intervalMs", this.#intervalMs, "above 0");
    if (!(this.#firstDelayMs >= 0)) throw this.#refusal("firstDelayMs", this.#firstDelayMs, "of at least 0");
  }

  /** Whether it was started and not yet stopped. */
  get running(): boolean {
    return this.#started && !this.#stopped;
  }

  /**
   * Begins to run; without effect when it has begun already.
   *
   * @throws {ClosedError} After `stop`.
   */
  start(): void {
    if (this.#stopped) throw new ClosedError(`Cannot start ${this.#name}: it was stopped`);
    if (this.#started) return;
    this.#started = true;
    this.#scheduleAfter(this.#woken ? 0 : this.#firstDelayMs);
  }

  /**
   * Makes the next run come now, or directly after the one under way. Several calls before that run make one run.
   * Before `start` it is remembered, after `stop` it does nothing.
   */
  wake(): void {
    if (this.#woken) return;
    this.#woken = true;
    if (this.running && this.#underWay === undefined) this.#scheduleAfter(0);
  }

  /**
   * Aborts the run's signal and waits for the run under way; there is none after. Harmless when repeated.
   *
   * A run that waits for this waits for itself: from inside, call it without awaiting.
   */
  async stop(): Promise<void> {
    if (!this.#stopped) this.#controller.abort(new ClosedError(`Cannot go on with ${this.#name}: it was stopped`));
    this.#cancelTimer?.();
    await this.#underWay;
  }

  get #stopped(): boolean {
    return this.#controller.signal.aborted;
  }

  #scheduleAfter(delayMs: number, afterRun = false): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (this.#stopped) return;
    if (delayMs > 0) {
      this.#cancelTimer = this.#clock.timer(delayMs, () => this.#begin());
      return;
    }
    let cancelled = false;
    this.#cancelTimer = () => {
      cancelled = true;
    };
    // Due now needs no timer. Between two runs the rest of the process gets a turn: runs that only await promises would starve it.
    void (afterRun ? nextTurn() : Promise.resolve()).then(() => {
      if (!cancelled) this.#begin();
    });
  }

  #begin(): void {
    this.#cancelTimer = undefined;
    this.#woken = false;
    this.#underWay = this.#runOnce().then((delayMs) => {
      this.#underWay = undefined;
      this.#scheduleAfter(this.#woken ? 0 : delayMs, true);
    });
  }

  /** Runs once and says how long to wait for the next; never rejects. */
  async #runOnce(): Promise<number> {
    const { signal } = this.#controller;
    const startedAtMs = this.#clock.monotonic();
    try {
      const delayMs = await this.#run(signal);
      if (delayMs !== undefined && !Number.isNaN(delayMs)) return delayMs;
      if (delayMs !== undefined) throw this.#refusal("a next run in", delayMs, "of milliseconds");
    } catch (error) {
      // A run that stops because it was told to, or finds closed what it works on once it was, has not failed.
      if (!(signal.aborted && error instanceof ClosedError)) reportError(error, this.#onError);
    }
    return this.#intervalMs - (this.#clock.monotonic() - startedAtMs);
  }

  #refusal(what: string, value: number, expected: string): ConfigError {
    return new ConfigError(`Cannot run ${this.#name} with ${what} ${value}: expected a number ${expected}`);
  }
}
