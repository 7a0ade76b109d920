import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decideSlot } from "../../src/beat/due.ts";
import type { MisfirePolicy, ScheduleEntry } from "../../src/model/schedule.ts";
import { slotIdentity } from "../../src/model/slot-id.ts";
import { slotsBetween } from "../../src/model/slots.ts";

const createdAt = Date.UTC(2026, 0, 1);
const graceMs = 60_000;
const secondMs = 1_000;

function entryOf(changes: Partial<ScheduleEntry> = {}): ScheduleEntry {
  return {
    id: "tick",
    spec: { kind: "interval", everyMs: secondMs },
    task: { name: "work" },
    timeZone: "UTC",
    jitterMs: 0,
    enabled: true,
    misfire: { kind: "fire-once" },
    meta: {},
    version: 1,
    createdAt,
    updatedAt: createdAt,
    runs: 0,
    ...changes,
  };
}

/** Plays what a scheduler does that finds a first slot late: decides, goes on with the next, until nothing is due. */
function play(entry: ScheduleEntry, slot: number, now: number): { fired: number[]; skipped: number[]; next: number | undefined } {
  const fired: number[] = [];
  const skipped: number[] = [];
  let next: number | undefined = slot;
  while (next !== undefined && next <= now) {
    const decision = decideSlot({ entry, slot: next, claimedAt: now }, graceMs);
    (decision.kind === "fire" ? fired : skipped).push(next);
    assert.ok(decision.nextRunAt === undefined || decision.nextRunAt > next, "slots only go forward");
    next = decision.nextRunAt;
  }
  return { fired, skipped, next };
}

const at = (seconds: number) => createdAt + seconds * secondMs;
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => at(from + index));

test("slots that are late by less than the grace time all fire, one after the other", () => {
  for (const misfire of [{ kind: "skip" }, { kind: "fire-once" }, { kind: "catch-up", limit: 1 }] satisfies MisfirePolicy[]) {
    const { fired, skipped, next } = play(entryOf({ misfire }), at(1), at(60) + 999);
    assert.deepEqual(fired, range(1, 60), misfire.kind);
    assert.deepEqual(skipped, []);
    assert.equal(next, at(61));
  }
});

test("skip drops what was missed, and fires what is within the grace time", () => {
  const { fired, skipped, next } = play(entryOf({ misfire: { kind: "skip" } }), at(1), at(3_600));
  assert.deepEqual(skipped, [at(1)]);
  assert.deepEqual(fired, range(3_541, 3_600));
  assert.equal(next, at(3_601));
});

test("fire-once fires the latest slot that has passed, for all of them", () => {
  const { fired, skipped, next } = play(entryOf(), at(1), at(3_600) + 500);
  assert.deepEqual(skipped, [at(1)]);
  assert.deepEqual(fired, [at(3_600)]);
  assert.equal(next, at(3_601));
  // The only one that was missed fires itself, however late.
  const daily = entryOf({ spec: { kind: "cron", expression: "0 9 * * *" } });
  const nine = createdAt + 9 * 3_600 * secondMs;
  assert.deepEqual(play(daily, nine, nine + 5 * 3_600 * secondMs), { fired: [nine], skipped: [], next: nine + 86_400_000 });
});

test("catch-up fires as many of the latest as it may, the oldest first", () => {
  const { fired, skipped, next } = play(entryOf({ misfire: { kind: "catch-up", limit: 3 } }), at(1), at(300));
  assert.deepEqual(skipped, [at(1)]);
  assert.deepEqual(fired.slice(0, 3), [at(298), at(299), at(300)]);
  assert.equal(next, at(301));
  const all = play(entryOf({ misfire: { kind: "catch-up", limit: 300 } }), at(1), at(300));
  assert.deepEqual(all.fired, range(1, 300));
});

test("catch-up finds its slots in a few times as many steps, however long nobody looked", () => {
  for (const expression of ["* * * * * *", "* 9-17 * * MON-FRI", "* * 1 1 *"]) {
    const spec = { kind: "cron", expression } as const;
    const until = at(370 * 86_400);
    let steps = 0;
    const entry = entryOf({ misfire: { kind: "catch-up", limit: 300 } });
    // Each step reads the rule once.
    Object.defineProperty(entry, "spec", { get: () => (steps += 1, spec) });
    const decision = decideSlot({ entry, slot: at(0), claimedAt: until }, graceMs);
    const found = slotsBetween({ ...entryOf(), spec }, { after: decision.nextRunAt ?? 0, until }, 1_000);
    assert.equal(found.length, 299, expression);
    assert.ok(steps < 20 * 300, `${expression} took ${steps} steps`);
  }
});

test("a slot that was skipped says why", () => {
  const decision = decideSlot({ entry: entryOf({ misfire: { kind: "skip" } }), slot: at(1), claimedAt: at(3_601) }, graceMs);
  assert.deepEqual(decision, { kind: "skip", message: "Missed by 1h; the misfire policy is skip", nextRunAt: at(3_542) });
});

test("a slot whose task would have expired is skipped, whatever the policy", () => {
  const entry = entryOf({ expiresAfterMs: 10_000 });
  assert.equal(decideSlot({ entry, slot: at(1), claimedAt: at(11) - 1 }, graceMs).kind, "fire");
  const late = decideSlot({ entry, slot: at(1), claimedAt: at(11) }, graceMs);
  assert.deepEqual(late, { kind: "skip", message: "Late by 10s; its task expires after 10s", nextRunAt: at(2) });
});

test("there is no slot after the last run, nor after the end", () => {
  assert.deepEqual(decideSlot({ entry: entryOf({ maxRuns: 3, runs: 2 }), slot: at(3), claimedAt: at(3) }, graceMs), { kind: "fire" });
  assert.deepEqual(decideSlot({ entry: entryOf({ maxRuns: 3, runs: 1 }), slot: at(3), claimedAt: at(3) }, graceMs), {
    kind: "fire",
    nextRunAt: at(4),
  });
  assert.deepEqual(decideSlot({ entry: entryOf({ endAt: at(3) }), slot: at(3), claimedAt: at(3) }, graceMs), { kind: "fire" });
  assert.deepEqual(decideSlot({ entry: entryOf({ spec: { kind: "clocked", at: at(3) } }), slot: at(3), claimedAt: at(999) }, graceMs), {
    kind: "fire",
  });
});

test("a clock that was set back makes no slot late", () => {
  assert.deepEqual(decideSlot({ entry: entryOf(), slot: at(3_600), claimedAt: at(0) }, graceMs), { kind: "fire", nextRunAt: at(3_601) });
});

test("whatever was missed: every policy fires between none and its limit of the missed ones, and goes on after now", () => {
  fc.assert(fc.property(
    fc.integer({ min: 1, max: 40 }),
    fc.integer({ min: 1, max: 5_000 }),
    fc.integer({ min: 0, max: 4_000 }),
    fc.oneof<fc.Arbitrary<MisfirePolicy>[]>(
      fc.constant({ kind: "skip" }),
      fc.constant({ kind: "fire-once" }),
      fc.record({ kind: fc.constant("catch-up" as const), limit: fc.integer({ min: 1, max: 50 }) }),
    ),
    (every, first, passed, misfire) => {
      const entry = entryOf({ spec: { kind: "interval", everyMs: every * secondMs }, misfire });
      const slot = createdAt + first * every * secondMs;
      const now = slot + passed * secondMs;
      const { fired, next } = play(entry, slot, now);
      assert.ok(next !== undefined && next > now && next - now <= every * secondMs);
      const missed = fired.filter((each) => now - each >= graceMs).length;
      const limit = misfire.kind === "skip" ? 0 : misfire.kind === "fire-once" ? 1 : misfire.limit;
      assert.ok(missed <= limit, `${missed} missed slots fired`);
      if (misfire.kind === "fire-once" && passed * secondMs >= graceMs) assert.equal(fired.length, 1);
    },
  ));
});

test("the identity of a slot is the same for whoever asks, another one for every other slot, and never changes", async () => {
  const known = await slotIdentity({ id: "report", createdAt: 1_767_225_600_000 }, 1_767_258_000_000);
  assert.deepEqual(known, await slotIdentity(entryOf({ id: "report", createdAt: 1_767_225_600_000, version: 9 }), 1_767_258_000_000));
  // Two releases that run side by side must find the same id.
  assert.deepEqual(known, { taskId: "5a87dbcc-a74b-8367-8ed1-d49007fd7d3f", share: 0.9528974357526749 });
  const ids = new Set<string>();
  for (const id of ["a", "b", "a,1", "é"]) {
    for (const made of [1, 2]) for (const slot of [1, 2, 12]) ids.add((await slotIdentity({ id, createdAt: made }, slot)).taskId);
  }
  assert.equal(ids.size, 24);
  for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test("jitter is spread evenly over the slots", async () => {
  const shares = await Promise.all(Array.from({ length: 2_000 }, async (_, slot) => (await slotIdentity(entryOf(), slot)).share));
  assert.ok(shares.every((share) => share >= 0 && share < 1));
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  assert.ok(Math.abs(mean - 0.5) < 0.03, `the mean is ${mean}`);
});
