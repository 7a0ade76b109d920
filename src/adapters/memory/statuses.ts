import type { Envelope } from "../../model/envelope.ts";
import type { TaskFailure } from "../../model/task-failure.ts";
import { isTerminal, supersedes } from "../../model/task-state.ts";
import type { TaskStatus } from "../../model/task-status.ts";
import type { EnvelopeLimits } from "../broker-requests.ts";
import { queuedStatus } from "../ledger-requests.ts";
import type { StatusQuery, StatusWrite } from "../result-requests.ts";
import { readAs } from "../stored-json.ts";
import type { MemorySpace, StoredStatus } from "./database.ts";
import { copyOf } from "./json-copies.ts";

/** Records a status when the order of truth permits; false when it does not. */
export function set(space: MemorySpace, write: StatusWrite<unknown>, now: number): boolean {
  const current = space.statuses.get(write.id, now);
  if (!supersedes({ state: write.state, attempt: write.attempt ?? current?.attempt ?? 1 }, current)) return false;
  put(space, write, { now, current });
  return true;
}

/** When and over what {@link put} writes. */
export interface PutOptions {
  /** The time. */
  readonly now: number;
  /** What is stored. */
  readonly current: StoredStatus | undefined;
  /** Whether the task was handed out just now: a redelivery starts anew, where progress does not. @default false */
  readonly restart?: boolean;
}

/** Records a status whatever is stored: the caller compared it, or is entitled to put it back. What was stored is written over. */
export function put(space: MemorySpace, write: StatusWrite<unknown>, { now, current, restart = false }: PutOptions): void {
  const { id, state } = write;
  const status = current ?? emptyStatus(id, space.next(), now);
  const attempt = write.attempt ?? status.attempt;
  if (restart || (state === "running" && !(status.state === "running" && status.attempt === attempt))) status.startedAt = now;
  if (attempt > status.attempt) forgetReports(status);
  status.state = state;
  status.attempt = attempt;
  if (write.name !== undefined) status.name = write.name;
  if (write.queue !== undefined) status.queue = write.queue;
  if (write.payload !== undefined) status.payload = write.payload;
  status.error = write.error;
  if (write.meta !== undefined) status.meta = write.meta;
  if (write.progress !== undefined) status.progress = write.progress;
  if (write.worker !== undefined) status.worker = write.worker;
  if (write.groupId !== undefined) status.groupId = write.groupId;
  status.updatedAt = now;
  status.finishedAt = isTerminal(state) ? now : undefined;
  status.expiresAt = write.ttlMs === undefined ? undefined : now + write.ttlMs;
  space.statuses.set(id, status, { now, expiresAt: status.expiresAt });
  space.statusWakes.notify(id);
}

/** Forgets what an attempt reported: it says nothing about the next one. */
export function forgetReports(status: StoredStatus): void {
  status.payload = undefined;
  status.progress = undefined;
}

function emptyStatus(id: string, position: number, now: number): StoredStatus {
  return {
    id,
    position,
    state: "queued",
    attempt: 1,
    name: undefined,
    queue: undefined,
    payload: undefined,
    error: undefined,
    meta: undefined,
    progress: undefined,
    worker: undefined,
    groupId: undefined,
    createdAt: now,
    updatedAt: now,
    startedAt: undefined,
    finishedAt: undefined,
    expiresAt: undefined,
  };
}

/** Records that a task was handed out; answers the status on record when the order of truth refuses it. */
export function start(space: MemorySpace, write: StatusWrite<unknown>, now: number): StoredStatus | undefined {
  const current = space.statuses.get(write.id, now);
  if (!supersedes({ state: "running", attempt: write.attempt ?? 1 }, current)) return current;
  put(space, write, { now, current, restart: true });
  return undefined;
}

/** When and under which limits {@link requeue} writes. */
export interface RequeueOptions {
  /** The time. */
  readonly now: number;
  /** What the meta is held to. */
  readonly limits: EnvelopeLimits<unknown>;
}

/** Follows a replayed envelope: the status that is kept becomes `queued` at its attempt. Without one nothing is recorded. */
export function requeue(space: MemorySpace, envelope: Envelope, { now, limits }: RequeueOptions): void {
  if (space.statuses.get(envelope.id, now) === undefined) return;
  set(space, queuedStatus(envelope, limits), now);
}

/** Keeps a status until another time; false when there is none. */
export function expire(space: MemorySpace, id: string, times: { readonly now: number; readonly ttlMs: number }): boolean {
  const { now } = times;
  const status = space.statuses.get(id, now);
  if (status === undefined) return false;
  const expiresAt = now + times.ttlMs;
  status.expiresAt = expiresAt;
  space.statuses.set(id, status, { now, expiresAt });
  space.statusWakes.notify(id);
  return true;
}

/** Forgets a status; false when there is none. */
export function remove(space: MemorySpace, id: string, now: number): boolean {
  const removed = space.statuses.delete(id, now);
  if (removed) space.statusWakes.notify(id);
  return removed;
}

/** Tells whether a status is among those asked for. */
export function matches(status: StoredStatus, { states, name, queue, meta }: StatusQuery): boolean {
  if (states !== undefined && !states.includes(status.state)) return false;
  if (name !== undefined && status.name !== name) return false;
  if (queue !== undefined && status.queue !== queue) return false;
  if (meta === undefined) return true;
  const stored = readAs<Readonly<Record<string, unknown>> | undefined>(status.meta) ?? {};
  return Object.entries(meta).every(([key, value]) => Object.hasOwn(stored, key) && stored[key] === value);
}

/** Gives a status as readers get it. */
export function toStatus(stored: StoredStatus): TaskStatus {
  const { id, name, queue, state, attempt, payload, progress, worker, groupId, createdAt, updatedAt, startedAt, finishedAt, expiresAt } =
    stored;
  const error = readAs<TaskFailure | undefined>(copyOf(stored.error));
  return {
    id,
    ...(name === undefined ? {} : { name }),
    ...(queue === undefined ? {} : { queue }),
    state,
    attempt,
    ...(payload === undefined ? {} : { payload: copyOf(payload) }),
    ...(error === undefined ? {} : { error }),
    meta: readAs<Readonly<Record<string, unknown>> | undefined>(copyOf(stored.meta)) ?? {},
    ...(progress === undefined ? {} : { progress: copyOf(progress) }),
    ...(worker === undefined ? {} : { worker }),
    ...(groupId === undefined ? {} : { groupId }),
    createdAt,
    updatedAt,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(finishedAt === undefined ? {} : { finishedAt }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
  };
}
