import type { LimitRule } from "./limit-rules.ts";

/** How a claim is to be made. */
export interface Look {
  /** The queues to claim from; none when all of them rest. */
  readonly queues: readonly string[];
  /** How many at most. */
  readonly limit: number;
  /** How long to wait at most when nothing is there. */
  readonly waitMs: number;
}

/** What the limits of a queue said of what was claimed from it. */
export interface QueueDecision {
  /** How many they let through. */
  readonly admitted: number;
  /** How many they refused. */
  readonly refused: number;
  /** When to come again after a refusal, in milliseconds. */
  readonly retryAfterMs: number;
}

/** How often to look whether permits were returned elsewhere; of those returned here it is known at once. */
export const PERMIT_PACE_MS = 250;
// How often to look for tokens: seldom enough that a look finds some, and often enough that no bucket runs over meanwhile.
const RATE_PACE_MS = 50;

const LONGEST_WAIT_MS = 30_000;

interface Meter {
  /** How long to rest between looks that the limit has a say in. */
  readonly paceMs: number;
  /** How many to ask for; absent as long as the limit is not felt. */
  allowance: number | undefined;
  /** How many were wanted when it was asked last. */
  wanted: number;
  /** How many permits have come back since. */
  returned: number;
  /** When to look again, on the monotonic clock. */
  opensAt: number;
  /** Whether a look has found nothing: then it is waited for together with others. */
  isEmpty: boolean;
}

/**
 * Leaves queues out of claims while their limits would refuse what comes, and asks for as much of them as the limits gave before: so a long
 * queue does not go round between store and worker.
 */
export class QueueMeter {
  readonly #queues: readonly string[];
  readonly #meters: ReadonlyMap<string, Meter>;
  #turn = 0;

  /** Makes a meter for the queues that a worker serves, some of which are limited. */
  constructor(queues: readonly string[], limited: ReadonlyMap<string, LimitRule>) {
    this.#queues = queues;
    this.#meters = new Map(Array.from(limited, ([queue, rule]) => [queue, meterOf(rule)]));
  }

  /** Tells how to claim next. Limited queues with work are asked one by one and without waiting, in turn with all the others together. */
  next(wanted: number, now: number): Look {
    let restMs = LONGEST_WAIT_MS;
    const busy: (readonly [queue: string, meter: Meter])[] = [];
    const others: string[] = [];
    for (const queue of this.#queues) {
      const meter = this.#meters.get(queue);
      if (meter === undefined) others.push(queue);
      else if (meter.opensAt > now) restMs = Math.min(restMs, meter.opensAt - now);
      else if (meter.isEmpty) others.push(queue);
      else busy.push([queue, meter]);
    }
    if (busy.length === 0) return { queues: others, limit: wanted, waitMs: Math.max(1, Math.ceil(restMs)) };
    const [queue, meter] = busy[this.#turn++ % (busy.length + Math.min(1, others.length))] ?? [];
    if (queue === undefined || meter === undefined) return { queues: others, limit: wanted, waitMs: 0 };
    meter.wanted = wanted;
    meter.returned = 0;
    return { queues: [queue], limit: Math.min(wanted, meter.allowance ?? wanted), waitMs: 0 };
  }

  /** Notes from which queues something came. */
  found({ queues }: Look, from: readonly string[]): void {
    const [asked = ""] = queues;
    const meter = queues.length === 1 ? this.#meters.get(asked) : undefined;
    // What arrives from now on is waited for; whether the limit is felt then is to be seen.
    if (meter !== undefined && from.length === 0) Object.assign(meter, { isEmpty: true, allowance: undefined });
    for (const queue of from) {
      const there = this.#meters.get(queue);
      if (there !== undefined) there.isEmpty = false;
    }
  }

  /** Notes what the limits said. */
  decided(queue: string, { admitted, refused, retryAfterMs }: QueueDecision, now: number): void {
    const meter = this.#meters.get(queue);
    if (meter === undefined) return;
    if (refused > 0) {
      meter.allowance = Math.max(1, admitted);
      meter.opensAt = now + Math.max(retryAfterMs, Math.min(meter.paceMs, RATE_PACE_MS));
    } else if (meter.allowance !== undefined && meter.allowance >= meter.wanted) {
      meter.allowance = undefined;
    } else if (meter.allowance !== undefined) {
      meter.allowance += Math.ceil(meter.allowance / 2);
      meter.opensAt = now + meter.paceMs;
    }
    if (meter.returned > 0) this.#reopen(meter);
  }

  /** Notes that a permit of the queue was returned here. Answers whether there is something to look for now. */
  returned(queue: string): boolean {
    const meter = this.#meters.get(queue);
    if (meter === undefined) return false;
    meter.returned += 1;
    if (meter.allowance === undefined) return false;
    this.#reopen(meter);
    return true;
  }

  #reopen(meter: Meter): void {
    if (meter.allowance === undefined) return;
    meter.allowance = meter.returned;
    meter.opensAt = 0;
  }
}

function meterOf({ bucket }: LimitRule): Meter {
  const paceMs = bucket === undefined ? PERMIT_PACE_MS : Math.max(1, Math.min(RATE_PACE_MS, bucket.burst * bucket.per / bucket.limit / 2));
  return { paceMs, allowance: undefined, wanted: 0, returned: 0, opensAt: 0, isEmpty: false };
}
