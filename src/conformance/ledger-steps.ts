import type { Completion, CompletionStatus } from "../contracts/task-ledger.ts";
import type { ResultBackend } from "../contracts/result-backend.ts";
import type { Delivery } from "../model/delivery.ts";
import type { Envelope } from "../model/envelope.ts";
import { FAILURE } from "./values.ts";

/** A task that has succeeded. */
export function success(delivery: Delivery, status: Partial<CompletionStatus> = {}, followUps: readonly Envelope[] = []): Completion {
  return { delivery, settlement: { kind: "ack" }, status: { state: "succeeded", ...status }, followUps };
}

/** A task that is to be tried again. */
export function anotherAttempt(delivery: Delivery, delayMs = 0): Completion {
  return { delivery, settlement: { kind: "retry", delayMs }, status: { state: "retrying", error: FAILURE } };
}

/** A task that is put back. */
export function putBack(delivery: Delivery): Completion {
  return { delivery, settlement: { kind: "nack" }, status: { state: "queued" } };
}

/** A task that is given up on. */
export function death(delivery: Delivery, followUps: readonly Envelope[] = []): Completion {
  const settlement = { kind: "deadLetter", reason: "retries-exhausted", error: FAILURE } as const;
  return { delivery, settlement, status: { state: "failed", error: FAILURE }, followUps };
}

/** Gives the states of tasks, in order. */
export async function statesOf(results: ResultBackend, ids: readonly string[]): Promise<readonly (string | undefined)[]> {
  return (await results.getMany(ids)).map((status) => status?.state);
}
