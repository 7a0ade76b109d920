import type { RetryPolicy } from "../time/backoff.ts";

/** When a schedule fires. Instants are epoch milliseconds; wall-clock rules are read in the entry's time zone. */
export type ScheduleSpec =
  | {
    /** Again and again after the same time, counted from `startAt` or the entry's creation. */
    readonly kind: "interval";
    /** The time between slots, in milliseconds; at least 1. */
    readonly everyMs: number;
  }
  | {
    /** By a cron expression of 5 or 6 fields, or `@daily` and its like. */
    readonly kind: "cron";
    /** The expression. */
    readonly expression: string;
  }
  | {
    /** By the sun at a place. */
    readonly kind: "solar";
    /** Which event of the day. */
    readonly event: "sunrise" | "sunset" | "noon" | "dawn" | "dusk";
    /** Degrees north, -90 to 90. */
    readonly latitude: number;
    /** Degrees east, -180 to 180. */
    readonly longitude: number;
    /** Shifts the slot: negative fires before the event. @default 0 */
    readonly offsetMs?: number;
  }
  | {
    /** Once. */
    readonly kind: "clocked";
    /** When. */
    readonly at: number;
  }
  | {
    /** On dates and times of day that recur by the calendar. */
    readonly kind: "calendar";
    /** Months 1 to 12; absent means every month. */
    readonly months?: readonly number[];
    /** Days of the month, 1 to 31, or negative from its end (-1 is the last); absent means every day. */
    readonly days?: readonly number[];
    /** ISO weekdays, 1 (Monday) to 7; absent means every weekday. A date must fit days and weekdays. */
    readonly weekdays?: readonly number[];
    /** Times of day as `"HH:MM"` or `"HH:MM:SS"`: at least one. */
    readonly times: readonly string[];
  };

/** What happens to slots that passed while no scheduler ran. */
export type MisfirePolicy =
  | {
    /** They are dropped. */
    readonly kind: "skip";
  }
  | {
    /** The latest of them fires once. The default. */
    readonly kind: "fire-once";
  }
  | {
    /** They fire one after the other, the oldest dropped above the limit. */
    readonly kind: "catch-up";
    /** How many at most. */
    readonly limit: number;
  };

/** What a schedule enqueues: plain JSON, which a scheduler turns into an envelope with the defaults and encoders of the task, as any call. */
export interface ScheduledTask {
  /** The task's name. */
  readonly name: string;
  /** The arguments, not encoded yet (a JSON value); absent when there are none. */
  readonly args?: unknown;
  /** String pairs for routing, tracing and revocation. @default none */
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON values that travel into the status. @default none */
  readonly meta?: Readonly<Record<string, unknown>>;
  /** The queue. @default the task's, else by the routes */
  readonly queue?: string;
  /** 0 to 9; higher ones run first. @default the task's */
  readonly priority?: number;
  /** How many times it may be tried again. @default the task's */
  readonly maxRetries?: number;
  /** How long to wait before each further attempt. @default the task's */
  readonly retryPolicy?: RetryPolicy;
  /** How long a worker holds it without renewal, in milliseconds. @default the task's */
  readonly visibilityTimeoutMs?: number;
  /** After this long `ctx.softLimit` aborts, in milliseconds. @default the task's */
  readonly softTimeLimitMs?: number;
  /** After this long `ctx.signal` aborts and the attempt fails, in milliseconds. @default the task's */
  readonly timeLimitMs?: number;
  /** How long its final status is kept, in milliseconds. @default the task's */
  readonly resultTtlMs?: number;
  /** Keep the status, but not the returned value. @default the task's */
  readonly ignoreResult?: boolean;
}

/** A schedule as its owner writes it. */
export interface ScheduleInput {
  /** The schedule's id. */
  readonly id: string;
  /** When it fires. */
  readonly spec: ScheduleSpec;
  /** What it enqueues. */
  readonly task: ScheduledTask;
  /** The IANA zone in which wall-clock rules are read. @default "UTC" */
  readonly timeZone?: string;
  /** No slot before this instant. */
  readonly startAt?: number;
  /** No slot after this instant. */
  readonly endAt?: number;
  /** How many slots fire at most. */
  readonly maxRuns?: number;
  /** How long after its slot a task may still start, in milliseconds. */
  readonly expiresAfterMs?: number;
  /** Each slot's task is delayed by a random time up to this, in milliseconds: the slots themselves, and other entries, are not. @default 0 */
  readonly jitterMs?: number;
  /** Whether it fires at all. @default true */
  readonly enabled?: boolean;
  /** What happens to missed slots. @default `{ kind: "fire-once" }` */
  readonly misfire?: MisfirePolicy;
  /** JSON values kept with the entry. */
  readonly meta?: Readonly<Record<string, unknown>>;
  /** The version that is replaced; absent creates the entry or replaces any version. 0 asks that there be none. */
  readonly version?: number;
}

/** A schedule as the store keeps it. */
export interface ScheduleEntry
  extends
    Required<Pick<ScheduleInput, "timeZone" | "jitterMs" | "enabled" | "misfire" | "meta">>,
    Omit<ScheduleInput, "timeZone" | "jitterMs" | "enabled" | "misfire" | "meta" | "version"> {
  /** Rises by one with each change of the entry by its owner. */
  readonly version: number;
  /** When the entry was made. */
  readonly createdAt: number;
  /** When its owner last changed it. */
  readonly updatedAt: number;
  /** The next slot; absent when there will be none. */
  readonly nextRunAt?: number;
  /** The latest slot that was dispatched. */
  readonly lastRunAt?: number;
  /** How many slots were dispatched. */
  readonly runs: number;
}

/** The right to dispatch one slot of a schedule, for the time of a lease. */
export interface ScheduleClaim {
  /** The schedule. */
  readonly entry: ScheduleEntry;
  /** The slot: the instant that the rule names, before jitter. */
  readonly slot: number;
  /** The fencing token that `complete` asks for. */
  readonly token: number;
  /** Who claimed it. */
  readonly owner: string;
  /** When it was claimed, by the store's clock: whether the slot comes late is judged by that. */
  readonly claimedAt: number;
  /** When another scheduler may claim the slot again. */
  readonly leaseExpiresAt: number;
}

/** What became of a claimed slot. */
export interface ScheduleOutcome {
  /** Whether it was enqueued, dropped by the misfire policy, or can never be enqueued: a store that is away is no outcome. */
  readonly kind: "dispatched" | "skipped" | "failed";
  /** The next slot; absent when there is none. */
  readonly nextRunAt?: number;
  /** The id of the enqueued task. */
  readonly taskId?: string;
  /** Why it failed or was skipped. */
  readonly message?: string;
}

/** One slot of the past. */
export interface ScheduleRun extends Omit<ScheduleOutcome, "nextRunAt"> {
  /** The schedule. */
  readonly scheduleId: string;
  /** The slot. */
  readonly slot: number;
  /** When it was completed. */
  readonly completedAt: number;
}
