/** What is measured of a queue, whosever it is. */

import { inFlight, isPayload, median, payload, percentile, perSecond } from "./measure.ts";
import type { Scale } from "./scenarios.ts";
import type { QueueSystem } from "./systems.ts";

/** Enqueues `count` tasks, `width` at once. Gives how many a second. */
export async function enqueue(queue: QueueSystem, count: number, width: number): Promise<number> {
  const rate = await perSecond(count, () => inFlight(count, width, (index) => queue.enqueue(payload(index))));
  expectCount("waiting", await queue.unfinished(), count);
  return rate;
}

/** Enqueues `count` tasks in portions of 1,000. Gives how many a second. */
export async function enqueueBulk(queue: QueueSystem, count: number): Promise<number> {
  const rate = await perSecond(count, () => fill(queue, count));
  expectCount("waiting", await queue.unfinished(), count);
  return rate;
}

/** Works through `count` tasks. Gives how many a second. */
export async function process(queue: QueueSystem, count: number, concurrency: number): Promise<number> {
  await fill(queue, count);
  const runs = new Uint8Array(count);
  const worker = await queue.work(concurrency, (args) => {
    runs[args.index] = (runs[args.index] ?? 0) + 1;
    return args;
  });
  const rate = await perSecond(count, async () => {
    worker.start();
    await worker.finished(count);
  });
  await worker.stop();
  expectCount("run once", runs.filter((times) => times === 1).length, count);
  expectCount("left", await queue.unfinished(), 0);
  if (queue.results !== undefined) expectCount("results", await queue.results(), count);
  return rate;
}

/** How long from enqueueing a task until an idle worker runs it, in milliseconds: the median. */
export async function pickup(queue: QueueSystem, { waits }: Scale): Promise<number> {
  return median(await pickups(queue, waits));
}

/** The same, which one task in a hundred exceeds. */
export async function slowPickup(queue: QueueSystem, { waits }: Scale): Promise<number> {
  return percentile(await pickups(queue, 3 * waits), 0.99);
}

/** How long from enqueueing a task until its result is here, in milliseconds: the median. */
export async function roundTrip(queue: QueueSystem, { waits }: Scale): Promise<number | undefined> {
  if (queue.call === undefined) return undefined;
  const worker = await queue.work(1, (args) => args);
  worker.start();
  const times = await timed(waits, async (index) => {
    const from = performance.now();
    const result = await queue.call?.(payload(index));
    if (!isPayload(result) || result.index !== index) throw new Error("Cannot count this run: a result is not that of its task");
    return performance.now() - from;
  });
  await worker.stop();
  return median(times);
}

async function pickups(queue: QueueSystem, count: number): Promise<readonly number[]> {
  let onStart: (at: number) => void = () => {};
  const worker = await queue.work(1, () => onStart(performance.now()));
  worker.start();
  const times = await timed(count, async (index) => {
    const started = new Promise<number>((resolve) => {
      onStart = resolve;
    });
    const from = performance.now();
    await queue.enqueue(payload(index));
    const time = await started - from;
    await worker.finished(index + 1);
    return time;
  });
  await worker.stop();
  return times;
}

/** As many as wanted, or as five seconds allow: a system that looks for work once a second would take minutes. */
async function timed(count: number, once: (index: number) => Promise<number>): Promise<readonly number[]> {
  const times: number[] = [];
  const deadline = performance.now() + 5_000;
  while (times.length < count && (times.length < 3 || performance.now() < deadline)) times.push(await once(times.length));
  return times;
}

/** Adds so many tasks, in portions of 1,000. */
export async function fill(queue: QueueSystem, count: number): Promise<void> {
  for (let from = 0; from < count; from += 1_000) {
    await queue.enqueueMany(Array.from({ length: Math.min(1_000, count - from) }, (_, at) => payload(from + at)));
  }
}

/** Throws when a run did not do what it says. */
export function expectCount(what: string, found: number, expected: number): void {
  if (found !== expected) throw new Error(`Cannot count this run: expected ${expected} ${what}, found ${found}`);
}
