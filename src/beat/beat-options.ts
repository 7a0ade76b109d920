import type { Broker } from "../contracts/broker.ts";
import type { LockStore } from "../contracts/lock-store.ts";
import type { Logger } from "../contracts/logger.ts";
import type { ResultBackend } from "../contracts/result-backend.ts";
import type { ScheduleStore } from "../contracts/schedule-store.ts";
import type { EncoderRegistryOptions } from "../encoding/registry.ts";
import { validateId } from "../model/id.ts";
import { validateInteger } from "../model/numbers.ts";
import type { Routes } from "../producer/routing.ts";
import type { Middleware } from "../tasks/middleware.ts";
import type { TaskRegistry } from "../tasks/registry.ts";
import type { AnyTask } from "../tasks/task.ts";
import type { Clock } from "../time/clock.ts";
import type { Duration } from "../time/duration.ts";
import { durationMs } from "../time/duration.ts";
import { uuidV7 } from "../time/id.ts";

/** How a Beat works; all of it has defaults. */
export interface BeatTuning {
  /** Its id. @default a UUID v7 behind `beat-` */
  readonly id?: string;
  /** How long it holds a slot, and the lock, without renewal: another instance takes over that long after a crash at the latest. @default 15 seconds */
  readonly lease?: Duration;
  /** Slots that are late by less than this all fire; beyond it the misfire policy of the schedule decides. @default 1 minute */
  readonly misfireGrace?: Duration;
  /** How many slots are on their way at once at most. @default 100 */
  readonly limit?: number;
  /** How often it looks for due slots when nothing wakes it: a safety net. @default 5 seconds */
  readonly pollEvery?: Duration;
  /** How often it deletes old history and ended locks. @default 1 minute */
  readonly sweepEvery?: Duration;
  /** The key of the lock that instances compete for; those with another key dispatch beside them. @default "beat" */
  readonly lockKey?: string;
}

/** What a Beat is made of. */
export interface BeatOptions extends BeatTuning, EncoderRegistryOptions {
  /** Carries the tasks. */
  readonly broker: Broker;
  /** Keeps the schedules. */
  readonly store: ScheduleStore;
  /** With one, a single instance at a time asks the store, and the others wait to take over. @default none: all instances compete for slots */
  readonly lockStore?: LockStore;
  /** Keeps the statuses: with one they begin with `queued`. @default none: they begin when a worker claims the task */
  readonly backend?: ResultBackend;
  /** The tasks whose defaults, schemas and encoders apply here; others are enqueued by name. @default none */
  readonly registry?: TaskRegistry | readonly AnyTask[];
  /** Queues by task name, for tasks that name none. @default none */
  readonly routes?: Routes;
  /** Code around every enqueue. @default none */
  readonly middleware?: readonly Middleware[];
  /** Where it reports what nobody awaits. @default warnings and errors on the console */
  readonly logger?: Logger;
  /** Measures time. @default the system's clock */
  readonly clock?: Clock;
}

/** A Beat's tuning, checked, with nothing left open. */
export interface BeatSettings {
  readonly id: string;
  readonly leaseMs: number;
  readonly graceMs: number;
  readonly limit: number;
  readonly pollMs: number;
  readonly sweepEveryMs: number;
  readonly lockKey: string;
}

/**
 * Checks a Beat's options and fills in the defaults.
 *
 * @throws {ConfigError} that names the option, its value and what was expected.
 */
export function beatSettings(options: BeatTuning & Pick<BeatOptions, "clock">): BeatSettings {
  return Object.freeze({
    id: validateId(options.id ?? `beat-${uuidV7(options.clock)}`, "a Beat's id"),
    leaseMs: durationMs(options.lease ?? "15s", "lease", { min: 100 }),
    graceMs: durationMs(options.misfireGrace ?? "1m", "misfireGrace", { min: 1 }),
    limit: validateInteger(options.limit ?? 100, "limit", { min: 1, max: 1_000 }),
    pollMs: durationMs(options.pollEvery ?? "5s", "pollEvery", { min: 10 }),
    sweepEveryMs: durationMs(options.sweepEvery ?? "1m", "sweepEvery", { min: 100 }),
    lockKey: validateId(options.lockKey ?? "beat", "a lock's key"),
  });
}
