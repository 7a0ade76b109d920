import { KeyedWake } from "../../async/keyed-wake.ts";
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
import { jsonText } from "../json-form.ts";
import { DEFAULT_POLL_MS } from "../store-surface.ts";
import { SqlBroadcasts } from "./broadcasts.ts";
import type { SqlHold } from "./database.ts";
import { SqlDeadLetters } from "./dead-letter-store.ts";
import { toDeliveries } from "./delivery-row.ts";
import { PausedQueues } from "./paused-queues.ts";
import { DueRows } from "./due-rows.ts";
import { ReadyRows } from "./ready-rows.ts";
import { Publisher, publishRow } from "./publish-statements.ts";
import { queueStatements } from "./queue-statements.ts";
import { joinSideOf } from "./join-side.ts";
import { SqlDeliveries } from "./deliveries.ts";
import { SqlLedger } from "./ledger.ts";
import { queueTopic, readyTopic } from "./topics.ts";

/** Options of the SQL brokers. */
export interface SqlBrokerOptions {
  /** Keeps systems on one database apart. @default "stem" */
  readonly namespace?: string | undefined;
  /** Judges all times instead of the store's own clock: for tests. @default the store's clock */
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

/** A broker on the `tasks` table, see `tables.ts`: written once for Postgres and SQLite. */
export class SqlBroker extends BrokerSurface {
  /** The namespace of all its rows. */
  readonly namespace: string;
  protected readonly wakes: KeyedWake<string> = new KeyedWake();
  readonly #hold: SqlHold;
  readonly #letters: SqlDeadLetters;
  readonly #broadcasts: SqlBroadcasts;
  readonly #publisher: Publisher;
  readonly #deliveries: SqlDeliveries;
  readonly #queues: ReturnType<typeof queueStatements>;
  readonly #due: DueRows;
  readonly #ready: ReadyRows;
  readonly #paused: PausedQueues;
  readonly #groupCommit: GroupCommitOptions;

  /** Made by the adapters' entry points. */
  constructor(hold: SqlHold, options: SqlBrokerOptions = {}) {
    super({
      ...options,
      what: `the ${hold.database.adapter} broker`,
      form: jsonText,
      transactions: true,
      groupCommit: options.groupCommit ?? {},
    });
    this.#groupCommit = options.groupCommit ?? {};
    const { database } = hold;
    this.namespace = validateId(options.namespace ?? "stem", "a namespace");
    const shared = { database, namespace: this.namespace, clock: this.clock, logger: this.logger };
    this.#hold = hold;
    this.#letters = new SqlDeadLetters({
      ...shared,
      ttlMs: durationMs(options.deadLetterTtl ?? "7d", "deadLetterTtl", { min: 1 }),
      maxEnvelopeLength: this.maxEnvelopeLength,
    });
    this.#broadcasts = new SqlBroadcasts({ ...shared, pollMs: options.pollMs ?? DEFAULT_POLL_MS });
    this.#publisher = new Publisher(database, "publish");
    this.#deliveries = new SqlDeliveries({ ...shared, letters: this.#letters });
    this.#queues = queueStatements(database);
    this.#due = new DueRows(shared);
    this.#ready = new ReadyRows({ ...shared, due: this.#due, withStatus: false });
    this.#paused = new PausedQueues(database, this.namespace);
  }

  /** Gives the atomic ledger of this broker and a backend on the same database and namespace; otherwise `undefined`. */
  override joinWith(backend: ResultBackend): TaskLedger | undefined {
    const side = joinSideOf(backend);
    if (side === undefined || side.database !== this.#hold.database || side.namespace !== this.namespace) return undefined;
    return new SqlLedger({
      database: side.database,
      namespace: this.namespace,
      due: this.#due,
      letters: this.#letters,
      results: side,
      limits: { ...this.envelopeLimits, status: side.limits },
      groupCommit: this.#groupCommit,
      transactionOf: (options) => {
        side.requireOpen();
        return this.transactionOf(options);
      },
      claimSource: (claimNow) => this.claimSource(claimNow),
    });
  }

  protected override async publishBatch(items: readonly PublishItem[], tx?: object): Promise<readonly boolean[]> {
    const signal = this.#queueTopics(items.map(({ envelope }) => envelope));
    const accepted = await this.#publisher.accept(this.namespace, items.map(publishRow), { tx, signal });
    return items.map(({ envelope }) => accepted.has(envelope.id));
  }

  protected override async claimNow(request: ClaimRequest): Promise<readonly Delivery[]> {
    return toDeliveries(await this.#ready.claim(request));
  }

  protected override settleBatch(items: readonly SettleItem[], tx?: object): Promise<readonly boolean[]> {
    return this.#deliveries.settle(items, tx);
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

  protected override async purgeQueue(queue: string): Promise<number> {
    const { namespace: ns } = this;
    const [removed, cleared] = await Promise.all([this.#queues.remove.run({ ns, queue }), this.#queues.clear.run({ ns, queue })]);
    return removed.length + cleared.length;
  }

  protected override async countsOf(queue: string): Promise<QueueCounts> {
    const [counts] = await this.#queues.counts.run({ ns: this.namespace, queue });
    return counts ?? { ready: 0, delayed: 0, inflight: 0, dead: 0 };
  }

  protected override nextDueIn(): Promise<number | undefined> {
    return this.#due.nextDueIn();
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

  protected override listensAtOnce(): boolean {
    return this.#hold.database.signals.listensAtOnce;
  }

  protected override listenFor(queues: readonly string[]): Promise<() => void> {
    const byTopic = new Map(queues.map((queue) => [queueTopic(this.namespace, queue), queue]));
    return this.#hold.database.signals.listen([...byTopic.keys(), readyTopic(this.namespace)], (topic) => {
      const queue = byTopic.get(topic);
      if (queue === undefined) this.wakes.notifyAll();
      else this.wakes.notify(queue);
    });
  }

  protected override async sweepExpired(limit: number): Promise<number> {
    return await this.#letters.sweep(limit) + await this.#broadcasts.sweep(limit);
  }

  protected override disconnect(): Promise<void> {
    return this.#hold.release();
  }

  #queueTopics(parts: readonly { readonly queue: string }[]): readonly string[] {
    return [...new Set(parts.map(({ queue }) => queueTopic(this.namespace, queue)))];
  }
}
