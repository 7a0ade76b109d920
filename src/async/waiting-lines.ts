import type { Clock } from "../time/clock.ts";
import type { Release } from "./semaphore.ts";
import { Semaphore } from "./semaphore.ts";
import { anySignal } from "./signal.ts";

/** How {@link WaitingLines.enter} waits. */
export interface LineOptions {
  /** Ends the wait: the promise then rejects with the signal's reason. */
  readonly signal: AbortSignal;
  /** Ends the wait with `undefined`, in milliseconds. */
  readonly timeoutMs: number;
  /** Whose time counts. */
  readonly clock: Clock;
}

/** Lets those who want the same thing come to its door one at a time, in the order in which they came: one line per key. */
export class WaitingLines {
  readonly #lines = new Map<string, Semaphore>();

  /** Whether somebody stands at the door of the key. */
  has(key: string): boolean {
    return this.#lines.has(key);
  }

  /**
   * Waits for the turn; gives what ends it, or `undefined` when it did not come in time.
   *
   * @throws The signal's reason, once it is aborted before the turn came.
   */
  async enter(key: string, { signal, timeoutMs, clock }: LineOptions): Promise<Release | undefined> {
    const line = this.#lines.get(key) ?? new Semaphore(1);
    this.#lines.set(key, line);
    const leave = (turn: Release): Release => () => {
      turn();
      if (line.held === 0 && this.#lines.get(key) === line) this.#lines.delete(key);
    };
    signal.throwIfAborted();
    const first = line.tryAcquire();
    if (first !== undefined) return leave(first);
    const late = new AbortController();
    const cancelTimer = clock.timer(timeoutMs, () => late.abort());
    const either = anySignal(signal, late.signal);
    try {
      return leave(await line.acquire({ signal: either.signal }));
    } catch (error) {
      if (error === late.signal.reason) return undefined;
      throw error;
    } finally {
      cancelTimer();
      either.dispose();
    }
  }
}
