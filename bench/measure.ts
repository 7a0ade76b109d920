/** Measuring: each figure is a median of several runs, and each run proves that its work was done. */

/** One measured figure. */
export interface Figure {
  /** What was measured: `"enqueue, 100 in flight"`. */
  readonly name: string;
  /** Operations per second, or milliseconds. */
  readonly unit: "per second" | "ms";
  /** The median of the runs. */
  readonly median: number;
  /** The runs themselves, in their order. */
  readonly runs: readonly number[];
}

/** Runs `work` `runs` times, after one that does not count, and gives the median of what it answers. */
export async function measure(name: string, unit: Figure["unit"], runs: number, work: () => Promise<number>): Promise<Figure> {
  await work();
  const values: number[] = [];
  for (let run = 0; run < runs; run++) values.push(await work());
  return { name, unit, median: median(values), runs: values };
}

/** Gives how many operations per second a piece of work made. */
export async function perSecond(count: number, work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return count / ((performance.now() - startedAt) / 1_000);
}

/** Calls `operation` `count` times, never more than `width` at once. */
export async function inFlight(count: number, width: number, operation: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  await Promise.all(Array.from({ length: Math.min(width, count) }, async () => {
    while (next < count) await operation(next++);
  }));
}

/** The middle value. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] ?? Number.NaN : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}

/** A payload of about 500 bytes of JSON that differs with each call, so that nothing can be skipped as unchanged. */
export function payload(index: number): { readonly index: number; readonly text: string } {
  return { index, text: `${index}-${"x".repeat(460)}` };
}
