import type { Completion, CompletionOutcome } from "../contracts/task-ledger.ts";
import type { Delivery } from "../model/delivery.ts";
import type { TaskFailure } from "../model/task-failure.ts";

/** What happens in a worker, as it happens. */
export type WorkerEvent =
  | {
    /** The worker claims tasks from now on; it has stopped claiming; it has ended. */
    readonly type: "started" | "stopping" | "stopped";
  }
  | {
    /** A handler begins. */
    readonly type: "task-started";
    /** What it runs. */
    readonly delivery: Delivery;
  }
  | {
    /** An attempt ended, and its outcome is stored. */
    readonly type: "task-succeeded" | "task-retrying" | "task-failed" | "task-cancelled" | "task-put-back";
    /** What was run. */
    readonly delivery: Delivery;
    /** Why it did not succeed; absent when it did. */
    readonly error?: TaskFailure;
    /** From the handler's begin to its end, in milliseconds. */
    readonly durationMs: number;
  }
  | {
    /** The lease was lost: another worker may run the task now, and this outcome was refused or never offered. */
    readonly type: "task-lost";
    /** What was held. */
    readonly delivery: Delivery;
  }
  | {
    /** Something failed that no caller awaits: a claim, a settlement, a heartbeat. The worker goes on. */
    readonly type: "error";
    /** What the worker was doing. */
    readonly operation: string;
    /** The error. */
    readonly error: unknown;
  };

/** Hears of what happens in a worker. What it throws is logged and goes no further. */
export type WorkerListener = (event: WorkerEvent) => void;

const TYPES = {
  succeeded: "task-succeeded",
  retrying: "task-retrying",
  failed: "task-failed",
  cancelled: "task-cancelled",
  queued: "task-put-back",
  running: "task-put-back",
} as const;

/** Makes the event of a stored outcome; it names the state on record, which may be another one than was decided. */
export function endedEvent(completion: Completion, outcome: CompletionOutcome, durationMs: number): WorkerEvent {
  const { delivery, status: { state, error } } = completion;
  return { type: TYPES[outcome.state ?? state], delivery, durationMs, ...(error === undefined ? {} : { error }) };
}
