import type { DeadLetter, Delivery } from "../../model/delivery.ts";
import type { Envelope } from "../../model/envelope.ts";
import type { TaskFailure } from "../../model/task-failure.ts";
import type { PublishItem } from "../broker-requests.ts";
import { attemptedEnvelope } from "../settled-envelope.ts";
import { readOptional, readStored } from "../stored-json.ts";

// Where the parts of a stored envelope begin; lua/envelopes.ts tells what they are. They never change.
const ATTEMPT = 16;
const LEASE = 26;
const STATE = 42;
const NAMES = 43;
const DIED = 43;
const EXPIRES = 58;
const DEAD_NAMES = 73;

const PARTING = "\0";
// Name, queue, group and time to live of the result, which scripts read there.
const PARTS = 4;
const FIRST_ATTEMPT = "0000000001";
const NO_LEASE = "0".repeat(STATE - LEASE);

/** What the scripts' `acceptEnvelope` takes of an envelope: id, queue, where to place it, and all that is stored behind its place. */
export function envelopeArguments({ envelope, text }: PublishItem): readonly [string, string, string, string] {
  const { id, queue, name, priority, attempt, delayMs, notBefore, visibilityTimeoutMs, groupId = "", resultTtlMs = "" } = envelope;
  const head = attempt === 1 ? FIRST_ATTEMPT : String(attempt).padStart(LEASE - ATTEMPT, "0");
  const lease = visibilityTimeoutMs === undefined ? NO_LEASE : String(visibilityTimeoutMs).padStart(STATE - LEASE, "0");
  const due = delayMs !== undefined ? `+${delayMs}` : notBefore !== undefined ? `@${notBefore}` : "";
  return [
    id,
    queue,
    `${priority}${due}`,
    `${head}${lease}w${name}${PARTING}${queue}${PARTING}${groupId}${PARTING}${resultTtlMs}${PARTING}${text}`,
  ];
}

/** What is known of a claim besides the envelope. */
export type ClaimFacts = Pick<Delivery, "token" | "consumer" | "claimedAt" | "deliveryCount"> & {
  /** How long it is held when its envelope does not say. */
  readonly leaseMs: number;
};

/** Reads a stored envelope as the delivery that it was claimed as. */
export function deliveryOf(value: string, { token, consumer, claimedAt, deliveryCount, leaseMs }: ClaimFacts): Delivery {
  const ownLeaseMs = Number(value.slice(LEASE, STATE));
  return {
    envelope: storedEnvelope(value, behind(value, NAMES, PARTS)),
    token,
    consumer,
    claimedAt,
    leaseExpiresAt: claimedAt + (ownLeaseMs === 0 ? leaseMs : ownLeaseMs),
    deliveryCount,
    redelivered: deliveryCount > 1,
  };
}

/** Reads a stored envelope as a dead letter; `undefined` when it is none any more, or has expired at `now`. */
export function deadLetterOf(id: string, value: string, now: number): DeadLetter | undefined {
  if (value[STATE] !== "d") return undefined;
  const expiresAt = Number(value.slice(EXPIRES, DEAD_NAMES));
  if (expiresAt <= now) return undefined;
  const reasonAt = behind(value, DEAD_NAMES, PARTS);
  const errorAt = behind(value, reasonAt, 1);
  const textAt = behind(value, errorAt, 1);
  const envelope = storedEnvelope(value, textAt);
  const failure = readOptional<TaskFailure>(value.slice(errorAt, textAt - 1) || undefined);
  return {
    id,
    queue: envelope.queue,
    name: envelope.name,
    reason: value.slice(reasonAt, errorAt - 1),
    ...(failure === undefined ? {} : { error: failure }),
    envelope,
    diedAt: Number(value.slice(DIED, EXPIRES)),
    expiresAt,
  };
}

/** Where it goes on behind so many parts. */
function behind(value: string, from: number, parts: number): number {
  let at = from;
  for (let part = 0; part < parts; part += 1) at = value.indexOf(PARTING, at) + 1;
  return at;
}

function storedEnvelope(value: string, textAt: number): Envelope {
  return attemptedEnvelope(readStored<Envelope>(value.slice(textAt)), Number(value.slice(ATTEMPT, LEASE)));
}
