import { PayloadError } from "../errors.ts";
import type { KeyedWake } from "../async/keyed-wake.ts";
import type { MaybePromise } from "../async/maybe-promise.ts";
import { passOn } from "../async/maybe-promise.ts";
import type {
  Broadcast,
  Broker,
  ClaimOptions,
  ConsumeOptions,
  DeadLetters,
  PausedQueue,
  PauseOptions,
  QueueCounts,
} from "../contracts/broker.ts";
import type { ResultBackend } from "../contracts/result-backend.ts";
import type { WriteOptions } from "../contracts/store.ts";
import type { TaskLedger } from "../contracts/task-ledger.ts";
import type { Delivery, SettleRequest } from "../model/delivery.ts";
import type { Envelope } from "../model/envelope.ts";
import { show, validateId } from "../model/id.ts";
import { toText } from "../model/json-text.ts";
import { validateInteger } from "../model/numbers.ts";
import type { TaskFailure } from "../model/task-failure.ts";
import { BroadcastFeed } from "./broadcast-feed.ts";
import type { ClaimRequest, EnvelopeLimits, ExtendItem, PauseItem, PublishItem, SettleItem } from "./broker-requests.ts";
import { repeatedEnvelope, toClaimRequest, toExtendItems, toPauseItem, toPublishItems, toSettleItems } from "./broker-requests.ts";
import type { GroupCommitOptions } from "./call-group.ts";
import { CallGroup } from "./call-group.ts";
import type { ClaimSource } from "./claim-loop.ts";
import { claimOrWait } from "./claim-loop.ts";
import type { Ahead } from "./consumption.ts";
import { Consumption, toConsumeRequest } from "./consumption.ts";
import type { DeadLetterPrimitives } from "./dead-letters-surface.ts";
import { DeadLettersSurface } from "./dead-letters-surface.ts";
import type { JsonForm } from "./json-form.ts";
import type { RepeatOptions } from "./repeats.ts";
import { withoutRepeats } from "./repeats.ts";
import type { StoreSurfaceOptions } from "./store-surface.ts";
import { DEFAULT_MAX_TEXT_LENGTH, StoreSurface } from "./store-surface.ts";

/** What a broker class tells its surface. */
export interface BrokerSurfaceOptions<Json = string> extends StoreSurfaceOptions {
  /** As what it keeps envelopes. */
  readonly form: JsonForm<Json>;
  /** The most characters of JSON text that one envelope or broadcast may have. @default 4 MiB */
  readonly maxEnvelopeLength?: number | undefined;
  /** How calls made at the same time share round trips. @default each goes by itself */
  readonly groupCommit?: GroupCommitOptions | undefined;
}

/**
 * What all brokers do alike: checking arguments, waiting, grouping calls, the single-item forms, consuming.
 *
 * A store adds the protected primitives. They are only called with checked, non-empty input, and wrap their driver's errors.
 *
 * The order of claims is the same in every store: by priority, then by publication. An envelope keeps its place through delay, retry,
 * `nack` and redelivery; a replayed dead letter is a new publication.
 *
 * `Json` is as what the store keeps envelopes.
 */
export abstract class BrokerSurface<Json = string> extends StoreSurface implements Broker {
  /** The tasks that were given up on. */
  readonly deadLetters: DeadLetters;
  /** The most characters of JSON text that one envelope or broadcast may have. */
  protected readonly maxEnvelopeLength: number;
  readonly #form: JsonForm<Json>;
  readonly #publishing: CallGroup<PublishItem<Json>, boolean>;
  readonly #settling: CallGroup<SettleItem, boolean>;
  readonly #extending: CallGroup<ExtendItem, number | undefined>;
  readonly #consumptions = new Set<Consumption>();
  readonly #feeds = new Set<BroadcastFeed>();
  readonly #claims = new Set<Promise<unknown>>();

  /** Prepares the surface; nothing is connected. */
  constructor(options: BrokerSurfaceOptions<Json>) {
    super(options);
    const { groupCommit, form } = options;
    this.#form = form;
    this.maxEnvelopeLength = options.maxEnvelopeLength ?? DEFAULT_MAX_TEXT_LENGTH;
    this.deadLetters = new DeadLettersSurface(() => {
      this.requireOpen();
      return this.deadLetterPrimitives;
    });
    this.#publishing = new CallGroup({
      name: "publish",
      groupCommit,
      lengthOf: (item) => form.lengthOf(item.text),
      run: (items) => this.#publishOnce(items),
    });
    this.#settling = new CallGroup({ name: "settle", groupCommit, run: (items) => this.#settleOnce(items) });
    this.#extending = new CallGroup({ name: "extendLease", groupCommit, run: (items) => this.extendBatch(items) });
  }

  /** Accepts envelopes, all or none. Answers one boolean each, in order: false for ids that are known, and for later items of an id. */
  publish(envelopes: readonly Envelope[], options?: WriteOptions): Promise<readonly boolean[]> {
    return passOn(() => {
      const tx = this.transactionOf(options);
      const items = toPublishItems(envelopes, this.envelopeLimits);
      if (items.length === 0) return Promise.resolve([]);
      return tx === undefined ? this.#publishing.call(items) : this.#publishOnce(items, tx);
    });
  }

  /** Hands out claimable envelopes, or waits for them. */
  async claim(options: ClaimOptions): Promise<readonly Delivery[]> {
    this.requireOpen();
    return await claimOrWait(toClaimRequest(options), this.claimSource((request) => this.claimNow(request)));
  }

  /** Carries out many decisions. Answers one boolean each, in order: false when the delivery was stale. */
  async settle(requests: readonly SettleRequest[], options?: WriteOptions): Promise<readonly boolean[]> {
    const tx = this.transactionOf(options);
    const items = toSettleItems(requests);
    if (items.length === 0) return [];
    return await (tx === undefined ? this.#settling.call(items) : this.#settleOnce(items, tx));
  }

  /** Settles one delivery as done. False when it was stale. */
  ack(delivery: Delivery): Promise<boolean> {
    return this.#settleOne({ delivery, settlement: { kind: "ack" } });
  }

  /** Settles one delivery for another attempt after `delayMs`. False when it was stale. */
  retry(delivery: Delivery, delayMs = 0): Promise<boolean> {
    return this.#settleOne({ delivery, settlement: { kind: "retry", delayMs } });
  }

  /** Puts one delivery back after `delayMs` without burning an attempt. False when it was stale. */
  nack(delivery: Delivery, delayMs = 0): Promise<boolean> {
    return this.#settleOne({ delivery, settlement: { kind: "nack", delayMs } });
  }

  /** Moves one delivery to the dead letters. False when it was stale. */
  deadLetter(delivery: Delivery, reason: string, error?: TaskFailure): Promise<boolean> {
    return this.#settleOne({ delivery, settlement: { kind: "deadLetter", reason, ...(error === undefined ? {} : { error }) } });
  }

  /** Holds deliveries for `leaseMs` from the store's now. Answers the new expiry of each, in order; `undefined` when it was stale. */
  async extendLease(deliveries: readonly Delivery[], leaseMs: number): Promise<readonly (number | undefined)[]> {
    this.requireOpen();
    const items = toExtendItems(deliveries, leaseMs);
    return items.length === 0 ? [] : await this.#extending.call(items);
  }

  /** Claims one after the other, until the signal aborts or the broker is closed; bad options are told by the first step. */
  async *consume(options: ConsumeOptions): AsyncGenerator<Delivery, void, undefined> {
    this.requireOpen();
    const consumption = new Consumption(toConsumeRequest(options), {
      claim: (request) => this.#claimAhead(request),
      deadLetter: (delivery, reason) => this.deadLetter(delivery, reason),
      now: () => this.clock.monotonic(),
      isClosed: () => this.closed,
    });
    this.#consumptions.add(consumption);
    try {
      yield* consumption.deliveries();
    } finally {
      this.#consumptions.delete(consumption);
      const ahead = consumption.takeAhead();
      if (ahead.length > 0) await this.settle(ahead);
    }
  }

  /** Has a queue hand out nothing until it is resumed. False when it was paused already: the first reason stays. */
  async pauseQueue(queue: string, options: PauseOptions = {}): Promise<boolean> {
    this.requireOpen();
    return this.pause(toPauseItem(queue, options));
  }

  /** Has a queue hand out again, and wakes those who wait for it. False when it was not paused. */
  async resumeQueue(queue: string): Promise<boolean> {
    this.requireOpen();
    return this.resume(validateId(queue, "a queue's name"));
  }

  /** Tells which queues are paused, by name. */
  async pausedQueues(): Promise<readonly PausedQueue[]> {
    this.requireOpen();
    return [...await this.listPaused()].sort((a, b) => a.queue < b.queue ? -1 : 1);
  }

  /** Forgets everything of a queue that no consumer holds. Returns how many envelopes. */
  async purge(queue: string): Promise<number> {
    this.requireOpen();
    return this.purgeQueue(validateId(queue, "a queue's name"));
  }

  /** Counts a queue; all zero when nothing is known of it. */
  async counts(queue: string): Promise<QueueCounts> {
    this.requireOpen();
    return this.countsOf(validateId(queue, "a queue's name"));
  }

  /** Deletes expired dead letters and broadcasts, at most `limit` of each (default 500). Returns how many were deleted. */
  async sweep(options: { readonly limit?: number } = {}): Promise<number> {
    this.requireOpen();
    return this.sweepExpired(validateInteger(options.limit ?? 500, "the limit of a sweep", { min: 1, max: 100_000 }));
  }

  /** Sends a JSON value to every subscriber of the channel. Nobody listening is fine. */
  async broadcast(channel: string, message: unknown): Promise<void> {
    this.requireOpen();
    validateId(channel, "a channel's name");
    const what = `a broadcast to channel ${show(channel)}`;
    const text = toText(message, what, this.maxEnvelopeLength);
    if (text === undefined) throw new PayloadError(`Cannot store ${what}: undefined has no JSON text`);
    await this.send(channel, text);
  }

  /** Listens to a channel: what is sent after the promise resolved arrives, until the signal aborts. */
  async subscribe(channel: string, options: { readonly signal: AbortSignal }): Promise<AsyncIterable<Broadcast>> {
    this.requireOpen();
    const feed = new BroadcastFeed(validateId(channel, "a channel's name"), options.signal);
    feed.onEnd(await this.listen(channel, (text, sentAt) => feed.push(text, sentAt)));
    if (this.closed) feed.close();
    this.requireOpen();
    this.#feeds.add(feed);
    feed.onEnd(() => this.#feeds.delete(feed));
    return feed;
  }

  /** Offers to write status and delivery in one step when the backend lives in the same database; otherwise `undefined`. */
  abstract joinWith(backend: ResultBackend): TaskLedger | undefined;

  /**
   * Accepts envelopes, all or none; no id comes twice. Wakes the claims that wait on their queues, also for those that are hidden yet.
   * Any number may come: a store that must split them does so inside one transaction.
   */
  protected abstract publishBatch(items: readonly PublishItem<Json>[], tx?: object): Promise<readonly boolean[]>;
  /** Claims what is claimable now, nothing of a paused queue. The objects it returns are fresh. */
  protected abstract claimNow(request: ClaimRequest): Promise<readonly Delivery[]>;
  /** Carries out decisions, all or none of those that are not stale; no pair of id and token comes twice. Wakes as publishing does. */
  protected abstract settleBatch(items: readonly SettleItem[], tx?: object): Promise<readonly boolean[]>;
  /** Moves leases; answers the new expiries. */
  protected abstract extendBatch(items: readonly ExtendItem[]): Promise<readonly (number | undefined)[]>;
  /** Records that a queue is paused from now on; false when it was. */
  protected abstract pause(item: PauseItem): Promise<boolean>;
  /** Forgets that a queue is paused, and wakes the claims that wait on it; false when it was not. */
  protected abstract resume(queue: string): Promise<boolean>;
  /** Gives the paused queues, in any order. The objects it returns are fresh. */
  protected abstract listPaused(): Promise<readonly PausedQueue[]>;
  /** Forgets what is ready or delayed. */
  protected abstract purgeQueue(queue: string): Promise<number>;
  /** Counts; a lease that has run out counts as ready. */
  protected abstract countsOf(queue: string): Promise<QueueCounts>;
  /**
   * How long until something of the queues falls due, leases included, in milliseconds, 0 when it is due; absent when nothing will. Nothing
   * that can be claimed may be missed; what is due in a paused queue must not be told again and again.
   */
  protected abstract nextDueIn(queues: readonly string[]): Promise<number | undefined>;
  /** Deletes expired dead letters and broadcasts, at most `limit` of each. */
  protected abstract sweepExpired(limit: number): Promise<number>;
  /** The dead letters of the store. */
  protected abstract readonly deadLetterPrimitives: DeadLetterPrimitives;
  /** Sends JSON text to every listener of the channel. */
  protected abstract send(channel: string, text: string): Promise<void>;
  /** Calls back for each text sent to the channel from when it resolves, once and in order; returns what ends that. */
  protected abstract listen(channel: string, heard: (text: string, sentAt: number) => void): MaybePromise<() => void>;
  /** Notified by queue name whenever something may have become claimable, or may fall due sooner than before. */
  protected abstract readonly wakes: KeyedWake<string>;

  /** Makes sure that news of these queues reach {@link BrokerSurface.wakes} from now on; returns what ends that. Default: nothing to do. */
  protected listenFor(_queues: readonly string[]): MaybePromise<() => void> {
    return () => undefined;
  }

  /** Whether {@link BrokerSurface.listenFor} needs no time for these queues. Default: as if it did. */
  protected listensAtOnce(_queues: readonly string[]): boolean {
    return false;
  }

  /** What envelopes are held to. */
  protected get envelopeLimits(): EnvelopeLimits<Json> {
    return { form: this.#form, maxEnvelopeLength: this.maxEnvelopeLength };
  }

  /** What a waiting claim needs; a ledger passes its own way of claiming. */
  protected claimSource(claimNow: ClaimSource["claimNow"]): ClaimSource {
    return {
      claimNow: (request) => this.#untilAnswered(claimNow(request)),
      nextDueIn: (queues) => this.nextDueIn(queues),
      listenFor: (queues) => this.listenFor(queues),
      listensAtOnce: (queues) => this.listensAtOnce(queues),
      wakes: this.wakes,
      clock: this.clock,
      pollMs: this.pollMs,
      isClosed: () => this.closed,
    };
  }

  /** Ends waiting claims and subscriptions, gives back what consumers claimed ahead, and lets grouped calls finish. */
  protected override async endCalls(): Promise<void> {
    this.wakes.notifyAll();
    for (const feed of this.#feeds) feed.close();
    // What they claim still reaches its claimer.
    await Promise.allSettled(this.#claims);
    const ahead = [...this.#consumptions].flatMap((consumption) => consumption.takeAhead());
    if (ahead.length > 0) await this.#settling.call(toSettleItems(ahead));
    await Promise.all([this.#publishing.flush(), this.#settling.flush(), this.#extending.flush()]);
  }

  async #untilAnswered<T>(claim: Promise<T>): Promise<T> {
    this.#claims.add(claim);
    try {
      return await claim;
    } finally {
      this.#claims.delete(claim);
    }
  }

  #publishOnce(items: readonly PublishItem<Json>[], tx?: object): Promise<readonly boolean[]> {
    return withoutRepeats(items, repeatedEnvelope, (some) => this.publishBatch(some, tx));
  }

  #settleOnce(items: readonly SettleItem[], tx?: object): Promise<readonly boolean[]> {
    return withoutRepeats(items, repeatedDelivery, (some) => this.settleBatch(some, tx));
  }

  async #claimAhead(request: ClaimRequest): Promise<readonly Ahead[]> {
    let startedAt = 0;
    const deliveries = await claimOrWait(
      request,
      this.claimSource((now) => {
        startedAt = this.clock.monotonic();
        return this.claimNow(now);
      }),
    );
    // On this side's clock, and from before the claim: the lease is never longer than this.
    return deliveries.map((delivery) => ({ delivery, goodUntil: startedAt + delivery.leaseExpiresAt - delivery.claimedAt }));
  }

  async #settleOne(request: SettleRequest): Promise<boolean> {
    const [settled = false] = await this.settle([request]);
    return settled;
  }
}

const repeatedDelivery: RepeatOptions<SettleItem, boolean> = {
  idOf: ({ id }) => id,
  keyOf: ({ id, token }) => `${token} ${id}`,
  repeated: false,
};
