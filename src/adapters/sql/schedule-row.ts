import type { ScheduleClaim, ScheduleEntry } from "../../model/schedule.ts";
import type { OwnedSchedule } from "../../model/schedule-change.ts";
import { readStored } from "../stored-json.ts";
import type { Tables } from "./tables.ts";

/** A schedule as it is read. */
export interface ScheduleRow {
  readonly seq: number;
  readonly token: number;
  /** What its owner wrote, as JSON text. */
  readonly entry: string;
  readonly version: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly nextRunAt: number | null;
  readonly lastRunAt: number | null;
  readonly lastSlotAt: number | null;
  readonly runs: number;
}

/** A schedule as it is claimed. */
export interface ClaimedScheduleRow extends ScheduleRow {
  readonly claimedAt: number;
  readonly dueAt: number | null;
  readonly claimedBy: string | null;
}

/** What is selected for a {@link ScheduleRow}. */
export function scheduleColumns(schedules: Tables["schedules"]) {
  const { seq, token, entry, version, createdAt, updatedAt, nextRunAt, lastRunAt, lastSlotAt, runs } = schedules;
  return { seq, token, entry, version, createdAt, updatedAt, nextRunAt, lastRunAt, lastSlotAt, runs };
}

/** Makes an entry of a row. */
export function toEntry({ entry, version, createdAt, updatedAt, nextRunAt, lastRunAt, runs }: ScheduleRow): ScheduleEntry {
  return {
    ...readStored<OwnedSchedule>(entry),
    version,
    createdAt,
    updatedAt,
    ...(nextRunAt === null ? {} : { nextRunAt }),
    ...(lastRunAt === null ? {} : { lastRunAt }),
    runs,
  };
}

/** Makes a claim of a row that was claimed. */
export function toClaim(row: ClaimedScheduleRow): ScheduleClaim {
  const { token, nextRunAt, claimedBy, claimedAt, dueAt } = row;
  return {
    entry: toEntry(row),
    slot: nextRunAt ?? claimedAt,
    token,
    owner: claimedBy ?? "",
    claimedAt,
    leaseExpiresAt: dueAt ?? claimedAt,
  };
}
