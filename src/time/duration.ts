import { ConfigError } from "../errors.ts";

/**
 * A length of time: a number of milliseconds, or text such as `"250ms"`, `"10s"`, `"5m"`, `"1h30m"`, `"2d"`, `"1w"`.
 *
 * Text names its units from the largest to the smallest (`w d h m s ms`), each at most once; `"1.5h"` and `"1h 30m"` are fine.
 */
export type Duration = number | string;

/** The bounds of {@link durationMs}. */
export interface DurationOptions {
  /** The shortest accepted, in milliseconds. @default 0 */
  readonly min?: number;
  /** The longest accepted, in milliseconds. @default 315360000000, ten years of 365 days */
  readonly max?: number;
}

const secondMs = 1_000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const weekMs = 7 * dayMs;

// Ten years: a longer wait is a slip of units, such as microseconds given as milliseconds.
const longestMs = 3_650 * dayMs;

const unitsMs = [weekMs, dayMs, hourMs, minuteMs, secondMs, 1];
const pattern = new RegExp(`^${["w", "d", "h", "m", "s", "ms"].map((unit) => `(?:(\\d+(?:\\.\\d+)?)${unit}\\s*)?`).join("")}$`);

/**
 * Turns a {@link Duration} into whole milliseconds; a fraction of a millisecond is rounded up, so that no wait gets shorter.
 *
 * @param name What the value is for, as the caller wrote it: `"delay"`, `"worker.leaseMs"`. The error names it.
 * @throws {ConfigError} When the value is no duration, or lies outside the bounds.
 */
export function durationMs(value: Duration, name: string, options: DurationOptions = {}): number {
  const { min = 0, max = longestMs } = options;
  const exact = typeof value === "number" ? value : typeof value === "string" ? parse(value) : undefined;
  if (exact === undefined || Number.isNaN(exact)) {
    throw new ConfigError(`Cannot use ${show(value)} as ${name}: expected milliseconds, or text such as "250ms", "10s" or "1h30m"`);
  }
  if (exact < min) throw new ConfigError(`Cannot use ${show(value)} as ${name}: expected at least ${formatMs(min)}`);
  if (exact > max) throw new ConfigError(`Cannot use ${show(value)} as ${name}: expected at most ${formatMs(max)}`);
  const ms = Math.ceil(exact);
  // Rounding up a number above -1 gives the negative zero, which assertions and JSON tell apart from zero.
  return ms === 0 ? 0 : ms;
}

/** Writes milliseconds the way {@link Duration} reads them: `5400000` becomes `"1h30m"`. Negative ones keep their sign. */
export function formatMs(ms: number): string {
  if (!Number.isFinite(ms)) return `${ms} ms`;
  const parts = [];
  let rest = Math.abs(Math.round(ms));
  for (const [unit, unitMs] of [["d", dayMs], ["h", hourMs], ["m", minuteMs], ["s", secondMs], ["ms", 1]] as const) {
    const count = Math.floor(rest / unitMs);
    rest -= count * unitMs;
    if (count > 0) parts.push(`${count}${unit}`);
  }
  return (ms < 0 ? "-" : "") + (parts.length === 0 ? "0ms" : parts.join(""));
}

function parse(text: string): number | undefined {
  const match = pattern.exec(text.trim());
  if (match === null || text.trim() === "") return undefined;
  let ms = 0;
  for (const [index, unitMs] of unitsMs.entries()) {
    const amount = match[index + 1];
    if (amount === undefined) continue;
    const [whole = "", fraction = ""] = amount.split(".");
    // The fraction apart, less a hair: 1.1 s is 1,100 ms, although 1.1 * 1000 is a little more in floating point.
    ms += Number(whole) * unitMs + Math.max(0, Math.ceil(Number(`0.${fraction}`) * unitMs - 1e-6));
  }
  return ms;
}

function show(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
