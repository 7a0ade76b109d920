import { ConfigError } from "../errors.ts";
import type { Deferred } from "./deferred.ts";
import { deferred } from "./deferred.ts";
import { reportError } from "./report-error.ts";

/** How an {@link EventSource} treats its listeners. */
export interface EventSourceOptions {
  /** Gets what a listener throws; the other listeners are called all the same. @default uncaught */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** What an iterator of {@link EventSource.listen} keeps while its reader is busy. */
export interface ListenOptions<T> {
  /** Ends the iteration, normally and at once; what still waits is let go. @default none */
  readonly signal?: AbortSignal | undefined;
  /** How many events may wait; beyond that the oldest one is dropped. @default no limit */
  readonly maxBuffered?: number | undefined;
  /** Gives the key of an event: a newer one takes the place of a waiting one of equal key. @default none, all are kept */
  readonly coalesce?: ((event: T) => unknown) | undefined;
  /** Learns of an event that `maxBuffered` dropped. @default none */
  readonly onDrop?: ((event: T) => void) | undefined;
}

/**
 * Tells events to whoever listens now; nothing is kept for those who come later.
 *
 * @example
 * ```ts
 * import { EventSource } from "./event-source.ts";
 *
 * const numbers = new EventSource<number>();
 * const read = numbers.listen();
 * numbers.emit(1);
 * numbers.close();
 * for await (const number of read) console.log(number); // 1
 * ```
 */
export class EventSource<T> {
  // Replaced as a whole when somebody comes or goes, so that an event in the telling goes to those who were there.
  #listeners: readonly ((event: T) => void)[] = [];
  readonly #endings = new Set<() => void>();
  readonly #onError: ((error: unknown) => void) | undefined;
  #closed = false;

  /** Makes a source without listeners. */
  constructor(options: EventSourceOptions = {}) {
    this.#onError = options.onError;
  }

  /** How many listeners and iterators there are. */
  get listeners(): number {
    return this.#listeners.length;
  }

  /** Calls every listener that is there now, in the order of their coming; does nothing after `close`. */
  emit(event: T): void {
    // Listeners that come or go because of this event are for the next one.
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        reportError(error, this.#onError);
      }
    }
  }

  /** Calls the function on each event from now on, until the returned function is called. After `close` it is never called. */
  subscribe(listener: (event: T) => void): () => void {
    if (this.#closed) return () => undefined;
    // Wrapped, so that a function that was subscribed twice is called twice and leaves one at a time.
    const entry = (event: T): void => listener(event);
    this.#listeners = [...this.#listeners, entry];
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== entry);
    };
  }

  /**
   * Iterates over the events from this call on, not only from the first read. Ends on the signal, on `close` (after what still waits was
   * read), or when the reader leaves its loop; each way the listener goes.
   *
   * @throws {ConfigError} When `maxBuffered` is below 1.
   */
  listen(options: ListenOptions<T> = {}): AsyncIterableIterator<T> {
    return iterate(options, (push, end) => {
      if (this.#closed) {
        end();
        return () => undefined;
      }
      const unsubscribe = this.subscribe(push);
      this.#endings.add(end);
      return () => {
        unsubscribe();
        this.#endings.delete(end);
      };
    });
  }

  /** Lets all listeners go and ends all iterators, once they have given what they hold. Harmless when repeated. */
  close(): void {
    this.#closed = true;
    this.#listeners = [];
    for (const end of [...this.#endings]) end();
  }
}

/** Makes an iterator of what a source pushes; the connection gives back how to let the source go. */
function iterate<T>(
  options: ListenOptions<T>,
  connect: (push: (event: T) => void, end: () => void) => () => void,
): AsyncIterableIterator<T> {
  const { signal, maxBuffered = Infinity, coalesce, onDrop } = options;
  if (!(maxBuffered >= 1)) throw new ConfigError(`Cannot listen with maxBuffered ${maxBuffered}: expected a number of at least 1`);
  // Keyed by what coalesces, or by a number that never repeats; a map gives back its entries in the order of their coming.
  const waiting = new Map<unknown, T>();
  const readers: Deferred<IteratorResult<T, undefined>>[] = [];
  let count = 0;
  let ended = false;
  let disconnect = (): void => {};

  const end = (): void => {
    ended = true;
    signal?.removeEventListener("abort", endNow);
    disconnect();
    for (const reader of readers.splice(0)) reader.resolve({ done: true, value: undefined });
  };
  const endNow = (): void => {
    waiting.clear();
    end();
  };
  const push = (event: T): void => {
    const reader = readers.shift();
    if (reader !== undefined) return reader.resolve({ done: false, value: event });
    waiting.set(coalesce === undefined ? count++ : coalesce(event), event);
    if (waiting.size <= maxBuffered) return;
    const dropped = take();
    if (dropped !== undefined) onDrop?.(dropped.event);
  };
  const take = (): { readonly event: T } | undefined => {
    for (const [key, event] of waiting) {
      waiting.delete(key);
      return { event };
    }
    return undefined;
  };

  if (signal?.aborted) {
    ended = true;
  } else {
    signal?.addEventListener("abort", endNow, { once: true });
    disconnect = connect(push, end);
  }

  return {
    next: () => {
      const taken = take();
      if (taken !== undefined) return Promise.resolve({ done: false, value: taken.event });
      if (ended) return Promise.resolve({ done: true, value: undefined });
      const reader = deferred<IteratorResult<T, undefined>>();
      readers.push(reader);
      return reader.promise;
    },
    return: () => {
      endNow();
      return Promise.resolve({ done: true, value: undefined });
    },
    throw: (error) => {
      endNow();
      return Promise.reject(error);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
