import type { Logger } from "../../contracts/logger.ts";
import { validateId } from "../../model/id.ts";
import type { Clock } from "../../time/clock.ts";
import type { RevocationRow, RevocationWrite } from "../revocation-requests.ts";
import { RevocationsSurface } from "../revocations-surface.ts";
import type { MemorySpace } from "./database.ts";
import { MemoryDatabase } from "./database.ts";

/** Options of {@link InMemoryRevokeStore}. */
export interface InMemoryRevokeStoreOptions {
  /** What it shares its state with others by. @default a database of its own */
  readonly database?: MemoryDatabase;
  /** Keeps users of one database apart. @default "stem" */
  readonly namespace?: string;
  /** Judges what has expired. @default the system's clock */
  readonly clock?: Clock;
  /** Where it reports what nobody awaits. @default warnings and errors on the console */
  readonly logger?: Logger;
}

/**
 * A revoke store in this process's memory: the reference of what every revoke store does, for tests and for programs of one process.
 *
 * @example
 * ```ts
 * import { InMemoryRevokeStore } from "@stem/stem";
 *
 * const revocations = new InMemoryRevokeStore();
 * await revocations.upsertAll([{ target: { kind: "task", id: "task-1" }, terminate: true, reason: "not needed any more" }]);
 * const [found] = await revocations.get([{ kind: "task", id: "task-1" }]);
 * console.log(found?.reason); // not needed any more
 * await revocations.close();
 * ```
 */
export class InMemoryRevokeStore extends RevocationsSurface {
  readonly #space: MemorySpace;

  /** Makes a store; nothing needs to be connected. */
  constructor(options: InMemoryRevokeStoreOptions = {}) {
    super({ ...options, what: "the memory revoke store", transactions: false });
    this.#space = (options.database ?? new MemoryDatabase()).space(validateId(options.namespace ?? "stem", "a namespace"));
  }

  protected override async record(writes: readonly RevocationWrite[]): Promise<readonly RevocationRow[]> {
    const now = this.clock.now();
    if (writes.some(({ expiresAt }) => expiresAt !== undefined && expiresAt <= now)) return [];
    const rows = writes.map(({ expiresInMs, ...write }): RevocationRow => ({
      ...write,
      before: write.target.startsWith("name ") ? write.before ?? now : undefined,
      expiresAt: expiresInMs === undefined ? write.expiresAt : now + expiresInMs,
      version: this.#space.next(),
      revokedAt: now,
    }));
    for (const row of rows) this.#space.revocations.set(row.target, row);
    this.#space.revocationNews.emit();
    return rows;
  }

  protected override async find(targets: readonly string[]): Promise<readonly RevocationRow[]> {
    const now = this.clock.now();
    return targets.flatMap((target) => this.#space.revocations.get(target) ?? []).filter((row) => isInForce(row, now));
  }

  protected override async listRows(limit: number, before: number): Promise<readonly RevocationRow[]> {
    const now = this.clock.now();
    return [...this.#space.revocations.values()]
      .filter((row) => row.version < before && isInForce(row, now))
      .sort((a, b) => b.version - a.version)
      .slice(0, limit);
  }

  protected override async drop(targets: readonly string[]): Promise<readonly string[]> {
    const rows = await this.find(targets);
    // Long over, also when the clock is set back; they stay until they are pruned.
    for (const row of rows) this.#space.revocations.set(row.target, { ...row, expiresAt: 0 });
    if (rows.length > 0) this.#space.revocationNews.emit();
    return rows.map(({ target }) => target);
  }

  protected override async prune(limit: number): Promise<number> {
    const now = this.clock.now();
    const ended = [...this.#space.revocations.values()].filter((row) => !isInForce(row, now)).slice(0, limit);
    for (const { target } of ended) this.#space.revocations.delete(target);
    return ended.length;
  }

  protected override listen(changed: () => void): () => void {
    return this.#space.revocationNews.subscribe(changed);
  }

  protected override async disconnect(): Promise<void> {
    // The database belongs to whoever holds it; watches have ended by now.
  }
}

function isInForce({ expiresAt }: RevocationRow, now: number): boolean {
  return expiresAt === undefined || expiresAt > now;
}
