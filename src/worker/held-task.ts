import { TimeoutError } from "../errors.ts";
import type { Delivery } from "../model/delivery.ts";
import type { Clock } from "../time/clock.ts";

/** A delivery in a worker's hands: its abort signals, its time limits, and how long a handler that ignores them is waited for. */
export class HeldTask {
  /** What is held. */
  readonly delivery: Delivery;
  readonly #clock: Clock;
  readonly #graceMs: number;
  readonly #abort = new AbortController();
  readonly #lost = new AbortController();
  #soft: AbortController | undefined;
  #softPassed = false;
  #timers: (() => void)[] = [];
  #onAbandoned: (() => void) | undefined;
  #abandoned = false;

  /** Takes hold of a delivery; `graceMs` is how long an aborted handler may take to end. */
  constructor(delivery: Delivery, clock: Clock, graceMs: number) {
    this.delivery = delivery;
    this.#clock = clock;
    this.#graceMs = graceMs;
  }

  /** Aborts when the work shall stop. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Aborts when the lease is lost: another worker may hold the task now. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Aborts at the soft time limit. */
  get softLimit(): AbortSignal {
    // Made on first use: most handlers never look at it.
    this.#soft ??= new AbortController();
    if (this.#softPassed && !this.#soft.signal.aborted) this.#soft.abort(this.#limitError("soft time limit", "softTimeLimitMs"));
    return this.#soft.signal;
  }

  /** Starts the envelope's time limits. */
  startLimits(): void {
    const { softTimeLimitMs, timeLimitMs } = this.delivery.envelope;
    if (softTimeLimitMs !== undefined) this.#timers.push(this.#clock.timer(softTimeLimitMs, () => this.#passSoftLimit()));
    if (timeLimitMs !== undefined) {
      this.#timers.push(this.#clock.timer(timeLimitMs, () => this.abort(this.#limitError("time limit", "timeLimitMs"))));
    }
  }

  /** Tells the handler to stop, once, for the first reason that comes; after the grace time nobody waits for it any longer. */
  abort(reason: Error, graceMs: number = this.#graceMs): void {
    if (this.signal.aborted) return;
    this.#abort.abort(reason);
    this.#timers.push(this.#clock.timer(graceMs, () => this.abandon()));
  }

  /** Records that the lease is lost, and tells the handler to stop. */
  lose(reason: Error): void {
    this.#lost.abort(reason);
    this.abort(reason);
  }

  /** Stops waiting for the handler at once. */
  abandon(): void {
    this.#abandoned = true;
    this.#onAbandoned?.();
  }

  /** Calls back when nobody waits for the handler any longer. */
  onAbandoned(callback: () => void): void {
    this.#onAbandoned = callback;
    if (this.#abandoned) callback();
  }

  /** Stops the timers. */
  finish(): void {
    for (const cancel of this.#timers) cancel();
    this.#timers = [];
    this.#onAbandoned = undefined;
  }

  #passSoftLimit(): void {
    this.#softPassed = true;
    this.#soft?.abort(this.#limitError("soft time limit", "softTimeLimitMs"));
  }

  #limitError(what: string, field: "softTimeLimitMs" | "timeLimitMs"): TimeoutError {
    const { name, id, [field]: limitMs = 0 } = this.delivery.envelope;
    return new TimeoutError(`Task "${name}" (${id}) ran longer than its ${what} of ${limitMs} ms`, limitMs);
  }
}
