import { ConfigError } from "../errors.ts";
import { show } from "./id.ts";

/** The inclusive bounds of {@link validateInteger}. */
export interface IntegerBounds {
  /** The smallest accepted value. @default 0 */
  readonly min?: number;
  /** The largest accepted value. @default Number.MAX_SAFE_INTEGER */
  readonly max?: number;
}

/**
 * Returns `value` when it is a whole number within the bounds.
 *
 * @throws {ConfigError} that names `what`, the value and the bounds.
 */
export function validateInteger(value: unknown, what: string, bounds: IntegerBounds = {}): number {
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = bounds;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max) return value;
  const expected = max === Number.MAX_SAFE_INTEGER ? `a whole number of at least ${min}` : `a whole number from ${min} to ${max}`;
  throw new ConfigError(`Cannot use ${show(value)} as ${what}: expected ${expected}`);
}
