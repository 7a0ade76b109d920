import { KeyedWake } from "../../async/keyed-wake.ts";
import type { StoredLock } from "../../contracts/lock-store.ts";
import type { Logger } from "../../contracts/logger.ts";
import { validateId } from "../../model/id.ts";
import type { Clock } from "../../time/clock.ts";
import type { GroupCommitOptions } from "../call-group.ts";
import type { AcquireItem, LockRef, RenewItem, TransferCall } from "../lock-requests.ts";
import { LocksSurface } from "../locks-surface.ts";
import { holding } from "../database-hold.ts";
import type { RedisHold } from "./database.ts";
import { channelOf } from "./keys.ts";
import type { Argument } from "./link.ts";
import { ACQUIRE, ENDS_IN, IS_CURRENT, OWNER_OF, RELEASE, RENEW, SWEEP_LOCKS, TRANSFER } from "./lock-scripts.ts";
import { listOf, numberOf, textOf } from "./reply.ts";
import type { Script } from "./script.ts";
import type { RedisOpenOptions, RedisUse } from "./open.ts";
import { openRedis, useRedis } from "./open.ts";

/** Options of {@link RedisLockStore}. */
export interface RedisLockStoreOptions {
  /** Keeps systems on one database apart. @default "stem" */
  readonly namespace?: string | undefined;
  /** Judges all times instead of the server's clock: for tests. @default the server's clock */
  readonly clock?: Clock | undefined;
  /** Where the store reports what nobody awaits. @default warnings and errors on the console */
  readonly logger?: Logger | undefined;
  /** How often a wait looks again although nothing woke it. @default 1,000 */
  readonly pollMs?: number | undefined;
  /** How calls made at the same time share round trips. @default up to 1,000 calls */
  readonly groupCommit?: GroupCommitOptions | undefined;
}

/** What the store knows of a held lock besides its key, and for how many milliseconds it is held yet. */
interface HeldNow {
  readonly lock: StoredLock;
  readonly leftMs: number;
}

/**
 * A lock store on Redis or Valkey: a key per lock, which the server deletes at the lock's end. Each call is one script over its whole batch.
 */
export class RedisLockStore extends LocksSurface {
  /** The namespace of all its keys. */
  readonly namespace: string;
  protected readonly wakes: KeyedWake<string> = new KeyedWake();
  readonly #hold: RedisHold;

  /** Connects to a server, see {@link RedisStreamsBroker.connect}. */
  static async connect(url: string, options: RedisOpenOptions & RedisLockStoreOptions = {}): Promise<RedisLockStore> {
    return holding(await openRedis(url, options), 1, (hold) => new RedisLockStore(hold, options));
  }

  /** Works on the server of the caller's own ioredis client, with connections of its own; the client stays the caller's to close. */
  static async fromClient(client: object, options: RedisUse & RedisLockStoreOptions = {}): Promise<RedisLockStore> {
    return holding(await useRedis(client, options), 1, (hold) => new RedisLockStore(hold, options));
  }

  /** Made by the adapter's entry points. Closing it releases the hold. */
  constructor(hold: RedisHold, options: RedisLockStoreOptions = {}) {
    super({
      ...options,
      what: `the ${hold.database.adapter} lock store`,
      transactions: false,
      groupCommit: options.groupCommit ?? {},
    });
    this.namespace = validateId(options.namespace ?? "stem", "a namespace");
    this.#hold = hold;
  }

  protected override async acquireBatch(items: readonly AcquireItem[]): Promise<readonly (StoredLock | undefined)[]> {
    const args: Argument[] = [];
    for (const { key, owner, ttlMs } of items) args.push(key, owner, ttlMs);
    const [now = 0, first = 0, ...refused] = (await this.#list(ACQUIRE, args)).map(numberOf);
    const without = new Set(refused);
    let token = first;
    return items.map(({ key, owner, ttlMs }, at) =>
      without.has(at + 1) ? undefined : { key, owner, token: token++, expiresAt: now + ttlMs }
    );
  }

  protected override async renewBatch(items: readonly RenewItem[]): Promise<readonly (number | undefined)[]> {
    const args: Argument[] = [];
    for (const { key, owner, token, ttlMs } of items) args.push(key, owner, token, ttlMs);
    const [now = 0, ...refused] = (await this.#list(RENEW, args)).map(numberOf);
    const lost = new Set(refused);
    return items.map(({ ttlMs }, at) => lost.has(at + 1) ? undefined : now + ttlMs);
  }

  protected override async releaseBatch(refs: readonly LockRef[]): Promise<readonly boolean[]> {
    const args: Argument[] = [];
    for (const { key, owner, token } of refs) args.push(key, owner, token);
    const lost = new Set((await this.#list(RELEASE, args)).map(numberOf));
    return refs.map((_, at) => !lost.has(at + 1));
  }

  protected override async handOver({ ref, owner, ttlMs }: TransferCall): Promise<StoredLock | undefined> {
    const { key, owner: former, token: current } = ref;
    const [token, expiresAt] = await this.#list(TRANSFER, [key, former, current, owner, ttlMs]);
    return token === undefined ? undefined : { key, owner, token: numberOf(token), expiresAt: numberOf(expiresAt) };
  }

  protected override async readLock(key: string): Promise<StoredLock | undefined> {
    return (await this.#read(OWNER_OF, key))?.lock;
  }

  protected override async endsIn(key: string): Promise<number | undefined> {
    return (await this.#read(ENDS_IN, key))?.leftMs;
  }

  protected override async holds({ key, token }: LockRef): Promise<boolean> {
    return (await this.#read(IS_CURRENT, key))?.lock.token === token;
  }

  protected override async sweepExpired(limit: number): Promise<number> {
    const { database } = this.#hold;
    // By its own clock the server has deleted them already.
    return database.givenNow === undefined ? 0 : numberOf(await database.run(SWEEP_LOCKS, this.namespace, [limit]));
  }

  protected override listenFor(key: string): Promise<() => void> {
    return this.#hold.database.signals.listen([channelOf(this.namespace, `l:${key}`)], () => this.wakes.notify(key));
  }

  protected override disconnect(): Promise<void> {
    return this.#hold.release();
  }

  async #read(script: Script, key: string): Promise<HeldNow | undefined> {
    const [token, expiresAt, owner, leftMs] = await this.#list(script, [key]);
    if (token === undefined) return undefined;
    return { lock: { key, owner: textOf(owner), token: numberOf(token), expiresAt: numberOf(expiresAt) }, leftMs: numberOf(leftMs) };
  }

  async #list(script: Script, args: readonly Argument[]): Promise<readonly unknown[]> {
    return listOf(await this.#hold.database.run(script, this.namespace, args));
  }
}
