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
import { holding } from "../database-hold.ts";
import type { RedisHold } from "./database.ts";
import { RedisGroups } from "./groups.ts";
import { RedisHeartbeats } from "./heartbeats.ts";
import { inPairs } from "./in-pairs.ts";
import { offerJoin } from "./join-side.ts";
import { channelOf } from "./keys.ts";
import { RedisStatuses } from "./statuses.ts";
import type { RedisOpenOptions, RedisUse } from "./open.ts";
import { openRedis, useRedis } from "./open.ts";

/** Options of {@link RedisResultBackend}. */
export interface RedisResultBackendOptions {
  /** Keeps systems on one database apart. @default "stem" */
  readonly namespace?: string | undefined;
  /** Judges all times instead of the server's clock: for tests. @default the server's clock */
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

/** A result backend on Redis or Valkey, which deletes what has expired by itself. */
export class RedisResultBackend extends ResultsSurface {
  /** The namespace of all its keys. */
  readonly namespace: string;
  protected readonly wakes: KeyedWake<string> = new KeyedWake();
  readonly #hold: RedisHold;
  readonly #statuses: RedisStatuses;
  readonly #groups: RedisGroups;
  readonly #heartbeats: RedisHeartbeats;

  /** Connects to a server, see {@link RedisStreamsBroker.connect}. */
  static async connect(url: string, options: RedisOpenOptions & RedisResultBackendOptions = {}): Promise<RedisResultBackend> {
    return holding(await openRedis(url, options), 1, (hold) => new RedisResultBackend(hold, options));
  }

  /** Works on the server of the caller's own ioredis client, with connections of its own; the client stays the caller's to close. */
  static async fromClient(client: object, options: RedisUse & RedisResultBackendOptions = {}): Promise<RedisResultBackend> {
    return holding(await useRedis(client, options), 1, (hold) => new RedisResultBackend(hold, options));
  }

  /** Made by the adapter's entry points. Closing it releases the hold. */
  constructor(hold: RedisHold, options: RedisResultBackendOptions = {}) {
    super({
      ...options,
      what: `the ${hold.database.adapter} result backend`,
      form: jsonText,
      transactions: false,
      groupCommit: inPairs(options.groupCommit),
    });
    const { database } = hold;
    this.#hold = hold;
    this.namespace = validateId(options.namespace ?? "stem", "a namespace");
    this.#statuses = new RedisStatuses(database, this.namespace);
    this.#groups = new RedisGroups(database, this.namespace);
    this.#heartbeats = new RedisHeartbeats(database, this.namespace);
    offerJoin(this, { database, namespace: this.namespace, limits: this.limits, requireOpen: () => this.requireOpen() });
  }

  protected override setBatch(writes: readonly StatusWrite[]): Promise<readonly boolean[]> {
    return this.#statuses.set(writes);
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

  protected override insertGroup(group: GroupWrite): Promise<boolean> {
    return this.#groups.insert(group);
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
    const byChannel = new Map(taskIds.map((id) => [channelOf(this.namespace, `s:${id}`), id]));
    // The channel of all who wait: while nobody listens to it, scripts tell of no status.
    const channels = [channelOf(this.namespace, "s"), ...byChannel.keys()];
    return this.#hold.database.signals.listen(channels, (channel) => {
      const id = byChannel.get(channel);
      if (id !== undefined) this.wakes.notify(id);
    });
  }

  protected override disconnect(): Promise<void> {
    return this.#hold.release();
  }
}
