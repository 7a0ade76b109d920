/** Result backends with one defect each: statuses, waiting, heartbeats, groups. */

import type { StatusUpdate } from "../../src/contracts/result-backend.ts";
import type { ChordClaim } from "../../src/model/group.ts";
import type { TaskStatus } from "../../src/model/task-status.ts";
import { isTerminal, supersedes } from "../../src/model/task-state.ts";
import { emptyListAsObject, throughJson } from "./broker-defects.ts";
import type { Defect, Scope } from "./wrap.ts";

/** Changes each update on its way in; what was stored before comes with it. */
function writing(
  change: (update: StatusUpdate, before: TaskStatus | undefined, scope: Scope) => StatusUpdate,
): NonNullable<Defect["results"]> {
  return (scope) => ({
    setMany: async (updates, options) => {
      const { results } = scope.sound;
      const before = updates.every(({ id }) => id !== "") ? await results.getMany(updates.map(({ id }) => id)).catch(() => []) : [];
      return results.setMany(updates.map((update, index) => change(update, before[index], scope)), options);
    },
  });
}

/** Writes an update although the order of truth forbids it, where `when` says so. */
function forcing(when: (update: StatusUpdate, before: TaskStatus) => boolean): NonNullable<Defect["results"]> {
  return ({ sound: { results } }) => ({
    setMany: async (updates, options) => {
      const before = await results.getMany(updates.map(({ id }) => id));
      for (const [index, update] of updates.entries()) {
        const status = before[index];
        if (status !== undefined && when(update, status)) await results.remove(update.id);
      }
      return results.setMany(updates, options);
    },
  });
}

async function* nothing(): AsyncGenerator<TaskStatus, void, undefined> {}

/** The defects. */
export const resultDefects: readonly Defect[] = [
  {
    name: "a payload of null is lost",
    law: "R1",
    results: writing((update) => {
      const { payload, ...rest } = update;
      return payload === null ? rest : update;
    }),
  },
  {
    name: "an empty list in a payload becomes an empty object",
    law: "R1",
    results: writing((update) => "payload" in update ? { ...update, payload: throughJson(update.payload, emptyListAsObject) } : update),
  },
  {
    name: "meta is merged",
    law: "R1",
    results: writing((update, before) => update.meta === undefined ? update : { ...update, meta: { ...before?.meta, ...update.meta } }),
  },
  {
    name: "an earlier error stays",
    law: "R1",
    results: writing((update, before) => before?.error === undefined ? update : { error: before.error, ...update }),
  },
  {
    name: "queued overwrites running",
    law: "R2",
    results: forcing((update, { state }) => update.state === "queued" && state === "running"),
  },
  {
    name: "a higher attempt keeps what the earlier one left",
    law: "R2",
    results: writing((update, before) => ({
      ...(before?.payload === undefined ? {} : { payload: before.payload }),
      ...(before?.progress === undefined ? {} : { progress: before.progress }),
      ...update,
    })),
  },
  { name: "late writes overwrite what has ended", law: "R3", results: forcing((_, { state }) => isTerminal(state)) },
  {
    name: "statuses are read, compared, then written",
    law: "R3",
    results: ({ sound: { results } }) => ({
      setMany: async (updates) => {
        const answers = [];
        for (const update of updates) {
          const before = await results.get(update.id);
          for (let turn = 0; turn < 5; turn++) await Promise.resolve();
          const mayFollow = supersedes({ attempt: update.attempt ?? before?.attempt ?? 1, state: update.state }, before);
          if (mayFollow) await results.remove(update.id);
          answers.push(mayFollow && await results.setMany([update]).then(() => true));
        }
        return answers;
      },
    }),
  },
  {
    name: "a set does not count the time to live anew",
    law: "R4",
    results: ({ sound: { results }, clock }) => ({
      setMany: async (updates, options) => {
        const before = await results.getMany(updates.map(({ id }) => id));
        const answers = await results.setMany(updates, options);
        for (const status of before) {
          const leftMs = (status?.expiresAt ?? 0) - clock.now();
          if (status !== undefined && leftMs > 0) await results.expire(status.id, leftMs);
        }
        return answers;
      },
    }),
  },
  {
    name: "expired statuses are still read",
    law: "R4",
    results: ({ sound: { results }, shared: { statuses } }) => ({
      getMany: async (ids) => {
        const found = await results.getMany(ids);
        for (const status of found) if (status !== undefined) statuses.set(status.id, status);
        return ids.map((id, index) => found[index] ?? statuses.get(id));
      },
    }),
  },
  {
    name: "what has not ended expires after a day",
    law: "R4",
    results: writing((update) => ({ ttl: "1d", ...update })),
  },
  {
    name: "many statuses come in the order of their ids",
    law: "R5",
    results: ({ sound: { results } }) => ({ getMany: (ids) => results.getMany(ids.toSorted()) }),
  },
  {
    name: "one refused update holds up a batch",
    law: "R5",
    results: ({ sound: { results } }) => ({
      setMany: async (updates, options) => {
        const before = await results.getMany(updates.map(({ id }) => id));
        const isRefused = updates.some((update, index) =>
          !supersedes({ attempt: update.attempt ?? before[index]?.attempt ?? 1, state: update.state }, before[index])
        );
        return isRefused ? updates.map(() => false) : results.setMany(updates, options);
      },
    }),
  },
  {
    name: "remove and expire always say that there was one",
    law: "R6",
    results: ({ sound: { results } }) => ({
      remove: async (id) => await results.remove(id) || true,
      expire: async (id, ttl) => await results.expire(id, ttl) || true,
    }),
  },
  { name: "a sweep ignores its limit", law: "R7", results: ({ sound: { results } }) => ({ sweep: () => results.sweep() }) },
  {
    name: "a sweep tells nothing",
    law: "R7",
    results: ({ sound: { results } }) => ({ sweep: (options) => results.sweep(options).then(() => 0) }),
  },
  {
    name: "lists are filtered after paging",
    law: "R8",
    results: ({ sound: { results } }) => ({
      list: async (filter = {}, page = {}) => {
        const found = await results.list({}, page);
        const states: readonly string[] | undefined = typeof filter.state === "string" ? [filter.state] : filter.state;
        const items = found.items.filter((status) =>
          (states === undefined || states.includes(status.state)) && (filter.name === undefined || status.name === filter.name) &&
          (filter.queue === undefined || status.queue === filter.queue) &&
          Object.entries(filter.meta ?? {}).every(([key, value]) => status.meta[key] === value)
        );
        return { ...found, items };
      },
    }),
  },
  {
    name: "pages are counted from the beginning",
    law: "R8",
    results: ({ sound: { results } }) => ({
      list: async (filter, { limit = 100, cursor = "0" } = {}) => {
        const all = (await results.list(filter, { limit: 1_000 })).items;
        const start = Number(cursor);
        const items = all.slice(start, start + limit);
        return start + limit < all.length ? { items, cursor: String(start + limit) } : { items };
      },
    }),
  },
  {
    name: "lists are in the order of changes",
    law: "R8",
    results: ({ sound: { results } }) => ({
      list: async (filter, page) => {
        const found = await results.list(filter, page);
        return { ...found, items: found.items.toSorted((a, b) => b.updatedAt - a.updatedAt || (a.id < b.id ? -1 : 1)) };
      },
    }),
  },
  {
    name: "meta values are compared as text",
    law: "R8",
    results: ({ sound: { results } }) => ({
      list: async ({ meta = {}, ...filter } = {}, page = {}) => {
        const found = await results.list(filter, page);
        const matches = (status: TaskStatus) => Object.entries(meta).every(([key, value]) => String(status.meta[key]) === String(value));
        return { ...found, items: found.items.filter(matches) };
      },
    }),
  },
  {
    name: "a watch hears only its own connection",
    law: "R9",
    results: ({ sound: { results } }) => {
      const wakes = new Set<() => void>();
      return {
        setMany: async (updates, options) => {
          const answers = await results.setMany(updates, options);
          for (const wake of wakes) wake();
          return answers;
        },
        async *watch(id, { signal } = {}) {
          let last: string | undefined;
          for (;;) {
            if (signal?.aborted) return;
            const heard = new Promise<void>((resolve) => {
              wakes.add(resolve);
              signal?.addEventListener("abort", () => resolve());
            });
            const status = await results.get(id);
            if (status === undefined && last !== undefined) return;
            if (status !== undefined && JSON.stringify(status) !== last) {
              last = JSON.stringify(status);
              yield status;
              if (isTerminal(status.state)) return;
            }
            await heard;
          }
        },
      };
    },
  },
  {
    name: "what changes between the first look and the watch is lost",
    law: "R9",
    results: ({ sound: { results } }) => ({
      async *watch(id, options) {
        const first = await results.get(id);
        if (first !== undefined) {
          yield first;
          if (isTerminal(first.state)) return;
        }
        const changes = results.watch(id, options)[Symbol.asyncIterator]();
        // What is there by now is taken for what was yielded.
        if (await results.get(id) !== undefined) await changes.next();
        for (let next = await changes.next(); next.done !== true; next = await changes.next()) yield next.value;
      },
    }),
  },
  {
    name: "a watch tells what is, and no more",
    law: "R9",
    results: ({ sound: { results } }) => ({
      async *watch(id) {
        const status = await results.get(id);
        if (status === undefined) return yield* nothing();
        yield status;
      },
    }),
  },
  {
    name: "a failed task has not ended for those who wait",
    law: "R10",
    results: ({ sound: { results } }) => ({
      waitFor: async (id, options) => {
        const status = await results.waitFor(id, options);
        return status.state === "failed" ? new Promise(() => {}) : status;
      },
    }),
  },
  {
    name: "a wait answers with the next change",
    law: "R10",
    results: ({ sound: { results } }) => ({
      waitFor: async (id, options) => {
        for await (const status of results.watch(id)) return status;
        return results.waitFor(id, options);
      },
    }),
  },
  {
    name: "a wait ignores its signal",
    law: "R11",
    results: ({ sound: { results } }) => ({ waitFor: (id, { signal: _, ...options } = {}) => results.waitFor(id, options) }),
  },
  {
    name: "a wait ignores its timeout",
    law: "R11",
    results: ({ sound: { results } }) => ({ waitFor: (id, { timeout: _, ...options } = {}) => results.waitFor(id, options) }),
  },
  {
    name: "a worker that was gone does not come back",
    law: "R12",
    results: ({ sound: { results }, shared: { seen } }) => ({
      setHeartbeat: async (heartbeat, ttlMs) => {
        const isAlive = (await results.listHeartbeats()).some((one) => one.workerId === heartbeat.workerId);
        if (isAlive || !seen.has(heartbeat.workerId)) await results.setHeartbeat(heartbeat, ttlMs);
        seen.add(heartbeat.workerId);
      },
    }),
  },
  {
    name: "heartbeats are kept for ever",
    law: "R12",
    results: ({ sound: { results } }) => ({ setHeartbeat: (heartbeat) => results.setHeartbeat(heartbeat, 86_400_000) }),
  },
  {
    name: "making a group again is always accepted",
    law: "R13",
    results: ({ sound: { results } }) => ({ initGroup: async (group, options) => await results.initGroup(group, options) || true }),
  },
  {
    name: "a member counts as often as it is reported",
    law: "R14",
    results: ({ sound: { results } }) => {
      const counts = new Map<string, number>();
      return {
        addGroupResults: async (reports) =>
          (await results.addGroupResults(reports)).map((progress) => {
            if (progress === undefined) return undefined;
            const ended = (counts.get(progress.groupId) ?? 0) + 1;
            counts.set(progress.groupId, ended);
            return { ...progress, ended };
          }),
      };
    },
  },
  {
    name: "those who are no members count",
    law: "R14",
    results: ({ sound: { results } }) => ({
      addGroupResults: async (reports) => {
        const answers = await results.addGroupResults(reports);
        return Promise.all(answers.map(async (progress, index) => {
          const group = progress === undefined ? await results.getGroup(reports[index]?.groupId ?? "") : undefined;
          if (group === undefined) return progress;
          return { groupId: group.id, total: group.total, ended: group.ended + 1, failed: group.failed, completedNow: false };
        }));
      },
    }),
  },
  {
    name: "failed members leave a group open",
    law: "R14",
    results: ({ sound: { results } }) => ({
      addGroupResults: async (reports) => {
        const good = await results.addGroupResults(reports.filter(({ state }) => state === "succeeded"));
        const answers = good.values();
        return reports.map(({ state }) => state === "succeeded" ? answers.next().value : undefined);
      },
    }),
  },
  {
    name: "everyone who reports to a complete group completes it",
    law: "R15",
    results: ({ sound: { results } }) => ({
      addGroupResults: async (reports) =>
        (await results.addGroupResults(reports)).map((progress) =>
          progress === undefined ? undefined : { ...progress, completedNow: progress.ended === progress.total }
        ),
    }),
  },
  {
    name: "group results come in the order of their ids",
    law: "R16",
    results: ({ sound: { results } }) => ({
      getGroup: async (id) => {
        const group = await results.getGroup(id);
        if (group === undefined) return undefined;
        return { ...group, results: group.results.toSorted((a, b) => (a?.taskId ?? "") < (b?.taskId ?? "") ? -1 : 1) };
      },
    }),
  },
  {
    name: "a chord has as many winners as claimers",
    law: "R17",
    results: ({ sound: { results }, clock }) => ({
      claimChord: async (id, { owner, leaseMs }): Promise<ChordClaim | undefined> => {
        const claim = await results.claimChord(id, { owner, leaseMs });
        const group = await results.getGroup(id);
        if (claim !== undefined || group?.callback === undefined || group.completedAt === undefined) return claim;
        return group.dispatchedAt === undefined ? { group, owner, token: 1, leaseExpiresAt: clock.now() + leaseMs } : undefined;
      },
    }),
  },
  {
    name: "a chord that was claimed and lost is never claimed again",
    law: "R17",
    results: ({ sound: { results }, shared: { seen } }) => ({
      claimChord: async (id, options) => {
        const claim = seen.has(id) ? undefined : await results.claimChord(id, options);
        if (claim !== undefined) seen.add(id);
        return claim;
      },
    }),
  },
  {
    name: "a stale claim completes a chord",
    law: "R17",
    results: ({ sound: { results }, shared: { seen } }) => ({
      completeChord: async (claim) => {
        if (await results.completeChord(claim)) return true;
        seen.add(claim.group.id);
        return (await results.getGroup(claim.group.id))?.dispatchedAt === undefined;
      },
    }),
  },
  {
    name: "a chord that is held is named as due",
    law: "R18",
    results: ({ sound: { results }, shared: { seen } }) => ({
      claimChord: async (id, options) => {
        const claim = await results.claimChord(id, options);
        if (claim !== undefined) seen.add(id);
        return claim;
      },
      dueChords: async (options) => [...new Set([...seen, ...await results.dueChords(options)])],
    }),
  },
  {
    name: "groups know no namespace",
    law: "R19",
    connectWith: (options) => ({ ...options, namespace: options.namespace.slice(0, 48) }),
  },
  {
    name: "statuses are handed out as they are stored, not as copies",
    law: "R20",
    results: ({ sound: { results }, shared: { statuses } }) => ({
      getMany: async (ids) =>
        (await results.getMany(ids)).map((status) => {
          if (status === undefined) return undefined;
          const kept = statuses.get(status.id);
          const current = kept?.updatedAt === status.updatedAt ? kept : status;
          statuses.set(status.id, current);
          return current;
        }),
    }),
  },
  {
    name: "waits go on after the end of their store",
    law: "R21",
    results: ({ sound: { results } }) => ({
      async *watch(id, options) {
        for await (const status of results.watch(id, options)) yield status;
        await new Promise(() => {});
      },
    }),
  },
  {
    name: "bad times to live are taken for good ones",
    law: "R22",
    results: writing((update) => typeof update.ttl === "number" && !(update.ttl > 0) ? { ...update, ttl: 1_000 } : update),
  },
  {
    name: "a group may have no members",
    law: "R22",
    results: ({ sound: { results } }) => ({
      initGroup: (group, options) => group.taskIds.length === 0 ? Promise.resolve(true) : results.initGroup(group, options),
    }),
  },
  {
    name: "the transaction of a status is ignored",
    law: "R23",
    results: ({ sound: { results } }) => ({
      setMany: (updates) => results.setMany(updates),
      initGroup: (group) => results.initGroup(group),
    }),
  },
];
