/** Stem as it is measured: through the calls that its users make. */

import type { Adapter } from "@stem/stem";
import { memory } from "@stem/stem/memory";
import { Stem, task, Worker } from "@stem/stem";
import { postgres } from "@stem/stem/postgres";
import { redis } from "@stem/stem/redis";
import { sqlite } from "@stem/stem/sqlite";
import { root } from "../test/support/runtimes.ts";
import type { Payload } from "./measure.ts";
import type { Faces, LockSystem, Place, QueueSystem, QueueWorker, ResultSystem, StoreName } from "./systems.ts";

const connects: Readonly<Record<StoreName, (url: string, namespace: string) => Promise<Adapter>>> = {
  memory: async (_url, namespace) => memory({ namespace }),
  sqlite: (url, namespace) => sqlite(url, { namespace }),
  postgres: (url, namespace) => postgres(url, { namespace }),
  redis: (url, namespace) => redis(url, { namespace }),
};

const echo = task({ name: "bench.echo", run: (_context, args: Payload) => args });

const drivers: Readonly<Record<StoreName, readonly string[]>> = {
  memory: [],
  sqlite: ["libsql"],
  postgres: ["postgres"],
  redis: ["ioredis"],
};

/** What Stem can do. */
export const faces: Faces = {
  ...facesOf(({ store, url, space }) => connects[store](url, space)),
  imports: ({ store }) => ({ folder: root, names: ["@stem/stem", `@stem/stem/${store}`, ...drivers[store]] }),
};

/** What Stem can do on stores that are connected to in a way of one's own. */
export function facesOf(adapter: (place: Place) => Promise<Adapter>): Faces {
  return {
    adapter,
    queue: async (place) => stemQueue(await adapter(place)),
    results: async (place) => stemResults(await adapter(place)),
    locks: async (place) => stemLocks(await adapter(place)),
  };
}

function stemQueue(adapter: Adapter): QueueSystem {
  const { broker, results: backend } = adapter;
  const stem = new Stem({ broker, backend, registry: [echo] });
  return {
    enqueue: (args) => stem.enqueue(echo, { args }),
    enqueueMany: (payloads) => stem.enqueueMany(payloads.map((args) => ({ task: echo, args }))),
    call: async (args) => (await stem.enqueue(echo, { args })).result({ timeout: "10s" }),
    work: async (concurrency, run) => {
      const doing = task({ name: echo.name, run: (_context, args: Payload) => run(args) });
      return toWorker(new Worker({ broker, backend, registry: [doing], concurrency }));
    },
    unfinished: async () => {
      const { ready, delayed, inflight, dead } = await broker.counts("default");
      return ready + delayed + inflight + dead;
    },
    results: () => countSucceeded(backend),
    close: () => adapter.close(),
  };
}

function toWorker(worker: Worker): QueueWorker {
  let [succeeded, wanted] = [0, Number.POSITIVE_INFINITY];
  let [resolve, reject]: [() => void, (error: Error) => void] = [() => {}, () => {}];
  worker.subscribe((event) => {
    if (event.type === "task-succeeded" && ++succeeded === wanted) resolve();
    if (event.type === "task-failed" || event.type === "error") reject(new Error(`The worker said ${event.type}`, { cause: event }));
  });
  return {
    start: () => void worker.start().catch((error: unknown) => reject(new Error("The worker did not start", { cause: error }))),
    finished: (count) =>
      new Promise((fulfil, refuse) => {
        if (succeeded >= count) fulfil();
        [wanted, resolve, reject] = [count, fulfil, refuse];
      }),
    stop: () => worker.shutdown(),
  };
}

function stemResults(adapter: Adapter): ResultSystem {
  const { results } = adapter;
  return {
    set: (id, payload) => results.set(id, "succeeded", { payload }),
    get: async (id) => (await results.get(id))?.payload,
    getMany: async (ids) => (await results.getMany(ids)).map((status) => status?.payload),
    close: () => adapter.close(),
  };
}

function stemLocks(adapter: Adapter): LockSystem {
  return {
    acquire: async (key) => {
      const lock = await adapter.locks.acquire(key, { owner: "bench", ttl: "1m" });
      return async () => await lock?.release() === true;
    },
    close: () => adapter.close(),
  };
}

async function countSucceeded(backend: Adapter["results"]): Promise<number> {
  let count = 0;
  let cursor: string | undefined;
  do {
    const page = await backend.list({ state: "succeeded" }, { limit: 1_000, ...(cursor === undefined ? {} : { cursor }) });
    count += page.items.length;
    cursor = page.cursor;
  } while (cursor !== undefined);
  return count;
}
