import { groupReport, validateCompletion } from "../contracts/completion.ts";
import type { CancelOutcome, Completion } from "../contracts/task-ledger.ts";
import type { Delivery } from "../model/delivery.ts";
import type { Envelope } from "../model/envelope.ts";
import { groupResultOf, owedTo } from "../model/owed.ts";
import type { TaskFailure } from "../model/task-failure.ts";
import { isTerminal } from "../model/task-state.ts";
import type { TaskStatus } from "../model/task-status.ts";
import type { EnvelopeLimits, PublishItem, SettleItem } from "./broker-requests.ts";
import { toPublishItem, toSettleItem } from "./broker-requests.ts";
import type { ReportWrite, StatusLimits, StatusWrite } from "./result-requests.ts";
import { take, takeMeta, toReportWrite, toTtlMs } from "./result-requests.ts";
import { validateList } from "./validation.ts";

/** What a ledger holds its envelopes and statuses to. */
export interface LedgerLimits<Json = string> extends EnvelopeLimits<Json> {
  /** What statuses are held to. */
  readonly status: StatusLimits<Json>;
}

/** An envelope on its way into a ledger, with its status `queued`. */
export interface EnqueueItem<Json = string> extends PublishItem<Json> {
  /** What to record when it is accepted. */
  readonly status: StatusWrite<Json>;
}

/** A completion on its way into a ledger, checked. */
export interface FinishItem<Json = string> {
  /** What becomes of the envelope. */
  readonly settle: SettleItem;
  /** What to record, see `finishVerdict`; absent leaves what is on record, and carries out the rest. Its attempt is given. */
  readonly status: StatusWrite<Json> | undefined;
  /** What to publish when the status was not refused. Those whose ids are known are left out. */
  readonly followUps: readonly EnqueueItem<Json>[];
  /** What to tell the group when the status was not refused; absent when it has none, or the task has not ended. */
  readonly report: ReportWrite | undefined;
  /** The group, which is told the state on record when the status was refused and has ended. */
  readonly groupId: string | undefined;
}

/** Checks an envelope and prepares its status. */
export function toEnqueueItem<Json>(given: Envelope, limits: LedgerLimits<Json>): EnqueueItem<Json> {
  const { envelope, text } = toPublishItem(given, limits);
  return { envelope, text, status: queuedStatus(envelope, limits) };
}

/** The status of an envelope that waits. The envelope was checked, and its meta is a part of it. */
export function queuedStatus<Json>(
  { id, name, queue, attempt, meta, groupId }: Envelope,
  { form, maxEnvelopeLength }: EnvelopeLimits<Json>,
): StatusWrite<Json> {
  const kept = form.take(meta, "the meta of an envelope", maxEnvelopeLength);
  return statusOf({ id, state: "queued", attempt, name, queue, groupId, meta: kept, worker: undefined });
}

/** The status of a task that was handed out. The delivery comes from the store. */
export function runningStatus({ envelope: { id, name, queue, attempt, groupId }, consumer: worker }: Delivery): StatusWrite<never> {
  return statusOf<never>({ id, state: "running", attempt, name, queue, groupId, meta: undefined, worker });
}

/** Checks a completion, and that its parts go together. */
export function toFinishItem<Json>(completion: Completion, limits: LedgerLimits<Json>): FinishItem<Json> {
  const { delivery, settlement, followUps = [] } = validateCompletion(completion);
  const report = groupReport(completion);
  return {
    settle: toSettleItem({ delivery, settlement }),
    status: endedStatus(completion, limits.status),
    followUps: validateList(followUps, "the follow-ups").map((next) => toEnqueueItem(next, limits)),
    report: report === undefined ? undefined : toReportWrite(report, limits.status),
    groupId: delivery.envelope.groupId,
  };
}

/** What is still owed to a task that was claimed although its status has ended, see `owedTo`. */
export function toOwedItem<Json>(delivery: Delivery, ended: TaskStatus, limits: LedgerLimits<Json>): FinishItem<Json> {
  const { envelope } = delivery;
  const { settlement, followUps } = owedTo(envelope, ended);
  return {
    settle: toSettleItem({ delivery, settlement }),
    status: undefined,
    followUps: followUps.map((next) => toEnqueueItem(next, limits)),
    report: envelope.groupId === undefined ? undefined : reportOf(ended, envelope.groupId, limits.status),
    groupId: envelope.groupId,
  };
}

/** What a group is told of a status on record; `undefined` when the task has not ended. */
export function reportOf(status: TaskStatus, groupId: string, limits: StatusLimits<unknown>): ReportWrite | undefined {
  const result = groupResultOf(status);
  return result === undefined ? undefined : toReportWrite({ ...result, groupId }, limits);
}

/** How tasks are cancelled. */
export interface CancelRequest {
  /** What their statuses say. */
  readonly error: TaskFailure;
  /** Whether those that a worker holds are left alone. */
  readonly waitingOnly: boolean;
}

/** What `cancel` answers to an id that came before in the same call. */
export function repeatedCancel(first: CancelOutcome, { waitingOnly }: CancelRequest): CancelOutcome {
  return first === "unknown" || (waitingOnly && first === "running") ? first : "ended";
}

/** The status that a completion asks for. Written out like {@link statusOf}, and for the same reason. */
function endedStatus<Json>(
  { delivery: { envelope, consumer }, status }: Completion,
  limits: StatusLimits<Json>,
): StatusWrite<Json> {
  const { id, attempt, name, queue, groupId, resultTtlMs } = envelope;
  const { state, payload, error, meta, ttlMs = resultTtlMs } = status;
  return {
    id,
    state,
    attempt,
    payload: payload === undefined ? undefined : take(payload, { field: "payload", id, limits }),
    error: error === undefined ? undefined : take(error, { field: "error", id, limits }),
    meta: meta === undefined ? undefined : takeMeta(meta, { field: "meta", id, limits }),
    progress: undefined,
    name,
    queue,
    worker: consumer,
    groupId,
    ttlMs: !isTerminal(state) ? undefined : ttlMs === undefined ? limits.ttlMs : toTtlMs(ttlMs),
  };
}

// Written out, because a literal that begins with a spread is several times slower to make, and this is made for every task.
function statusOf<Json>(
  { id, state, attempt, name, queue, groupId, meta, worker }: Omit<StatusWrite<Json>, "payload" | "error" | "progress" | "ttlMs">,
): StatusWrite<Json> {
  return {
    id,
    state,
    attempt,
    payload: undefined,
    error: undefined,
    meta,
    progress: undefined,
    name,
    queue,
    worker,
    groupId,
    ttlMs: undefined,
  };
}
