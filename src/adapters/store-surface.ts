import { ClosedError, UnsupportedError } from "../errors.ts";
import type { Logger } from "../contracts/logger.ts";
import { consoleLogger } from "../contracts/logger.ts";
import type { Store, WriteOptions } from "../contracts/store.ts";
import type { Clock } from "../time/clock.ts";
import { systemClock } from "../time/clock.ts";

/** The most characters of JSON text that one envelope, payload or meta may have, unless an option says otherwise: 4 MiB. */
export const DEFAULT_MAX_TEXT_LENGTH = 4 * 1024 * 1024;

/** How often a wait looks again although nothing woke it, in case a wake-up was lost on its way. */
export const DEFAULT_POLL_MS = 1_000;

/** What every store class tells its surface. */
export interface StoreSurfaceOptions {
  /** How error messages call the store: `"the memory broker"`. */
  readonly what: string;
  /** Whether writes may carry the caller's transaction. */
  readonly transactions: boolean;
  /** Measures waits, and sets their timers. @default systemClock */
  readonly clock?: Clock | undefined;
  /** Where is told what nobody awaits. @default consoleLogger */
  readonly logger?: Logger | undefined;
  /** How often a wait looks again although nothing woke it. @default 1,000 */
  readonly pollMs?: number | undefined;
}

/** What all stores do alike: being closed once, refusing calls afterwards, and refusing transactions they cannot join. */
export abstract class StoreSurface implements Store {
  /** Measures waits, and sets their timers. */
  protected readonly clock: Clock;
  /** Where is told what nobody awaits. */
  protected readonly logger: Logger;
  /** How often a wait looks again although nothing woke it. */
  protected readonly pollMs: number;
  readonly #what: string;
  readonly #transactions: boolean;
  #closing: Promise<void> | undefined;

  /** Keeps the options. */
  constructor(options: StoreSurfaceOptions) {
    this.#what = options.what;
    this.#transactions = options.transactions;
    this.clock = options.clock ?? systemClock;
    this.logger = options.logger ?? consoleLogger;
    this.pollMs = options.pollMs ?? DEFAULT_POLL_MS;
  }

  /** Ends waiting calls with `ClosedError`, lets calls under way finish, and gives back what the store holds. Later calls do nothing. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** The same as {@link StoreSurface.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Gives back connections and the like. Runs once, after every grouped call has been answered. */
  protected abstract disconnect(): Promise<void>;

  /** Wakes those who wait, so that they find the store closed, and lets the calls under way finish. */
  protected abstract endCalls(): Promise<void>;

  /** Whether `close` was called. */
  protected get closed(): boolean {
    return this.#closing !== undefined;
  }

  /** Refuses a call on a closed store. */
  protected requireOpen(): void {
    if (this.closed) throw this.closedError();
  }

  /** What a call on a closed store is refused with. */
  protected closedError(): ClosedError {
    return new ClosedError(`Cannot use ${this.#what}: it was closed`);
  }

  /** Gives the caller's transaction; refuses one that the store cannot join, and every call on a closed store. */
  protected transactionOf(options: WriteOptions | undefined): object | undefined {
    this.requireOpen();
    if (options?.tx === undefined || this.#transactions) return options?.tx;
    throw new UnsupportedError(`Cannot write within a transaction: ${this.#what} has none`);
  }

  async #close(): Promise<void> {
    // The first step runs after `close` has taken note of the promise: only then do those who are woken find the store closed.
    await Promise.resolve();
    await this.endCalls();
    await this.disconnect();
  }
}
