import { ConfigError } from "../errors.ts";
import { show } from "../model/id.ts";
import type { Duration } from "../time/duration.ts";
import { durationMs } from "../time/duration.ts";

/** An object whose members nobody has looked at yet. */
export type Fields = Readonly<Record<string, unknown>>;

/**
 * Returns the value when it is an object with no other members than these.
 *
 * @param ignored Members that may be there and say nothing.
 * @throws {ConfigError} that names the value, or the member that nobody knows.
 */
export function fieldsOf(value: unknown, what: string, known: readonly string[], ignored: readonly string[] = []): Fields {
  if (!isFields(value)) throw new ConfigError(`Cannot use ${show(value)} as ${what}: expected an object`);
  for (const name of Object.keys(value)) {
    if (known.includes(name) || ignored.includes(name)) continue;
    throw new ConfigError(`Cannot use ${show(name)} in ${what}: expected one of ${known.join(", ")}`);
  }
  return value;
}

/** Whether a value is an object with members. */
export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Reads text.
 *
 * @throws {ConfigError} when it is something else.
 */
export function textOf(value: unknown, what: string): string {
  if (typeof value === "string") return value;
  throw new ConfigError(`Cannot use ${show(value)} as ${what}: expected text`);
}

/**
 * Reads an instant: a date and time with a zone, such as `2026-03-01T09:00:00+01:00`, or epoch milliseconds.
 *
 * @throws {ConfigError} when it is something else; a time without a zone would mean another instant on each machine.
 */
export function instantOf(value: unknown, what: string): number {
  if (typeof value === "number") return value;
  const ms = typeof value === "string" && INSTANT.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(ms)) {
    throw new ConfigError(`Cannot use ${show(value)} as ${what}: expected a time with its zone, such as 2026-03-01T09:00:00Z`);
  }
  return ms;
}

/**
 * Reads a duration, which may be negative where `signed` says so: `-30m`.
 *
 * @throws {ConfigError} when it is something else.
 */
export function msOf(value: unknown, what: string, { signed = false }: { readonly signed?: boolean } = {}): number {
  if (signed && typeof value === "number" && value < 0) return -durationMs(-value, what);
  if (signed && typeof value === "string" && value.startsWith("-")) return -durationMs(value.slice(1), what);
  if (!isDuration(value)) throw new ConfigError(`Cannot use ${show(value)} as ${what}: expected a duration such as "10s"`);
  return durationMs(value, what);
}

const INSTANT = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})$/i;

function isDuration(value: unknown): value is Duration {
  return typeof value === "string" || typeof value === "number";
}
