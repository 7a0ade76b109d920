/** Schedules that fire each second at the same moment, and what must have become of each of their slots. */

import assert from "node:assert/strict";
import { setTimeout as pass } from "node:timers/promises";
import type { ScheduleRun, StemStack } from "../../src/mod.ts";
import type { Program } from "./stage.ts";

/** How many schedules there are, and how many slots each has. */
export interface Load {
  /** How many schedules fire at each moment. */
  readonly schedules: number;
  /** How often, once a second. */
  readonly seconds: number;
}

/** Writes the schedules. Answers the first slot, which is a while from now. */
export async function writeSchedules({ schedules }: StemStack, load: Load): Promise<number> {
  const startAt = Date.now() + 1_500;
  for (let n = 0; n < load.schedules; n++) {
    await schedules.upsert({
      id: `tick-${n}`,
      spec: { kind: "interval", everyMs: 1_000 },
      task: { name: "work", args: { n } },
      startAt,
      endAt: startAt + (load.seconds - 1) * 1_000,
    });
  }
  return startAt;
}

/** Waits until every schedule has come to its end, and tells all of their past. */
export async function allRuns({ schedules }: StemStack, load: Load, startAt: number): Promise<readonly ScheduleRun[]> {
  await pass(startAt + load.seconds * 1_000 - Date.now());
  const runs: ScheduleRun[] = [];
  for (let n = 0; n < load.schedules; n++) {
    for (const deadline = Date.now() + 30_000; (await schedules.get(`tick-${n}`))?.nextRunAt !== undefined;) {
      assert.ok(Date.now() < deadline, `schedule tick-${n} does not come to its end`);
      await pass(100);
    }
    runs.push(...(await schedules.history(`tick-${n}`, { limit: 100 })).items);
  }
  return runs;
}

/** Every slot was dispatched, once; its task waits in the queue, and nothing else does; no two programs say that they dispatched it. */
export async function judgeSlots(
  stack: StemStack,
  runs: readonly ScheduleRun[],
  slots: Load & { readonly startAt: number },
): Promise<void> {
  const expected = Array.from({ length: slots.seconds }, (_, second) => slots.startAt + second * 1_000);
  for (let n = 0; n < slots.schedules; n++) {
    const own = runs.filter(({ scheduleId }) => scheduleId === `tick-${n}`);
    assert.deepEqual(own.filter(({ kind }) => kind !== "dispatched"), []);
    assert.deepEqual(own.map(({ slot }) => slot).toSorted((a, b) => a - b), expected, `the slots of tick-${n}`);
  }
  const { broker } = stack;
  const { ready } = await broker.counts("default");
  assert.equal(ready, slots.seconds * slots.schedules, "how many tasks wait");
  const ids: string[] = [];
  while (ids.length < ready) {
    const deliveries = await broker.claim({ queues: ["default"], limit: 500, consumer: "judge", leaseMs: 60_000 });
    if (deliveries.length === 0) break;
    ids.push(...deliveries.map(({ envelope }) => envelope.id));
  }
  assert.deepEqual(ids.toSorted(), runs.map(({ taskId = "none" }) => taskId).toSorted(), "the ids of the tasks");
}

/** Slots that were dispatched more than once, as the programs tell it. */
export function doubledSlots(beats: readonly Program[]): readonly string[] {
  const told = beats.flatMap((beat) => beat.said("slot-dispatched")).map(({ scheduleId, slot }) =>
    `${String(scheduleId)} at ${String(slot)}`
  );
  return told.filter((slot, index) => told.indexOf(slot) !== index);
}

/** Whether a program took the lock and did not give it back. */
export function isLeading(beat: Program): boolean {
  return beat.said("leading").length > beat.said("following").length;
}
