/** graphile-worker on Postgres, plain, and with what its documentation recommends for throughput: a local queue and completions in batches. */

import { EventEmitter } from "node:events";
import type { Payload } from "../measure.ts";
import type { Faces, Place, QueueSystem } from "../systems.ts";
import { until } from "../systems.ts";
import { importing, load } from "./load.ts";
import { openPool } from "./pg.ts";

/** The parts of graphile-worker that are used here. */
interface GraphileWorker {
  readonly Logger: new (factory: () => () => void) => object;
  makeWorkerUtils(options: object): Promise<GraphileUtils>;
  run(options: object): Promise<{ stop(): Promise<void> }>;
}

interface GraphileUtils {
  addJob(identifier: string, payload: Payload): Promise<unknown>;
  addJobs(jobs: readonly { readonly identifier: string; readonly payload: Payload }[]): Promise<unknown>;
  release(): Promise<void>;
}

const { Logger, makeWorkerUtils, run: runWorker } = await load<GraphileWorker>("graphile-worker", "Logger", "makeWorkerUtils", "run");

/** What it can do as it comes. */
export const plain: Faces = { imports: importing("graphile-worker"), queue: (place) => queue(place, {}) };

/** What it can do at its fastest. */
export const batched: Faces = {
  queue: (place) => queue(place, { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 }),
};

async function queue({ url }: Place, settings: object): Promise<QueueSystem> {
  const pgPool = await openPool(url);
  const options = { pgPool, logger: new Logger(() => () => {}) };
  const utils = await makeWorkerUtils(options);
  const unfinished = async (): Promise<number> =>
    Number((await pgPool.query("select count(*) as count from graphile_worker._private_jobs")).rows[0]?.["count"]);
  return {
    enqueue: (payload) => utils.addJob("echo", payload),
    enqueueMany: (payloads) => utils.addJobs(payloads.map((payload) => ({ identifier: "echo", payload }))),
    work: async (concurrency, run) => {
      const events = new EventEmitter();
      let runner: ReturnType<typeof runWorker> | undefined;
      let [done, wanted] = [0, Number.POSITIVE_INFINITY];
      let resolve: () => void = () => {};
      events.on("job:complete", () => ++done === wanted && resolve());
      const taskList = { echo: async (payload: Payload) => void run(payload) };
      const preset = { worker: { ...settings, concurrentJobs: concurrency } };
      return {
        start: () => void (runner = runWorker({ ...options, events, taskList, preset, parsedCronItems: [], noHandleSignals: true })),
        // It says that a job has ended before that is written.
        finished: async (count) => {
          await new Promise<void>((fulfil) => {
            if (done >= count) fulfil();
            [wanted, resolve] = [count, fulfil];
          });
          await until(async () => await unfinished() === 0);
        },
        stop: async () => await (await runner)?.stop(),
      };
    },
    unfinished,
    close: async () => {
      await utils.release();
      await pgPool.end();
    },
  };
}
