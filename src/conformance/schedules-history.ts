import type { ScheduleStore } from "../contracts/schedule-store.ts";
import type { ScheduleOutcome, ScheduleRun } from "../model/schedule.ts";
import { equal, ok, present } from "./assert.ts";
import { type CaseContext, type ConformanceCase, timedLaw } from "./case.ts";
import { claimSlot, dispatched, everyMinute, SECOND } from "./schedule-steps.ts";

const DAY = 86_400 * SECOND;

/** What a schedule store tells of the past. */
export const scheduleHistoryCases: readonly ConformanceCase[] = Object.freeze([
  timedLaw("[S9] history tells what became of slots, the latest first", async (context) => {
    const { adapter: { schedules }, second, id } = context;
    const name = id();
    await schedules.upsert(everyMinute(name));
    const outcomes: readonly Omit<ScheduleOutcome, "nextRunAt">[] = [
      { kind: "dispatched", taskId: "task:1 ü" },
      { kind: "skipped", message: 'too late: "2 h" 👩‍👩‍👧‍👦' },
      { kind: "failed", message: "it cannot be\u0000 built", taskId: "task-3" },
      { kind: "dispatched" },
      { kind: "failed", message: "" },
    ];
    const expected: ScheduleRun[] = [];
    for (const outcome of outcomes) {
      const run = await endSlot(context, outcome);
      // What no store can keep in text is replaced, and what says nothing is absent.
      const { message, ...rest } = run;
      expected.unshift(message === undefined || message === "" ? rest : { ...rest, message: message.replace("\u0000", "\ufffd") });
    }
    const reader = (await second()).schedules;
    equal(await reader.history(name), { items: expected }, "the history");
    equal(await reader.history("unknown"), { items: [] }, "the history of what is not known");
    const first = await reader.history(name, { limit: 2 });
    equal(first.items, expected.slice(0, 2), "the first page");
    // What is completed meanwhile moves nothing.
    await endSlot(context, { kind: "dispatched" });
    const then = await reader.history(name, { limit: 2, cursor: present(first.cursor, "a cursor") });
    equal(then.items, expected.slice(2, 4), "the second page");
    const last = await reader.history(name, { limit: 2, cursor: present(then.cursor, "a cursor") });
    equal(last, { items: expected.slice(4) }, "the last page");
  }),

  timedLaw("[S9] history is bounded by count", async (context) => {
    const { adapter: { schedules }, id } = context;
    const [busy, calm] = [id("busy"), id("calm")];
    await schedules.upsert(everyMinute(calm));
    await endSlot(context, { kind: "dispatched" }, calm);
    await schedules.upsert({ ...everyMinute(calm), enabled: false });
    await schedules.upsert(everyMinute(busy));
    const slots: number[] = [];
    for (let run = 0; run < 130; run++) slots.unshift((await endSlot(context, { kind: "dispatched" })).slot);
    await schedules.sweep();
    const kept = (await schedules.history(busy, { limit: 1_000 })).items.map(({ slot }) => slot);
    ok(kept.length >= 10 && kept.length < 130, `Expected some of 130 slots, found ${kept.length}`);
    equal(kept, slots.slice(0, kept.length), "the slots that are kept: the latest");
    equal((await schedules.history(calm)).items.length, 1, "how many of another schedule are kept");
  }),

  timedLaw("[S9] history beyond its age is deleted by the sweep, at most as many as asked", async (context) => {
    const { adapter: { schedules }, clock, id } = context;
    const name = id();
    await schedules.upsert(everyMinute(name));
    for (let run = 0; run < 5; run++) await endSlot(context, { kind: "dispatched" });
    equal(await schedules.sweep(), 0, "how many are deleted while they are young");
    clock.set(clock.now() + 31 * DAY);
    await endSlot(context, { kind: "skipped" });
    equal([await schedules.sweep({ limit: 2 }), await schedules.sweep(), await schedules.sweep()], [2, 3, 0], "how many are deleted");
    equal((await schedules.history(name)).items.map(({ kind }) => kind), ["skipped"], "what is kept");
    equal((await schedules.get(name))?.runs, 5, "the runs, which go on counting");
  }),

  timedLaw("[S9] history goes with its entry", async (context) => {
    const { adapter: { schedules }, second, id } = context;
    const [name, other] = [id(), id()];
    for (const one of [name, other]) {
      await schedules.upsert(everyMinute(one));
      await endSlot(context, { kind: "dispatched" }, one);
      await schedules.upsert(everyMinute(one, { enabled: false }));
    }
    await (await second()).schedules.remove(name);
    equal(await schedules.history(name), { items: [] }, "the history of the removed one");
    equal((await schedules.history(other)).items.length, 1, "how long the history of another is");
    await schedules.upsert(everyMinute(name));
    equal(await schedules.history(name), { items: [] }, "the history of a new one of its id");
  }),
]);

/** Waits for the next slot, completes it, and gives what the history is to tell of it. */
async function endSlot(
  { adapter: { schedules }, clock }: CaseContext,
  outcome: Omit<ScheduleOutcome, "nextRunAt">,
  id?: string,
): Promise<ScheduleRun> {
  await untilDue(schedules, clock);
  const claim = await claimSlot(schedules);
  if (id !== undefined) equal(claim.entry.id, id, "the entry that is due");
  await clock.advance(250);
  const { nextRunAt } = dispatched(claim);
  equal(await schedules.complete(claim, nextRunAt === undefined ? outcome : { ...outcome, nextRunAt }), true, "the completion");
  return { scheduleId: claim.entry.id, slot: claim.slot, ...outcome, completedAt: clock.now() };
}

async function untilDue(schedules: ScheduleStore, clock: CaseContext["clock"]): Promise<void> {
  await clock.advance(present(await schedules.nextDueIn(), "something to wait for"));
}
