import type { Delivery } from "../model/delivery.ts";
import type { AnyTask } from "../tasks/task.ts";
import type { BucketRule, QueueLimits, TaskLimits } from "../tasks/task-limits.ts";
import { toBucketRule, toConcurrencyLimit } from "../tasks/task-limits.ts";
import { ConfigError } from "../errors.ts";
import { show } from "../model/id.ts";
import { limitKey } from "./limit-key.ts";

/** A bucket that a task has to take a token from. */
export interface AskedBucket extends BucketRule {
  /** What is counted, as text of any length; see `storableKey`. */
  readonly key: string;
}

/** A permit that a task has to have. */
export interface AskedPermit {
  /** What is counted, as text of any length; see `storableKey`. */
  readonly key: string;
  /** How many there are. */
  readonly limit: number;
  /** The queue that is limited so; absent when it is a task. */
  readonly queue?: string;
}

/** What limits a task, on one level: that of its queue, or its own. */
export interface LimitRule {
  /** The bucket; absent without a rate limit. */
  readonly bucket?: AskedBucket;
  /** The permit; absent when any number may run. */
  readonly permit?: AskedPermit;
}

/** What limits a delivery. */
export interface DeliveryRules {
  /** What limits its queue; absent when nothing does. */
  readonly queue?: LimitRule;
  /** What limits its task; absent when nothing does. */
  readonly task?: LimitRule;
}

/** A worker's limits of queues, by the queue's name. */
export type QueueLimitMap = Readonly<Record<string, QueueLimits>>;

/** Knows what limits what. */
export class LimitRules {
  readonly #find: (name: string) => AnyTask | undefined;
  readonly #queues: ReadonlyMap<string, LimitRule>;

  /**
   * Checks the limits of queues.
   *
   * @param find Finds a task by its name.
   * @throws {ConfigError} that names the queue, the value and what was expected.
   */
  constructor(queues: QueueLimitMap, served: readonly string[], find: (name: string) => AnyTask | undefined) {
    this.#find = find;
    this.#queues = new Map(Object.entries(queues).map(([queue, limits]) => [queue, queueRule(queue, limits, served)]));
  }

  /** The queues that are limited, with what limits them. */
  get queues(): ReadonlyMap<string, LimitRule> {
    return this.#queues;
  }

  /** Tells what limits a delivery; `undefined` when nothing does. */
  of({ envelope: { name, queue, limitKey: givenKey } }: Delivery): DeliveryRules | undefined {
    const ofQueue = this.#queues.get(queue);
    const task = this.#find(name);
    const ofTask = task === undefined || !isLimited(task) ? undefined : taskRule(task, givenKey);
    if (ofQueue === undefined && ofTask === undefined) return undefined;
    return { ...(ofQueue === undefined ? {} : { queue: ofQueue }), ...(ofTask === undefined ? {} : { task: ofTask }) };
  }
}

/** Whether a task says how often, or how many times at once, it may run. */
export function isLimited({ rateLimit, maxConcurrent }: TaskLimits): boolean {
  return rateLimit !== undefined || maxConcurrent !== undefined;
}

function queueRule(queue: string, { rateLimit, maxConcurrent }: QueueLimits, served: readonly string[]): LimitRule {
  if (!served.includes(queue)) {
    throw new ConfigError(`Cannot limit queue ${show(queue)}: the worker serves ${served.map(show).join(", ")}`);
  }
  const key = limitKey("queue", queue);
  const what = `queue ${show(queue)}`;
  return {
    ...(rateLimit === undefined ? {} : { bucket: { key, ...toBucketRule(rateLimit, what) } }),
    ...(maxConcurrent === undefined ? {} : { permit: { key, limit: toConcurrencyLimit(maxConcurrent, what), queue } }),
  };
}

function taskRule({ name, rateLimit, maxConcurrent }: AnyTask, givenKey: string | undefined): LimitRule {
  const keyBy = (by: unknown): string => by === "key" && givenKey !== undefined ? limitKey("key", name, givenKey) : limitKey("task", name);
  const concurrent = typeof maxConcurrent === "number" ? { limit: maxConcurrent } : maxConcurrent;
  return {
    ...(rateLimit === undefined ? {} : { bucket: { key: keyBy(rateLimit.by), ...toBucketRule(rateLimit, name) } }),
    ...(concurrent === undefined
      ? {}
      : { permit: { key: keyBy("by" in concurrent ? concurrent.by : undefined), limit: concurrent.limit } }),
  };
}
