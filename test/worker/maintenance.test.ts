/** A worker deletes what has expired in its stores. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock, memory, Worker } from "../../src/mod.ts";

test("a worker sweeps expired statuses and dead letters again and again", { timeout: 10_000 }, async () => {
  const clock = new ManualClock();
  const { broker, results: backend, close } = memory({ clock });
  const sweeps: number[] = [];
  const sweeping = Object.assign(Object.create(backend), {
    sweep: async (options: { readonly limit?: number }) => {
      const swept = await backend.sweep(options);
      sweeps.push(swept);
      return swept;
    },
  });
  // More than one step takes, so that the next one follows soon.
  await backend.setMany(Array.from({ length: 700 }, (_, at) => ({ id: `task-${at}`, state: "succeeded", ttl: "10s" })));
  const worker = new Worker({ broker, backend: sweeping, registry: [], clock, sweepEvery: "1m", heartbeat: "1h" });
  await worker.start();
  await clock.advance(59_999);
  assert.deepEqual(sweeps, []);
  await clock.advance(1);
  assert.deepEqual(sweeps, [500]);
  await clock.advance(100);
  assert.deepEqual(sweeps, [500, 200]);
  await clock.advance(60_000);
  assert.deepEqual(sweeps, [500, 200, 0]);
  await worker.shutdown();
  assert.equal(clock.pending, 0);
  await close();
});
