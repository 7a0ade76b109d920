import type { Clock } from "../time/clock.ts";
import { systemClock } from "../time/clock.ts";

/** A point in the life of a {@link Wake}; only good for {@link Wake.after} of the same one. */
export type WakeTicket = number;

/** How {@link Wake.after} waits. */
export interface WakeOptions {
  /** Ends the wait: the promise then rejects with the signal's reason. @default none */
  readonly signal?: AbortSignal | undefined;
  /** Ends the wait with `false`, in milliseconds. @default no limit */
  readonly timeoutMs?: number | undefined;
  /** Whose time counts for `timeoutMs`. @default systemClock */
  readonly clock?: Clock | undefined;
}

/**
 * Lets code wait until something may have changed, without ever missing a change: take a ticket, look, then wait from the ticket on.
 * What was notified between taking the ticket and waiting ends the wait at once.
 *
 * @example
 * ```ts
 * import { Wake } from "./wake.ts";
 *
 * const queue: string[] = [];
 * const wake = new Wake();
 * setTimeout(() => (queue.push("work"), wake.notify()), 10);
 *
 * for (;;) {
 *   const ticket = wake.ticket();
 *   if (queue.length > 0) break;
 *   await wake.after(ticket, { timeoutMs: 1_000 });
 * }
 * ```
 */
export class Wake {
  #notified = 0;
  readonly #waiters = new Set<() => void>();

  /** How many callers wait. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /** Wakes everybody who waits, and everybody who holds a ticket taken before now. */
  notify(): void {
    this.#notified += 1;
    if (this.#waiters.size === 0) return;
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const wakeUp of waiters) wakeUp();
  }

  /** Marks the present moment; take it before looking at what may change. */
  ticket(): WakeTicket {
    return this.#notified;
  }

  /**
   * Waits until a `notify` after the ticket was taken: at once when there was one. Gives `false` when the timeout came first.
   *
   * @throws The signal's reason, once it is aborted; an aborted signal goes before a notification.
   */
  after(ticket: WakeTicket, options: WakeOptions = {}): Promise<boolean> {
    const { signal, timeoutMs, clock = systemClock } = options;
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#notified > ticket) return Promise.resolve(true);
    return new Promise((resolve, reject) => {
      const cancelTimer = timeoutMs === undefined ? undefined : clock.timer(timeoutMs, () => finish(false));
      const wakeUp = (): void => finish(true);
      this.#waiters.add(wakeUp);
      const finish = (notified: boolean): void => {
        cleanUp();
        resolve(notified);
      };
      const onAbort = (): void => {
        cleanUp();
        reject(signal?.reason);
      };
      const cleanUp = (): void => {
        cancelTimer?.();
        this.#waiters.delete(wakeUp);
        signal?.removeEventListener("abort", onAbort);
      };
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }
}
