import type { RateLimiter } from "../contracts/rate-limiter.ts";
import type { Delivery } from "../model/delivery.ts";
import { storableKey } from "./limit-key.ts";
import type { Refusal } from "./limit-line.ts";
import type { DeliveryRules } from "./limit-rules.ts";
import type { KeptPermit } from "./permits.ts";

/** Whose limit it is. */
export type Level = "queue" | "task";

const LEVELS: readonly Level[] = ["queue", "task"];

/** A limited delivery, and what the limiter says of it. */
export interface Candidate {
  /** What was claimed. */
  readonly delivery: Delivery;
  /** What limits it. */
  readonly rules: DeliveryRules;
  /** Who holds its permits: nobody else, also when another worker runs the same task while this one's handler has not ended. */
  readonly holder: string;
  /** The permits that it was given. */
  readonly kept: KeptPermit[];
  /** Who refused it, and why. */
  readonly refusals: Map<Level, Refusal>;
}

/** Where candidates are asked for. */
export interface AskOptions {
  /** Whom to ask. */
  readonly limiter: RateLimiter;
  /** How long a permit is held without renewal. */
  readonly permitTtlMs: number;
  /** Tells when a permit was given, on the monotonic clock. */
  readonly monotonic: () => number;
}

/** Asks for the permits of all candidates with one call, and for the tokens of those that got theirs with another. */
export async function askLimiter(candidates: readonly Candidate[], options: AskOptions): Promise<void> {
  await askForPermits(candidates, options);
  await askForTokens(candidates.filter(({ refusals }) => refusals.size === 0), options.limiter);
}

async function askForPermits(candidates: readonly Candidate[], { limiter, permitTtlMs: ttl, monotonic }: AskOptions): Promise<void> {
  const asked = candidates.flatMap((candidate) =>
    LEVELS.flatMap((level) => {
      const permit = candidate.rules[level]?.permit;
      return permit === undefined ? [] : [{ candidate, level, permit }];
    })
  );
  if (asked.length === 0) return;
  const keys = await Promise.all(asked.map(({ permit }) => storableKey(permit.key)));
  const decisions = await limiter.enter(
    asked.map(({ candidate: { holder }, permit: { key, limit } }, at) => ({ key: keys[at] ?? key, limit, holder, ttl })),
  );
  const since = monotonic();
  for (const [at, { candidate, level, permit: wanted }] of asked.entries()) {
    const { permit, retryAfterMs = 1 } = decisions[at] ?? {};
    if (permit === undefined) candidate.refusals.set(level, { permit: wanted, retryAfterMs });
    else candidate.kept.push({ permit, asked: wanted, since, givenAt: since });
  }
}

async function askForTokens(candidates: readonly Candidate[], limiter: RateLimiter): Promise<void> {
  const asked = candidates.flatMap((candidate) =>
    LEVELS.flatMap((level) => {
      const bucket = candidate.rules[level]?.bucket;
      return bucket === undefined ? [] : [{ candidate, level, bucket }];
    })
  );
  if (asked.length === 0) return;
  const keys = await Promise.all(asked.map(({ bucket }) => storableKey(bucket.key)));
  const decisions = await limiter.acquireMany(
    asked.map(({ bucket: { limit, per, burst, key } }, at) => ({ key: keys[at] ?? key, limit, per, burst })),
  );
  for (const [at, { candidate, level, bucket }] of asked.entries()) {
    const { allowed = false, retryAfterMs = 1 } = decisions[at] ?? {};
    if (!allowed) candidate.refusals.set(level, { bucket, retryAfterMs });
  }
}
