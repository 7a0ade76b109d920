import { ConfigError } from "../errors.ts";
import type { ScheduleStore } from "../contracts/schedule-store.ts";
import type { ScheduleClaim } from "../model/schedule.ts";
import { equal, present, throws } from "./assert.ts";
import { type CaseContext, type ConformanceCase, timedLaw } from "./case.ts";
import { claimNoSlot, claimSlot, dispatched, entryOf, everyMinute, nextOf, SECOND } from "./schedule-steps.ts";

/** Ways in which a claim becomes stale; each answers the claim that holds the slot now, where there is one. */
const ENDINGS: Readonly<Record<string, (store: ScheduleStore, claim: ScheduleClaim, context: CaseContext) => Promise<void>>> = {
  "a takeover": async (store, claim, { clock }) => {
    clock.set(claim.leaseExpiresAt);
    await claimSlot(store);
  },
  "a completion": async (store, claim) => {
    equal(await store.complete(claim, dispatched(claim)), true, "the completion");
  },
  "a release": async (store, claim) => {
    equal(await store.release([claim]), [true], "the release");
  },
  "a change": async (store, { entry }) => {
    await store.upsert(everyMinute(entry.id, { meta: { changed: true } }));
  },
  "a removal": async (store, { entry }) => {
    equal(await store.remove(entry.id), true, "the removal");
  },
  "a new life": async (store, { entry, slot }) => {
    await store.remove(entry.id);
    await store.upsert({ ...everyMinute(entry.id), spec: { kind: "clocked", at: slot } });
    equal((await claimSlot(store)).slot, slot, "the slot of the new life");
  },
};

/** How slots end, and who may end them. */
export const scheduleCompletionCases: readonly ConformanceCase[] = Object.freeze([
  ...Object.entries(ENDINGS).map(([name, end]) =>
    timedLaw(`[S5 S7] after ${name} a completion is refused and changes nothing`, async (context) => {
      const { adapter: { schedules }, clock, second, id } = context;
      const entry = await schedules.upsert(everyMinute(id()));
      await clock.advance(60 * SECOND);
      const claim = await claimSlot(schedules, { leaseMs: 5 * SECOND });
      const other = (await second()).schedules;
      await end(other, claim, context);
      const before = [await other.get(entry.id), await other.history(entry.id), await other.nextDueIn()];
      for (const kind of ["dispatched", "skipped", "failed"] as const) {
        equal(await schedules.complete(claim, { kind, nextRunAt: claim.slot + 1 }), false, `the completion as ${kind}`);
      }
      equal([await other.get(entry.id), await other.history(entry.id), await other.nextDueIn()], before, "what is read after that");
    })
  ),

  timedLaw("[S5] a claim that was never given out is refused", async ({ adapter: { schedules }, clock, id }) => {
    const name = id();
    await schedules.upsert(everyMinute(name));
    const unclaimed = await entryOf(schedules, name);
    const slot = present(unclaimed.nextRunAt, "a slot");
    const invented = { entry: unclaimed, slot, token: 0, owner: "x", claimedAt: 1, leaseExpiresAt: slot };
    equal(await schedules.complete(invented, { kind: "skipped" }), false, "the completion of what nobody claimed");
    equal(await schedules.release([invented]), [false], "the release of it");
    await clock.advance(60 * SECOND);
    const claim = await claimSlot(schedules);
    const forged = [{ token: claim.token + 1 }, { token: claim.token - 1 }, { slot: claim.slot + 1 }, {
      entry: { ...claim.entry, id: "x" },
    }];
    for (const one of forged) {
      equal(
        await schedules.complete({ ...claim, ...one }, { kind: "failed" }),
        false,
        `the completion with ${Object.keys(one).join()} forged`,
      );
      equal(await schedules.release([{ ...claim, ...one }]), [false], `the release with ${Object.keys(one).join()} forged`);
    }
    equal(await schedules.complete({ ...claim, owner: "another" }, dispatched(claim)), true, "the completion under the true token");
  }),

  timedLaw("[S5] of two completions of one claim the first counts", async ({ adapter: { schedules }, clock, second, id }) => {
    const stores = [schedules, (await second()).schedules, (await second()).schedules];
    const name = id();
    await schedules.upsert(everyMinute(name));
    for (let run = 1; run <= 5; run++) {
      await clock.advance(60 * SECOND);
      const claim = await claimSlot(schedules);
      const nexts = Array.from({ length: 6 }, (_, index) => claim.slot + 60 * SECOND + index);
      const answers = await Promise.all(
        nexts.map((nextRunAt, at) => present(stores[at % 3], "a store").complete(claim, { kind: "dispatched", nextRunAt })),
      );
      equal(answers.filter((answer) => answer).length, 1, "how many completions counted");
      const entry = await entryOf(schedules, name);
      equal([entry.runs, entry.nextRunAt], [run, nexts[answers.indexOf(true)]], "runs and next slot");
      equal((await schedules.history(name)).items.length, run, "how long the history is");
      clock.set(present(entry.nextRunAt, "a slot") - 60 * SECOND);
    }
  }),

  timedLaw(
    "[S6] the next slot is the one that the outcome names, whenever it is told",
    async ({ adapter: { schedules }, clock, second, id }) => {
      const name = id();
      const first = (await schedules.upsert(everyMinute(name))).nextRunAt;
      const other = (await second()).schedules;
      let expected = present(first, "a slot");
      for (const lateMs of [0, 1, 30 * SECOND, 59 * SECOND]) {
        clock.set(expected + lateMs);
        const claim = await claimSlot(schedules);
        equal([claim.slot, claim.claimedAt], [expected, clock.now()], "the slot and when it was claimed");
        await clock.advance(100);
        equal(await other.complete(claim, dispatched(claim)), true, "the completion");
        expected += 60 * SECOND;
        equal(await nextOf(schedules, name), expected, "the next slot");
        equal((await entryOf(other, name)).lastRunAt, claim.slot, "the latest slot");
      }
      clock.set(expected);
      const claim = await claimSlot(schedules);
      equal(
        await schedules.complete(claim, { kind: "dispatched", nextRunAt: claim.slot + 1 }),
        true,
        "a completion that names another slot",
      );
      equal(await nextOf(schedules, name), claim.slot + 1, "the slot that was named");
    },
  ),

  timedLaw("[S6] without a next slot an entry is never due again, and is still known", async ({ adapter: { schedules }, clock, id }) => {
    const name = id();
    await schedules.upsert(everyMinute(name));
    await clock.advance(60 * SECOND);
    const claim = await claimSlot(schedules);
    equal(await schedules.complete(claim, { kind: "dispatched" }), true, "the completion");
    const entry = await entryOf(schedules, name);
    equal(["nextRunAt" in entry, entry.runs, entry.enabled], [false, 1, true], "next slot, runs, enabled");
    equal(await schedules.nextDueIn(), undefined, "how long until something is due");
    await clock.advance(365 * 86_400 * SECOND);
    await claimNoSlot(schedules, "what is due a year later");
    equal((await schedules.list()).items, [entry], "what is listed");
  }),

  timedLaw("[S6] runs count what was dispatched, and nothing else", async ({ adapter: { schedules }, clock, id }) => {
    const name = id();
    await schedules.upsert(everyMinute(name));
    const told: unknown[] = [];
    for (const kind of ["dispatched", "skipped", "failed", "dispatched"] as const) {
      await clock.advance(60 * SECOND);
      const claim = await claimSlot(schedules);
      equal(await schedules.complete(claim, dispatched(claim, { kind })), true, kind);
      const { runs, lastRunAt } = await entryOf(schedules, name);
      told.push([runs, lastRunAt === claim.slot]);
    }
    equal(told, [[1, true], [1, false], [1, false], [2, true]], "the runs, and whether the slot is the latest that was dispatched");
  }),

  timedLaw("[S6] an entry with maxRuns of them has no next slot", async ({ adapter: { schedules }, clock, id }) => {
    const name = id();
    await schedules.upsert(everyMinute(name, { maxRuns: 2 }));
    for (const kind of ["dispatched", "skipped", "dispatched"] as const) {
      await clock.advance(60 * SECOND);
      const claim = await claimSlot(schedules);
      equal(await schedules.complete(claim, dispatched(claim, { kind })), true, kind);
    }
    const entry = await entryOf(schedules, name);
    equal([entry.runs, entry.nextRunAt], [2, undefined], "runs and next slot");
    await clock.advance(3_600 * SECOND);
    await claimNoSlot(schedules, "what is due after the last run");
    equal(await schedules.nextDueIn(), undefined, "how long until something is due");
  }),

  timedLaw("[S6 S11] a next slot that is none of the entry's future is refused", async ({ adapter: { schedules }, clock, id }) => {
    const name = id();
    const endAt = clock.now() + 120 * SECOND;
    await schedules.upsert(everyMinute(name, { endAt }));
    await clock.advance(60 * SECOND);
    const claim = await claimSlot(schedules);
    for (const nextRunAt of [claim.slot, claim.slot - 1, 0.5, Number.NaN, -1, endAt + 1]) {
      await throws(() => schedules.complete(claim, { kind: "dispatched", nextRunAt }), ConfigError, `${nextRunAt} as the next slot`);
    }
    equal(await schedules.complete(claim, { kind: "dispatched", nextRunAt: endAt }), true, "the end as the next slot");
  }),
]);
