import type { SQL } from "drizzle-orm";
import { sql } from "drizzle-orm";
import type { TaskFailure } from "../../model/task-failure.ts";
import type { TaskState } from "../../model/task-state.ts";
import { isTaskState } from "../../model/task-state.ts";
import type { TaskStatus } from "../../model/task-status.ts";
import { fromText } from "../../model/json-text.ts";
import { readOptional } from "../stored-json.ts";
import type { Tables } from "./tables.ts";

/** The status columns of a row of `tasks`. */
export interface StatusRow {
  readonly id: string;
  readonly name: string | null;
  readonly queue: string | null;
  readonly state: string | null;
  readonly attempt: number;
  readonly payload: string | null;
  readonly error: string | null;
  readonly meta: string | null;
  readonly progress: string | null;
  readonly worker: string | null;
  readonly groupId: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  readonly expiresAt: number | null;
}

/** What to select, or to return, for a {@link StatusRow}. */
export function statusColumns(tasks: Tables["tasks"]) {
  return {
    id: tasks.id,
    name: tasks.name,
    queue: tasks.queue,
    state: tasks.state,
    attempt: tasks.attempt,
    payload: tasks.payload,
    error: tasks.error,
    meta: tasks.meta,
    progress: tasks.progress,
    worker: tasks.worker,
    groupId: tasks.groupId,
    createdAt: tasks.createdAt,
    updatedAt: tasks.updatedAt,
    startedAt: tasks.startedAt,
    finishedAt: tasks.finishedAt,
    expiresAt: tasks.expiresAt,
  };
}

/** Values for an update that takes the status out of a row and leaves its delivery. Name, queue and group stay: they belong to both. */
export const CLEARED_STATUS = Object.freeze(
  {
    state: sql`null`,
    payload: sql`null`,
    error: sql`null`,
    meta: sql`null`,
    progress: sql`null`,
    worker: sql`null`,
    startedAt: sql`null`,
    finishedAt: sql`null`,
    expiresAt: sql`null`,
  } satisfies Partial<Record<keyof StatusRow, SQL>>,
);

/** Reads the status of a row as it stands at `now`; `undefined` when it has none, or one that has expired. */
export function knownStatus(row: StatusRow, now: number): TaskStatus | undefined {
  return row.expiresAt !== null && row.expiresAt <= now ? undefined : toTaskStatus(row);
}

/** Reads the status of a row whatever its time; `undefined` when it has none. Everything in it is fresh. */
export function toTaskStatus(row: StatusRow): TaskStatus | undefined {
  return isTaskState(row.state) ? withState(row, row.state) : undefined;
}

function withState(row: StatusRow, state: TaskState): TaskStatus {
  const error = readOptional<TaskFailure>(row.error);
  return {
    id: row.id,
    ...(row.name === null ? {} : { name: row.name }),
    ...(row.queue === null ? {} : { queue: row.queue }),
    state,
    attempt: row.attempt,
    ...(row.payload === null ? {} : { payload: fromText(row.payload) }),
    ...(error === undefined ? {} : { error }),
    meta: readOptional<Readonly<Record<string, unknown>>>(row.meta) ?? {},
    ...(row.progress === null ? {} : { progress: fromText(row.progress) }),
    ...(row.worker === null ? {} : { worker: row.worker }),
    ...(row.groupId === null ? {} : { groupId: row.groupId }),
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
    ...(row.startedAt === null ? {} : { startedAt: row.startedAt }),
    ...(row.finishedAt === null ? {} : { finishedAt: row.finishedAt }),
    ...(row.expiresAt === null ? {} : { expiresAt: row.expiresAt }),
  };
}
