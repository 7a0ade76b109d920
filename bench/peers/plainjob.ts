/** plainjob on SQLite, on better-sqlite3: WAL and synchronous NORMAL are its own settings. It keeps no results. */

import { isPayload } from "../measure.ts";
import type { Faces, Place, QueueSystem } from "../systems.ts";
import { importing, load } from "./load.ts";

/** The parts of plainjob that are used here. */
interface PlainJob {
  better(database: object): object;
  defineQueue(options: object): PlainQueue;
  defineWorker(type: string, process: (job: { readonly data: string }) => void, options: object): PlainWorker;
}

interface PlainQueue {
  add(type: string, data: unknown): unknown;
  addMany(type: string, data: readonly unknown[]): unknown;
  countJobs(options: { readonly status: number }): number;
  close(): void;
}

interface PlainWorker {
  start(): Promise<void>;
  stop(): Promise<void>;
}

const { better, defineQueue, defineWorker } = await load<PlainJob>("plainjob", "better", "defineQueue", "defineWorker");
const { default: Database } = await load<{ readonly default: new (path: string) => object }>("better-sqlite3", "default");

/** What plainjob can do. */
export const faces: Faces = { queue, imports: importing("plainjob", "better-sqlite3") };

async function queue({ url }: Place): Promise<QueueSystem> {
  const logger = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {} };
  const jobs = defineQueue({ connection: better(new Database(url)), logger });
  return {
    enqueue: async (payload) => jobs.add("echo", payload),
    enqueueMany: async (payloads) => jobs.addMany("echo", payloads),
    // A worker of its runs one job at a time.
    work: async (concurrency, run) => {
      let [done, wanted] = [0, Number.POSITIVE_INFINITY];
      let resolve: () => void = () => {};
      const onCompleted = (): void => {
        if (++done === wanted) resolve();
      };
      const workers = Array.from({ length: concurrency }, () =>
        defineWorker("echo", ({ data }) => {
          const payload: unknown = JSON.parse(data);
          if (isPayload(payload)) run(payload);
        }, { queue: jobs, logger, onCompleted }));
      return {
        start: () => workers.forEach((worker) => void worker.start()),
        finished: (count) =>
          new Promise((fulfil) => {
            if (done >= count) fulfil();
            [wanted, resolve] = [count, fulfil];
          }),
        stop: async () => void await Promise.all(workers.map((worker) => worker.stop())),
      };
    },
    unfinished: async () => [0, 1, 3].reduce((sum, status) => sum + jobs.countJobs({ status }), 0),
    close: async () => jobs.close(),
  };
}
