import type { Duration } from "../time/duration.ts";
import { durationMs } from "../time/duration.ts";

/** How a handler asks for another attempt. */
export interface RetryOptions {
  /** How long to wait. @default the delay of the task's retry policy */
  readonly delay?: Duration;
  /** Why; kept in the status. */
  readonly reason?: string;
}

/** Thrown by `ctx.retry()`: asks for another attempt. Not an error; let it pass through. */
export class RetrySignal {
  /** How long to wait, in milliseconds; absent leaves it to the retry policy. */
  readonly delayMs: number | undefined;
  /** Why; absent when no reason was given. */
  readonly reason: string | undefined;

  /** Makes the signal; throws `ConfigError` when the delay is no duration. */
  constructor(options: RetryOptions = {}) {
    this.delayMs = options.delay === undefined ? undefined : durationMs(options.delay, "the delay of ctx.retry()");
    this.reason = options.reason;
  }
}

/** Thrown by `ctx.reject()`: gives the task up at once, without another attempt. Not an error; let it pass through. */
export class RejectSignal {
  /** Why; becomes the dead letter's reason. */
  readonly reason: string | undefined;

  /** Makes the signal. */
  constructor(reason?: string) {
    this.reason = reason;
  }
}
