/** Several worker processes on one queue. */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expectCount, fill } from "./queue-scenarios.ts";
import type { Place, QueueSystem } from "./systems.ts";

/** Works through `count` tasks with that many processes, of ten tasks at once each. Gives how many a second. */
export async function processes(queue: QueueSystem, place: Place, { count, number }: { count: number; number: number }): Promise<number> {
  await fill(queue, count);
  const program = fileURLToPath(new URL("./worker-process.ts", import.meta.url));
  const children = Array.from({ length: number }, () => fork(program, [JSON.stringify(place)], { execArgv: ["--import", "tsx"] }));
  try {
    await Promise.all(children.map((child) => once(child, "message")));
    // Not by `perSecond`: the processor time of this process is not what it took.
    const ended = untilDone(children, count);
    const startedAt = performance.now();
    for (const child of children) child.send("start");
    await ended;
    const rate = count / ((performance.now() - startedAt) / 1_000);
    expectCount("left", await queue.unfinished(), 0);
    expectCount("results", await queue.results?.() ?? 0, count);
    return rate;
  } finally {
    const gone = children.map((child) => once(child, "exit"));
    for (const child of children) child.disconnect();
    await Promise.all(gone);
  }
}

function untilDone(children: readonly ChildProcess[], count: number): Promise<void> {
  const done = children.map(() => 0);
  return new Promise((resolve, reject) => {
    for (const [at, child] of children.entries()) {
      child.once("exit", () => reject(new Error("Cannot count this run: a worker process ended")));
      child.on("message", (ended) => {
        done[at] = Number(ended);
        if (done.reduce((sum, many) => sum + many, 0) === count) resolve();
      });
    }
  });
}
