/** A worker in a process of its own. It works until its standard input ends, and tells what happens in it. */

import type { TaskContext } from "../../../src/mod.ts";
import { StemApp, task } from "../../../src/mod.ts";
import type { Run } from "./talk.ts";
import { machineMs, optionsOf, say, told } from "./talk.ts";

const { url, place, id, lease, concurrency, blocks, waits, quiet, queues } = optionsOf({
  id: "worker",
  lease: "30s",
  concurrency: 10,
  queues: ["default"],
  /** Whether the handler waits for its end for ever. */
  blocks: false,
  /** Whether it starts only when it is told to. */
  waits: false,
  /** Whether the runs are told at the end only, all at once. */
  quiet: false,
});

const never = ({ signal }: TaskContext): Promise<never> => new Promise((_resolve, reject) => signal.addEventListener("abort", reject));

const work = task({
  name: "work",
  run: async (context, args: { fails: boolean } | undefined) => {
    if (args?.fails === true) context.reject("asked to");
    const startedAt = machineMs();
    if (blocks) await never(context);
    return { by: id, startedAt, endedAt: machineMs() };
  },
});

const app = await StemApp.fromUrl(url, { ...place, tasks: [work], worker: { id, lease, concurrency, queues } });
const runs: Run[] = [];
app.worker.subscribe((event) => {
  if (event.type === "error") return say({ type: "error", operation: event.operation, message: String(event.error) });
  if (!("delivery" in event)) return say({ type: event.type });
  const { token, claimedAt, deliveryCount, envelope } = event.delivery;
  const run: Run = { id: envelope.id, token, claimedAt, deliveryCount };
  if (event.type === "task-started") runs.push(run);
  if (!quiet) say({ type: event.type, at: machineMs(), ...run });
});
const commands = told();
if (waits) {
  say({ type: "waiting" });
  await commands.next();
}
await app.start();
say({ type: "ready" });
for await (const _line of commands);
await app.close();
say({ type: "ended", runs });
