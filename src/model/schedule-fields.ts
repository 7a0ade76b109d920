import { ConfigError } from "../errors.ts";
import { show } from "./id.ts";
import type { ScheduledTask, ScheduleEntry, ScheduleInput, ScheduleSpec } from "./schedule.ts";

type FieldsOf<Shape> = Readonly<Record<keyof Shape, true>>;
type SpecOf<Kind extends ScheduleSpec["kind"]> = Extract<ScheduleSpec, { readonly kind: Kind }>;

// An entry as a store gives it may be given back to it, so what only the store writes is known too.
const ENTRY: FieldsOf<ScheduleInput & ScheduleEntry> = {
  id: true,
  spec: true,
  task: true,
  timeZone: true,
  startAt: true,
  endAt: true,
  maxRuns: true,
  expiresAfterMs: true,
  jitterMs: true,
  enabled: true,
  misfire: true,
  meta: true,
  version: true,
  createdAt: true,
  updatedAt: true,
  nextRunAt: true,
  lastRunAt: true,
  runs: true,
};

const TASK: FieldsOf<ScheduledTask> = {
  name: true,
  args: true,
  headers: true,
  meta: true,
  queue: true,
  priority: true,
  maxRetries: true,
  retryPolicy: true,
  visibilityTimeoutMs: true,
  softTimeLimitMs: true,
  timeLimitMs: true,
  resultTtlMs: true,
  ignoreResult: true,
};

const SPECS: { readonly [Kind in ScheduleSpec["kind"]]: FieldsOf<SpecOf<Kind>> } = {
  interval: { kind: true, everyMs: true },
  cron: { kind: true, expression: true },
  solar: { kind: true, event: true, latitude: true, longitude: true, offsetMs: true },
  clocked: { kind: true, at: true },
  calendar: { kind: true, months: true, days: true, weekdays: true, times: true },
};

/**
 * Refuses a schedule with fields that nobody reads: a misspelt `timeZone` would make it fire at other times without a word.
 *
 * @throws {ConfigError} that names the field, and those that there are.
 */
export function requireKnownFields({ spec, task, ...entry }: ScheduleInput, what: string): void {
  requireKnown(entry, ENTRY, what);
  requireKnown(task, TASK, `the task of ${what}`);
  requireKnown(spec, SPECS[spec.kind], `the spec of ${what}`);
}

function requireKnown(value: object, known: Readonly<Record<string, true>>, what: string): void {
  for (const [field, content] of Object.entries(value)) {
    if (content === undefined || Object.hasOwn(known, field)) continue;
    throw new ConfigError(`Cannot use field ${show(field)} of ${what}: expected one of ${Object.keys(known).join(", ")}`);
  }
}
