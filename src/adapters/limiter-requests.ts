import type { Permit, PermitRequest, RateDecision, RateLimit } from "../contracts/rate-limiter.ts";
import { ConfigError } from "../errors.ts";
import { show, validateId } from "../model/id.ts";
import { validateInteger } from "../model/numbers.ts";
import type { Duration } from "../time/duration.ts";
import { durationMs, formatMs } from "../time/duration.ts";
import type { BucketAnswer, BucketRequest } from "./token-bucket.ts";
import { LONGEST_MS, validateList } from "./validation.ts";

/** A request to a bucket. */
export interface RateItem extends BucketRequest {
  /** Which bucket. */
  readonly key: string;
}

/** A request for a permit. */
export interface PermitItem {
  /** What is limited. */
  readonly key: string;
  /** Who will hold it. */
  readonly holder: string;
  /** How many may hold one at once. */
  readonly limit: number;
  /** For how long. */
  readonly ttlMs: number;
}

/** Names a permit. */
export interface PermitRef {
  /** What is limited. */
  readonly key: string;
  /** Who holds it. */
  readonly holder: string;
  /** Its fencing token. */
  readonly token: number;
}

/** A permit to hold on to. */
export interface RenewItem extends PermitRef {
  /** For how long from the store's now. */
  readonly ttlMs: number;
}

const MOST_HOLDERS = 1_000_000;

/**
 * Checks what is asked of buckets.
 *
 * @throws {ConfigError} also when two ask one bucket under different limits, or for different numbers of tokens.
 */
export function toRateItems(requests: readonly (RateLimit & { readonly key: string })[]): readonly RateItem[] {
  const seen = new Map<string, RateItem>();
  return validateList(requests, "the requests to rate limits").map((request) => {
    const item = toRateItem(request);
    const earlier = seen.get(item.key);
    if (earlier !== undefined && (earlier.costUs !== item.costUs || earlier.capacityUs !== item.capacityUs)) {
      throw new ConfigError(`Cannot ask rate limit ${show(item.key)} for different things in one call: expected the same limit and tokens`);
    }
    seen.set(item.key, item);
    return item;
  });
}

/** Checks what is asked of one bucket; see {@link toRateItems}. */
export function toRateItem({ key, limit, per, burst = limit, tokens = 1 }: RateLimit & { readonly key: string }): RateItem {
  validateId(key, "the key of a rate limit");
  const perUs = durationMs(per, "the period of a rate limit", { min: 1 }) * 1_000;
  validateInteger(limit, "a rate limit", { min: 1 });
  if (limit > perUs) {
    throw new ConfigError(`Cannot use ${limit} per ${formatMs(perUs / 1_000)} as a rate limit: expected at most one in a microsecond`);
  }
  validateInteger(burst, "the burst of a rate limit", { min: 1 });
  validateInteger(tokens, "the tokens asked of a rate limit", { min: 1 });
  if (tokens > burst) {
    throw new ConfigError(`Cannot take ${tokens} tokens from rate limit ${show(key)}: it never holds more than its burst of ${burst}`);
  }
  // Rounded up, so that a bucket gains at most what was said.
  const intervalUs = Math.ceil(perUs / limit);
  const capacityUs = burst * intervalUs;
  if (capacityUs > LONGEST_MS * 1_000) {
    throw new ConfigError(
      `Cannot use ${burst} as the burst of a rate limit of ${limit} per ${show(per)}: it would take over ten years to fill`,
    );
  }
  return { key, costUs: tokens * intervalUs, capacityUs };
}

/** Tells the answer of a bucket. */
export function toRateDecision({ isAllowed, waitUs }: Omit<BucketAnswer, "fullAtUs">): RateDecision {
  return { allowed: isAllowed, retryAfterMs: isAllowed ? 0 : Math.ceil(waitUs / 1_000) };
}

/** Checks requests for permits. */
export function toPermitItems(requests: readonly PermitRequest[]): readonly PermitItem[] {
  return validateList(requests, "the requests for permits").map(({ key, holder, limit, ttl }) => ({
    key: validateId(key, "the key of a permit"),
    holder: validateId(holder, "the holder of a permit"),
    limit: validateInteger(limit, "the limit of a permit", { min: 1, max: MOST_HOLDERS }),
    ttlMs: durationMs(ttl, "the ttl of a permit", { min: 1 }),
  }));
}

/** Checks permits that were given before. */
export function toPermitRefs(permits: readonly Permit[]): readonly PermitRef[] {
  return validateList(permits, "the permits").map(({ key, holder, token }) => ({
    key: validateId(key, "the key of a permit"),
    holder: validateId(holder, "the holder of a permit"),
    token: validateInteger(token, "the token of a permit"),
  }));
}

/** Checks permits that are to be held for longer. */
export function toRenewItems(permits: readonly Permit[], ttl: Duration): readonly RenewItem[] {
  const ttlMs = durationMs(ttl, "the ttl of a permit", { min: 1 });
  return toPermitRefs(permits).map((ref) => ({ ...ref, ttlMs }));
}
