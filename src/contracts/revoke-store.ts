import type { Page, PageRequest } from "../model/page.ts";
import type { Revocation, RevocationKey, StoredRevocation } from "../model/revocation.ts";
import type { Store, WriteOptions } from "./store.ts";

/** A task as revocations see it. */
export interface RevocableTask {
  /** The task's id. */
  readonly id: string;
  /** Its name. */
  readonly name: string;
  /** When it was enqueued. */
  readonly enqueuedAt: number;
  /** Its headers. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Keeps decisions that tasks shall not run.
 *
 * - **V1** Versions are given by the store and rise with each decision of the namespace; of two for one target the higher version wins, on every
 *   store, under any race and whatever the clocks of the callers. Of two in one call the last wins, and both are answered with it.
 * - **V2** What is stored survives restarts of everything, where the adapter is durable.
 * - **V3** An expired revocation is absent at once, and pruned later.
 * - **V4** `match` finds the revocations of many tasks in one call: by id, by name and time, by header value. Where several apply, one that
 *   terminates comes before one that does not, then the higher version. What it costs does not grow with what is stored. A task enqueued at
 *   `before` or later is not meant.
 * - **V5** `watch` yields whenever decisions may have been made or taken back since, from any process, also after a lost connection: what happened
 *   after it resolved is not missed, and changes may be told together. Who hears of it asks `match` anew.
 * - **V6** Namespaces isolate; bad arguments throw `ConfigError`, among them an expiry that is not after the store's now, and headers or values that are
 *   no valid ids; nothing is written then. After `close` calls throw `ClosedError`.
 * - **V7** With `tx` decisions join the caller's transaction. Stores without transactions throw `UnsupportedError`.
 * - **V8** `list` pages in the store, the latest decision first, and `remove` takes back what is in force: it is matched no more, and may be decided anew.
 */
export interface RevokeStore extends Store {
  /** Records decisions in one step. Answers the effective entry for each target, in order. */
  upsertAll(revocations: readonly Revocation[], options?: WriteOptions): Promise<readonly StoredRevocation[]>;
  /** Reads the entries of targets, in order; `undefined` where none is in force. */
  get(targets: readonly RevocationKey[]): Promise<readonly (StoredRevocation | undefined)[]>;
  /** Finds for each task the revocation in force; `undefined` where there is none. */
  match(tasks: readonly RevocableTask[]): Promise<readonly (StoredRevocation | undefined)[]>;
  /** Lists what is in force, the latest decision first. */
  list(page?: PageRequest): Promise<Page<StoredRevocation>>;
  /** Takes decisions back. Answers one boolean each: false where none was in force. */
  remove(targets: readonly RevocationKey[]): Promise<readonly boolean[]>;
  /** Deletes what has expired, at most `limit` (default 500). Returns how many. */
  pruneExpired(options?: { readonly limit?: number }): Promise<number>;
  /** Listens: yields when something may have been decided or taken back, until the signal aborts. */
  watch(options: { readonly signal: AbortSignal }): Promise<AsyncIterable<void>>;
}
