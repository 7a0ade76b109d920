/** What every store has in common. */
export interface Store {
  /**
   * Gives back what the store holds: connections, timers, subscriptions. Waiting calls end, later calls throw `ClosedError`.
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
