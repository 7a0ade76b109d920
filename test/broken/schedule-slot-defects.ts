/** Schedule stores with one defect each: whom they give slots to, how slots end, and what is told of them. */

import type { ScheduleStore } from "../../src/contracts/schedule-store.ts";
import type { Page } from "../../src/model/page.ts";
import type { ScheduleClaim, ScheduleRun } from "../../src/model/schedule.ts";
import { nextSlot } from "../../src/model/slots.ts";
import { written } from "./schedule-defects.ts";
import type { Defect, Scope } from "./wrap.ts";

/** Completes something else than it was asked to. */
function completing(
  change: (claim: ScheduleClaim, outcome: Parameters<ScheduleStore["complete"]>[1], scope: Scope) => Promise<boolean>,
): NonNullable<Defect["schedules"]> {
  return (scope) => ({ complete: (claim, outcome) => change(claim, outcome, scope) });
}

// Shared by all connections, as a table would be; no two cases use one id.
const removedHistories = new Map<string, Page<ScheduleRun>>();

/** The defects. */
export const scheduleSlotDefects: readonly Defect[] = [
  {
    name: "what is due is told, and not claimed",
    law: "S3",
    schedules: ({ sound: { schedules }, clock }) => ({
      claimDue: async ({ owner, leaseMs, limit }) =>
        (await schedules.list({ limit: 1_000 })).items.filter(({ nextRunAt = Infinity, enabled }) => enabled && nextRunAt <= clock.now())
          .slice(0, limit).map((entry) => ({
            entry,
            slot: entry.nextRunAt ?? 0,
            token: 1,
            owner,
            claimedAt: clock.now(),
            leaseExpiresAt: clock.now() + leaseMs,
          })),
    }),
  },
  {
    name: "a slot is claimed a moment after it was seen to be free",
    law: "S3",
    schedules: ({ sound: { schedules } }) => {
      let looking: Promise<readonly ScheduleClaim[]> | undefined;
      return {
        claimDue: async (options) => {
          const first = looking === undefined;
          const found = looking ??= schedules.claimDue(options);
          const claims = await found;
          if (first) looking = undefined;
          return claims;
        },
      };
    },
  },
  {
    name: "disabled entries are due",
    law: "S3",
    schedules: written((input) => ({ ...input, enabled: true })),
  },
  {
    name: "a slot comes a millisecond late",
    law: "S3",
    schedules: ({ sound: { schedules }, clock }) => ({
      claimDue: async (options) => {
        const claims = await schedules.claimDue(options);
        await schedules.release(claims.filter(({ slot }) => slot >= clock.now()));
        return claims.filter(({ slot }) => slot < clock.now());
      },
    }),
  },
  {
    name: "the latest slots come first",
    law: "S3",
    schedules: ({ sound: { schedules } }) => ({
      claimDue: async (options) => {
        const all = (await schedules.claimDue({ ...options, limit: 1_000 })).toReversed();
        await schedules.release(all.slice(options.limit));
        return all.slice(0, options.limit);
      },
    }),
  },
  {
    name: "an entry that was just claimed comes last, whatever its slot",
    law: "S3",
    schedules: ({ sound: { schedules }, shared: { seen } }) => ({
      claimDue: async (options) => {
        const all = [...await schedules.claimDue({ ...options, limit: 1_000 })];
        const place = ({ entry, slot }: ScheduleClaim) => seen.has(`${entry.id} ${slot}`) ? 1 : 0;
        all.sort((a, b) => place(a) - place(b));
        const taken = all.slice(0, options.limit);
        await schedules.release(all.slice(options.limit));
        for (const { entry, slot } of taken) seen.add(`${entry.id} ${slot}`);
        return taken;
      },
    }),
  },
  {
    name: "a slot in time is lost when its entry has ended meanwhile",
    law: "S3",
    schedules: ({ sound: { schedules }, clock }) => ({
      claimDue: async (options) => (await schedules.claimDue(options)).filter(({ entry: { endAt = Infinity } }) => endAt >= clock.now()),
    }),
  },
  {
    name: "a contended slot sticks for ever",
    law: "S4",
    schedules: ({ sound: { schedules } }) => ({
      claimDue: (options) => schedules.claimDue({ ...options, leaseMs: 3_650 * 86_400_000 }),
    }),
  },
  {
    name: "tokens begin anew with each takeover",
    law: "S4",
    schedules: ({ sound: { schedules } }) => {
      const tokens = new Map<string, number>();
      const sound = (claim: ScheduleClaim): ScheduleClaim => ({ ...claim, token: tokens.get(claim.entry.id) ?? claim.token });
      return {
        claimDue: async (options) =>
          (await schedules.claimDue(options)).map((claim) => {
            tokens.set(claim.entry.id, claim.token);
            return { ...claim, token: 1 };
          }),
        complete: (claim, outcome) => schedules.complete(sound(claim), outcome),
        release: (claims) => schedules.release(claims.map(sound)),
      };
    },
  },
  {
    name: "a lease that ran out is a stale claim",
    law: "S4",
    schedules: completing(async (claim, outcome, { sound: { schedules }, clock }) =>
      claim.leaseExpiresAt > clock.now() && await schedules.complete(claim, outcome)
    ),
  },
  {
    name: "claims given back wait for their lease",
    law: "S4",
    schedules: () => ({ release: async (claims) => claims.map(() => true) }),
  },
  {
    name: "giving back asks for no token",
    law: "S4",
    schedules: ({ sound: { schedules }, shared: { seen } }) => {
      const latest = new Map<string, ScheduleClaim>();
      return {
        claimDue: async (options) => {
          const claims = await schedules.claimDue(options);
          for (const claim of claims) latest.set(claim.entry.id, claim);
          for (const { entry } of claims) seen.add(entry.id);
          return claims;
        },
        release: (claims) => schedules.release(claims.map((claim) => latest.get(claim.entry.id) ?? claim)),
      };
    },
  },
  {
    name: "a completion asks for no token",
    law: "S5",
    schedules: ({ sound: { schedules } }) => {
      const latest = new Map<string, ScheduleClaim>();
      return {
        claimDue: async (options) => {
          const claims = await schedules.claimDue(options);
          for (const claim of claims) latest.set(claim.entry.id, claim);
          return claims;
        },
        complete: (claim, outcome) => schedules.complete(latest.get(claim.entry.id) ?? claim, outcome),
      };
    },
  },
  {
    name: "every completion says that it counted",
    law: "S5",
    schedules: completing(async (claim, outcome, { sound: { schedules } }) => {
      await schedules.complete(claim, outcome);
      return true;
    }),
  },
  {
    name: "a completion is looked up first, and written a moment later",
    law: "S5",
    schedules: completing(async (claim, outcome, { sound: { schedules }, shared: { seen } }) => {
      const key = `${claim.token} ${claim.entry.id}`;
      const isKnown = seen.has(key);
      await Promise.resolve();
      seen.add(key);
      await schedules.complete(claim, outcome);
      return !isKnown;
    }),
  },
  {
    name: "a completion sets the next slot to nothing",
    law: "S6",
    schedules: completing((claim, { nextRunAt: _, ...outcome }, { sound: { schedules } }) => schedules.complete(claim, outcome)),
  },
  {
    name: "the next slot is computed from the time of the completion",
    law: "S6",
    schedules: completing((claim, outcome, { sound: { schedules }, clock }) =>
      schedules.complete(
        claim,
        outcome.nextRunAt === undefined ? outcome : { ...outcome, nextRunAt: Math.max(clock.now() + 60_000, claim.slot + 1) },
      )
    ),
  },
  {
    name: "without a next slot the store plans one",
    law: "S6",
    schedules: completing((claim, outcome, { sound: { schedules } }) => {
      const nextRunAt = outcome.nextRunAt ?? nextSlot(claim.entry, claim.slot);
      return schedules.complete(claim, nextRunAt === undefined ? outcome : { ...outcome, nextRunAt });
    }),
  },
  {
    name: "runs count what was skipped too",
    law: "S6",
    schedules: completing((claim, outcome, { sound: { schedules } }) => schedules.complete(claim, { ...outcome, kind: "dispatched" })),
  },
  { name: "maxRuns is not looked at", law: "S6", schedules: written(({ maxRuns: _, ...input }) => input) },
  {
    name: "a stale claim enqueues all the same",
    law: "S8",
    schedules: ({ sound: { schedules } }) => ({
      completeAndPublish: async (slots, ledger) => {
        await ledger.enqueue(slots.flatMap(({ envelopes }) => envelopes));
        return schedules.completeAndPublish(slots, ledger);
      },
    }),
  },
  {
    name: "slots are completed first, and enqueued afterwards",
    law: "S8",
    schedules: ({ sound: { schedules } }) => ({
      completeAndPublish: async (slots, ledger) => {
        const completed: boolean[] = [];
        for (const { claim, outcome } of slots) completed.push(await schedules.complete(claim, outcome));
        await ledger.enqueue(slots.flatMap(({ envelopes }, at) => completed[at] === true ? envelopes : []));
        return completed;
      },
    }),
  },
  {
    name: "a slot whose envelope is known stays as it is",
    law: "S8",
    schedules: ({ sound: { schedules } }) => ({
      completeAndPublish: async (slots, ledger) => {
        const answers: boolean[] = [];
        for (const slot of slots) {
          const accepted = await ledger.enqueue(slot.envelopes);
          answers.push(accepted.includes(false) ? false : await schedules.complete(slot.claim, slot.outcome));
        }
        return answers;
      },
    }),
  },
  {
    name: "only the first of many slots is completed",
    law: "S8",
    schedules: ({ sound: { schedules } }) => ({
      completeAndPublish: async (slots, ledger) => {
        const [first = false] = await schedules.completeAndPublish(slots.slice(0, 1), ledger);
        return slots.map((_, at) => at === 0 && first);
      },
    }),
  },
  {
    name: "history tells the oldest first",
    law: "S9",
    schedules: ({ sound: { schedules } }) => ({
      history: async (id, page) => {
        const found = await schedules.history(id, page);
        return { ...found, items: found.items.toReversed() };
      },
    }),
  },
  {
    name: "history forgets why",
    law: "S9",
    schedules: ({ sound: { schedules } }) => ({
      history: async (id, page) => withoutMessages(await schedules.history(id, page)),
    }),
  },
  {
    name: "history stays when its entry goes",
    law: "S9",
    schedules: ({ sound: { schedules } }) => ({
      remove: async (id, options) => {
        removedHistories.set(id, await schedules.history(id));
        return schedules.remove(id, options);
      },
      history: async (id, page) => removedHistories.get(id) ?? schedules.history(id, page),
    }),
  },
  {
    name: "history grows without bound",
    law: "S9",
    schedules: ({ sound: { schedules } }) => {
      const runs = new Map<string, { slot: number }[]>();
      return {
        complete: async (claim, outcome) => {
          const completed = await schedules.complete(claim, outcome);
          if (completed) runs.set(claim.entry.id, [claim, ...runs.get(claim.entry.id) ?? []]);
          return completed;
        },
        history: async (id, page) => {
          const found = await schedules.history(id, page);
          const missing = (runs.get(id) ?? []).slice(found.items.length);
          return page?.limit === 1_000
            ? {
              items: [
                ...found.items,
                ...missing.map(({ slot }) => ({ scheduleId: id, slot, kind: "dispatched" as const, completedAt: slot })),
              ],
            }
            : found;
        },
      };
    },
  },
  {
    name: "old history is never swept",
    law: "S9",
    schedules: () => ({ sweep: async () => 0 }),
  },
  {
    name: "what is claimed counts as due",
    law: "S10",
    schedules: ({ sound: { schedules }, clock }) => ({
      nextDueIn: async () => {
        const slots = (await schedules.list()).items.flatMap(({ enabled, nextRunAt }) =>
          enabled && nextRunAt !== undefined ? [nextRunAt] : []
        );
        return slots.length === 0 ? undefined : Math.max(0, Math.min(...slots) - clock.now());
      },
    }),
  },
  {
    name: "leases that end are not told of",
    law: "S10",
    schedules: ({ sound: { schedules }, clock }) => {
      const held = new Set<string>();
      return {
        claimDue: async (options) => {
          const claims = await schedules.claimDue(options);
          for (const { entry } of claims) held.add(entry.id);
          return claims;
        },
        nextDueIn: async () => {
          const free = (await schedules.list()).items.flatMap(({ id, enabled, nextRunAt }) =>
            enabled && nextRunAt !== undefined && !held.has(id) ? [nextRunAt] : []
          );
          return free.length === 0 ? undefined : Math.max(0, Math.min(...free) - clock.now());
        },
      };
    },
  },
  {
    name: "how long ago something was due is told as a negative wait",
    law: "S10",
    schedules: ({ sound: { schedules }, clock }) => ({
      nextDueIn: async () => {
        const inMs = await schedules.nextDueIn();
        const [first] = (await schedules.list()).items.flatMap(({ nextRunAt }) => nextRunAt ?? []).toSorted((a, b) => a - b);
        return inMs === 0 && first !== undefined ? first - clock.now() : inMs;
      },
    }),
  },
  {
    name: "nobody who watches is woken",
    law: "S10",
    schedules: () => ({ watch: async ({ signal }) => silent(signal) }),
  },
  {
    name: "a watch goes on after its signal",
    law: "S10",
    schedules: ({ sound: { schedules } }) => ({ watch: () => schedules.watch({ signal: new AbortController().signal }) }),
  },
  {
    name: "a watch begins with its first reader",
    law: "S10",
    schedules: ({ sound: { schedules } }) => ({
      watch: async (options) => ({
        async *[Symbol.asyncIterator]() {
          yield* await schedules.watch(options);
        },
      }),
    }),
  },
];

function withoutMessages(page: Page<ScheduleRun>): Page<ScheduleRun> {
  return { ...page, items: page.items.map(({ message: _, ...run }) => run) };
}

/** A watch that ends with its signal and tells nothing before. */
function silent(signal: AbortSignal): AsyncIterable<void> {
  return {
    [Symbol.asyncIterator]: () => ({
      next: () =>
        new Promise((resolve) => {
          const end = (): void => resolve({ done: true, value: undefined });
          if (signal.aborted) end();
          else signal.addEventListener("abort", end, { once: true });
        }),
    }),
  };
}
