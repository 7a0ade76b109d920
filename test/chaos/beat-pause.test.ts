/** A leading Beat is stopped past its lease, as a paused host is, and goes on: another has led meanwhile, and no slot is doubled. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pass } from "node:timers/promises";
import { allRuns, doubledSlots, isLeading, judgeSlots, writeSchedules } from "./slots.ts";
import { setStage, stores } from "./stage.ts";

const LEASE_MS = 1_500;
const LOAD = { schedules: 5, seconds: 10 };

for (const store of stores) {
  test(`${store.name}: a leading Beat that stands still past its lease doubles no slot when it goes on`, {
    ...store.needs,
    timeout: 90_000,
  }, async () => {
    await using stage = await setStage(store);
    const { stack } = await stage.app();
    const beats = ["a", "b"].map((id) => stage.start("beat", { id, lease: LEASE_MS }));
    await Promise.all(beats.map((beat) => beat.hear("ready")));
    const startAt = await writeSchedules(stack, LOAD);
    await pass(startAt + 2_500 - Date.now());
    const paused = beats.find(isLeading);
    const other = beats.find((beat) => beat !== paused);
    assert.ok(paused !== undefined && other !== undefined, "one of them leads");
    paused.signal("SIGSTOP");
    await other.hear("leading");
    await pass(startAt + 6_500 - Date.now());
    paused.signal("SIGCONT");
    await paused.hear("following");
    const runs = await allRuns(stack, LOAD, startAt);
    await Promise.all(beats.map((beat) => beat.end()));
    await judgeSlots(stack, runs, { ...LOAD, startAt });
    assert.deepEqual(doubledSlots(beats), []);
    assert.ok(other.said("slot-dispatched").length > 0);
  });
}
