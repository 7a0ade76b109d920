/** A value, or a promise of it: what a function returns that mostly knows its answer at once. */
export type MaybePromise<T> = T | Promise<T>;

/** Does something with each item and gives the answers in order. Where none has to be awaited there is no promise. */
export function mapAll<T, R>(items: readonly T[], one: (item: T) => MaybePromise<R>): MaybePromise<readonly R[]> {
  const answers: R[] = [];
  for (const item of items) {
    const answer = one(item);
    if (answer instanceof Promise) {
      // From here on all at once, and each in a promise of its own: none that fails may be left without somebody who hears of it.
      const others = items.slice(answers.length + 1).map(async (other) => await one(other));
      return Promise.all([...answers, answer, ...others]);
    }
    answers.push(answer);
  }
  return answers;
}

/**
 * Calls a function whose promise is passed on, and turns what it throws at once into a rejection. An async function would do the same with a
 * promise of its own, and three more turns until it is settled: too much where each of many calls goes this way.
 */
export function passOn<T>(call: () => Promise<T>): Promise<T> {
  try {
    return call();
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Tells whether a value must be awaited. */
export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
