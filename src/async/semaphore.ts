import { ConfigError } from "../errors.ts";
import type { Deferred } from "./deferred.ts";
import { deferred } from "./deferred.ts";

/** Gives a permit back; calling it again does nothing. */
export type Release = () => void;

/** How {@link Semaphore.acquire} waits. */
export interface AcquireOptions {
  /** Ends the wait: the promise then rejects with the signal's reason. @default none */
  readonly signal?: AbortSignal | undefined;
}

interface Waiter {
  readonly grant: (release: Release) => void;
}

/**
 * A real cap on how much runs at once. Permits go to those who wait in the order in which they asked.
 *
 * @example
 * ```ts
 * import { Semaphore } from "./semaphore.ts";
 *
 * const downloads = new Semaphore(4);
 * const release = await downloads.acquire();
 * try {
 *   // at most four at a time come here
 * } finally {
 *   release();
 * }
 * ```
 */
export class Semaphore {
  #limit: number;
  #held = 0;
  readonly #waiters = new Set<Waiter>();
  #whenIdle: Deferred<void> | undefined;

  /**
   * Makes a semaphore with that many permits.
   *
   * @throws {ConfigError} When the limit is not a whole number of at least 0.
   */
  constructor(limit: number) {
    this.#limit = requireLimit(limit);
  }

  /** How many permits there are in all. */
  get limit(): number {
    return this.#limit;
  }

  /** How many permits are given out. */
  get held(): number {
    return this.#held;
  }

  /** How many permits are free; 0 also while more are held than the present limit allows. */
  get available(): number {
    return Math.max(0, this.#limit - this.#held);
  }

  /** How many callers wait for a permit. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /**
   * Waits for a permit.
   *
   * @throws The signal's reason, once it is aborted before the permit came.
   */
  acquire(options: AcquireOptions = {}): Promise<Release> {
    const { signal } = options;
    if (signal?.aborted) return Promise.reject(signal.reason);
    const release = this.tryAcquire();
    if (release !== undefined) return Promise.resolve(release);
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        grant: (granted) => {
          signal?.removeEventListener("abort", onAbort);
          resolve(granted);
        },
      };
      const onAbort = (): void => {
        this.#waiters.delete(waiter);
        reject(signal?.reason);
      };
      this.#waiters.add(waiter);
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** Takes a permit if one is free; `undefined` when none is. Never overtakes those who wait. */
  tryAcquire(): Release | undefined {
    // Whoever waits does so because nothing is free: a permit given back goes to the first of them in the same call.
    return this.#held < this.#limit ? this.#take() : undefined;
  }

  /** Runs a function while holding a permit, and gives the permit back whatever happens. */
  async run<T>(work: () => T | PromiseLike<T>, options: AcquireOptions = {}): Promise<T> {
    const release = await this.acquire(options);
    try {
      return await work();
    } finally {
      release();
    }
  }

  /**
   * Changes the number of permits. More wake those who wait; fewer take effect as permits come back, none is withdrawn.
   *
   * @throws {ConfigError} When the limit is not a whole number of at least 0.
   */
  resize(limit: number): void {
    this.#limit = requireLimit(limit);
    this.#grantWaiting();
  }

  /** Resolves once no permit is held; at once when none is. */
  idle(): Promise<void> {
    if (this.#held === 0) return Promise.resolve();
    this.#whenIdle ??= deferred();
    return this.#whenIdle.promise;
  }

  #take(): Release {
    this.#held += 1;
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#held -= 1;
      this.#grantWaiting();
      if (this.#held > 0) return;
      this.#whenIdle?.resolve();
      this.#whenIdle = undefined;
    };
  }

  #grantWaiting(): void {
    for (const waiter of this.#waiters) {
      if (this.#held >= this.#limit) return;
      this.#waiters.delete(waiter);
      waiter.grant(this.#take());
    }
  }
}

function requireLimit(limit: number): number {
  if (Number.isSafeInteger(limit) && limit >= 0) return limit;
  throw new ConfigError(`Cannot limit a semaphore to ${limit}: expected a whole number of at least 0`);
}
