import type { ScheduleEntry, ScheduleRun } from "../../model/schedule.ts";
import type { KnownSchedule, OwnedSchedule } from "../../model/schedule-change.ts";
import { dueTime, ownedPart } from "../../model/schedule-change.ts";
import { readStored } from "../stored-json.ts";
import type { Argument } from "./link.ts";

/** Reads a schedule as it is stored, see `schedule-scripts.ts`. */
export function knownSchedule(value: string): KnownSchedule {
  const [version, createdAt, updatedAt, nextRunAt = "", lastRunAt = "", lastSlotAt = "", runs, , , , , , text = ""] = value.split("\0");
  return {
    entry: {
      ...readStored<OwnedSchedule>(text),
      version: Number(version),
      createdAt: Number(createdAt),
      updatedAt: Number(updatedAt),
      ...(nextRunAt === "" ? {} : { nextRunAt: Number(nextRunAt) }),
      ...(lastRunAt === "" ? {} : { lastRunAt: Number(lastRunAt) }),
      runs: Number(runs),
    },
    lastSlotAt: lastSlotAt === "" ? undefined : Number(lastSlotAt),
  };
}

/** What the script that writes a schedule takes behind what it compares: the stored text of it, and when it may be claimed. */
export function scheduleArguments(entry: ScheduleEntry, lastSlotAt: number | undefined): readonly Argument[] {
  const { version, createdAt, updatedAt, nextRunAt = "", lastRunAt = "", runs, enabled, maxRuns = "" } = entry;
  const head = [version, createdAt, updatedAt, nextRunAt, lastRunAt, lastSlotAt ?? "", runs, enabled ? 1 : "", maxRuns];
  // Whoever holds a slot loses it: there is no token, slot and end of a lease.
  const value = [...head, "", "", "", JSON.stringify(ownedPart(entry))].join("\0");
  return [value, dueTime(entry) ?? ""];
}

/** Reads what became of a slot, as it stands in the history. */
export function scheduleRun(scheduleId: string, value: string): ScheduleRun {
  const [slot, kind, completedAt, taskId = "", message = ""] = value.split("\0");
  return {
    scheduleId,
    slot: Number(slot),
    kind: kind === "dispatched" || kind === "skipped" ? kind : "failed",
    ...(taskId === "" ? {} : { taskId }),
    ...(message === "" ? {} : { message }),
    completedAt: Number(completedAt),
  };
}
