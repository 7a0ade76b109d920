import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { ScheduleSpec } from "../../src/model/schedule.ts";
import type { SlotRule } from "../../src/model/slots.ts";
import { firstSlot, LATEST_INSTANT, latestSlot, nextSlot, slotsBetween } from "../../src/model/slots.ts";

const createdAt = Date.UTC(2026, 0, 1);
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

const rule = (spec: ScheduleSpec, rest: Partial<SlotRule> = {}): SlotRule => ({ spec, timeZone: "UTC", createdAt, ...rest });

const specs: fc.Arbitrary<ScheduleSpec> = fc.oneof(
  fc.record({ kind: fc.constant("interval" as const), everyMs: fc.integer({ min: 1, max: 40 * dayMs }) }),
  fc.record({
    kind: fc.constant("cron" as const),
    expression: fc.constantFrom(
      "* * * * *",
      "*/7 * * * * *",
      "0 * * * *",
      "30 2 * * *",
      "0 0 * * 0",
      "15 1-3 * 3,4,10,11 *",
      "0 0 13 * FRI",
      "0 3 L * *",
      "@daily",
      "0 12 29 2 *",
    ),
  }),
  fc.record({
    kind: fc.constant("solar" as const),
    event: fc.constantFrom("sunrise" as const, "sunset" as const, "noon" as const, "dawn" as const, "dusk" as const),
    latitude: fc.double({ min: -80, max: 80, noNaN: true }),
    longitude: fc.double({ min: -180, max: 180, noNaN: true }),
    offsetMs: fc.integer({ min: -dayMs, max: dayMs }),
  }),
  fc.record({ kind: fc.constant("clocked" as const), at: fc.integer({ min: createdAt, max: createdAt + 400 * dayMs }) }),
  fc.record({
    kind: fc.constant("calendar" as const),
    months: fc.uniqueArray(fc.integer({ min: 1, max: 12 }), { minLength: 1 }),
    days: fc.uniqueArray(fc.oneof(fc.integer({ min: 1, max: 28 }), fc.integer({ min: -28, max: -1 })), { minLength: 1 }),
    weekdays: fc.uniqueArray(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
    times: fc.uniqueArray(fc.constantFrom("00:00", "01:30", "02:00", "02:15:30", "02:59:59", "12:00", "23:59"), { minLength: 1 }),
  }, { requiredKeys: ["kind", "times"] }),
);

const zones = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Cairo"];

const rules: fc.Arbitrary<SlotRule> = fc.record({
  spec: specs,
  timeZone: fc.constantFrom(...zones),
  createdAt: fc.constant(createdAt),
  startAt: fc.integer({ min: createdAt - 30 * dayMs, max: createdAt + 30 * dayMs }),
  endAt: fc.integer({ min: createdAt + 30 * dayMs, max: createdAt + 800 * dayMs }),
}, { requiredKeys: ["spec", "timeZone", "createdAt"] });

const instants = fc.integer({ min: createdAt - 40 * dayMs, max: createdAt + 900 * dayMs });

test("slots rise strictly, lie after what they are asked for, and between start and end", () => {
  fc.assert(fc.property(rules, instants, (given, after) => {
    let previous = after;
    for (const slot of slotsBetween(given, { after, until: Infinity }, 20)) {
      assert.ok(Number.isSafeInteger(slot) && slot > previous);
      assert.ok(slot >= (given.startAt ?? -Infinity) && slot <= (given.endAt ?? Infinity));
      assert.equal(nextSlot(given, slot - 1), slot, "found again from just before");
      assert.equal(nextSlot(given, previous + Math.floor((slot - previous) / 2)), slot, "found again from anywhere before");
      previous = slot;
    }
  }));
});

test("the latest slot of a span is the last of all in it", () => {
  fc.assert(
    fc.property(rules, instants, fc.integer({ min: 0, max: 3 * hourMs }), (given, after, spanMs) => {
      const until = after + spanMs;
      const all = slotsBetween(given, { after, until }, 100_000);
      fc.pre(all.length < 100_000);
      assert.equal(latestSlot(given, after, until), all.at(-1));
    }),
    { numRuns: 60 },
  );
});

test("an interval counts from its creation, which is no slot, or from its start, which is one", () => {
  const spec = { kind: "interval", everyMs: 1_000 } as const;
  assert.equal(nextSlot(rule(spec), createdAt - 1), createdAt + 1_000);
  assert.equal(nextSlot(rule(spec), createdAt), createdAt + 1_000);
  assert.equal(nextSlot(rule(spec), createdAt + 1_000), createdAt + 2_000);
  assert.equal(nextSlot(rule(spec), createdAt + 123_456), createdAt + 124_000);
  const startAt = createdAt + 250;
  assert.equal(nextSlot(rule(spec, { startAt }), 0), startAt);
  assert.equal(nextSlot(rule(spec, { startAt }), startAt), startAt + 1_000);
  assert.equal(nextSlot(rule({ kind: "interval", everyMs: 315_360_000_000 }), 8_640_000_000_000_000 - 5), undefined);
});

test("start and end are slots themselves when the rule names them", () => {
  const daily = { kind: "cron", expression: "0 9 * * *" } as const;
  const nine = createdAt + 9 * hourMs;
  assert.equal(nextSlot(rule(daily, { startAt: nine }), 0), nine);
  assert.equal(nextSlot(rule(daily, { startAt: nine + 1 }), 0), nine + dayMs);
  assert.equal(nextSlot(rule(daily, { endAt: nine }), createdAt), nine);
  assert.equal(nextSlot(rule(daily, { endAt: nine - 1 }), createdAt), undefined);
  assert.equal(nextSlot(rule(daily, { endAt: nine }), nine), undefined);
});

test("a clocked entry has one slot, and keeps it when it lies in the past until it was dispatched", () => {
  const at = createdAt + hourMs;
  const once = rule({ kind: "clocked", at });
  assert.equal(nextSlot(once, createdAt), at);
  assert.equal(nextSlot(once, at), undefined);
  assert.equal(firstSlot(once, createdAt), at);
  assert.equal(firstSlot(once, at + dayMs), at);
  assert.equal(firstSlot(once, at + dayMs, at), undefined);
  assert.equal(firstSlot(once, at + dayMs, at - dayMs), at);
  assert.equal(firstSlot(rule({ kind: "interval", everyMs: 1_000 }), createdAt + 10_500), createdAt + 11_000);
  assert.equal(firstSlot(rule({ kind: "interval", everyMs: 1_000 }), createdAt, createdAt + 5_000), createdAt + 6_000);
});

test("calendar days count from both ends of the month, and must fit the weekdays too", () => {
  const days = (spec: Omit<Extract<ScheduleSpec, { kind: "calendar" }>, "kind" | "times">, count: number) =>
    slotsBetween(rule({ kind: "calendar", times: ["12:00"], ...spec }), { after: createdAt, until: Infinity }, count)
      .map((slot) => new Date(slot).toISOString().slice(0, 10));
  assert.deepEqual(days({ days: [-1] }, 3), ["2026-01-31", "2026-02-28", "2026-03-31"]);
  assert.deepEqual(days({ days: [31] }, 3), ["2026-01-31", "2026-03-31", "2026-05-31"]);
  assert.deepEqual(days({ days: [13], weekdays: [5] }, 3), ["2026-02-13", "2026-03-13", "2026-11-13"]);
  assert.deepEqual(days({ months: [2], days: [29], weekdays: [1] }, 1), ["2044-02-29"]);
});

test("near the last instant that a date can name there is a slot or none, in every zone", () => {
  const rules: readonly ScheduleSpec[] = [
    { kind: "cron", expression: "* * * * *" },
    { kind: "cron", expression: "0 3 * * *" },
    { kind: "calendar", times: ["03:00"] },
    { kind: "solar", event: "noon", latitude: 1, longitude: 1 },
    { kind: "interval", everyMs: hourMs },
  ];
  for (const timeZone of ["UTC", "Europe/Berlin", "America/New_York", "Pacific/Kiritimati"]) {
    for (const spec of rules) {
      for (const before of [0, 1, hourMs, 8 * hourMs, dayMs, 2 * dayMs]) {
        const after = LATEST_INSTANT - before;
        const slot = nextSlot(rule(spec, { timeZone }), after);
        assert.ok(slot === undefined || slot > after && slot <= LATEST_INSTANT, `${JSON.stringify(spec)} in ${timeZone} after ${after}`);
      }
    }
  }
});
