/**
 * In the same order everywhere: two that write the same rows lock them in the order of their batches, and would otherwise wait for each other in a circle,
 * which Postgres ends after a second by undoing one of them.
 */
export function inLockOrder<T>(items: readonly T[], idOf: (item: T) => string): readonly T[] {
  return items.toSorted((a, b) => idOf(a) < idOf(b) ? -1 : 1);
}
