import { ConfigError } from "../errors.ts";
import type { Envelope } from "../model/envelope.ts";
import { MAX_PRIORITY } from "../model/envelope.ts";
import { show, validateId } from "../model/id.ts";
import { validateInteger } from "../model/numbers.ts";
import type { RetryPolicy } from "../time/backoff.ts";
import { normalizeRetryPolicy } from "../time/backoff.ts";
import type { Duration } from "../time/duration.ts";
import { durationMs } from "../time/duration.ts";
import type { UniqueOption } from "./unique.ts";
import { uniqueSettings } from "./unique.ts";

/** Options that a task sets for all its calls, and each call may set anew. `null` in a call takes the task's own setting away. */
export interface TaskDefaults {
  /** The queue it waits in. @default "default" */
  readonly queue?: string | undefined;
  /** 0 to 9; higher ones run first. @default 0 */
  readonly priority?: number | undefined;
  /** How many times it may be tried again. @default the retry policy's, else 0 */
  readonly maxRetries?: number | undefined;
  /** How long to wait before each further attempt. @default exponential from one second with jitter */
  readonly retry?: RetryPolicy | null | undefined;
  /** Not run any more this long after it was enqueued. @default never expires */
  readonly expires?: Duration | Date | null | undefined;
  /** After this long `ctx.softLimit` aborts. @default none */
  readonly softTimeLimit?: Duration | null | undefined;
  /** After this long `ctx.signal` aborts and the attempt fails. @default none */
  readonly timeLimit?: Duration | null | undefined;
  /** How long a worker holds it without renewal. @default 30 seconds */
  readonly visibilityTimeout?: Duration | null | undefined;
  /** How long its final status is kept. @default the backend's, one day */
  readonly resultTtl?: Duration | null | undefined;
  /** Keep the status, but not the returned value. @default false */
  readonly ignoreResult?: boolean | undefined;
  /** Not enqueued while a task that counts as the same has not ended; needs a lock store. @default not unique */
  readonly unique?: UniqueOption;
}

/** The envelope fields that {@link TaskDefaults} decide. */
export type EnvelopeSettings = Partial<
  Pick<
    Envelope,
    | "queue"
    | "priority"
    | "maxRetries"
    | "retryPolicy"
    | "expiresAt"
    | "softTimeLimitMs"
    | "timeLimitMs"
    | "visibilityTimeoutMs"
    | "resultTtlMs"
    | "ignoreResult"
  >
>;

/**
 * Turns options into envelope fields; the call's win over the task's, field by field.
 *
 * @throws {ConfigError} that names the option, its value and what was expected.
 */
export function envelopeSettings(defaults: TaskDefaults, call: TaskDefaults, now: number): EnvelopeSettings {
  // Assigned one by one: fields that stay undefined must be absent, and objects made of entries are slow for everyone who reads them.
  const settings: Mutable<EnvelopeSettings> = {};
  const queue = call.queue ?? defaults.queue;
  if (queue !== undefined) settings.queue = queue;
  const priority = call.priority ?? defaults.priority;
  if (priority !== undefined) settings.priority = priority;
  const retry = pick(call.retry, defaults.retry);
  const maxRetries = call.maxRetries ?? call.retry?.maxRetries ?? defaults.maxRetries;
  if (maxRetries !== undefined) settings.maxRetries = maxRetries;
  if (retry !== undefined) {
    const normal = normalizeRetryPolicy(retry);
    settings.maxRetries ??= normal.maxRetries;
    settings.retryPolicy = retry;
  }
  const expires = pick(call.expires, defaults.expires);
  if (expires !== undefined) settings.expiresAt = instantOf(expires, now, "expires");
  const softTimeLimit = pick(call.softTimeLimit, defaults.softTimeLimit);
  if (softTimeLimit !== undefined) settings.softTimeLimitMs = durationMs(softTimeLimit, "softTimeLimit", { min: 1 });
  const timeLimit = pick(call.timeLimit, defaults.timeLimit);
  if (timeLimit !== undefined) settings.timeLimitMs = durationMs(timeLimit, "timeLimit", { min: 1 });
  const visibilityTimeout = pick(call.visibilityTimeout, defaults.visibilityTimeout);
  if (visibilityTimeout !== undefined) settings.visibilityTimeoutMs = durationMs(visibilityTimeout, "visibilityTimeout", { min: 1 });
  const resultTtl = pick(call.resultTtl, defaults.resultTtl);
  if (resultTtl !== undefined) settings.resultTtlMs = durationMs(resultTtl, "resultTtl", { min: 1 });
  const ignoreResult = call.ignoreResult ?? defaults.ignoreResult;
  if (ignoreResult !== undefined) settings.ignoreResult = ignoreResult;
  return settings;
}

/**
 * Checks a task's defaults when it is defined, so that a mistake shows before the first call.
 *
 * @throws {ConfigError} that names the option, its value and what was expected.
 */
export function validateTaskDefaults(defaults: TaskDefaults, what: string): void {
  uniqueSettings(defaults.unique, undefined);
  const settings = envelopeSettings(defaults, {}, 0);
  if (settings.queue !== undefined) validateId(settings.queue, `the queue of ${what}`);
  if (settings.priority !== undefined) validateInteger(settings.priority, `the priority of ${what}`, { max: MAX_PRIORITY });
  if (settings.maxRetries !== undefined) validateInteger(settings.maxRetries, `maxRetries of ${what}`, { max: 1_000_000 });
}

/**
 * Turns a duration from now, or a date, into an instant.
 *
 * @throws {ConfigError} when it is neither.
 */
export function instantOf(value: Duration | Date, now: number, what: string): number {
  if (!(value instanceof Date)) return now + durationMs(value, what);
  const at = value.getTime();
  if (!Number.isSafeInteger(at) || at < 0) {
    throw new ConfigError(`Cannot use ${show(String(value))} as ${what}: expected a valid date after 1970`);
  }
  return at;
}

type Mutable<Fields> = { -readonly [Key in keyof Fields]: Fields[Key] };

function pick<Value>(call: Value | null | undefined, defaults: Value | null | undefined): Value | undefined {
  return (call === undefined ? defaults : call) ?? undefined;
}
