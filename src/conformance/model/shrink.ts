/** How {@link shrink} goes about it. */
export interface ShrinkOptions {
  /** How many shorter lists are tried at most. @default 80 */
  readonly maxTries?: number;
}

/** Finds a shorter list that still fails, by leaving out ever smaller parts. */
export async function shrink<T>(
  items: readonly T[],
  fails: (items: readonly T[]) => Promise<boolean>,
  options: ShrinkOptions = {},
): Promise<readonly T[]> {
  let triesLeft = options.maxTries ?? 80;
  let current = items;
  for (let size = Math.ceil(current.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let start = 0; start < current.length;) {
      const shorter = [...current.slice(0, start), ...current.slice(start + size)];
      if (triesLeft-- <= 0) return current;
      if (shorter.length > 0 && await fails(shorter)) current = shorter;
      else start += size;
    }
  }
  return current;
}
