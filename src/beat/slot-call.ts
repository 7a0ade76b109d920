import type { ScheduleClaim, ScheduleEntry } from "../model/schedule.ts";
import { slotIdentity } from "../model/slot-id.ts";
import type { NamedCall } from "../tasks/task-call.ts";

/** The meta keys under which a task finds the schedule and the slot (epoch milliseconds) that enqueued it. */
export const SCHEDULE_META = { id: "__stemScheduleId", slot: "__stemScheduleSlot" } as const;

/** The call that a slot makes. */
export type SlotCall = NamedCall & { readonly id: string };

/** Writes the task of a schedule as a call. */
export function taskCall({ id, task }: Pick<ScheduleEntry, "id" | "task">): NamedCall {
  return {
    task: task.name,
    args: task.args,
    headers: task.headers,
    meta: { ...task.meta, [SCHEDULE_META.id]: id },
    queue: task.queue,
    priority: task.priority,
    maxRetries: task.maxRetries,
    retry: task.retryPolicy,
    visibilityTimeout: task.visibilityTimeoutMs,
    softTimeLimit: task.softTimeLimitMs,
    timeLimit: task.timeLimitMs,
    resultTtl: task.resultTtlMs,
    ignoreResult: task.ignoreResult,
  };
}

/** Writes a claimed slot as a call of its task, which then is prepared as any other call. */
export async function slotCall(claim: ScheduleClaim, leaseMs: number): Promise<SlotCall> {
  const { entry, slot, claimedAt } = claim;
  const { taskId, share } = await slotIdentity(entry, slot);
  // Counted from the slot: a late slot does not wait as long again.
  const delay = entry.jitterMs === 0 ? 0 : Math.max(0, slot + Math.floor(share * (entry.jitterMs + 1)) - claimedAt);
  const call = taskCall(entry);
  const { resultTtlMs } = entry.task;
  return {
    ...call,
    id: taskId,
    meta: { ...call.meta, [SCHEDULE_META.slot]: slot },
    // A slot that is dispatched again after a crash must still find its task known: then it is not run twice.
    resultTtl: resultTtlMs === undefined ? undefined : Math.max(resultTtlMs, 2 * leaseMs),
    expires: entry.expiresAfterMs === undefined ? undefined : new Date(slot + entry.expiresAfterMs),
    ...(delay === 0 ? {} : { delay }),
  };
}
