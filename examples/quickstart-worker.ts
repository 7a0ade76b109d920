/** The worker of the quickstart: a process of its own, started by `quickstart.ts`. It works until its standard input ends. */

import process from "node:process";
import { StemApp } from "@stem/stem";
import { tasks } from "./quickstart/tasks.ts";

const { STEM_URL = "", STEM_NAMESPACE = "stem" } = process.env;

// Ctrl-C in a terminal reaches every process in it. Here the parent decides when this one ends.
process.on("SIGINT", () => {});

const app = await StemApp.fromUrl(STEM_URL, { tasks, namespace: STEM_NAMESPACE, worker: { concurrency: 8 } });
await app.start();
for await (const _ of process.stdin);
// Warm: what runs may end, what was claimed and not started goes back to its queue.
await app.close();
