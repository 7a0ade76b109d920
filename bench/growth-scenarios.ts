/** What things cost as tables grow: the same short run beside little and beside a lot. */

import type { Adapter } from "@stem/stem";
import { Stem, task } from "@stem/stem";
import { median, type Payload, payload } from "./measure.ts";
import { expectCount } from "./queue-scenarios.ts";

const echo = task({ name: "bench.echo", run: (_context, args: Payload) => args });
const samples = 200;

/** How long a claim of ten takes beside that many waiting tasks, in milliseconds: the median. */
export async function claimBesideWaiting(adapter: Adapter, waiting: number): Promise<number> {
  await enqueueMany(adapter, waiting);
  return await claims(adapter);
}

/** The same among few waiting tasks, beside that many dead letters. */
export async function claimBesideDead(adapter: Adapter, dead: number): Promise<number> {
  const { broker } = adapter;
  for (let done = 0; done < dead; done += 1_000) {
    await enqueueMany(adapter, Math.min(1_000, dead - done));
    const deliveries = await broker.claim({ queues: ["default"], limit: 1_000, consumer: "bench" });
    await broker.settle(deliveries.map((delivery) => ({ delivery, settlement: { kind: "deadLetter", reason: "rejected" } })));
  }
  expectCount("dead", (await broker.counts("default")).dead, dead);
  await enqueueMany(adapter, samples * 10);
  return await claims(adapter);
}

/** How long getting and setting a result takes beside that many stored ones, in milliseconds: the median. */
export async function resultBesideStored({ results }: Adapter, stored: number): Promise<number> {
  for (let from = 0; from < stored; from += 1_000) {
    const length = Math.min(1_000, stored - from);
    await results.setMany(
      Array.from({ length }, (_, at) => ({ id: `result-${from + at}`, state: "succeeded", payload: payload(from + at) })),
    );
  }
  const times: number[] = [];
  for (let run = 0; run < samples; run++) {
    // Spread over all of them, the same in each run.
    const id = `result-${(run * 7_919) % stored}`;
    const from = performance.now();
    const status = await results.get(id);
    await results.set(`new-${run}`, "succeeded", { payload: payload(run) });
    times.push(performance.now() - from);
    expectCount("found", status === undefined ? 0 : 1, 1);
  }
  return median(times);
}

async function claims({ broker }: Adapter): Promise<number> {
  const times: number[] = [];
  for (let run = 0; run < samples; run++) {
    const from = performance.now();
    const deliveries = await broker.claim({ queues: ["default"], limit: 10, consumer: "bench" });
    times.push(performance.now() - from);
    if (deliveries.length === 0) break;
    expectCount("claimed", deliveries.length, 10);
    await broker.settle(deliveries.map((delivery) => ({ delivery, settlement: { kind: "ack" } })));
  }
  return median(times);
}

async function enqueueMany({ broker, results: backend }: Adapter, count: number): Promise<void> {
  const stem = new Stem({ broker, backend, registry: [echo] });
  for (let from = 0; from < count; from += 1_000) {
    const length = Math.min(1_000, count - from);
    await stem.enqueueMany(Array.from({ length }, (_, at) => ({ task: echo, args: payload(from + at) })));
    if (from > 0 && from % 100_000 === 0) console.error(`  ${from.toLocaleString("en")} of ${count.toLocaleString("en")} enqueued …`);
  }
}
