import type { PermitItem } from "./limiter-requests.ts";

/** What is decided about a request for a permit. */
export interface PermitVerdict {
  /** Whether one is given. */
  readonly isGiven: boolean;
  /** When not: how long until the first that is held ends, in milliseconds. */
  readonly retryAfterMs: number;
}

/**
 * Decides about a request for a permit: a holder's own is renewed, another is given while fewer than the limit are held.
 *
 * @param held Who holds one of that key, and for how many milliseconds yet. What is given is noted there for the next decision.
 */
export function permitVerdict(held: Map<string, number>, { holder, limit, ttlMs }: PermitItem): PermitVerdict {
  if (!held.has(holder) && held.size >= limit) {
    let firstEndsIn = Number.POSITIVE_INFINITY;
    for (const leftMs of held.values()) firstEndsIn = Math.min(firstEndsIn, leftMs);
    return { isGiven: false, retryAfterMs: Math.max(1, firstEndsIn) };
  }
  held.set(holder, ttlMs);
  return { isGiven: true, retryAfterMs: 0 };
}
