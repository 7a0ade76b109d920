/** A worker that ends well: at SIGTERM it takes no more tasks, lets the running ones end, stores what became of them, and leaves. */

import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { shutdownOnSignals, StemApp, task } from "@stem/stem";

const slow = task({
  name: "slow",
  run: async (ctx) => {
    console.log("the task has begun");
    // In real life the sender is a process manager, a container's runtime, or Ctrl-C.
    process.kill(process.pid, "SIGTERM");
    await pause(100, undefined, { signal: ctx.signal });
    console.log("the task has ended");
  },
});

const app = await StemApp.inMemory({ tasks: [slow] });

// Only who asks for it has signals handled: a warm shutdown that becomes a hard one after 20 seconds, or at the second signal. What did not
// end by then goes back to its queue, for another worker.
shutdownOnSignals(app, { timeout: "20s" });
app.worker.subscribe(({ type }) => {
  if (type === "stopping") console.log("told to stop");
});

await app.enqueue(slow);
await app.worker.whenStopped;
console.log("stopped");

// Prints:
// the task has begun
// told to stop
// the task has ended
// stopped
