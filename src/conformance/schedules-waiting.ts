import type { ScheduleStore } from "../contracts/schedule-store.ts";
import { equal, present } from "./assert.ts";
import { type CaseContext, type ConformanceCase, law, timedLaw } from "./case.ts";
import { claimDue, claimSlot, dispatched, everyMinute, SECOND } from "./schedule-steps.ts";
import { expectEnd, rollBack } from "./steps.ts";

/** What of a change makes a watch wake, by name; each is done on another connection than the watch's. */
const CHANGES: Readonly<Record<string, (store: ScheduleStore, context: CaseContext) => Promise<unknown>>> = {
  "a new entry": (store, { id }) => store.upsert(everyMinute(id())),
  "a change": (store) => store.upsert(everyMinute("known", { meta: { changed: true } })),
  "a removal": (store) => store.remove("known"),
  "a completion": async (store) => {
    const claim = await claimSlot(store);
    return store.complete(claim, dispatched(claim));
  },
  "a completion with its envelopes": async (store, { adapter, ledgerOf, envelope }) => {
    const claim = await claimSlot(store);
    return store.completeAndPublish([{ claim, outcome: dispatched(claim), envelopes: [envelope()] }], ledgerOf(adapter));
  },
  "claims given back": async (store) => store.release(await claimDue(store)),
};

/** How schedulers learn when to come back. */
export const scheduleWaitingCases: readonly ConformanceCase[] = Object.freeze([
  timedLaw("[S10] nextDueIn tells how long until something may be claimed", async ({ adapter: { schedules }, clock, second, id }) => {
    const other = (await second()).schedules;
    equal(await schedules.nextDueIn(), undefined, "with nothing planned");
    const [early, late] = [id("early"), id("late")];
    await other.upsert({ ...everyMinute(late), spec: { kind: "interval", everyMs: 600 * SECOND } });
    equal(await schedules.nextDueIn(), 600 * SECOND, "with one entry");
    await other.upsert(everyMinute(early));
    await clock.advance(10 * SECOND);
    equal(await schedules.nextDueIn(), 50 * SECOND, "with an earlier one, later on");
    await clock.advance(50 * SECOND);
    equal(await schedules.nextDueIn(), 0, "when it is due");
    await clock.advance(5 * SECOND);
    equal(await schedules.nextDueIn(), 0, "when it was due before");
    const claim = await claimSlot(other, { leaseMs: 20 * SECOND });
    equal(await schedules.nextDueIn(), 20 * SECOND, "while it is claimed: the end of the lease");
    await other.complete(claim, dispatched(claim));
    equal(await schedules.nextDueIn(), 55 * SECOND, "after its completion");
    await other.upsert(everyMinute(early, { enabled: false }));
    equal(await schedules.nextDueIn(), 535 * SECOND, "after it was disabled");
    await other.remove(late);
    equal(await schedules.nextDueIn(), undefined, "with a disabled one only");
  }),

  ...Object.entries(CHANGES).map(([name, change]) =>
    law(`[S10] a watch is woken by ${name} on another connection`, async (context) => {
      const { adapter: { schedules }, second, within } = context;
      const other = (await second()).schedules;
      // Its time has passed: there is a slot to be claimed.
      await other.upsert({ ...everyMinute("known"), spec: { kind: "clocked", at: 1 } });
      const controller = new AbortController();
      const watch = (await schedules.watch({ signal: controller.signal }))[Symbol.asyncIterator]();
      // From when the promise resolved nothing is missed, also before anybody reads.
      await change(other, context);
      equal((await within(watch.next())).done, false, "whether the watch goes on");
      controller.abort();
      // It ends without telling what came meanwhile.
      await expectEnd(context, watch);
      await expectEnd(context, watch);
    })
  ),

  law("[S10] a watch that waits is woken, time and again", async (context) => {
    const { adapter: { schedules }, second, within, id } = context;
    const other = (await second()).schedules;
    const controller = new AbortController();
    const woken: number[] = [];
    const watch = await schedules.watch({ signal: controller.signal });
    let wake: () => void = () => undefined;
    const reader = (async () => {
      for await (const _ of watch) {
        woken.push(1);
        wake();
      }
    })();
    for (let turn = 0; turn < 5; turn++) {
      const next = new Promise<void>((resolve) => (wake = resolve));
      await other.upsert(everyMinute(id()));
      await within(next);
    }
    controller.abort();
    await within(reader);
  }),

  law("[S10] watches end at their signal, with their loop, and on close", async (context) => {
    const { second, within } = context;
    const closing = await second();
    const { schedules } = closing;
    const aborted = await schedules.watch({ signal: AbortSignal.abort() });
    await expectEnd(context, aborted[Symbol.asyncIterator]());
    const controller = new AbortController();
    const left = (await schedules.watch({ signal: controller.signal }))[Symbol.asyncIterator]();
    await within(Promise.resolve(left.return?.()));
    await expectEnd(context, left);
    const watches = await Promise.all([1, 2].map(() => schedules.watch({ signal: controller.signal })));
    const ends = watches.map((watch) => watch[Symbol.asyncIterator]().next());
    await within(closing.close());
    equal((await within(Promise.all(ends))).map(({ done }) => done), [true, true], "whether the watches ended with the store");
    controller.abort();
  }),

  law("[S10 S12] a watch is woken by a change in a transaction when that commits", async (context) => {
    const { adapter, second, within, transaction, id } = context;
    const other = (await second()).schedules;
    if (!adapter.supports.transactions) return equal(transaction, undefined, "a transaction where the adapter has none");
    const run = present(transaction, "a transaction from the harness of an adapter that supports them");
    const controller = new AbortController();
    const watch = (await adapter.schedules.watch({ signal: controller.signal }))[Symbol.asyncIterator]();
    const name = id();
    let isCommitted = false;
    const woken = within(watch.next()).then(() => isCommitted);
    await rollBack(run, async (tx) => void await other.upsert(everyMinute(id()), { tx }));
    await run(async (tx) => {
      await other.upsert(everyMinute(name), { tx });
      isCommitted = true;
    });
    equal(await woken, true, "whether the change was there when the watch woke");
    equal((await adapter.schedules.get(name))?.version, 1, "the version that is read then");
    controller.abort();
  }),
]);
