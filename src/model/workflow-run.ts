import type { TaskFailure } from "./task-failure.ts";

/** Where a workflow run stands. */
export type WorkflowRunState = "running" | "suspended" | "succeeded" | "failed" | "cancelled";

/** A workflow run as the store keeps it. */
export interface WorkflowRun {
  /** The run's id. */
  readonly id: string;
  /** The workflow's name. */
  readonly workflow: string;
  /** Where it stands. */
  readonly state: WorkflowRunState;
  /** The encoded input (a JSON value). */
  readonly input?: unknown;
  /** The encoded result (a JSON value). */
  readonly result?: unknown;
  /** Why it failed. */
  readonly error?: TaskFailure;
  /** The run that started this one. */
  readonly parentId?: string;
  /** JSON values kept with the run. */
  readonly meta: Readonly<Record<string, unknown>>;
  /** When it was made. */
  readonly createdAt: number;
  /** When it last changed. */
  readonly updatedAt: number;
  /** When the store forgets it; absent while it has not ended. */
  readonly expiresAt?: number;
}

/** The result of one step, kept so that it is never executed again. */
export interface Checkpoint {
  /** The step's name, unique within the run. */
  readonly step: string;
  /** Its position in the order of execution, from 0. */
  readonly position: number;
  /** The encoded result (a JSON value); absent when the step returned `undefined`, which is a result too. */
  readonly payload?: unknown;
  /** When it was stored. */
  readonly storedAt: number;
}

/** What a suspended step waits for. */
export interface Suspension {
  /** The step that waits. */
  readonly step: string;
  /** When it goes on in any case: the end of a sleep, or the deadline of an event. */
  readonly resumeAt?: number;
  /** The event it waits for. */
  readonly event?: string;
  /** Which event of that name. */
  readonly correlationKey?: string;
}

/** An event that may be waited for, before or after it arrived. */
export interface WorkflowEvent {
  /** Its name. */
  readonly event: string;
  /** Which one of that name. */
  readonly correlationKey?: string;
  /** The encoded payload (a JSON value). */
  readonly payload?: unknown;
}

/** The right to execute a run, for the time of a lease. */
export interface ExecutionClaim {
  /** The run. */
  readonly run: WorkflowRun;
  /** The fencing token that every write of the run asks for. */
  readonly token: number;
  /** Who executes it. */
  readonly owner: string;
  /** When another process may execute it. */
  readonly leaseExpiresAt: number;
  /** The events that ended its suspensions, and the suspensions whose time came. */
  readonly wakeups: readonly { readonly step: string; readonly timedOut: boolean; readonly event?: WorkflowEvent }[];
}
