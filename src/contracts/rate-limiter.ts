import type { Duration } from "../time/duration.ts";
import type { Store } from "./store.ts";

/** A token bucket: `limit` tokens that fill up again evenly over `per`. */
export interface RateLimit {
  /** How many tokens the bucket holds, and gains in one period. */
  readonly limit: number;
  /** The period. */
  readonly per: Duration;
  /** How many tokens to take. @default 1 */
  readonly tokens?: number;
}

/** Whether the tokens were taken. */
export interface RateDecision {
  /** True when they were. */
  readonly allowed: boolean;
  /** When not: how long until they could be, in milliseconds. 0 when allowed. */
  readonly retryAfterMs: number;
}

/**
 * Limits rates over every process that shares the store, by the store's clock.
 *
 * - **Q1** Over any period, no more tokens are given out than the bucket held and gained, under any race.
 * - **Q2** A refusal takes nothing and says when to come again; coming then succeeds when nobody else came in between.
 * - **Q3** Buckets are independent per key and namespace; an idle bucket is full, and leaves nothing behind once it is.
 * - **Q4** Asking for more than `limit` tokens at once throws `ConfigError`: it could never be allowed.
 * - **Q5** Many keys are asked in one call.
 */
export interface RateLimiter extends Store {
  /** Takes tokens from a bucket, or says when to come again. */
  acquire(key: string, limit: RateLimit): Promise<RateDecision>;
  /** Asks many buckets, each on its own. Answers in order. */
  acquireMany(requests: readonly (RateLimit & { readonly key: string })[]): Promise<readonly RateDecision[]>;
}
