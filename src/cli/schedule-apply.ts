import { toScheduleWrite } from "../adapters/schedule-requests.ts";
import type { ScheduleStore } from "../contracts/schedule-store.ts";
import type { Page, PageRequest } from "../model/page.ts";
import { MAX_PAGE_LIMIT } from "../model/page.ts";
import { isSameJson } from "../model/same-json.ts";
import type { ScheduleEntry, ScheduleInput } from "../model/schedule.ts";
import { ownedPart } from "../model/schedule-change.ts";

/** What applying does with one entry. */
export interface AppliedSchedule {
  /** The entry. */
  readonly id: string;
  /** What is done. */
  readonly action: "created" | "changed" | "unchanged" | "removed";
  /** The next slot; absent when there is none, and before it is done. */
  readonly nextRunAt?: number;
}

/** How to apply. */
export interface ApplyOptions {
  /** Whether entries go that the file does not name. */
  readonly prune: boolean;
  /** Whether it is only said what would be done. */
  readonly dryRun: boolean;
}

/**
 * Makes a store hold what a file says. An entry that somebody changes meanwhile is not overwritten.
 *
 * @throws {ConfigError} before anything is written, when an entry cannot be used.
 * @throws {ConflictError} when an entry was changed meanwhile; those before it are written. Applying again is safe.
 */
export async function applySchedules(
  store: ScheduleStore,
  schedules: readonly ScheduleInput[],
  { prune, dryRun }: ApplyOptions,
): Promise<readonly AppliedSchedule[]> {
  const known = new Map((await listAll((page) => store.list(page))).map((entry) => [entry.id, entry]));
  const planned = schedules.map((schedule) => ({
    schedule,
    current: known.get(schedule.id),
    action: actionFor(schedule, known.get(schedule.id)),
  }));
  const named = new Set(schedules.map(({ id }) => id));
  const removed = prune ? [...known.keys()].filter((id) => !named.has(id)) : [];

  const applied: AppliedSchedule[] = [];
  for (const { schedule, current, action } of planned) {
    const isWritten = action !== "unchanged" && !dryRun;
    const entry = isWritten ? await store.upsert({ ...schedule, version: current?.version ?? 0 }) : current;
    const nextRunAt = dryRun && action !== "unchanged" ? undefined : entry?.nextRunAt;
    applied.push({ id: schedule.id, action, ...(nextRunAt === undefined ? {} : { nextRunAt }) });
  }
  for (const id of removed) {
    if (!dryRun) await store.remove(id);
    applied.push({ id, action: "removed" });
  }
  return applied;
}

/** Reads every page of a listing. */
export async function listAll<T>(list: (page: PageRequest) => Promise<Page<T>>): Promise<readonly T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  do {
    const page: Page<T> = await list({ limit: MAX_PAGE_LIMIT, ...(cursor === undefined ? {} : { cursor }) });
    items.push(...page.items);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return items;
}

function actionFor(schedule: ScheduleInput, current: ScheduleEntry | undefined): AppliedSchedule["action"] {
  const { owned } = toScheduleWrite(schedule);
  if (current === undefined) return "created";
  return isSameJson(owned, ownedPart(current)) ? "unchanged" : "changed";
}
