import type { Envelope } from "../../model/envelope.ts";
import type { TaskFailure } from "../../model/task-failure.ts";
import { isTerminal, supersedes } from "../../model/task-state.ts";
import type { TaskStatus } from "../../model/task-status.ts";
import { fromText } from "../../model/json-text.ts";
import { queuedStatus } from "../ledger-requests.ts";
import type { StatusQuery, StatusWrite } from "../result-requests.ts";
import { readOptional } from "../stored-json.ts";
import type { MemorySpace, StoredStatus } from "./database.ts";

/** Records a status when the order of truth permits; false when it does not. */
export function set(space: MemorySpace, write: StatusWrite, now: number): boolean {
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

/** Records a status whatever is stored: the caller compared it, or is entitled to put it back. */
export function put(space: MemorySpace, write: StatusWrite, { now, current, restart = false }: PutOptions): void {
  const { id, state } = write;
  const attempt = write.attempt ?? current?.attempt ?? 1;
  // What an earlier attempt reported says nothing about this one.
  const kept = current === undefined || attempt > current.attempt ? { ...current, payload: undefined, progress: undefined } : current;
  const status: StoredStatus = {
    id,
    position: current?.position ?? space.next(),
    state,
    attempt,
    name: write.name ?? kept.name,
    queue: write.queue ?? kept.queue,
    payload: write.payload ?? kept.payload,
    error: write.error,
    meta: write.meta ?? kept.meta,
    progress: write.progress ?? kept.progress,
    worker: write.worker ?? kept.worker,
    groupId: write.groupId ?? kept.groupId,
    createdAt: current?.createdAt ?? now,
    updatedAt: now,
    startedAt: restart || (state === "running" && !(current?.state === "running" && current.attempt === attempt)) ? now : kept.startedAt,
    finishedAt: isTerminal(state) ? now : undefined,
    expiresAt: write.ttlMs === undefined ? undefined : now + write.ttlMs,
  };
  space.statuses.set(id, status, { now, expiresAt: status.expiresAt });
  space.statusWakes.notify(id);
}

/** Records that a task was handed out; answers the status on record when the order of truth refuses it. */
export function start(space: MemorySpace, write: StatusWrite, now: number): StoredStatus | undefined {
  const current = space.statuses.get(write.id, now);
  if (!supersedes({ state: "running", attempt: write.attempt ?? 1 }, current)) return current;
  put(space, write, { now, current, restart: true });
  return undefined;
}

/** Follows a replayed envelope: the status that is kept becomes `queued` at its attempt. Without one nothing is recorded. */
export function requeue(space: MemorySpace, envelope: Envelope, now: number): void {
  if (space.statuses.get(envelope.id, now) === undefined) return;
  set(space, queuedStatus(envelope), now);
}

/** Keeps a status until another time; false when there is none. */
export function expire(space: MemorySpace, id: string, times: { readonly now: number; readonly ttlMs: number }): boolean {
  const { now } = times;
  const status = space.statuses.get(id, now);
  if (status === undefined) return false;
  const expiresAt = now + times.ttlMs;
  space.statuses.set(id, { ...status, expiresAt }, { now, expiresAt });
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
  const stored = readOptional<Readonly<Record<string, unknown>>>(status.meta) ?? {};
  return Object.entries(meta).every(([key, value]) => Object.hasOwn(stored, key) && stored[key] === value);
}

/** Gives a status as readers get it. */
export function toStatus(stored: StoredStatus): TaskStatus {
  const { id, name, queue, state, attempt, payload, progress, worker, groupId, createdAt, updatedAt, startedAt, finishedAt, expiresAt } =
    stored;
  const error = readOptional<TaskFailure>(stored.error);
  return {
    id,
    ...(name === undefined ? {} : { name }),
    ...(queue === undefined ? {} : { queue }),
    state,
    attempt,
    ...(payload === undefined ? {} : { payload: fromText(payload) }),
    ...(error === undefined ? {} : { error }),
    meta: readOptional<Readonly<Record<string, unknown>>>(stored.meta) ?? {},
    ...(progress === undefined ? {} : { progress: fromText(progress) }),
    ...(worker === undefined ? {} : { worker }),
    ...(groupId === undefined ? {} : { groupId }),
    createdAt,
    updatedAt,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(finishedAt === undefined ? {} : { finishedAt }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
  };
}
