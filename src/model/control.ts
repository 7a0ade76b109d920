/**
 * What is said to all workers at once, and what they answer: over the broker's broadcasts, so that every worker hears it and not one of them.
 * Part of the wire format between versions: fields are added, and never change their meaning.
 *
 * @module
 */

/** The channel on which workers listen. */
export const CONTROL_CHANNEL = "stem.control";

/** A request to every worker. */
export interface ControlRequest {
  /** What to do: look for revocations now. */
  readonly command: "revocations";
  /** The channel to answer on. */
  readonly replyTo: string;
}

/** What a worker says about the tasks in its hands once it has looked. */
export interface RevocationAnswer {
  /** Who answers. */
  readonly workerId: string;
  /** The tasks whose handlers run and may go on. */
  readonly running: readonly string[];
  /** The tasks whose handlers were told to stop, because they are revoked, and have not ended yet. */
  readonly aborted: readonly string[];
}

/** Reads a request; `undefined` for what is none, or is one of a later version. */
export function toControlRequest(message: unknown): ControlRequest | undefined {
  if (!isRecord(message) || typeof message["replyTo"] !== "string" || message["command"] !== "revocations") return undefined;
  return { command: message["command"], replyTo: message["replyTo"] };
}

/** Reads an answer; `undefined` for what is none. */
export function toRevocationAnswer(message: unknown): RevocationAnswer | undefined {
  if (!isRecord(message) || typeof message["workerId"] !== "string") return undefined;
  return { workerId: message["workerId"], running: stringsIn(message["running"]), aborted: stringsIn(message["aborted"]) };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function stringsIn(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}
