import { deferred } from "../async/deferred.ts";
import { Base64PayloadEncoder } from "../encoding/base64.ts";
import { ClosedError, ConfigError, StoreError } from "../errors.ts";
import { task } from "../tasks/task.ts";
import { equal, ok, present, throws } from "./assert.ts";
import type { ConformanceCase } from "./case.ts";
import { beatLaw, beatLawOnBoth, timedBeatLaw, timedBeatLawOnBoth, withScheduleMethod } from "./system-beat-rig.ts";

/** Instants that follow each other by a second. */
function seconds(from: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => from + index * 1_000);
}

/** An encoder that cannot do its work. */
class BrokenEncoder extends Base64PayloadEncoder {
  override encode(): never {
    throw new Error("there is no key");
  }
}

/** Beat as part of a system: slots become tasks, once each, whoever dispatches. */
export const systemBeatCases: readonly ConformanceCase[] = Object.freeze([
  ...beatLawOnBoth(
    "[Y21] a due slot is a task like any other: made on one connection, dispatched on another, run on a third",
    async (beats) => {
      const { rig } = beats;
      const [second, third] = [await rig.connect(), await rig.connect()];
      const double = task({
        name: "math.double",
        priority: 3,
        maxRetries: 4,
        metadata: { argsEncoder: new Base64PayloadEncoder() },
        run: (ctx, args: { n: number }) => [args.n * 2, ctx.headers["traceparent"], ctx.queue],
      });
      const seen: string[] = [];
      const beat = await beats.start({
        on: second,
        registry: [double],
        routes: { "math.*": "numbers" },
        middleware: [{
          onEnqueue: (envelope, next) => {
            seen.push(envelope.name);
            return next({ ...envelope, headers: { ...envelope.headers, traceparent: "00-abc" } });
          },
        }],
      });
      await rig.start({ on: third, registry: [double], queues: ["numbers"] });
      await beats.schedule({ id: "double", spec: { kind: "clocked", at: 0 }, task: { name: double.name, args: { n: 21 }, maxRetries: 1 } });
      await beats.untilSlots("slot-dispatched", 1);
      const [run] = await beats.history("double");
      const taskId = present(run?.taskId, "the id of the task in the history");
      equal(await rig.result(rig.stem().handle(taskId)), [42, "00-abc", "numbers"], "the result");
      equal([seen, beat.slots("slot-dispatched")], [["math.double"], [0]], "what the middleware and the listeners saw");
      const status = await rig.status(taskId);
      equal([status.meta["__stemScheduleId"], status.meta["__stemScheduleSlot"]], ["double", 0], "what the task knows of its slot");
    },
  ),

  ...timedBeatLawOnBoth(
    "[Y21] a slot's task waits as queued, with what the schedule says, where its name is not registered",
    async (beats) => {
      const { broker, clock } = beats.rig.context;
      const at = clock.now() + 500;
      await beats.start();
      const said = { name: "elsewhere", args: [1], queue: "q", priority: 2, maxRetries: 3, timeLimitMs: 5_000, headers: { a: "b" } };
      await beats.schedule({ id: "one", spec: { kind: "clocked", at }, task: said });
      await beats.untilSlots("slot-dispatched", 1);
      const [delivery] = await broker.claim({ queues: ["q"], limit: 10, consumer: "case" });
      const { envelope } = present(delivery, "the task");
      const { name, args, queue, priority, maxRetries, timeLimitMs, headers } = envelope;
      equal({ name, args, queue, priority, maxRetries, timeLimitMs, headers }, said, "the envelope");
      equal((await beats.rig.status(envelope.id)).state, "queued", "its status");
    },
  ),

  timedBeatLaw("[Y22] slots follow from slots, however late each was dispatched", async (beats) => {
    const { clock } = beats.rig.context;
    const startAt = clock.now() + 1_000;
    await beats.schedule({ id: "tick", startAt, maxRuns: 7 });
    const { slots } = await beats.start();
    await beats.untilSlots("slot-dispatched", 7, 1_300);
    equal(slots("slot-dispatched"), seconds(startAt, 7), "the slots");
    const entry = present(await beats.rig.context.adapter.schedules.get("tick"), "the schedule");
    equal([entry.runs, entry.lastRunAt, entry.nextRunAt], [7, startAt + 6_000, undefined], "what the schedule tells");
  }),

  beatLaw("[Y22] a schedule that is made or brought forward on another connection fires at once, while Beat sleeps", async (beats) => {
    const second = await beats.rig.connect();
    const { slots } = await beats.start({ pollEvery: "1h" });
    const far = { id: "far", spec: { kind: "clocked", at: 4_000_000_000_000 } } as const;
    await beats.schedule(far, second);
    await beats.schedule({ id: "now", spec: { kind: "clocked", at: 1 } }, second);
    await beats.until("the new schedule to fire", () => slots("slot-dispatched", "now").length === 1);
    await beats.schedule({ ...far, spec: { kind: "clocked", at: 2 } }, second);
    await beats.until("the changed schedule to fire", () => slots("slot-dispatched", "far").length === 1);
    equal(slots("slot-dispatched"), [1, 2], "the slots");
  }),

  ...[true, false].map((locked) =>
    timedBeatLaw(
      `[Y23] of several Beats ${locked ? "with one lock store" : "that compete"}, on two connections, each slot is dispatched by one`,
      async (beats) => {
        const { context } = beats.rig;
        const connections = [context.adapter, await beats.rig.connect()];
        const ids = Array.from({ length: 5 }, (_, index) => `tick-${index}`);
        const startAt = context.clock.now() + 1_000;
        for (const id of ids) await beats.schedule({ id, startAt, maxRuns: 4 });
        const started = await Promise.all(
          [0, 1, 0, 1].map((index) => {
            const on = connections[index] ?? context.adapter;
            return beats.start(locked ? { on, lockStore: on.locks } : { on });
          }),
        );
        await beats.untilSlots("slot-dispatched", 20);
        for (const id of ids) {
          const all = started.flatMap(({ slots }) => slots("slot-dispatched", id)).toSorted((a, b) => a - b);
          equal(all, seconds(startAt, 4), `the slots of ${id}`);
        }
        equal((await context.broker.counts("default")).ready, 20, "how many tasks wait");
        const busy = started.filter(({ slots }) => slots("slot-dispatched").length > 0).length;
        ok(locked ? busy === 1 : busy >= 1, `Expected one to lead, ${busy} have dispatched`);
      },
    )
  ),

  timedBeatLaw("[Y23] what a crashed Beat held is dispatched by another one lease later: its lock, and its slot", async (beats) => {
    const { adapter, clock } = beats.rig.context;
    const at = clock.now();
    await beats.schedule({ id: "once", spec: { kind: "clocked", at } });
    await adapter.locks.acquire("beat", { owner: "crashed", ttl: "5s" });
    const claims = await adapter.schedules.claimDue({ owner: "crashed", limit: 1, leaseMs: 5_000 });
    equal(claims.length, 1, "how many slots the crashed one held");
    const { beat, slots, events } = await beats.start({ lockStore: adapter.locks, lease: "5s" });
    equal([beat.isLeading, slots("slot-dispatched")], [false, []], "what the other one does meanwhile");
    await beats.untilSlots("slot-dispatched", 1);
    equal(slots("slot-dispatched"), [at], "the slot");
    ok(events.some(({ type }) => type === "leading"), "Expected it to say that it leads");
    ok(clock.now() >= at + 5_000, "Expected it to wait for the leases");
  }),

  ...timedBeatLawOnBoth(
    "[Y23] a Beat that fails between enqueuing and completing leaves one task: the slot's id is always the same",
    async (beats) => {
      const { adapter, broker } = beats.rig.context;
      let failures = 0;
      const store = withScheduleMethod(adapter.schedules, "completeAndPublish", async (slots, ledger) => {
        if (failures++ > 1) return await adapter.schedules.completeAndPublish(slots, ledger);
        await ledger.enqueue(slots.flatMap(({ envelopes }) => envelopes));
        throw new StoreError("Cannot complete slots", { adapter: "case", operation: "complete", retryable: true });
      });
      await beats.schedule({ id: "once", spec: { kind: "clocked", at: 1 } });
      await beats.start({ store });
      await beats.untilSlots("slot-dispatched", 1);
      const { ready, inflight } = await broker.counts("default");
      equal([failures >= 3, ready + inflight], [true, 1], "whether it failed before, and how many tasks there are");
    },
  ),

  timedBeatLaw(
    "[Y24] slots that passed while no Beat ran: those on time fire, the others as their schedules' policies say",
    async (beats) => {
      const { clock } = beats.rig.context;
      const everyMinute = { kind: "interval", everyMs: 60_000 } as const;
      const startAt = clock.now() + 60_000;
      const slot = (minute: number): number => startAt + (minute - 1) * 60_000;
      const endAt = slot(10);
      await beats.schedule({ id: "skip", spec: everyMinute, startAt, endAt, misfire: { kind: "skip" } });
      await beats.schedule({ id: "once", spec: everyMinute, startAt, endAt, misfire: { kind: "fire-once" } });
      await beats.schedule({ id: "some", spec: everyMinute, startAt, endAt, misfire: { kind: "catch-up", limit: 3 } });
      await beats.schedule({ id: "past", spec: { kind: "clocked", at: slot(1) } });
      await clock.advance(600_000);
      const { slots } = await beats.start({ misfireGrace: "90s" });
      await beats.untilSlots("slot-dispatched", 7);
      equal(slots("slot-dispatched", "skip"), [slot(9), slot(10)], "what fires of the one that skips");
      equal(slots("slot-dispatched", "once"), [slot(10)], "what fires of the one that fires once");
      equal(slots("slot-dispatched", "some"), [slot(8), slot(9), slot(10)], "what fires of the one that catches up");
      equal(slots("slot-dispatched", "past"), [slot(1)], "a single one of the past");
      for (const id of ["skip", "once", "some"]) {
        const [first] = await beats.history(id);
        equal([first?.kind, first?.slot], ["skipped", slot(1)], `what the history of ${id} begins with`);
        ok(first?.message?.includes("Missed by 9m") === true, `Expected a reason, found ${first?.message}`);
      }
    },
  ),

  timedBeatLaw("[Y25] jitter hides the task of one slot for a time of its own, and delays no other", async (beats) => {
    const { broker, clock } = beats.rig.context;
    const at = clock.now();
    const jittery = Array.from({ length: 8 }, (_, index) => `spread-${index}`);
    for (const id of jittery) {
      await beats.schedule({ id, spec: { kind: "clocked", at }, jitterMs: 3_600_000, task: { name: id, queue: "spread" } });
    }
    await beats.schedule({ id: "exact", spec: { kind: "clocked", at } });
    await beats.start();
    await beats.untilSlots("slot-dispatched", 9, 1);
    equal((await broker.counts("default")).ready, 1, "how many tasks without jitter can be claimed");
    const { ready, delayed } = await broker.counts("spread");
    ok(delayed >= 7, `Expected the tasks with jitter to wait, found ${ready} ready and ${delayed} delayed`);
    await clock.advance(3_600_000);
    const claimed = await broker.claim({ queues: ["spread"], limit: 10, consumer: "case" });
    equal(claimed.length, 8, "how many can be claimed when all jitter has passed");
    equal(new Set(claimed.map(({ envelope }) => envelope.delayMs)).size, 8, "how many different delays there were");
  }),

  timedBeatLaw("[Y25] expiry counts from the slot; end and maximum of runs end a schedule, and disabled ones rest", async (beats) => {
    const { broker, clock } = beats.rig.context;
    const startAt = clock.now() + 1_000;
    await beats.schedule({
      id: "brief",
      spec: { kind: "clocked", at: startAt },
      expiresAfterMs: 60_000,
      task: { name: "work", queue: "brief" },
    });
    await beats.schedule({ id: "late", spec: { kind: "clocked", at: startAt - 90_000 }, expiresAfterMs: 60_000 });
    await beats.schedule({ id: "ends", startAt, endAt: startAt + 2_000 });
    await beats.schedule({ id: "counts", startAt, maxRuns: 2 });
    await beats.schedule({ id: "rests", startAt, enabled: false });
    const { slots } = await beats.start();
    await beats.untilSlots("slot-dispatched", 6);
    await beats.until("the late one to be skipped", () => slots("slot-skipped", "late").length === 1);
    const [delivery] = await broker.claim({ queues: ["brief"], limit: 1, consumer: "case" });
    equal(delivery?.envelope.expiresAt, startAt + 60_000, "when the task expires");
    equal(slots("slot-dispatched", "ends"), seconds(startAt, 3), "the slots of the one that ends");
    equal(slots("slot-dispatched", "counts"), seconds(startAt, 2), "the slots of the one that counts");
    equal(slots("slot-dispatched", "rests"), [], "the slots of the disabled one");
  }),

  timedBeatLaw("[Y26] a slot whose task cannot be enqueued is recorded as failed, and its schedule and all others go on", async (beats) => {
    const { context } = beats.rig;
    const broken = task({ name: "broken", run: () => undefined, metadata: { argsEncoder: new BrokenEncoder() } });
    const startAt = context.clock.now() + 1_000;
    await beats.schedule({ id: "bad", startAt, endAt: startAt + 2_000, task: { name: "broken", args: 1 } });
    await beats.schedule({ id: "good", startAt, maxRuns: 3 });
    const { slots } = await beats.start({ registry: [broken] });
    await beats.until("all slots to end", () => slots("slot-failed").length + slots("slot-dispatched").length === 6);
    equal(slots("slot-failed", "bad"), seconds(startAt, 3), "the slots of the bad one");
    equal(slots("slot-dispatched", "good"), seconds(startAt, 3), "the slots of the good one");
    const runs = await beats.history("bad");
    ok(
      runs.every(({ kind, message }) => kind === "failed" && message?.includes("there is no key") === true),
      "Expected the reason in the history",
    );
    equal((await context.broker.counts("default")).ready, 3, "how many tasks wait");
  }),

  beatLaw("[Y26] stopping waits for the slots in flight, claims no more, and gives the lock back", async (beats) => {
    const { adapter, within } = beats.rig.context;
    const [gate, arrived] = [deferred<void>(), deferred<void>()];
    const store = withScheduleMethod(adapter.schedules, "completeAndPublish", async (slots, ledger) => {
      arrived.resolve();
      await gate.promise;
      return await adapter.schedules.completeAndPublish(slots, ledger);
    });
    await beats.schedule({ id: "once", spec: { kind: "clocked", at: 1 } });
    const { beat, slots } = await beats.start({ store, lockStore: adapter.locks });
    await within(arrived.promise);
    const stopping = beat.stop();
    await beats.schedule({ id: "later", spec: { kind: "clocked", at: 2 } });
    equal([beat.state, slots("slot-dispatched")], ["stopping", []], "while the slot is in flight");
    gate.resolve();
    await within(stopping);
    equal([beat.state, slots("slot-dispatched")], ["stopped", [1]], "afterwards");
    equal(await adapter.locks.ownerOf("beat"), undefined, "who holds the lock");
    await throws(() => beat.start(), ClosedError, "a start after the stop");
  }),

  beatLaw("[Y26] starts and stops in any order, by many at once, end in one clean stop", async (beats) => {
    const { adapter, within } = beats.rig.context;
    for (let round = 0; round < 12; round++) {
      const { beat, events } = beats.beat(round % 2 === 0 ? { lockStore: adapter.locks } : {});
      const calls = Array.from({ length: 8 }, (_, index) => (index * 7 + round) % 3 === 0 ? beat.stop() : beat.start());
      const settled = await within(Promise.allSettled(calls));
      const failures = settled.flatMap((each): unknown[] =>
        each.status === "rejected" && !(each.reason instanceof ClosedError) ? [each.reason] : []
      );
      equal(failures, [], `what calls of round ${round} threw, besides ClosedError`);
      await within(beat.stop());
      const count = (type: string): number => events.filter((event) => event.type === type).length;
      equal([beat.state, count("started") <= 1, count("stopped")], ["stopped", true, count("started")], `the end of round ${round}`);
    }
    await throws(async () => beats.beat({ lease: "soon" }), ConfigError, "a lease in words");
  }),
]);
