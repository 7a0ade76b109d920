import type { RevocableTask, RevokeStore } from "../contracts/revoke-store.ts";
import type { WriteOptions } from "../contracts/store.ts";
import { show } from "../model/id.ts";
import { validateInteger } from "../model/numbers.ts";
import type { Page, PageRequest } from "../model/page.ts";
import { decodeCursor, encodeCursor, pageLimit } from "../model/page.ts";
import type { Revocation, RevocationKey, StoredRevocation } from "../model/revocation.ts";
import type { ListenForChanges } from "./change-watches.ts";
import { ChangeWatches } from "./change-watches.ts";
import type { RevocationRow, RevocationWrite } from "./revocation-requests.ts";
import { concernedBy, refusedExpiry, targetsOf, targetText, toRevocationWrite, toStoredRevocation } from "./revocation-requests.ts";
import { StoreSurface } from "./store-surface.ts";
import { validateList } from "./validation.ts";

/**
 * What all revoke stores do alike: checking arguments, finding what concerns a task, pages, watching.
 *
 * A store adds the protected primitives. They are only called with checked, non-empty input in which no target comes twice, and wrap their
 * driver's errors.
 */
export abstract class RevocationsSurface extends StoreSurface implements RevokeStore {
  readonly #watches = new ChangeWatches();

  /**
   * Records decisions in one step, of several about one target the last; their versions rise in the order of their targets. Answers what is in
   * force of each, in order.
   *
   * @throws {ConfigError} when a target or a text cannot be used, or an expiry is not after the store's now: nothing is written then.
   */
  async upsertAll(revocations: readonly Revocation[], options?: WriteOptions): Promise<readonly StoredRevocation[]> {
    const tx = this.transactionOf(options);
    const writes = validateList(revocations, "revocations").map(toRevocationWrite);
    if (writes.length === 0) return [];
    const latest = new Map(writes.map((write) => [write.target, write]));
    // Sorted, so that of calls that share targets none waits for another in a circle.
    const sorted = [...latest.values()].sort((a, b) => a.target < b.target ? -1 : 1);
    const rows = await this.record(sorted, tx);
    if (rows.length === 0) throw refusedExpiry(sorted);
    const byTarget = new Map(rows.map((row) => [row.target, row]));
    return writes.map(({ target }) => toStoredRevocation(found(byTarget, target)));
  }

  /** Reads the entries of targets, in order; `undefined` where none is in force. */
  async get(targets: readonly RevocationKey[]): Promise<readonly (StoredRevocation | undefined)[]> {
    this.requireOpen();
    const texts = validateList(targets, "targets").map(targetText);
    if (texts.length === 0) return [];
    const byTarget = new Map((await this.find([...new Set(texts)])).map((row) => [row.target, row]));
    return texts.map((text) => {
      const row = byTarget.get(text);
      return row === undefined ? undefined : toStoredRevocation(row);
    });
  }

  /** Finds for each task the revocation in force: one that terminates before one that does not, then the latest. */
  async match(tasks: readonly RevocableTask[]): Promise<readonly (StoredRevocation | undefined)[]> {
    this.requireOpen();
    if (validateList(tasks, "tasks").length === 0) return [];
    const rows = await this.find(targetsOf(tasks));
    // Nearly always.
    if (rows.length === 0) return tasks.map(() => undefined);
    const concerning = concernedBy(rows);
    return tasks.map((task) => {
      const first = concerning(task).reduce<RevocationRow | undefined>(
        (best, row) => best === undefined || isBefore(row, best) ? row : best,
        undefined,
      );
      return first === undefined ? undefined : toStoredRevocation(first);
    });
  }

  /** Lists what is in force, the latest decision first. */
  async list(page?: PageRequest): Promise<Page<StoredRevocation>> {
    this.requireOpen();
    const limit = pageLimit(page);
    const before = page?.cursor === undefined ? Number.MAX_SAFE_INTEGER : versionIn(page.cursor);
    // One more than asked for tells whether there is another page.
    const rows = await this.listRows(limit + 1, before);
    const items = rows.slice(0, limit).map(toStoredRevocation);
    const last = items.at(-1);
    return rows.length > limit && last !== undefined ? { items, cursor: encodeCursor([last.version]) } : { items };
  }

  /** Takes decisions back. Answers one boolean each: false where none was in force, and where a target comes again. */
  async remove(targets: readonly RevocationKey[]): Promise<readonly boolean[]> {
    this.requireOpen();
    const texts = validateList(targets, "targets").map(targetText);
    if (texts.length === 0) return [];
    const removed = new Set(await this.drop([...new Set(texts)].sort()));
    return texts.map((text) => removed.delete(text));
  }

  /** Deletes what has expired, at most `limit` (default 500). Returns how many. */
  async pruneExpired(options: { readonly limit?: number } = {}): Promise<number> {
    this.requireOpen();
    return this.prune(validateInteger(options.limit ?? 500, "the limit of a sweep", { min: 1, max: 100_000 }));
  }

  /** Yields when something may have been decided or taken back, until the signal aborts, the loop is left, or the store is closed. */
  async watch(options: { readonly signal: AbortSignal }): Promise<AsyncIterable<void>> {
    this.requireOpen();
    const watch = await this.#watches.open(options.signal, (changed) => this.listen(changed));
    if (this.closed) this.#watches.endAll();
    this.requireOpen();
    return watch;
  }

  /**
   * Records decisions, all or none, in the order given, and tells those who listen. Answers what is in force of each, in any order; nothing
   * when an expiry is not after the store's now: then nothing was written.
   */
  protected abstract record(writes: readonly RevocationWrite[], tx?: object): Promise<readonly RevocationRow[]>;
  /** Gives what is in force of these targets, in any order. A target may come twice, and then so may its row. */
  protected abstract find(targets: readonly string[]): Promise<readonly RevocationRow[]>;
  /** Lists at most `limit` in force whose version is below `before`, the latest first. */
  protected abstract listRows(limit: number, before: number): Promise<readonly RevocationRow[]>;
  /** Takes back what is in force of these targets, and tells those who listen. Answers the targets of which something was. */
  protected abstract drop(targets: readonly string[]): Promise<readonly string[]>;
  /** Deletes what has expired. */
  protected abstract prune(limit: number): Promise<number>;
  /** Calls back when something may have been decided or taken back. */
  protected abstract listen(...[changed]: Parameters<ListenForChanges>): ReturnType<ListenForChanges>;

  /** Ends the watches. */
  protected override async endCalls(): Promise<void> {
    this.#watches.endAll();
  }
}

function isBefore(row: RevocationRow, other: RevocationRow): boolean {
  return row.terminate === other.terminate ? row.version > other.version : row.terminate;
}

function versionIn(cursor: string): number {
  const [version] = decodeCursor(cursor, ["number"]);
  return validateInteger(version, "the version in a cursor");
}

function found(rows: ReadonlyMap<string, RevocationRow>, target: string): RevocationRow {
  const row = rows.get(target);
  if (row === undefined) throw new Error(`The store did not answer what became of ${show(target)}`);
  return row;
}
