import { Ticker } from "../../async/ticker.ts";
import type { Logger } from "../../contracts/logger.ts";
import { validateId } from "../../model/id.ts";
import type { Clock } from "../../time/clock.ts";
import type { RevocationRow, RevocationWrite } from "../revocation-requests.ts";
import { RevocationsSurface } from "../revocations-surface.ts";
import { startLooking } from "../looking.ts";
import type { SqlHold } from "./database.ts";
import type { RevocationStatements, StoredRow } from "./revocation-statements.ts";
import { revocationStatements } from "./revocation-statements.ts";
import { revocationTopic } from "./topics.ts";

/** Options of the SQL revoke stores. */
export interface SqlRevokeStoreOptions {
  /** Keeps systems on one database apart. @default "stem" */
  readonly namespace?: string | undefined;
  /** Judges all times instead of the store's own clock: for tests. @default the store's clock */
  readonly clock?: Clock | undefined;
  /** Where the store reports what nobody awaits. @default warnings and errors on the console */
  readonly logger?: Logger | undefined;
  /** How often a watch looks again although nothing woke it. @default 1,000 */
  readonly pollMs?: number | undefined;
}

/** A revoke store on the table `revocations`, one row for each target: written once for Postgres and SQLite. */
export class SqlRevokeStore extends RevocationsSurface {
  /** The namespace of all its rows. */
  readonly namespace: string;
  readonly #hold: SqlHold;
  readonly #statements: RevocationStatements;

  /** Made by the adapters' entry points. Closing it releases the hold. */
  constructor(hold: SqlHold, options: SqlRevokeStoreOptions = {}) {
    super({ ...options, what: `the ${hold.database.adapter} revoke store`, transactions: true });
    this.#hold = hold;
    this.namespace = validateId(options.namespace ?? "stem", "a namespace");
    this.#statements = revocationStatements(hold.database);
  }

  protected override async record(writes: readonly RevocationWrite[], tx?: object): Promise<readonly RevocationRow[]> {
    const rows = writes.map(({ terminate, target, ...write }) => ({
      ...write,
      target,
      byName: target.startsWith("name ") ? 1 : 0,
      terminate: terminate ? 1 : 0,
    }));
    const signal = [revocationTopic(this.namespace)];
    return (await this.#statements.record.run({ ns: this.namespace, writes: rows }, { tx, signal })).map(toRow);
  }

  protected override async find(targets: readonly string[]): Promise<readonly RevocationRow[]> {
    return (await this.#statements.find.run(this.#some(targets))).map(toRow);
  }

  protected override async listRows(limit: number, before: number): Promise<readonly RevocationRow[]> {
    return (await this.#statements.list.run({ ns: this.namespace, limit, before })).map(toRow);
  }

  protected override async drop(targets: readonly string[]): Promise<readonly string[]> {
    const signal = [revocationTopic(this.namespace)];
    return (await this.#statements.remove.run(this.#some(targets), { signal })).map(({ target }) => target);
  }

  protected override async prune(limit: number): Promise<number> {
    return (await this.#statements.prune.run({ ns: this.namespace, limit })).length;
  }

  /**
   * A signal is news where each is about its topic. Where writes by others are only known to have happened (SQLite), the latest versions tell
   * whether they were decisions; so they do from time to time everywhere, in case a signal was lost.
   */
  protected override async listen(changed: () => void): Promise<() => void> {
    const { signals, singleWriter } = this.#hold.database;
    let signalled = false;
    let known: string | undefined;
    const look = async (): Promise<boolean> => {
      const isNews = signalled && !singleWriter;
      signalled = false;
      const newest = await this.#newest();
      const hasChanged = newest !== known;
      known = newest;
      return isNews || hasChanged;
    };
    const ticker = new Ticker({
      name: "a watch on revocations",
      intervalMs: this.pollMs,
      firstDelayMs: this.pollMs,
      clock: this.clock,
      run: async () => {
        if (await look()) changed();
      },
      onError: (error) => {
        // What happened meanwhile is not known.
        known = undefined;
        if (this.closed) return;
        this.logger.warn("Cannot look for new revocations; looking again soon", { error });
      },
    });
    return startLooking(ticker, {
      listen: () =>
        signals.listen([revocationTopic(this.namespace)], () => {
          signalled = true;
          ticker.wake();
        }),
      first: look,
    });
  }

  protected override disconnect(): Promise<void> {
    return this.#hold.release();
  }

  async #newest(): Promise<string> {
    const rows = await this.#statements.newest.run({ ns: this.namespace });
    return rows.map(({ version }) => version).join();
  }

  #some(targets: readonly string[]) {
    return { ns: this.namespace, targets: targets.map((target) => ({ target })) };
  }
}

function toRow({ target, before, terminate, reason, requestedBy, revokedAt, expiresAt, version }: StoredRow): RevocationRow {
  return {
    target,
    before: before ?? undefined,
    terminate: terminate === 1,
    reason: reason ?? undefined,
    requestedBy: requestedBy ?? undefined,
    expiresAt: expiresAt ?? undefined,
    version,
    revokedAt,
  };
}
