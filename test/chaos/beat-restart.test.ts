/** A server dies under a Beat, and comes back: no slot is lost or doubled, and Beat goes on without being restarted. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pass } from "node:timers/promises";
import { Beat } from "../../src/mod.ts";
import { mortals } from "./mortal.ts";
import { inMs, setStage } from "./stage.ts";

const SLOTS = 10;
const OUTAGE_MS = 2_500;

for (const mortal of mortals) {
  test(`${mortal.name}, killed with -9 under Beat and started again: every slot is dispatched once`, {
    ...mortal.needs,
    timeout: 90_000,
  }, async (t) => {
    await using server = await mortal.start();
    await using stage = await setStage({ urlIn: () => server.url });
    const { stack } = await stage.app({ logger: silent });
    const { broker, results: backend, schedules: store, locks: lockStore } = stack;
    const beat = new Beat({ broker, backend, store, lockStore, lease: "2s", logger: silent });
    const dispatched: number[] = [];
    const operations = new Set<string>();
    const finished = new Promise<void>((resolve) =>
      beat.subscribe((event) => {
        if (event.type === "error") operations.add(event.operation);
        if (event.type === "slot-dispatched" && dispatched.push(event.claim.slot) === SLOTS) resolve();
      })
    );
    const startAt = Date.now() + 500;
    const endAt = startAt + (SLOTS - 1) * 1_000;
    await store.upsert({ id: "tick", spec: { kind: "interval", everyMs: 1_000 }, task: { name: "work" }, startAt, endAt });
    await beat.start();
    await pass(startAt + 2_500 - Date.now());

    await server.kill();
    await pass(OUTAGE_MS);
    await server.restart();
    const backAt = Date.now();
    await finished;
    await beat.stop();

    const expected = Array.from({ length: SLOTS }, (_, second) => startAt + second * 1_000);
    const { items } = await store.history("tick");
    assert.deepEqual(items.map(({ slot }) => slot).toReversed(), expected);
    assert.deepEqual(new Set(items.map(({ kind }) => kind)), new Set(["dispatched"]));
    assert.equal((await broker.counts("default")).ready, SLOTS);
    assert.equal(new Set(items.map(({ taskId }) => taskId)).size, SLOTS);
    const firstAfter = Math.min(...items.filter(({ completedAt }) => completedAt >= backAt).map(({ completedAt }) => completedAt));
    assert.ok(firstAfter - backAt < 8_000, `it took ${firstAfter - backAt} ms to go on`);
    t.diagnostic(
      `${mortal.name}: the first slot after the return came ${
        inMs(firstAfter - backAt)
      } after it; ${operations.size} kinds of errors were reported meanwhile`,
    );
  });
}

const silent = { debug() {}, info() {}, warn() {}, error() {} };
