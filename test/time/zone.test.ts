import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ConfigError } from "../../src/errors.ts";
import { zoneOf } from "../../src/time/zone.ts";

const at = (text: string) => Date.parse(text);
const hourMs = 3_600_000;

test("the wall clock of a zone, in winter and in summer", () => {
  const berlin = zoneOf("Europe/Berlin");
  assert.equal(berlin.wallAt(at("2026-01-15T11:00:00.250Z")), at("2026-01-15T12:00:00.250Z"));
  assert.equal(berlin.wallAt(at("2026-07-15T22:30:00Z")), at("2026-07-16T00:30:00Z"));
  assert.equal(zoneOf("Asia/Kathmandu").wallAt(at("2026-01-01T00:00:00Z")), at("2026-01-01T05:45:00Z"));
  assert.equal(zoneOf("UTC").wallAt(12_345), 12_345);
});

test("a wall time that is left out is the first instant after the gap", () => {
  const berlin = zoneOf("Europe/Berlin");
  for (const left of ["2026-03-29T02:00:00Z", "2026-03-29T02:30:00Z", "2026-03-29T02:59:59Z"]) {
    assert.equal(berlin.instantOf(at(left)), at("2026-03-29T01:00:00Z"), left);
  }
  assert.equal(berlin.instantOf(at("2026-03-29T03:00:00Z")), at("2026-03-29T01:00:00Z"));
  assert.equal(zoneOf("Australia/Lord_Howe").instantOf(at("2026-10-04T02:15:00Z")), at("2026-10-03T15:30:00Z"));
  // Samoa left out a whole day when it moved across the date line.
  assert.equal(zoneOf("Pacific/Apia").instantOf(at("2011-12-30T12:00:00Z")), at("2011-12-30T10:00:00Z"));
});

test("a wall time that comes twice is its first", () => {
  assert.equal(zoneOf("Europe/Berlin").instantOf(at("2026-10-25T02:30:00Z")), at("2026-10-25T00:30:00Z"));
  assert.equal(zoneOf("America/New_York").instantOf(at("2026-11-01T01:00:00Z")), at("2026-11-01T05:00:00Z"));
  assert.equal(zoneOf("Australia/Lord_Howe").instantOf(at("2026-04-05T01:45:00Z")), at("2026-04-04T14:45:00Z"));
});

test("the instant at which the clock is set", () => {
  const berlin = zoneOf("Europe/Berlin");
  const [spring, autumn] = [at("2026-03-29T01:00:00Z"), at("2026-10-25T01:00:00Z")];
  assert.equal(berlin.nextShift(at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z")), spring);
  assert.equal(berlin.nextShift(spring - 1, spring), spring);
  assert.equal(berlin.nextShift(spring, at("2027-01-01T00:00:00Z")), autumn);
  assert.equal(berlin.nextShift(spring, autumn - 1), undefined);
  assert.equal(zoneOf("Asia/Tokyo").nextShift(0, at("2026-01-01T00:00:00Z")), undefined);
});

test("a wall time leads to an instant that shows it, or to the end of the gap that left it out", () => {
  const zones = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "America/St_Johns", "Pacific/Kiritimati"];
  fc.assert(fc.property(
    fc.constantFrom(...zones),
    fc.integer({ min: at("1990-01-01T00:00:00Z"), max: at("2037-01-01T00:00:00Z") }),
    (name, instant) => {
      const zone = zoneOf(name);
      const wall = zone.wallAt(instant);
      const back = zone.instantOf(wall);
      assert.ok(back <= instant && instant - back <= hourMs, "the first of two, or the only one");
      assert.equal(zone.wallAt(back), wall);
      const shown = zone.wallAt(zone.instantOf(instant));
      assert.ok(shown >= instant && shown - instant <= hourMs);
    },
  ));
});

test("what is no zone is refused", () => {
  for (const name of ["Mars/Olympus", "", "+02:00", "Europe/Berlin; drop table", "x".repeat(500)]) {
    assert.throws(() => zoneOf(name), (error) => error instanceof ConfigError && error.message.includes("time zone"), name);
  }
});
