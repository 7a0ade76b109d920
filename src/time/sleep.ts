import { TimeoutError } from "../errors.ts";
import type { Clock } from "./clock.ts";
import { systemClock } from "./clock.ts";
import { formatMs } from "./duration.ts";

/** How {@link sleep} waits. */
export interface SleepOptions {
  /** Whose time counts. @default systemClock */
  readonly clock?: Clock | undefined;
  /** Ends the sleep early: the promise then rejects with the signal's reason. @default none */
  readonly signal?: AbortSignal | undefined;
}

/** How {@link withDeadline} waits. */
export interface DeadlineOptions extends SleepOptions {
  /** The message of the error at the deadline. @default names the deadline */
  readonly message?: string | undefined;
}

/**
 * Resolves after a number of milliseconds.
 *
 * @throws The signal's reason, once it is aborted; at once when it is already.
 */
export function sleep(ms: number, options: SleepOptions = {}): Promise<void> {
  const { clock = systemClock, signal } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const cancel = clock.timer(ms, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });

    function onAbort(): void {
      cancel();
      reject(signal?.reason);
    }
  });
}

/**
 * Gives what the promise gives, unless the deadline or the signal comes first. Whichever it is, no timer or listener stays behind.
 *
 * The work behind the promise is not stopped by this; its outcome after the deadline is ignored.
 *
 * @throws {TimeoutError} When the promise is still open after `ms` milliseconds.
 * @throws The signal's reason, once it is aborted, or what the promise rejects with.
 */
export function withDeadline<T>(promise: PromiseLike<T>, ms: number, options: DeadlineOptions = {}): Promise<T> {
  const { clock = systemClock, signal } = options;
  return new Promise((resolve, reject) => {
    let cancel = (): void => {};
    promise.then((value) => {
      cleanUp();
      resolve(value);
    }, (error: unknown) => {
      cleanUp();
      reject(error);
    });
    if (signal?.aborted) return reject(signal.reason);
    cancel = clock.timer(ms, () => {
      cleanUp();
      reject(new TimeoutError(options.message ?? `Cannot wait any longer: nothing came within ${formatMs(ms)}`, ms));
    });
    signal?.addEventListener("abort", onAbort, { once: true });

    function onAbort(): void {
      cleanUp();
      reject(signal?.reason);
    }

    function cleanUp(): void {
      cancel();
      signal?.removeEventListener("abort", onAbort);
    }
  });
}

/**
 * Gives what the promise gives, unless the signal is aborted first. The work behind the promise is not stopped by this.
 *
 * @throws The signal's reason, once it is aborted, or what the promise rejects with.
 */
export function abortable<T>(promise: PromiseLike<T>, signal?: AbortSignal | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    promise.then((value) => {
      cleanUp();
      resolve(value);
    }, (error: unknown) => {
      cleanUp();
      reject(error);
    });
    if (signal?.aborted) return reject(signal.reason);
    signal?.addEventListener("abort", onAbort, { once: true });

    function onAbort(): void {
      reject(signal?.reason);
    }

    function cleanUp(): void {
      signal?.removeEventListener("abort", onAbort);
    }
  });
}
