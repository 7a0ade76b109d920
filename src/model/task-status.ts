import type { Page } from "./page.ts";
import type { TaskFailure } from "./task-failure.ts";
import type { TaskState } from "./task-state.ts";

/** The meta key under which a status names the encoder of its payload. */
export const RESULT_ENCODER_META = "__stemResultEncoder";

/** What a result backend knows of one task. Absent fields are absent, never `null`. */
export interface TaskStatus {
  /** The task's id. */
  readonly id: string;
  /** The task's name; absent when the status was set without it. */
  readonly name?: string;
  /** The queue it was published to; absent when the status was set without it. */
  readonly queue?: string;
  /** Where the task stands. */
  readonly state: TaskState;
  /** The attempt that this status speaks of, counted from 1. */
  readonly attempt: number;
  /** The encoded result (a JSON value); absent when there is none, `null` when the result is null. */
  readonly payload?: unknown;
  /** Why the last attempt failed. */
  readonly error?: TaskFailure;
  /** The task's own data (JSON values) and the encoder id of the payload under `__stemResultEncoder`. */
  readonly meta: Readonly<Record<string, unknown>>;
  /** What the running handler last reported with `ctx.progress()` (a JSON value). */
  readonly progress?: unknown;
  /** The worker that holds or held the task. */
  readonly worker?: string;
  /** The group that the task belongs to. */
  readonly groupId?: string;
  /** When the store first heard of the task. */
  readonly createdAt: number;
  /** When this status was written. */
  readonly updatedAt: number;
  /** When the latest attempt was handed to a worker; progress does not move it. */
  readonly startedAt?: number;
  /** When the task ended. */
  readonly finishedAt?: number;
  /** When the store forgets this status; absent while the task has not ended, unless a TTL was given. */
  readonly expiresAt?: number;
}

/** Which statuses `list` returns; every given condition must hold. */
export interface StatusFilter {
  /** Only statuses in this state, or in one of these. */
  readonly state?: TaskState | readonly TaskState[];
  /** Only tasks of this name. */
  readonly name?: string;
  /** Only tasks of this queue. */
  readonly queue?: string;
  /** Only statuses whose meta holds all these string, number or boolean values under these keys. */
  readonly meta?: Readonly<Record<string, string | number | boolean>>;
}

/** One page of statuses, newest first. */
export type StatusPage = Page<TaskStatus>;
