import { ConfigError } from "../errors.ts";
import type { IntegerBounds } from "../model/numbers.ts";
import { show, validateId } from "../model/id.ts";
import { validateInteger } from "../model/numbers.ts";

/** The longest time that a store waits, hides or holds anything: ten years of 365 days, as for every duration. */
export const LONGEST_MS = 3_650 * 24 * 60 * 60 * 1_000;

/** Returns a time in whole milliseconds; refuses negative and absurdly long ones. */
export function validateMs(value: unknown, what: string, bounds: IntegerBounds = {}): number {
  return validateInteger(value, what, { max: LONGEST_MS, ...bounds });
}

/** Returns a list; refuses anything else, which untyped callers may give. */
export function validateList<T>(value: readonly T[], what: string): readonly T[] {
  const given: unknown = value;
  if (!Array.isArray(given)) throw new ConfigError(`Cannot use ${show(given)} as ${what}: expected an array`);
  return value;
}

/** Returns a list of ids: at least one, none twice. */
export function validateDistinctIds(value: readonly string[], what: string): readonly string[] {
  const ids = validateList(value, what);
  if (ids.length === 0) throw new ConfigError(`Cannot use an empty list as ${what}: expected at least one`);
  const seen = new Set<string>();
  for (const id of ids) {
    validateId(id, `one of ${what}`);
    if (seen.has(id)) throw new ConfigError(`Cannot use ${show(id)} twice among ${what}: expected each once`);
    seen.add(id);
  }
  return [...ids];
}

/** Returns text that every store can keep as a column: what no store takes (NUL, half surrogate pairs) becomes U+FFFD. */
export function storableText(value: unknown, what: string): string {
  if (typeof value !== "string" || value === "") throw new ConfigError(`Cannot use ${show(value)} as ${what}: expected some text`);
  return value.replaceAll(unstorable, "\ufffd");
}

// eslint-disable-next-line no-control-regex
const unstorable = /\u0000|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
