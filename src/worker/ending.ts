import { ClosedError, ConflictError, TaskRevokedError } from "../errors.ts";

/** How an attempt ended, before it is decided what follows from it. */
export type Ending =
  | {
    /** The handler returned, and its result was encoded. */
    readonly kind: "returned";
    /** The encoded result; absent when it returned nothing, or nobody wants it. */
    readonly payload?: unknown;
    /** The encoder of the payload; absent when nobody wants the result. */
    readonly encoderId?: string;
  }
  | {
    /** The handler, or middleware around it, threw; or its time limit passed. */
    readonly kind: "threw";
    /** What was thrown: an error, a retry or reject signal, or anything else. */
    readonly thrown: unknown;
  }
  | {
    /** The task could not be run at all, or its result could not be kept: trying again cannot help. */
    readonly kind: "refused";
    /** The dead letter's reason. */
    readonly reason: string;
    /** The error behind it. */
    readonly error: Error;
  }
  | {
    /** It was not run, or stopped, because nobody wants it any more: expired or revoked. */
    readonly kind: "cancelled";
    /** Why. */
    readonly error: Error;
  }
  | {
    /** It goes back to its queue as it was. */
    readonly kind: "put-back";
    /** How long it stays hidden, in milliseconds. */
    readonly delayMs: number;
  }
  | {
    /** The lease was lost while it ran: there is nothing to decide any more. */
    readonly kind: "lost";
  };

/** How an attempt ends that was told to stop for this reason. */
export function stoppedBy(reason: Error): Ending {
  if (reason instanceof ConflictError) return { kind: "lost" };
  if (reason instanceof TaskRevokedError) return { kind: "cancelled", error: reason };
  if (reason instanceof ClosedError) return { kind: "put-back", delayMs: 0 };
  return { kind: "threw", thrown: reason };
}
