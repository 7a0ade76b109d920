import { ConflictError } from "../errors.ts";
import { show } from "./id.ts";
import { isSameJson } from "./same-json.ts";
import type { ScheduleEntry } from "./schedule.ts";
import { firstSlot } from "./slots.ts";

/** What of an entry its owner writes, with the defaults filled in. */
export type OwnedSchedule = Omit<ScheduleEntry, "version" | "createdAt" | "updatedAt" | "nextRunAt" | "lastRunAt" | "runs">;

/** An owner's change of a schedule. */
export interface ScheduleWrite {
  /** What is written. */
  readonly owned: OwnedSchedule;
  /** The version that is replaced; 0 asks that there be none, `undefined` takes any. */
  readonly version: number | undefined;
}

/** An entry as the store knows it. */
export interface KnownSchedule {
  /** The entry. */
  readonly entry: ScheduleEntry;
  /** The latest slot that was completed, whatever became of it. */
  readonly lastSlotAt: number | undefined;
}

/**
 * The entry after its owner wrote it at `now`: the current one itself when that changes nothing.
 *
 * A change of when it fires plans it anew, from `now` and from the latest slot that was completed. Any other change leaves the next slot as it
 * was planned.
 *
 * @throws {ConflictError} when another version was named than there is.
 */
export function writtenEntry({ owned, version }: ScheduleWrite, known: KnownSchedule | undefined, now: number): ScheduleEntry {
  const current = known?.entry;
  const found = current?.version ?? 0;
  if (version !== undefined && version !== found) {
    const state = current === undefined ? "there is none" : `its version is ${found}`;
    throw new ConflictError(`Cannot replace version ${version} of schedule ${show(owned.id)}: ${state}`);
  }
  if (current !== undefined && isSameJson(owned, ownedPart(current))) return current;
  const entry: Omit<ScheduleEntry, "nextRunAt"> = {
    ...owned,
    version: found + 1,
    createdAt: current?.createdAt ?? now,
    updatedAt: now,
    ...(current?.lastRunAt === undefined ? {} : { lastRunAt: current.lastRunAt }),
    runs: current?.runs ?? 0,
  };
  const nextRunAt = current === undefined || firesOtherwise(owned, current)
    ? isExhausted(entry) ? undefined : firstSlot(entry, now, known?.lastSlotAt)
    : current.nextRunAt;
  return nextRunAt === undefined ? entry : { ...entry, nextRunAt };
}

/** The part of an entry that its owner wrote. */
export function ownedPart(entry: ScheduleEntry): OwnedSchedule {
  const {
    version: _version,
    createdAt: _createdAt,
    updatedAt: _updatedAt,
    nextRunAt: _nextRunAt,
    lastRunAt: _lastRunAt,
    runs: _runs,
    ...owned
  } = entry;
  return owned;
}

/** When an entry that nobody holds may be claimed: at its next slot, and never while it is disabled. */
export function dueTime(entry: { readonly enabled: boolean; readonly nextRunAt?: number | undefined }): number | undefined {
  return entry.enabled ? entry.nextRunAt : undefined;
}

/** Whether all runs that an entry may have were dispatched. */
export function isExhausted({ maxRuns, runs }: { readonly maxRuns?: number | undefined; readonly runs: number }): boolean {
  return maxRuns !== undefined && runs >= maxRuns;
}

function firesOtherwise(next: OwnedSchedule, current: ScheduleEntry): boolean {
  return !isSameJson(next.spec, current.spec) || next.timeZone !== current.timeZone || next.startAt !== current.startAt ||
    next.endAt !== current.endAt || next.maxRuns !== current.maxRuns || (next.enabled && !current.enabled);
}
