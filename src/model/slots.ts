/**
 * The slots of a schedule: the instants at which it fires, each computed from the rule alone and never from the time of an execution.
 *
 * @module
 */

import { nextCalendarTime } from "../time/calendar.ts";
import { parseCron } from "../time/cron.ts";
import { nextSolarTime } from "../time/solar.ts";
import type { Zone } from "../time/zone.ts";
import { zoneOf } from "../time/zone.ts";
import type { ScheduleEntry } from "./schedule.ts";

/** What decides the slots of a schedule. */
export type SlotRule = Pick<ScheduleEntry, "spec" | "timeZone" | "startAt" | "endAt" | "createdAt">;

/** The last instant that a date can name. */
export const LATEST_INSTANT = 8_640_000_000_000_000;

/** The first slot strictly after `after`, in epoch milliseconds; `undefined` when there is none. */
export function nextSlot(rule: SlotRule, after: number): number | undefined {
  const { startAt, endAt = LATEST_INSTANT } = rule;
  const slot = nextOf(rule, startAt === undefined ? after : Math.max(after, startAt - 1));
  return slot === undefined || slot > endAt || slot > LATEST_INSTANT ? undefined : slot;
}

/**
 * The slot with which an entry begins, or goes on after its owner changed when it fires: the first after `now` and after the latest slot that was
 * completed. A clocked entry that was never completed keeps its slot when that has passed: what becomes of it is for its misfire policy to say.
 */
export function firstSlot(rule: SlotRule, now: number, lastSlotAt: number = Number.NEGATIVE_INFINITY): number | undefined {
  const { spec } = rule;
  return nextSlot(rule, Math.max(lastSlotAt, spec.kind === "clocked" ? Math.min(now, spec.at - 1) : now));
}

/** The latest slot after `after` and not after `until`; `undefined` when there is none. */
export function latestSlot(rule: SlotRule, after: number, until: number): number | undefined {
  let latest = nextSlot(rule, after);
  if (latest === undefined || latest > until) return undefined;
  // Between `latest`, which is a slot, and `high`, after which none comes in time.
  let high = until;
  while (high - latest > 1) {
    const middle: number = latest + Math.floor((high - latest) / 2);
    const slot = nextSlot(rule, middle);
    if (slot === undefined || slot > until) high = middle;
    else latest = slot;
  }
  const last = nextSlot(rule, latest);
  return last === undefined || last > until ? latest : last;
}

/** The slots after `after` and not after `until`, in order, at most `limit` of them. */
export function slotsBetween(rule: SlotRule, span: { readonly after: number; readonly until: number }, limit: number): readonly number[] {
  const slots: number[] = [];
  let slot = nextSlot(rule, span.after);
  while (slot !== undefined && slot <= span.until && slots.length < limit) {
    slots.push(slot);
    slot = nextSlot(rule, slot);
  }
  return slots;
}

function nextOf(rule: SlotRule, after: number): number | undefined {
  const { spec } = rule;
  switch (spec.kind) {
    case "interval":
      return nextOfInterval(rule, spec.everyMs, after);
    case "clocked":
      return spec.at > after ? spec.at : undefined;
    case "solar":
      return nextSolarTime(spec, after);
    case "calendar":
      return nextNamed(zoneOf(rule.timeZone), (wall) => nextCalendarTime(spec, wall), after);
    case "cron": {
      const { anyHour, next } = parseCron(spec.expression);
      return anyHour ? nextShown(zoneOf(rule.timeZone), next, after) : nextNamed(zoneOf(rule.timeZone), next, after);
    }
  }
}

function nextOfInterval({ startAt, createdAt }: SlotRule, everyMs: number, after: number): number {
  // The creation itself is no slot, the start that was asked for is.
  if (startAt === undefined) return createdAt + Math.max(1, Math.floor((after - createdAt) / everyMs) + 1) * everyMs;
  return startAt + Math.max(0, Math.floor((after - startAt) / everyMs) + 1) * everyMs;
}

type NextWall = (wall: number) => number | undefined;

/** For dates and times that are named: each comes once, whatever is done to the clock. */
function nextNamed(zone: Zone, next: NextWall, after: number): number | undefined {
  let wall = next(zone.wallAt(after));
  while (wall !== undefined) {
    const instant = zone.instantOf(wall);
    if (instant > after) return instant;
    wall = next(wall);
  }
  return undefined;
}

/** For patterns that go on through every hour: they come whenever the wall clock shows a time that fits. */
function nextShown(zone: Zone, next: NextWall, after: number): number | undefined {
  let from = after;
  for (;;) {
    const wall = zone.wallAt(from);
    const nextWall = next(wall);
    if (nextWall === undefined) return undefined;
    const instant = from + (nextWall - wall);
    const shift = zone.nextShift(from, instant);
    if (shift === undefined) return instant;
    // The clock is set first: look again from the moment before, as the new clock shows it.
    from = shift;
    const shown = next(zone.wallAt(shift) - 1);
    if (shown === zone.wallAt(shift)) return shift;
  }
}
