/** Timing, and what is made of times. */

/** What a figure counts: operations a second, milliseconds, or mebibytes. */
export type Unit = "per second" | "ms" | "MiB";

/** What a task carries. */
export interface Payload {
  /** Its number. */
  readonly index: number;
  /** Text that differs with it. */
  readonly text: string;
}

/** What stands round the part of a run that is timed: `bench/profile.ts` puts a profiler there. */
export interface Watch {
  /** Called before. */
  start(): Promise<void>;
  /** Called behind it, with how many operations there were. */
  stop(count: number): Promise<void>;
}

let watch: Watch | undefined;

/** Watches the timed part of every run from now on. */
export function watchTimed(by: Watch): void {
  watch = by;
}

/** Gives how many operations per second a piece of work made: `count`, unless it answers with another number. */
export async function perSecond(count: number, work: () => Promise<number | void>): Promise<number> {
  await watch?.start();
  const startedAt = performance.now();
  const done = await work() ?? count;
  const rate = done / ((performance.now() - startedAt) / 1_000);
  await watch?.stop(done);
  return rate;
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

/** The value below which that share of all lies: `0.99` for the 99th percentile. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** A payload of about 500 bytes of JSON that differs with each call, so that nothing can be skipped as unchanged. */
export function payload(index: number): Payload {
  return { index, text: `${index}-${"x".repeat(460)}` };
}

/** Whether a value is a payload. */
export function isPayload(value: unknown): value is Payload {
  return typeof value === "object" && value !== null && "index" in value && "text" in value;
}
