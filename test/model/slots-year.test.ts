/** A year of slots over both changes of the clock, compared with a calculation that knows nothing of the one under test. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { ScheduleSpec } from "../../src/model/schedule.ts";
import { slotsBetween } from "../../src/model/slots.ts";

const minuteMs = 60_000;
const dayMs = 86_400_000;
// A little beyond the year at both ends: the span is compared by instants, whatever the zone calls them.
const from = Date.UTC(2026, 0, 1);
const until = Date.UTC(2027, 0, 1);

/** What the wall clock shows at one minute. */
interface Shown {
  readonly instant: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  /** 1 is Monday. */
  readonly weekday: number;
  /** How many days the month has left, this one included. */
  readonly fromEnd: number;
  /** Minutes of wall time since 1970, to tell repeated and skipped ones. */
  readonly wall: number;
}

/** Every minute of the year as the zone's clock shows it. */
function walk(timeZone: string): readonly Shown[] {
  const format = new Intl.DateTimeFormat("en-GB", { timeZone, dateStyle: "short", timeStyle: "short" });
  const shown: Shown[] = [];
  for (let instant = from; instant < until; instant += minuteMs) shown.push(readMinute(format.format(instant), instant));
  return shown;
}

/** Reads `31/12/2026, 23:59`. */
function readMinute(text: string, instant: number): Shown {
  const [day = 0, month = 0, year = 0, hour = 0, minute = 0] = text.split(/\D+/).map(Number);
  return fields(Date.UTC(year, month - 1, day, hour, minute), instant);
}

function fields(wallMs: number, instant: number): Shown {
  const date = new Date(wallMs);
  const month = date.getUTCMonth() + 1, day = date.getUTCDate();
  const lastDay = new Date(Date.UTC(date.getUTCFullYear(), month, 0)).getUTCDate();
  return {
    instant,
    month,
    day,
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    weekday: date.getUTCDay() || 7,
    fromEnd: lastDay - day + 1,
    wall: wallMs / minuteMs,
  };
}

type Fits = (shown: Shown) => boolean;

/** Whenever the clock shows a time that fits. */
function byRealTime(year: readonly Shown[], fits: Fits): number[] {
  return year.filter(fits).map(({ instant }) => instant);
}

/** Each date and time once: the first of two, and what is left out at the end of the gap. */
function byName(year: readonly Shown[], fits: Fits): number[] {
  const slots = new Set<number>();
  let latest = (year[0]?.wall ?? 0) - 1;
  for (const minute of year) {
    for (let wall = latest + 1; wall <= minute.wall; wall++) {
      if (fits(wall === minute.wall ? minute : fields(wall * minuteMs, minute.instant))) slots.add(minute.instant);
    }
    latest = Math.max(latest, minute.wall);
  }
  return [...slots];
}

const named: [ScheduleSpec, Fits][] = [
  [cron("30 2 * * *"), ({ hour, minute }) => hour === 2 && minute === 30],
  [cron("0,15,30,45 1,2 * * *"), ({ hour, minute }) => (hour === 1 || hour === 2) && minute % 15 === 0],
  [cron("* 2 * * *"), ({ hour }) => hour === 2],
  [cron("0 0 * * MON-FRI"), ({ hour, minute, weekday }) => hour === 0 && minute === 0 && weekday <= 5],
  [cron("5 2 1,29 * SUN"), ({ hour, minute, day, weekday }) => hour === 2 && minute === 5 && (day === 1 || day === 29 || weekday === 7)],
  [
    cron("45 1 L 3,4,10,11 *"),
    (shown) => shown.hour === 1 && shown.minute === 45 && shown.fromEnd === 1 && [3, 4, 10, 11].includes(shown.month),
  ],
  [cron("20 2 * * SUN#L"), ({ hour, minute, weekday, fromEnd }) => hour === 2 && minute === 20 && weekday === 7 && fromEnd <= 7],
  [cron("0 23 * 1-6/2 *"), ({ hour, minute, month }) => hour === 23 && minute === 0 && [1, 3, 5].includes(month)],
  [cron("@weekly"), ({ hour, minute, weekday }) => hour === 0 && minute === 0 && weekday === 7],
  [{ kind: "calendar", times: ["02:00", "01:45", "02:59"] }, ({ hour, minute }) => ["2:0", "1:45", "2:59"].includes(`${hour}:${minute}`)],
  [
    { kind: "calendar", months: [3, 4, 10, 11], weekdays: [7], times: ["02:10"] },
    ({ hour, minute, month, weekday }) => hour === 2 && minute === 10 && weekday === 7 && [3, 4, 10, 11].includes(month),
  ],
  [
    { kind: "calendar", days: [1, -1], times: ["00:00:00"] },
    ({ hour, minute, day, fromEnd }) => hour + minute === 0 && (day === 1 || fromEnd === 1),
  ],
];

const through: [ScheduleSpec, Fits][] = [
  // Each minute of the days on which one of the zones sets its clock, and of the same days of other months.
  [cron("* * 1,4,5,8,25,29 3,4,10,11 *"), ({ day, month }) => [1, 4, 5, 8, 25, 29].includes(day) && [3, 4, 10, 11].includes(month)],
  [cron("*/15 * * * *"), ({ minute }) => minute % 15 === 0],
  [cron("10 * * * *"), ({ minute }) => minute === 10],
  [cron("30 */2 * * *"), ({ hour, minute }) => hour % 2 === 0 && minute === 30],
  [cron("@hourly"), ({ minute }) => minute === 0],
  [cron("0 * 1 4 *"), ({ minute, day, month }) => minute === 0 && day === 1 && month === 4],
];

for (const timeZone of ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]) {
  test(`a year of cron and calendar slots in ${timeZone}`, { timeout: 60_000 }, () => {
    const year = walk(timeZone);
    const shifts = year.filter(({ wall }, at) => at > 0 && wall !== (year[at - 1]?.wall ?? 0) + 1);
    assert.equal(shifts.length, 2, "the clock is set twice in this year");
    for (const [spec, fits] of named) assertSame(spec, timeZone, byName(year, fits));
    for (const [spec, fits] of through) assertSame(spec, timeZone, byRealTime(year, fits));
  });

  test(`a year of intervals, sun and single instants in ${timeZone} takes no notice of the clock`, () => {
    const everyMs = 90 * minuteMs;
    const startAt = from + 7 * minuteMs;
    const expected = Array.from({ length: Math.ceil((until - startAt) / everyMs) }, (_, count) => startAt + count * everyMs);
    assertSame({ kind: "interval", everyMs }, timeZone, expected, startAt);
    const at = Date.UTC(2026, 9, 25, 0, 30);
    assertSame({ kind: "clocked", at }, timeZone, [at]);
    // The sun itself is compared in test/time/solar.test.ts; here: one a day, the same in every zone.
    const sun = { kind: "solar", event: "sunrise", latitude: -31.55, longitude: 159.08, offsetMs: -10 * minuteMs } as const;
    const slots = slotsOf(sun, timeZone);
    assert.equal(slots.length, 365);
    assert.deepEqual(slots, slotsOf(sun, "UTC"));
    for (const [index, slot] of slots.entries()) {
      if (index > 0) assert.ok(Math.abs(slot - (slots[index - 1] ?? 0) - dayMs) < 2 * minuteMs);
    }
  });
}

function cron(expression: string): ScheduleSpec {
  return { kind: "cron", expression };
}

function slotsOf(spec: ScheduleSpec, timeZone: string, startAt?: number): readonly number[] {
  const rule = { spec, timeZone, createdAt: from, ...(startAt === undefined ? {} : { startAt }) };
  return slotsBetween(rule, { after: from - 1, until: until - 1 }, 1_000_000);
}

function assertSame(spec: ScheduleSpec, timeZone: string, expected: readonly number[], startAt?: number): void {
  const actual = slotsOf(spec, timeZone, startAt);
  const at = expected.findIndex((slot, index) => slot !== actual[index]);
  const shown = (slot: number | undefined) => slot === undefined ? "none" : new Date(slot).toISOString();
  assert.ok(at === -1, `${JSON.stringify(spec)} in ${timeZone}: slot ${at} is ${shown(actual[at])}, expected ${shown(expected[at])}`);
  assert.equal(actual.length, expected.length, JSON.stringify(spec));
  assert.ok(actual.length > 0, JSON.stringify(spec));
}
