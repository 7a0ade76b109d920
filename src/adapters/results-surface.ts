import { ConflictError, TimeoutError } from "../errors.ts";
import type { KeyedWake } from "../async/keyed-wake.ts";
import type { MaybePromise } from "../async/maybe-promise.ts";
import { passOn } from "../async/maybe-promise.ts";
import type { ResultBackend, StatusFields, StatusUpdate, WaitOptions } from "../contracts/result-backend.ts";
import type { WriteOptions } from "../contracts/store.ts";
import type { ChordClaim, Group, GroupInput, GroupProgress, GroupReport } from "../model/group.ts";
import type { Heartbeat, StoredHeartbeat } from "../model/heartbeat.ts";
import { show, validateId } from "../model/id.ts";
import { validateInteger } from "../model/numbers.ts";
import type { PageRequest } from "../model/page.ts";
import { decodeCursor, encodeCursor, pageLimit } from "../model/page.ts";
import type { TaskState } from "../model/task-state.ts";
import { isTerminal } from "../model/task-state.ts";
import type { StatusFilter, StatusPage, TaskStatus } from "../model/task-status.ts";
import type { Duration } from "../time/duration.ts";
import { durationMs, formatMs } from "../time/duration.ts";
import type { GroupCommitOptions } from "./call-group.ts";
import { CallGroup } from "./call-group.ts";
import type { GroupWrite, HeartbeatWrite, ReportWrite, StatusLimits, StatusQuery, StatusWrite } from "./result-requests.ts";
import { DEFAULT_TTL_MS, toGroupWrite, toHeartbeatWrite, toReportWrite, toStatusQuery, toStatusWrite, toTtlMs } from "./result-requests.ts";
import type { JsonForm } from "./json-form.ts";
import type { StoreSurfaceOptions } from "./store-surface.ts";
import { DEFAULT_MAX_TEXT_LENGTH, StoreSurface } from "./store-surface.ts";
import { validateList, validateMs } from "./validation.ts";

/** What a result backend class tells its surface. */
export interface ResultsSurfaceOptions<Json = string> extends StoreSurfaceOptions {
  /** As what it keeps the values of statuses. */
  readonly form: JsonForm<Json>;
  /** How long a status is kept after its task ended, and a group after its last change. @default one day */
  readonly ttl?: Duration | undefined;
  /** The most characters of JSON text that one payload, progress report, error or meta may have. @default 4 MiB */
  readonly maxPayloadLength?: number | undefined;
  /** How calls made at the same time share round trips. @default each goes by itself */
  readonly groupCommit?: GroupCommitOptions | undefined;
}

/** A status with its place in the order of first knowledge. */
export interface ListedStatus {
  /** Rises with each task that the store hears of, and stays with it. */
  readonly position: number;
  /** The status. */
  readonly status: TaskStatus;
}

/**
 * What all result backends do alike: checking arguments, defaults, waiting, grouping calls, pages.
 *
 * A store adds the protected primitives. They are only called with checked, non-empty input, and wrap their driver's errors.
 * `Json` is as what it keeps the values of statuses.
 */
export abstract class ResultsSurface<Json = string> extends StoreSurface implements ResultBackend {
  /** What statuses are held to; a ledger of the same store uses the same. */
  protected readonly limits: StatusLimits<Json>;
  readonly #setting: CallGroup<StatusWrite<Json>, boolean>;
  readonly #reading: CallGroup<string, TaskStatus | undefined>;
  readonly #reporting: CallGroup<ReportWrite, GroupProgress | undefined>;

  /** Prepares the surface; nothing is connected. */
  constructor(options: ResultsSurfaceOptions<Json>) {
    super(options);
    const { groupCommit, form } = options;
    this.limits = {
      form,
      maxLength: options.maxPayloadLength ?? DEFAULT_MAX_TEXT_LENGTH,
      ttlMs: options.ttl === undefined ? DEFAULT_TTL_MS : toTtlMs(options.ttl),
    };
    this.#setting = new CallGroup({
      name: "set",
      groupCommit,
      lengthOf: (write) => statusLength(write, form),
      run: (writes) => this.setBatch(writes),
    });
    this.#reading = new CallGroup({ name: "get", groupCommit, run: (ids) => this.#readOnce(ids) });
    this.#reporting = new CallGroup({ name: "addGroupResults", groupCommit, lengthOf: reportLength, run: (all) => this.reportBatch(all) });
  }

  /** Records a status. False when the stored one is ahead. */
  async set(taskId: string, state: TaskState, fields: StatusFields = {}): Promise<boolean> {
    this.requireOpen();
    // A literal that begins with a spread would take many times as long on Node 20.
    const update = Object.assign({}, fields, { id: taskId, state });
    const [accepted = false] = await this.#setting.call([toStatusWrite(update, this.limits)]);
    return accepted;
  }

  /** Records many statuses in one step, in order. Answers one boolean each. */
  setMany(updates: readonly StatusUpdate[], options?: WriteOptions): Promise<readonly boolean[]> {
    return passOn(() => {
      const tx = this.transactionOf(options);
      const writes = validateList(updates, "the statuses to set").map((update) => toStatusWrite(update, this.limits));
      if (writes.length === 0) return Promise.resolve([]);
      return tx === undefined ? this.#setting.call(writes) : this.setBatch(writes, tx);
    });
  }

  /** Reads a status; `undefined` when none is known. */
  async get(taskId: string): Promise<TaskStatus | undefined> {
    this.requireOpen();
    const [status] = await this.#reading.call([validateId(taskId, "a task's id")]);
    return status;
  }

  /** Reads many statuses, in the order asked; `undefined` where none is known. */
  async getMany(taskIds: readonly string[]): Promise<readonly (TaskStatus | undefined)[]> {
    this.requireOpen();
    const ids = validateList(taskIds, "the ids to read").map((id) => validateId(id, "a task's id"));
    return ids.length === 0 ? [] : await this.#reading.call(ids);
  }

  /**
   * Follows a task: its status now, then each change. Ends when the task has ended or is gone, at the signal, or on close.
   * Bad arguments are told by the first step.
   */
  async *watch(taskId: string, options: { readonly signal?: AbortSignal } = {}): AsyncGenerator<TaskStatus, void, undefined> {
    this.requireOpen();
    validateId(taskId, "a task's id");
    const { signal } = options;
    if (signal?.aborted) return;
    const news = await this.#follow(taskId);
    let last: string | undefined;
    try {
      while (!this.closed) {
        const [status] = await this.#reading.call([taskId]);
        if (signal?.aborted) return;
        // What was seen and is gone was removed or has expired: nothing more will come of it.
        if (status === undefined && last !== undefined) return;
        const text = JSON.stringify(status);
        if (status !== undefined && text !== last) {
          last = text;
          const { state } = status;
          yield status;
          if (isTerminal(state)) return;
        }
        if (await news.ended({ signal })) return;
      }
    } finally {
      news.close();
    }
  }

  /**
   * Waits for a task's end, also of one that is not known yet. Answers the terminal status.
   *
   * @throws {TimeoutError} at the timeout.
   * @throws {ConflictError} when a status that was there is gone: it has expired, or was removed.
   * @throws the signal's reason, at the signal.
   */
  async waitFor(taskId: string, options: WaitOptions = {}): Promise<TaskStatus> {
    this.requireOpen();
    validateId(taskId, "a task's id");
    const timeoutMs = options.timeout === undefined ? Infinity : durationMs(options.timeout, "timeout");
    const { signal } = options;
    signal?.throwIfAborted();
    const deadline = this.clock.monotonic() + timeoutMs;
    const news = await this.#follow(taskId);
    let seen = false;
    try {
      for (;;) {
        this.requireOpen();
        const [status] = await this.#reading.call([taskId]);
        if (status !== undefined && isTerminal(status.state)) return status;
        if (status === undefined && seen) {
          throw new ConflictError(`Cannot give the end of task ${show(taskId)}: its status was there, and is gone`);
        }
        seen = status !== undefined;
        const leftMs = deadline - this.clock.monotonic();
        if (leftMs <= 0) {
          throw new TimeoutError(`Cannot give the end of task ${show(taskId)}: it has not ended within ${formatMs(timeoutMs)}`, timeoutMs);
        }
        if (await news.ended({ signal, leftMs })) signal?.throwIfAborted();
      }
    } finally {
      news.close();
    }
  }

  /** Lists statuses, newest first. */
  async list(filter?: StatusFilter, page?: PageRequest): Promise<StatusPage> {
    this.requireOpen();
    const query = toStatusQuery(filter);
    const limit = pageLimit(page);
    const before = page?.cursor === undefined ? undefined : Number(decodeCursor(page.cursor, ["number"])[0]);
    // One more than asked for tells whether there is another page.
    const found = await this.listStatuses(query, limit + 1, before);
    const items = found.slice(0, limit).map(({ status }) => status);
    const last = found[limit - 1];
    return found.length > limit && last !== undefined ? { items, cursor: encodeCursor([last.position]) } : { items };
  }

  /** Keeps a status for `ttl` from now. False when none is known. */
  async expire(taskId: string, ttl: Duration): Promise<boolean> {
    this.requireOpen();
    return this.expireStatus(validateId(taskId, "a task's id"), toTtlMs(ttl));
  }

  /** Forgets a status. False when none is known. */
  async remove(taskId: string): Promise<boolean> {
    this.requireOpen();
    return this.removeStatus(validateId(taskId, "a task's id"));
  }

  /** Deletes expired statuses, groups and heartbeats, at most `limit` of each (default 500). Returns how many were deleted. */
  async sweep(options: { readonly limit?: number } = {}): Promise<number> {
    this.requireOpen();
    return this.sweepExpired(validateInteger(options.limit ?? 500, "the limit of a sweep", { min: 1, max: 100_000 }));
  }

  /** Records that a worker lives; it counts as gone when it does not report again within `ttlMs`. */
  async setHeartbeat(heartbeat: Heartbeat, ttlMs: number): Promise<void> {
    this.requireOpen();
    await this.putHeartbeat(toHeartbeatWrite(heartbeat, ttlMs, this.limits.maxLength));
  }

  /** Lists the workers that live, by id. */
  async listHeartbeats(): Promise<readonly StoredHeartbeat[]> {
    this.requireOpen();
    const alive = await this.heartbeats();
    return alive.toSorted((a, b) => a.workerId < b.workerId ? -1 : 1);
  }

  /** Takes a worker off the list. False when it was not there. */
  async removeHeartbeat(workerId: string): Promise<boolean> {
    this.requireOpen();
    return this.dropHeartbeat(validateId(workerId, "a worker's id"));
  }

  /** Makes a group. False when a group of that id exists already. */
  async initGroup(group: GroupInput, options?: WriteOptions): Promise<boolean> {
    const tx = this.transactionOf(options);
    return this.insertGroup(toGroupWrite(group, this.limits), tx);
  }

  /** Reports members' ends. Answers one progress each, in order; `undefined` for an unknown group or a task that is no member of it. */
  async addGroupResults(reports: readonly GroupReport[]): Promise<readonly (GroupProgress | undefined)[]> {
    this.requireOpen();
    const writes = validateList(reports, "the reports").map((report) => toReportWrite(report, this.limits));
    return writes.length === 0 ? [] : this.#reporting.call(writes);
  }

  /** Reports one member's end. */
  async addGroupResult(groupId: string, result: Omit<GroupReport, "groupId">): Promise<GroupProgress | undefined> {
    const [progress] = await this.addGroupResults([{ ...result, groupId }]);
    return progress;
  }

  /** Reads a group with its results; `undefined` when none is known. */
  async getGroup(groupId: string): Promise<Group | undefined> {
    this.requireOpen();
    return this.readGroup(validateId(groupId, "a group's id"));
  }

  /** Claims the right to dispatch a completed group's callback; `undefined` when there is nothing to claim, or another holds it. */
  async claimChord(groupId: string, options: { readonly owner: string; readonly leaseMs: number }): Promise<ChordClaim | undefined> {
    this.requireOpen();
    validateId(groupId, "a group's id");
    return this.claimCallback(groupId, validateId(options.owner, "an owner"), validateMs(options.leaseMs, "leaseMs", { min: 1 }));
  }

  /** Records that the callback was dispatched. False when the claim is stale. */
  async completeChord(claim: ChordClaim): Promise<boolean> {
    this.requireOpen();
    return this.completeCallback(validateId(claim.group.id, "a group's id"), validateInteger(claim.token, "a chord's token"));
  }

  /** Names completed groups whose callback waits to be dispatched, the longest waiting first; at most `limit` (default 100). */
  async dueChords(options: { readonly limit?: number } = {}): Promise<readonly string[]> {
    this.requireOpen();
    return this.dueCallbacks(validateInteger(options.limit ?? 100, "the limit of due chords", { min: 1, max: 1_000 }));
  }

  /** Records statuses in order, all of them in one step; ids may repeat (see `rounds`). Wakes those who watch them. */
  protected abstract setBatch(writes: readonly StatusWrite<Json>[], tx?: object): Promise<readonly boolean[]>;
  /** Reads statuses, none of which comes twice. The objects it returns are fresh. */
  protected abstract getBatch(ids: readonly string[]): Promise<readonly (TaskStatus | undefined)[]>;
  /** Lists at most `limit` statuses that match, the highest position first; with `before`, only those of lower positions. */
  protected abstract listStatuses(query: StatusQuery, limit: number, before: number | undefined): Promise<readonly ListedStatus[]>;
  /** Changes how long a status is kept from now. */
  protected abstract expireStatus(id: string, ttlMs: number): Promise<boolean>;
  /** Forgets a status. */
  protected abstract removeStatus(id: string): Promise<boolean>;
  /** Deletes what has expired, at most `limit` of each kind. */
  protected abstract sweepExpired(limit: number): Promise<number>;
  /** Stores a heartbeat in place of an earlier one. */
  protected abstract putHeartbeat(heartbeat: HeartbeatWrite): Promise<void>;
  /** Gives the heartbeats that count, in any order. */
  protected abstract heartbeats(): Promise<readonly StoredHeartbeat[]>;
  /** Deletes a heartbeat; false when none counted. */
  protected abstract dropHeartbeat(workerId: string): Promise<boolean>;
  /** Stores a group unless there is one of that id. */
  protected abstract insertGroup(group: GroupWrite, tx?: object): Promise<boolean>;
  /** Counts members' ends in order, all in one step; members may repeat, and count once. */
  protected abstract reportBatch(reports: readonly ReportWrite[]): Promise<readonly (GroupProgress | undefined)[]>;
  /** Reads a group. */
  protected abstract readGroup(id: string): Promise<Group | undefined>;
  /** Claims a completed group's callback. */
  protected abstract claimCallback(groupId: string, owner: string, leaseMs: number): Promise<ChordClaim | undefined>;
  /** Marks a callback as dispatched while the token is that of the latest claim. */
  protected abstract completeCallback(groupId: string, token: number): Promise<boolean>;
  /** Names completed groups with a callback that is neither held nor dispatched, the longest waiting first. */
  protected abstract dueCallbacks(limit: number): Promise<readonly string[]>;
  /** Notified by task id whenever its status may have changed. */
  protected abstract readonly wakes: KeyedWake<string>;

  /** Makes sure that news of these tasks reach {@link ResultsSurface.wakes} from now on; returns what ends that. Default: nothing to do. */
  protected listenFor(_taskIds: readonly string[]): MaybePromise<() => void> {
    return () => undefined;
  }

  /** Ends waits, and lets grouped calls finish. */
  protected override async endCalls(): Promise<void> {
    this.wakes.notifyAll();
    await Promise.all([this.#setting.flush(), this.#reading.flush(), this.#reporting.flush()]);
  }

  async #readOnce(ids: readonly string[]): Promise<readonly (TaskStatus | undefined)[]> {
    if (ids.length === 1) return await this.getBatch(ids);
    const unique = [...new Set(ids)];
    const found = await this.getBatch(unique);
    if (unique.length === ids.length) return found;
    const byId = new Map(unique.map((id, at) => [id, found[at]]));
    // Callers that share a read still get an object each: one may change what it got.
    return ids.map((id) => structuredClone(byId.get(id)));
  }

  async #follow(taskId: string): Promise<News> {
    const stop = await this.listenFor([taskId]);
    const watch = this.wakes.watch([taskId]);
    const ended: News["ended"] = async ({ signal, leftMs = Infinity }) => {
      try {
        await watch.next({ timeoutMs: Math.min(leftMs, this.pollMs), signal, clock: this.clock });
        return false;
      } catch (error) {
        if (signal?.aborted && error === signal.reason) return true;
        throw error;
      }
    };
    return {
      ended,
      close: () => {
        watch.close();
        stop();
      },
    };
  }
}

/** The interest in one task, from before the first look at it. */
interface News {
  /** Waits for news or the next look; true when the signal ended the wait. */
  readonly ended: (options: { readonly signal?: AbortSignal | undefined; readonly leftMs?: number }) => Promise<boolean>;
  readonly close: () => void;
}

function statusLength<Json>({ payload, error, meta, progress }: StatusWrite<Json>, form: JsonForm<Json>): number {
  let length = 0;
  for (const value of [payload, error, meta, progress]) length += value === undefined ? 0 : form.lengthOf(value);
  return length;
}

function reportLength({ payload, error }: ReportWrite): number {
  return (payload?.length ?? 0) + (error?.length ?? 0);
}
