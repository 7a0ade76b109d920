import { getPosition, getTimes } from "suncalc";

const dayMs = 86_400_000;

// Where the sun rises and sets at all, it does so within a year. Very near a pole some years have no such day.
const searchedDays = 5 * 366;

/** An event of the solar day. Dawn and dusk are the civil ones: the sun stands six degrees below the horizon. */
export type SolarEvent = "sunrise" | "sunset" | "noon" | "dawn" | "dusk";

/** All events. */
export const SOLAR_EVENTS: readonly SolarEvent[] = ["sunrise", "sunset", "noon", "dawn", "dusk"];

// Where the sun stands at an event: its apparent altitude in degrees as `getPosition` tells it, which adds 0.484 to every altitude below the horizon
// for refraction, and in which half of the solar day, in milliseconds from noon.
const SUN_AT = {
  dawn: { altitude: -6 + 0.484, from: -dayMs / 2, to: 0 },
  sunrise: { altitude: -0.833 + 0.484, from: -dayMs / 2, to: 0 },
  sunset: { altitude: -0.833 + 0.484, from: 0, to: dayMs / 2 },
  dusk: { altitude: -6 + 0.484, from: 0, to: dayMs / 2 },
} as const;

/** An event of the sun at a place. */
export interface SolarRule {
  /** Which event of the day. */
  readonly event: SolarEvent;
  /** Degrees north. */
  readonly latitude: number;
  /** Degrees east. */
  readonly longitude: number;
  /** Shifts the instant, in milliseconds; negative is earlier. @default 0 */
  readonly offsetMs?: number;
}

/**
 * The first instant after `after` at which the event comes, to the whole second. Days without it, in polar summer and winter, are passed over;
 * `undefined` when it does not come within five years.
 */
export function nextSolarTime(rule: SolarRule, after: number): number | undefined {
  const { event, latitude, longitude, offsetMs = 0 } = rule;
  // Days are counted by the sun: each is named by the noon of its place, so that an event belongs to one day and is found again the same.
  const noonOffsetMs = dayMs / 2 - (longitude / 360) * dayMs;
  const first = Math.floor((after - offsetMs - noonOffsetMs) / dayMs) - 1;
  for (let day = first; day <= first + searchedDays; day++) {
    const times = getTimes(new Date(day * dayMs + noonOffsetMs), latitude, longitude);
    const noon = times.solarNoon.getTime();
    const at = event === "noon" ? noon : times[event]?.getTime();
    if (at === undefined || Number.isNaN(at)) continue;
    if (!comesAt(rule, at, noon)) continue;
    // Whole seconds: below that the formulas say nothing, and runtimes differ in the last digits of a sine.
    const slot = Math.round(at / 1_000) * 1_000 + offsetMs;
    if (slot > after) return slot;
  }
  return undefined;
}

/** Near a pole, around the days on which the sun begins to rise or to set, the library's iteration may end at an instant without the event. */
function comesAt({ event, latitude, longitude }: SolarRule, at: number, noon: number): boolean {
  if (event === "noon") return true;
  const { altitude, from, to } = SUN_AT[event];
  if (at - noon < from || at - noon > to) return false;
  return Math.abs(getPosition(new Date(at), latitude, longitude).altitude - altitude) < 0.05;
}
