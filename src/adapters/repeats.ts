/**
 * Splits items into rounds in which no key comes twice: an item whose key came before waits for the next round. Within a key the order
 * stays.
 *
 * For stores whose statements can write each row once only: run the rounds one after the other, in one transaction.
 *
 * @returns the positions of the items of each round.
 */
export function rounds<T>(items: readonly T[], keyOf: (item: T) => string): readonly (readonly number[])[] {
  const found: number[][] = [];
  const seen = new Map<string, number>();
  for (const [position, item] of items.entries()) {
    const key = keyOf(item);
    const round = seen.get(key) ?? 0;
    seen.set(key, round + 1);
    const positions = found[round];
    if (positions === undefined) found.push([position]);
    else positions.push(position);
  }
  return found;
}

/** How {@link withoutRepeats} goes about it. */
export interface RepeatOptions<T, R> {
  /** What makes two items the same; asked only when two share an id. */
  readonly keyOf: (item: T) => string;
  /** The item's id: two that differ in it are not the same. */
  readonly idOf: (item: T) => string;
  /** Carries out items of which no two are the same; one answer each, in order. */
  readonly run: (items: readonly T[]) => Promise<readonly R[]>;
  /** The answer for an item that is the same as an earlier one. */
  readonly repeated: R;
}

/** Carries out each item once, however often it is given; what came before is answered as `repeated`. */
export async function withoutRepeats<T, R>(items: readonly T[], options: RepeatOptions<T, R>): Promise<readonly R[]> {
  if (new Set(items.map(options.idOf)).size === items.length) return options.run(items);
  const positions = new Map<string, number>();
  for (const [position, item] of items.entries()) {
    const key = options.keyOf(item);
    if (!positions.has(key)) positions.set(key, position);
  }
  if (positions.size === items.length) return options.run(items);
  const firsts = [...positions.values()];
  const answers = await options.run(items.filter((item, position) => positions.get(options.keyOf(item)) === position));
  const all: R[] = items.map(() => options.repeated);
  for (const [index, answer] of answers.entries()) all[firsts[index] ?? index] = answer;
  return all;
}
