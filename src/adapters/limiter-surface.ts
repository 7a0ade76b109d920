import type { Permit, PermitDecision, PermitRequest, RateDecision, RateLimit, RateLimiter } from "../contracts/rate-limiter.ts";
import { validateInteger } from "../model/numbers.ts";
import type { Duration } from "../time/duration.ts";
import type { GroupCommitOptions } from "./call-group.ts";
import { CallGroup } from "./call-group.ts";
import type { PermitItem, PermitRef, RateItem, RenewItem } from "./limiter-requests.ts";
import { toPermitItems, toPermitRefs, toRateItem, toRateItems, toRenewItems } from "./limiter-requests.ts";
import type { RepeatOptions } from "./repeats.ts";
import { withoutRepeats } from "./repeats.ts";
import type { StoreSurfaceOptions } from "./store-surface.ts";
import { StoreSurface } from "./store-surface.ts";

/** What a limiter class tells its surface. */
export interface LimiterSurfaceOptions extends StoreSurfaceOptions {
  /** How calls made at the same time share round trips. @default each goes by itself */
  readonly groupCommit?: GroupCommitOptions | undefined;
}

/**
 * What all rate limiters do alike: checking arguments, grouping calls.
 *
 * A store adds the protected primitives. They are only called with checked, non-empty input, and act on the items one after the other.
 */
export abstract class LimiterSurface extends StoreSurface implements RateLimiter {
  readonly #taking: CallGroup<RateItem, RateDecision>;
  readonly #entering: CallGroup<PermitItem, PermitDecision>;
  readonly #renewing: CallGroup<RenewItem, boolean>;
  readonly #leaving: CallGroup<PermitRef, boolean>;

  /** Prepares the surface; nothing is connected. */
  constructor(options: LimiterSurfaceOptions) {
    super(options);
    const { groupCommit } = options;
    this.#taking = new CallGroup({ name: "acquire", groupCommit, run: (items) => this.takeBatch(items) });
    this.#entering = new CallGroup({ name: "enter", groupCommit, run: (items) => this.enterBatch(items) });
    this.#renewing = new CallGroup({ name: "renewPermits", groupCommit, run: (items) => this.renewBatch(items) });
    this.#leaving = new CallGroup({ name: "leave", groupCommit, run: (items) => this.#leaveOnce(items) });
  }

  /** Takes tokens from a bucket, or says when to come again. */
  async acquire(key: string, limit: RateLimit): Promise<RateDecision> {
    this.requireOpen();
    const [decision] = await this.#taking.call([toRateItem({ ...limit, key })]);
    return decision ?? { allowed: false, retryAfterMs: 1 };
  }

  /** Asks many buckets. Answers in order. */
  async acquireMany(requests: readonly (RateLimit & { readonly key: string })[]): Promise<readonly RateDecision[]> {
    this.requireOpen();
    const items = toRateItems(requests);
    return items.length === 0 ? [] : this.#taking.call(items);
  }

  /** Takes permits, or says when to come again at the latest. Answers in order. */
  async enter(requests: readonly PermitRequest[]): Promise<readonly PermitDecision[]> {
    this.requireOpen();
    const items = toPermitItems(requests);
    return items.length === 0 ? [] : this.#entering.call(items);
  }

  /** Holds permits for `ttl` from now. Answers one boolean each: false where it is lost. */
  async renewPermits(permits: readonly Permit[], ttl: Duration): Promise<readonly boolean[]> {
    this.requireOpen();
    const items = toRenewItems(permits, ttl);
    return items.length === 0 ? [] : this.#renewing.call(items);
  }

  /** Returns permits. Answers one boolean each: false where it was lost before. */
  async leave(permits: readonly Permit[]): Promise<readonly boolean[]> {
    this.requireOpen();
    const items = toPermitRefs(permits);
    return items.length === 0 ? [] : this.#leaving.call(items);
  }

  /** Deletes full buckets and expired permits, at most `limit` of each (default 500). Returns how many. */
  async sweep(options: { readonly limit?: number } = {}): Promise<number> {
    this.requireOpen();
    return this.sweepExpired(validateInteger(options.limit ?? 500, "the limit of a sweep", { min: 1, max: 100_000 }));
  }

  /** Takes from buckets; requests of several calls may ask one bucket for different things. */
  protected abstract takeBatch(items: readonly RateItem[]): Promise<readonly RateDecision[]>;
  /** Gives permits where fewer than the limit are held. */
  protected abstract enterBatch(items: readonly PermitItem[]): Promise<readonly PermitDecision[]>;
  /** Sets the end of permits that are held. A permit may come more than once. */
  protected abstract renewBatch(items: readonly RenewItem[]): Promise<readonly boolean[]>;
  /** Takes permits back that are held; none comes twice. */
  protected abstract leaveBatch(items: readonly PermitRef[]): Promise<readonly boolean[]>;
  /** Deletes full buckets and expired permits, at most `limit` of each. */
  protected abstract sweepExpired(limit: number): Promise<number>;

  /** Lets grouped calls finish. */
  protected override async endCalls(): Promise<void> {
    await Promise.all([this.#taking, this.#entering, this.#renewing, this.#leaving].map((group) => group.flush()));
  }

  #leaveOnce(items: readonly PermitRef[]): Promise<readonly boolean[]> {
    return withoutRepeats(items, repeatedPermit, (some) => this.leaveBatch(some));
  }
}

const repeatedPermit: RepeatOptions<PermitRef, boolean> = {
  idOf: ({ holder }) => holder,
  keyOf: ({ key, holder, token }) => JSON.stringify([token, key, holder]),
  repeated: false,
};
