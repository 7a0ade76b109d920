import type { KeyedWake } from "../../async/keyed-wake.ts";
import type { PausedQueue, QueueCounts } from "../../contracts/broker.ts";
import type { Logger } from "../../contracts/logger.ts";
import type { ResultBackend } from "../../contracts/result-backend.ts";
import type { TaskLedger } from "../../contracts/task-ledger.ts";
import type { Delivery } from "../../model/delivery.ts";
import { validateId } from "../../model/id.ts";
import type { Clock } from "../../time/clock.ts";
import type { Duration } from "../../time/duration.ts";
import type { ClaimRequest, ExtendItem, PauseItem, PublishItem, SettleItem } from "../broker-requests.ts";
import { BrokerSurface } from "../broker-surface.ts";
import type { DeadLetterPrimitives } from "../dead-letters-surface.ts";
import { toTtlMs } from "../result-requests.ts";
import type { MemorySpace } from "./database.ts";
import { MemoryDatabase } from "./database.ts";
import * as deadLetters from "./dead-letters.ts";
import * as deliveries from "./deliveries.ts";
import { jsonCopies } from "./json-copies.ts";
import { MemoryLedger } from "./ledger.ts";
import { joinSideOf } from "./results.ts";
import * as statuses from "./statuses.ts";

/** Options of {@link InMemoryBroker}. */
export interface InMemoryBrokerOptions {
  /** What it shares its state with others by. @default a database of its own */
  readonly database?: MemoryDatabase;
  /** Keeps users of one database apart. @default "stem" */
  readonly namespace?: string;
  /** Judges leases, delays and retention. @default the system's clock */
  readonly clock?: Clock;
  /** Where it reports what nobody awaits. @default warnings and errors on the console */
  readonly logger?: Logger;
  /** How long dead letters are kept. @default "7d" */
  readonly deadLetterTtl?: Duration;
  /** The most characters of JSON text that one envelope or broadcast may have. @default 4 MiB */
  readonly maxEnvelopeLength?: number;
}

/**
 * A broker in this process's memory: the reference of what every broker does, for tests and for programs of one process.
 *
 * @example
 * ```ts
 * import { envelope, InMemoryBroker } from "@stem/stem";
 *
 * const broker = new InMemoryBroker();
 * await broker.publish([envelope({ name: "greet" })]);
 * const [delivery] = await broker.claim({ queues: ["default"], limit: 1, consumer: "me" });
 * if (delivery !== undefined) await broker.ack(delivery);
 * await broker.close();
 * ```
 */
export class InMemoryBroker extends BrokerSurface<unknown> {
  protected override readonly wakes: KeyedWake<string>;
  readonly #space: MemorySpace;
  readonly #deadLetterTtlMs: number;

  /** Makes a broker; nothing needs to be connected. */
  constructor(options: InMemoryBrokerOptions = {}) {
    super({ ...options, what: "the memory broker", form: jsonCopies, transactions: false });
    this.#space = (options.database ?? new MemoryDatabase()).space(validateId(options.namespace ?? "stem", "a namespace"));
    this.#deadLetterTtlMs = toTtlMs(options.deadLetterTtl ?? "7d", "deadLetterTtl");
    this.wakes = this.#space.queueWakes;
  }

  /** Gives the atomic ledger of this broker and a backend that was made with the same database and namespace; otherwise `undefined`. */
  override joinWith(backend: ResultBackend): TaskLedger | undefined {
    const space = this.#space;
    const side = joinSideOf(backend);
    if (side?.space !== space) return undefined;
    return new MemoryLedger({
      space,
      clock: this.clock,
      deadLetterTtlMs: this.#deadLetterTtlMs,
      limits: { ...this.envelopeLimits, status: side.limits },
      transactionOf: (options) => {
        side.requireOpen();
        return this.transactionOf(options);
      },
      claimSource: (claimNow) => this.claimSource(claimNow),
    });
  }

  protected override async publishBatch(items: readonly PublishItem<unknown>[]): Promise<readonly boolean[]> {
    const now = this.clock.now();
    return items.map((item) => deliveries.publish(this.#space, item, now));
  }

  protected override async claimNow(request: ClaimRequest): Promise<readonly Delivery[]> {
    return deliveries.claim(this.#space, request, this.clock.now());
  }

  protected override async settleBatch(items: readonly SettleItem[]): Promise<readonly boolean[]> {
    const times = { now: this.clock.now(), deadLetterTtlMs: this.#deadLetterTtlMs };
    return items.map((item) => deliveries.settle(this.#space, item, times));
  }

  protected override async extendBatch(items: readonly ExtendItem[]): Promise<readonly (number | undefined)[]> {
    const now = this.clock.now();
    return items.map((item) => deliveries.extend(this.#space, item, now));
  }

  protected override async pause({ queue, reason, by }: PauseItem): Promise<boolean> {
    const { pausedQueues } = this.#space;
    if (pausedQueues.has(queue)) return false;
    const given = { ...(reason === undefined ? {} : { reason }), ...(by === undefined ? {} : { by }) };
    pausedQueues.set(queue, { queue, ...given, pausedAt: this.clock.now() });
    return true;
  }

  protected override async resume(queue: string): Promise<boolean> {
    const wasPaused = this.#space.pausedQueues.delete(queue);
    if (wasPaused) this.wakes.notify(queue);
    return wasPaused;
  }

  protected override async listPaused(): Promise<readonly PausedQueue[]> {
    return [...this.#space.pausedQueues.values()].map((paused) => ({ ...paused }));
  }

  protected override async purgeQueue(queue: string): Promise<number> {
    const waiting = deliveries.waitingIn(this.#space, queue, this.clock.now());
    for (const envelope of waiting) deliveries.forget(this.#space, envelope);
    return waiting.length;
  }

  protected override async countsOf(queue: string): Promise<QueueCounts> {
    const now = this.clock.now();
    const counts = this.#space.queues.get(queue)?.counts(now) ?? { ready: 0, delayed: 0, inflight: 0 };
    return { ...counts, dead: deadLetters.matching(this.#space, { queue }, now).length };
  }

  protected override async nextDueIn(queues: readonly string[]): Promise<number | undefined> {
    const now = this.clock.now();
    const times = deliveries.openQueues(this.#space, queues).flatMap((queue) => queue.nextDueIn(now) ?? []);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  protected override async sweepExpired(limit: number): Promise<number> {
    return this.#space.deadLetters.sweep(this.clock.now(), limit);
  }

  protected override get deadLetterPrimitives(): DeadLetterPrimitives {
    const space = this.#space;
    const now = this.clock.now();
    return {
      list: async (filter, limit, before) => deadLetters.list(deadLetters.matching(space, filter, now), limit, before),
      get: async (id) => {
        const letter = space.deadLetters.get(id, now);
        return letter === undefined ? undefined : deadLetters.toDeadLetter(letter);
      },
      replay: async (request) => {
        const replayed = deadLetters.replay(space, request, now);
        // A status that is kept beside its dead letter goes on with it.
        if (!request.dryRun) { for (const envelope of replayed) statuses.requeue(space, envelope, { now, limits: this.envelopeLimits }); }
        return replayed.map(({ id }) => id);
      },
      purge: async (filter) => deadLetters.matching(space, filter, now).filter(({ id }) => space.deadLetters.delete(id, now)).length,
    };
  }

  protected override async send(channel: string, text: string): Promise<void> {
    const sentAt = this.clock.now();
    for (const listener of this.#space.channels.get(channel) ?? []) listener(text, sentAt);
  }

  protected override listen(channel: string, heard: (text: string, sentAt: number) => void): () => void {
    const { channels } = this.#space;
    // Wrapped, so that a function that listens twice is called twice and leaves one at a time.
    const listener = (text: string, sentAt: number): void => heard(text, sentAt);
    const listeners = channels.get(channel) ?? new Set();
    channels.set(channel, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && channels.get(channel) === listeners) channels.delete(channel);
    };
  }

  protected override async disconnect(): Promise<void> {
    // The database belongs to whoever holds it; waits and subscriptions have ended by now.
  }
}
