import type { Envelope } from "../model/envelope.ts";

/** What an envelope becomes when it is tried again: the next attempt, without the delay it was published with. */
export function retriedEnvelope(envelope: Envelope): Envelope {
  const { notBefore: _notBefore, delayMs: _delayMs, ...rest } = envelope;
  return { ...rest, attempt: envelope.attempt + 1 };
}

/** An envelope as it stands at an attempt: later ones than the published one do not carry the delay of the first. */
export function attemptedEnvelope(published: Envelope, attempt: number): Envelope {
  return published.attempt === attempt ? published : { ...retriedEnvelope(published), attempt };
}

/**
 * What a dead letter's envelope becomes when it is replayed at `now`: the next attempt, with as many retries after it as it had at first,
 * and without a deadline that has passed.
 */
export function replayedEnvelope(envelope: Envelope, now: number): Envelope {
  const { expiresAt, ...rest } = retriedEnvelope(envelope);
  const maxRetries = envelope.maxRetries + envelope.attempt;
  return expiresAt === undefined || expiresAt <= now ? { ...rest, maxRetries } : { ...rest, maxRetries, expiresAt };
}
