import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "../../src/errors.ts";
import { parseCron } from "../../src/time/cron.ts";

const start = Date.UTC(2026, 0, 1);

function times(expression: string, count = 3, from = start): string[] {
  const pattern = parseCron(expression);
  const found: string[] = [];
  for (let wall = pattern.next(from); wall !== undefined && found.length < count; wall = pattern.next(wall)) {
    found.push(new Date(wall).toISOString().slice(0, 19));
  }
  return found;
}

test("fields, names, ranges, steps, last days and numbered weekdays", () => {
  const cases: [string, string[]][] = [
    ["*/20 * * * *", ["2026-01-01T00:20:00", "2026-01-01T00:40:00", "2026-01-01T01:00:00"]],
    ["*/30 * * * * *", ["2026-01-01T00:00:30", "2026-01-01T00:01:00", "2026-01-01T00:01:30"]],
    ["15 9-17/4 * * MON-FRI", ["2026-01-01T09:15:00", "2026-01-01T13:15:00", "2026-01-01T17:15:00"]],
    ["0 0 1 JAN,jul *", ["2026-07-01T00:00:00", "2027-01-01T00:00:00", "2027-07-01T00:00:00"]],
    ["0 12 L * *", ["2026-01-31T12:00:00", "2026-02-28T12:00:00", "2026-03-31T12:00:00"]],
    ["0 0 * * FRI#2", ["2026-01-09T00:00:00", "2026-02-13T00:00:00", "2026-03-13T00:00:00"]],
    ["0 0 * * 5L", ["2026-01-30T00:00:00", "2026-02-27T00:00:00", "2026-03-27T00:00:00"]],
    ["0 0 * * 7", ["2026-01-04T00:00:00", "2026-01-11T00:00:00", "2026-01-18T00:00:00"]],
    ["0 0 29 2 *", ["2028-02-29T00:00:00", "2032-02-29T00:00:00", "2036-02-29T00:00:00"]],
    ["@daily", ["2026-01-02T00:00:00", "2026-01-03T00:00:00", "2026-01-04T00:00:00"]],
    ["@hourly", ["2026-01-01T01:00:00", "2026-01-01T02:00:00", "2026-01-01T03:00:00"]],
    ["@monthly", ["2026-02-01T00:00:00", "2026-03-01T00:00:00", "2026-04-01T00:00:00"]],
  ];
  for (const [expression, expected] of cases) assert.deepEqual(times(expression), expected, expression);
});

test("a date fits by day of month or weekday when both are restricted, by the restricted one when one is", () => {
  assert.deepEqual(times("0 0 13 * FRI", 5), [
    "2026-01-02T00:00:00",
    "2026-01-09T00:00:00",
    "2026-01-13T00:00:00",
    "2026-01-16T00:00:00",
    "2026-01-23T00:00:00",
  ]);
  assert.deepEqual(times("0 0 13 * *"), ["2026-01-13T00:00:00", "2026-02-13T00:00:00", "2026-03-13T00:00:00"]);
  assert.deepEqual(times("0 0 * * FRI"), ["2026-01-02T00:00:00", "2026-01-09T00:00:00", "2026-01-16T00:00:00"]);
});

test("the next time is strictly later, to the whole second", () => {
  const every = parseCron("* * * * * *");
  assert.equal(every.next(start), start + 1_000);
  assert.equal(every.next(start - 1), start);
  assert.equal(every.next(start + 999), start + 1_000);
  assert.equal(every.next(start + 1), start + 1_000);
});

test("expressions that go on through every hour are told from those that name their hours", () => {
  for (const expression of ["* * * * *", "0 * * * *", "*/5 */2 * * *", "0 0 ? * * *", "@hourly", "30 * * * * *"]) {
    assert.equal(parseCron(expression).anyHour, true, expression);
  }
  for (const expression of ["* 2 * * *", "0 0-23 * * *", "0 0 2 * * *", "@daily", "@weekly"]) {
    assert.equal(parseCron(expression).anyHour, false, expression);
  }
});

test("what cannot be read, or never comes, is refused with the reason", () => {
  const cases: [string, RegExp][] = [
    ["0 0 30 2 *", /no date ever fits/],
    ["0 0 31 4,6,9,11 *", /no date ever fits/],
    ["60 * * * *", /minute/],
    ["* * * *", /5 or 6 fields/],
    ["* * * * * * 2027", /5 or 6 fields/],
    ["2026-01-01T00:00:00Z", /5 or 6 fields/],
    ["", /5 or 6 fields/],
    ["@reboot", /reboot/],
    ["@every 5m", /5 or 6 fields/],
    ["every day at nine o'clock", /illegal|Invalid|5 or 6/i],
    ["*/0 * * * *", /stepping/],
  ];
  for (const [expression, message] of cases) {
    assert.throws(() => parseCron(expression), (error) => error instanceof ConfigError && message.test(error.message), expression);
  }
});
