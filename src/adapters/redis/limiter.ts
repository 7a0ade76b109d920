import type { Logger } from "../../contracts/logger.ts";
import type { PermitDecision, RateDecision } from "../../contracts/rate-limiter.ts";
import { validateId } from "../../model/id.ts";
import type { Clock } from "../../time/clock.ts";
import type { GroupCommitOptions } from "../call-group.ts";
import type { PermitItem, PermitRef, RateItem, RenewItem } from "../limiter-requests.ts";
import { toRateDecision } from "../limiter-requests.ts";
import { LimiterSurface } from "../limiter-surface.ts";
import { holding } from "../database-hold.ts";
import type { RedisHold } from "./database.ts";
import { ENTER, LEAVE, RENEW_PERMITS, SWEEP_LIMITS, TAKE } from "./limiter-scripts.ts";
import type { Argument } from "./link.ts";
import { listOf, numberOf } from "./reply.ts";
import type { Script } from "./script.ts";
import type { RedisOpenOptions, RedisUse } from "./open.ts";
import { openRedis, useRedis } from "./open.ts";

/** Options of {@link RedisRateLimiter}. */
export interface RedisRateLimiterOptions {
  /** Keeps systems on one database apart. @default "stem" */
  readonly namespace?: string | undefined;
  /** Judges all times instead of the server's clock: for tests. @default the server's clock */
  readonly clock?: Clock | undefined;
  /** Where the limiter reports what nobody awaits. @default warnings and errors on the console */
  readonly logger?: Logger | undefined;
  /** How calls made at the same time share round trips. @default up to 1,000 calls */
  readonly groupCommit?: GroupCommitOptions | undefined;
}

/** A rate limiter on Redis or Valkey: a key per bucket and two per limited number, which the server deletes once nothing is left to be known. */
export class RedisRateLimiter extends LimiterSurface {
  /** The namespace of all its keys. */
  readonly namespace: string;
  readonly #hold: RedisHold;

  /** Connects to a server, see {@link RedisStreamsBroker.connect}. */
  static async connect(url: string, options: RedisOpenOptions & RedisRateLimiterOptions = {}): Promise<RedisRateLimiter> {
    return holding(await openRedis(url, options), 1, (hold) => new RedisRateLimiter(hold, options));
  }

  /** Works on the server of the caller's own ioredis client, with connections of its own; the client stays the caller's to close. */
  static async fromClient(client: object, options: RedisUse & RedisRateLimiterOptions = {}): Promise<RedisRateLimiter> {
    return holding(await useRedis(client, options), 1, (hold) => new RedisRateLimiter(hold, options));
  }

  /** Made by the adapter's entry points. Closing it releases the hold. */
  constructor(hold: RedisHold, options: RedisRateLimiterOptions = {}) {
    super({
      ...options,
      what: `the ${hold.database.adapter} rate limiter`,
      transactions: false,
      groupCommit: options.groupCommit ?? {},
    });
    this.namespace = validateId(options.namespace ?? "stem", "a namespace");
    this.#hold = hold;
  }

  protected override async takeBatch(items: readonly RateItem[]): Promise<readonly RateDecision[]> {
    const args: Argument[] = [];
    for (const { key, costUs, capacityUs } of items) args.push(key, costUs, capacityUs);
    const waits = await this.#numbers(TAKE, args);
    return waits.map((waitUs) => toRateDecision({ isAllowed: waitUs === 0, waitUs }));
  }

  protected override async enterBatch(items: readonly PermitItem[]): Promise<readonly PermitDecision[]> {
    const args: Argument[] = [];
    for (const { key, holder, limit, ttlMs } of items) args.push(key, holder, limit, ttlMs);
    const [first = 0, ...waits] = await this.#numbers(ENTER, args);
    let token = first;
    return items.map(({ key, holder }, at) => {
      const retryAfterMs = waits[at] ?? 1;
      return retryAfterMs > 0 ? { retryAfterMs } : { permit: { key, holder, token: token++ }, retryAfterMs };
    });
  }

  protected override async renewBatch(items: readonly RenewItem[]): Promise<readonly boolean[]> {
    const args: Argument[] = [];
    for (const { key, holder, token, ttlMs } of items) args.push(key, holder, token, ttlMs);
    const lost = new Set(await this.#numbers(RENEW_PERMITS, args));
    return items.map((_, at) => !lost.has(at + 1));
  }

  protected override async leaveBatch(items: readonly PermitRef[]): Promise<readonly boolean[]> {
    const args: Argument[] = [];
    for (const { key, holder, token } of items) args.push(key, holder, token);
    const lost = new Set(await this.#numbers(LEAVE, args));
    return items.map((_, at) => !lost.has(at + 1));
  }

  protected override async sweepExpired(limit: number): Promise<number> {
    const { database } = this.#hold;
    // By its own clock the server has deleted them already.
    return database.givenNow === undefined ? 0 : numberOf(await database.run(SWEEP_LIMITS, this.namespace, [limit]));
  }

  protected override disconnect(): Promise<void> {
    return this.#hold.release();
  }

  async #numbers(script: Script, args: readonly Argument[]): Promise<readonly number[]> {
    return listOf(await this.#hold.database.run(script, this.namespace, args)).map(numberOf);
  }
}
