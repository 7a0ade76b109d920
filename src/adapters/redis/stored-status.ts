import { StoreError } from "../../errors.ts";
import { isTaskState } from "../../model/task-state.ts";
import type { TaskState } from "../../model/task-state.ts";
import type { TaskFailure } from "../../model/task-failure.ts";
import type { TaskStatus } from "../../model/task-status.ts";
import { fromText } from "../../model/json-text.ts";
import type { StatusWrite } from "../result-requests.ts";
import type { ListedStatus } from "../results-surface.ts";
import { readStored } from "../stored-json.ts";

/** How many arguments {@link statusArguments} gives. */
export const STATUS_ARGUMENTS = 12;

/** What scripts read by `statusArgument` in `lua/statuses.ts`, the id first. */
export function statusArguments(write: StatusWrite): readonly (string | number)[] {
  const { id, state, attempt = "", payload = "", error = "", meta = "", progress = "", name = "", queue = "" } = write;
  return [id, state, attempt, payload, error, meta, progress, name, queue, write.worker ?? "", write.groupId ?? "", write.ttlMs ?? ""];
}

/** Reads a status as it is stored, see `lua/statuses.ts`. `undefined` when it has ended at `now`. */
export function readListedStatus(id: string, value: string, now?: number): ListedStatus | undefined {
  const fields = value.split("\0");
  if (now !== undefined && fields[7] !== "" && Number(fields[7]) <= now) return undefined;
  return { position: Number(fields[0]), status: toStatus(id, fields) };
}

/** Reads a status as it is stored; `undefined` when it has ended at `now`. */
export function readStatus(id: string, value: string, now?: number): TaskStatus | undefined {
  return readListedStatus(id, value, now)?.status;
}

function toStatus(id: string, fields: readonly string[]): TaskStatus {
  const [, state = "", attempt, createdAt, updatedAt, startedAt, finishedAt, expiresAt, name, queue, worker, groupId] = fields;
  const [payload, error, meta, progress] = fields.slice(12);
  return {
    id,
    ...(isGiven(name) ? { name } : {}),
    ...(isGiven(queue) ? { queue } : {}),
    state: stateOf(state),
    attempt: Number(attempt),
    ...(isGiven(payload) ? { payload: fromText(payload) } : {}),
    ...(isGiven(error) ? { error: readStored<TaskFailure>(error) } : {}),
    meta: isGiven(meta) ? readStored<Readonly<Record<string, unknown>>>(meta) : {},
    ...(isGiven(progress) ? { progress: fromText(progress) } : {}),
    ...(isGiven(worker) ? { worker } : {}),
    ...(isGiven(groupId) ? { groupId } : {}),
    createdAt: Number(createdAt),
    updatedAt: Number(updatedAt),
    ...(isGiven(startedAt) ? { startedAt: Number(startedAt) } : {}),
    ...(isGiven(finishedAt) ? { finishedAt: Number(finishedAt) } : {}),
    ...(isGiven(expiresAt) ? { expiresAt: Number(expiresAt) } : {}),
  };
}

function isGiven(field: string | undefined): field is string {
  return field !== undefined && field !== "";
}

function stateOf(text: string): TaskState {
  if (isTaskState(text)) return text;
  throw new StoreError(`Cannot read a status: ${JSON.stringify(text)} is no state`, {
    adapter: "redis",
    operation: "get",
    retryable: false,
  });
}
