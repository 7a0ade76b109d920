/** A worker deletes what has expired in its stores. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { InMemoryBroker, InMemoryResultBackend, InMemoryRevokeStore, ManualClock, Worker } from "../../src/mod.ts";
import { maintenance } from "../../src/worker/maintenance.ts";

const away = new Error("away");

class AwayBackend extends InMemoryResultBackend {
  override sweep(): Promise<number> {
    return Promise.reject(away);
  }
}

class CountingBackend extends InMemoryResultBackend {
  readonly sweeps: number[] = [];

  override async sweep(options: { readonly limit?: number } = {}): Promise<number> {
    const swept = await super.sweep(options);
    this.sweeps.push(swept);
    return swept;
  }
}

test("a worker sweeps expired statuses and dead letters again and again", { timeout: 10_000 }, async () => {
  const clock = new ManualClock();
  const broker = new InMemoryBroker({ clock });
  const backend = new CountingBackend({ clock });
  const { sweeps } = backend;
  // More than one step takes, so that the next one follows soon.
  await backend.setMany(Array.from({ length: 700 }, (_, at) => ({ id: `task-${at}`, state: "succeeded", ttl: "10s" })));
  const worker = new Worker({ broker, backend, registry: [], clock, sweepEvery: "1m", heartbeat: "1h" });
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
  await Promise.all([broker.close(), backend.close()]);
});

test(
  "expired revocations are deleted too, and a store that is away does not keep the others from their sweep",
  { timeout: 10_000 },
  async () => {
    const clock = new ManualClock();
    const broker = new InMemoryBroker({ clock });
    const backend = new AwayBackend({ clock });
    const revokeStore = new InMemoryRevokeStore({ clock });
    const errors: unknown[] = [];
    await revokeStore.upsertAll([{ target: { kind: "task", id: "a" }, terminate: false, expiresInMs: 1_000 }]);
    const ticker = maintenance({ broker, backend, revokeStore, intervalMs: 60_000, clock, onError: (error) => errors.push(error) });
    ticker.start();
    await clock.advance(60_000);
    await ticker.stop();
    assert.deepEqual(errors, [away]);
    assert.equal(await revokeStore.pruneExpired(), 0);
    await Promise.all([broker.close(), backend.close(), revokeStore.close()]);
  },
);
