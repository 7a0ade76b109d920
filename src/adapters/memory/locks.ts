import type { KeyedWake } from "../../async/keyed-wake.ts";
import type { StoredLock } from "../../contracts/lock-store.ts";
import type { Logger } from "../../contracts/logger.ts";
import { validateId } from "../../model/id.ts";
import type { Clock } from "../../time/clock.ts";
import type { AcquireItem, LockRef, RenewItem, TransferCall } from "../lock-requests.ts";
import { LocksSurface } from "../locks-surface.ts";
import type { MemorySpace } from "./database.ts";
import { MemoryDatabase } from "./database.ts";

/** Options of {@link InMemoryLockStore}. */
export interface InMemoryLockStoreOptions {
  /** What it shares its state with others by. @default a database of its own */
  readonly database?: MemoryDatabase;
  /** Keeps users of one database apart. @default "stem" */
  readonly namespace?: string;
  /** Judges when locks end. @default the system's clock */
  readonly clock?: Clock;
  /** Where it reports what nobody awaits. @default warnings and errors on the console */
  readonly logger?: Logger;
}

/**
 * Locks in this process's memory: the reference of what every lock store does, for tests and for programs of one process.
 *
 * @example
 * ```ts
 * import { InMemoryLockStore } from "@stem/stem";
 *
 * const locks = new InMemoryLockStore();
 * const lock = await locks.acquire("report", { owner: "me", ttl: "10s" });
 * console.log(await locks.acquire("report", { owner: "you", ttl: "10s" })); // undefined
 * await lock?.release();
 * await locks.close();
 * ```
 */
export class InMemoryLockStore extends LocksSurface {
  protected override readonly wakes: KeyedWake<string>;
  readonly #space: MemorySpace;

  /** Makes a lock store; nothing needs to be connected. */
  constructor(options: InMemoryLockStoreOptions = {}) {
    super({ ...options, what: "the memory lock store", transactions: false });
    this.#space = (options.database ?? new MemoryDatabase()).space(validateId(options.namespace ?? "stem", "a namespace"));
    this.wakes = this.#space.lockWakes;
  }

  protected override async acquireBatch(items: readonly AcquireItem[]): Promise<readonly (StoredLock | undefined)[]> {
    const now = this.clock.now();
    return items.map(({ key, owner, ttlMs }) => {
      if (this.#space.locks.get(key, now) !== undefined) return undefined;
      return this.#keep({ key, owner, token: this.#space.next(), expiresAt: now + ttlMs }, now);
    });
  }

  protected override async renewBatch(items: readonly RenewItem[]): Promise<readonly (number | undefined)[]> {
    const now = this.clock.now();
    return items.map(({ ttlMs, ...ref }) =>
      this.#isHeld(ref, now) ? this.#keep({ ...ref, expiresAt: now + ttlMs }, now).expiresAt : undefined
    );
  }

  protected override async releaseBatch(refs: readonly LockRef[]): Promise<readonly boolean[]> {
    const now = this.clock.now();
    return refs.map((ref) => {
      if (!this.#isHeld(ref, now)) return false;
      this.#space.locks.delete(ref.key, now);
      this.wakes.notify(ref.key);
      return true;
    });
  }

  protected override async handOver({ ref, owner, ttlMs }: TransferCall): Promise<StoredLock | undefined> {
    const now = this.clock.now();
    if (!this.#isHeld(ref, now)) return undefined;
    return this.#keep({ key: ref.key, owner, token: this.#space.next(), expiresAt: now + ttlMs }, now);
  }

  protected override async readLock(key: string): Promise<StoredLock | undefined> {
    const stored = this.#space.locks.get(key, this.clock.now());
    return stored === undefined ? undefined : { ...stored };
  }

  protected override async endsIn(key: string): Promise<number | undefined> {
    const now = this.clock.now();
    const stored = this.#space.locks.get(key, now);
    return stored === undefined ? undefined : stored.expiresAt - now;
  }

  protected override async holds({ key, token }: LockRef): Promise<boolean> {
    return this.#space.locks.get(key, this.clock.now())?.token === token;
  }

  protected override async sweepExpired(limit: number): Promise<number> {
    return this.#space.locks.sweep(this.clock.now(), limit);
  }

  protected override async disconnect(): Promise<void> {
    // The database belongs to whoever holds it; waits have ended by now.
  }

  #keep(lock: StoredLock, now: number): StoredLock {
    this.#space.locks.set(lock.key, lock, { now, expiresAt: lock.expiresAt });
    return { ...lock };
  }

  #isHeld({ key, owner, token }: LockRef, now: number): boolean {
    const stored = this.#space.locks.get(key, now);
    return stored !== undefined && stored.owner === owner && stored.token === token;
  }
}
