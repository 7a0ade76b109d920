/** A promise together with the functions that settle it. */
export interface Deferred<T> {
  /** The promise to hand out. */
  readonly promise: Promise<T>;
  /** Fulfils the promise; without effect when it is settled already. */
  readonly resolve: (value: T | PromiseLike<T>) => void;
  /** Rejects the promise; without effect when it is settled already. */
  readonly reject: (reason: unknown) => void;
}

/** Makes a promise that its maker settles later. */
export function deferred<T>(): Deferred<T> {
  let resolve: Deferred<T>["resolve"] = unset;
  let reject: Deferred<T>["reject"] = unset;
  // Promise.withResolvers does just this, but Node 20 lacks it.
  const promise = new Promise<T>((resolvePromise, rejectPromise) => {
    resolve = resolvePromise;
    reject = rejectPromise;
  });
  return { promise, resolve, reject };
}

function unset(): void {}
