import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError, PayloadError } from "../../src/errors.ts";
import type { ScheduleInput } from "../../src/model/schedule.ts";
import { validateSchedule } from "../../src/model/schedule-input.ts";

const valid: ScheduleInput = { id: "report", spec: { kind: "interval", everyMs: 60_000 }, task: { name: "report.send" } };

/** As an untyped caller could write it. */
function change(changes: Readonly<Record<string, unknown>>): ScheduleInput {
  return Object.assign({ ...valid }, changes);
}

test("what fits is returned as it is, with every field", () => {
  const full: ScheduleInput = {
    id: "every:field",
    spec: { kind: "calendar", months: [1, 12], days: [1, -1], weekdays: [1, 7], times: ["00:00", "23:59:59"] },
    task: {
      name: "report.send",
      args: { to: ["a", null, { deep: 1.5 }] },
      headers: { traceparent: "00-abc" },
      meta: { tenant: "t1" },
      queue: "reports",
      priority: 9,
      maxRetries: 3,
      retryPolicy: { backoff: "fixed", delay: "10s" },
      visibilityTimeoutMs: 1,
      softTimeLimitMs: 1,
      timeLimitMs: 1,
      resultTtlMs: 1,
      ignoreResult: true,
    },
    timeZone: "Europe/Berlin",
    startAt: 0,
    endAt: 0,
    maxRuns: 1,
    expiresAfterMs: 1_001,
    jitterMs: 1_000,
    enabled: false,
    misfire: { kind: "catch-up", limit: 1_000 },
    meta: { owner: { name: "ops" } },
    version: 0,
  };
  assert.equal(validateSchedule(full), full);
  assert.equal(validateSchedule(valid), valid);
});

test("every kind in its ordinary form, one in the past among them", () => {
  const specs: ScheduleInput["spec"][] = [
    { kind: "interval", everyMs: 1 },
    { kind: "cron", expression: "*/5 * * * MON-FRI" },
    { kind: "cron", expression: "@hourly" },
    { kind: "solar", event: "noon", latitude: -89, longitude: 180 },
    { kind: "solar", event: "dawn", latitude: 69.6, longitude: 18.9, offsetMs: -3_600_000 },
    { kind: "clocked", at: 0 },
    { kind: "calendar", months: [2], days: [29], times: ["12:00"] },
  ];
  for (const spec of specs) validateSchedule({ ...valid, spec });
});

test("what cannot be used is refused, naming the value and what was expected", () => {
  const cases: [Readonly<Record<string, unknown>>, RegExp][] = [
    [{ id: "" }, /a schedule's id/],
    [{ id: "a\u0000b" }, /NUL/],
    [{ spec: undefined }, /undefined as the kind/],
    [{ spec: { kind: "weekly" } }, /"weekly" as the kind of schedule "report".*"interval"/],
    [{ spec: { kind: "interval", everyMs: 0 } }, /0 as everyMs.*from 1/],
    [{ spec: { kind: "interval", everyMs: -5 } }, /-5 as everyMs/],
    [{ spec: { kind: "interval", everyMs: 1.5 } }, /1.5 as everyMs/],
    [{ spec: { kind: "interval" } }, /undefined as everyMs/],
    [{ spec: { kind: "cron", expression: "0 0 30 2 *" } }, /"0 0 30 2 \*".*no date ever fits/],
    [{ spec: { kind: "cron", expression: "often" } }, /"often" as a cron expression/],
    [{ spec: { kind: "cron" } }, /undefined as a cron expression/],
    [{ spec: { kind: "solar", event: "noon", latitude: 91, longitude: 0 } }, /91 as the latitude.*-90 to 90/],
    [{ spec: { kind: "solar", event: "noon", latitude: 0, longitude: -181 } }, /-181 as the longitude/],
    [{ spec: { kind: "solar", event: "noon", latitude: Number.NaN, longitude: 0 } }, /NaN as the latitude/],
    [{ spec: { kind: "solar", event: "midnight", latitude: 0, longitude: 0 } }, /"midnight" as the event/],
    [{ spec: { kind: "solar", event: "sunrise", latitude: 90, longitude: 0 } }, /latitude 90.*pole/],
    [{ spec: { kind: "solar", event: "noon", latitude: -90, longitude: 0 } }, /latitude -90.*pole/],
    [{ spec: { kind: "solar", event: "noon", latitude: 0, longitude: 0, offsetMs: 100_000_000 } }, /offsetMs/],
    [{ spec: { kind: "clocked", at: -1 } }, /-1 as the time of/],
    [{ spec: { kind: "clocked", at: 5 }, startAt: 6 }, /not between/],
    [{ spec: { kind: "clocked", at: 5 }, endAt: 4 }, /not between/],
    [{ spec: { kind: "calendar", times: [] } }, /times of.*at least one/],
    [{ spec: { kind: "calendar", times: ["25:00"] } }, /"25:00" as a time/],
    [{ spec: { kind: "calendar", times: ["9:00"] } }, /"9:00" as a time/],
    [{ spec: { kind: "calendar", times: ["12:60"] } }, /"12:60" as a time/],
    [{ spec: { kind: "calendar", times: "12:00" } }, /"12:00" as times/],
    [{ spec: { kind: "calendar", months: [13], times: ["12:00"] } }, /13 as one of months/],
    [{ spec: { kind: "calendar", months: [], times: ["12:00"] } }, /months of/],
    [{ spec: { kind: "calendar", days: [0], times: ["12:00"] } }, /0 as one of days/],
    [{ spec: { kind: "calendar", days: [32], times: ["12:00"] } }, /32 as one of days/],
    [{ spec: { kind: "calendar", weekdays: [0], times: ["12:00"] } }, /0 as one of weekdays/],
    [{ spec: { kind: "calendar", months: [2], days: [30], times: ["12:00"] } }, /no date ever fits/],
    [{ timeZone: "Mars/Olympus" }, /"Mars\/Olympus" as a time zone/],
    [{ startAt: 2, endAt: 1 }, /1 as endAt.*before startAt 2/],
    [{ startAt: 1.5 }, /1.5 as startAt/],
    [{ endAt: -1 }, /-1 as endAt/],
    [{ maxRuns: 0 }, /0 as maxRuns/],
    [{ expiresAfterMs: 0 }, /0 as expiresAfterMs/],
    [{ version: -1 }, /-1 as version/],
    [{ jitterMs: 60_001 }, /60001 as jitterMs.*longer than the interval of 60000 ms/],
    [{ jitterMs: -1 }, /-1 as jitterMs/],
    [{ jitterMs: 1_000, expiresAfterMs: 1_000 }, /expire 1000 ms after the slot/],
    [{ misfire: { kind: "sometimes" } }, /"sometimes" as the misfire policy/],
    [{ misfire: { kind: "catch-up", limit: 0 } }, /0 as the catch-up limit/],
    [{ misfire: { kind: "catch-up", limit: 1_001 } }, /1001 as the catch-up limit/],
    [{ enabled: "yes" }, /"yes" as enabled/],
    [{ meta: [] }, /an array as meta/],
    [{ meta: { a: "\u0000" } }, /NUL/],
    [{ task: undefined }, /undefined as the task/],
    [{ task: { name: "" } }, /a task's name/],
    [{ task: { name: "t", queue: "" } }, /a queue's name/],
    [{ task: { name: "t", priority: 10 } }, /10 as a priority/],
    [{ task: { name: "t", maxRetries: -1 } }, /-1 as maxRetries/],
    [{ task: { name: "t", timeLimitMs: 0 } }, /0 as timeLimitMs/],
    [{ task: { name: "t", retryPolicy: { factor: 0 } } }, /factor/],
    [{ task: { name: "t", headers: { a: 1 } } }, /1 as header "a"/],
    [{ task: { name: "t", ignoreResult: 1 } }, /1 as ignoreResult/],
    [{ timezone: "Europe/Berlin" }, /field "timezone" of schedule .*: expected one of .*timeZone/],
    [{ task: { name: "t", timeLimit: "1m" } }, /field "timeLimit" of the task .*timeLimitMs/],
    [{ spec: { kind: "interval", everyMs: 60_000, at: 1 } }, /field "at" of the spec .*: expected one of kind, everyMs/],
  ];
  for (const [changes, message] of cases) {
    assert.throws(
      () => validateSchedule(change(changes)),
      (error) => error instanceof ConfigError && message.test(error.message),
      `${JSON.stringify(changes)} against ${message}`,
    );
  }
});

test("arguments and meta that JSON cannot carry are refused, naming the place", () => {
  const cases: Readonly<Record<string, unknown>>[] = [
    { task: { name: "t", args: { at: new Date(0) } } },
    { task: { name: "t", args: 1n } },
    { task: { name: "t", meta: { f: () => 1 } } },
    { meta: { many: new Map() } },
  ];
  for (const changes of cases) assert.throws(() => validateSchedule(change(changes)), (error) => error instanceof PayloadError);
});
