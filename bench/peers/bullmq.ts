/** BullMQ on Redis, through the calls that its users make. */

import type { Payload } from "../measure.ts";
import type { Faces, Place, QueueSystem } from "../systems.ts";
import { importing, load } from "./load.ts";

/** The parts of BullMQ that are used here. */
interface BullMq {
  readonly Queue: new (name: string, options: object) => BullQueue;
  readonly Worker: new (name: string, process: (job: BullJob) => Promise<unknown>, options: object) => BullWorker;
  readonly QueueEvents: new (name: string, options: object) => BullEvents;
}

interface BullJob {
  readonly data: Payload;
  waitUntilFinished(events: BullEvents): Promise<unknown>;
}

interface BullEvents {
  waitUntilReady(): Promise<unknown>;
  close(): Promise<void>;
}

interface BullQueue {
  add(name: string, data: Payload): Promise<BullJob>;
  addBulk(jobs: readonly { readonly name: string; readonly data: Payload }[]): Promise<unknown>;
  getJobCounts(...states: string[]): Promise<Readonly<Record<string, number>>>;
  waitUntilReady(): Promise<unknown>;
  close(): Promise<void>;
}

interface BullWorker {
  on(event: "completed" | "failed" | "error", listener: (first: unknown, second?: unknown) => void): unknown;
  run(): Promise<void>;
  waitUntilReady(): Promise<unknown>;
  close(): Promise<void>;
}

const { Queue, Worker, QueueEvents } = await load<BullMq>("bullmq", "Queue", "Worker", "QueueEvents");

/** What BullMQ can do. */
export const faces: Faces = { queue, imports: importing("bullmq") };

async function queue({ url, space }: Place): Promise<QueueSystem> {
  const { hostname: host, port } = new URL(url);
  const options = { connection: { host, port: Number(port), maxRetriesPerRequest: null } };
  const jobs = new Queue(space, options);
  await jobs.waitUntilReady();
  let events: Promise<BullEvents> | undefined;
  const count = async (...states: string[]): Promise<number> =>
    Object.values(await jobs.getJobCounts(...states)).reduce((sum, many) => sum + many, 0);
  return {
    enqueue: (data) => jobs.add("echo", data),
    enqueueMany: (payloads) => jobs.addBulk(payloads.map((data) => ({ name: "echo", data }))),
    call: async (data) => {
      const ready = await (events ??= openEvents(space, options));
      return await (await jobs.add("echo", data)).waitUntilFinished(ready);
    },
    work: async (concurrency, run) => {
      const worker = new Worker(space, async ({ data }) => run(data), { ...options, concurrency, autorun: false });
      let [done, wanted] = [0, Number.POSITIVE_INFINITY];
      let [resolve, reject]: [() => void, (error: Error) => void] = [() => {}, () => {}];
      const fail = (error: unknown): void => reject(new Error("A job failed", { cause: error }));
      worker.on("completed", () => ++done === wanted && resolve());
      worker.on("failed", (_job, error) => fail(error));
      worker.on("error", fail);
      await worker.waitUntilReady();
      return {
        start: () => void worker.run().catch(fail),
        finished: (many) =>
          new Promise((fulfil, refuse) => {
            if (done >= many) fulfil();
            [wanted, resolve, reject] = [many, fulfil, refuse];
          }),
        stop: () => worker.close(),
      };
    },
    unfinished: () => count("waiting", "active", "delayed", "failed"),
    results: () => count("completed"),
    close: async () => {
      await (await events)?.close();
      await jobs.close();
    },
  };
}

async function openEvents(space: string, options: object): Promise<BullEvents> {
  const events = new QueueEvents(space, options);
  await events.waitUntilReady();
  return events;
}
