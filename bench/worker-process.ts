/** A worker in a process of its own, for `bench/many-processes.ts`: says when it is ready, and how many tasks have ended. */

import process from "node:process";
import { task, Worker } from "@stem/stem";
import type { Payload } from "./measure.ts";
import { faces } from "./stem.ts";
import type { Place } from "./systems.ts";

const place = JSON.parse(process.argv[2] ?? "") as Place;
const adapter = await faces.adapter?.(place);
if (adapter === undefined) throw new Error("Cannot start a worker: Stem has no stores");
const echo = task({ name: "bench.echo", run: (_context, args: Payload) => args });
const worker = new Worker({ broker: adapter.broker, backend: adapter.results, registry: [echo], concurrency: 10 });
let [done, isTelling] = [0, false];
worker.subscribe(({ type }) => {
  if (type !== "task-succeeded") return;
  done++;
  if (isTelling) return;
  isTelling = true;
  // Not one message for each: they would cost more than the tasks.
  setTimeout(() => {
    isTelling = false;
    process.send?.(done);
  }, 5);
});
process.on("message", () => void worker.start());
process.on("disconnect", () => process.exit());
process.send?.(0);
