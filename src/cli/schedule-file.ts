import type { Document } from "yaml";
import { LineCounter, parseDocument } from "yaml";
import { ConfigError, StemError } from "../errors.ts";
import { show } from "../model/id.ts";
import type { ScheduleInput } from "../model/schedule.ts";
import { validateSchedule } from "../model/schedule-input.ts";
import type { Fields } from "./fields.ts";
import { fieldsOf, instantOf, isFields, msOf, textOf } from "./fields.ts";

/** The ways to say when a schedule fires; the last is the model's own. */
const WHENS = ["every", "cron", "solar", "at", "calendar", "spec"] as const;

/** What only the store writes: files made of what `stem schedule list --json` wrote may hold it. */
const OF_THE_STORE = ["version", "createdAt", "updatedAt", "nextRunAt", "lastRunAt", "runs"];

const FIELDS = [
  "id",
  ...WHENS,
  "task",
  "args",
  "timeZone",
  "startAt",
  "endAt",
  "maxRuns",
  "expiresAfter",
  "expiresAfterMs",
  "jitter",
  "jitterMs",
  "enabled",
  "misfire",
  "meta",
];

const TASK_DURATIONS = ["visibilityTimeout", "softTimeLimit", "timeLimit", "resultTtl"] as const;

const TASK_FIELDS = [
  "name",
  "args",
  "headers",
  "meta",
  "queue",
  "priority",
  "maxRetries",
  "retryPolicy",
  "ignoreResult",
  ...TASK_DURATIONS.flatMap((name) => [name, `${name}Ms`]),
];

/**
 * Reads the schedules of a YAML or JSON text: a list, or an object with the list as `schedules`. Every entry is looked at before anything is said.
 *
 * @param name How errors name the file.
 * @throws {ConfigError} that names every mistake with its line.
 */
export function readSchedules(text: string, name: string): readonly ScheduleInput[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const [broken] = document.errors;
  if (broken !== undefined) throw new ConfigError(`Cannot read ${show(name)}: ${broken.message.replaceAll(/\s*\n\s*/g, " ").trim()}`);
  const content = contentOf(document, name);
  const isList = Array.isArray(content);
  const entries = isList ? content : fieldsOf(content ?? {}, `the content of ${show(name)}`, ["schedules"])["schedules"];
  if (!Array.isArray(entries)) {
    throw new ConfigError(`Cannot read ${show(name)}: expected a list of schedules, or an object with one as "schedules"`);
  }

  const read: ScheduleInput[] = [];
  const ids = new Set<string>();
  const mistakes: string[] = [];
  for (const [at, entry] of entries.entries()) {
    try {
      const schedule = readSchedule(entry);
      if (ids.has(schedule.id)) throw new ConfigError(`Cannot use schedule ${show(schedule.id)}: another one has that id`);
      ids.add(schedule.id);
      read.push(schedule);
    } catch (error) {
      if (!StemError.is(error)) throw error;
      const node: unknown = document.getIn(isList ? [at] : ["schedules", at], true);
      mistakes.push(`${name}:${lineOf(node, lines)}: ${error.message}`);
    }
  }
  if (mistakes.length > 0) throw new ConfigError(mistakes.join("\n"));
  return read;
}

function contentOf(document: Document, name: string): unknown {
  try {
    return document.toJS();
  } catch (cause) {
    // An alias of nothing, or aliases of aliases that would fill the memory: both are found only here.
    throw new ConfigError(`Cannot read ${show(name)}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

function readSchedule(value: unknown): ScheduleInput {
  const id = isFields(value) && typeof value["id"] === "string" ? value["id"] : undefined;
  const what = id === undefined ? "a schedule" : `schedule ${show(id)}`;
  const fields = fieldsOf(value, what, FIELDS, OF_THE_STORE);
  const { timeZone, startAt, endAt, maxRuns, enabled, meta } = fields;
  const schedule = {
    id: fields["id"],
    spec: readWhen(fields, what),
    task: readTask(fields, what),
    ...(timeZone === undefined ? {} : { timeZone: textOf(timeZone, `timeZone of ${what}`) }),
    ...(startAt === undefined ? {} : { startAt: instantOf(startAt, `startAt of ${what}`) }),
    ...(endAt === undefined ? {} : { endAt: instantOf(endAt, `endAt of ${what}`) }),
    ...(maxRuns === undefined ? {} : { maxRuns }),
    ...duration(fields, "expiresAfter", what),
    ...duration(fields, "jitter", what),
    ...(enabled === undefined ? {} : { enabled }),
    ...(fields["misfire"] === undefined ? {} : { misfire: readMisfire(fields["misfire"], what) }),
    ...(meta === undefined ? {} : { meta }),
  };
  return checked(schedule);
}

function readWhen(fields: Fields, what: string): unknown {
  const [when, another] = WHENS.filter((name) => fields[name] !== undefined);
  if (when === undefined || another !== undefined) {
    const found = when === undefined ? "it does not say when it fires" : `it has both ${when} and ${another}`;
    throw new ConfigError(`Cannot use ${what}: ${found}; expected one of ${WHENS.join(", ")}`);
  }
  const value = fields[when];
  switch (when) {
    case "every":
      return { kind: "interval", everyMs: msOf(value, `every of ${what}`) };
    case "cron":
      return { kind: "cron", expression: textOf(value, `cron of ${what}`) };
    case "at":
      return { kind: "clocked", at: instantOf(value, `at of ${what}`) };
    case "solar": {
      const { event, latitude, longitude, offset } = fieldsOf(value, `solar of ${what}`, ["event", "latitude", "longitude", "offset"]);
      const shift = offset === undefined ? {} : { offsetMs: msOf(offset, `offset of ${what}`, { signed: true }) };
      return { kind: "solar", event, latitude, longitude, ...shift };
    }
    case "calendar":
      return { ...fieldsOf(value, `calendar of ${what}`, ["months", "days", "weekdays", "times"]), kind: "calendar" };
    case "spec":
      return value;
  }
}

function readTask(fields: Fields, what: string): unknown {
  const { task, args } = fields;
  if (typeof task === "string") return { name: task, ...(args === undefined ? {} : { args }) };
  const given = fieldsOf(task, `the task of ${what}`, TASK_FIELDS);
  if (args !== undefined) throw new ConfigError(`Cannot use args of ${what}: they belong into its task`);
  const { visibilityTimeout: _1, softTimeLimit: _2, timeLimit: _3, resultTtl: _4, ...rest } = given;
  return TASK_DURATIONS.reduce((read, name) => ({ ...read, ...duration(given, name, `the task of ${what}`) }), rest);
}

function readMisfire(value: unknown, what: string): unknown {
  if (typeof value === "string") return { kind: value };
  return fieldsOf(value, `misfire of ${what}`, ["kind", "limit"]);
}

/** Reads a duration as text, or under its own name in milliseconds. */
function duration(fields: Fields, name: string, what: string): Fields {
  const [text, ms] = [fields[name], fields[`${name}Ms`]];
  if (text !== undefined && ms !== undefined) throw new ConfigError(`Cannot use ${what}: it has both ${name} and ${name}Ms`);
  if (text === undefined) return ms === undefined ? {} : { [`${name}Ms`]: ms };
  return { [`${name}Ms`]: msOf(text, `${name} of ${what}`) };
}

function checked(schedule: object): ScheduleInput {
  // Whatever a file says: the function looks at every member, and refuses what is none.
  return validateSchedule(schedule as ScheduleInput);
}

function lineOf(node: unknown, lines: LineCounter): number {
  const range: unknown = isFields(node) ? node["range"] : undefined;
  const start: unknown = Array.isArray(range) ? range[0] : 0;
  return lines.linePos(typeof start === "number" ? start : 0).line;
}
