import type { AcquireOptions, LockHandle, LockRequest } from "../contracts/lock-store.ts";
import { validateId } from "../model/id.ts";
import { validateInteger } from "../model/numbers.ts";
import type { Duration } from "../time/duration.ts";
import { durationMs } from "../time/duration.ts";

/** A lock that is asked for. */
export interface AcquireItem {
  /** What to lock. */
  readonly key: string;
  /** Who will hold it. */
  readonly owner: string;
  /** For how long from the store's now. */
  readonly ttlMs: number;
}

/** A call that acquires one lock, checked and filled in. */
export interface AcquireCall {
  /** What is asked for. */
  readonly item: AcquireItem;
  /** How long to wait when another holds it. */
  readonly waitMs: number;
  /** Ends the wait. */
  readonly signal: AbortSignal | undefined;
}

/** Names one holding of a lock to the store. */
export interface LockRef {
  /** What is locked. */
  readonly key: string;
  /** Who holds it. */
  readonly owner: string;
  /** The token that it was acquired with. */
  readonly token: number;
}

/** A lock to hold on to. */
export interface RenewItem extends LockRef {
  /** For how long from the store's now. */
  readonly ttlMs: number;
}

/** Checks a lock that is asked for. */
export function toAcquireItem({ key, owner, ttl }: LockRequest): AcquireItem {
  return { key: validateId(key, "a lock's key"), owner: validateId(owner, "a lock's owner"), ttlMs: toLockTtlMs(ttl) };
}

/** Checks and fills in the options of one acquisition. */
export function toAcquireCall(key: string, options: AcquireOptions): AcquireCall {
  const { owner, ttl, wait = 0, signal } = options;
  return { item: toAcquireItem({ key, owner, ttl }), waitMs: durationMs(wait, "wait"), signal };
}

/** Names a lock, after a look at what matters of it. */
export function toLockRef({ key, owner, token }: LockHandle): LockRef {
  return {
    key: validateId(key, "a lock's key"),
    owner: validateId(owner, "a lock's owner"),
    token: validateInteger(token, "a lock's token"),
  };
}

/** Names one holding of a lock: two that differ in anything have different names. */
export function holdingOf({ key, owner, token }: LockRef): string {
  return JSON.stringify([token, key, owner]);
}

/** Returns how long a lock is held, in whole milliseconds. */
export function toLockTtlMs(ttl: Duration): number {
  return durationMs(ttl, "the ttl of a lock", { min: 1 });
}

/** A lock to hand over, checked. */
export interface TransferCall {
  /** As it is held now. */
  readonly ref: LockRef;
  /** Who will hold it. */
  readonly owner: string;
  /** For how long from the store's now. */
  readonly ttlMs: number;
}

/** Checks a lock that is to be handed over. */
export function toTransferCall(lock: LockHandle, to: { readonly owner: string; readonly ttl: Duration }): TransferCall {
  return { ref: toLockRef(lock), owner: validateId(to.owner, "a lock's owner"), ttlMs: toLockTtlMs(to.ttl) };
}
