import { ConfigError } from "../errors.ts";
import type { Duration } from "./duration.ts";
import { durationMs } from "./duration.ts";
import type { Random } from "./random.ts";
import { systemRandom } from "./random.ts";

/** How the delay grows from one failure to the next: not at all, by one `delay` each time, or `factor` times. */
export type Backoff = "fixed" | "linear" | "exponential";

/**
 * How a delay is spread, so that what failed together does not come back together.
 *
 * A number from 0 to 1 says which share of the delay is drawn at random: the wait lies between `(1 - jitter) * delay` and `delay`.
 * `"none"` is 0, `"equal"` 0.5, `"full"` 1. `"decorrelated"` ignores `backoff` and `factor`: each wait lies between `delay`
 * and three times the wait before it. The names are those of the AWS Architecture Blog, "Exponential Backoff And Jitter" (2015).
 */
export type Jitter = "none" | "full" | "equal" | "decorrelated" | number;

/** How often and how late a failed task is tried again. Plain data: it travels as JSON. */
export interface RetryPolicy {
  /** How many more attempts follow the first; 0 means that the first failure is final. @default 3 */
  readonly maxRetries?: number | undefined;
  /** How the delay grows. @default "exponential" */
  readonly backoff?: Backoff | undefined;
  /** The delay after the first failure. @default "1s" */
  readonly delay?: Duration | undefined;
  /** No wait is longer. @default "10m", or `delay` when that is longer */
  readonly maxDelay?: Duration | undefined;
  /** How many times longer each delay of `"exponential"` is than the one before; at least 1. @default 2 */
  readonly factor?: number | undefined;
  /** How the delay is spread. @default "equal" */
  readonly jitter?: Jitter | undefined;
}

/** A {@link RetryPolicy} that was checked, with nothing left open: durations are milliseconds. Is itself a policy, and stays as it is. */
export interface NormalizedRetryPolicy {
  /** How many more attempts follow the first. */
  readonly maxRetries: number;
  /** How the delay grows. */
  readonly backoff: Backoff;
  /** The delay after the first failure, in milliseconds. */
  readonly delay: number;
  /** No wait is longer, in milliseconds. */
  readonly maxDelay: number;
  /** How many times longer each delay of `"exponential"` is than the one before. */
  readonly factor: number;
  /** How the delay is spread. */
  readonly jitter: Jitter;
}

const backoffs: readonly unknown[] = ["fixed", "linear", "exponential"] satisfies Backoff[];

// The share of the delay that is drawn at random.
const jitterShares = { none: 0, equal: 0.5, full: 1 } as const;

const defaultMaxDelayMs = 600_000;

// After so many draws a decorrelated wait depends on nothing but its last few: more would only cost time.
const decorrelatedDraws = 64;

/**
 * Fills in the defaults of a policy and checks it.
 *
 * The default spreads half of each delay (`"equal"`): clients that failed together come apart, yet no retry is immediate, which would
 * strike a service in trouble at once, as full jitter sometimes does.
 *
 * @throws {ConfigError} When a field is out of range; the message names it.
 */
export function normalizeRetryPolicy(policy: RetryPolicy = {}): NormalizedRetryPolicy {
  const { maxRetries = 3, backoff = "exponential", factor = 2, jitter = "equal" } = policy;
  if (!Number.isSafeInteger(maxRetries) || maxRetries < 0) refuse("maxRetries", maxRetries, "a whole number of at least 0");
  if (!backoffs.includes(backoff)) refuse("backoff", backoff, `"fixed", "linear" or "exponential"`);
  if (!Number.isFinite(factor) || factor < 1) refuse("factor", factor, "a number of at least 1");
  if (!isJitter(jitter)) refuse("jitter", jitter, `"none", "full", "equal", "decorrelated" or a number from 0 to 1`);
  const delay = durationMs(policy.delay ?? "1s", "delay of the retry policy");
  const maxDelay = durationMs(policy.maxDelay ?? Math.max(defaultMaxDelayMs, delay), "maxDelay of the retry policy");
  if (maxDelay < delay) refuse("maxDelay", policy.maxDelay, `at least the delay, which is ${delay} ms`);
  return { maxRetries, backoff, delay, maxDelay, factor, jitter };
}

/**
 * Says how long to wait before the next attempt, in whole milliseconds: never less than 0, never more than `maxDelay`.
 *
 * @param attempt Which attempt failed, counted from 1.
 * @param random Where jitter comes from. Default: the runtime's own source.
 * @throws {ConfigError} When the policy or the attempt is out of range.
 */
export function retryDelayMs(policy: RetryPolicy, attempt: number, random: Random = systemRandom): number {
  const normal = normalizeRetryPolicy(policy);
  const { backoff, delay, maxDelay, factor, jitter } = normal;
  if (!Number.isSafeInteger(attempt) || attempt < 1) {
    throw new ConfigError(`Cannot compute the retry delay after attempt ${attempt}: expected a whole number of at least 1`);
  }
  if (delay === 0) return 0;
  if (jitter === "decorrelated") return Math.round(decorrelated(normal, attempt, random));
  const growth = backoff === "fixed" ? 1 : backoff === "linear" ? attempt : factor ** (attempt - 1);
  const full = Math.min(delay * growth, maxDelay);
  const share = typeof jitter === "number" ? jitter : jitterShares[jitter];
  return Math.round(full - full * share * random());
}

// The wait before this one is not remembered anywhere: drawing the whole chain anew has the same distribution.
function decorrelated({ delay, maxDelay }: NormalizedRetryPolicy, attempt: number, random: Random): number {
  let wait = delay;
  for (let draw = Math.min(attempt, decorrelatedDraws); draw > 0; draw--) {
    wait = Math.min(maxDelay, delay + random() * (wait * 3 - delay));
  }
  return wait;
}

function isJitter(value: unknown): value is Jitter {
  if (typeof value === "number") return value >= 0 && value <= 1;
  return value === "decorrelated" || (typeof value === "string" && Object.hasOwn(jitterShares, value));
}

function refuse(field: string, value: unknown, expected: string): never {
  const shown = typeof value === "string" ? JSON.stringify(value) : String(value);
  throw new ConfigError(`Cannot use ${shown} as ${field} of the retry policy: expected ${expected}`);
}
