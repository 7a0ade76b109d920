import type { LockStore, StoredLock } from "../contracts/lock-store.ts";
import type { Logger } from "../contracts/logger.ts";
import type { ResultBackend } from "../contracts/result-backend.ts";
import type { WriteOptions } from "../contracts/store.ts";
import type { TaskLedger } from "../contracts/task-ledger.ts";
import { ConfigError, UnsupportedError } from "../errors.ts";
import type { Envelope } from "../model/envelope.ts";
import type { UniqueSettings } from "../tasks/unique.ts";
import type { Clock } from "../time/clock.ts";
import { uniqueKey } from "./unique-key.ts";
import type { UniquePlace, UniqueRequest } from "./unique-places.ts";
import { UniquePlaces } from "./unique-places.ts";

/** What {@link Uniqueness} works with. */
export interface UniquenessOptions {
  /** Keeps the locks; without one no call can be unique. */
  readonly lockStore: LockStore | undefined;
  /** Publishes, and cancels what is replaced. */
  readonly ledger: Pick<TaskLedger, "atomic" | "enqueue" | "cancel">;
  /** Knows which tasks have ended. */
  readonly backend: ResultBackend;
  /** Gives instants. */
  readonly clock: Clock;
  /** Where is told that a lock could not be given back or prolonged. */
  readonly logger: Logger;
}

/** A call that is ready to be published. */
export interface PreparedCall {
  /** What to publish. */
  readonly envelope: Envelope;
  /** The arguments, before they were encoded. */
  readonly args: unknown;
  /** How it is unique; absent when it is not. */
  readonly settings: UniqueSettings | undefined;
}

/** What became of a call. */
export interface EnqueuedCall {
  /** The task: the call's own, or the one that stands for it. */
  readonly id: string;
  /** Whether this call's task was accepted. */
  readonly accepted: boolean;
}

// So long a lock lasts whose task was not published, because its producer died in between.
const PUBLISH_TTL_MS = 30_000;
const LONGEST_TTL_MS = 3_650 * 24 * 60 * 60 * 1_000;

/**
 * Publishes unique calls: takes their locks, publishes, and then holds the locks for as long as the tasks may wait. What was taken is given back
 * when publishing fails; what a producer that died left behind ends by itself.
 */
export class Uniqueness {
  readonly #options: UniquenessOptions;
  readonly #taken = new WeakMap<object, Map<string, StoredLock>>();

  /** Makes it; nothing is sent. */
  constructor(options: UniquenessOptions) {
    this.#options = options;
  }

  /**
   * Refuses calls that cannot be unique here.
   *
   * @throws {ConfigError} when there is no lock store.
   * @throws {UnsupportedError} for a debounce within a transaction.
   */
  require(calls: readonly Pick<PreparedCall, "settings">[], options: WriteOptions): LockStore {
    const { lockStore } = this.#options;
    if (lockStore === undefined) throw new ConfigError("Cannot enqueue a unique task: this Stem has no lockStore");
    if (options.tx !== undefined && calls.some(({ settings }) => settings?.mode === "debounce")) {
      throw new UnsupportedError(
        "Cannot debounce a task within a transaction: the one that waits would be cancelled although it rolls back",
      );
    }
    return lockStore;
  }

  /**
   * Publishes calls of which at least one is unique, all or none. Answers each, in order.
   *
   * @throws {ConflictError} when one is to be rejected because another task is the same; nothing is published then.
   */
  async enqueue(calls: readonly PreparedCall[], options: WriteOptions): Promise<readonly EnqueuedCall[]> {
    const lockStore = this.require(calls, options);
    const { backend, ledger, clock } = this.#options;
    const requests = new Map<Envelope, UniqueRequest>();
    for (const { envelope, args, settings } of calls) {
      if (settings === undefined) continue;
      // Together with the publication in one transaction, or for the time until it.
      const firstTtlMs = settings.mode === "throttle" || options.tx !== undefined
        ? lastingMs(envelope, settings, clock)
        : Math.min(PUBLISH_TTL_MS, settings.ttlMs);
      requests.set(envelope, { envelope, settings, key: await uniqueKey(envelope, settings, args), firstTtlMs });
    }
    const inTransaction = options.tx === undefined ? undefined : this.#takenIn(options.tx);
    const finder = new UniquePlaces({ lockStore, backend, everyTaskHasStatus: ledger.atomic, clock, inTransaction });
    const found: (UniquePlace | undefined)[] = Array.from(requests, () => undefined);
    try {
      await finder.find([...requests.values()], found, options);
      const places = new Map([...requests.keys()].map((envelope, at) => [envelope, found[at]]));
      for (const place of places.values()) if (place?.kind === "held") inTransaction?.set(place.lock.key, place.lock);
      return await this.#publish(calls, places, options);
    } catch (error) {
      await this.#giveBack(found.filter((place) => place !== undefined), options);
      throw error;
    }
  }

  #takenIn(tx: object): Map<string, StoredLock> {
    const known = this.#taken.get(tx) ?? new Map<string, StoredLock>();
    this.#taken.set(tx, known);
    return known;
  }

  async #publish(
    calls: readonly PreparedCall[],
    places: ReadonlyMap<Envelope, UniquePlace | undefined>,
    options: WriteOptions,
  ): Promise<readonly EnqueuedCall[]> {
    const published = calls.filter(({ envelope }) => places.get(envelope)?.kind !== "existing");
    const answers = published.length === 0 ? [] : await this.#options.ledger.enqueue(
      published.map((call) => claimed(call, places.get(call.envelope))),
      options,
    );
    const accepted = new Set(published.filter((_, at) => answers[at] === true).map(({ envelope }) => envelope));
    await this.#conclude(published, places, accepted, options);
    return calls.map(({ envelope }) => {
      const place = places.get(envelope);
      return place?.kind === "existing" ? { id: place.id, accepted: false } : { id: envelope.id, accepted: accepted.has(envelope) };
    });
  }

  /** What follows the publication. It has happened, so nothing of this may fail the call. */
  async #conclude(
    published: readonly PreparedCall[],
    places: ReadonlyMap<Envelope, UniquePlace | undefined>,
    accepted: ReadonlySet<Envelope>,
    options: WriteOptions,
  ): Promise<void> {
    const { ledger, clock } = this.#options;
    const held = published.flatMap(({ envelope, settings }) => {
      const place = places.get(envelope);
      return place?.kind === "held" && settings !== undefined ? [{ envelope, settings, place }] : [];
    });
    // A task that was known before is not this call's: it may have ended.
    await this.#giveBack(held.filter(({ envelope }) => !accepted.has(envelope)).map(({ place }) => place), options);
    const fresh = held.filter(({ envelope }) => accepted.has(envelope));
    if (options.tx === undefined) {
      const lasting = fresh.filter(({ settings }) => settings.mode !== "throttle");
      await Promise.all(lasting.map(({ envelope, settings, place }) => this.#prolong(place.lock, lastingMs(envelope, settings, clock))));
    }
    for (const { envelope, place: { replaces } } of fresh) {
      if (replaces === undefined) continue;
      await this.#quietly("cancel the task that was replaced", { taskId: replaces.owner }, async () => {
        await ledger.cancel([replaces.owner], { waitingOnly: true, reason: `replaced by task "${envelope.id}"` });
      });
    }
  }

  async #prolong(lock: StoredLock, ttlMs: number): Promise<void> {
    const { lockStore } = this.#options;
    await this.#quietly("prolong the lock of a unique task", { taskId: lock.owner }, async () => void await lockStore?.renew(lock, ttlMs));
  }

  async #giveBack(places: readonly UniquePlace[], options: WriteOptions): Promise<void> {
    const { lockStore } = this.#options;
    const held = places.filter((place) => place.kind === "held").filter(({ isOld }) => isOld !== true);
    if (held.length === 0) return;
    await this.#quietly("give back the locks of unique tasks", {}, async () => {
      const own = held.filter(({ replaces }) => replaces === undefined).map(({ lock }) => lock);
      if (own.length > 0) await lockStore?.releaseAll(own, options);
      for (const { lock, replaces } of held) {
        if (replaces === undefined) continue;
        const ttl = Math.min(LONGEST_TTL_MS, Math.max(PUBLISH_TTL_MS, replaces.expiresAt - this.#options.clock.now()));
        await lockStore?.transfer(lock, { owner: replaces.owner, ttl }, options);
      }
    });
  }

  async #quietly(action: string, about: object, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      // It ends by itself, or is found to be of a task that has ended.
      this.#options.logger.warn(`Stem could not ${action}`, { ...about, error });
    }
  }
}

/** The envelope with the lock that its worker renews and gives back; a throttle's lock ends by itself. */
function claimed({ envelope, settings }: PreparedCall, place: UniquePlace | undefined): Envelope {
  if (place?.kind !== "held" || settings === undefined || settings.mode === "throttle") return envelope;
  const { key, token } = place.lock;
  return { ...envelope, unique: { key, token, ttlMs: settings.ttlMs } };
}

/** How long the lock of a published task lasts: what waits out its delay has all of its time before it. */
function lastingMs({ delayMs, notBefore = 0 }: Envelope, { mode, ttlMs }: UniqueSettings, clock: Clock): number {
  if (mode === "throttle") return ttlMs;
  return Math.min(LONGEST_TTL_MS, ttlMs + (delayMs ?? Math.max(0, notBefore - clock.now())));
}
