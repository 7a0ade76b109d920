import type { ScheduleClaim } from "../model/schedule.ts";
import { equal, ok, present } from "./assert.ts";
import { type ConformanceCase, law, timedLaw } from "./case.ts";
import { claimDue, claimNoSlot, claimSlot, dispatched, entriesOf, entryOf, everyMinute, nextOf, SECOND } from "./schedule-steps.ts";

/** Whom a schedule store gives slots to, and when. */
export const scheduleClaimCases: readonly ConformanceCase[] = Object.freeze([
  timedLaw("[S3] a slot is due at its instant and not before", async ({ adapter: { schedules }, clock, id }) => {
    const name = id();
    const entry = await schedules.upsert(everyMinute(name));
    const slot = clock.now() + 60 * SECOND;
    equal(entry.nextRunAt, slot, "the first slot");
    await claimNoSlot(schedules, "what is due at the creation");
    clock.set(slot - 1);
    await claimNoSlot(schedules, "what is due a millisecond before the slot");
    clock.set(slot);
    const claim = await claimSlot(schedules, { owner: "me", leaseMs: 5 * SECOND });
    equal(claim, {
      entry,
      slot,
      token: claim.token,
      owner: "me",
      claimedAt: slot,
      leaseExpiresAt: slot + 5 * SECOND,
    }, "the claim");
    ok(Number.isSafeInteger(claim.token) && claim.token > 0, `Expected a token above zero, found ${claim.token}`);
  }),

  timedLaw("[S3] a slot that is claimed is not due for anybody else", async ({ adapter: { schedules }, clock, second, id }) => {
    await schedules.upsert(everyMinute(id()));
    await clock.advance(60 * SECOND);
    await claimSlot(schedules);
    await claimNoSlot(schedules, "what is due for the same connection");
    await claimNoSlot((await second()).schedules, "what is due for another one");
  }),

  timedLaw("[S3] a claim takes no more than its limit, the earliest slots first", async ({ adapter: { schedules }, clock, second }) => {
    const at = clock.now();
    for (const [name, seconds] of [["d", 40], ["a", 30], ["c", 10], ["b", 20], ["e", 10]] as const) {
      await schedules.upsert({ ...everyMinute(name), spec: { kind: "clocked", at: at + seconds * SECOND } });
    }
    await clock.advance(35 * SECOND);
    equal(entriesOf(await claimDue(schedules, { limit: 3, leaseMs: SECOND })), ["c", "e", "b"], "the first three");
    await clock.advance(6 * SECOND);
    // Their leases have ended, later than the slots of the others: still the earliest slot counts.
    equal(entriesOf(await claimDue((await second()).schedules, { limit: 4 })), ["c", "e", "b", "a"], "the first four");
    equal(entriesOf(await claimDue(schedules)), ["d"], "the rest");
  }),

  timedLaw("[S3] disabled entries are never due", async ({ adapter: { schedules }, clock, id }) => {
    const name = id();
    await schedules.upsert(everyMinute(name, { enabled: false }));
    await clock.advance(3_600 * SECOND);
    await claimNoSlot(schedules, "what is due of an entry that was made disabled");
    await schedules.upsert(everyMinute(name));
    await clock.advance(60 * SECOND);
    await schedules.upsert(everyMinute(name, { enabled: false }));
    await claimNoSlot(schedules, "what is due of an entry that was disabled when it was due");
    equal(await schedules.nextDueIn(), undefined, "how long until something is due");
  }),

  timedLaw("[S3] startAt and endAt bound slots, and belong to the time that they bound", async ({ adapter: { schedules }, clock, id }) => {
    const at = clock.now();
    const [startAt, endAt] = [at + 600 * SECOND, at + 660 * SECOND];
    const name = id();
    equal((await schedules.upsert(everyMinute(name, { startAt, endAt }))).nextRunAt, startAt, "the first slot");
    await clock.advance(600 * SECOND);
    const first = await claimSlot(schedules);
    equal(await schedules.complete(first, dispatched(first)), true, "the completion");
    equal(await nextOf(schedules, name), endAt, "the last slot");
    // It came in time, and is claimed late: what becomes of it is for its misfire policy to say.
    await clock.advance(3_600 * SECOND);
    const last = await claimSlot(schedules);
    equal(last.slot, endAt, "the slot that is claimed after the end");
    equal(await schedules.complete(last, { kind: "skipped" }), true, "its completion");
    await clock.advance(3_600 * SECOND);
    await claimNoSlot(schedules, "what is due after the last slot");
    const over = await schedules.upsert(everyMinute(id(), { endAt: at }));
    equal(over.nextRunAt, undefined, "the slot of an entry whose end has passed");
    await claimNoSlot(schedules, "what is due of that");
  }),

  timedLaw("[S3] of many that race for slots, each slot goes to one", async ({ adapter: { schedules }, clock, second }) => {
    const stores = [schedules, ...(await Promise.all([second(), second(), second()])).map((adapter) => adapter.schedules)];
    const names = Array.from({ length: 60 }, (_, index) => `entry${index}`);
    await Promise.all(names.map((name) => schedules.upsert(everyMinute(name))));
    for (let round = 0; round < 3; round++) {
      await clock.advance(60 * SECOND);
      const claims = await Promise.all(
        Array.from({ length: 20 }, (_, claimer) => claimAll(present(stores[claimer % 4], "a store"), `claimer ${claimer}`)),
      );
      const all = claims.flat();
      equal(entriesOf(all).toSorted(), names.toSorted(), `the entries that were claimed in round ${round}`);
      for (const claim of all) equal(await schedules.complete(claim, dispatched(claim)), true, "a completion");
    }
    for (const name of names) equal((await entryOf(schedules, name)).runs, 3, "the runs");

    // Small bites, as many as it takes.
    async function claimAll(store: typeof schedules, owner: string): Promise<readonly ScheduleClaim[]> {
      const claimed: ScheduleClaim[] = [];
      for (;;) {
        const some = await claimDue(store, { limit: 4, owner });
        if (some.length === 0) return claimed;
        claimed.push(...some);
      }
    }
  }),

  timedLaw(
    "[S4] a slot that was not completed is claimable again when the lease ends: the same one, under a higher token",
    async (context) => {
      const { adapter: { schedules }, clock, second, id } = context;
      await schedules.upsert(everyMinute(id()));
      await clock.advance(60 * SECOND);
      const other = (await second()).schedules;
      let last = await claimSlot(schedules, { leaseMs: 10 * SECOND });
      for (let turn = 0; turn < 4; turn++) {
        clock.set(last.leaseExpiresAt - 1);
        await claimNoSlot(schedules, "what is due a millisecond before the lease ends");
        clock.set(last.leaseExpiresAt);
        const next = await claimSlot(turn % 2 === 0 ? other : schedules, { owner: `heir ${turn}`, leaseMs: 10 * SECOND });
        equal([next.slot, next.owner, next.entry], [last.slot, `heir ${turn}`, last.entry], "slot, owner and entry");
        ok(next.token > last.token, `Expected a token above ${last.token}, found ${next.token}`);
        last = next;
      }
    },
  ),

  timedLaw(
    "[S4] a claim that ran out, but that nobody took over, can still be completed",
    async ({ adapter: { schedules }, clock, id }) => {
      const name = id();
      await schedules.upsert(everyMinute(name));
      await clock.advance(60 * SECOND);
      const claim = await claimSlot(schedules, { leaseMs: SECOND });
      await clock.advance(30 * SECOND);
      equal(await schedules.nextDueIn(), 0, "how long until something is due");
      equal(await schedules.complete(claim, dispatched(claim)), true, "the completion");
      equal((await entryOf(schedules, name)).runs, 1, "the runs");
      await claimNoSlot(schedules, "what is due afterwards");
    },
  ),

  timedLaw(
    "[S4] claims that are given back are claimable at once, under a higher token",
    async ({ adapter: { schedules }, clock, second, id }) => {
      const names = [id("a"), id("b"), id("c")];
      for (const name of names) await schedules.upsert(everyMinute(name));
      await clock.advance(60 * SECOND);
      const claims = await claimDue(schedules);
      const [first, then] = [present(claims[0], "a claim"), present(claims[1], "a claim")];
      const other = (await second()).schedules;
      equal(await other.release([first, then, first]), [true, true, false], "whether they were current, once each");
      equal(await schedules.release([first]), [false], "the same once more");
      equal(await schedules.complete(first, dispatched(first)), false, "the completion of what was given back");
      equal(await schedules.history(first.entry.id), { items: [] }, "the history of it");
      const again = await claimDue(schedules);
      equal(entriesOf(again).toSorted(), [first.entry.id, then.entry.id].toSorted(), "what is claimable");
      for (const claim of again) {
        const before = claim.entry.id === first.entry.id ? first : then;
        ok(claim.token > before.token, `Expected a token above ${before.token}, found ${claim.token}`);
        equal([claim.slot, claim.entry.version, claim.entry.runs], [first.slot, 1, 0], "slot, version and runs");
      }
      equal(await other.release([first, ...again]), [false, true, true], "whether they were current in the end");
      equal(await other.release([]), [], "the answers to nothing");
    },
  ),

  timedLaw("[S4] giving back a stale claim leaves the heir alone", async ({ adapter: { schedules }, clock, id }) => {
    await schedules.upsert(everyMinute(id()));
    await clock.advance(60 * SECOND);
    const stale = await claimSlot(schedules, { leaseMs: SECOND });
    await clock.advance(SECOND);
    const heir = await claimSlot(schedules);
    equal(await schedules.release([stale]), [false], "whether the stale one was current");
    await claimNoSlot(schedules, "what is claimable");
    equal(await schedules.complete(heir, dispatched(heir)), true, "the heir's completion");
    equal(await schedules.release([heir]), [false], "giving back what was completed");
  }),

  law("[S4] tokens rise however often a slot changes hands", async ({ adapter: { schedules }, second, id }) => {
    const stores = [schedules, (await second()).schedules];
    const name = id();
    // Its time has passed, and it was never completed: it is due.
    await schedules.upsert({ ...everyMinute(name), spec: { kind: "clocked", at: 1 } });
    const tokens: number[] = [];
    for (let turn = 0; turn < 20; turn++) {
      const claim = await claimSlot(present(stores[turn % 2], "a store"));
      tokens.push(claim.token);
      if (turn % 5 === 4) {
        equal(await schedules.remove(name), true, "the removal");
        await schedules.upsert({ ...everyMinute(name), spec: { kind: "clocked", at: 1 } });
      } else if (turn % 3 === 0) {
        await schedules.upsert({ ...everyMinute(name), spec: { kind: "clocked", at: 1 }, meta: { turn } });
      } else {
        equal(await schedules.release([claim]), [true], "the release");
      }
    }
    equal(tokens, [...new Set(tokens)].toSorted((a, b) => a - b), "the tokens, which rise");
  }),
]);
