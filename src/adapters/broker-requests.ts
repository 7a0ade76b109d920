import { ConfigError, PayloadError } from "../errors.ts";
import type { ClaimOptions, DeadLetterFilter, PauseOptions, ReplayOptions } from "../contracts/broker.ts";
import type { Delivery, SettleRequest } from "../model/delivery.ts";
import type { Envelope } from "../model/envelope.ts";
import { DEFAULT_LEASE_MS, validateEnvelope } from "../model/envelope.ts";
import { show, validateId } from "../model/id.ts";
import { toText } from "../model/json-text.ts";
import { validateInteger } from "../model/numbers.ts";
import type { JsonForm } from "./json-form.ts";
import type { RepeatOptions } from "./repeats.ts";
import { storableText, validateDistinctIds, validateList, validateMs } from "./validation.ts";

/** An envelope on its way into a store, which keeps it as `Json`: as text, unless it says otherwise. */
export interface PublishItem<Json = string> {
  /** A shallow copy: its own numbers and strings stay as they were when `publish` was called. Read objects from `text`. */
  readonly envelope: Envelope;
  /** The whole envelope as the store keeps it. */
  readonly text: Json;
}

/** An envelope that comes again under an id is not taken in once more. */
export const repeatedEnvelope: RepeatOptions<PublishItem<unknown>, boolean> = {
  idOf: ({ envelope }) => envelope.id,
  keyOf: ({ envelope }) => envelope.id,
  repeated: false,
};

/** How a store keeps envelopes. */
export interface EnvelopeLimits<Json = string> {
  /** The most characters of JSON text that one envelope may have. */
  readonly maxEnvelopeLength: number;
  /** As what it keeps them. */
  readonly form: JsonForm<Json>;
}

/** A claim whose options were checked and filled in. */
export interface ClaimRequest {
  /** At least one, none twice. */
  readonly queues: readonly string[];
  /** How many deliveries at most. */
  readonly limit: number;
  /** Who claims. */
  readonly consumer: string;
  /** How long each delivery is held when its envelope does not say. */
  readonly leaseMs: number;
  /** How long to wait when nothing is claimable. */
  readonly waitMs: number;
  /** Ends the wait. */
  readonly signal: AbortSignal | undefined;
}

/** Names one delivery to the store. */
export interface DeliveryRef {
  /** The task. */
  readonly id: string;
  /** Its queue. */
  readonly queue: string;
  /** Its attempt. */
  readonly attempt: number;
  /** The token of the claim. */
  readonly token: number;
}

/** A decision about a delivery, flat and checked. */
export interface SettleItem extends DeliveryRef {
  /** What becomes of it. */
  readonly kind: "ack" | "retry" | "nack" | "deadLetter";
  /** How long `retry` and `nack` hide it from the store's now; 0 otherwise. */
  readonly delayMs: number;
  /** Why it is given up on; with `deadLetter` only. */
  readonly reason: string | undefined;
  /** The error behind it as JSON text. */
  readonly error: string | undefined;
}

/** A lease to hold on to. */
export interface ExtendItem extends DeliveryRef {
  /** For how long from the store's now. */
  readonly leaseMs: number;
}

/** A queue to pause. */
export interface PauseItem {
  /** The queue. */
  readonly queue: string;
  /** Why. */
  readonly reason: string | undefined;
  /** Who asked for it. */
  readonly by: string | undefined;
}

/** A replay whose options were checked and filled in. */
export interface ReplayRequest {
  /** Which. */
  readonly filter: DeadLetterFilter;
  /** How many at most, oldest first. */
  readonly limit: number;
  /** How long they stay hidden from the store's now. */
  readonly delayMs: number;
  /** Only tell which. */
  readonly dryRun: boolean;
}

/**
 * Checks envelopes and takes them in, before anything is written.
 *
 * @throws {ConfigError} that names the first field that cannot be used.
 * @throws {PayloadError} when an envelope has no JSON text, or more than `maxEnvelopeLength` characters of it.
 */
export function toPublishItems<Json>(envelopes: readonly Envelope[], limits: EnvelopeLimits<Json>): readonly PublishItem<Json>[] {
  return validateList(envelopes, "the envelopes to publish").map((envelope) => toPublishItem(envelope, limits));
}

/** Checks one envelope and takes it in; see {@link toPublishItems}. */
export function toPublishItem<Json>(given: Envelope, { form, maxEnvelopeLength }: EnvelopeLimits<Json>): PublishItem<Json> {
  // What is checked is what is kept, whatever the caller does with its own meanwhile.
  const envelope = { ...given };
  validateEnvelope(envelope);
  const what = (): string => `task ${show(envelope.name)} with id ${show(envelope.id)}`;
  // The JSON text of an object leaves out what has none: the task would run without its arguments.
  if (envelope.args !== undefined) requireText(envelope.args, what);
  // Values without JSON text inside the envelope throw here.
  return { envelope, text: form.take(envelope, what, maxEnvelopeLength) };
}

/** Checks and fills in the options of a claim. */
export function toClaimRequest(options: ClaimOptions): ClaimRequest {
  return {
    queues: validateDistinctIds(options.queues, "the queues to claim from"),
    limit: validateInteger(options.limit, "the limit of a claim", { min: 1, max: 1_000 }),
    consumer: validateId(options.consumer, "the name of a consumer"),
    leaseMs: validateMs(options.leaseMs ?? DEFAULT_LEASE_MS, "leaseMs", { min: 1 }),
    waitMs: validateMs(options.waitMs ?? 0, "waitMs"),
    signal: options.signal,
  };
}

/** Names a delivery, after a look at what matters of it. */
export function toDeliveryRef(delivery: Delivery): DeliveryRef {
  return {
    id: validateId(delivery.envelope.id, "a delivery's task id"),
    queue: validateId(delivery.envelope.queue, "a delivery's queue"),
    attempt: validateInteger(delivery.envelope.attempt, "a delivery's attempt", { min: 1 }),
    token: validateInteger(delivery.token, "a delivery's token"),
  };
}

/** Checks decisions and makes them flat. */
export function toSettleItems(requests: readonly SettleRequest[]): readonly SettleItem[] {
  return validateList(requests, "the deliveries to settle").map(toSettleItem);
}

/** Checks one decision and makes it flat. */
export function toSettleItem({ delivery, settlement }: SettleRequest): SettleItem {
  const { id, queue, attempt, token } = toDeliveryRef(delivery);
  const { kind } = settlement;
  switch (kind) {
    case "ack":
      return { id, queue, attempt, token, kind, delayMs: 0, reason: undefined, error: undefined };
    case "retry":
    case "nack": {
      const delayMs = validateMs(settlement.delayMs ?? 0, "delayMs");
      return { id, queue, attempt, token, kind, delayMs, reason: undefined, error: undefined };
    }
    case "deadLetter": {
      const reason = storableText(settlement.reason, "the reason of a dead letter");
      const error = toText(settlement.error, `the error of task ${show(id)}`);
      return { id, queue, attempt, token, kind, delayMs: 0, reason, error };
    }
    default:
      throw new ConfigError(`Cannot settle a delivery: ${show(kind)} is none of "ack", "retry", "nack" and "deadLetter"`);
  }
}

/** Checks deliveries whose lease is to be extended. */
export function toExtendItems(deliveries: readonly Delivery[], leaseMs: number): readonly ExtendItem[] {
  validateMs(leaseMs, "leaseMs", { min: 1 });
  return validateList(deliveries, "the deliveries to extend").map((delivery) => ({ ...toDeliveryRef(delivery), leaseMs }));
}

/** Checks which queue is to be paused, and what is told about it. */
export function toPauseItem(queue: string, { reason, by }: PauseOptions): PauseItem {
  return {
    queue: validateId(queue, "a queue's name"),
    reason: reason === undefined ? undefined : storableText(reason, "the reason of a pause"),
    by: by === undefined ? undefined : storableText(by, "who asks for a pause"),
  };
}

/** Checks which dead letters are meant. No id comes twice; an empty list of ids means none. */
export function toDeadLetterFilter(filter: DeadLetterFilter = {}): DeadLetterFilter {
  const { ids, queue, since } = filter;
  return {
    ...(ids === undefined
      ? {}
      : { ids: [...new Set(validateList(ids, "the ids of dead letters"))].map((id) => validateId(id, "a task's id")) }),
    ...(queue === undefined ? {} : { queue: validateId(queue, "a queue's name") }),
    ...(since === undefined ? {} : { since: validateInteger(since, "since") }),
  };
}

/** Checks and fills in the options of a replay. */
export function toReplayRequest(options: ReplayOptions = {}): ReplayRequest {
  const filter = toDeadLetterFilter(options);
  // An empty list of ids replays none: any limit will do for it.
  const limit = options.limit ?? (filter.ids === undefined || filter.ids.length === 0 ? 100 : filter.ids.length);
  return {
    filter,
    limit: validateInteger(limit, "the limit of a replay", { min: 1, max: 1_000 }),
    delayMs: validateMs(options.delayMs ?? 0, "delayMs"),
    dryRun: options.dryRun ?? false,
  };
}

function requireText(value: unknown, what: () => string): void {
  if (typeof value !== "function" && typeof value !== "symbol") return;
  throw new PayloadError(`Cannot store the arguments of ${what()}: a ${typeof value} has no JSON text`);
}
