import type { WakeOptions } from "./wake.ts";
import { Wake } from "./wake.ts";

/** One party's interest in some keys of a {@link KeyedWake}. Close it, or it stays. */
export interface KeyedWatch {
  /**
   * Waits until one of the keys is notified: at once when one was since the watch was opened, or since this last gave `true`.
   * Gives `false` when the timeout came first.
   *
   * @throws The signal's reason, once it is aborted.
   */
  next(options?: WakeOptions): Promise<boolean>;
  /** Ends the interest; harmless when repeated. A wait under way is not ended by it. */
  close(): void;
}

/**
 * A {@link Wake} per key, for many who each wait for a few of many things: a notification costs what its own key's watchers cost.
 * Open the watch first, then look at what may change, then wait.
 */
export class KeyedWake<K> {
  readonly #wakes = new Map<K, Set<Wake>>();

  /** How many keys somebody watches. */
  get size(): number {
    return this.#wakes.size;
  }

  /** Tells whether anybody watches the key. */
  has(key: K): boolean {
    return this.#wakes.has(key);
  }

  /** Wakes everybody who watches the key. */
  notify(key: K): void {
    const wakes = this.#wakes.get(key);
    if (wakes === undefined) return;
    for (const wake of wakes) wake.notify();
  }

  /** Wakes everybody, for when it is not known what changed. */
  notifyAll(): void {
    for (const key of this.#wakes.keys()) this.notify(key);
  }

  /** Opens a watch on the keys; notifications count from now on. */
  watch(keys: Iterable<K>): KeyedWatch {
    const wake = new Wake();
    const watched = new Set(keys);
    for (const key of watched) {
      const wakes = this.#wakes.get(key);
      if (wakes === undefined) this.#wakes.set(key, new Set([wake]));
      else wakes.add(wake);
    }
    let ticket = wake.ticket();
    return {
      next: async (options) => {
        const notified = await wake.after(ticket, options);
        if (notified) ticket = wake.ticket();
        return notified;
      },
      close: () => {
        for (const key of watched) {
          const wakes = this.#wakes.get(key);
          wakes?.delete(wake);
          if (wakes?.size === 0) this.#wakes.delete(key);
        }
      },
    };
  }
}
