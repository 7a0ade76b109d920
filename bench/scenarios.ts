/** What is measured of a store, through the same calls that its users make. */

import type { Adapter } from "../src/contracts/adapter.ts";
import { Stem, task, Worker } from "../src/mod.ts";
import type { Figure } from "./measure.ts";
import { inFlight, measure, payload, perSecond } from "./measure.ts";

/** How much is done per run. */
export interface Scale {
  /** Tasks enqueued one by one. */
  readonly single: number;
  /** Tasks enqueued with 100 in flight, and tasks processed. */
  readonly many: number;
  /** How many runs count. */
  readonly runs: number;
}

const echo = task({ name: "bench.echo", run: (_context, args: ReturnType<typeof payload>) => args });

/** Makes a connection with a namespace of its own. */
export type Connect = (namespace: string) => Promise<Adapter>;

/** Measures one store. */
export async function measureStore(connect: Connect, scale: Scale): Promise<readonly Figure[]> {
  let spaces = 0;
  const figures: Figure[] = [];
  const within = async (work: (adapter: Adapter) => Promise<number>): Promise<number> => {
    const adapter = await connect(`bench-${++spaces}`);
    try {
      return await work(adapter);
    } finally {
      await adapter.close();
    }
  };
  const add = async (name: string, unit: Figure["unit"], work: (adapter: Adapter) => Promise<number>): Promise<void> => {
    figures.push(await measure(name, unit, scale.runs, () => within(work)));
  };

  await add("enqueue, one by one", "per second", (adapter) => enqueue(adapter, scale.single, 1));
  await add("enqueue, 100 in flight", "per second", (adapter) => enqueue(adapter, scale.many, 100));
  await add("enqueue, bulk of 1,000", "per second", (adapter) => enqueueBulk(adapter, scale.many));
  for (const concurrency of [1, 10, 100]) {
    const count = concurrency === 1 ? scale.single : scale.many;
    await add(`process, concurrency ${concurrency}`, "per second", (adapter) => process(adapter, count, concurrency));
  }
  await add("result set, 100 in flight", "per second", (adapter) => setResults(adapter, scale.many));
  await add("result get, 100 in flight", "per second", (adapter) => getResults(adapter, scale.many));
  await add("lock and unlock, one by one", "per second", (adapter) => lock(adapter, scale.single, 1));
  await add("lock and unlock, 100 in flight", "per second", (adapter) => lock(adapter, scale.many, 100));
  await add("enqueue to start, idle worker", "ms", (adapter) => pickup(adapter, 100));
  return figures;
}

async function enqueue({ broker, results: backend }: Adapter, count: number, width: number): Promise<number> {
  const stem = new Stem({ broker, backend, registry: [echo] });
  const rate = await perSecond(count, () => inFlight(count, width, (index) => stem.enqueue(echo, { args: payload(index) })));
  expectCount("ready after enqueueing", (await broker.counts("default")).ready, count);
  return rate;
}

async function enqueueBulk({ broker, results: backend }: Adapter, count: number): Promise<number> {
  const stem = new Stem({ broker, backend, registry: [echo] });
  const rate = await perSecond(count, async () => {
    for (let from = 0; from < count; from += 1_000) {
      const calls = Array.from({ length: Math.min(1_000, count - from) }, (_, at) => ({ task: echo, args: payload(from + at) }));
      await stem.enqueueMany(calls);
    }
  });
  expectCount("ready after enqueueing", (await broker.counts("default")).ready, count);
  return rate;
}

async function process({ broker, results: backend }: Adapter, count: number, concurrency: number): Promise<number> {
  const stem = new Stem({ broker, backend, registry: [echo] });
  for (let from = 0; from < count; from += 1_000) {
    await stem.enqueueMany(Array.from({ length: Math.min(1_000, count - from) }, (_, at) => ({ task: echo, args: payload(from + at) })));
  }
  const worker = new Worker({ broker, backend, registry: [echo], concurrency });
  let succeeded = 0;
  const rate = await perSecond(count, async () => {
    await new Promise<void>((resolve, reject) => {
      worker.subscribe((event) => {
        if (event.type === "task-succeeded" && ++succeeded === count) resolve();
        if (event.type === "task-failed" || event.type === "error") reject(new Error(`The worker said ${event.type}`, { cause: event }));
      });
      worker.start().catch(reject);
    });
  });
  await worker.shutdown();
  const { ready, delayed, inflight, dead } = await broker.counts("default");
  expectCount("left after processing", ready + delayed + inflight + dead, 0);
  expectCount("results after processing", await countSucceeded(backend, count), count);
  return rate;
}

async function setResults({ results }: Adapter, count: number): Promise<number> {
  const rate = await perSecond(
    count,
    () => inFlight(count, 100, (index) => results.set(`result-${index}`, "succeeded", { payload: payload(index) })),
  );
  expectCount("results after setting", await countSucceeded(results, count), count);
  return rate;
}

async function getResults({ results }: Adapter, count: number): Promise<number> {
  const ids = Array.from({ length: count }, (_, index) => `result-${index}`);
  for (let from = 0; from < count; from += 1_000) {
    await results.setMany(ids.slice(from, from + 1_000).map((id, at) => ({ id, state: "succeeded", payload: payload(from + at) })));
  }
  let found = 0;
  const rate = await perSecond(count, () =>
    inFlight(count, 100, async (index) => {
      if (await results.get(ids[index] ?? "") !== undefined) found++;
    }));
  expectCount("results found", found, count);
  return rate;
}

async function lock({ locks }: Adapter, count: number, width: number): Promise<number> {
  let released = 0;
  const rate = await perSecond(count, () =>
    inFlight(count, width, async (index) => {
      const held = await locks.acquire(`key-${index % width}-${index}`, { owner: "bench", ttl: "1m" });
      if (await held?.release() === true) released++;
    }));
  expectCount("locks given back", released, count);
  return rate;
}

async function pickup({ broker, results: backend }: Adapter, count: number): Promise<number> {
  let onStart: (at: number) => void = () => {};
  const mark = task({ name: "bench.mark", run: () => onStart(performance.now()) });
  const worker = new Worker({ broker, backend, registry: [mark], concurrency: 1 });
  await worker.start();
  const stem = new Stem({ broker, backend, registry: [mark] });
  const waits: number[] = [];
  for (let index = 0; index < count; index++) {
    const started = new Promise<number>((resolve) => {
      onStart = resolve;
    });
    const enqueuedAt = performance.now();
    const handle = await stem.enqueue(mark);
    waits.push(await started - enqueuedAt);
    await handle.result({ timeout: "10s" });
  }
  await worker.shutdown();
  waits.sort((a, b) => a - b);
  return waits[waits.length >> 1] ?? Number.NaN;
}

async function countSucceeded(backend: Adapter["results"], atMost: number): Promise<number> {
  let count = 0;
  let cursor: string | undefined;
  do {
    const page = await backend.list({ state: "succeeded" }, { limit: 1_000, ...(cursor === undefined ? {} : { cursor }) });
    count += page.items.length;
    cursor = page.cursor;
  } while (cursor !== undefined && count <= atMost);
  return count;
}

function expectCount(what: string, found: number, expected: number): void {
  if (found !== expected) throw new Error(`Cannot count this run: expected ${expected} ${what}, found ${found}`);
}
