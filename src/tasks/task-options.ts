import { ConfigError } from "../errors.ts";
import type { Envelope } from "../model/envelope.ts";
import { MAX_PRIORITY } from "../model/envelope.ts";
import { show, validateId } from "../model/id.ts";
import { validateInteger } from "../model/numbers.ts";
import type { RetryPolicy } from "../time/backoff.ts";
import { normalizeRetryPolicy } from "../time/backoff.ts";
import type { Duration } from "../time/duration.ts";
import { durationMs } from "../time/duration.ts";

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
  const retry = pick(call.retry, defaults.retry);
  const maxRetries = call.maxRetries ?? call.retry?.maxRetries ?? defaults.maxRetries ?? (retry && normalizeRetryPolicy(retry).maxRetries);
  const expires = pick(call.expires, defaults.expires);
  return defined({
    queue: call.queue ?? defaults.queue,
    priority: call.priority ?? defaults.priority,
    maxRetries: maxRetries ?? undefined,
    retryPolicy: retry ? checkedPolicy(retry) : undefined,
    expiresAt: expires === undefined ? undefined : instantOf(expires, now, "expires"),
    softTimeLimitMs: limitMs(pick(call.softTimeLimit, defaults.softTimeLimit), "softTimeLimit"),
    timeLimitMs: limitMs(pick(call.timeLimit, defaults.timeLimit), "timeLimit"),
    visibilityTimeoutMs: limitMs(pick(call.visibilityTimeout, defaults.visibilityTimeout), "visibilityTimeout"),
    resultTtlMs: limitMs(pick(call.resultTtl, defaults.resultTtl), "resultTtl"),
    ignoreResult: call.ignoreResult ?? defaults.ignoreResult,
  });
}

/**
 * Checks a task's defaults when it is defined, so that a mistake shows before the first call.
 *
 * @throws {ConfigError} that names the option, its value and what was expected.
 */
export function validateTaskDefaults(defaults: TaskDefaults, what: string): void {
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

/** Drops the fields that are `undefined`, so that they do not hide defaults when objects are merged. */
export function defined<Fields extends object>(fields: Fields): { [Key in keyof Fields]: Exclude<Fields[Key], undefined> } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  // Object.fromEntries knows nothing of the keys that it got.
  return Object.fromEntries(entries) as { [Key in keyof Fields]: Exclude<Fields[Key], undefined> };
}

function pick<Value>(call: Value | null | undefined, defaults: Value | null | undefined): Value | undefined {
  return (call === undefined ? defaults : call) ?? undefined;
}

function limitMs(value: Duration | undefined, what: string): number | undefined {
  return value === undefined ? undefined : durationMs(value, what, { min: 1 });
}

function checkedPolicy(policy: RetryPolicy): RetryPolicy {
  normalizeRetryPolicy(policy);
  return policy;
}
