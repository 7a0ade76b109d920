/** Schedule stores with one defect each: what they keep, and what changes do. */

import type { Page } from "../../src/model/page.ts";
import type { ScheduleClaim, ScheduleEntry, ScheduleInput } from "../../src/model/schedule.ts";
import type { Defect, Scope } from "./wrap.ts";

/** Changes what is written before the sound store gets it. */
export function written(
  change: (input: ScheduleInput, scope: Scope) => ScheduleInput | Promise<ScheduleInput>,
): NonNullable<Defect["schedules"]> {
  return (scope) => ({ upsert: async (input, options) => scope.sound.schedules.upsert(await change(input, scope), options) });
}

/** Changes every entry that the sound store tells. */
function told(change: (entry: ScheduleEntry) => ScheduleEntry): NonNullable<Defect["schedules"]> {
  return ({ sound: { schedules } }) => ({
    upsert: async (input, options) => change(await schedules.upsert(input, options)),
    get: async (id) => optional(await schedules.get(id), change),
    list: async (page) => mapped(await schedules.list(page), change),
    claimDue: async (options) => (await schedules.claimDue(options)).map((claim) => ({ ...claim, entry: change(claim.entry) })),
  });
}

/** Leaves a field out of what is kept. */
function without(...path: readonly string[]): (entry: ScheduleEntry) => ScheduleEntry {
  return (entry) => {
    const copy = structuredClone(entry);
    let inside: object = copy;
    for (const key of path.slice(0, -1)) inside = Object.entries(inside).find(([name]) => name === key)?.[1] ?? {};
    Reflect.deleteProperty(inside, path.at(-1) ?? "");
    return copy;
  };
}

/** The defects. */
export const scheduleDefects: readonly Defect[] = [
  {
    name: "a spec is kept as its default text",
    law: "S1",
    schedules: told((entry) => ({ ...entry, spec: JSON.parse(JSON.stringify(String(entry.spec))) })),
  },
  ...["startAt", "endAt", "maxRuns", "expiresAfterMs", "jitterMs", "misfire", "timeZone", "meta"].map((field): Defect => ({
    name: `${field} is not kept`,
    law: "S1",
    schedules: told(without(field)),
  })),
  { name: "the offset of a solar schedule is not kept", law: "S1", schedules: told(without("spec", "offsetMs")) },
  { name: "the weekdays of a calendar schedule are not kept", law: "S1", schedules: told(without("spec", "weekdays")) },
  { name: "the options of the task are not kept", law: "S1", schedules: told(without("task", "retryPolicy")) },
  { name: "the arguments of the task are not kept", law: "S1", schedules: told(without("task", "args")) },
  {
    name: "what is told is what is kept",
    law: "S1",
    schedules: ({ sound: { schedules } }) => {
      const kept = new Map<string, ScheduleEntry>();
      return {
        upsert: async (input, options) => {
          const entry = await schedules.upsert(input, options);
          const known = kept.get(entry.id) ?? entry;
          kept.set(entry.id, known);
          return known;
        },
        get: async (id) => kept.get(id) ?? schedules.get(id),
      };
    },
  },
  {
    name: "a list gives its first page again",
    law: "S1",
    schedules: ({ sound: { schedules } }) => ({ list: ({ cursor: _, ...page } = {}) => schedules.list(page) }),
  },
  { name: "versions never rise", law: "S2", schedules: told((entry) => ({ ...entry, version: 1 })) },
  { name: "the named version is not looked at", law: "S2", schedules: written(({ version: _, ...input }) => input) },
  {
    name: "the named version is compared before the write, and not with it",
    law: "S2",
    schedules: written(async ({ version, ...input }, { sound: { schedules } }) => {
      const found = (await schedules.get(input.id))?.version ?? 0;
      // What would be refused is left to the sound store.
      return version === undefined || version === found ? input : { ...input, version };
    }),
  },
  {
    name: "whatever is written is a change",
    law: "S2",
    schedules: told((entry) => ({ ...entry, version: entry.version + (entry.updatedAt > entry.createdAt ? 1 : 0) })),
  },
  {
    name: "the order of keys is a change",
    law: "S2",
    schedules: ({ sound: { schedules } }) => {
      const texts = new Map<string, string>();
      return {
        upsert: async (input, options) => {
          const text = JSON.stringify(input.task);
          const isOther = (texts.get(input.id) ?? text) !== text;
          texts.set(input.id, text);
          if (isOther) await schedules.upsert({ ...input, task: { ...input.task, priority: input.task.priority === 9 ? 8 : 9 } }, options);
          const { version: _, ...again } = input;
          return isOther ? schedules.upsert(again, options) : schedules.upsert(input, options);
        },
      };
    },
  },
  {
    name: "a slot that passes is a change of the entry",
    law: "S2",
    schedules: told((entry) => ({ ...entry, version: entry.version + entry.runs })),
  },
  {
    name: "a change leaves the claim as it was",
    law: "S7",
    schedules: ({ sound: { schedules } }) => {
      const held = new Map<string, ScheduleClaim>();
      return {
        claimDue: async (options) => {
          const claims = await schedules.claimDue(options);
          for (const claim of claims) held.set(claim.entry.id, claim);
          return claims;
        },
        complete: async (claim, outcome) => {
          if (await schedules.complete(claim, outcome)) return true;
          const entry = await schedules.get(claim.entry.id);
          return entry !== undefined && entry.nextRunAt === claim.slot && held.get(entry.id)?.token === claim.token &&
            entry.version !== claim.entry.version;
        },
      };
    },
  },
  {
    name: "a change of when it fires leaves the next slot",
    law: "S7",
    schedules: ({ sound: { schedules } }) => {
      const planned = new Map<string, number | undefined>();
      return {
        upsert: async (input, options) => {
          const { nextRunAt, ...entry } = await schedules.upsert(input, options);
          const slot = planned.has(input.id) ? planned.get(input.id) : nextRunAt;
          planned.set(input.id, slot);
          return slot === undefined ? entry : { ...entry, nextRunAt: slot };
        },
      };
    },
  },
  {
    name: "any change plans anew",
    law: "S7",
    schedules: ({ sound: { schedules } }) => ({
      upsert: async (input, options) => {
        const before = await schedules.get(input.id);
        if (before === undefined || before.enabled === false) return schedules.upsert(input, options);
        await schedules.upsert({ ...input, enabled: false }, options);
        const { version: _, ...again } = input;
        return { ...await schedules.upsert({ ...again, enabled: input.enabled ?? true }, options), version: before.version + 1 };
      },
    }),
  },
  {
    name: "a disabled entry forgets its plan",
    law: "S7",
    schedules: told(({ nextRunAt, ...entry }) => nextRunAt === undefined || !entry.enabled ? entry : { ...entry, nextRunAt }),
  },
  {
    name: "an entry that is enabled again fires for what it missed",
    law: "S7",
    schedules: ({ sound: { schedules }, clock }) => {
      const disabled = new Set<string>();
      return {
        upsert: async (input, options) => {
          const entry = await schedules.upsert(input, options);
          const isAgain = entry.enabled && disabled.delete(entry.id);
          if (!entry.enabled) disabled.add(entry.id);
          return isAgain ? { ...entry, nextRunAt: clock.now() } : entry;
        },
      };
    },
  },
  {
    name: "a clocked entry that comes too late never fires",
    law: "S7",
    schedules: told(({ nextRunAt, ...entry }) =>
      nextRunAt === undefined || entry.spec.kind === "clocked" ? entry : { ...entry, nextRunAt }
    ),
  },
  {
    name: "a new entry goes on as the removed one of its id",
    law: "S7",
    schedules: ({ sound: { schedules }, shared: { seen } }) => ({
      remove: async (id) => {
        const entry = await schedules.get(id);
        if (entry === undefined || seen.has(id)) return false;
        seen.add(id);
        await schedules.upsert({ ...entry, enabled: false });
        return true;
      },
      upsert: (input, options) => {
        seen.delete(input.id);
        return schedules.upsert(input, options);
      },
      get: async (id) => seen.has(id) ? undefined : schedules.get(id),
    }),
  },
  {
    name: "keys without a namespace",
    law: "S11",
    connectWith: (options) => ({ ...options, namespace: options.namespace.replace(/-other$/, "") }),
  },
  {
    name: "a bad entry is refused after the old one was removed",
    law: "S11",
    schedules: ({ sound: { schedules } }) => ({
      upsert: async (input, options) => {
        try {
          return await schedules.upsert(input, options);
        } catch (error) {
          if (typeof input?.id === "string") await schedules.remove(input.id).catch(() => false);
          throw error;
        }
      },
    }),
  },
  {
    name: "any lease will do",
    law: "S11",
    schedules: ({ sound: { schedules } }) => ({
      claimDue: (options) => schedules.claimDue({ ...options, leaseMs: Math.max(1, Math.floor(Number(options.leaseMs)) || 1) }),
    }),
  },
  {
    name: "a closed store goes on telling what was due",
    law: "S11",
    schedules: ({ sound: { schedules } }) => ({ nextDueIn: () => schedules.nextDueIn().catch(() => undefined) }),
  },
  {
    name: "a transaction of a schedule is ignored",
    law: "S12",
    schedules: ({ sound: { schedules } }) => ({ upsert: (entry) => schedules.upsert(entry), remove: (id) => schedules.remove(id) }),
  },
];

function optional<T, R>(value: T | undefined, change: (value: T) => R | undefined): R | undefined {
  return value === undefined ? undefined : change(value);
}

function mapped<T, R>(page: Page<T>, change: (item: T) => R): Page<R> {
  return { ...page, items: page.items.map(change) };
}
