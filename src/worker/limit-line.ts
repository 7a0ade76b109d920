import type { AskedBucket, AskedPermit } from "./limit-rules.ts";

/** Why a task was refused. */
export interface Refusal {
  /** The bucket that has not enough; absent when it is not a bucket that refuses. */
  readonly bucket?: AskedBucket;
  /** The permits that are all held. */
  readonly permit?: AskedPermit;
  /** When to come again as the limiter says, in milliseconds: of a permit when the first would run out. */
  readonly retryAfterMs: number;
}

// After that a task asks again in any case: the limit may be another one then.
const LONGEST_WAIT_MS = 5 * 60_000;
// How long permits are thought to be held where none was returned yet, and for how long at most a task is sent away on that guess.
const GUESSED_MS = 100;
const LONGEST_GUESS_MS = 30_000;
const MANY = 1_000;

interface Line {
  /** When the turn of the next one is, on the monotonic clock. */
  turnAt: number;
  /** How long permits were held on average; absent when none was returned here yet. */
  meanMs: number | undefined;
}

/**
 * Tells tasks that a limit holds back when to come again: one after the other, each when its turn should come, and not all of them at once,
 * again and again.
 *
 * It knows of those that were refused here. Where several workers refuse, each makes a line of its own: tasks come more often than there is
 * room then, and those that are refused again join the end.
 */
export class LimitLines {
  readonly #lines = new Map<string, Line>();
  #many = MANY;

  /** Gives a task the last place in the line of what refuses it, as the time until its turn, in milliseconds. */
  join({ bucket, permit, retryAfterMs }: Refusal, now: number): number {
    if (bucket !== undefined) {
      const line = this.#lineOf(`rate ${bucket.key}`, now);
      return waitIn(line, now, { firstMs: retryAfterMs, stepMs: bucket.per / bucket.limit, longestMs: LONGEST_WAIT_MS });
    }
    if (permit === undefined) return retryAfterMs;
    const line = this.#lineOf(permitLine(permit), now);
    const stepMs = (line.meanMs ?? GUESSED_MS) / permit.limit;
    const longestMs = line.meanMs === undefined ? LONGEST_GUESS_MS : LONGEST_WAIT_MS;
    return waitIn(line, now, { firstMs: Math.min(retryAfterMs, stepMs), stepMs, longestMs });
  }

  /** Notes for how long a permit was held. */
  returned(permit: AskedPermit, heldMs: number, now: number): void {
    const line = this.#lineOf(permitLine(permit), now);
    line.meanMs = line.meanMs === undefined ? heldMs : line.meanMs + (heldMs - line.meanMs) / 8;
  }

  #lineOf(name: string, now: number): Line {
    const known = this.#lines.get(name);
    if (known !== undefined) return known;
    if (this.#lines.size >= this.#many) this.#forgetIdle(now);
    const line: Line = { turnAt: 0, meanMs: undefined };
    this.#lines.set(name, line);
    return line;
  }

  /** There may be a line for each customer: those in which nobody waits are forgotten. */
  #forgetIdle(now: number): void {
    for (const [name, { turnAt }] of this.#lines) if (turnAt <= now) this.#lines.delete(name);
    this.#many = Math.max(MANY, this.#lines.size * 2);
  }
}

function permitLine({ key }: AskedPermit): string {
  return `permit ${key}`;
}

interface Turns {
  readonly firstMs: number;
  readonly stepMs: number;
  readonly longestMs: number;
}

function waitIn(line: Line, now: number, { firstMs, stepMs, longestMs }: Turns): number {
  const turnAt = Math.min(Math.max(now + firstMs, line.turnAt), now + longestMs);
  line.turnAt = turnAt + stepMs;
  return Math.max(1, Math.ceil(turnAt - now));
}
