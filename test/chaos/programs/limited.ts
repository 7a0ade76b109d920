/** A worker in a process of its own whose tasks are limited. It works until its standard input ends, and tells when each handler begins and ends. */

import type { QueueLimits, TaskLimits } from "../../../src/mod.ts";
import { StemApp, task } from "../../../src/mod.ts";
import { sleep } from "../../../src/time/sleep.ts";
import { machineMs, optionsOf, say, told } from "./talk.ts";

const nothing: TaskLimits = {};
const nowhere: Readonly<Record<string, QueueLimits>> = {};

const { url, place, id, lease, concurrency, workMs, taskLimits, queueLimits } = optionsOf({
  id: "worker",
  lease: "30s",
  concurrency: 10,
  /** How long a handler takes. */
  workMs: 0,
  /** What the task says of itself. */
  taskLimits: nothing,
  /** What the worker says of its queues. */
  queueLimits: nowhere,
});

const run = async ({ id: taskId }: { readonly id: string }, kind: string): Promise<void> => {
  say({ type: "began", kind, id: taskId, at: machineMs() });
  if (workMs > 0) await sleep(workMs);
  say({ type: "finished", kind, id: taskId, at: machineMs() });
};
const tasks = [
  task({ name: "own", ...taskLimits, run: (context) => run(context, "own") }),
  task({ name: "plain", queue: "metered", run: (context) => run(context, "plain") }),
];

const worker = { id, lease, concurrency, queues: ["default", "metered"], limits: { queues: queueLimits } };
const app = await StemApp.fromUrl(url, { ...place, tasks, worker });
let putBack = 0;
app.worker.subscribe((event) => {
  if (event.type === "error") say({ type: "error", operation: event.operation, message: String(event.error) });
  if (event.type === "task-put-back") putBack += 1;
});
say({ type: "waiting" });
const commands = told();
await commands.next();
await app.start();
say({ type: "ready" });
for await (const _line of commands);
await app.close();
say({ type: "ended", putBack });
