import { ClosedError, ConfigError, ConflictError, StemError, UnsupportedError } from "../errors.ts";
import type { ScheduleInput } from "../model/schedule.ts";
import { describeError, equal, ok, present, throws } from "./assert.ts";
import { type CaseContext, type ConformanceCase, law, timedLaw } from "./case.ts";
import { claimDue, claimNoSlot, claimSlot, dispatched, entryOf, everyMinute, SECOND, untyped } from "./schedule-steps.ts";
import { rollBack } from "./steps.ts";
import { BAD_IDS } from "./values.ts";

const noNumbers: readonly number[] = [0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, untyped('"1"')];

/** What a schedule store refuses, keeps apart, and does for a caller's transaction. */
export const scheduleInputCases: readonly ConformanceCase[] = Object.freeze([
  timedLaw("[S11] namespaces isolate", async ({ adapter: { schedules }, clock, other, id }) => {
    const elsewhere = (await other()).schedules;
    const name = id();
    await schedules.upsert(everyMinute(name, { meta: { here: true } }));
    equal(await elsewhere.get(name), undefined, "what the other namespace reads");
    equal((await elsewhere.upsert(everyMinute(name, { version: 0 }))).version, 1, "the version of its own entry");
    await clock.advance(60 * SECOND);
    const mine = await claimSlot(schedules);
    const theirs = await claimSlot(elsewhere);
    equal([mine.entry.meta, theirs.entry.meta], [{ here: true }, {}], "the entries that are claimed");
    equal(
      await elsewhere.complete(mine, dispatched(mine)),
      mine.token === theirs.token,
      "the completion of a claim in the wrong namespace",
    );
    equal([await schedules.complete(mine, dispatched(mine)), (await schedules.history(name)).items.length], [true, 1], "the right one");
    equal(await elsewhere.remove(name), true, "the removal there");
    equal([(await schedules.list()).items.length, (await elsewhere.list()).items.length], [1, 0], "what is listed here and there");
    equal(await elsewhere.nextDueIn(), undefined, "how long until something is due there");
  }),

  law("[S11] entries that cannot fire or cannot be kept are refused, and nothing is written", async (context) => {
    const { adapter: { schedules }, id } = context;
    const name = id();
    for (const [what, change] of badEntries) {
      const input: ScheduleInput = { ...everyMinute(name), ...change };
      const error = await throws(() => schedules.upsert(input), StemError, what);
      ok(StemError.is(error) && ["CONFIG", "PAYLOAD"].includes(error.code), `Expected bad input, got ${describeError(error)}`);
    }
    for (const [what, bad] of BAD_IDS) {
      await throws(() => schedules.upsert(everyMinute(bad)), ConfigError, what);
      await throws(() => schedules.get(bad), ConfigError, `get of ${what}`);
      await throws(() => schedules.remove(bad), ConfigError, `remove of ${what}`);
      await throws(() => schedules.history(bad), ConfigError, `history of ${what}`);
    }
    await throws(() => schedules.upsert(untyped("null")), ConfigError, "no entry at all");
    equal((await schedules.list()).items, [], "what is listed");
  }),

  law("[S11] a change that is refused leaves the entry as it was", async ({ adapter: { schedules }, id }) => {
    const before = await schedules.upsert(everyMinute(id()));
    for (const [what, change] of badEntries) {
      await throws(() => schedules.upsert({ ...everyMinute(before.id), ...change }), StemError, what);
    }
    equal(await schedules.get(before.id), before, "what is read");
  }),

  timedLaw("[S11] bad arguments are refused", async ({ adapter: { schedules }, clock, id }) => {
    await schedules.upsert(everyMinute(id()));
    await clock.advance(60 * SECOND);
    const good = { limit: 1, owner: "owner", leaseMs: 1_000 };
    for (const value of noNumbers) {
      await throws(() => schedules.claimDue({ ...good, limit: value }), ConfigError, `a claim with limit ${value}`);
      await throws(() => schedules.claimDue({ ...good, leaseMs: value }), ConfigError, `a claim with leaseMs ${value}`);
      await throws(() => schedules.sweep({ limit: value }), ConfigError, `a sweep with limit ${value}`);
      await throws(() => schedules.list({ limit: value }), ConfigError, `a list with limit ${value}`);
      await throws(() => schedules.history("id", { limit: value }), ConfigError, `a history with limit ${value}`);
    }
    await throws(() => schedules.claimDue({ ...good, limit: 1_001 }), ConfigError, "a claim of 1,001");
    for (const [what, owner] of BAD_IDS) {
      await throws(() => schedules.claimDue({ ...good, owner }), ConfigError, `an owner that is ${what}`);
    }
    for (const cursor of ["", "x", "[1]", "{}", '["a","b"]']) {
      await throws(() => schedules.list({ cursor }), ConfigError, `cursor ${cursor}`);
    }
    for (const cursor of ["", "x", '["a"]', "[1,2]"]) {
      await throws(() => schedules.history("id", { cursor }), ConfigError, `cursor ${cursor}`);
    }
    const claim = await claimSlot(schedules);
    for (const token of [-1, 0.5, Number.NaN]) {
      await throws(() => schedules.complete({ ...claim, token }, { kind: "failed" }), ConfigError, `token ${token}`);
      await throws(() => schedules.release([claim, { ...claim, token }]), ConfigError, `token ${token} in a release`);
    }
    await throws(() => schedules.release(untyped("{}")), ConfigError, "a release of what is no list");
    await throws(() => schedules.complete(claim, untyped("null")), ConfigError, "no outcome");
    await throws(() => schedules.complete(untyped("null"), { kind: "failed" }), ConfigError, "no claim");
    equal(await schedules.complete(claim, dispatched(claim)), true, "the completion in the end");
  }),

  law("[S11 A1] after close every call throws ClosedError, and closing again does nothing", async (context) => {
    const { second, ledger, id, within } = context;
    const closing = await second();
    const { schedules } = closing;
    const past = { ...everyMinute(id()), spec: { kind: "clocked", at: 1 } as const };
    await schedules.upsert(past);
    const claim = await claimSlot(schedules);
    await within(Promise.all([closing.close(), schedules.close()]));
    const outcome = { kind: "failed" } as const;
    const calls: Readonly<Record<string, () => unknown>> = {
      upsert: () => schedules.upsert(past),
      get: () => schedules.get(past.id),
      list: () => schedules.list(),
      remove: () => schedules.remove(past.id),
      claimDue: () => claimDue(schedules),
      release: () => schedules.release([claim]),
      "release of nothing": () => schedules.release([]),
      complete: () => schedules.complete(claim, outcome),
      completeAndPublish: () => schedules.completeAndPublish([{ claim, outcome, envelopes: [] }], ledger),
      sweep: () => schedules.sweep(),
      history: () => schedules.history(past.id),
      nextDueIn: () => schedules.nextDueIn(),
      watch: () => schedules.watch({ signal: new AbortController().signal }),
    };
    for (const [name, call] of Object.entries(calls)) await within(throws(call, ClosedError, name));
    await within(schedules.close());
    await within(schedules[Symbol.asyncDispose]());
  }),

  law("[A2 A4] schedules are there for a later connection at once, and where state is durable after all were closed", async (context) => {
    const { adapter, second, within } = context;
    const past = { ...everyMinute("kept"), spec: { kind: "clocked", at: 1 } as const };
    const written = await adapter.schedules.upsert(past);
    const later = await second();
    equal(await later.schedules.get("kept"), written, "what the other connection reads");
    const claim = await claimSlot(later.schedules);
    equal(await adapter.schedules.complete(claim, { kind: "dispatched", nextRunAt: 5, taskId: "t" }), true, "the completion");
    const before = await entryOf(later.schedules, "kept");
    equal([before.runs, before.nextRunAt, before.lastRunAt], [1, 5, 1], "runs and slots");
    if (!adapter.supports.durable) return;
    await within(Promise.all([adapter.close(), later.close()]));
    const latest = (await second()).schedules;
    equal(await latest.get("kept"), before, "what is read after all connections were closed");
    equal((await latest.history("kept")).items.map(({ taskId }) => taskId), ["t"], "the history");
  }),

  law("[S12] an upsert and a removal join the caller's transaction: there when it commits", async (context) => {
    const { adapter: { schedules }, second, id } = context;
    const run = await transactionOf(context);
    if (run === undefined) return;
    const other = (await second()).schedules;
    const [kept, removed] = [id("kept"), id("removed")];
    await schedules.upsert({ ...everyMinute(removed), spec: { kind: "clocked", at: 1 } });
    await run(async (tx) => {
      const first = await schedules.upsert(everyMinute(kept), { tx });
      equal(await schedules.upsert(everyMinute(kept), { tx }), first, "an upsert that changes nothing, inside");
      const entry = await schedules.upsert(everyMinute(kept, { version: 1, meta: { a: 1 } }), { tx });
      equal(entry.version, 2, "the version that the transaction knows");
      equal(await schedules.remove(removed, { tx }), true, "the removal");
      equal(await schedules.remove(removed, { tx }), false, "the removal again");
    });
    equal([(await entryOf(other, kept)).version, await other.get(removed)], [2, undefined], "what others see after the commit");
    await claimNoSlot(other, "what is due");
  }),

  law("[S12] an upsert and a removal in a transaction that rolls back did not happen", async (context) => {
    const { adapter: { schedules }, id } = context;
    const run = await transactionOf(context);
    if (run === undefined) return;
    const [fresh, known] = [id("fresh"), id("known")];
    const past = { ...everyMinute(known), spec: { kind: "clocked", at: 1 } as const };
    await schedules.upsert(past);
    const claim = await claimSlot(schedules);
    await schedules.complete(claim, { kind: "dispatched", nextRunAt: 2 });
    const before = await entryOf(schedules, known);
    await rollBack(run, async (tx) => {
      await schedules.upsert(everyMinute(fresh), { tx });
      equal((await schedules.upsert({ ...past, meta: { a: 1 } }, { tx })).version, 2, "the version inside");
      equal(await schedules.remove(known, { tx }), true, "the removal inside");
    });
    equal([await schedules.get(fresh), await schedules.get(known)], [undefined, before], "what is read afterwards");
    equal((await schedules.history(known)).items.length, 1, "how long the history is");
    await rollBack(run, async (tx) => {
      await throws(() => schedules.upsert({ ...past, version: 5 }, { tx }), ConflictError, "another version inside");
    });
    await throws(() => schedules.upsert(past, { tx: {} }), ConfigError, "what is no transaction");
    equal((await claimSlot(schedules)).slot, 2, "the slot that is due");
  }),
]);

const badEntries: readonly (readonly [name: string, change: Partial<ScheduleInput>])[] = [
  ["a field that nobody reads", untyped('{ "timezone": "Europe/Berlin" }')],
  ["no kind", { spec: untyped("{}") }],
  ["no spec", { spec: untyped("null") }],
  ["an unknown kind", { spec: untyped('{"kind":"weekly"}') }],
  ["an interval of zero", { spec: { kind: "interval", everyMs: 0 } }],
  ["an interval below zero", { spec: { kind: "interval", everyMs: -1_000 } }],
  ["an interval of half a millisecond", { spec: { kind: "interval", everyMs: 0.5 } }],
  ["an impossible cron", { spec: { kind: "cron", expression: "0 0 30 2 *" } }],
  ["a cron of four fields", { spec: { kind: "cron", expression: "* * * *" } }],
  ["a cron of words", { spec: { kind: "cron", expression: "every day" } }],
  ["an unknown zone", { timeZone: "Mars/Olympus" }],
  ["the sun at a pole", { spec: { kind: "solar", event: "sunrise", latitude: 90, longitude: 0 } }],
  ["a latitude that is none", { spec: { kind: "solar", event: "noon", latitude: 91, longitude: 0 } }],
  ["an event that is none", { spec: untyped('{"kind":"solar","event":"eclipse","latitude":0,"longitude":0}') }],
  ["a calendar without times", { spec: { kind: "calendar", times: [] } }],
  ["a calendar of no date", { spec: { kind: "calendar", months: [2], days: [30], times: ["00:00"] } }],
  ["a time that is none", { spec: { kind: "calendar", times: ["24:00"] } }],
  ["an instant that is none", { spec: { kind: "clocked", at: Number.NaN } }],
  ["an end before the start", { startAt: 2_000, endAt: 1_000 }],
  ["a jitter above the interval", { jitterMs: 60_001 }],
  ["a jitter below zero", { jitterMs: -1 }],
  ["no runs", { maxRuns: 0 }],
  ["more runs than can be counted", { maxRuns: 2 ** 31 }],
  ["an expiry of nothing", { expiresAfterMs: 0 }],
  ["a misfire policy that is none", { misfire: untyped('{"kind":"later"}') }],
  ["a catch-up of none", { misfire: { kind: "catch-up", limit: 0 } }],
  ["enabled as text", { enabled: untyped('"yes"') }],
  ["a version below zero", { version: -1 }],
  ["no task", { task: untyped("null") }],
  ["a task without a name", { task: { name: "" } }],
  ["a priority of ten", { task: { name: "t", priority: 10 } }],
  ["arguments that are no JSON", { task: { name: "t", args: { value: 1n } } }],
  ["meta that is no JSON", { meta: { value: () => 1 } }],
  ["meta of a list", { meta: untyped("[1]") }],
  ["meta with text that cannot be searched", { meta: { value: "a\u0000b" } }],
  ["an entry that is too large", { task: { name: "t", args: "x".repeat(5 * 1024 * 1024) } }],
];

/** Gives the harness's transactions; where the adapter has none, shows that it says so and writes nothing. */
async function transactionOf({ adapter, transaction, id }: CaseContext) {
  if (adapter.supports.transactions) return present(transaction, "a transaction from the harness of an adapter that supports them");
  const { schedules } = adapter;
  const before = await schedules.upsert(everyMinute(id()));
  await throws(
    () => schedules.upsert(everyMinute(before.id, { meta: { a: 1 } }), { tx: {} }),
    UnsupportedError,
    "an upsert in a transaction",
  );
  await throws(() => schedules.remove(before.id, { tx: {} }), UnsupportedError, "a removal in a transaction");
  equal((await schedules.list()).items, [before], "what is listed");
  return undefined;
}
