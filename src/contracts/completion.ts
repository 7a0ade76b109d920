import type { StatusUpdate } from "./result-backend.ts";
import type { Completion } from "./task-ledger.ts";
import { ConfigError } from "../errors.ts";
import type { Delivery, Settlement } from "../model/delivery.ts";
import type { Envelope } from "../model/envelope.ts";
import { validateEnvelope } from "../model/envelope.ts";
import type { GroupReport } from "../model/group.ts";
import { show } from "../model/id.ts";
import { encoderIn } from "../model/owed.ts";
import type { TaskState } from "../model/task-state.ts";
import { isTerminal } from "../model/task-state.ts";

/**
 * Returns a completion whose state goes with its settlement, and whose follow-ups are valid envelopes.
 *
 * @throws {ConfigError} when they do not.
 */
export function validateCompletion(completion: Completion): Completion {
  const { delivery, settlement, status, followUps = [] } = completion;
  requireMatch(settlement.kind, status.state, delivery.envelope.id);
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
