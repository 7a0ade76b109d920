/** Revoke stores with one defect each. */

import type { Revocation, RevocationKey, StoredRevocation } from "../../src/model/revocation.ts";
import type { Defect } from "./wrap.ts";

/** Changes each decision on its way in. */
function deciding(change: (revocation: Revocation) => Revocation): NonNullable<Defect["revocations"]> {
  return ({ sound: { revocations } }) => ({
    upsertAll: (decided, options) => revocations.upsertAll(decided.map(change), options),
  });
}

/** Keeps what is in force as it is, where there is something. */
const firstWins: NonNullable<Defect["revocations"]> = ({ sound: { revocations } }) => ({
  upsertAll: async (decided, options) => {
    const before = await revocations.get(decided.map(({ target }) => target));
    const fresh = decided.filter((_, at) => before[at] === undefined);
    const stored = (await revocations.upsertAll(fresh, options)).values();
    return before.map((found) => found ?? stored.next().value).filter((found) => found !== undefined);
  },
});

/** Keeps headers and names under texts that are only joined. */
function joinedText(key: RevocationKey): RevocationKey {
  return key.kind === "header" ? { kind: "header", header: "joined", value: `${key.header}:${key.value}`.slice(0, 255) } : key;
}

function pick(map: ReadonlyMap<string, StoredRevocation>, key: RevocationKey): StoredRevocation | undefined {
  return map.get(JSON.stringify([key.kind, key.kind === "task" ? key.id : key.kind === "name" ? key.name : [key.header, key.value]]));
}

/** Reads everything when it is first asked, and never again. */
const loadedOnce: NonNullable<Defect["revocations"]> = ({ sound: { revocations } }) => {
  let loaded: Promise<ReadonlyMap<string, StoredRevocation>> | undefined;
  const load = async (): Promise<ReadonlyMap<string, StoredRevocation>> => {
    const { items } = await revocations.list({ limit: 1_000 });
    return new Map(items.map((stored) => {
      const { target } = stored;
      const name = target.kind === "task" ? target.id : target.kind === "name" ? target.name : [target.header, target.value];
      return [JSON.stringify([target.kind, name]), stored];
    }));
  };
  return {
    match: async (tasks) => {
      const known = await (loaded ??= load());
      return tasks.map(({ id }) => pick(known, { kind: "task", id }));
    },
  };
};

/** Gives nothing, until it ends. */
function untilAborted(signal: AbortSignal): AsyncIterable<void> {
  const end = new Promise<IteratorReturnResult<undefined>>((resolve) => {
    const settle = (): void => resolve({ done: true, value: undefined });
    if (signal.aborted) settle();
    else signal.addEventListener("abort", settle, { once: true });
  });
  return { [Symbol.asyncIterator]: () => ({ next: () => end }) };
}

/** Tells of what went through this very object. */
const ownNews: NonNullable<Defect["revocations"]> = ({ sound: { revocations } }) => {
  let waiting: (() => void)[] = [];
  const tell = (): void => {
    for (const wake of waiting.splice(0)) wake();
  };
  const watch = async function* (signal: AbortSignal): AsyncGenerator<void, void, undefined> {
    while (!signal.aborted) {
      await new Promise<void>((resolve) => {
        waiting = [...waiting, resolve];
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
      if (!signal.aborted) yield;
    }
  };
  return {
    upsertAll: async (decided, options) => {
      const stored = await revocations.upsertAll(decided, options);
      tell();
      return stored;
    },
    watch: async ({ signal }) => watch(signal),
  };
};

/** The defects. */
export const revocationDefects: readonly Defect[] = [
  { name: "an older revocation can win", law: "V1", revocations: firstWins },
  {
    name: "of two decisions in one call the first wins",
    law: "V1",
    revocations: ({ sound: { revocations } }) => ({
      upsertAll: (decided, options) => revocations.upsertAll([...decided].reverse(), options).then((stored) => [...stored].reverse()),
    }),
  },
  {
    name: "versions are counted by each connection",
    law: "V1",
    revocations: ({ sound: { revocations } }) => {
      let version = 0;
      return {
        upsertAll: async (decided, options) =>
          (await revocations.upsertAll(decided, options)).map((stored) => ({ ...stored, version: version += 1 })),
      };
    },
  },
  { name: "who asked for it is lost", law: "V1", revocations: deciding(({ requestedBy: _requestedBy, ...rest }) => rest) },
  { name: "decisions end with the connection", law: "V2", isApart: true },
  {
    name: "the expiry is ignored",
    law: "V3",
    revocations: deciding(({ expiresAt: _expiresAt, expiresInMs: _expiresInMs, ...rest }) => rest),
  },
  {
    name: "what has expired is found until it is pruned",
    law: "V3",
    revocations: ({ sound: { revocations } }) => {
      const known = new Map<string, StoredRevocation>();
      return {
        match: async (tasks) => {
          const found = await revocations.match(tasks);
          return tasks.map(({ id }, at) => {
            const stored = found[at] ?? known.get(id);
            if (stored !== undefined) known.set(id, stored);
            return stored;
          });
        },
      };
    },
  },
  { name: "what is pruned is not counted", law: "V3", revocations: () => ({ pruneExpired: async () => 0 }) },
  {
    name: "tasks that were enqueued after the decision are meant too",
    law: "V4",
    revocations: ({ sound: { revocations } }) => ({
      match: (tasks) => revocations.match(tasks.map((task) => ({ ...task, enqueuedAt: 0 }))),
    }),
  },
  {
    name: "a decision by name without an instant means all tasks to come",
    law: "V4",
    revocations: deciding((revocation) =>
      revocation.target.kind === "name" && revocation.target.before === undefined
        ? { ...revocation, target: { ...revocation.target, before: Number.MAX_SAFE_INTEGER } }
        : revocation
    ),
  },
  {
    name: "headers are not looked at",
    law: "V4",
    revocations: ({ sound: { revocations } }) => ({ match: (tasks) => revocations.match(tasks.map((task) => ({ ...task, headers: {} }))) }),
  },
  { name: "revocations are loaded once, never again", law: "V4", revocations: loadedOnce },
  { name: "nobody hears of anything", law: "V5", revocations: () => ({ watch: async ({ signal }) => untilAborted(signal) }) },
  { name: "only what this object decided is heard", law: "V5", revocations: ownNews },
  {
    name: "a header and its value are joined by a colon",
    law: "V6",
    revocations: ({ sound: { revocations } }) => ({
      upsertAll: async (decided, options) => {
        const stored = await revocations.upsertAll(
          decided.map((one) => one.target.kind === "header" ? { ...one, target: joinedTarget(one.target) } : one),
          options,
        );
        return stored.map((one, at) => ({ ...one, target: decided[at]?.target ?? one.target }));
      },
      get: (targets) => revocations.get(targets.map(joinedText)),
      remove: (targets) => revocations.remove(targets.map(joinedText)),
      match: (tasks) =>
        revocations.match(tasks.map((task) => ({
          ...task,
          headers: Object.fromEntries(
            Object.entries(task.headers).map(([header, value]) => ["joined", `${header}:${value}`.slice(0, 255)]),
          ),
        }))),
    }),
  },
  { name: "all namespaces are one", law: "V6", connectWith: (options) => ({ ...options, namespace: "everybody" }) },
  {
    name: "the good part of a bad call is written",
    law: "V6",
    revocations: ({ sound: { revocations } }) => ({
      upsertAll: async (decided, options) => {
        const stored: StoredRevocation[] = [];
        for (const one of decided) stored.push(...await revocations.upsertAll([one], options));
        return stored;
      },
    }),
  },
  {
    name: "a transaction of a decision is ignored",
    law: "V7",
    revocations: ({ sound: { revocations } }) => ({ upsertAll: (decided) => revocations.upsertAll(decided) }),
  },
  {
    name: "what is taken back stays in force",
    law: "V8",
    revocations: ({ sound: { revocations } }) => ({
      remove: async (targets) => (await revocations.get(targets)).map((found) => found !== undefined),
    }),
  },
  {
    name: "each page is the first one",
    law: "V8",
    revocations: ({ sound: { revocations } }) => ({
      list: async ({ limit } = {}) => {
        const { items } = await revocations.list(limit === undefined ? {} : { limit });
        return { items };
      },
    }),
  },
  {
    name: "the list is in the order of the decisions",
    law: "V8",
    revocations: ({ sound: { revocations } }) => ({
      list: async (page) => {
        const { items, ...rest } = await revocations.list(page);
        return { items: [...items].reverse(), ...rest };
      },
    }),
  },
];

function joinedTarget({ header, value }: Extract<RevocationKey, { readonly kind: "header" }>): Revocation["target"] {
  return { kind: "header", header: "joined", value: `${header}:${value}`.slice(0, 255) };
}
