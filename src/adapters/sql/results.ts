import { KeyedWake } from "../../async/keyed-wake.ts";
import type { Logger } from "../../contracts/logger.ts";
import type { ChordClaim, Group, GroupProgress } from "../../model/group.ts";
import type { StoredHeartbeat } from "../../model/heartbeat.ts";
import { validateId } from "../../model/id.ts";
import type { TaskStatus } from "../../model/task-status.ts";
import type { Clock } from "../../time/clock.ts";
import type { Duration } from "../../time/duration.ts";
import type { GroupCommitOptions } from "../call-group.ts";
import { jsonText } from "../json-form.ts";
import type { GroupWrite, HeartbeatWrite, ReportWrite, StatusQuery, StatusWrite } from "../result-requests.ts";
import type { ListedStatus } from "../results-surface.ts";
import { ResultsSurface } from "../results-surface.ts";
import type { SqlHold } from "./database.ts";
import { Groups } from "./groups.ts";
import { Heartbeats } from "./heartbeats.ts";
import { offerJoin } from "./join-side.ts";
import { Statuses } from "./statuses.ts";
import { taskTopic } from "./topics.ts";

/** Options of the SQL result backends. */
export interface SqlResultBackendOptions {
  /** Keeps systems on one database apart. @default "stem" */
  readonly namespace?: string | undefined;
  /** Judges all times instead of the store's own clock: for tests. @default the store's clock */
  readonly clock?: Clock | undefined;
  /** Where the backend reports what nobody awaits. @default warnings and errors on the console */
  readonly logger?: Logger | undefined;
  /** How long a status is kept after its task ended, and a group after it completed. @default "1d" */
  readonly ttl?: Duration | undefined;
  /** The most characters of JSON text that one payload, progress report, error or meta may have. @default 4 MiB */
  readonly maxPayloadLength?: number | undefined;
  /** How often a wait looks again although nothing woke it. @default 1,000 */
  readonly pollMs?: number | undefined;
  /** How calls made at the same time share round trips. @default up to 1,000 calls or 4 MiB */
  readonly groupCommit?: GroupCommitOptions | undefined;
}

/** A result backend on the `tasks` table, which it shares with the broker, see `tables.ts`: written once for Postgres and SQLite. */
export class SqlResultBackend extends ResultsSurface {
  /** The namespace of all its rows. */
  readonly namespace: string;
  protected readonly wakes: KeyedWake<string> = new KeyedWake();
  readonly #hold: SqlHold;
  readonly #statuses: Statuses;
  readonly #groups: Groups;
  readonly #heartbeats: Heartbeats;

  /** Made by the adapters' entry points. Closing it releases the hold. */
  constructor(hold: SqlHold, options: SqlResultBackendOptions = {}) {
    super({
      ...options,
      what: `the ${hold.database.adapter} result backend`,
      form: jsonText,
      transactions: true,
      groupCommit: options.groupCommit ?? {},
    });
    const { database } = hold;
    this.#hold = hold;
    this.namespace = validateId(options.namespace ?? "stem", "a namespace");
    this.#statuses = new Statuses(database, this.namespace);
    this.#groups = new Groups(database, this.namespace);
    this.#heartbeats = new Heartbeats(database, this.namespace);
    offerJoin(this, {
      database,
      namespace: this.namespace,
      limits: this.limits,
      requireOpen: () => this.requireOpen(),
      read: (ids) => this.#statuses.get(ids),
      reportToGroups: (reports, tx) => this.#groups.reportWithin(reports, tx),
    });
  }

  protected override setBatch(writes: readonly StatusWrite[], tx?: object): Promise<readonly boolean[]> {
    return this.#statuses.set(writes, tx);
  }

  protected override getBatch(ids: readonly string[]): Promise<readonly (TaskStatus | undefined)[]> {
    return this.#statuses.get(ids);
  }

  protected override listStatuses(query: StatusQuery, limit: number, before: number | undefined): Promise<readonly ListedStatus[]> {
    return this.#statuses.list(query, limit, before);
  }

  protected override expireStatus(id: string, ttlMs: number): Promise<boolean> {
    return this.#statuses.expire(id, ttlMs);
  }

  protected override removeStatus(id: string): Promise<boolean> {
    return this.#statuses.remove(id);
  }

  protected override async sweepExpired(limit: number): Promise<number> {
    // One after the other: a sweep has time, and should not hold several connections.
    return await this.#statuses.sweep(limit) + await this.#groups.sweep(limit) + await this.#heartbeats.sweep(limit);
  }

  protected override putHeartbeat(heartbeat: HeartbeatWrite): Promise<void> {
    return this.#heartbeats.put(heartbeat);
  }

  protected override heartbeats(): Promise<readonly StoredHeartbeat[]> {
    return this.#heartbeats.list();
  }

  protected override dropHeartbeat(workerId: string): Promise<boolean> {
    return this.#heartbeats.remove(workerId);
  }

  protected override insertGroup(group: GroupWrite, tx?: object): Promise<boolean> {
    return this.#groups.insert(group, tx);
  }

  protected override reportBatch(reports: readonly ReportWrite[]): Promise<readonly (GroupProgress | undefined)[]> {
    return this.#groups.report(reports);
  }

  protected override readGroup(id: string): Promise<Group | undefined> {
    return this.#groups.get(id);
  }

  protected override claimCallback(groupId: string, owner: string, leaseMs: number): Promise<ChordClaim | undefined> {
    return this.#groups.claim(groupId, owner, leaseMs);
  }

  protected override completeCallback(groupId: string, token: number): Promise<boolean> {
    return this.#groups.complete(groupId, token);
  }

  protected override dueCallbacks(limit: number): Promise<readonly string[]> {
    return this.#groups.due(limit);
  }

  protected override listenFor(taskIds: readonly string[]): Promise<() => void> {
    const byTopic = new Map(taskIds.map((id) => [taskTopic(this.namespace, id), id]));
    return this.#hold.database.signals.listen(byTopic.keys(), (topic) => {
      const id = byTopic.get(topic);
      if (id !== undefined) this.wakes.notify(id);
    });
  }

  protected override disconnect(): Promise<void> {
    return this.#hold.release();
  }
}
