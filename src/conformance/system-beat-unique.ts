import { ConflictError } from "../errors.ts";
import { task } from "../tasks/task.ts";
import { equal, ok, present, throws } from "./assert.ts";
import type { ConformanceCase } from "./case.ts";
import { claimOne } from "./steps.ts";
import { timedBeatLawOnBoth } from "./system-beat-rig.ts";

const work = task({ name: "work", unique: true, run: () => undefined });

/** Schedules of unique tasks: a slot enqueues no second task beside one that has not ended. */
export const systemBeatUniqueCases: readonly ConformanceCase[] = Object.freeze([
  ...timedBeatLawOnBoth("[Y21 Y31] a slot whose unique task has not ended is skipped, and says which task it was", async (beats) => {
    const { adapter: { locks: lockStore }, ledger, clock } = beats.rig.context;
    const startAt = clock.now() + 1_000;
    await beats.schedule({ id: "tick", startAt });
    const { beat, slots } = await beats.start({ registry: [work], lockStore });
    await beats.untilSlots("slot-dispatched", 1);
    const delivery = await claimOne(ledger);
    equal(slots("slot-dispatched"), [startAt], "the slot that was dispatched");
    await beats.untilSlots("slot-skipped", 1);
    const [, skipped] = await beats.history("tick");
    equal([skipped?.kind, skipped?.slot, skipped?.taskId], ["skipped", startAt + 1_000, undefined], "the slot after it");
    ok(present(skipped?.message, "a reason").includes(delivery.envelope.id), `Expected the id of the task, found "${skipped?.message}"`);
    await throws(() => beat.trigger("tick"), ConflictError, "the schedule by hand");

    // The worker gives the lock back with the end of the task.
    const claim = present(delivery.envelope.unique, "the lock of the task");
    await lockStore.release({ key: claim.key, owner: delivery.envelope.id, token: claim.token });
    await beats.untilSlots("slot-dispatched", 2);
    const last = (await beats.history("tick")).findLast(({ kind }) => kind === "dispatched");
    ok(last !== undefined && last.slot > startAt + 1_000, "Expected a later slot to be dispatched");
  }),

  ...timedBeatLawOnBoth("[Y26 Y34] a Beat without a lock store cannot enqueue a unique task, and says so of each slot", async (beats) => {
    const { broker } = beats.rig.context;
    await beats.schedule({ id: "tick", maxRuns: 1 });
    await beats.start({ registry: [work] });
    await beats.untilSlots("slot-failed", 1);
    const [failed] = await beats.history("tick");
    ok(/lockStore/.test(present(failed?.message, "a reason")), `Expected the lock store to be named, found "${failed?.message}"`);
    equal((await broker.counts("default")).ready, 0, "how many wait");
  }),
]);
