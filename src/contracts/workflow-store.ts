import type { Envelope } from "../model/envelope.ts";
import type { Page, PageRequest } from "../model/page.ts";
import type { TaskFailure } from "../model/task-failure.ts";
import type { Checkpoint, ExecutionClaim, Suspension, WorkflowEvent, WorkflowRun, WorkflowRunState } from "../model/workflow-run.ts";
import type { TaskLedger } from "./task-ledger.ts";
import type { Store, WriteOptions } from "./store.ts";

/** A run to make. */
export interface WorkflowRunInput extends Pick<WorkflowRun, "id" | "workflow"> {
  /** The encoded input (a JSON value). */
  readonly input?: unknown;
  /** The run that starts this one. */
  readonly parentId?: string;
  /** JSON values kept with the run. */
  readonly meta?: Readonly<Record<string, unknown>>;
}

/** How a run ends. */
export interface WorkflowEnding {
  /** The final state. */
  readonly state: Extract<WorkflowRunState, "succeeded" | "failed" | "cancelled">;
  /** The encoded result (a JSON value). */
  readonly result?: unknown;
  /** Why it failed. */
  readonly error?: TaskFailure;
  /** How long the ended run is kept, in milliseconds. @default the store's default */
  readonly ttlMs?: number;
}

/**
 * Keeps durable workflow runs.
 *
 * - **W1** `create` is idempotent by run id.
 * - **W2** A run is executed by one holder at a time; every write of its execution is fenced by the claim's token, and a stale one changes nothing.
 * - **W3** Checkpoints come back in the order of execution; a step that returned null or nothing has a checkpoint.
 * - **W4** A run may wait in several steps at once; it is due when any of them is: its event arrived, or its time came.
 * - **W5** Due runs are leased, not popped: a crash in between makes them due again.
 * - **W6** An event that arrives before anyone waits for it is kept until its time-to-live ends, and goes to one waiter of its correlation key.
 * - **W7** A deadline that passed is told from an event that arrived.
 * - **W8** A cancelled run stays cancelled, whatever a late holder writes; its children are cancelled with it.
 * - **W9** A checkpoint and its continuation are written in one step when the ledger shares the database; of two checkpoints of one step the first counts.
 * - **W10** Ended runs are forgotten after their TTL. Namespaces isolate; bad arguments throw `ConfigError`; after `close` calls throw `ClosedError`.
 */
export interface WorkflowStore extends Store {
  /** Makes a run. False when one of that id exists. */
  create(run: WorkflowRunInput, options?: WriteOptions): Promise<boolean>;
  /** Reads a run; `undefined` when none is known. */
  get(runId: string): Promise<WorkflowRun | undefined>;
  /** Lists runs, newest first. */
  list(filter?: { readonly state?: WorkflowRunState; readonly workflow?: string }, page?: PageRequest): Promise<Page<WorkflowRun>>;
  /** Claims the execution of one run; `undefined` when another holds it, or it has ended. */
  claim(runId: string, options: { readonly owner: string; readonly leaseMs: number }): Promise<ExecutionClaim | undefined>;
  /** Claims runs that are due. */
  claimDue(options: { readonly limit: number; readonly owner: string; readonly leaseMs: number }): Promise<readonly ExecutionClaim[]>;
  /** Holds an execution for `leaseMs` from now. False when the claim is stale. */
  extend(claim: ExecutionClaim, leaseMs: number): Promise<boolean>;
  /** Reads the checkpoints of a run, in the order of execution. */
  checkpoints(runId: string): Promise<readonly Checkpoint[]>;
  /** Stores a step's result, and publishes what follows from it. False when the claim is stale. */
  checkpoint(
    claim: ExecutionClaim,
    checkpoint: Omit<Checkpoint, "storedAt">,
    continuation?: { readonly ledger: TaskLedger; readonly envelopes: readonly Envelope[] },
  ): Promise<boolean>;
  /** Lets the run wait, and gives the execution back. False when the claim is stale. */
  suspend(claim: ExecutionClaim, suspensions: readonly Suspension[]): Promise<boolean>;
  /** Ends the run. False when the claim is stale. */
  end(claim: ExecutionClaim, ending: WorkflowEnding): Promise<boolean>;
  /** Deletes ended runs and events whose time is over, at most `limit` (default 500). Returns how many. */
  sweep(options?: { readonly limit?: number }): Promise<number>;
  /** The earliest instant at which something may be due; `undefined` when nothing is. */
  nextDueAt(): Promise<number | undefined>;
  /** Cancels a run and its children, whoever holds them. False when it had ended before. */
  cancel(runId: string, reason?: string): Promise<boolean>;
  /** Delivers an event to its waiter, or keeps it for `ttlMs`. Answers the run that it woke; `undefined` when it is kept. */
  signalEvent(event: WorkflowEvent, options: { readonly ttlMs: number }): Promise<string | undefined>;
}
