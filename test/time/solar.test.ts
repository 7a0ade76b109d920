import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { SolarEvent } from "../../src/time/solar.ts";
import { nextSolarTime, SOLAR_EVENTS } from "../../src/time/solar.ts";

const minuteMs = 60_000;
const dayMs = 86_400_000;

function assertNear(actual: number | undefined, expected: number, toleranceMs: number, what: string): void {
  const shown = actual === undefined ? "none" : new Date(actual).toISOString();
  assert.ok(
    actual !== undefined && Math.abs(actual - expected) <= toleranceMs,
    `${what}: ${shown} is not ${new Date(expected).toISOString()}`,
  );
}

test("rise and set as almanacs print them, within two minutes", () => {
  const london = [51.5074, -0.1278], newYork = [40.7128, -74.006], berlin = [52.52, 13.405], sydney = [-33.8688, 151.2093];
  const reykjavik = [64.1466, -21.9426];
  // By place and date from the tables of national almanac offices; the offset is the one of the place's clock on that day.
  const cases: [readonly number[], SolarEvent, string][] = [
    [london, "sunrise", "2024-06-21T04:43+01:00"],
    [london, "sunset", "2024-06-21T21:21+01:00"],
    [newYork, "sunrise", "2023-12-21T07:17-05:00"],
    [newYork, "sunset", "2023-12-21T16:32-05:00"],
    [berlin, "sunrise", "2024-06-21T04:43+02:00"],
    [berlin, "sunset", "2024-06-21T21:33+02:00"],
    [berlin, "sunrise", "2023-12-21T08:15+01:00"],
    [berlin, "sunset", "2023-12-21T15:54+01:00"],
    [sydney, "sunrise", "2023-12-21T05:41+11:00"],
    [sydney, "sunset", "2023-12-21T20:05+11:00"],
    [reykjavik, "sunrise", "2024-06-21T02:55+00:00"],
    [reykjavik, "sunset", "2024-06-22T00:03+00:00"],
  ];
  for (const [[latitude = 0, longitude = 0], event, text] of cases) {
    const expected = Date.parse(text);
    assertNear(nextSolarTime({ event, latitude, longitude }, expected - 12 * 60 * minuteMs), expected, 2 * minuteMs, `${event} ${text}`);
  }
});

test("noon is when the sun stands highest: the equation of time at its two extremes", () => {
  const greenwich = { event: "noon", latitude: 51.4779, longitude: 0 } as const;
  const cases = ["2026-02-11T12:14:14Z", "2026-11-03T11:43:34Z"];
  for (const text of cases) assertNear(nextSolarTime(greenwich, Date.parse(text) - dayMs / 2), Date.parse(text), 5_000, text);
});

test("a year of events agrees with NOAA's solar calculator, within half a minute", () => {
  const places = [[52.52, 13.405], [40.7128, -74.006], [-31.55, 159.08], [0, -78.5], [-43.53, 172.63], [21.3, -157.86]];
  for (const [latitude = 0, longitude = 0] of places) {
    for (const event of SOLAR_EVENTS) {
      let slot = Date.UTC(2026, 0, 1);
      for (let day = 0; day < 365; day++) {
        const next = nextSolarTime({ event, latitude, longitude }, slot);
        assert.ok(next !== undefined && next > slot);
        if (day > 0) assert.ok(Math.abs(next - slot - dayMs) < 5 * minuteMs, "one a day");
        assertNear(next, noaa(event, latitude, longitude, next), minuteMs / 2, `${event} at ${latitude}, ${longitude}`);
        slot = next;
      }
    }
  }
});

test("days without the event are passed over", () => {
  const longyearbyen = { latitude: 78.2232, longitude: 15.6267 };
  const sunrise = nextSolarTime({ event: "sunrise", ...longyearbyen }, Date.UTC(2025, 10, 1)) ?? 0;
  assert.equal(new Date(sunrise).toISOString().slice(0, 7), "2026-02");
  const sunset = nextSolarTime({ event: "sunset", ...longyearbyen }, Date.UTC(2026, 4, 1)) ?? 0;
  assert.equal(new Date(sunset).toISOString().slice(0, 7), "2026-08");
  assertNear(
    nextSolarTime({ event: "noon", ...longyearbyen }, Date.UTC(2026, 11, 21)),
    Date.UTC(2026, 11, 21, 10, 55),
    5 * minuteMs,
    "noon",
  );
  assert.equal(nextSolarTime({ event: "sunrise", latitude: 90, longitude: 0 }, 0), undefined);
});

test("an offset shifts each event, before and after", () => {
  const rule = { event: "sunset", latitude: 52.52, longitude: 13.405 } as const;
  const plain = nextSolarTime(rule, Date.UTC(2026, 5, 1)) ?? 0;
  for (const offsetMs of [-90 * minuteMs, 30 * minuteMs, -dayMs, dayMs]) {
    assert.equal(nextSolarTime({ ...rule, offsetMs }, plain + offsetMs - 1), plain + offsetMs);
  }
});

test("an event is the same instant from wherever it is looked for", () => {
  fc.assert(
    fc.property(
      fc.record({
        event: fc.constantFrom(...SOLAR_EVENTS),
        latitude: fc.double({ min: -89, max: 89, noNaN: true }),
        longitude: fc.double({ min: -180, max: 180, noNaN: true }),
        offsetMs: fc.integer({ min: -dayMs, max: dayMs }),
      }),
      fc.integer({ min: Date.UTC(1990, 0, 1), max: Date.UTC(2090, 0, 1) }),
      (rule, after) => {
        const slot = nextSolarTime(rule, after);
        if (slot === undefined) return;
        assert.ok(slot > after);
        assert.equal(nextSolarTime(rule, slot - 1), slot);
        assert.equal(nextSolarTime(rule, after + Math.floor((slot - after) / 2)), slot);
        const following = nextSolarTime(rule, slot);
        assert.ok(following === undefined || following - slot > 20 * 60 * minuteMs, "the following one is another day's");
      },
    ),
    {
      // Near the days on which the sun begins to rise or to set: instants of other days, of none, and of the same day twice.
      examples: [
        [{ event: "sunrise", latitude: -88.99045537082412, longitude: 0, offsetMs: 0 }, 2_294_970_029_000],
        [{ event: "sunrise", latitude: 80.19416114030584, longitude: 0, offsetMs: 0 }, 1_775_955_756_000],
        [{ event: "sunrise", latitude: 84.28386078321662, longitude: 0, offsetMs: 0 }, 2_027_467_651_000],
        [{ event: "dawn", latitude: -82.57299006960766, longitude: 0, offsetMs: 0 }, 631_152_000_000],
      ],
    },
  );
});

/** The event nearest to an instant, by the formulas of the Solar Calculator of NOAA's Global Monitoring Laboratory, iterated to the moment itself. */
function noaa(event: SolarEvent, latitude: number, longitude: number, near: number): number {
  const rad = Math.PI / 180;
  const sin = (degrees: number) => Math.sin(degrees * rad), cos = (degrees: number) => Math.cos(degrees * rad);
  const tan = (degrees: number) => Math.tan(degrees * rad);
  const solarDay = Math.floor((near + (longitude / 360) * dayMs) / dayMs) * dayMs;
  let at = near;
  for (let round = 0; round < 3; round++) {
    const t = (at / dayMs + 2_440_587.5 - 2_451_545) / 36_525;
    const meanLongitude = 280.46646 + t * (36000.76983 + t * 0.0003032);
    const anomaly = 357.52911 + t * (35999.05029 - 0.0001537 * t);
    const eccentricity = 0.016708634 - t * (0.000042037 + 0.0000001267 * t);
    const centre = sin(anomaly) * (1.914602 - t * (0.004817 + 0.000014 * t)) + sin(2 * anomaly) * (0.019993 - 0.000101 * t) +
      sin(3 * anomaly) * 0.000289;
    const node = 125.04 - 1934.136 * t;
    const apparent = meanLongitude + centre - 0.00569 - 0.00478 * sin(node);
    const obliquity = 23 + (26 + (21.448 - t * (46.815 + t * (0.00059 - t * 0.001813))) / 60) / 60 + 0.00256 * cos(node);
    const declination = Math.asin(sin(obliquity) * sin(apparent)) / rad;
    const y = tan(obliquity / 2) ** 2;
    const equationMinutes = 4 / rad * (y * sin(2 * meanLongitude) - 2 * eccentricity * sin(anomaly) +
      4 * eccentricity * y * sin(anomaly) * cos(2 * meanLongitude) - 0.5 * y * y * sin(4 * meanLongitude) -
      1.25 * eccentricity ** 2 * sin(2 * anomaly));
    const zenith = event === "dawn" || event === "dusk" ? 96 : 90.833;
    const cosHour = cos(zenith) / (cos(latitude) * cos(declination)) - tan(latitude) * tan(declination);
    const hourDegrees = event === "noon" ? 0 : Math.acos(cosHour) / rad * (event === "sunrise" || event === "dawn" ? 1 : -1);
    at = solarDay + (720 - 4 * (longitude + hourDegrees) - equationMinutes) * minuteMs;
  }
  return at;
}
