import type { ScheduleInput } from "../model/schedule.ts";
import { equal, present } from "./assert.ts";
import { type ConformanceCase, law, timedLaw } from "./case.ts";
import { claimNoSlot, claimSlot, dispatched, entryOf, everyMinute, nextOf, SECOND } from "./schedule-steps.ts";

const HOUR = 3_600 * SECOND;

/** What changes of an entry do to its slot. */
export const scheduleChangeCases: readonly ConformanceCase[] = Object.freeze([
  timedLaw(
    "[S7] a change of when it fires sets the next slot to the first after now",
    async ({ adapter: { schedules }, clock, second, id }) => {
      const other = (await second()).schedules;
      const at = clock.now();
      const daily: ScheduleInput = { ...everyMinute(""), spec: { kind: "cron", expression: "0 12 * * *" } };
      const noon = at + 12 * HOUR;
      const changes: readonly (readonly [name: string, change: Partial<ScheduleInput>, next: number | undefined])[] = [
        ["the spec", { spec: { kind: "cron", expression: "0 18 * * *" } }, at + 42 * HOUR],
        ["the zone", { timeZone: "Asia/Kolkata" }, at + 30.5 * HOUR],
        ["the start", { startAt: at + 72 * HOUR }, at + 84 * HOUR],
        ["the end", { endAt: at + 500 * HOUR }, at + 36 * HOUR],
        ["an end that leaves no slot", { endAt: at + 25 * HOUR }, undefined],
        ["the number of runs", { maxRuns: 5 }, at + 36 * HOUR],
      ];
      for (const [name, change, next] of changes) {
        clock.set(at);
        const input = { ...daily, id: id() };
        equal((await schedules.upsert(input)).nextRunAt, noon, "the slot before the change");
        // Noon has passed, and nobody came: the slot is due until the change.
        clock.set(at + 24 * HOUR);
        const changed = await other.upsert({ ...input, ...change });
        equal([changed.nextRunAt, changed.version], [next, 2], `next slot and version after a change of ${name}`);
        equal((await entryOf(schedules, input.id)).nextRunAt, next, `the same as it is read`);
        await claimNoSlot(schedules, `what is due after a change of ${name}`);
        await schedules.remove(input.id);
      }
    },
  ),

  timedLaw("[S7] any other change leaves the next slot", async ({ adapter: { schedules }, clock, id }) => {
    const name = id();
    const slot = present((await schedules.upsert(everyMinute(name))).nextRunAt, "a slot");
    await clock.advance(90 * SECOND);
    const changes: readonly Partial<ScheduleInput>[] = [
      { task: { name: "another", args: 1 } },
      { jitterMs: 5 },
      { expiresAfterMs: 60_000 },
      { misfire: { kind: "skip" } },
      { meta: { a: 1 } },
    ];
    for (const [index, change] of changes.entries()) {
      const changed = await schedules.upsert(everyMinute(name, change));
      equal([changed.version, changed.nextRunAt], [index + 2, slot], `version and slot after a change of ${Object.keys(change).join()}`);
    }
    equal((await claimSlot(schedules)).slot, slot, "the slot that is due");
  }),

  timedLaw("[S7] what was claimed when its entry changed is claimable again", async ({ adapter: { schedules }, clock, second, id }) => {
    const name = id();
    await schedules.upsert(everyMinute(name));
    await clock.advance(60 * SECOND);
    const stale = await claimSlot(schedules);
    const other = (await second()).schedules;
    await other.upsert(everyMinute(name, { task: { name: "corrected" } }));
    const claim = await claimSlot(other);
    equal([claim.slot, claim.entry.task.name, claim.entry.version], [stale.slot, "corrected", 2], "slot, task and version");
    equal(await schedules.complete(stale, dispatched(stale)), false, "the former holder's completion");
    equal(await schedules.upsert(everyMinute(name, { task: { name: "corrected" } })), claim.entry, "an upsert that changes nothing");
    equal(await other.complete(claim, dispatched(claim)), true, "the completion, which that did not disturb");
  }),

  timedLaw(
    "[S7] a disabled entry keeps its plan, and is planned from now when it is enabled again",
    async ({ adapter: { schedules }, clock, id }) => {
      const name = id();
      const slot = present((await schedules.upsert(everyMinute(name))).nextRunAt, "a slot");
      equal((await schedules.upsert(everyMinute(name, { enabled: false }))).nextRunAt, slot, "the plan of the disabled entry");
      await clock.advance(150 * SECOND);
      equal(await nextOf(schedules, name), slot, "the plan later on");
      const enabled = await schedules.upsert(everyMinute(name));
      equal([enabled.nextRunAt, enabled.version], [slot + 120 * SECOND, 3], "slot and version of the enabled entry");
      await claimNoSlot(schedules, "what is due: what it missed is gone");
      await clock.advance(30 * SECOND);
      equal((await claimSlot(schedules)).slot, slot + 120 * SECOND, "the slot that is due in the end");
    },
  ),

  timedLaw("[S7] disabling an entry takes its slot away from who holds it", async ({ adapter: { schedules }, clock, id }) => {
    const name = id();
    await schedules.upsert(everyMinute(name));
    await clock.advance(60 * SECOND);
    const claim = await claimSlot(schedules, { leaseMs: SECOND });
    await schedules.upsert(everyMinute(name, { enabled: false }));
    equal(await schedules.complete(claim, dispatched(claim)), false, "the completion");
    await clock.advance(3_600 * SECOND);
    await claimNoSlot(schedules, "what is due after the lease");
    equal((await entryOf(schedules, name)).runs, 0, "the runs");
  }),

  timedLaw("[S7] planning anew never brings a slot again that was completed", async ({ adapter: { schedules }, clock, id }) => {
    const at = clock.now();
    for (const kind of ["dispatched", "skipped", "failed"] as const) {
      const name = id();
      clock.set(at);
      await schedules.upsert(everyMinute(name));
      await clock.advance(60 * SECOND);
      const claim = await claimSlot(schedules);
      equal(await schedules.complete(claim, dispatched(claim, { kind })), true, "the completion");
      // Somebody sets the clock back, and then changes the entry.
      clock.set(at + 10 * SECOND);
      const changed = await schedules.upsert(everyMinute(name, { maxRuns: 10 }));
      equal(changed.nextRunAt, claim.slot + 60 * SECOND, `the slot after one that was ${kind}`);
      await schedules.remove(name);
    }
  }),

  timedLaw("[S6 S7] an entry without runs left goes on when it is given more, and ends when it is given fewer", async (context) => {
    const { adapter: { schedules }, clock, id } = context;
    const name = id();
    await schedules.upsert(everyMinute(name, { maxRuns: 1 }));
    await clock.advance(60 * SECOND);
    const first = await claimSlot(schedules);
    await schedules.complete(first, dispatched(first));
    equal(
      (await schedules.upsert(everyMinute(name, { maxRuns: 1, meta: { a: 1 } }))).nextRunAt,
      undefined,
      "the slot after another change",
    );
    await clock.advance(90 * SECOND);
    const more = await schedules.upsert(everyMinute(name, { maxRuns: 3 }));
    equal([more.nextRunAt, more.runs], [first.slot + 120 * SECOND, 1], "slot and runs with more of them");
    await clock.advance(30 * SECOND);
    const then = await claimSlot(schedules);
    await schedules.complete(then, dispatched(then));
    equal((await schedules.upsert(everyMinute(name, { maxRuns: 2 }))).nextRunAt, undefined, "the slot with as many as there were");
    await clock.advance(3_600 * SECOND);
    await claimNoSlot(schedules, "what is due in the end");
  }),

  timedLaw(
    "[S7] a clocked entry that was never completed keeps its slot when that has passed",
    async ({ adapter: { schedules }, clock, id }) => {
      const name = id();
      const at = clock.now() - 3_600 * SECOND;
      const past = { ...everyMinute(name), spec: { kind: "clocked", at } as const };
      equal((await schedules.upsert(past)).nextRunAt, at, "the slot of an entry that was made too late");
      await claimSlot(schedules, { leaseMs: SECOND });
      equal((await schedules.upsert({ ...past, enabled: false })).nextRunAt, at, "the slot of the disabled entry");
      equal((await schedules.upsert(past)).nextRunAt, at, "the slot of the entry that was enabled again");
      const claim = await claimSlot(schedules);
      equal(await schedules.complete(claim, { kind: "skipped" }), true, "the completion");
      equal((await schedules.upsert({ ...past, timeZone: "Europe/Berlin" })).nextRunAt, undefined, "the slot after it was completed");
      const later = clock.now() + 5 * SECOND;
      equal((await schedules.upsert({ ...past, spec: { kind: "clocked", at: later } })).nextRunAt, later, "the slot of another time");
    },
  ),

  law("[S7] an entry that was removed is gone, and a new one of its id begins anew", async ({ adapter: { schedules }, second, id }) => {
    const other = (await second()).schedules;
    const past = { ...everyMinute(id()), spec: { kind: "clocked", at: 1 } as const };
    await schedules.upsert(past);
    await schedules.upsert({ ...past, meta: { a: 1 } });
    const claim = await claimSlot(schedules);
    equal(await schedules.complete(claim, { kind: "dispatched" }), true, "the completion");
    equal(
      [await other.remove(past.id), await schedules.remove(past.id), await other.remove(past.id)],
      [true, false, false],
      "the removals",
    );
    equal([await schedules.get(past.id), await schedules.nextDueIn()], [undefined, undefined], "what is left");
    await claimNoSlot(schedules, "what is due of it");
    const again = await other.upsert(past);
    equal([again.version, again.runs, again.lastRunAt, again.nextRunAt], [1, 0, undefined, 1], "version, runs and slots of the new one");
  }),

  law("[S2 S5] changes and completions that race lose neither", async ({ adapter: { schedules }, second, id }) => {
    const [writer, scheduler] = [(await second()).schedules, (await second()).schedules];
    const name = id();
    const entry = (round: number): ScheduleInput => ({ ...everyMinute(name), spec: { kind: "clocked", at: 1 }, meta: { round } });
    await schedules.upsert(entry(0));
    let completed = 0;
    for (let round = 1; round <= 40; round++) {
      const claim = await claimSlot(schedules);
      equal(claim.slot, 1 + completed, "the slot that is due");
      const [written, done] = await Promise.all([
        writer.upsert(entry(round)),
        scheduler.complete(claim, { kind: "dispatched", nextRunAt: claim.slot + 1 }),
      ]);
      if (done) completed += 1;
      equal(written.version, round + 1, "the version that was told");
      const { meta, runs, version, nextRunAt } = await entryOf(schedules, name);
      equal([meta, runs, version, nextRunAt], [{ round }, completed, round + 1, 1 + completed], `what is read after round ${round}`);
    }
  }),
]);
