/**
 * What every store has in common.
 *
 * A call with many items acts and answers as if they were carried out one after the other in the order given; of two settlements of one
 * delivery the first counts. A batch is refused as a whole only for bad arguments or a failing store, and then nothing is written.
 * Rows are taken in one fixed order, and a deadlock or serialization failure is repeated inside the store, unless the caller's `tx` is used.
 */
export interface Store {
  /**
   * Gives back what the store holds: connections, timers, subscriptions. A waiting claim answers with nothing, iterators end, other
   * waits reject with `ClosedError`, and so do later calls.
   * Calling it again does nothing. A store made from the caller's own database or client leaves that open.
   */
  close(): Promise<void>;
  /** The same as {@link Store.close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Options of every call that writes. */
export interface WriteOptions {
  /**
   * The caller's own Drizzle transaction on the store's database: the write becomes visible when it commits, and is undone when it
   * rolls back. Stores without transactions throw `UnsupportedError`. @default none: the write commits by itself
   */
  readonly tx?: object;
}
