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

/**
 * The oldest of the latest `limit` slots in a span; `undefined` when fewer than that lie in it.
 *
 * Looks back from the end, twice as far each time, until it sees enough slots and not many more: that costs a few times `limit`, however long the
 * span is.
 */
function oldestOf(
  entry: ScheduleEntry,
  { after, until }: { readonly after: number; readonly until: number },
  limit: number,
): number | undefined {
  const first = slotsBetween(entry, { after, until }, limit);
  const last = first.at(-1);
  if (first.length < limit || last === undefined) return undefined;
  // After `few` there are too few slots, after `many` too many to read them all. The first look is as wide as as many slots were at the beginning.
  let few = until;
  let many: number | undefined;
  let from = until - (last - after);
  for (;;) {
    const found = slotsBetween(entry, { after: from, until }, 2 * limit + 1);
    if (found.length < limit) few = from;
    else if (found.length <= 2 * limit) return found.at(-limit);
    else many = from;
    from = many === undefined ? Math.max(after, until - 2 * (until - few)) : many + Math.floor((few - many) / 2);
  }
}

function isLastRun({ maxRuns, runs }: ScheduleEntry): boolean {
  return maxRuns !== undefined && runs + 1 >= maxRuns;
}
