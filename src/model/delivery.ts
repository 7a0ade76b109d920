import type { Envelope } from "./envelope.ts";
import type { TaskFailure } from "./task-failure.ts";

/** One envelope in the hands of one consumer, for the time of a lease. */
export interface Delivery {
  /** What to run; its `attempt` is the current one. */
  readonly envelope: Envelope;
  /**
   * The fencing token: rises strictly with every claim of this task id, also when the id was settled and published anew in between,
   * so that an earlier holder can be told and refused. It does not depend on any clock.
   */
  readonly token: number;
  /** Who claimed it. */
  readonly consumer: string;
  /** When the store handed it out, by the store's clock. */
  readonly claimedAt: number;
  /**
   * When it becomes claimable again unless it is settled or extended before, by the store's clock: compare it with `claimedAt` only,
   * and count that time on a monotonic clock from before the claim.
   */
  readonly leaseExpiresAt: number;
  /** How often it was handed out since it was last published, retried or put back: 1 the first time. */
  readonly deliveryCount: number;
  /** Whether an earlier holder let its lease run out since then: `deliveryCount` is above 1. */
  readonly redelivered: boolean;
}

/** What a consumer decides about a delivery. */
export type Settlement =
  | {
    /** Done: the envelope is forgotten. */
    readonly kind: "ack";
  }
  | {
    /** Try again: the envelope moves to attempt + 1. */
    readonly kind: "retry";
    /** How long it stays hidden, from the store's now. @default 0 */
    readonly delayMs?: number;
  }
  | {
    /** Put it back as it was: the attempt number stays, the delivery count starts again. */
    readonly kind: "nack";
    /** How long it stays hidden, from the store's now. @default 0 */
    readonly delayMs?: number;
  }
  | {
    /** Give up on it: the envelope moves to the dead letters. */
    readonly kind: "deadLetter";
    /** Why, in a word or a sentence. */
    readonly reason: string;
    /** The error behind it. */
    readonly error?: TaskFailure;
  };

/** A delivery with its holder's decision. */
export interface SettleRequest {
  /** What was claimed. */
  readonly delivery: Delivery;
  /** What becomes of it. */
  readonly settlement: Settlement;
}

/** The reasons for which this library itself dead-letters a task. Handlers may give any other text. */
export const DEAD_LETTER_REASONS: {
  /** The last permitted attempt failed. */
  readonly exhausted: "retries-exhausted";
  /** The handler or its policy refused a further attempt. */
  readonly rejected: "rejected";
  /** Claimed more often than permitted without ever being settled. */
  readonly poison: "poison";
  /** No handler of that name is registered where it was claimed. */
  readonly unregistered: "unregistered-task";
  /** The arguments cannot be decoded or do not fit the task's schema. */
  readonly payload: "unreadable-payload";
  /** The handler returned something that cannot be encoded or stored. */
  readonly result: "unencodable-result";
} = Object.freeze({
  exhausted: "retries-exhausted",
  rejected: "rejected",
  poison: "poison",
  unregistered: "unregistered-task",
  payload: "unreadable-payload",
  result: "unencodable-result",
});

/** A task that was given up on, kept for inspection and replay. */
export interface DeadLetter {
  /** The task's id. */
  readonly id: string;
  /** The queue it came from, and goes back to on replay. */
  readonly queue: string;
  /** The task's name. */
  readonly name: string;
  /** Why it was given up on. */
  readonly reason: string;
  /** The error behind it; absent when there was none. */
  readonly error?: TaskFailure;
  /** The envelope at its last attempt. */
  readonly envelope: Envelope;
  /** When it was given up on, by the store's clock. */
  readonly diedAt: number;
  /** When the store forgets it. */
  readonly expiresAt: number;
}
