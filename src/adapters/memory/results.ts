import type { KeyedWake } from "../../async/keyed-wake.ts";
import type { Logger } from "../../contracts/logger.ts";
import type { ResultBackend } from "../../contracts/result-backend.ts";
import type { ChordClaim, Group, GroupProgress } from "../../model/group.ts";
import type { Heartbeat, StoredHeartbeat } from "../../model/heartbeat.ts";
import { validateId } from "../../model/id.ts";
import type { TaskStatus } from "../../model/task-status.ts";
import type { Clock } from "../../time/clock.ts";
import type { Duration } from "../../time/duration.ts";
import type { GroupWrite, HeartbeatWrite, ReportWrite, StatusLimits, StatusQuery, StatusWrite } from "../result-requests.ts";
import type { ListedStatus } from "../results-surface.ts";
import { ResultsSurface } from "../results-surface.ts";
import { readStored } from "../stored-json.ts";
import type { MemorySpace } from "./database.ts";
import { MemoryDatabase } from "./database.ts";
import { jsonCopies } from "./json-copies.ts";
import * as groups from "./groups.ts";
import * as statuses from "./statuses.ts";

/** Options of {@link InMemoryResultBackend}. */
export interface InMemoryResultBackendOptions {
  /** What it shares its state with others by. @default a database of its own */
  readonly database?: MemoryDatabase;
  /** Keeps users of one database apart. @default "stem" */
  readonly namespace?: string;
  /** Judges leases and times to live. @default the system's clock */
  readonly clock?: Clock;
  /** Where it reports what nobody awaits. @default warnings and errors on the console */
  readonly logger?: Logger;
  /** How long a status is kept after its task ended, and a group after it completed. @default "1d" */
  readonly ttl?: Duration;
  /** The most characters of JSON text that one payload, progress report, error or meta may have. @default 4 MiB */
  readonly maxPayloadLength?: number;
}

/** What a ledger needs of a backend that it joins. */
export interface JoinSide {
  /** Its state. */
  readonly space: MemorySpace;
  /** What its statuses are held to. */
  readonly limits: StatusLimits<unknown>;
  /** Throws when it was closed. */
  readonly requireOpen: () => void;
}

const sides = new WeakMap<ResultBackend, JoinSide>();

/** Gives what a ledger needs of a backend; `undefined` when it is none in memory. */
export function joinSideOf(backend: ResultBackend): JoinSide | undefined {
  return sides.get(backend);
}

/**
 * A result backend in this process's memory: the reference of what every backend does, for tests and for programs of one process.
 *
 * @example
 * ```ts
 * import { InMemoryResultBackend } from "@stem/stem";
 *
 * const backend = new InMemoryResultBackend();
 * await backend.set("task-1", "succeeded", { payload: 42, ttl: "1h" });
 * console.log((await backend.waitFor("task-1")).payload); // 42
 * await backend.close();
 * ```
 */
export class InMemoryResultBackend extends ResultsSurface<unknown> {
  protected override readonly wakes: KeyedWake<string>;
  readonly #space: MemorySpace;

  /** Makes a backend; nothing needs to be connected. */
  constructor(options: InMemoryResultBackendOptions = {}) {
    super({ ...options, what: "the memory result backend", form: jsonCopies, transactions: false });
    this.#space = (options.database ?? new MemoryDatabase()).space(validateId(options.namespace ?? "stem", "a namespace"));
    this.wakes = this.#space.statusWakes;
    sides.set(this, { space: this.#space, limits: this.limits, requireOpen: () => this.requireOpen() });
  }

  protected override async setBatch(writes: readonly StatusWrite<unknown>[]): Promise<readonly boolean[]> {
    const now = this.clock.now();
    return writes.map((write) => statuses.set(this.#space, write, now));
  }

  protected override async getBatch(ids: readonly string[]): Promise<readonly (TaskStatus | undefined)[]> {
    const now = this.clock.now();
    return ids.map((id) => {
      const stored = this.#space.statuses.get(id, now);
      return stored === undefined ? undefined : statuses.toStatus(stored);
    });
  }

  protected override async listStatuses(query: StatusQuery, limit: number, before = Infinity): Promise<readonly ListedStatus[]> {
    return this.#space.statuses.values(this.clock.now())
      .toReversed()
      .filter((stored) => stored.position < before && statuses.matches(stored, query))
      .slice(0, limit)
      .map((stored) => ({ position: stored.position, status: statuses.toStatus(stored) }));
  }

  protected override async expireStatus(id: string, ttlMs: number): Promise<boolean> {
    return statuses.expire(this.#space, id, { now: this.clock.now(), ttlMs });
  }

  protected override async removeStatus(id: string): Promise<boolean> {
    return statuses.remove(this.#space, id, this.clock.now());
  }

  protected override async sweepExpired(limit: number): Promise<number> {
    const now = this.clock.now();
    const { statuses, groups, heartbeats } = this.#space;
    return [statuses, groups, heartbeats].reduce((sum, map) => sum + map.sweep(now, limit), 0);
  }

  protected override async putHeartbeat({ workerId, text, ttlMs }: HeartbeatWrite): Promise<void> {
    const now = this.clock.now();
    const expiresAt = now + ttlMs;
    this.#space.heartbeats.set(workerId, { text, seenAt: now, expiresAt }, { now, expiresAt });
  }

  protected override async heartbeats(): Promise<readonly StoredHeartbeat[]> {
    return this.#space.heartbeats.values(this.clock.now())
      .map(({ text, seenAt, expiresAt }) => ({ ...readStored<Heartbeat>(text), seenAt, expiresAt }));
  }

  protected override async dropHeartbeat(workerId: string): Promise<boolean> {
    return this.#space.heartbeats.delete(workerId, this.clock.now());
  }

  protected override async insertGroup(group: GroupWrite): Promise<boolean> {
    return groups.init(this.#space, group, this.clock.now());
  }

  protected override async reportBatch(reports: readonly ReportWrite[]): Promise<readonly (GroupProgress | undefined)[]> {
    const now = this.clock.now();
    return reports.map((report) => groups.report(this.#space, report, now));
  }

  protected override async readGroup(id: string): Promise<Group | undefined> {
    const stored = this.#space.groups.get(id, this.clock.now());
    return stored === undefined ? undefined : groups.toGroup(stored);
  }

  protected override async claimCallback(groupId: string, owner: string, leaseMs: number): Promise<ChordClaim | undefined> {
    return groups.claimChord(this.#space, groupId, { owner, leaseMs, now: this.clock.now() });
  }

  protected override async completeCallback(groupId: string, token: number): Promise<boolean> {
    return groups.completeChord(this.#space, groupId, { token, now: this.clock.now() });
  }

  protected override async dueCallbacks(limit: number): Promise<readonly string[]> {
    return groups.dueChords(this.#space, limit, this.clock.now());
  }

  protected override async disconnect(): Promise<void> {
    // The database belongs to whoever holds it; waits have ended by now.
  }
}
