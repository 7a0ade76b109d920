import type { RetryPolicy } from "../time/backoff.ts";
import { normalizeRetryPolicy } from "../time/backoff.ts";
import type { Clock } from "../time/clock.ts";
import { systemClock } from "../time/clock.ts";
import { uuidV7 } from "../time/id.ts";
import { ConfigError } from "../errors.ts";
import { show, validateId } from "./id.ts";
import { validateMeta } from "./meta.ts";
import type { IntegerBounds } from "./numbers.ts";
import { validateInteger } from "./numbers.ts";

/** The meta key under which an envelope names the encoder of its arguments. */
export const ARGS_ENCODER_META = "__stemArgsEncoder";

/** The queue of tasks that name none. */
export const DEFAULT_QUEUE = "default";

/** The highest priority; higher ones are claimed first. */
export const MAX_PRIORITY = 9;

/** The priority of tasks that name none: the lowest. */
export const DEFAULT_PRIORITY = 0;

/** How long a claimed task stays with its worker without renewal, unless the envelope or the claim says otherwise. */
export const DEFAULT_LEASE_MS = 30_000;

/** A lock in the lock store, whose owner is the task's id. */
export interface UniqueClaim {
  /** The lock's key. */
  readonly key: string;
  /** Its token. */
  readonly token: number;
  /** How long it lasts from when it is renewed. */
  readonly ttlMs: number;
}

/** Everything a worker needs to run one task: plain data that every broker carries unchanged. */
export interface Envelope {
  /** The task's id: unique in its namespace, and the idempotency key of its publication. */
  readonly id: string;
  /** The task's name, by which a worker finds the handler. */
  readonly name: string;
  /** The queue it waits in. */
  readonly queue: string;
  /** The encoded arguments (a JSON value); absent when there are none. */
  readonly args?: unknown;
  /** String pairs for routing, tracing and revocation stamps. */
  readonly headers: Readonly<Record<string, string>>;
  /** JSON values that travel into the status; `__stemArgsEncoder` names the encoder of the arguments. */
  readonly meta: Readonly<Record<string, unknown>>;
  /** 0 to 9; higher ones are claimed first. */
  readonly priority: number;
  /** Which attempt this is, counted from 1. */
  readonly attempt: number;
  /** How many times the task may be tried again after its first attempt. */
  readonly maxRetries: number;
  /** How long to wait before each further attempt; absent uses the worker's policy. */
  readonly retryPolicy?: RetryPolicy;
  /** When the envelope was made, by its producer's clock. */
  readonly enqueuedAt: number;
  /** Hidden from claims until this instant; applies to the first publication only. */
  readonly notBefore?: number;
  /** Hidden from claims for this long after the store accepted it, by the store's clock; wins over `notBefore`. */
  readonly delayMs?: number;
  /** Not run any more after this instant: it ends as `cancelled`. */
  readonly expiresAt?: number;
  /** How long a worker holds it without renewal; wins over the claim's own lease time. */
  readonly visibilityTimeoutMs?: number;
  /** After this long `ctx.softLimit` aborts, so that the handler can finish in good order. */
  readonly softTimeLimitMs?: number;
  /** After this long `ctx.signal` aborts and the attempt counts as failed. */
  readonly timeLimitMs?: number;
  /** How long the final status is kept; absent uses the backend's default. */
  readonly resultTtlMs?: number;
  /** When true, the status is kept without the returned value. */
  readonly ignoreResult?: boolean;
  /** By whom or what its task's limits are counted apart, where the task says so: a customer, a host. */
  readonly limitKey?: string;
  /** The lock that the task holds until it ends, so that no other counts as the same meanwhile. */
  readonly unique?: UniqueClaim;
  /** The group that this task reports its end to. */
  readonly groupId?: string;
  /** The task that enqueued this one. */
  readonly parentId?: string;
  /** The first task of the lineage. */
  readonly rootId?: string;
  /** Tasks that are published together with this one's success. Their ids are fixed here, so a repeated publication is the same task. */
  readonly onSuccess?: readonly Envelope[];
  /** Tasks that are published together with this one's final failure. */
  readonly onFailure?: readonly Envelope[];
}

/** What {@link envelope} needs; everything but the name has a default. */
export type EnvelopeInput = Partial<Omit<Envelope, "name">> & Pick<Envelope, "name">;

/** Where {@link envelope} takes time from. */
export interface EnvelopeOptions {
  /** Gives `enqueuedAt` and the time inside the id. @default the system's clock */
  readonly clock?: Clock;
}

/**
 * Makes a valid envelope: a UUID v7 as id, queue `"default"`, priority 0, attempt 1, no retries, and the `json` encoder named in meta.
 *
 * @throws {ConfigError} when a field cannot be used; the message names the field, its value and what was expected.
 *
 * @example
 * ```ts
 * import { envelope } from "@stem/stem";
 *
 * const hello = envelope({ name: "greet", args: { who: "world" }, queue: "mail" });
 * console.log(hello.attempt); // 1
 * ```
 */
export function envelope(input: EnvelopeInput, options: EnvelopeOptions = {}): Envelope {
  const clock = options.clock ?? systemClock;
  const given = {
    id: input.id ?? uuidV7(clock),
    name: input.name,
    queue: input.queue ?? DEFAULT_QUEUE,
    headers: { ...input.headers },
    meta: { [ARGS_ENCODER_META]: "json", ...input.meta },
    priority: input.priority ?? DEFAULT_PRIORITY,
    attempt: input.attempt ?? 1,
    maxRetries: input.maxRetries ?? 0,
    enqueuedAt: input.enqueuedAt ?? clock.now(),
  };
  // What is always there is written out, the rest is assigned to it: adding fields to a spread takes a hundred times as long on Node 20.
  return validateEnvelope(Object.assign(Object.assign({ ...given }, input), given));
}

/**
 * Returns the envelope when every store can carry it.
 *
 * @throws {ConfigError} that names the first field that cannot be used.
 */
export function validateEnvelope(envelope: Envelope): Envelope {
  return validateNested(envelope, 0);
}

// Made once: every envelope is held to them, and objects made for each of them cost as much as the comparisons.
const PRIORITIES: IntegerBounds = { max: MAX_PRIORITY };
const ATTEMPTS: IntegerBounds = { min: 1, max: 1_000_000 };
const RETRIES: IntegerBounds = { max: 1_000_000 };

// Deeper chains of links than this are a cycle, or better written as a chain.
const MAX_LINK_DEPTH = 100;

function validateNested(envelope: Envelope, depth: number): Envelope {
  if (depth > MAX_LINK_DEPTH) throw new ConfigError(`Cannot use an envelope with links nested deeper than ${MAX_LINK_DEPTH}`);
  validateId(envelope.id, "an envelope's id");
  validateId(envelope.name, "a task's name");
  validateId(envelope.queue, "a queue's name");
  validateInteger(envelope.priority, "a priority", PRIORITIES);
  validateInteger(envelope.attempt, "an attempt", ATTEMPTS);
  validateInteger(envelope.maxRetries, "maxRetries", RETRIES);
  validateInteger(envelope.enqueuedAt, "enqueuedAt");
  // Each field by its name: looking absent ones up by a list of names cost as much as all other checks together.
  optionalInteger(envelope.notBefore, "notBefore", 0);
  optionalInteger(envelope.delayMs, "delayMs", 0);
  optionalInteger(envelope.expiresAt, "expiresAt", 0);
  optionalInteger(envelope.visibilityTimeoutMs, "visibilityTimeoutMs", 1);
  optionalInteger(envelope.softTimeLimitMs, "softTimeLimitMs", 1);
  optionalInteger(envelope.timeLimitMs, "timeLimitMs", 1);
  optionalInteger(envelope.resultTtlMs, "resultTtlMs", 1);
  if (envelope.limitKey !== undefined) validateId(envelope.limitKey, "limitKey");
  if (envelope.unique !== undefined) validateClaim(envelope.unique);
  if (envelope.groupId !== undefined) validateId(envelope.groupId, "groupId");
  if (envelope.parentId !== undefined) validateId(envelope.parentId, "parentId");
  if (envelope.rootId !== undefined) validateId(envelope.rootId, "rootId");
  if (envelope.retryPolicy !== undefined) normalizeRetryPolicy(envelope.retryPolicy);
  for (const key of Object.keys(envelope.headers)) {
    const value: unknown = envelope.headers[key];
    validateId(key, "a header's name");
    if (typeof value !== "string") throw new ConfigError(`Cannot use ${show(value)} as header ${show(key)}: expected a string`);
  }
  validateMeta(envelope.meta, "an envelope's meta");
  for (const link of envelope.onSuccess ?? []) validateNested(link, depth + 1);
  for (const link of envelope.onFailure ?? []) validateNested(link, depth + 1);
  return envelope;
}

function validateClaim({ key, token, ttlMs }: UniqueClaim): void {
  validateId(key, "the key of a unique task");
  validateInteger(token, "the token of a unique task");
  validateInteger(ttlMs, "the ttlMs of a unique task", { min: 1 });
}

function optionalInteger(value: number | undefined, field: string, min: number): void {
  if (value !== undefined) validateInteger(value, field, { min });
}
