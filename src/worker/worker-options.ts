import type { LockStore } from "../contracts/lock-store.ts";
import type { Logger } from "../contracts/logger.ts";
import type { RateLimiter } from "../contracts/rate-limiter.ts";
import type { RevokeStore } from "../contracts/revoke-store.ts";
import type { TaskSystem } from "../contracts/system.ts";
import type { EncoderRegistryOptions } from "../encoding/registry.ts";
import { ConfigError } from "../errors.ts";
import { DEFAULT_LEASE_MS, DEFAULT_QUEUE } from "../model/envelope.ts";
import { show, validateId } from "../model/id.ts";
import { validateInteger } from "../model/numbers.ts";
import type { Routes } from "../producer/routing.ts";
import type { Middleware } from "../tasks/middleware.ts";
import type { TaskRegistry } from "../tasks/registry.ts";
import type { AnyTask } from "../tasks/task.ts";
import type { QueueLimits } from "../tasks/task-limits.ts";
import type { RetryPolicy } from "../time/backoff.ts";
import { normalizeRetryPolicy } from "../time/backoff.ts";
import type { Clock } from "../time/clock.ts";
import type { Duration } from "../time/duration.ts";
import { durationMs } from "../time/duration.ts";
import { uuidV7 } from "../time/id.ts";
import type { Random } from "../time/random.ts";

/** How a worker works; all of it has defaults. */
export interface WorkerTuning {
  /** The queues it serves; none of them starves. @default ["default"] */
  readonly queues?: readonly string[];
  /** How many handlers run at once at most. @default 10 */
  readonly concurrency?: number;
  /**
   * How many tasks it holds ready beyond those that run. `"auto"` holds up to `concurrency` while handlers take a few milliseconds, and
   * none once they take 50 or more, so that waiting tasks go to idle workers. @default "auto"
   */
  readonly prefetch?: number | "auto";
  /** How long a task is held without renewal; it is renewed after a third of that. @default 30 seconds */
  readonly lease?: Duration;
  /** How long to wait before a further attempt, for tasks that say nothing of it. @default exponential from one second with jitter */
  readonly retry?: RetryPolicy;
  /** How often a task may be handed out without ever being settled before it is given up as poison. @default 10 */
  readonly maxDeliveries?: number;
  /** How long an aborted handler may take to end before it is left behind. @default 5 seconds */
  readonly grace?: Duration;
  /** How often it reports that it lives; it counts as gone after three times that. @default 10 seconds */
  readonly heartbeat?: Duration;
  /** How often it deletes what has expired in the stores, in small steps. @default 1 minute */
  readonly sweepEvery?: Duration;
  /** How often, and how many times at once, tasks of its queues may start over all workers that say the same. @default no limits but those of tasks */
  readonly limits?: WorkerLimits;
  /** Its id. @default a UUID v7 behind `worker-` */
  readonly id?: string;
  /** JSON values that go with its heartbeats. @default none */
  readonly meta?: Readonly<Record<string, unknown>>;
}

/** What a worker says about limits. */
export interface WorkerLimits {
  /** Limits by the name of the queue, each of which the worker must serve. @default none */
  readonly queues?: Readonly<Record<string, QueueLimits>>;
  /** While the limiter fails, limited tasks are put back for a while (`"closed"`), or run without limits (`"open"`). @default "closed" */
  readonly onLimiterError?: "open" | "closed";
}

/** What a worker is made of. */
export interface WorkerOptions extends TaskSystem, WorkerTuning, EncoderRegistryOptions {
  /** The tasks it can run. */
  readonly registry: TaskRegistry | readonly AnyTask[];
  /** Keeps the locks of unique tasks: renewed while they run, given back when they end. @default none */
  readonly lockStore?: LockStore;
  /** Knows which tasks shall not run, or not go on. @default none: nothing is revoked */
  readonly revokeStore?: RevokeStore;
  /** Counts for the limits of tasks and queues, over all workers that use it. Needed where a task or a queue has limits. @default none */
  readonly limiter?: RateLimiter;
  /** Queues for tasks that handlers enqueue. @default none */
  readonly routes?: Routes;
  /** Code around every run, and around every enqueue of a handler. @default none */
  readonly middleware?: readonly Middleware[];
  /** Where it reports what nobody awaits. @default warnings and errors on the console */
  readonly logger?: Logger;
  /** Measures time. @default the system's clock */
  readonly clock?: Clock;
  /** Draws the jitter of retries. @default the system's random numbers */
  readonly random?: Random;
}

/** How a worker ends. */
export interface ShutdownOptions {
  /**
   * - `warm`: running tasks end in their own time;
   * - `soft`: `ctx.signal` aborts; what does not end within the grace time goes back to its queue, its attempt not burned;
   * - `hard`: `ctx.signal` aborts, and everything goes back at once.
   *
   * @default "warm"
   */
  readonly mode?: "warm" | "soft" | "hard";
  /** How long a warm shutdown may take before it becomes a hard one. @default no limit */
  readonly timeout?: Duration;
}

/** A worker's options, checked and complete. */
export interface WorkerSettings {
  readonly id: string;
  readonly queues: readonly string[];
  readonly concurrency: number;
  readonly prefetch: number | "auto";
  readonly leaseMs: number;
  readonly retry: RetryPolicy;
  readonly maxDeliveries: number;
  readonly graceMs: number;
  readonly heartbeatMs: number;
  readonly sweepEveryMs: number;
}

/**
 * Checks a worker's options and fills in the defaults.
 *
 * @throws {ConfigError} that names the option, its value and what was expected.
 */
export function workerSettings(options: WorkerOptions): WorkerSettings {
  const retry = options.retry ?? {};
  normalizeRetryPolicy(retry);
  return Object.freeze({
    id: validateId(options.id ?? `worker-${uuidV7(options.clock)}`, "a worker's id"),
    queues: queueNames(options.queues ?? [DEFAULT_QUEUE]),
    concurrency: validateInteger(options.concurrency ?? 10, "concurrency", { min: 1, max: 10_000 }),
    prefetch: options.prefetch === undefined || options.prefetch === "auto"
      ? "auto" as const
      : validateInteger(options.prefetch, "prefetch", { max: 10_000 }),
    leaseMs: durationMs(options.lease ?? DEFAULT_LEASE_MS, "lease", { min: 100 }),
    retry,
    maxDeliveries: validateInteger(options.maxDeliveries ?? 10, "maxDeliveries", { min: 1 }),
    graceMs: durationMs(options.grace ?? "5s", "grace"),
    heartbeatMs: durationMs(options.heartbeat ?? "10s", "heartbeat", { min: 10 }),
    sweepEveryMs: durationMs(options.sweepEvery ?? "1m", "sweepEvery", { min: 100 }),
  });
}

/** The ways to end, the gentlest first. */
export const SHUTDOWN_MODES = ["warm", "soft", "hard"] as const;

/** A shutdown's options, checked. */
export interface ShutdownSettings {
  readonly mode: (typeof SHUTDOWN_MODES)[number];
  /** Infinite when a warm shutdown may take any time. */
  readonly timeoutMs: number;
}

/**
 * Checks how to shut down.
 *
 * @throws {ConfigError} that names the option, its value and what was expected.
 */
export function shutdownSettings({ mode = "warm", timeout }: ShutdownOptions): ShutdownSettings {
  if (!SHUTDOWN_MODES.includes(mode)) {
    throw new ConfigError(`Cannot use ${show(mode)} as the mode of a shutdown: expected "warm", "soft" or "hard"`);
  }
  return { mode, timeoutMs: timeout === undefined ? Number.POSITIVE_INFINITY : durationMs(timeout, "the timeout of a shutdown") };
}

function queueNames(queues: readonly string[]): readonly string[] {
  if (queues.length === 0) throw new ConfigError("Cannot make a worker without queues: expected at least one");
  if (new Set(queues).size !== queues.length) {
    throw new ConfigError(`Cannot make a worker for queues ${show(queues.join(", "))}: one is named twice`);
  }
  for (const queue of queues) validateId(queue, "a queue's name");
  return Object.freeze([...queues]);
}
