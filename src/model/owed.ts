import type { Settlement } from "./delivery.ts";
import { DEAD_LETTER_REASONS } from "./delivery.ts";
import type { Envelope } from "./envelope.ts";
import type { GroupResult } from "./group.ts";
import type { TaskFailure } from "./task-failure.ts";
import { isTerminal } from "./task-state.ts";
import type { TaskStatus } from "./task-status.ts";
import { RESULT_ENCODER_META } from "./task-status.ts";

/** What was not carried out yet of a task's end. */
export interface Owed {
  /** What becomes of the envelope. */
  readonly settlement: Settlement;
  /** What is to be published; publishing it again is harmless. */
  readonly followUps: readonly Envelope[];
}

/**
 * What is still owed to a task that was claimed although its status has ended at that very attempt, or for good: its holder was cut off
 * between the status and the settlement, or it was cancelled while it waited.
 */
export function owedTo(envelope: Envelope, { state, error }: TaskStatus): Owed {
  if (state !== "failed") return { settlement: { kind: "ack" }, followUps: state === "succeeded" ? envelope.onSuccess ?? [] : [] };
  return {
    settlement: { kind: "deadLetter", reason: DEAD_LETTER_REASONS.exhausted, ...(error === undefined ? {} : { error }) },
    followUps: envelope.onFailure ?? [],
  };
}

/** What a group is told of a status; `undefined` when the task has not ended. */
export function groupResultOf({ id, state, payload, error, meta }: TaskStatus): GroupResult | undefined {
  if (!isTerminal(state)) return undefined;
  return {
    taskId: id,
    state,
    ...(payload === undefined ? {} : { payload }),
    ...encoderIn(meta),
    ...(error === undefined ? {} : { error }),
  };
}

/** The encoder that a status's meta names, as a group keeps it. */
export function encoderIn(meta: Readonly<Record<string, unknown>> | undefined): { readonly encoder?: string } {
  const encoder = meta?.[RESULT_ENCODER_META];
  return typeof encoder === "string" ? { encoder } : {};
}

/** What the status of a revoked task says where nobody gave a reason. */
export const NO_REASON = "revoked";

/** What a cancelled task's status says. */
export function cancelFailure(reason = "cancelled", requestedBy?: string): TaskFailure {
  return { name: "TaskRevokedError", code: "TASK_REVOKED", message: reason, ...(requestedBy === undefined ? {} : { requestedBy }) };
}
