import { ConfigError } from "../errors.ts";
import type { Delivery } from "../model/delivery.ts";
import { show } from "../model/id.ts";
import type { TaskRegistry } from "../tasks/registry.ts";
import type { Clock } from "../time/clock.ts";
import { isLimited, LimitRules } from "./limit-rules.ts";
import { Limits } from "./limits.ts";
import type { WorkerOptions, WorkerSettings } from "./worker-options.ts";

/** What {@link limitsFor} needs of a worker. */
export interface LimitsParts {
  /** Its tasks. */
  readonly registry: TaskRegistry;
  /** Its settings. */
  readonly settings: WorkerSettings;
  /** Tells how many tasks would start at once. */
  readonly room: () => number;
  /** Runs a task that was kept waiting. */
  readonly letThrough: (delivery: Delivery) => void;
  /** Gives a task that was kept waiting to other workers. */
  readonly putBack: (delivery: Delivery) => void;
  /** Measures time. */
  readonly clock: Clock;
  /** Hears of what failed, and of what was tried. */
  readonly onError: (operation: string, error: unknown) => void;
}

/**
 * Makes what holds a worker to its limits; `undefined` when neither a queue nor a task that is registered by now has any.
 *
 * @throws {ConfigError} when a limit cannot be used, or there is nobody to count for it.
 */
export function limitsFor(
  { limiter, limits = {} }: WorkerOptions,
  { registry, settings, clock, onError, ...hands }: LimitsParts,
): Limits | undefined {
  const { onLimiterError = "closed", queues = {} } = limits;
  if (onLimiterError !== "open" && onLimiterError !== "closed") {
    throw new ConfigError(`Cannot use ${show(onLimiterError)} as onLimiterError: expected "open" or "closed"`);
  }
  const rules = new LimitRules(queues, settings.queues, (name) => registry.find(name));
  const limited = registry.tasks.find(isLimited);
  if (rules.queues.size === 0 && limited === undefined) return undefined;
  if (limiter === undefined) {
    const what = limited === undefined ? "limits of queues" : `task "${limited.name}", which has limits,`;
    throw new ConfigError(`Cannot make a worker for ${what} without a limiter: expected one that counts over all workers`);
  }
  const { queues: served, concurrency: standby, leaseMs: permitTtlMs } = settings;
  return new Limits({ limiter, rules, queues: served, permitTtlMs, onLimiterError, standby, ...hands, clock, onError });
}

/** Whether anything that a worker runs needs a permit: tasks that were claimed ahead would hold theirs while they wait. */
export function needsPermits({ limits = {} }: WorkerOptions, registry: TaskRegistry): boolean {
  return registry.tasks.some(({ maxConcurrent }) => maxConcurrent !== undefined) ||
    Object.values(limits.queues ?? {}).some(({ maxConcurrent }) => maxConcurrent !== undefined);
}
