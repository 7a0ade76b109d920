import type { ChordClaim, Group, GroupProgress } from "../../model/group.ts";
import type { GroupWrite, ReportWrite } from "../result-requests.ts";
import type { ChordStatements } from "./chord-statements.ts";
import { chordStatements } from "./chord-statements.ts";
import type { SqlDatabase } from "./database.ts";
import { GroupReports } from "./group-reports.ts";
import { toGroup } from "./group-row.ts";
import type { GroupStatements } from "./group-statements.ts";
import { groupStatements } from "./group-statements.ts";

/** The groups of one namespace. */
export class Groups {
  readonly #database: SqlDatabase;
  readonly #namespace: string;
  readonly #groups: GroupStatements;
  readonly #chords: ChordStatements;
  readonly #reports: GroupReports;

  /** Makes the access; nothing is sent. */
  constructor(database: SqlDatabase, namespace: string) {
    this.#database = database;
    this.#namespace = namespace;
    this.#groups = groupStatements(database);
    this.#chords = chordStatements(database);
    this.#reports = new GroupReports(database, namespace);
  }

  /** Makes a group with its members; false when there is one of that id. */
  insert(group: GroupWrite, tx?: object): Promise<boolean> {
    return tx === undefined ? this.#database.transaction("initGroup", (inside) => this.#insert(group, inside)) : this.#insert(group, tx);
  }

  async #insert({ id, taskIds, ...group }: GroupWrite, tx: object): Promise<boolean> {
    const { meta, callback, ttlMs, doneTtlMs } = group;
    const ns = this.#namespace;
    const [made] = await this.#groups.init.run({ ns, id, total: taskIds.length, meta, callback, ttlMs, doneTtlMs }, { tx });
    if (made === undefined) return false;
    if (made.replaced > 0) await this.#groups.removeMembers.run({ ns, groups: [{ id }] }, { tx });
    await this.#groups.addMembers.run({ ns, id, members: taskIds.map((taskId, at) => ({ taskId, at })) }, { tx });
    return true;
  }

  /** Counts members' ends within a transaction, see {@link GroupReports}. */
  reportWithin(reports: readonly ReportWrite[], tx: object): Promise<readonly (GroupProgress | undefined)[]> {
    return this.#reports.report(reports, tx);
  }

  /** Counts members' ends. */
  report(reports: readonly ReportWrite[]): Promise<readonly (GroupProgress | undefined)[]> {
    return this.#database.transaction("addGroupResults", (tx) => this.#reports.report(reports, tx));
  }

  /** Reads a group with its results. */
  async get(id: string): Promise<Group | undefined> {
    return toGroup(await this.#groups.get.run({ ns: this.#namespace, id }));
  }

  /** Claims a completed group's callback; `undefined` when there is nothing to claim, or another holds it. */
  async claim(id: string, owner: string, leaseMs: number): Promise<ChordClaim | undefined> {
    const [claimed] = await this.#chords.claim.run({ ns: this.#namespace, id, owner, leaseMs });
    if (claimed === undefined || claimed.until === null) return undefined;
    const group = await this.get(id);
    // It may have expired since; then there is nothing left to dispatch.
    return group === undefined ? undefined : { group, owner, token: claimed.token, leaseExpiresAt: claimed.until };
  }

  /** Marks a callback as dispatched; false when another claim came after that of the token. */
  async complete(id: string, token: number): Promise<boolean> {
    return (await this.#chords.complete.run({ ns: this.#namespace, id, token })).length > 0;
  }

  /** Names completed groups with a callback that is neither held nor dispatched, the longest waiting first. */
  async due(limit: number): Promise<readonly string[]> {
    return (await this.#chords.due.run({ ns: this.#namespace, limit })).map(({ id }) => id);
  }

  /** Deletes expired groups with their members, at most `limit`. */
  sweep(limit: number): Promise<number> {
    const ns = this.#namespace;
    return this.#database.transaction("sweep", async (tx) => {
      const swept = await this.#groups.sweep.run({ ns, limit }, { tx });
      if (swept.length > 0) await this.#groups.removeMembers.run({ ns, groups: swept.map(({ id }) => ({ id })) }, { tx });
      return swept.length;
    });
  }
}
