/** Files of schedules: every way to write one, and every mistake with its line. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { readSchedules } from "../../src/cli/schedule-file.ts";
import { ConfigError } from "../../src/errors.ts";

const timeout = 20_000;

const SHORT = `
# What runs at night.
schedules:
  - id: report
    cron: "0 9 * * MON-FRI"
    timeZone: Europe/Berlin
    task:
      name: report.send
      args: { to: [ops@example.org] }
      queue: mail
      headers: { tenant: acme }
      priority: 7
      maxRetries: 2
      retryPolicy: { delay: 2s }
      timeLimit: 30s
      softTimeLimitMs: 20000
      visibilityTimeout: 1m
      resultTtl: 1d
      ignoreResult: true
      meta: { a: 1 }
    misfire: { kind: catch-up, limit: 3 }
    startAt: 2026-03-01T09:00:00+01:00
    endAt: 2027-03-01 09:00Z
    maxRuns: 10
    expiresAfter: 1h
    jitter: 30s
    enabled: false
    meta: { owner: ops }
  - { id: tick, every: 5m, task: tick, args: [1, null], misfire: skip }
  - id: lamps
    solar: { event: sunset, latitude: 52.52, longitude: 13.4, offset: -30m }
    task: lamps.on
  - { id: once, at: 1893456000000, task: { name: fireworks } }
  - { id: close, calendar: { days: [-1], weekdays: [1, 2], months: [12], times: ["18:00"] }, task: close.books }
`;

const LONG = [
  {
    id: "report",
    spec: { kind: "cron", expression: "0 9 * * MON-FRI" },
    timeZone: "Europe/Berlin",
    task: {
      name: "report.send",
      args: { to: ["ops@example.org"] },
      queue: "mail",
      headers: { tenant: "acme" },
      priority: 7,
      maxRetries: 2,
      retryPolicy: { delay: "2s" },
      timeLimitMs: 30_000,
      softTimeLimitMs: 20_000,
      visibilityTimeoutMs: 60_000,
      resultTtlMs: 86_400_000,
      ignoreResult: true,
      meta: { a: 1 },
    },
    misfire: { kind: "catch-up", limit: 3 },
    startAt: Date.parse("2026-03-01T08:00:00Z"),
    endAt: Date.parse("2027-03-01T09:00:00Z"),
    maxRuns: 10,
    expiresAfterMs: 3_600_000,
    jitterMs: 30_000,
    enabled: false,
    meta: { owner: "ops" },
  },
  { id: "tick", spec: { kind: "interval", everyMs: 300_000 }, task: { name: "tick", args: [1, null] }, misfire: { kind: "skip" } },
  {
    id: "lamps",
    spec: { kind: "solar", event: "sunset", latitude: 52.52, longitude: 13.4, offsetMs: -1_800_000 },
    task: { name: "lamps.on" },
  },
  { id: "once", spec: { kind: "clocked", at: 1_893_456_000_000 }, task: { name: "fireworks" } },
  { id: "close", spec: { kind: "calendar", days: [-1], weekdays: [1, 2], months: [12], times: ["18:00"] }, task: { name: "close.books" } },
];

test("short forms say the same as the model's own, in YAML and JSON, as a list and under a name", { timeout }, () => {
  assert.deepEqual(readSchedules(SHORT, "a.yaml"), LONG);
  assert.deepEqual(readSchedules(JSON.stringify(LONG), "a.json"), LONG);
  assert.deepEqual(readSchedules(JSON.stringify({ schedules: LONG }, undefined, 2), "a.json"), LONG);
  const ofTheStore = { version: 3, createdAt: 1, updatedAt: 2, nextRunAt: 3, lastRunAt: 4, runs: 5 };
  assert.deepEqual(readSchedules(JSON.stringify(LONG.map((each) => ({ ...each, ...ofTheStore }))), "a.json"), LONG);
  for (const empty of ["[]", "schedules: []"]) assert.deepEqual(readSchedules(empty, "a.yaml"), []);
});

test("every mistake is named, with its line", { timeout }, () => {
  const cases: readonly (readonly [text: string, ...messages: RegExp[]])[] = [
    ["schedules: [", /^Cannot read "a.yaml": .*line 1/],
    ["a: 1\na: 2", /Map keys must be unique.*line 2/],
    ["- *nobody", /^Cannot read "a.yaml": Unresolved alias.*nobody$/],
    [
      `- &a0 [x]\n${Array.from({ length: 9 }, (_, at) => `- &a${at + 1} [${`*a${at},`.repeat(9)}]`).join("\n")}`,
      /Cannot read "a.yaml": .*alias/,
    ],
    ["", /Cannot read "a.yaml": expected a list of schedules/],
    ["schedules: 5", /expected a list of schedules/],
    ["other: []", /Cannot use "other" in the content of "a.yaml": expected one of schedules/],
    ["- 5", /^a.yaml:1: Cannot use 5 as a schedule: expected an object/],
    ["- { every: 1s, task: t }", /Cannot use undefined as a schedule's id/],
    ["- { id: a, task: t }", /schedule "a": it does not say when it fires; expected one of every, cron, solar, at, calendar, spec/],
    ["- { id: a, every: 1s, cron: '@daily', task: t }", /it has both every and cron/],
    ["- { id: a, every: 1s }", /Cannot use undefined as the task of schedule "a"/],
    ["- { id: a, every: soon, task: t }", /Cannot use "soon" as every of schedule "a"/],
    ["- { id: a, every: 0, task: t }", /everyMs of schedule "a"/],
    ["- { id: a, every: true, task: t }", /Cannot use true as every of schedule "a": expected a duration/],
    ["- { id: a, cron: 5, task: t }", /Cannot use 5 as cron of schedule "a": expected text/],
    ["- { id: a, cron: '61 * * * *', task: t }", /cron/],
    ["- { id: a, at: 2026-01-01T09:00:00, task: t }", /expected a time with its zone/],
    ["- { id: a, at: tomorrow, task: t }", /expected a time with its zone/],
    ["- { id: a, every: 1s, timeZone: Mars/Olympus, task: t }", /Mars\/Olympus/],
    ["- { id: a, every: 1s, timeZone: 5, task: t }", /Cannot use 5 as timeZone of schedule "a"/],
    ["- { id: a, every: 1s, jitter: 2s, task: t }", /jitterMs of schedule "a": it is longer than the interval/],
    ["- { id: a, every: 1s, jitter: 1ms, jitterMs: 1, task: t }", /it has both jitter and jitterMs/],
    ["- { id: a, every: 1s, task: { name: t, when: 1 } }", /Cannot use "when" in the task of schedule "a"/],
    ["- { id: a, every: 1s, args: 1, task: { name: t } }", /Cannot use args of schedule "a": they belong into its task/],
    ["- { id: a, every: 1s, enabled: maybe, task: t }", /enabled of schedule "a": expected true or false/],
    ["- { id: a, every: 1s, misfire: later, task: t }", /misfire policy of schedule "a"/],
    ["- { id: a, solar: { event: moonrise, latitude: 0, longitude: 0 }, task: t }", /event of schedule "a"/],
    ["- { id: a, solar: { event: sunset, latitude: 0, longitude: 0, offset: -2d }, task: t }", /offsetMs of schedule "a"/],
    ["- { id: a, spec: { kind: lunar }, task: t }", /the kind of schedule "a"/],
    ["- { id: a, every: 1s, startAt: 2026-01-02T00:00Z, endAt: 2026-01-01T00:00Z, task: t }", /endAt of schedule "a": .* before startAt/],
    [
      "schedules:\n- id: a\n  every: 1x\n  task: t\n- id: b\n  every: 1s\n  task: t\n- id: b\n  every: 1s\n  task: t\n- id: c\n  evry: 1s\n  task: t",
      /^a.yaml:2: .*"1x"/m,
      /^a.yaml:8: Cannot use schedule "b": another one has that id/m,
      /^a.yaml:11: Cannot use "evry" in schedule "c": expected one of id, every, .*, meta$/m,
    ],
  ];
  for (const [text, ...messages] of cases) {
    assert.throws(() => readSchedules(text, "a.yaml"), (error: unknown) => {
      assert.ok(error instanceof ConfigError, `${text}: ${String(error)}`);
      for (const message of messages) assert.match(error.message, message);
      return true;
    }, text);
  }
});
