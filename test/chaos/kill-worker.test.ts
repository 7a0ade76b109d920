/** `kill -9` of a worker that holds fifty tasks: another one finishes them all, once each. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { inMs, runsIn, setStage, stores } from "./stage.ts";

const TASKS = 50;
const LEASE_MS = 2_000;

// Both at once: most of the time passes in waiting.
describe("kill -9 of a worker", { concurrency: true }, () => {
  for (const store of stores) {
    test(`${store.name}: what a killed worker held is finished elsewhere within its lease and two seconds`, {
      ...store.needs,
      timeout: 60_000,
    }, async (t) => {
      await using stage = await setStage(store);
      const app = await stage.app();
      const settings = { lease: LEASE_MS, concurrency: TASKS };
      const victim = stage.start("worker", { ...settings, id: "victim", blocks: true });
      const heir = stage.start("worker", { ...settings, id: "heir", waits: true });
      await Promise.all([victim.hear("ready"), heir.hear("waiting")]);
      const handles = await app.stem.enqueueMany(Array.from({ length: TASKS }, (_, n) => ({ task: "work", id: `task-${n}` })));
      await victim.hear("task-started", TASKS);
      heir.tell("start");
      await heir.hear("ready");

      const killedAt = performance.now();
      await victim.kill();
      await Promise.all(handles.map((handle) => handle.result({ timeout: "20s" })));
      const tookMs = performance.now() - killedAt;
      t.diagnostic(`${store.name}: ${TASKS} tasks finished ${inMs(tookMs)} after kill -9, with a lease of ${LEASE_MS} ms`);
      assert.ok(tookMs <= LEASE_MS + 2_000, `they took ${tookMs} ms`);

      assert.equal(runsIn(await heir.end()).length, TASKS);
      assert.equal(victim.said("task-succeeded").length, 0);
      assert.deepEqual(
        heir.said("task-succeeded").map(({ id, deliveryCount }) => `${String(id)} ${String(deliveryCount)}`).toSorted(),
        handles.map(({ id }) => `${id} 2`).toSorted(),
      );
      const { items } = await app.stack.results.list({}, { limit: 1_000 });
      assert.equal(items.length, TASKS);
      for (const status of items) assert.deepEqual([status.state, status.attempt, status.worker], ["succeeded", 1, "heir"]);
      assert.deepEqual(await app.stack.broker.counts("default"), { ready: 0, delayed: 0, inflight: 0, dead: 0 });
    });
  }
});
