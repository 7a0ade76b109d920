/**
 * Wall clocks: what a clock on the wall shows at an instant, and which instant it is when it shows something.
 *
 * A wall time is a number: the epoch milliseconds that the same date and time of day would have in UTC.
 *
 * @module
 */

import { ConfigError } from "../errors.ts";

const dayMs = 86_400_000;

// No zone is further from UTC than 14 hours, or 15 with some old summer time: an instant this far from a wall time is on that side of it.
const widestMs = 16 * 3_600_000;

// Clocks are set on a quarter of an hour, nearly always: asking the runtime once for each spares dense schedules most of their time.
const quarterMs = 15 * 60_000;
const keptQuarters = 1_000;

// A day before the last instant that a date can name: what a clock shows after it, a date cannot name everywhere. No clock is set that late.
const latestShown = 8_640_000_000_000_000 - dayMs;

/** The wall clock of one time zone. */
export interface Zone {
  /** The wall time at an instant. */
  wallAt(instant: number): number;
  /**
   * The instant of a wall time. One that comes twice, because the clock was set back, is the first of them; one that is left out, because
   * the clock was set forward, is the first instant after the gap.
   */
  instantOf(wall: number): number;
  /** The first instant after `after`, and not after `until`, at which the wall clock was set anew; `undefined` when it was not. */
  nextShift(after: number, until: number): number | undefined;
}

const utc: Zone = { wallAt: (instant) => instant, instantOf: (wall) => wall, nextShift: () => undefined };

const zones = new Map<string, Zone>([["UTC", utc]]);

/**
 * Finds the wall clock of an IANA zone, such as `"Europe/Berlin"`.
 *
 * @throws {ConfigError} when the runtime knows no zone of that name.
 */
export function zoneOf(name: string): Zone {
  let zone = zones.get(name);
  if (zone === undefined) {
    zone = intlZone(name);
    zones.set(name, zone);
  }
  return zone;
}

function intlZone(name: string): Zone {
  const format = formatOf(name);
  const shown = (instant: number): number => {
    const second = Math.floor(Math.min(instant, latestShown) / 1_000) * 1_000;
    // "12/31/2026, 23:59:59": numbers in an order that the locale fixes.
    const [month = 0, day = 0, year = 0, hour = 0, minute = 0, seconds = 0] = format.format(second).split(/\D+/).map(Number);
    return Date.UTC(year, month - 1, day, hour, minute, seconds) - second;
  };
  const kept = new Map<number, number>();
  const offsetAt = (instant: number): number => {
    const quarter = Math.floor(instant / quarterMs);
    const known = kept.get(quarter);
    if (known !== undefined) return known;
    const offset = shown(instant);
    const [first, last] = [shown(quarter * quarterMs), shown((quarter + 1) * quarterMs - 1)];
    if (kept.size >= keptQuarters) kept.clear();
    if (first === offset && last === offset) kept.set(quarter, offset);
    return offset;
  };
  const wallAt = (instant: number): number => instant + offsetAt(instant);
  const zone: Zone = {
    wallAt,
    instantOf(wall) {
      const before = offsetAt(wall - widestMs);
      const after = offsetAt(wall + widestMs);
      // The earlier clock first: of a repeated time that is the first.
      for (const offset of [before, after]) {
        if (offsetAt(wall - offset) === offset) return wall - offset;
      }
      return firstOf(wall - after, wall - before, (instant) => offsetAt(instant) === after);
    },
    nextShift(after, until) {
      const offset = offsetAt(after);
      for (let from = after; from < until; from += dayMs) {
        const to = Math.min(from + dayMs, until);
        if (offsetAt(to) !== offset) return firstOf(from, to, (instant) => offsetAt(instant) !== offset);
      }
      return undefined;
    },
  };
  return zone;
}

/** The first instant above `low` for which the test holds; it does not hold for `low`, and does for `high`. */
function firstOf(low: number, high: number, test: (instant: number) => boolean): number {
  while (high - low > 1) {
    const middle = low + Math.floor((high - low) / 2);
    if (test(middle)) high = middle;
    else low = middle;
  }
  return high;
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  // Some runtimes take "+02:00" for a zone and some do not; it would be none with rules anyway.
  if (typeof timeZone !== "string" || !/^[A-Za-z]/.test(timeZone)) throw unknownZone(timeZone);
  try {
    return new Intl.DateTimeFormat("en-US", {
      timeZone,
      calendar: "gregory",
      numberingSystem: "latn",
      hourCycle: "h23",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
    });
  } catch (cause) {
    throw unknownZone(timeZone, cause);
  }
}

function unknownZone(name: unknown, cause?: unknown): ConfigError {
  const shown = typeof name === "string" ? JSON.stringify(name.slice(0, 60)) : String(name);
  return new ConfigError(`Cannot use ${shown} as a time zone: expected an IANA name such as "Europe/Berlin"`, { cause });
}
