import type { StatusUpdate } from "../contracts/result-backend.ts";
import { ClosedError, ConfigError, PayloadError, UnsupportedError } from "../errors.ts";
import type { GroupInput } from "../model/group.ts";
import { describeError, equal, ok, present, throws } from "./assert.ts";
import { type ConformanceCase, law } from "./case.ts";
import { refusalOf, rollBack, scribble } from "./steps.ts";
import { BAD_IDS } from "./values.ts";

const noTimes = [-1, Number.NaN, Number.POSITIVE_INFINITY];
const noLimits = [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY];
const beat = { workerId: "w", queues: ["q"], concurrency: 1, running: [], processed: 0, startedAt: 1, meta: { list: [1] } };

type Calls = Readonly<Record<string, () => unknown>>;

/** What a backend refuses, what it gives away, and what it does for a caller's transaction. */
export const resultInputCases: readonly ConformanceCase[] = Object.freeze([
  law("[R19] namespaces keep statuses, groups and heartbeats apart", async ({ results, id, other, envelope }) => {
    const elsewhere = (await other()).results;
    const [taskId, groupId] = [id(), id("group")];
    await results.set(taskId, "succeeded", { payload: "here" });
    equal(await elsewhere.get(taskId), undefined, "the status there");
    equal(await elsewhere.set(taskId, "queued"), true, "a set there");
    equal((await results.get(taskId))?.payload, "here", "the status here");
    equal([(await results.list()).items.length, (await elsewhere.list()).items.length], [1, 1], "how many are listed");
    equal(await elsewhere.remove(taskId), true, "the removal there");
    equal([await elsewhere.remove(taskId), await elsewhere.expire(taskId, 1_000)], [false, false], "a second removal, and an expiry");
    equal((await results.get(taskId))?.state, "succeeded", "the status here after it");

    await results.initGroup({ id: groupId, taskIds: [taskId], callback: envelope() });
    equal(await elsewhere.getGroup(groupId), undefined, "the group there");
    equal(await elsewhere.addGroupResult(groupId, { taskId, state: "succeeded" }), undefined, "a report there");
    await results.addGroupResult(groupId, { taskId, state: "succeeded" });
    equal(await elsewhere.dueChords(), [], "what is due there");
    equal(await elsewhere.claimChord(groupId, { owner: "there", leaseMs: 1_000 }), undefined, "a claim there");
    equal(await elsewhere.initGroup({ id: groupId, taskIds: ["x"] }), true, "a group of the same id there");

    await results.setHeartbeat(beat, 60_000);
    equal(await elsewhere.listHeartbeats(), [], "the workers there");
    equal(await elsewhere.removeHeartbeat("w"), false, "a removal there");
    equal((await results.listHeartbeats()).length, 1, "how many workers there are here");
  }),

  law("[R20] changing what was given or read changes nothing inside", async ({ results, id, envelope }) => {
    const [taskId, groupId] = [id(), id("group")];
    const payload = { list: [1] };
    await results.set(taskId, "succeeded", { payload, meta: { list: [1] }, progress: payload });
    const taskIds = [taskId];
    await results.initGroup({ id: groupId, taskIds, meta: { list: [1] }, callback: envelope({ args: payload }) });
    await results.addGroupResult(groupId, { taskId, state: "succeeded", payload });
    const heartbeat = { ...beat, queues: ["q"], meta: { list: [1] } };
    await results.setHeartbeat(heartbeat, 60_000);
    const readAll = async () => [
      await results.get(taskId),
      await results.getMany([taskId, taskId]),
      (await results.list()).items,
      await results.waitFor(taskId),
      await results.getGroup(groupId),
      await results.listHeartbeats(),
    ];
    const before = await readAll();
    const text = JSON.stringify(before);
    for (const given of [payload, taskIds, heartbeat]) scribble(given);
    const [first, then] = await results.getMany([taskId, taskId]);
    scribble(first);
    equal(JSON.stringify(then?.payload), '{"list":[1]}', "the same status, asked for twice in one call");
    for (const read of before) scribble(read);
    scribble(present(await results.claimChord(groupId, { owner: "o", leaseMs: 1 }), "the claim").group);
    equal(JSON.stringify(await readAll()), text, "what is read again");
  }),

  law("[R21] after close every call throws ClosedError, and closing again does nothing", async ({ second, id, within }) => {
    const closing = await second();
    const { results } = closing;
    const groupId = id("group");
    await results.initGroup({ id: groupId, taskIds: ["a"] });
    const group = present(await results.getGroup(groupId), "the group");
    await within(Promise.all([closing.close(), closing.close()]));
    const claim = { group, owner: "o", token: 1, leaseExpiresAt: 1 };
    const calls: Calls = {
      set: () => results.set("id", "queued"),
      setMany: () => results.setMany([{ id: "id", state: "queued" }]),
      "setMany of nothing": () => results.setMany([]),
      get: () => results.get("id"),
      getMany: () => results.getMany(["id"]),
      "getMany of nothing": () => results.getMany([]),
      watch: () => results.watch("id")[Symbol.asyncIterator]().next(),
      waitFor: () => results.waitFor("id"),
      list: () => results.list(),
      expire: () => results.expire("id", 1_000),
      remove: () => results.remove("id"),
      sweep: () => results.sweep(),
      setHeartbeat: () => results.setHeartbeat(beat, 1_000),
      listHeartbeats: () => results.listHeartbeats(),
      removeHeartbeat: () => results.removeHeartbeat("w"),
      initGroup: () => results.initGroup({ id: "g", taskIds: ["a"] }),
      addGroupResults: () => results.addGroupResults([{ groupId, taskId: "a", state: "succeeded" }]),
      addGroupResult: () => results.addGroupResult(groupId, { taskId: "a", state: "succeeded" }),
      getGroup: () => results.getGroup(groupId),
      claimChord: () => results.claimChord(groupId, { owner: "o", leaseMs: 1_000 }),
      completeChord: () => results.completeChord(claim),
      dueChords: () => results.dueChords(),
    };
    for (const [name, call] of Object.entries(calls)) await within(throws(call, ClosedError, name));
    await within(results.close());
    await within(results[Symbol.asyncDispose]());
  }),

  law("[R22] bad statuses are refused, and nothing is written", async ({ results, id }) => {
    const good = id();
    const bad: readonly StatusUpdate[] = [
      ...BAD_IDS.flatMap(([, text]): StatusUpdate[] => [
        { id: text, state: "queued" },
        { id: good, state: "queued", name: text },
        { id: good, state: "queued", queue: text },
        { id: good, state: "queued", worker: text },
        { id: good, state: "queued", groupId: text },
        { id: good, state: "queued", meta: { [text]: 1 } },
      ]),
      ...[0, -1, 1.5, Number.NaN, 2 ** 53].map((attempt): StatusUpdate => ({ id: good, state: "queued", attempt })),
      ...[...noTimes, 0, "soon", "-5s", ""].map((ttl): StatusUpdate => ({ id: good, state: "queued", ttl })),
      { id: good, state: "queued", meta: { text: "a\u0000b" } },
    ];
    for (const { id: taskId, state, ...fields } of bad) {
      const shown = JSON.stringify({ taskId, ...fields }).slice(0, 80);
      await throws(() => results.set(taskId, state, fields), ConfigError, `set with ${shown}`);
      const batch: readonly StatusUpdate[] = [{ id: good, state: "running" }, { ...fields, id: taskId, state }];
      await throws(() => results.setMany(batch), ConfigError, `setMany with ${shown}`);
    }
    for (const payload of [1n, { deep: [1n] }, () => 1]) {
      await throws(() => results.set(good, "succeeded", { payload }), PayloadError, "set with a payload that JSON cannot carry");
      await throws(() => results.setMany([{ id: good, state: "running", progress: payload }]), PayloadError, "the same as progress");
    }
    equal(await results.get(good), undefined, "the status after all refusals");
    equal((await results.list()).items, [], "the list after all refusals");
  }),

  law("[R22] bad questions and orders are refused", async ({ results }) => {
    const ofIds = BAD_IDS.flatMap(([name, id]): [string, () => unknown][] => [
      [`get of ${name}`, () => results.get(id)],
      [`getMany of ${name}`, () => results.getMany(["good", id])],
      [`watch of ${name}`, () => results.watch(id)[Symbol.asyncIterator]().next()],
      [`waitFor of ${name}`, () => results.waitFor(id)],
      [`expire of ${name}`, () => results.expire(id, 1_000)],
      [`remove of ${name}`, () => results.remove(id)],
      [`list of the name ${name}`, () => results.list({ name: id })],
      [`list of the queue ${name}`, () => results.list({ queue: id })],
      [`getGroup of ${name}`, () => results.getGroup(id)],
      [`claimChord of ${name}`, () => results.claimChord(id, { owner: "o", leaseMs: 1_000 })],
      [`claimChord for ${name}`, () => results.claimChord("g", { owner: id, leaseMs: 1_000 })],
      [`setHeartbeat of ${name}`, () => results.setHeartbeat({ ...beat, workerId: id }, 1_000)],
      [`removeHeartbeat of ${name}`, () => results.removeHeartbeat(id)],
    ]);
    const ofTimes = noTimes.flatMap((time): [string, () => unknown][] => [
      [`waitFor for ${time} ms`, () => results.waitFor("id", { timeout: time })],
      [`expire in ${time} ms`, () => results.expire("id", time)],
      [`claimChord for ${time} ms`, () => results.claimChord("g", { owner: "o", leaseMs: time })],
      [`setHeartbeat for ${time} ms`, () => results.setHeartbeat(beat, time)],
    ]);
    const ofLimits = noLimits.flatMap((limit): [string, () => unknown][] => [
      [`list with limit ${limit}`, () => results.list({}, { limit })],
      [`dueChords with limit ${limit}`, () => results.dueChords({ limit })],
      [`sweep with limit ${limit}`, () => results.sweep({ limit })],
    ]);
    const others: [string, () => unknown][] = [
      ["list with limit 1,001", () => results.list({}, { limit: 1_001 })],
      ["list with a cursor of nowhere", () => results.list({}, { cursor: "nowhere" })],
      ["list with a cursor of another listing", () => results.list({}, { cursor: "[true]" })],
      ["list by a meta value that is not finite", () => results.list({ meta: { n: Number.NaN } })],
    ];
    for (const [name, call] of [...ofIds, ...ofTimes, ...ofLimits, ...others]) await throws(call, ConfigError, name);
    equal(await results.listHeartbeats(), [], "the workers after all refusals");
  }),

  law("[R22] bad groups and reports are refused, and nothing is written", async ({ results, envelope }) => {
    const good: GroupInput = { id: "g", taskIds: ["a"] };
    const bad: readonly GroupInput[] = [
      { ...good, taskIds: [] },
      { ...good, taskIds: ["a", "b", "a"] },
      ...BAD_IDS.flatMap(([, id]): GroupInput[] => [{ ...good, id }, { ...good, taskIds: ["a", id] }, { ...good, meta: { [id]: 1 } }]),
      ...[...noTimes, 0].map((ttlMs): GroupInput => ({ ...good, ttlMs })),
      { ...good, callback: { ...envelope(), priority: 10 } },
    ];
    for (const group of bad) {
      await throws(() => results.initGroup(group), ConfigError, `initGroup with ${JSON.stringify(group).slice(0, 80)}`);
    }
    equal(await results.getGroup("g"), undefined, "the group after all refusals");
    await results.initGroup({ id: "g", taskIds: ["a", "b"] });
    for (const [name, id] of BAD_IDS) {
      const reports = [{ groupId: "g", taskId: "a", state: "succeeded" }, { groupId: "g", taskId: id, state: "succeeded" }] as const;
      await throws(() => results.addGroupResults(reports), ConfigError, `a report of ${name}`);
      await throws(() => results.addGroupResult(id, { taskId: "a", state: "succeeded" }), ConfigError, `a report to ${name}`);
    }
    const payload = { deep: 1n };
    await throws(() => results.addGroupResult("g", { taskId: "a", state: "succeeded", payload }), PayloadError, "a report of a bigint");
    equal((await results.getGroup("g"))?.ended, 0, "how many have ended after all refusals");
  }),

  law("[R22] empty batches do nothing", async ({ results }) => {
    equal(await results.setMany([]), [], "setMany");
    equal(await results.getMany([]), [], "getMany");
    equal(await results.addGroupResults([]), [], "addGroupResults");
    equal(await results.sweep(), 0, "sweep");
  }),

  law("[R22] 10 MB of payload are kept whole, or refused with nothing written", async ({ results, id }) => {
    const [small, big] = [id(), id()];
    const payload = "x".repeat(10_000_000);
    const updates = [{ id: small, state: "succeeded" }, { id: big, state: "succeeded", payload }] as const;
    const refusal = await refusalOf(() => results.setMany(updates));
    if (refusal === undefined) return equal((await results.get(big))?.payload === payload, true, "whether the payload is the same");
    ok(refusal instanceof PayloadError, `Expected PayloadError, got ${describeError(refusal)}`);
    equal(await results.getMany([small, big]), [undefined, undefined], "the statuses after the refusal");
  }),

  law("[R23] writes with tx take effect when it commits, and never when it rolls back", async (context) => {
    const { adapter, results, id, transaction } = context;
    const [taskId, groupId] = [id(), id("group")];
    const update = { id: taskId, state: "succeeded", payload: 1 } as const;
    const group = { id: groupId, taskIds: [taskId] };
    if (!adapter.supports.transactions) {
      await throws(() => results.setMany([update], { tx: {} }), UnsupportedError, "setMany with tx");
      await throws(() => results.setMany([], { tx: {} }), UnsupportedError, "setMany of nothing with tx");
      await throws(() => results.initGroup(group, { tx: {} }), UnsupportedError, "initGroup with tx");
      return equal(
        [await results.get(taskId), await results.getGroup(groupId)],
        [undefined, undefined],
        "what is there after the refusals",
      );
    }
    const run = present(transaction, "a harness with `transaction`, since supports.transactions is true");
    const write = async (tx: object) => {
      equal(await results.setMany([update], { tx }), [true], "the status, inside");
      equal(await results.initGroup(group, { tx }), true, "the group, inside");
    };
    const other = (await context.second()).results;
    await rollBack(run, write);
    equal([await other.get(taskId), await other.getGroup(groupId)], [undefined, undefined], "what is there after the rollback");
    await run(async (tx) => {
      await write(tx);
      equal(await other.get(taskId), undefined, "the status, seen from outside before the commit");
    });
    equal([(await other.get(taskId))?.payload, (await other.getGroup(groupId))?.total], [1, 1], "what is there after the commit");
  }),

  law("[R9 R23] a commit wakes those who wait", async (context) => {
    const { adapter, results, id, second, transaction, within } = context;
    const taskId = id();
    if (!adapter.supports.transactions) {
      return void await throws(() => results.setMany([{ id: taskId, state: "failed" }], { tx: {} }), UnsupportedError, "setMany with tx");
    }
    const run = present(transaction, "a harness with `transaction`, since supports.transactions is true");
    const answer = (await second()).results.waitFor(taskId);
    await run(async (tx) => {
      await results.setMany([{ id: taskId, state: "failed" }], { tx });
    });
    equal((await within(answer)).state, "failed", "what the wait answers");
  }),
]);
