import type { ClaimDueOptions, SlotCompletion } from "../contracts/schedule-store.ts";
import { ConfigError } from "../errors.ts";
import type { Envelope } from "../model/envelope.ts";
import { validateEnvelope } from "../model/envelope.ts";
import { show, validateId } from "../model/id.ts";
import { toText } from "../model/json-text.ts";
import { validateInteger } from "../model/numbers.ts";
import type { ScheduleClaim, ScheduleInput, ScheduleOutcome } from "../model/schedule.ts";
import type { OwnedSchedule, ScheduleWrite } from "../model/schedule-change.ts";
import { validateSchedule } from "../model/schedule-input.ts";
import { LATEST_INSTANT } from "../model/slots.ts";
import type { Duration } from "../time/duration.ts";
import { durationMs } from "../time/duration.ts";
import { DEFAULT_MAX_TEXT_LENGTH } from "./store-surface.ts";
import { readStored } from "./stored-json.ts";
import { storableText, validateList, validateMs } from "./validation.ts";

/** How much of the past every schedule store keeps. */
export interface HistoryOptions {
  /** How many slots of the past are kept of each schedule, 0 to 10,000. @default 100 */
  readonly historyCount?: number | undefined;
  /** How long a slot of the past is kept. @default "30d" */
  readonly historyAge?: Duration | undefined;
}

/** How much of the past a store keeps, as numbers. */
export interface HistoryLimits {
  /** How many slots of each schedule. */
  readonly count: number;
  /** For how long. */
  readonly ageMs: number;
}

/** A claim as a store finds it again. */
export interface ClaimRef {
  /** The schedule. */
  readonly id: string;
  /** The claim's token. */
  readonly token: number;
  /** The slot that was claimed. */
  readonly slot: number;
}

/** A completion on its way into a store, checked. */
export interface CompleteItem extends ClaimRef {
  /** What became of it. */
  readonly kind: ScheduleOutcome["kind"];
  /** The next slot; absent when there is none. */
  readonly nextRunAt: number | undefined;
  /** The enqueued task. */
  readonly taskId: string | undefined;
  /** Why it was skipped, or failed. */
  readonly message: string | undefined;
  /** What it enqueues. */
  readonly envelopes: readonly Envelope[];
}

const KINDS: readonly unknown[] = ["dispatched", "skipped", "failed"];

/** Checks how much of the past to keep. */
export function toHistoryLimits({ historyCount = 100, historyAge = "30d" }: HistoryOptions): HistoryLimits {
  return {
    count: validateInteger(historyCount, "historyCount", { max: 10_000 }),
    ageMs: durationMs(historyAge, "historyAge", { min: 1 }),
  };
}

/** Checks an entry, fills in its defaults, and takes a copy as it will come back. */
export function toScheduleWrite(input: ScheduleInput): ScheduleWrite {
  requireObject(input, "a schedule");
  const { id, spec, task, startAt, endAt, maxRuns, expiresAfterMs, version } = validateSchedule(input);
  const { timeZone = "UTC", jitterMs = 0, enabled = true, misfire = { kind: "fire-once" }, meta = {} } = input;
  const given = { id, spec, task, timeZone, startAt, endAt, maxRuns, expiresAfterMs, jitterMs, enabled, misfire, meta };
  const text = toText(given satisfies Record<keyof OwnedSchedule, unknown>, `schedule ${show(id)}`, DEFAULT_MAX_TEXT_LENGTH);
  return { owned: readStored<OwnedSchedule>(text ?? ""), version };
}

/** Checks what to claim. */
export function toClaimRequest({ limit, owner, leaseMs }: ClaimDueOptions): ClaimDueOptions {
  return {
    limit: validateInteger(limit, "the limit of a claim", { min: 1, max: 1_000 }),
    owner: validateId(owner, "an owner"),
    leaseMs: validateMs(leaseMs, "leaseMs", { min: 1 }),
  };
}

/** Checks a completion. */
export function toCompleteItem({ claim, outcome, envelopes }: SlotCompletion): CompleteItem {
  const { id, token, slot } = toClaimRef(claim);
  requireObject(outcome, "the outcome of a slot");
  const { kind, nextRunAt, taskId, message } = outcome;
  if (!KINDS.includes(kind)) {
    throw new ConfigError(`Cannot use ${show(kind)} as the outcome of a slot: expected "dispatched", "skipped" or "failed"`);
  }
  if (nextRunAt !== undefined) {
    const { endAt = LATEST_INSTANT } = claim.entry;
    validateInteger(nextRunAt, `the slot that follows ${slot} of schedule ${show(id)}`, { min: slot + 1, max: endAt });
  }
  return {
    id,
    token,
    slot,
    kind,
    nextRunAt,
    taskId: taskId === undefined ? undefined : validateId(taskId, "a task's id"),
    message: message === undefined || message === "" ? undefined : storableText(message, "the message of an outcome"),
    envelopes: validateList(envelopes, "the envelopes of a slot").map((envelope) =>
      validateEnvelope(requireObject(envelope, "an envelope"))
    ),
  };
}

/** Checks a claim that comes back. */
export function toClaimRef(claim: ScheduleClaim): ClaimRef {
  const { entry } = requireObject(claim, "the claim of a slot");
  return {
    id: validateId(requireObject(entry, "the entry of a claim").id, "a schedule's id"),
    token: validateInteger(claim.token, "a claim's token"),
    slot: validateInteger(claim.slot, "a claim's slot"),
  };
}

/** What makes two claims the same. */
export function claimKey({ id, token }: Pick<ClaimRef, "id" | "token">): string {
  return `${token} ${id}`;
}

/** Refuses what untyped callers may give. */
function requireObject<T>(value: T, what: string): T {
  if (typeof value === "object" && value !== null) return value;
  throw new ConfigError(`Cannot use ${show(value)} as ${what}: expected an object`);
}
