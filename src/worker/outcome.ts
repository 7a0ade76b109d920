import { TaskRevokedError } from "../errors.ts";
import type { Completion, CompletionStatus } from "../contracts/task-ledger.ts";
import type { Delivery } from "../model/delivery.ts";
import { DEAD_LETTER_REASONS } from "../model/delivery.ts";
import type { Envelope } from "../model/envelope.ts";
import { cancelFailure, NO_REASON } from "../model/owed.ts";
import type { TaskFailure } from "../model/task-failure.ts";
import { toFailure } from "../model/task-failure.ts";
import { RESULT_ENCODER_META } from "../model/task-status.ts";
import { RejectSignal, RetrySignal } from "../tasks/signals.ts";
import type { RetryPolicy } from "../time/backoff.ts";
import { retryDelayMs } from "../time/backoff.ts";
import type { Random } from "../time/random.ts";
import type { Ending } from "./ending.ts";

/** What {@link decide} needs besides the attempt. */
export interface OutcomeOptions {
  /** The worker's retry policy, for tasks that have none. */
  readonly retry: RetryPolicy;
  /** Draws the jitter. */
  readonly random: Random;
}

/** An ending that leaves something to decide. */
export type SettledEnding = Exclude<Ending, { readonly kind: "lost" }>;

type ReturnedEnding = Extract<Ending, { readonly kind: "returned" }>;

/** Decides what follows from an attempt's end: the settlement, the status, and the tasks linked to it. Pure. */
export function decide(delivery: Delivery, ending: SettledEnding, options: OutcomeOptions): Completion {
  const { envelope } = delivery;
  switch (ending.kind) {
    case "returned":
      return withFollowUps({ delivery, settlement: { kind: "ack" }, status: succeeded(envelope, ending) }, envelope.onSuccess);
    case "threw":
      return afterThrow(delivery, ending.thrown, options);
    case "refused":
      return giveUp(delivery, ending.reason, toFailure(ending.error));
    case "cancelled":
      return { delivery, settlement: { kind: "ack" }, status: { state: "cancelled", error: cancelled(ending.error) } };
    case "put-back":
      return { delivery, settlement: { kind: "nack", delayMs: ending.delayMs }, status: { state: "queued" } };
  }
}

function succeeded(envelope: Envelope, { payload, encoderId }: ReturnedEnding): CompletionStatus {
  if (envelope.ignoreResult === true || encoderId === undefined) return { state: "succeeded" };
  // Assigned and then set again: adding a key to a spread takes ten times as long on Node 20.
  const meta: Record<string, unknown> = Object.assign({ [RESULT_ENCODER_META]: encoderId }, envelope.meta);
  meta[RESULT_ENCODER_META] = encoderId;
  return { state: "succeeded", payload, meta };
}

/** A revoked task's status says why in the words of who revoked it, as `cancel` writes it. */
function cancelled(error: Error): TaskFailure {
  return error instanceof TaskRevokedError ? cancelFailure(error.reason ?? NO_REASON, error.requestedBy) : toFailure(error);
}

function afterThrow(delivery: Delivery, thrown: unknown, options: OutcomeOptions): Completion {
  if (thrown instanceof RejectSignal) {
    // An empty reason says nothing, and is none to any store.
    const reason = thrown.reason || DEAD_LETTER_REASONS.rejected;
    return giveUp(delivery, reason, { name: "Rejected", message: reason });
  }
  const { envelope } = delivery;
  const asked = thrown instanceof RetrySignal ? thrown : undefined;
  const error = asked === undefined
    ? toFailure(thrown)
    : { name: "Retry", message: asked.reason ?? "the handler asked for another attempt" };
  if (envelope.attempt > envelope.maxRetries) return giveUp(delivery, DEAD_LETTER_REASONS.exhausted, error);
  const delayMs = asked?.delayMs ?? retryDelayMs(envelope.retryPolicy ?? options.retry, envelope.attempt, options.random);
  return { delivery, settlement: { kind: "retry", delayMs }, status: { state: "retrying", error } };
}

function giveUp(delivery: Delivery, reason: string, error: TaskFailure): Completion {
  const settlement = { kind: "deadLetter", reason, error } as const;
  return withFollowUps({ delivery, settlement, status: { state: "failed", error } }, delivery.envelope.onFailure);
}

function withFollowUps(completion: Completion, links: Completion["followUps"]): Completion {
  return links === undefined || links.length === 0 ? completion : { ...completion, followUps: links };
}
