import { ConfigError } from "../errors.ts";
import { nextCalendarTime, timeOfDayMs } from "../time/calendar.ts";
import { parseCron } from "../time/cron.ts";
import { nextSolarTime, SOLAR_EVENTS } from "../time/solar.ts";
import { zoneOf } from "../time/zone.ts";
import { DEFAULT_PRIORITY, DEFAULT_QUEUE, validateEnvelope } from "./envelope.ts";
import { show, validateId } from "./id.ts";
import { assertJson } from "./json-value.ts";
import { validateMeta } from "./meta.ts";
import { validateInteger } from "./numbers.ts";
import type { MisfirePolicy, ScheduledTask, ScheduleInput, ScheduleSpec } from "./schedule.ts";
import { requireKnownFields } from "./schedule-fields.ts";
import { LATEST_INSTANT } from "./slots.ts";

const dayMs = 86_400_000;

// Ten years, as for every duration.
const longestMs = 3_650 * dayMs;

// What a column of 32 bits holds: 68 years of seconds.
const MAX_RUNS = 2 ** 31 - 1;

/** How many missed slots a catch-up may fire at most. */
export const MAX_CATCH_UP = 1_000;

/**
 * Returns the schedule when a store can keep it and it can fire.
 *
 * A clocked schedule may lie in the past: it then fires once, or not, as its misfire policy says. An `endAt` in the past is fine too.
 *
 * @throws {ConfigError} that names the first field that cannot be used, its value and what was expected.
 * @throws {PayloadError} when `args` or `meta` are no JSON.
 */
export function validateSchedule(input: ScheduleInput): ScheduleInput {
  const what = `schedule ${show(validateId(input.id, "a schedule's id"))}`;
  validateSpec(input.spec, what);
  zoneOf(input.timeZone ?? "UTC");
  validateTask(input.task, what);
  requireKnownFields(input, what);
  validateSpan(input, what);
  optional(input.maxRuns, `maxRuns of ${what}`, { min: 1, max: MAX_RUNS });
  optional(input.expiresAfterMs, `expiresAfterMs of ${what}`, { min: 1, max: longestMs });
  optional(input.version, `version of ${what}`);
  validateJitter(input, what);
  if (input.misfire !== undefined) validateMisfire(input.misfire, what);
  if (input.enabled !== undefined && typeof input.enabled !== "boolean") refuse(input.enabled, `enabled of ${what}`, "true or false");
  if (input.meta !== undefined) validateJsonMeta(input.meta, `meta of ${what}`);
  return input;
}

function validateSpec(spec: ScheduleSpec, what: string): void {
  const kind: unknown = spec?.kind;
  switch (spec?.kind) {
    case "interval":
      validateInteger(spec.everyMs, `everyMs of ${what}`, { min: 1, max: longestMs });
      return;
    case "cron":
      parseCron(spec.expression);
      return;
    case "solar":
      return validateSolar(spec, what);
    case "clocked":
      validateInteger(spec.at, `the time of ${what}`, { max: LATEST_INSTANT });
      return;
    case "calendar":
      return validateCalendar(spec, what);
    default:
      refuse(kind, `the kind of ${what}`, `"interval", "cron", "solar", "clocked" or "calendar"`);
  }
}

function validateSolar(spec: Extract<ScheduleSpec, { kind: "solar" }>, what: string): void {
  const { event, latitude, longitude, offsetMs } = spec;
  if (!SOLAR_EVENTS.includes(event)) refuse(event, `the event of ${what}`, SOLAR_EVENTS.map((known) => `"${known}"`).join(", "));
  validateDegrees(latitude, `the latitude of ${what}`, 90);
  validateDegrees(longitude, `the longitude of ${what}`, 180);
  optional(offsetMs, `offsetMs of ${what}`, { min: -dayMs, max: dayMs });
  if (Math.abs(latitude) === 90 || nextSolarTime(spec, 0) === undefined) {
    throw new ConfigError(`Cannot use latitude ${latitude} for ${what}: so near a pole the sun's day has no ${event}`);
  }
}

function validateDegrees(value: unknown, what: string, max: number): void {
  if (typeof value === "number" && Math.abs(value) <= max) return;
  refuse(value, what, `degrees from -${max} to ${max}`);
}

function validateCalendar(spec: Extract<ScheduleSpec, { kind: "calendar" }>, what: string): void {
  validateNumbers(spec.months, `months of ${what}`, (month) => month >= 1 && month <= 12);
  validateNumbers(spec.days, `days of ${what}`, (day) => day !== 0 && Math.abs(day) <= 31);
  validateNumbers(spec.weekdays, `weekdays of ${what}`, (weekday) => weekday >= 1 && weekday <= 7);
  const times: unknown = spec.times;
  if (!Array.isArray(times) || times.length === 0) refuse(times, `times of ${what}`, `at least one, such as "09:30"`);
  for (const time of spec.times) {
    if (timeOfDayMs(time) === undefined) refuse(time, `a time of ${what}`, `"HH:MM" or "HH:MM:SS", from "00:00" to "23:59:59"`);
  }
  if (nextCalendarTime(spec, 0) !== undefined) return;
  throw new ConfigError(`Cannot use ${what}: no date ever fits its months, days and weekdays`);
}

function validateNumbers(values: readonly unknown[] | undefined, what: string, fits: (value: number) => boolean): void {
  if (values === undefined) return;
  if (!Array.isArray(values) || values.length === 0) refuse(values, what, "at least one number; left out means every one");
  for (const value of values) {
    if (typeof value !== "number" || !Number.isInteger(value) || !fits(value)) {
      refuse(value, `one of ${what}`, "a number that the calendar has");
    }
  }
}

function validateTask(task: ScheduledTask, what: string): void {
  if (typeof task !== "object" || task === null) refuse(task, `the task of ${what}`, "an object with the task's name");
  if (task.args !== undefined) assertJson(task.args, `args of ${what}`);
  if (task.meta !== undefined) validateJsonMeta(task.meta, `the task's meta of ${what}`);
  if (task.ignoreResult !== undefined && typeof task.ignoreResult !== "boolean") {
    refuse(task.ignoreResult, `ignoreResult of ${what}`, "true or false");
  }
  const { name, queue = DEFAULT_QUEUE, headers = {}, priority = DEFAULT_PRIORITY, maxRetries = 0 } = task;
  // As the envelope that it becomes: whatever would be refused then is refused now.
  const standard = { id: "slot", name, queue, headers, meta: {}, priority, attempt: 1, maxRetries, enqueuedAt: 0 };
  validateEnvelope(Object.assign({ ...task }, standard));
}

function validateSpan({ spec, startAt, endAt }: ScheduleInput, what: string): void {
  optional(startAt, `startAt of ${what}`, { max: LATEST_INSTANT });
  optional(endAt, `endAt of ${what}`, { max: LATEST_INSTANT });
  if (startAt !== undefined && endAt !== undefined && endAt < startAt) {
    throw new ConfigError(`Cannot use ${endAt} as endAt of ${what}: it is before startAt ${startAt}`);
  }
  if (spec.kind === "clocked" && (spec.at < (startAt ?? 0) || spec.at > (endAt ?? LATEST_INSTANT))) {
    throw new ConfigError(`Cannot use ${spec.at} as the time of ${what}: it is not between its startAt and endAt`);
  }
}

function validateJitter({ spec, jitterMs, expiresAfterMs }: ScheduleInput, what: string): void {
  if (jitterMs === undefined) return;
  validateInteger(jitterMs, `jitterMs of ${what}`, { max: longestMs });
  if (spec.kind === "interval" && jitterMs > spec.everyMs) {
    throw new ConfigError(`Cannot use ${jitterMs} as jitterMs of ${what}: it is longer than the interval of ${spec.everyMs} ms`);
  }
  if (expiresAfterMs !== undefined && jitterMs >= expiresAfterMs) {
    throw new ConfigError(`Cannot use ${jitterMs} as jitterMs of ${what}: its tasks expire ${expiresAfterMs} ms after the slot`);
  }
}

function validateMisfire(misfire: MisfirePolicy, what: string): void {
  const kind: unknown = misfire?.kind;
  if (kind !== "skip" && kind !== "fire-once" && kind !== "catch-up") {
    refuse(kind, `the misfire policy of ${what}`, `"skip", "fire-once" or "catch-up"`);
  }
  if (misfire.kind === "catch-up") validateInteger(misfire.limit, `the catch-up limit of ${what}`, { min: 1, max: MAX_CATCH_UP });
}

function validateJsonMeta(meta: Readonly<Record<string, unknown>>, what: string): void {
  assertJson(meta, what);
  if (meta === null || typeof meta !== "object" || Array.isArray(meta)) refuse(meta, what, "an object");
  validateMeta(meta, what);
}

function optional(value: number | undefined, what: string, bounds: { readonly min?: number; readonly max?: number } = {}): void {
  if (value !== undefined) validateInteger(value, what, bounds);
}

function refuse(value: unknown, what: string, expected: string): never {
  throw new ConfigError(`Cannot use ${show(value)} as ${what}: expected ${expected}`);
}
