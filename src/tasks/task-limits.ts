import { ConfigError } from "../errors.ts";
import { show } from "../model/id.ts";
import { validateInteger } from "../model/numbers.ts";
import type { Duration } from "../time/duration.ts";
import { durationMs } from "../time/duration.ts";

/** How many may start in a time, over all workers. */
export interface RateRule {
  /** How many in one period, evenly. */
  readonly limit: number;
  /** The period. */
  readonly per: Duration;
  /** How many may start at once after a rest. @default `limit` */
  readonly burst?: number | undefined;
}

/** What is counted: all calls of the task together, or those of each `limitKey` apart. */
export type CountedBy = "task" | "key";

/** What a task says about how often and how many times at once it may run, over all workers. */
export interface TaskLimits {
  /** How often it may start. Calls without a key count together, also where `by` says `"key"`. @default no limit */
  readonly rateLimit?: RateRule & { readonly by?: CountedBy | undefined } | undefined;
  /** How many may run at once; a number is short for `{ limit }`. @default no limit */
  readonly maxConcurrent?: number | { readonly limit: number; readonly by?: CountedBy | undefined } | undefined;
}

/** What is said about how often and how many times at once the tasks of a queue may run, over all workers that say the same. */
export interface QueueLimits {
  /** How often one may start. @default no limit */
  readonly rateLimit?: RateRule | undefined;
  /** How many may run at once. @default no limit */
  readonly maxConcurrent?: number | undefined;
}

/** A rule in the terms of a rate limiter. */
export interface BucketRule {
  /** How many in one period. */
  readonly limit: number;
  /** The period in milliseconds. */
  readonly per: number;
  /** How many at once after a rest. */
  readonly burst: number;
}

const LONGEST_FILL_MS = 3_650 * 24 * 60 * 60 * 1_000;

/**
 * Checks a rule and fills in its defaults.
 *
 * @throws {ConfigError} that names the value and what was expected.
 */
export function toBucketRule({ limit, per, burst = limit }: RateRule, what: string): BucketRule {
  validateInteger(limit, `the rate limit of ${what}`, { min: 1 });
  validateInteger(burst, `the burst of the rate limit of ${what}`, { min: 1 });
  const perMs = durationMs(per, `the period of the rate limit of ${what}`, { min: 1 });
  if (limit > perMs * 1_000) {
    throw new ConfigError(`Cannot use ${limit} per ${show(per)} as the rate limit of ${what}: expected at most one in a microsecond`);
  }
  // As a limiter counts, which would refuse it with each task.
  if (burst * Math.ceil(perMs * 1_000 / limit) > LONGEST_FILL_MS * 1_000) {
    throw new ConfigError(
      `Cannot use ${burst} as the burst of the rate limit of ${what}: at ${limit} per ${show(per)} it would take over ten years to fill`,
    );
  }
  return { limit, per: perMs, burst };
}

/**
 * Checks how many may run at once.
 *
 * @throws {ConfigError} that names the value and what was expected.
 */
export function toConcurrencyLimit(limit: number, what: string): number {
  return validateInteger(limit, `maxConcurrent of ${what}`, { min: 1, max: 1_000_000 });
}

/**
 * Checks a task's limits when it is defined.
 *
 * @throws {ConfigError} that names the option, its value and what was expected.
 */
export function validateTaskLimits({ rateLimit, maxConcurrent }: TaskLimits, what: string): void {
  if (rateLimit !== undefined) {
    toBucketRule(rateLimit, what);
    validateCountedBy(rateLimit.by, `the rate limit of ${what}`);
  }
  if (maxConcurrent === undefined) return;
  toConcurrencyLimit(typeof maxConcurrent === "number" ? maxConcurrent : maxConcurrent.limit, what);
  if (typeof maxConcurrent !== "number") validateCountedBy(maxConcurrent.by, `maxConcurrent of ${what}`);
}

function validateCountedBy(by: unknown, what: string): void {
  if (by === undefined || by === "task" || by === "key") return;
  throw new ConfigError(`Cannot count ${what} by ${show(by)}: expected "task" or "key"`);
}
