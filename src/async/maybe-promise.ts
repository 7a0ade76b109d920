/** A value, or a promise of it: what a function returns that mostly knows its answer at once. */
export type MaybePromise<T> = T | Promise<T>;

/** Tells whether a value must be awaited. */
export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
