import type { ScheduleClaim, ScheduleEntry } from "../model/schedule.ts";
import { latestSlot, nextSlot, slotsBetween } from "../model/slots.ts";
import { formatMs } from "../time/duration.ts";

/** What is to become of a claimed slot, and which slot follows; absent when there is none. */
export type SlotDecision =
  | {
    /** Its task is enqueued. */
    readonly kind: "fire";
    /** The slot that follows. */
    readonly nextRunAt?: number;
  }
  | {
    /** It is dropped. */
    readonly kind: "skip";
    /** The slot that follows. */
    readonly nextRunAt?: number;
    /** Why. */
    readonly message: string;
  };

/**
 * Decides about a claimed slot.
 *
 * One that is late by less than the grace time fires, and so do those after it, one by one. Later than that it was missed, and the policy of its
 * schedule decides: `skip` goes on with the first slot that is not late; `fire-once` with the latest slot that has passed; `catch-up` with the
 * oldest of as many passed slots as it may fire. Nothing has to be remembered: whoever claims the next slot decides in the same way.
 *
 * @throws {ConfigError} when the slots cannot be computed here, for example in a time zone that this runtime does not know.
 */
export function decideSlot(claim: Pick<ScheduleClaim, "entry" | "slot" | "claimedAt">, graceMs: number): SlotDecision {
  const { entry, slot, claimedAt } = claim;
  const lateMs = claimedAt - slot;
  const goOn = lateMs < graceMs ? slot : goesOnWith(claim, graceMs);
  if (goOn !== slot) {
    const { kind } = entry.misfire;
    return {
      kind: "skip",
      message: `Missed by ${formatMs(lateMs)}; the misfire policy is ${kind}`,
      ...(goOn === undefined ? {} : { nextRunAt: goOn }),
    };
  }
  const nextRunAt = nextSlot(entry, slot);
  const next = nextRunAt === undefined ? {} : { nextRunAt };
  if (entry.expiresAfterMs !== undefined && lateMs >= entry.expiresAfterMs) {
    return { kind: "skip", message: `Late by ${formatMs(lateMs)}; its task expires after ${formatMs(entry.expiresAfterMs)}`, ...next };
  }
  return { kind: "fire", ...isLastRun(entry) ? {} : next };
}

/** The slot to go on with when `slot` was missed: itself when it fires all the same, `undefined` when there is none left. */
function goesOnWith({ entry, slot, claimedAt }: Pick<ScheduleClaim, "entry" | "slot" | "claimedAt">, graceMs: number): number | undefined {
  switch (entry.misfire.kind) {
    case "skip":
      return nextSlot(entry, claimedAt - graceMs);
    case "fire-once":
      return latestSlot(entry, slot, claimedAt) ?? slot;
    case "catch-up":
      return oldestOf(entry, { after: slot, until: claimedAt }, entry.misfire.limit) ?? slot;
  }
}

/** The oldest of the latest `limit` slots in a span; `undefined` when fewer than that lie in it. */
function oldestOf(entry: ScheduleEntry, span: { readonly after: number; readonly until: number }, limit: number): number | undefined {
  if (slotsBetween(entry, span, limit).length < limit) return undefined;
  let oldest: number | undefined = span.until + 1;
  for (let count = 0; count < limit && oldest !== undefined; count++) oldest = latestSlot(entry, span.after, oldest - 1);
  return oldest;
}

function isLastRun({ maxRuns, runs }: ScheduleEntry): boolean {
  return maxRuns !== undefined && runs + 1 >= maxRuns;
}
