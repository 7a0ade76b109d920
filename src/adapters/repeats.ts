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

/** What {@link withoutRepeats} takes for the same. */
export interface RepeatOptions<T, R> {
  /** What makes two items the same; asked only when two share an id. */
  readonly keyOf: (item: T) => string;
  /** The item's id: two that differ in it are not the same. */
  readonly idOf: (item: T) => string;
  /** The answer for an item that is the same as an earlier one. */
  readonly repeated: R;
}

/** Carries out items of which no two are the same; one answer each, in order. */
type Run<T, R> = (items: readonly T[]) => Promise<readonly R[]>;

/** Carries out each item once, however often it is given; what came before is answered as `repeated`. */
export function withoutRepeats<T, R>(items: readonly T[], options: RepeatOptions<T, R>, run: Run<T, R>): Promise<readonly R[]> {
  return hasRepeats(items, options.idOf) ? runFirsts(items, options, run) : run(items);
}

function hasRepeats<T>(items: readonly T[], idOf: (item: T) => string): boolean {
  if (items.length === 1) return false;
  const ids = new Set<string>();
  for (const item of items) ids.add(idOf(item));
  return ids.size < items.length;
}

async function runFirsts<T, R>(items: readonly T[], options: RepeatOptions<T, R>, run: Run<T, R>): Promise<readonly R[]> {
  const positions = new Map<string, number>();
  for (const [position, item] of items.entries()) {
    const key = options.keyOf(item);
    if (!positions.has(key)) positions.set(key, position);
  }
  if (positions.size === items.length) return await run(items);
  const firsts = [...positions.values()];
  const answers = await run(items.filter((item, position) => positions.get(options.keyOf(item)) === position));
  const all: R[] = items.map(() => options.repeated);
  for (const [index, answer] of answers.entries()) all[firsts[index] ?? index] = answer;
  return all;
}
