import { KeyedWake } from "../../async/keyed-wake.ts";
import type { StoredLock } from "../../contracts/lock-store.ts";
import type { Logger } from "../../contracts/logger.ts";
import { validateId } from "../../model/id.ts";
import type { Clock } from "../../time/clock.ts";
import type { GroupCommitOptions } from "../call-group.ts";
import type { AcquireItem, LockRef, RenewItem, TransferCall } from "../lock-requests.ts";
import { holdingOf } from "../lock-requests.ts";
import { LocksSurface } from "../locks-surface.ts";
import type { SqlHold } from "./database.ts";
import type { ChangeStatement, LockStatements } from "./lock-statements.ts";
import { LOCK_ROW_KEPT_MS, lockStatements } from "./lock-statements.ts";
import { lockTopic } from "./topics.ts";

/** Options of the SQL lock stores. */
export interface SqlLockStoreOptions {
  /** Keeps systems on one database apart. @default "stem" */
  readonly namespace?: string | undefined;
  /** Judges all times instead of the store's own clock: for tests. @default the store's clock */
  readonly clock?: Clock | undefined;
  /** Where the store reports what nobody awaits. @default warnings and errors on the console */
  readonly logger?: Logger | undefined;
  /** How often a wait looks again although nothing woke it. @default 1,000 */
  readonly pollMs?: number | undefined;
  /** How calls made at the same time share round trips. @default up to 1,000 calls */
  readonly groupCommit?: GroupCommitOptions | undefined;
}

/** A lock store on the `locks` table, see `tables.ts`: written once for Postgres and SQLite. */
export class SqlLockStore extends LocksSurface {
  /** The namespace of all its rows. */
  readonly namespace: string;
  protected readonly wakes: KeyedWake<string> = new KeyedWake();
  readonly #hold: SqlHold;
  readonly #statements: LockStatements;

  /** Made by the adapters' entry points. Closing it releases the hold. */
  constructor(hold: SqlHold, options: SqlLockStoreOptions = {}) {
    super({
      ...options,
      what: `the ${hold.database.adapter} lock store`,
      transactions: true,
      groupCommit: options.groupCommit ?? {},
    });
    this.#hold = hold;
    this.namespace = validateId(options.namespace ?? "stem", "a namespace");
    this.#statements = lockStatements(hold.database);
  }

  protected override async acquireBatch(items: readonly AcquireItem[], tx?: object): Promise<readonly (StoredLock | undefined)[]> {
    const rows = await this.#statements.acquire.run({ ns: this.namespace, items }, { tx });
    const byKey = new Map(rows.map((row) => [row.key, row]));
    return items.map(({ key }) => byKey.get(key));
  }

  protected override async renewBatch(items: readonly RenewItem[]): Promise<readonly (number | undefined)[]> {
    const { renewFree, renew } = this.#statements;
    const renewed = await this.#change(items, [renewFree, renew], () => []);
    return items.map((item) => renewed.get(holdingOf(item))?.expiresAt);
  }

  protected override async releaseBatch(refs: readonly LockRef[], tx?: object): Promise<readonly boolean[]> {
    const { releaseFree, release } = this.#statements;
    // A transaction that hands locks over may wait for another; the batch of a store, on which many depend, should not.
    const statements = tx === undefined ? [releaseFree, release] as const : [release] as const;
    const released = await this.#change(refs, statements, (some) => some.map(({ key }) => lockTopic(this.namespace, key)), tx);
    return refs.map((ref) => released.has(holdingOf(ref)));
  }

  protected override async handOver({ ref, owner: newOwner, ttlMs }: TransferCall, tx?: object): Promise<StoredLock | undefined> {
    const [row] = await this.#statements.transfer.run({ ns: this.namespace, ...ref, newOwner, ttlMs }, { tx });
    return row;
  }

  protected override async readLock(key: string): Promise<StoredLock | undefined> {
    const [row] = await this.#statements.read.run({ ns: this.namespace, key });
    return row;
  }

  protected override async endsIn(key: string): Promise<number | undefined> {
    const [row] = await this.#statements.endsIn.run({ ns: this.namespace, key });
    return row?.leftMs;
  }

  protected override async holds({ key, token }: LockRef, tx?: object): Promise<boolean> {
    const { find, hold } = this.#statements;
    const rows = await (tx === undefined ? find : hold).run({ ns: this.namespace, key, token }, { tx });
    return rows.length > 0;
  }

  protected override async sweepExpired(limit: number): Promise<number> {
    return (await this.#statements.sweep.run({ ns: this.namespace, limit, keptMs: LOCK_ROW_KEPT_MS })).length;
  }

  protected override listenFor(key: string): Promise<() => void> {
    return this.#hold.database.signals.listen([lockTopic(this.namespace, key)], () => this.wakes.notify(key));
  }

  protected override disconnect(): Promise<void> {
    return this.#hold.release();
  }

  /**
   * Changes locks by the first statement, and what that left alone by the second, each by itself. Where there is one writer at a time, nothing was
   * left alone that could be changed.
   */
  async #change(
    items: readonly (LockRef & { readonly ttlMs?: number })[],
    [statement, lasting]: readonly [ChangeStatement, ChangeStatement?],
    topicsOf: (items: readonly LockRef[]) => readonly string[],
    tx?: object,
  ): Promise<ReadonlyMap<string, StoredLock>> {
    const changed = new Map<string, StoredLock>();
    const carryOut = async (by: ChangeStatement, some: typeof items): Promise<void> => {
      const rows = await by.run({ ns: this.namespace, items: some }, { tx, signal: topicsOf(some) });
      for (const row of rows) changed.set(holdingOf(row), row);
    };
    await carryOut(statement, items);
    if (lasting === undefined || this.#hold.database.singleWriter || changed.size === items.length) return changed;
    await Promise.all(items.filter((item) => !changed.has(holdingOf(item))).map((item) => carryOut(lasting, [item])));
    return changed;
  }
}
