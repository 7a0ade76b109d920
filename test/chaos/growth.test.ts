/**
 * What is done leaves nothing behind: once the results have expired, Redis has the keys and the memory of the start, by the maintenance of a worker.
 *
 * `STEM_GROWTH_TASKS=1000000` makes it as many tasks as the promise is about; the ordinary run has fewer.
 */

import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { setTimeout as pass } from "node:timers/promises";
import { Redis } from "ioredis";
import { Wake } from "../../src/async/wake.ts";
import type { NamedCall } from "../../src/mod.ts";
import { task } from "../../src/mod.ts";
import { startRedis } from "../support/redis-server.ts";
import { needsRedisProgram } from "../support/servers.ts";
import type { Stage } from "./stage.ts";
import { setStage } from "./stage.ts";

const TASKS = Number(process.env["STEM_GROWTH_TASKS"] ?? 20_000);
const BATCH = 500;
const AHEAD = 5_000;
const LATEST_MS = 60_000 + TASKS;

const work = task({
  name: "work",
  resultTtl: "3s",
  retry: { maxRetries: 1, delay: "100ms", jitter: "none" },
  run: ({ attempt }, { n }: { n: number }) => {
    if (n % 50 === 7 && attempt === 1) throw new Error("asked to");
    return { n };
  },
});

interface Size {
  readonly keys: number;
  readonly bytes: number;
}

test(`Redis: after ${TASKS.toLocaleString("en-US")} tasks keys and memory are back where they were`, {
  ...needsRedisProgram,
  timeout: 2 * LATEST_MS,
}, async (t) => {
  // The log of slow commands keeps their arguments: up to half a megabyte on a busy machine.
  await using server = await startRedis({ settings: { appendonly: "no", "slowlog-log-slower-than": "-1" } });
  await using stage = await setStage({ urlIn: () => server.url });
  const client = new Redis(server.url);
  t.after(() => client.disconnect());

  await runTasks(stage, client, { from: 0, count: 1_000 });
  const start = await sizeOf(client);
  const startedAt = performance.now();
  const most = await runTasks(stage, client, { from: 1_000, count: TASKS });
  let end = await sizeOf(client);
  // The server gives tables that have become empty back in its own time.
  for (const deadline = performance.now() + 30_000; isMore(end, start) && performance.now() < deadline; end = await sizeOf(client)) {
    await pass(200);
  }

  t.diagnostic(
    `${TASKS} tasks in ${Math.round((performance.now() - startedAt) / 1_000)} s: from ${told(start)} over ${told(most)} to ${told(end)}`,
  );
  assert.equal(end.keys, start.keys);
  assert.ok(!isMore(end, start), `${end.bytes} bytes are left of ${most.bytes}; at the start there were ${start.bytes}`);
});

/** What there is while a worker has nothing to do: the counter of the namespace, its heartbeat with an index, and where it waits for work. */
const atRest = /^stem:\{[^}]*\}:(?:#|h|hx|qw:default)$/;

interface Run {
  readonly from: number;
  readonly count: number;
}

/** Enqueues and runs tasks of many kinds, and waits until all of them have expired and been swept. Answers the largest size that was seen. */
async function runTasks(stage: Stage, client: Redis, { from, count }: Run): Promise<Size> {
  const app = await stage.app({ tasks: [work], worker: { concurrency: 200, sweepEvery: "200ms" } });
  const progress = new Wake();
  let done = 0;
  app.worker.subscribe(({ type }) => {
    if (type !== "task-succeeded") return;
    done += 1;
    progress.notify();
  });
  await app.start();
  const untilDone = async (atLeast: number): Promise<void> => {
    for (;;) {
      const ticket = progress.ticket();
      if (done >= atLeast) return;
      await progress.after(ticket);
    }
  };
  let most = await sizeOf(client);
  for (let n = 0; n < count; n += BATCH) {
    await app.stem.enqueueMany(Array.from({ length: Math.min(BATCH, count - n) }, (_, at) => callOf(from + n + at)));
    await untilDone(n - AHEAD);
    most = larger(most, await sizeOf(client));
  }
  await untilDone(count);
  for (const deadline = performance.now() + LATEST_MS;;) {
    const { keys } = await sizeOf(client);
    const busy = keys < 100 ? (await client.keys("*")).filter((key) => !atRest.test(key)) : undefined;
    if (busy?.length === 0) break;
    assert.ok(performance.now() < deadline, `${keys} keys are left, among them ${busy?.join(", ")}`);
    await pass(200);
  }
  await app.close();
  return most;
}

function callOf(n: number): NamedCall {
  return {
    task: work,
    args: { n },
    priority: n % 10,
    ...n % 20 === 3 ? { delay: "200ms" } : {},
    ...n % 100 === 5 ? { unique: true } : {},
  };
}

async function sizeOf(client: Redis): Promise<Size> {
  const [keys, info] = await Promise.all([client.dbsize(), client.info("memory")]);
  return { keys, bytes: Number(/^used_memory:(\d+)/m.exec(info)?.[1]) };
}

function larger(one: Size, other: Size): Size {
  return { keys: Math.max(one.keys, other.keys), bytes: Math.max(one.bytes, other.bytes) };
}

function isMore(size: Size, than: Size): boolean {
  return size.bytes > than.bytes * 1.05;
}

function told({ keys, bytes }: Size): string {
  return `${keys} keys and ${(bytes / 1024 / 1024).toFixed(2)} MB`;
}
