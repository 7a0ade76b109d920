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
  /** Which of the places it is, from 1 to the limit. */
  readonly slot: number;
}

/**
 * Limits rates and numbers over every process that shares the store, by the store's clock.
 *
 * Rates
 * - **Q1** Over any period, no more tokens are given out than the bucket held and gained, under any race.
 * - **Q2** A refusal takes nothing and says when to come again; coming then succeeds when nobody else came in between.
 * - **Q3** Buckets are independent per key and namespace; an idle bucket is full, and leaves nothing behind once it is.
 * - **Q4** Asking for more than the bucket holds at once throws `ConfigError`: it could never be allowed.
 * - **Q5** Many are asked in one call, also about one bucket: each is answered as if they had come one after the other.
 * - **Q6** A limit that changes between calls counts from the next one on; a clock that is set back gives nothing away and blocks no longer than a
 *   full bucket takes.
 *
 * Permits
 * - **Q7** Of one key no more permits are held at once than the limit that was asked with, under any race; a lower limit lets the holders above it
 *   finish.
 * - **Q8** A permit that was not renewed is free again when its time ends; its former holder can neither renew nor return it then.
 * - **Q9** Asking again as the same holder answers the permit that is held already, and renews it: a repeated request never takes two.
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
  /** Takes permits. Answers in order; `undefined` where all of that key are held. */
  enter(requests: readonly PermitRequest[]): Promise<readonly (Permit | undefined)[]>;
  /** Holds permits for `ttl` from now. Answers one boolean each: false where it is lost. */
  renewPermits(permits: readonly Permit[], ttl: Duration): Promise<readonly boolean[]>;
  /** Returns permits. Answers one boolean each: false where it was lost before. */
  leave(permits: readonly Permit[]): Promise<readonly boolean[]>;
  /** Deletes full buckets and expired permits, at most `limit` of each (default 500). Returns how many. */
  sweep(options?: { readonly limit?: number }): Promise<number>;
}
