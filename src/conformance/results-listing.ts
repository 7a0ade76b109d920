import type { ResultBackend, StatusUpdate } from "../contracts/result-backend.ts";
import type { StatusFilter, TaskStatus } from "../model/task-status.ts";
import { equal, ok, present } from "./assert.ts";
import { type ConformanceCase, law, timedLaw } from "./case.ts";

/** How a backend lists statuses. */
export const resultListingCases: readonly ConformanceCase[] = Object.freeze([
  timedLaw("[R8] statuses are listed with the latest created first, whatever became of them since", async ({ results, clock, id }) => {
    const ids = Array.from({ length: 6 }, () => id());
    for (const [index, taskId] of ids.entries()) {
      await results.set(taskId, "queued");
      if (index % 2 === 0) await clock.advance(1);
    }
    await clock.advance(1);
    for (const taskId of ids.toSorted()) await results.set(taskId, "running");
    equal((await results.list()).items.map((status) => status.id), ids.toReversed(), "the ids");
  }),

  timedLaw("[R4 R8] a status that is set anew after it expired or was removed is the latest created", async ({ results, clock, id }) => {
    const [expired, removed, kept] = [id(), id(), id()];
    await results.setMany([{ id: expired, state: "succeeded", ttl: 1_000 }, { id: removed, state: "queued" }, {
      id: kept,
      state: "queued",
    }]);
    await clock.advance(1_000);
    await results.remove(removed);
    await results.set(expired, "queued");
    equal((await results.list()).items.map((status) => status.id), [expired, kept], "the ids when one has come anew");
    await results.set(removed, "queued");
    equal((await results.list()).items.map((status) => status.id), [removed, expired, kept], "the ids when both have");
  }),

  law("[R8] the order within one call is that of the call", async ({ results, id }) => {
    const updates = Array.from({ length: 30 }, () => ({ id: id(), state: "queued" as const }));
    await results.setMany(updates);
    equal((await results.list()).items.map((status) => status.id), updates.map((update) => update.id).toReversed(), "the ids");
  }),

  law("[R8] statuses are filtered by state, one or many", async ({ results, id }) => {
    const states = ["queued", "running", "retrying", "failed", "succeeded", "cancelled"] as const;
    const ids = Object.fromEntries(states.map((state) => [state, id(state)]));
    await results.setMany(states.map((state) => ({ id: ids[state] ?? "", state })));
    for (const state of states) equal(await listed(results, { state }), [ids[state]], state);
    equal(await listed(results, { state: ["failed", "cancelled"] }), [ids["cancelled"], ids["failed"]], "two states");
    equal(await listed(results, { state: [] }), [], "no state");
    await results.set(present(ids["queued"], "an id"), "running");
    equal(await listed(results, { state: "queued" }), [], "queued after a change");
  }),

  law("[R8] statuses are filtered by name and queue, and all conditions together", async ({ results, id }) => {
    const [a, b, c, d] = [id("a"), id("b"), id("c"), id("d")];
    const updates: readonly StatusUpdate[] = [
      { id: a, state: "queued", name: "n:1", queue: "q%" },
      { id: b, state: "running", name: "n:1", queue: "q_" },
      { id: c, state: "queued", name: "N:1", queue: "q%" },
      { id: d, state: "queued" },
    ];
    await results.setMany(updates);
    equal(await listed(results, { name: "n:1" }), [b, a], "a name");
    equal(await listed(results, { queue: "q%" }), [c, a], "a queue");
    equal(await listed(results, { name: "n:1", queue: "q%" }), [a], "a name and a queue");
    equal(await listed(results, { name: "n:1", state: "running" }), [b], "a name and a state");
    equal(await listed(results, { name: "nobody" }), [], "an unknown name");
    equal(await listed(results, {}), [d, c, b, a], "nothing");
  }),

  law("[R8] statuses are filtered by meta, and kinds of values are told apart", async ({ results, id }) => {
    const metas = [
      { value: 1 },
      { value: "1" },
      { value: true },
      { value: "true" },
      { value: null },
      { value: { inner: 1 } },
      { value: "x'y\"z\\%_", "a.b": "dotted", "Ü 👩": "key" },
      { other: 1, value: 1.5 },
    ];
    const ids = metas.map((_, index) => id(String(index)));
    await results.setMany(metas.map((meta, index) => ({ id: ids[index] ?? "", state: "queued", meta })));
    equal(await listed(results, { meta: { value: 1 } }), [ids[0]], "a number");
    equal(await listed(results, { meta: { value: "1" } }), [ids[1]], "a text of digits");
    equal(await listed(results, { meta: { value: true } }), [ids[2]], "a boolean");
    equal(await listed(results, { meta: { value: "true" } }), [ids[3]], "a text that reads like a boolean");
    equal(await listed(results, { meta: { value: "x'y\"z\\%_" } }), [ids[6]], "a text with quotes");
    equal(await listed(results, { meta: { "a.b": "dotted" } }), [ids[6]], "a key with a dot");
    equal(await listed(results, { meta: { "Ü 👩": "key" } }), [ids[6]], "a key beyond ASCII");
    equal(await listed(results, { meta: { value: 1.5, other: 1 } }), [ids[7]], "two keys");
    equal(await listed(results, { meta: { value: 1, other: 1 } }), [], "two keys of which one differs");
    equal(await listed(results, { meta: { missing: 1 } }), [], "a key nobody has");
    equal(await listed(results, { meta: {} }), ids.toReversed(), "no key");
  }),

  timedLaw("[R8] pages neither skip nor repeat, within one millisecond too", async ({ results, clock, id }) => {
    const ids: string[] = [];
    for (let batch = 0; batch < 5; batch++) {
      const updates = Array.from({ length: 6 }, () => ({ id: id(), state: "queued" as const }));
      await results.setMany(updates);
      ids.push(...updates.map((update) => update.id));
      await clock.advance(batch % 2);
    }
    for (const limit of [1, 4, 10, 29, 30, 1_000]) {
      equal((await pages(results, { limit })).map((status) => status.id), ids.toReversed(), `the ids in pages of ${limit}`);
    }
  }),

  timedLaw("[R8] filters and pages work together, in the store", async ({ results, clock, id }) => {
    const wanted: string[] = [];
    for (let index = 0; index < 60; index++) {
      const taskId = id();
      const isWanted = index % 20 === 3;
      if (isWanted) wanted.push(taskId);
      await results.set(taskId, isWanted ? "failed" : "succeeded", { name: "n", meta: { shard: index % 2 } });
      if (index % 7 === 0) await clock.advance(1);
    }
    for (const limit of [1, 2, 3, 10]) {
      const found = await pages(results, { filter: { state: "failed", name: "n", meta: { shard: 1 } }, limit });
      equal(found.map((status) => status.id), wanted.toReversed(), `the ids in pages of ${limit}`);
    }
  }),

  law("[R8] the last page has no cursor, also when it is full", async ({ results, id }) => {
    await results.setMany(Array.from({ length: 4 }, () => ({ id: id(), state: "queued" })));
    const first = await results.list({}, { limit: 2 });
    const second = await results.list({}, { limit: 2, cursor: present(first.cursor, "the cursor of the first page") });
    equal([second.items.length, second.cursor], [2, undefined], "the second page");
    equal((await results.list({}, { limit: 4 })).cursor, undefined, "the cursor of a page that holds all");
    equal((await results.list({ state: "failed" })).cursor, undefined, "the cursor of an empty page");
  }),

  law("[R8] a page holds 100 unless told otherwise", async ({ results, id }) => {
    await results.setMany(Array.from({ length: 101 }, () => ({ id: id(), state: "queued" })));
    const { items, cursor } = await results.list();
    equal([items.length, cursor === undefined], [100, false], "the first page");
  }),

  timedLaw("[R8] what arrives, changes or goes while somebody pages disturbs nothing else", async ({ results, clock, id, second }) => {
    const other = (await second()).results;
    const ids = Array.from({ length: 9 }, () => id());
    for (const taskId of ids) {
      await results.set(taskId, "queued");
      await clock.advance(1);
    }
    const first = await results.list({}, { limit: 3 });
    await other.setMany(Array.from({ length: 5 }, () => ({ id: id(), state: "queued" })));
    await other.set(ids[0] ?? "", "running");
    await other.set(ids[7] ?? "", "succeeded");
    await other.remove(ids[4] ?? "");
    const rest = await pages(results, { limit: 3, cursor: first.cursor });
    const expected = ids.filter((_, index) => index !== 4).toReversed();
    equal([...first.items, ...rest].map((status) => status.id), expected, "the ids");
  }),
]);

async function listed(results: ResultBackend, filter: StatusFilter): Promise<readonly (string | undefined)[]> {
  return (await results.list(filter)).items.map((status) => status.id);
}

interface Listing {
  readonly filter?: StatusFilter;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/** Reads all pages from the cursor on. */
async function pages(results: ResultBackend, { filter = {}, limit, cursor: start }: Listing): Promise<readonly TaskStatus[]> {
  const statuses: TaskStatus[] = [];
  for (let cursor = start;;) {
    const page = await results.list(filter, { limit, ...(cursor === undefined ? {} : { cursor }) });
    ok(page.items.length <= limit, `Expected at most ${limit} on a page, found ${page.items.length}`);
    statuses.push(...page.items);
    if (page.cursor === undefined) return statuses;
    ok(page.items.length > 0 && statuses.length < 1_000, "Expected the pages to come to an end");
    cursor = page.cursor;
  }
}
