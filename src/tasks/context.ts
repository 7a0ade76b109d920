import type { Envelope } from "../model/envelope.ts";
import type { RetryOptions } from "./signals.ts";
import type { CallParameters } from "./task-call.ts";
import type { Task } from "./task.ts";

/** What a handler knows about its task, and can do for it. */
export interface TaskContext {
  /** The task's id. */
  readonly id: string;
  /** The task's name. */
  readonly name: string;
  /** The queue it came from. */
  readonly queue: string;
  /** Which attempt this is, counted from 1. */
  readonly attempt: number;
  /** How many attempts there may be in all. */
  readonly maxAttempts: number;
  /** Whether an earlier worker lost this very attempt: side effects may have happened already. */
  readonly redelivered: boolean;
  /** The fencing token of this delivery: rises with every claim of the task, for writes that must not come late. */
  readonly token: number;
  /** The headers it was enqueued with. */
  readonly headers: Readonly<Record<string, string>>;
  /** The meta data it was enqueued with. */
  readonly meta: Readonly<Record<string, unknown>>;
  /** The task that enqueued this one. */
  readonly parentId: string | undefined;
  /** The first task of the lineage; the task's own id when it is the first. */
  readonly rootId: string;
  /** The worker that runs it. */
  readonly workerId: string;
  /** The envelope as it was claimed. */
  readonly envelope: Envelope;
  /**
   * Aborts when the work shall stop: `TaskRevokedError` (revoked), `TimeoutError` (time limit), `ConflictError` (the lease was lost:
   * another worker may run the task now), `ClosedError` (the worker shuts down; the task goes back to its queue).
   */
  readonly signal: AbortSignal;
  /** Aborts at the soft time limit: finish in good order, time is running out. Never aborts when there is none. */
  readonly softLimit: AbortSignal;
  /** Tells everyone who watches how far the work has come: any JSON value. Resolves when it is stored. */
  progress(value: unknown): Promise<void>;
  /** Ends this attempt and asks for another one. */
  retry(options?: RetryOptions): never;
  /** Ends the task as failed, without another attempt; it goes to the dead letters with the reason. */
  reject(reason?: string): never;
  /** Enqueues another task that inherits nothing but the lineage: parent id, root id and trace headers. Answers its id. */
  enqueue<Input>(task: Task<Input> | string, ...parameters: CallParameters<NoInfer<Input>>): Promise<string>;
}
