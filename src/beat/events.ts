import type { ScheduleClaim } from "../model/schedule.ts";

/** What happens in a Beat, as it happens. */
export type BeatEvent =
  | {
    /** It looks for due slots from now on; it has stopped looking; it has ended. */
    readonly type: "started" | "stopping" | "stopped";
  }
  | {
    /** With a lock store: it holds the lock and dispatches; it does not any more. */
    readonly type: "leading" | "following";
  }
  | {
    /** A slot was completed, and its task enqueued in the same step or just before. */
    readonly type: "slot-dispatched";
    /** The slot. */
    readonly claim: ScheduleClaim;
    /** The id of the enqueued task. */
    readonly taskId: string;
  }
  | {
    /** A slot was completed without a task: its misfire policy dropped it, or it can never be enqueued. */
    readonly type: "slot-skipped" | "slot-failed";
    /** The slot. */
    readonly claim: ScheduleClaim;
    /** Why. */
    readonly message: string;
  }
  | {
    /** The schedule was changed or removed meanwhile, or another scheduler took the slot over: this one enqueued nothing that counts. */
    readonly type: "slot-lost";
    /** The slot. */
    readonly claim: ScheduleClaim;
  }
  | {
    /** Something failed that no caller awaits: a store is away, a slot cannot be computed. Beat goes on. */
    readonly type: "error";
    /** What Beat was doing. */
    readonly operation: string;
    /** The error. */
    readonly error: unknown;
  };

/** Hears of what happens in a Beat. What it throws is logged and goes no further. */
export type BeatListener = (event: BeatEvent) => void;
