/** How much memory a worker takes, in mebibytes. Measured in a process that collects garbage when told to. */

import process from "node:process";
import type { Adapter } from "@stem/stem";
import { Stem, task, Worker } from "@stem/stem";
import { type Payload, payload } from "./measure.ts";
import { fill } from "./queue-scenarios.ts";
import type { QueueSystem } from "./systems.ts";

/** What 1,000 tasks take that a worker has claimed ahead and not begun. */
export async function heldTasks({ broker, results: backend }: Adapter, count: number): Promise<number> {
  let release: () => void = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const hold = task({ name: "bench.hold", run: (_context, _args: Payload) => released });
  const stem = new Stem({ broker, backend, registry: [hold] });
  await stem.enqueueMany(Array.from({ length: count }, (_, at) => ({ task: hold, args: payload(at) })));
  const before = heap();
  const worker = new Worker({ broker, backend, registry: [hold], concurrency: 1, prefetch: count });
  await worker.start();
  while ((await broker.counts("default")).inflight < count) await new Promise((resolve) => setTimeout(resolve, 20));
  const taken = heap() - before;
  release();
  await worker.shutdown({ mode: "hard" });
  return taken / count * 1_000;
}

/** How much the process has grown when `count` tasks have gone through one worker, after the first tenth. */
export async function growth(queue: QueueSystem, count: number): Promise<number> {
  const worker = await queue.work(100, (args) => args);
  worker.start();
  const portion = Math.max(1_000, count / 100);
  let [done, before] = [0, 0];
  while (done < count) {
    await fill(queue, portion);
    await worker.finished(done += portion);
    if (done * 10 >= count && before === 0) before = resident();
    if (done % 100_000 === 0) console.error(`  ${done.toLocaleString("en")} of ${count.toLocaleString("en")} done …`);
  }
  const grown = resident() - before;
  await worker.stop();
  return grown;
}

function heap(): number {
  collect();
  return process.memoryUsage().heapUsed / 2 ** 20;
}

function resident(): number {
  collect();
  return process.memoryUsage.rss() / 2 ** 20;
}

function collect(): void {
  if (globalThis.gc === undefined) throw new Error("Cannot measure memory: start Node with --expose-gc");
  globalThis.gc();
}
