import { ConfigError } from "../errors.ts";
import type { StatusFields, StatusUpdate } from "../contracts/result-backend.ts";
import { validateEnvelope } from "../model/envelope.ts";
import type { GroupInput, GroupReport } from "../model/group.ts";
import type { Heartbeat } from "../model/heartbeat.ts";
import type { Naming } from "../model/id.ts";
import { named, show, validateId } from "../model/id.ts";
import { jsonTextOf, toText } from "../model/json-text.ts";
import { validateMeta } from "../model/meta.ts";
import { validateInteger } from "../model/numbers.ts";
import type { TaskState } from "../model/task-state.ts";
import { isTaskState, isTerminal, TASK_STATES } from "../model/task-state.ts";
import type { StatusFilter } from "../model/task-status.ts";
import type { Duration } from "../time/duration.ts";
import { durationMs } from "../time/duration.ts";
import type { JsonForm } from "./json-form.ts";
import { validateDistinctIds, validateList, validateMs } from "./validation.ts";

/** How long a status or a group is kept when nobody says: one day. */
export const DEFAULT_TTL_MS = 24 * 60 * 60 * 1_000;

/** What {@link toStatusWrite} fills in and holds to. */
export interface StatusLimits<Json = string> {
  /** As what the store keeps these values. */
  readonly form: JsonForm<Json>;
  /** The most characters of JSON text that a payload, a progress report, an error or a meta may have. */
  readonly maxLength: number;
  /** How long a terminal status is kept when the call does not say. */
  readonly ttlMs: number;
}

/**
 * A status on its way into a store, checked, and its values as the store keeps them: as text, unless it says otherwise. It is merged into the
 * stored one when `supersedes` permits.
 *
 * - `undefined` keeps what is stored, except for `error`, which it clears, and `ttlMs`, which then means no limit.
 * - A higher attempt than the stored one clears payload, progress and error before that.
 * - The store fills in `createdAt` at the first write and `updatedAt` at each; `startedAt` when the state is `running` and the stored one
 *   was not `running` at the same attempt; `finishedAt` when the state is terminal, cleared otherwise; `expiresAt` as `ttlMs` from now.
 */
export interface StatusWrite<Json = string> {
  /** The task. */
  readonly id: string;
  /** Its new state. */
  readonly state: TaskState;
  /** The attempt, from 1; `undefined` stands for the stored one, or 1 when there is none. */
  readonly attempt: number | undefined;
  /** The result; that of `null` is one. */
  readonly payload: Json | undefined;
  /** The failure; `undefined` clears the stored one. */
  readonly error: Json | undefined;
  /** All of the meta, an object. */
  readonly meta: Json | undefined;
  /** The progress. */
  readonly progress: Json | undefined;
  /** The task's name. */
  readonly name: string | undefined;
  /** The task's queue. */
  readonly queue: string | undefined;
  /** The worker that holds it. */
  readonly worker: string | undefined;
  /** The group it belongs to. */
  readonly groupId: string | undefined;
  /** How long it is kept from now; `undefined` for a task that has not ended and has no limit. */
  readonly ttlMs: number | undefined;
}

/** A group on its way into a store. */
export interface GroupWrite {
  /** The group. */
  readonly id: string;
  /** Its members in order, none twice. */
  readonly taskIds: readonly string[];
  /** Its meta as JSON text of an object. */
  readonly meta: string;
  /** The callback's envelope as JSON text. */
  readonly callback: string | undefined;
  /** How long it is kept from its making while members have not ended; `undefined` for no limit. */
  readonly ttlMs: number | undefined;
  /** How long it is kept from its completion. */
  readonly doneTtlMs: number;
}

/** A member's end on its way into a store. */
export interface ReportWrite {
  /** The group. */
  readonly groupId: string;
  /** The member. */
  readonly taskId: string;
  /** How it ended. */
  readonly state: GroupReport["state"];
  /** Its result as JSON text. */
  readonly payload: string | undefined;
  /** The payload's encoder. */
  readonly encoder: string | undefined;
  /** Why it failed, as JSON text. */
  readonly error: string | undefined;
}

/** A heartbeat on its way into a store. */
export interface HeartbeatWrite {
  /** The worker. */
  readonly workerId: string;
  /** The whole heartbeat as JSON text. */
  readonly text: string;
  /** How long it counts. */
  readonly ttlMs: number;
}

/** A filter with its states as a list. */
export interface StatusQuery extends Omit<StatusFilter, "state"> {
  /** Any of these; absent for all. */
  readonly states?: readonly TaskState[];
}

/** Checks one status, fills in what the call does not say, and takes its values in. */
export function toStatusWrite<Json>(update: StatusUpdate, limits: StatusLimits<Json>): StatusWrite<Json> {
  const id = validateId(update.id, "a task's id");
  const state = validateState(update.state);
  return {
    id,
    state,
    attempt: update.attempt === undefined ? undefined : validateInteger(update.attempt, "an attempt", { min: 1, max: 1_000_000 }),
    payload: update.payload === undefined ? undefined : take(update.payload, { field: "payload", id, limits }),
    error: update.error === undefined ? undefined : take(update.error, { field: "error", id, limits }),
    meta: update.meta === undefined ? undefined : takeMeta(update.meta, { field: "meta", id, limits }),
    progress: update.progress === undefined ? undefined : take(update.progress, { field: "progress", id, limits }),
    name: optionalId(update.name, "a task's name"),
    queue: optionalId(update.queue, "a queue's name"),
    worker: optionalId(update.worker, "a worker's id"),
    groupId: optionalId(update.groupId, "a group's id"),
    ttlMs: statusTtlMs(update, limits),
  };
}

/** Returns a time to live in milliseconds; refuses less than one. */
export function toTtlMs(ttl: Duration, what = "ttl"): number {
  return durationMs(ttl, what, { min: 1 });
}

/** Checks a group and turns its values into text. */
export function toGroupWrite(group: GroupInput, limits: StatusLimits<unknown>): GroupWrite {
  const id = validateId(group.id, "a group's id");
  const what = `of group ${show(id)}`;
  if (group.callback !== undefined) validateEnvelope(group.callback);
  return {
    id,
    taskIds: validateDistinctIds(group.taskIds, `the members ${what}`),
    meta: group.meta === undefined ? "{}" : jsonTextOf(checkedMeta(group.meta, `the meta ${what}`), `the meta ${what}`, limits.maxLength),
    callback: toText(group.callback, `the callback ${what}`, limits.maxLength),
    ttlMs: group.ttlMs === undefined ? undefined : validateMs(group.ttlMs, "ttlMs", { min: 1 }),
    doneTtlMs: group.ttlMs ?? limits.ttlMs,
  };
}

/** Checks a report and turns its values into text. */
export function toReportWrite(report: GroupReport, limits: StatusLimits<unknown>): ReportWrite {
  const taskId = validateId(report.taskId, "a task's id");
  const { state } = report;
  if (!isTerminal(validateState(state))) {
    throw new ConfigError(`Cannot report ${show(state)} to a group: expected a state that ended the task`);
  }
  return {
    groupId: validateId(report.groupId, "a group's id"),
    taskId,
    state,
    payload: toText(report.payload, () => `the payload of task ${show(taskId)}`, limits.maxLength),
    encoder: optionalId(report.encoder, "an encoder's id"),
    error: toText(report.error, () => `the error of task ${show(taskId)}`, limits.maxLength),
  };
}

/** Checks a heartbeat and turns it into text. */
export function toHeartbeatWrite(heartbeat: Heartbeat, ttlMs: number, maxLength: number): HeartbeatWrite {
  const workerId = validateId(heartbeat.workerId, "a worker's id");
  const text = toText(heartbeat, `the heartbeat of worker ${show(workerId)}`, maxLength) ?? "";
  return { workerId, text, ttlMs: validateMs(ttlMs, "ttlMs", { min: 1 }) };
}

/** Checks which statuses are asked for. */
export function toStatusQuery(filter: StatusFilter = {}): StatusQuery {
  const { state, name, queue, meta } = filter;
  for (const [key, value] of Object.entries(validateMeta(meta ?? {}, "a filter's meta"))) {
    if (typeof value === "string" || typeof value === "boolean" || Number.isFinite(value)) continue;
    throw new ConfigError(`Cannot filter by ${show(value)} under meta key ${show(key)}: expected a string, a finite number or a boolean`);
  }
  return {
    ...(state === undefined
      ? {}
      : { states: (typeof state === "string" ? [state] : validateList(state, "the states")).map(validateState) }),
    ...(name === undefined ? {} : { name: validateId(name, "a task's name") }),
    ...(queue === undefined ? {} : { queue: validateId(queue, "a queue's name") }),
    ...(meta === undefined ? {} : { meta: { ...meta } }),
  };
}

/** Returns a state; refuses what is none. */
export function validateState(state: TaskState): TaskState {
  if (isTaskState(state)) return state;
  throw new ConfigError(`Cannot use ${show(state)} as a task's state: expected one of ${TASK_STATES.join(", ")}`);
}

function statusTtlMs(update: StatusFields & { readonly state: TaskState }, limits: StatusLimits<unknown>): number | undefined {
  if (update.ttl !== undefined) return toTtlMs(update.ttl);
  // A task may wait or run longer than any default: what has not ended must not be forgotten unless the call says so.
  return isTerminal(update.state) ? limits.ttlMs : undefined;
}

function optionalId(value: string | undefined, what: string): string | undefined {
  return value === undefined ? undefined : validateId(value, what);
}

/** A value on its way into a store: what of which task it is. */
export interface Intake<Json> {
  /** What it is: `"payload"`. */
  readonly field: string;
  /** The task. */
  readonly id: string;
  /** What it is held to. */
  readonly limits: StatusLimits<Json>;
}

/** Takes in a value of a task. */
export function take<Json>(value: {} | null, { field, id, limits }: Intake<Json>): Json {
  return limits.form.take(value, () => `the ${field} of task ${show(id)}`, limits.maxLength);
}

/** Takes in the meta of a task after a look at its keys and strings. */
export function takeMeta<Json>(meta: Readonly<Record<string, unknown>>, intake: Intake<Json>): Json {
  return take(checkedMeta(meta, () => `the meta of task ${show(intake.id)}`), intake);
}

function checkedMeta(meta: Readonly<Record<string, unknown>>, what: Naming): Readonly<Record<string, unknown>> {
  if (typeof meta === "object" && meta !== null && !Array.isArray(meta)) return validateMeta(meta, what);
  throw new ConfigError(`Cannot use ${show(meta)} as ${named(what)}: expected an object`);
}
