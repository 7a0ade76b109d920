import type { StatusUpdate } from "./result-backend.ts";
import type { Completion } from "./task-ledger.ts";
import { ConfigError } from "../errors.ts";
import type { Delivery, Settlement } from "../model/delivery.ts";
import type { Envelope } from "../model/envelope.ts";
import { validateEnvelope } from "../model/envelope.ts";
import type { GroupReport } from "../model/group.ts";
import { show } from "../model/id.ts";
import { validateInteger } from "../model/numbers.ts";
import { encoderIn } from "../model/owed.ts";
import type { TaskState } from "../model/task-state.ts";
import { isTerminal } from "../model/task-state.ts";
import { durationMs } from "../time/duration.ts";

/**
 * Returns a completion whose state goes with its settlement, and whose follow-ups are valid envelopes. A settlement that a broker would
 * refuse is refused here: it comes last where the sides are written one by one, when the status is already there.
 *
 * @throws {ConfigError} when they do not.
 */
export function validateCompletion(completion: Completion): Completion {
  const { delivery, settlement, status, followUps = [] } = completion;
  requireMatch(settlement.kind, status.state, delivery.envelope.id);
  if (settlement.kind === "deadLetter") requireReason(settlement.reason, delivery.envelope.id);
  else if (settlement.kind !== "ack") durationMs(validateInteger(settlement.delayMs ?? 0, "delayMs"), "delayMs");
  for (const next of followUps) validateEnvelope(next);
  return completion;
}

/** The status of a task that waits. */
export function queuedUpdate({ id, name, queue, attempt, meta, groupId }: Envelope): StatusUpdate {
  return { id, state: "queued", name, queue, attempt, meta, ...(groupId === undefined ? {} : { groupId }) };
}

/** The status of a task that was handed out. */
export function runningUpdate({ envelope: { id, name, queue, attempt, groupId }, consumer: worker }: Delivery): StatusUpdate {
  return { id, state: "running", name, queue, attempt, worker, ...(groupId === undefined ? {} : { groupId }) };
}

/** The status that a completion asks for. */
export function statusUpdate({ delivery, status }: Completion): StatusUpdate {
  const { envelope } = delivery;
  const { state, payload, error, meta, ttlMs = envelope.resultTtlMs } = status;
  return {
    ...runningUpdate(delivery),
    state,
    ...(payload === undefined ? {} : { payload }),
    ...(error === undefined ? {} : { error }),
    ...(meta === undefined ? {} : { meta }),
    ...(ttlMs === undefined || !isTerminal(state) ? {} : { ttl: ttlMs }),
  };
}

/** What a completion tells the task's group; `undefined` when it has none, or the task has not ended. */
export function groupReport({ delivery, status: { state, payload, error, meta } }: Completion): GroupReport | undefined {
  const { id, groupId } = delivery.envelope;
  if (groupId === undefined || !isTerminal(state)) return undefined;
  return {
    groupId,
    taskId: id,
    state,
    ...(payload === undefined ? {} : { payload }),
    ...encoderIn(meta),
    ...(error === undefined ? {} : { error }),
  };
}

function requireMatch(kind: Settlement["kind"], state: TaskState, id: string): void {
  const fits = kind === "nack" ? state === "queued" : kind === "retry" ? state === "retrying" : isTerminal(state);
  if (fits) return;
  const expected = kind === "nack" ? `"queued"` : kind === "retry" ? `"retrying"` : "a state that ends the task";
  throw new ConfigError(`Cannot finish task ${show(id)} as ${show(state)} with ${show(kind)}: expected ${expected}`);
}

function requireReason(reason: string, id: string): void {
  if (typeof reason !== "string" || reason === "") {
    throw new ConfigError(`Cannot dead-letter task ${show(id)} for the reason ${show(reason)}: expected some text`);
  }
}
