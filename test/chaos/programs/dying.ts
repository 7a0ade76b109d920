/** Does one step, and is dead in the same instant in which the store has acknowledged it. */

import process from "node:process";
import { StemApp, task } from "../../../src/mod.ts";
import { optionsOf } from "./talk.ts";

const { url, place, step, id } = optionsOf({ step: "enqueue", id: "one" });

const work = task({ name: "work", run: () => ({ by: id }) });
const die = (): void => {
  process.kill(process.pid, "SIGKILL");
};

const app = await StemApp.fromUrl(url, { ...place, tasks: [work], autoStart: false, worker: { concurrency: 1, queues: [`queue-${id}`] } });
if (step === "enqueue") {
  await app.enqueue(work, { id, queue: `queue-${id}` });
  die();
} else {
  app.worker.subscribe(({ type }) => {
    if (type === "task-succeeded") die();
  });
  await app.start();
}
