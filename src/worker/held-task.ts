import { ConflictError, TimeoutError } from "../errors.ts";
import type { Delivery } from "../model/delivery.ts";
import type { Clock } from "../time/clock.ts";

/**
 * A delivery in a worker's hands: why its work shall stop, its time limits, and how long a handler that ignores them is waited for.
 *
 * Signals are made when somebody asks for them: most handlers never do, and an abort controller costs more than all the rest.
 */
export class HeldTask {
  /** What is held. */
  readonly delivery: Delivery;
  readonly #clock: Clock;
  readonly #graceMs: number;
  #abortReason: Error | undefined;
  #lostReason: Error | undefined;
  #softReason: Error | undefined;
  #abort: AbortController | undefined;
  #lost: AbortController | undefined;
  #soft: AbortController | undefined;
  #timers: (() => void)[] | undefined;
  #running = false;
  #ended = false;
  #begunMs = 0;
  #durationMs: number | undefined;
  #abandoned = false;
  #onAbandoned: (() => void) | undefined;

  /** Takes hold of a delivery; `graceMs` is how long an aborted handler may take to end. */
  constructor(delivery: Delivery, clock: Clock, graceMs: number) {
    this.delivery = delivery;
    this.#clock = clock;
    this.#graceMs = graceMs;
  }

  /** Why the work shall stop; absent while it may go on. */
  get abortReason(): Error | undefined {
    return this.#abortReason;
  }

  /** Whether the handler has begun, and not ended. */
  get isRunning(): boolean {
    return this.#running && !this.#ended;
  }

  /** From the handler's begin to its end, in milliseconds; absent until then, or when it never began. */
  get durationMs(): number | undefined {
    return this.#durationMs;
  }

  /** Aborts when the work shall stop. */
  get signal(): AbortSignal {
    this.#abort ??= controllerFor(this.#abortReason);
    return this.#abort.signal;
  }

  /** Aborts when the lease is lost: another worker may hold the task now. */
  get lost(): AbortSignal {
    this.#lost ??= controllerFor(this.#lostReason);
    return this.#lost.signal;
  }

  /** Aborts at the soft time limit. */
  get softLimit(): AbortSignal {
    this.#soft ??= controllerFor(this.#softReason);
    return this.#soft.signal;
  }

  /**
   * Makes sure that the task is still in this worker's hands, for what a handler does on its behalf.
   *
   * @throws {ConflictError} when the lease was lost, or the attempt has ended.
   */
  requireHeld(action: string): void {
    if (this.#lostReason !== undefined) throw this.#lostReason;
    if (!this.#ended) return;
    const { name, id } = this.delivery.envelope;
    throw new ConflictError(`Cannot ${action} for task "${name}" (${id}): its attempt has ended`);
  }

  /** Records that the handler begins, and starts the envelope's time limits. */
  begin(): void {
    const { softTimeLimitMs, timeLimitMs } = this.delivery.envelope;
    this.#running = true;
    this.#begunMs = this.#clock.monotonic();
    if (softTimeLimitMs !== undefined) this.#after(softTimeLimitMs, () => this.#passSoftLimit(softTimeLimitMs));
    if (timeLimitMs !== undefined) this.#after(timeLimitMs, () => this.abort(this.#limitError("time limit", timeLimitMs)));
  }

  /** Tells the handler to stop, once, for the first reason that comes; after the grace time nobody waits for it any longer. */
  abort(reason: Error): void {
    if (this.#abortReason !== undefined || this.#ended) return;
    this.#abortReason = reason;
    // Before the signal: a handler that ends at once then finds the timer to stop.
    if (this.#running) this.#after(this.#graceMs, () => this.abandon());
    this.#abort?.abort(reason);
  }

  /** Records that the lease is lost, and tells the handler to stop. */
  lose(reason: Error): void {
    if (this.#lostReason !== undefined) return;
    this.#lostReason = reason;
    this.#lost?.abort(reason);
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

  /** Records that the attempt has ended, and stops the timers. */
  finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#running) this.#durationMs = this.#clock.monotonic() - this.#begunMs;
    for (const cancel of this.#timers ?? []) cancel();
    this.#timers = undefined;
    this.#onAbandoned = undefined;
  }

  #after(ms: number, callback: () => void): void {
    this.#timers ??= [];
    this.#timers.push(this.#clock.timer(ms, callback));
  }

  #passSoftLimit(limitMs: number): void {
    this.#softReason = this.#limitError("soft time limit", limitMs);
    this.#soft?.abort(this.#softReason);
  }

  #limitError(what: string, limitMs: number): TimeoutError {
    const { name, id } = this.delivery.envelope;
    return new TimeoutError(`Task "${name}" (${id}) ran longer than its ${what} of ${limitMs} ms`, limitMs);
  }
}

function controllerFor(reason: Error | undefined): AbortController {
  const controller = new AbortController();
  if (reason !== undefined) controller.abort(reason);
  return controller;
}
