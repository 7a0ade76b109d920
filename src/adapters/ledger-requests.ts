import { groupReport, validateCompletion } from "../contracts/completion.ts";
import type { CancelOutcome, Completion } from "../contracts/task-ledger.ts";
import type { Delivery } from "../model/delivery.ts";
import type { Envelope } from "../model/envelope.ts";
import { groupResultOf, owedTo } from "../model/owed.ts";
import { show } from "../model/id.ts";
import { toText } from "../model/json-text.ts";
import type { TaskFailure } from "../model/task-failure.ts";
import { isTerminal } from "../model/task-state.ts";
import type { TaskStatus } from "../model/task-status.ts";
import type { PublishItem, SettleItem } from "./broker-requests.ts";
import { toPublishItem, toSettleItem } from "./broker-requests.ts";
import type { ReportWrite, StatusLimits, StatusWrite } from "./result-requests.ts";
import { metaText, toReportWrite, toTtlMs } from "./result-requests.ts";
import { validateList } from "./validation.ts";

/** What a ledger holds its texts to. */
export interface LedgerLimits {
  /** The most characters of JSON text that one envelope may have. */
  readonly maxEnvelopeLength: number;
  /** What statuses are held to. */
  readonly status: StatusLimits;
}

/** An envelope on its way into a ledger, with its status `queued`. */
export interface EnqueueItem extends PublishItem {
  /** What to record when it is accepted. */
  readonly status: StatusWrite;
}

/** A completion on its way into a ledger, checked and as text. */
export interface FinishItem {
  /** What becomes of the envelope. */
  readonly settle: SettleItem;
  /** What to record, see `finishVerdict`; absent leaves what is on record, and carries out the rest. Its attempt is given. */
  readonly status: StatusWrite | undefined;
  /** What to publish when the status was not refused. Those whose ids are known are left out. */
  readonly followUps: readonly EnqueueItem[];
  /** What to tell the group when the status was not refused; absent when it has none, or the task has not ended. */
  readonly report: ReportWrite | undefined;
  /** The group, which is told the state on record when the status was refused and has ended. */
  readonly groupId: string | undefined;
}

/** Checks an envelope and prepares its status. */
export function toEnqueueItem(envelope: Envelope, limits: LedgerLimits): EnqueueItem {
  const item = toPublishItem(envelope, limits.maxEnvelopeLength);
  return { envelope: item.envelope, text: item.text, status: queuedStatus(envelope) };
}

/** The status of an envelope that waits. The envelope was checked, and its meta is a part of its text. */
export function queuedStatus({ id, name, queue, attempt, meta, groupId }: Envelope): StatusWrite {
  return statusOf({ id, state: "queued", attempt, name, queue, groupId, meta: JSON.stringify(meta), worker: undefined });
}

/** The status of a task that was handed out. The delivery comes from the store. */
export function runningStatus({ envelope: { id, name, queue, attempt, groupId }, consumer: worker }: Delivery): StatusWrite {
  return statusOf({ id, state: "running", attempt, name, queue, groupId, meta: undefined, worker });
}

/** Checks a completion, and that its parts go together. */
export function toFinishItem(completion: Completion, limits: LedgerLimits): FinishItem {
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
export function toOwedItem(delivery: Delivery, ended: TaskStatus, limits: LedgerLimits): FinishItem {
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
export function reportOf(status: TaskStatus, groupId: string, limits: StatusLimits): ReportWrite | undefined {
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
function endedStatus({ delivery: { envelope, consumer }, status }: Completion, limits: StatusLimits): StatusWrite {
  const { id, attempt, name, queue, groupId, resultTtlMs } = envelope;
  const { state, payload, error, meta, ttlMs = resultTtlMs } = status;
  const what = `of task ${show(id)}`;
  return {
    id,
    state,
    attempt,
    payload: toText(payload, `the payload ${what}`, limits.maxLength),
    error: toText(error, `the error ${what}`, limits.maxLength),
    meta: metaText(meta, `the meta ${what}`, limits),
    progress: undefined,
    name,
    queue,
    worker: consumer,
    groupId,
    ttlMs: !isTerminal(state) ? undefined : ttlMs === undefined ? limits.ttlMs : toTtlMs(ttlMs),
  };
}

// Written out, because a literal that begins with a spread is several times slower to make, and this is made for every task.
function statusOf(
  { id, state, attempt, name, queue, groupId, meta, worker }: Omit<StatusWrite, "payload" | "error" | "progress" | "ttlMs">,
): StatusWrite {
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
