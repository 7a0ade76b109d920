/** Produces and consumes on one store until it is told to stop, reads the results of all it produced, and tells what it did. */

import { StemApp, task } from "../../../src/mod.ts";
import { optionsOf, say, told } from "./talk.ts";

const { url, place, id, lanes } = optionsOf({ id: "member", lanes: 4 });

// So often a lane waits for what it enqueued: producers that ran ahead of the workers would test a queue, not the sharing.
const RESULT_EVERY = 8;

const executed: string[] = [];
const work = task({
  name: "work",
  run: ({ id: taskId }, { n }: { n: number }) => {
    executed.push(taskId);
    return n * 2;
  },
});

const app = await StemApp.fromUrl(url, { ...place, tasks: [work], worker: { id } });
await app.start();
say({ type: "ready" });

const acknowledged: string[] = [];
const wrong: string[] = [];
const stopping = new AbortController();

async function produce(lane: number): Promise<void> {
  for (let n = lane; !stopping.signal.aborted; n += lanes) {
    const handle = await app.enqueue(work, { args: { n }, id: `${id}-${n}` });
    if (handle.accepted) acknowledged.push(handle.id);
    const isRead = Math.floor(n / lanes) % RESULT_EVERY === 0;
    if (isRead && await handle.result({ timeout: "30s" }) !== n * 2) wrong.push(handle.id);
  }
}

const commands = told();
await commands.next();
const producing = Promise.all(Array.from({ length: lanes }, (_, lane) => produce(lane)));
await commands.next();
stopping.abort();
await producing;
const ends = await Promise.all(acknowledged.map((taskId) => app.stack.results.waitFor(taskId, { timeout: "30s" })));
wrong.push(...ends.filter(({ state }) => state !== "succeeded").map((end) => end.id));
// Others may still wait for tasks that run here.
say({ type: "produced" });
await commands.next();
await app.close();
say({ type: "ended", acknowledged, executed, wrong });
