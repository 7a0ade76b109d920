import { KeyedWake } from "../../async/keyed-wake.ts";
import type { MaybePromise } from "../../async/maybe-promise.ts";
import type { PausedQueue, QueueCounts } from "../../contracts/broker.ts";
import type { Logger } from "../../contracts/logger.ts";
import type { ResultBackend } from "../../contracts/result-backend.ts";
import type { TaskLedger } from "../../contracts/task-ledger.ts";
import type { Delivery } from "../../model/delivery.ts";
import { validateId } from "../../model/id.ts";
import type { Clock } from "../../time/clock.ts";
import type { Duration } from "../../time/duration.ts";
import { durationMs } from "../../time/duration.ts";
import type { ClaimRequest, ExtendItem, PauseItem, PublishItem, SettleItem } from "../broker-requests.ts";
import { BrokerSurface } from "../broker-surface.ts";
import type { GroupCommitOptions } from "../call-group.ts";
import type { DeadLetterPrimitives } from "../dead-letters-surface.ts";
import { RedisBroadcasts } from "./broadcasts.ts";
import { holding } from "../database-hold.ts";
import { jsonText } from "../json-form.ts";
import { inPairs } from "./in-pairs.ts";
import type { RedisHold } from "./database.ts";
import { RedisDeadLetters } from "./dead-letters.ts";
import { RedisDeliveries } from "./deliveries.ts";
import { joinSideOf } from "./join-side.ts";
import { RedisLedger } from "./ledger.ts";
import { RedisPausedQueues } from "./paused-queues.ts";
import { WaitingClaims } from "./waiting-claims.ts";
import type { RedisOpenOptions, RedisUse } from "./open.ts";
import { openRedis, useRedis } from "./open.ts";

/** Options of {@link RedisStreamsBroker}. */
export interface RedisBrokerOptions {
  /** Keeps systems on one database apart. @default "stem" */
  readonly namespace?: string | undefined;
  /** Judges all times instead of the server's clock: for tests. @default the server's clock */
  readonly clock?: Clock | undefined;
  /** Where the broker reports what nobody awaits. @default warnings and errors on the console */
  readonly logger?: Logger | undefined;
  /** How long dead letters are kept. @default seven days */
  readonly deadLetterTtl?: Duration | undefined;
  /** The most characters of JSON text that one envelope may have. @default 4 MiB */
  readonly maxEnvelopeLength?: number | undefined;
  /** How often a wait looks again although nothing woke it. @default 1,000 */
  readonly pollMs?: number | undefined;
  /** How calls made at the same time share round trips. @default up to 1,000 calls or 4 MiB */
  readonly groupCommit?: GroupCommitOptions | undefined;
}

/**
 * A broker on Redis or Valkey. Its queues are sorted sets, since a stream can keep neither priorities nor the place of what is put back;
 * broadcasts are streams.
 */
export class RedisStreamsBroker extends BrokerSurface {
  /** The namespace of all its keys. */
  readonly namespace: string;
  protected readonly wakes: KeyedWake<string> = new KeyedWake();
  readonly #hold: RedisHold;
  readonly #letters: RedisDeadLetters;
  readonly #broadcasts: RedisBroadcasts;
  readonly #deliveries: RedisDeliveries;
  readonly #paused: RedisPausedQueues;
  readonly #waits: WaitingClaims;
  readonly #groupCommit: GroupCommitOptions;
  readonly #deadLetterTtlMs: number;

  /**
   * Connects to a server (`redis://user:password@host:port/database`, `rediss:` for TLS).
   *
   * @throws {ConfigError} when the URL or an option cannot be used, or the server is too old.
   * @throws {StoreError} when the server cannot be reached, or refuses, within the deadline.
   */
  static async connect(url: string, options: RedisOpenOptions & RedisBrokerOptions = {}): Promise<RedisStreamsBroker> {
    return holding(await openRedis(url, options), 1, (hold) => new RedisStreamsBroker(hold, options));
  }

  /** Works on the server of the caller's own ioredis client, with connections of its own; the client stays the caller's to close. */
  static async fromClient(client: object, options: RedisUse & RedisBrokerOptions = {}): Promise<RedisStreamsBroker> {
    return holding(await useRedis(client, options), 1, (hold) => new RedisStreamsBroker(hold, options));
  }

  /** Made by the adapter's entry points. */
  constructor(hold: RedisHold, options: RedisBrokerOptions = {}) {
    const groupCommit = inPairs(options.groupCommit);
    super({ ...options, what: `the ${hold.database.adapter} broker`, form: jsonText, transactions: false, groupCommit });
    this.#groupCommit = groupCommit;
    this.#deadLetterTtlMs = durationMs(options.deadLetterTtl ?? "7d", "deadLetterTtl", { min: 1 });
    const { database } = hold;
    this.namespace = validateId(options.namespace ?? "stem", "a namespace");
    this.#hold = hold;
    const shared = { database, namespace: this.namespace };
    this.#letters = new RedisDeadLetters({ ...shared, maxEnvelopeLength: this.maxEnvelopeLength });
    this.#broadcasts = new RedisBroadcasts({ ...shared, clock: this.clock, logger: this.logger, pollMs: this.pollMs });
    this.#deliveries = new RedisDeliveries({ ...shared, deadLetterTtlMs: this.#deadLetterTtlMs });
    this.#waits = new WaitingClaims({ ...shared, notify: (queue) => this.wakes.notify(queue) });
    this.#paused = new RedisPausedQueues(database, this.namespace);
  }

  /** Gives the atomic ledger of this broker and a backend on the same database and namespace; otherwise `undefined`. */
  override joinWith(backend: ResultBackend): TaskLedger | undefined {
    const side = joinSideOf(backend);
    if (side === undefined || side.database !== this.#hold.database || side.namespace !== this.namespace) return undefined;
    return new RedisLedger({
      database: side.database,
      namespace: this.namespace,
      deadLetterTtlMs: this.#deadLetterTtlMs,
      letters: this.#letters,
      waits: this.#waits,
      limits: { ...this.envelopeLimits, status: side.limits },
      groupCommit: this.#groupCommit,
      transactionOf: (options) => {
        side.requireOpen();
        return this.transactionOf(options);
      },
      claimSource: (claimNow) => this.claimSource(claimNow),
    });
  }

  protected override publishBatch(items: readonly PublishItem[]): Promise<readonly boolean[]> {
    return this.#deliveries.publish(items);
  }

  protected override async claimNow(request: ClaimRequest): Promise<readonly Delivery[]> {
    const { queues } = request;
    return this.#waits.noted(queues, await this.#deliveries.claim(request, this.#waits.argumentsOf(queues)));
  }

  protected override settleBatch(items: readonly SettleItem[]): Promise<readonly boolean[]> {
    return this.#deliveries.settle(items);
  }

  protected override extendBatch(items: readonly ExtendItem[]): Promise<readonly (number | undefined)[]> {
    return this.#deliveries.extend(items);
  }

  protected override pause(item: PauseItem): Promise<boolean> {
    return this.#paused.pause(item);
  }

  protected override resume(queue: string): Promise<boolean> {
    return this.#paused.resume(queue);
  }

  protected override listPaused(): Promise<readonly PausedQueue[]> {
    return this.#paused.list();
  }

  protected override purgeQueue(queue: string): Promise<number> {
    return this.#deliveries.purge(queue);
  }

  protected override countsOf(queue: string): Promise<QueueCounts> {
    return this.#deliveries.counts(queue);
  }

  protected override async nextDueIn(queues: readonly string[]): Promise<number | undefined> {
    return this.#waits.nextDueIn(queues);
  }

  protected override get deadLetterPrimitives(): DeadLetterPrimitives {
    return this.#letters;
  }

  protected override send(channel: string, text: string): Promise<void> {
    return this.#broadcasts.send(channel, text);
  }

  protected override listen(channel: string, heard: (text: string, sentAt: number) => void): Promise<() => void> {
    return this.#broadcasts.listen(channel, heard);
  }

  protected override listenFor(queues: readonly string[]): MaybePromise<() => void> {
    return this.#waits.begin(queues);
  }

  protected override listensAtOnce(queues: readonly string[]): boolean {
    return this.#waits.beginAtOnce(queues);
  }

  protected override sweepExpired(limit: number): Promise<number> {
    return this.#letters.sweep(limit);
  }

  protected override disconnect(): Promise<void> {
    this.#waits.close();
    return this.#hold.release();
  }
}
