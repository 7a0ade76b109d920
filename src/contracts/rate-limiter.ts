import type { Duration } from "../time/duration.ts";
import type { Store } from "./store.ts";

/** A token bucket: it gains `limit` tokens evenly over `per`, and holds `burst` of them at most. */
export interface RateLimit {
  /** How many tokens the bucket gains in one period. */
  readonly limit: number;
  /** The period. */
  readonly per: Duration;
  /** How many tokens the bucket holds. @default `limit` */
  readonly burst?: number;
  /** How many tokens to take. @default 1 */
  readonly tokens?: number;
}

/** Whether the tokens were taken. */
export interface RateDecision {
  /** True when they were. */
  readonly allowed: boolean;
  /** When not: how long until they could be, in milliseconds, at least 1. 0 when allowed. */
  readonly retryAfterMs: number;
}

/** What to count, and for whom. */
export interface PermitRequest {
  /** What is limited. */
  readonly key: string;
  /** How many may hold a permit of this key at once. */
  readonly limit: number;
  /** Who will hold it; at most one permit of a key each. */
  readonly holder: string;
  /** How long it is held without renewal. */
  readonly ttl: Duration;
}

/** The right to be one of those at work. */
export interface Permit {
  /** What is limited. */
  readonly key: string;
  /** Who holds it. */
  readonly holder: string;
  /** The fencing token: higher than that of every earlier permit of this key and holder. */
  readonly token: number;
}

/** Whether a permit was given. */
export interface PermitDecision {
  /** The permit; absent when as many as the limit are held. */
  readonly permit?: Permit;
  /** When refused: how long until the first of them ends unless it is renewed or returned before, in milliseconds, at least 1. 0 when given. */
  readonly retryAfterMs: number;
}

/**
 * Limits rates and numbers over every process that shares the store, by the store's clock.
 *
 * Rates
 * - **Q1** Over any period, no more tokens are given out than the bucket held and gained, under any race.
 * - **Q2** A refusal takes nothing and says when to come again; coming then succeeds when nobody else came in between.
 * - **Q3** Buckets are independent per key and namespace; an idle bucket is full, and leaves nothing behind once it is.
 * - **Q4** Asking for more than the bucket holds at once throws `ConfigError`: it could never be allowed. So does a rate above one in a microsecond.
 * - **Q5** Many are asked in one call, also about one bucket: then each is answered as if they had come one after the other. Those about one key
 *   carry the same limit and number of tokens, else `ConfigError`.
 * - **Q6** A limit that changes between calls counts from the next one on. What is kept is the time until the bucket is full, cut to the time that the
 *   bucket asked with takes to fill: so neither another limit nor a clock that is set back blocks for longer than that.
 *
 * Permits
 * - **Q7** A permit is given only while fewer unexpired ones of its key are held than the limit that was asked with, and refused only when that many
 *   are, under any race. A lower limit lets those above it finish.
 * - **Q8** A permit that was not renewed is free again when its time ends; its former holder can neither renew nor return it then. Renewal sets the end
 *   to the store's now and the time given.
 * - **Q9** Asking again as the same holder renews its permit under a higher token: a holder never has two, and who had the earlier one can neither
 *   renew nor return it.
 * - **Q10** Many are asked, renewed and returned in one call, in the order given.
 *
 * Both
 * - **Q11** Namespaces isolate; bad arguments throw `ConfigError`; after `close` calls throw `ClosedError`.
 */
export interface RateLimiter extends Store {
  /** Takes tokens from a bucket, or says when to come again. */
  acquire(key: string, limit: RateLimit): Promise<RateDecision>;
  /** Asks many buckets. Answers in order. */
  acquireMany(requests: readonly (RateLimit & { readonly key: string })[]): Promise<readonly RateDecision[]>;
  /** Takes permits, or says when to come again at the latest. Answers in order. */
  enter(requests: readonly PermitRequest[]): Promise<readonly PermitDecision[]>;
  /** Holds permits for `ttl` from now. Answers one boolean each: false where it is lost. */
  renewPermits(permits: readonly Permit[], ttl: Duration): Promise<readonly boolean[]>;
  /** Returns permits. Answers one boolean each: false where it was lost before. */
  leave(permits: readonly Permit[]): Promise<readonly boolean[]>;
  /** Deletes full buckets and expired permits, at most `limit` of each (default 500). Returns how many. */
  sweep(options?: { readonly limit?: number }): Promise<number>;
}
