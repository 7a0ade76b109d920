import type { LockStore, StoredLock } from "../contracts/lock-store.ts";
import type { ResultBackend } from "../contracts/result-backend.ts";
import type { WriteOptions } from "../contracts/store.ts";
import { ConflictError } from "../errors.ts";
import type { Envelope } from "../model/envelope.ts";
import { isTerminal } from "../model/task-state.ts";
import type { UniqueSettings } from "../tasks/unique.ts";
import type { Clock } from "../time/clock.ts";

/** A unique call on its way. */
export interface UniqueRequest {
  /** What would be published. */
  readonly envelope: Envelope;
  /** How it is unique. */
  readonly settings: UniqueSettings;
  /** The lock's key. */
  readonly key: string;
  /** How long the lock is taken for at first. */
  readonly firstTtlMs: number;
}

/** Where a unique call stands: it holds the lock and is to be published, or another task stands for it. */
export type UniquePlace =
  | {
    readonly kind: "held";
    /** The lock, whose owner is the task. */
    readonly lock: StoredLock;
    /** The waiting task whose place it takes; absent when there is none. */
    readonly replaces?: StoredLock;
    /** Whether the task held the lock before this call: then it is not this call's to give back. */
    readonly isOld?: true;
  }
  | {
    readonly kind: "existing";
    /** The task that stands for it. */
    readonly id: string;
  };

/** What {@link UniquePlaces} are found with. */
export interface UniquePlacesOptions {
  /** Keeps the locks. */
  readonly lockStore: LockStore;
  /** Knows which tasks have ended. */
  readonly backend: ResultBackend;
  /** Whether a task that waits always has a status. */
  readonly everyTaskHasStatus: boolean;
  /** Compared with the end of locks. */
  readonly clock: Clock;
  /** The locks by their keys that were taken in the caller's transaction, which nobody else sees yet; absent without one. */
  readonly inTransaction: ReadonlyMap<string, StoredLock> | undefined;
}

// A key that is taken and given back all the time lets somebody in within a few tries.
const MOST_TRIES = 8;
// A lock that lasts longer than this is that of a task that was published, also where the clocks of the hosts differ by some minutes.
const SURELY_PUBLISHED_MS = 5 * 60_000;

/** Finds the places of unique calls: takes their locks, also from tasks that have ended and left them behind. */
export class UniquePlaces {
  readonly #options: UniquePlacesOptions;

  /** Makes the finder; nothing is sent. */
  constructor(options: UniquePlacesOptions) {
    this.#options = options;
  }

  /**
   * Finds a place for each request, in order. The places found so far are put into `places`, so that they can be given back when this throws.
   *
   * @throws {ConflictError} when a request is to be rejected because of another task.
   */
  async find(requests: readonly UniqueRequest[], places: (UniquePlace | undefined)[], options: WriteOptions): Promise<void> {
    const locks = await this.#options.lockStore.acquireAll(requests.map(lockRequest), options);
    const taken = new Set(locks.flatMap((lock) => lock === undefined ? [] : [lock.owner]));
    // What was taken first, so that it is known when another request is refused.
    for (const [at, lock] of locks.entries()) if (lock !== undefined) places[at] = { kind: "held", lock };
    const refused = requests.flatMap((request, at) => locks[at] === undefined ? [{ request, at }] : []);
    // To the end of all of them, also when one is rejected: what another takes meanwhile has to be known to be given back.
    const settled = await Promise.allSettled(
      refused.map(async ({ request, at }) => void (places[at] = await this.#placeAmong(request, taken, options))),
    );
    const rejected = settled.find((each) => each.status === "rejected");
    if (rejected !== undefined) throw rejected.reason;
  }

  async #placeAmong(request: UniqueRequest, taken: ReadonlySet<string>, options: WriteOptions): Promise<UniquePlace> {
    const { lockStore } = this.#options;
    const { envelope, settings, key, firstTtlMs } = request;
    const to = { owner: envelope.id, ttl: firstTtlMs };
    const own = this.#options.inTransaction?.get(key);
    if (own !== undefined && await lockStore.isCurrent(own, options)) {
      return own.owner === envelope.id ? { kind: "held", lock: own, isOld: true } : standIn(request, own);
    }
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const holder = await lockStore.ownerOf(key);
      if (holder === undefined) {
        const [lock] = await lockStore.acquireAll([lockRequest(request)], options);
        if (lock !== undefined) return { kind: "held", lock };
        continue;
      }
      if (holder.owner === envelope.id) return { kind: "held", lock: holder, isOld: true };
      // One call's own tasks are not published yet: nothing is known of them, and nothing of theirs can be cancelled.
      const isOfThisCall = taken.has(holder.owner);
      const hasEnded = settings.mode !== "throttle" && !isOfThisCall && await this.#hasEnded(holder);
      if (!hasEnded && (settings.mode !== "debounce" || isOfThisCall)) return standIn(request, holder);
      const lock = await lockStore.transfer(holder, to, options);
      if (lock !== undefined) return { kind: "held", lock, ...(hasEnded ? {} : { replaces: holder }) };
    }
    throw new ConflictError(`Cannot enqueue task "${envelope.name}" (${envelope.id}): its unique key changes hands too fast`, {
      retryable: true,
    });
  }

  /** Whether the task behind a lock is known to be over: it ended where nobody could give the lock back, or its status was forgotten. */
  async #hasEnded(holder: StoredLock): Promise<boolean> {
    const { backend, everyTaskHasStatus, clock } = this.#options;
    const status = await backend.get(holder.owner);
    if (status !== undefined) return isTerminal(status.state);
    return everyTaskHasStatus && holder.expiresAt - clock.now() > SURELY_PUBLISHED_MS;
  }
}

function lockRequest({ envelope, key, firstTtlMs }: UniqueRequest): { readonly key: string; readonly owner: string; readonly ttl: number } {
  return { key, owner: envelope.id, ttl: firstTtlMs };
}

function standIn({ envelope, settings }: UniqueRequest, { owner }: StoredLock): UniquePlace {
  if (settings.mode !== "reject") return { kind: "existing", id: owner };
  throw new ConflictError(`Cannot enqueue task "${envelope.name}" (${envelope.id}): task "${owner}" is the same and has not ended`);
}
