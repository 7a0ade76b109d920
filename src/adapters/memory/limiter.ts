import type { PermitDecision, RateDecision } from "../../contracts/rate-limiter.ts";
import type { Logger } from "../../contracts/logger.ts";
import { validateId } from "../../model/id.ts";
import type { Clock } from "../../time/clock.ts";
import type { PermitItem, PermitRef, RateItem, RenewItem } from "../limiter-requests.ts";
import { toRateDecision } from "../limiter-requests.ts";
import { LimiterSurface } from "../limiter-surface.ts";
import { permitVerdict } from "../permit-verdict.ts";
import { takeFrom } from "../token-bucket.ts";
import type { MemorySpace, StoredPermit } from "./database.ts";
import { MemoryDatabase } from "./database.ts";
import { ExpiringMap } from "./expiring-map.ts";

/** Options of {@link InMemoryRateLimiter}. */
export interface InMemoryRateLimiterOptions {
  /** What it shares its state with others by. @default a database of its own */
  readonly database?: MemoryDatabase;
  /** Keeps users of one database apart. @default "stem" */
  readonly namespace?: string;
  /** Judges how full buckets are, and when permits end. @default the system's clock */
  readonly clock?: Clock;
  /** Where it reports what nobody awaits. @default warnings and errors on the console */
  readonly logger?: Logger;
}

/**
 * Rate limits and permits in this process's memory: the reference of what every rate limiter does, for tests and for programs of one
 * process.
 *
 * @example
 * ```ts
 * import { InMemoryRateLimiter } from "@stem/stem";
 *
 * const limiter = new InMemoryRateLimiter();
 * const twice = { limit: 2, per: "1m" };
 * await limiter.acquire("mail", twice);
 * await limiter.acquire("mail", twice);
 * console.log((await limiter.acquire("mail", twice)).allowed); // false
 * await limiter.close();
 * ```
 */
export class InMemoryRateLimiter extends LimiterSurface {
  readonly #space: MemorySpace;

  /** Makes a rate limiter; nothing needs to be connected. */
  constructor(options: InMemoryRateLimiterOptions = {}) {
    super({ ...options, what: "the memory rate limiter", transactions: false });
    this.#space = (options.database ?? new MemoryDatabase()).space(validateId(options.namespace ?? "stem", "a namespace"));
  }

  protected override async takeBatch(items: readonly RateItem[]): Promise<readonly RateDecision[]> {
    const now = this.clock.now();
    return items.map((item) => {
      const answer = takeFrom(this.#space.buckets.get(item.key, now) ?? 0, item, now * 1_000);
      // Once it is full nothing needs to be known of a bucket.
      this.#space.buckets.set(item.key, answer.fullAtUs, { now, expiresAt: Math.ceil(answer.fullAtUs / 1_000) });
      return toRateDecision(answer);
    });
  }

  protected override async enterBatch(items: readonly PermitItem[]): Promise<readonly PermitDecision[]> {
    const now = this.clock.now();
    return items.map((item) => {
      const { key, holder, ttlMs } = item;
      const permits = this.#permitsOf(key);
      const held = new Map(permits.values(now).map((permit) => [permit.holder, permit.expiresAt - now]));
      const { isGiven, retryAfterMs } = permitVerdict(held, item);
      if (!isGiven) return { retryAfterMs };
      const token = this.#space.next();
      this.#keep({ holder, token, expiresAt: now + ttlMs }, permits, now);
      return { permit: { key, holder, token }, retryAfterMs: 0 };
    });
  }

  protected override async renewBatch(items: readonly RenewItem[]): Promise<readonly boolean[]> {
    const now = this.clock.now();
    return items.map(({ key, holder, token, ttlMs }) => {
      const permits = this.#permitsOf(key);
      if (permits.get(holder, now)?.token !== token) return false;
      this.#keep({ holder, token, expiresAt: now + ttlMs }, permits, now);
      return true;
    });
  }

  protected override async leaveBatch(items: readonly PermitRef[]): Promise<readonly boolean[]> {
    const now = this.clock.now();
    return items.map(({ key, holder, token }) => {
      const permits = this.#permitsOf(key);
      return permits.get(holder, now)?.token === token && permits.delete(holder, now);
    });
  }

  protected override async sweepExpired(limit: number): Promise<number> {
    const now = this.clock.now();
    let swept = 0;
    for (const [key, permits] of this.#space.permits) {
      swept += permits.sweep(now, limit - swept);
      if (permits.stored === 0) this.#space.permits.delete(key);
    }
    return swept + this.#space.buckets.sweep(now, limit);
  }

  protected override async disconnect(): Promise<void> {
    // The database belongs to whoever holds it.
  }

  #permitsOf(key: string): ExpiringMap<StoredPermit> {
    const known = this.#space.permits.get(key);
    if (known !== undefined) return known;
    const permits = new ExpiringMap<StoredPermit>();
    this.#space.permits.set(key, permits);
    return permits;
  }

  #keep(permit: StoredPermit, permits: ExpiringMap<StoredPermit>, now: number): void {
    permits.set(permit.holder, permit, { now, expiresAt: permit.expiresAt });
  }
}
