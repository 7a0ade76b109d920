/** A server dies under load, and comes back: no acknowledged task is lost, and workers go on without being restarted. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "node:test";
import { setInterval as ticks } from "node:timers/promises";
import type { StemApp, TaskHandle, TaskState } from "../../src/mod.ts";
import { StemError } from "../../src/mod.ts";
import { mortals } from "./mortal.ts";
import type { Run } from "./programs/talk.ts";
import type { Program } from "./stage.ts";
import { inMs, runsIn, setStage } from "./stage.ts";

const LEASE_MS = 2_000;
const LANES = 16;
// Long enough for pauses that double to become long ones.
const OUTAGE_MS = 3_000;

for (const mortal of mortals) {
  const options = { ...mortal.needs, timeout: 90_000 };
  describe(`${mortal.name} fails under load`, () => {
    test(`${mortal.name}, killed with -9 and started again: nothing acknowledged is lost, and the worker goes on`, options, async (t) => {
      await using server = await mortal.start();
      await using stage = await setStage({ urlIn: () => server.url });
      const { app, worker } = await workOn(stage);
      const load = startLoad(app);
      await pass(1_000);

      const killedAt = performance.now();
      await server.kill();
      await pass(OUTAGE_MS);
      await server.restart();
      const downMs = performance.now() - killedAt;
      const before = worker.said("task-succeeded").length;
      await worker.hear("task-succeeded", before + LANES);
      const resumedMs = performance.now() - killedAt - downMs;
      assert.ok(resumedMs < 3_000, `the worker took ${resumedMs} ms to go on`);
      await pass(1_000);

      const outcome = await load.stop();
      const duplicates = judge(outcome, runsIn(await worker.end()));
      t.diagnostic(
        `${mortal.name} was away for ${inMs(downMs)}; its worker had finished ${LANES} more tasks ${inMs(resumedMs)} after its return. ${
          summary(outcome, duplicates)
        }`,
      );
    });

    test(
      `${mortal.name}, ending every connection each 300 ms for 5 s: nothing acknowledged is lost, and the worker goes on`,
      options,
      async (t) => {
        await using server = await mortal.start();
        await using stage = await setStage({ urlIn: () => server.url });
        const { app, worker } = await workOn(stage);
        const load = startLoad(app);
        let rounds = 0;
        let ended = 0;
        for await (const _tick of ticks(300)) {
          if ((rounds += 1) * 300 > 5_000) break;
          ended += await server.endConnections();
        }
        await pass(1_000);

        const outcome = await load.stop();
        const duplicates = judge(outcome, runsIn(await worker.end()));
        const closingAt = performance.now();
        await app.close();
        const closedMs = performance.now() - closingAt;
        // A driver may wait for calls whose connection is gone.
        assert.ok(closedMs < 2_000, `closing took ${closedMs} ms`);
        t.diagnostic(`${mortal.name}: ${ended} connections were ended in ${rounds - 1} rounds. ${summary(outcome, duplicates)}`);
      },
    );
  });
}

async function workOn(stage: Awaited<ReturnType<typeof setStage>>): Promise<{ app: StemApp; worker: Program }> {
  const app = await stage.app({ logger: silent });
  const worker = stage.start("worker", { id: "worker", lease: LEASE_MS });
  await worker.hear("ready");
  return { app, worker };
}

interface LoadOutcome {
  readonly acknowledged: readonly string[];
  readonly attempted: ReadonlySet<string>;
  readonly refusals: readonly unknown[];
  readonly failures: readonly unknown[];
}

/** Enqueues and awaits in lanes until it is stopped; an error of the store is noted, and the lane goes on. */
function startLoad(app: StemApp): { stop(): Promise<LoadOutcome> } {
  const acknowledged: string[] = [];
  const attempted = new Set<string>();
  const refusals: unknown[] = [];
  const failures: unknown[] = [];
  const stopping = new AbortController();
  const lane = async (number: number): Promise<void> => {
    for (let n = 0; !stopping.signal.aborted; n += 1) {
      const id = `task-${number}-${n}`;
      attempted.add(id);
      // Some end in the dead letters, which takes a transaction.
      const args = { fails: n % 5 === 4 };
      const handle = await app.stem.enqueue("work", { id, args }).catch((error: unknown) => void refusals.push(error));
      if (handle === undefined) continue;
      acknowledged.push(id);
      await endOf(handle, args.fails ? "failed" : "succeeded").catch((error: unknown) => void failures.push(error));
    }
  };
  const lanes = Promise.all(Array.from({ length: LANES }, (_, number) => lane(number)));
  return {
    stop: async () => {
      stopping.abort();
      await lanes;
      return { acknowledged, attempted, refusals, failures };
    },
  };
}

/** Awaits a task's end, again where the store was away for longer than a call is repeated. */
async function endOf(handle: TaskHandle, state: TaskState): Promise<void> {
  for (;;) {
    try {
      await handle.result({ timeout: "20s" });
      return assert.equal(state, "succeeded");
    } catch (error) {
      if (StemError.is(error) && error.code === "TASK_FAILED") return assert.equal(state, "failed");
      if (!StemError.is(error) || error.code !== "STORE" || !error.retryable) throw error;
    }
  }
}

/** Holds what was run against what was acknowledged; answers how many tasks were run more than once. */
function judge({ acknowledged, attempted, refusals, failures }: LoadOutcome, runs: readonly Run[]): number {
  for (const error of refusals) assert.ok(StemError.is(error) && error.code === "STORE" && error.retryable, String(error));
  assert.deepEqual(failures.map(String), []);
  const byId = new Map<string, readonly Run[]>();
  for (const run of runs) byId.set(run.id, [...byId.get(run.id) ?? [], run]);
  assert.deepEqual(acknowledged.filter((id) => !byId.has(id)), []);
  assert.deepEqual([...byId.keys()].filter((id) => !attempted.has(id)), []);
  let duplicates = 0;
  for (const [id, [first, ...others]] of byId) {
    if (others.length > 0) duplicates += 1;
    let before = first;
    for (const next of others) {
      assert.ok(before !== undefined && next.deliveryCount > before.deliveryCount, `${id} was handed out anew as if for the first time`);
      assert.ok(next.claimedAt - before.claimedAt >= LEASE_MS, `${id} was run again after ${next.claimedAt - before.claimedAt} ms`);
      before = next;
    }
  }
  return duplicates;
}

function summary({ acknowledged, refusals }: LoadOutcome, duplicates: number): string {
  return `${acknowledged.length} tasks were acknowledged and all of them run, ${duplicates} of them twice because a lease ran out; ` +
    `${refusals.length} enqueues were refused`;
}

/** Lets the load run for a while. */
async function pass(ms: number): Promise<void> {
  await once(AbortSignal.timeout(ms), "abort");
}

const silent = { debug() {}, info() {}, warn() {}, error() {} };
