import { envelope } from "../model/envelope.ts";
import type { GroupReport } from "../model/group.ts";
import { equal, itemAt, present } from "./assert.ts";
import { type ConformanceCase, law, timedLaw } from "./case.ts";
import { AWKWARD_IDS, FAILURE, JSON_VALUES, META_VALUES } from "./values.ts";

const dayMs = 86_400_000;

/** How a backend counts the ends of tasks that belong together. */
export const resultGroupCases: readonly ConformanceCase[] = Object.freeze([
  timedLaw("[R13] a group is made once: the first one wins", async ({ results, clock, id, second }) => {
    const [groupId, a, b] = [id("group"), id(), id()];
    const callback = envelope({ name: "after", args: [1], meta: { a: null }, enqueuedAt: clock.now() });
    const createdAt = clock.now();
    equal(await results.getGroup(groupId), undefined, "the group before");
    equal(await results.initGroup({ id: groupId, taskIds: [b, a], meta: { m: [null, 1] }, callback }), true, "the first call");
    await clock.advance(10);
    equal(await (await second()).results.initGroup({ id: groupId, taskIds: [id()], meta: {} }), false, "the second call");
    const expected = {
      id: groupId,
      total: 2,
      ended: 0,
      failed: 0,
      meta: { m: [null, 1] },
      callback,
      createdAt,
      results: [undefined, undefined],
    };
    equal<unknown>(await (await second()).results.getGroup(groupId), expected, "the group");
  }),

  law("[R13] of ten racing to make one group one wins, and its members count", async ({ results, id, second }) => {
    const other = (await second()).results;
    const groupId = id("group");
    const members = Array.from({ length: 10 }, () => id());
    const answers = await Promise.all(
      members.map((member, index) => (index % 2 === 0 ? results : other).initGroup({ id: groupId, taskIds: [member] })),
    );
    equal(answers.filter((made) => made).length, 1, "how many made it");
    const winner = itemAt(members, answers.indexOf(true));
    equal((await results.addGroupResult(groupId, { taskId: winner, state: "succeeded" }))?.completedNow, true, "the winner's member");
  }),

  timedLaw("[R13] an unfinished group without a time is kept, one with a time counts from its making", async ({ results, clock, id }) => {
    const [kept, timed] = [id("kept"), id("timed")];
    await results.initGroup({ id: kept, taskIds: [id()] });
    await results.initGroup({ id: timed, taskIds: ["a", "b"], ttlMs: 1_000 });
    equal("expiresAt" in present(await results.getGroup(kept), "the group"), false, "whether the first has an expiry");
    equal((await results.getGroup(timed))?.expiresAt, clock.now() + 1_000, "the expiry of the second");
    await clock.advance(999);
    equal((await results.addGroupResult(timed, { taskId: "a", state: "succeeded" }))?.ended, 1, "a report a millisecond before the end");
    await clock.advance(1);
    equal(await results.getGroup(timed), undefined, "the second group at its end");
    equal(await results.addGroupResult(timed, { taskId: "b", state: "succeeded" }), undefined, "a report to it");
    equal(await results.initGroup({ id: timed, taskIds: ["b"] }), true, "a new group of its id");
    equal((await results.getGroup(timed))?.ended, 0, "how many of the new group have ended");
    await clock.advance(30 * dayMs);
    await results.sweep();
    equal((await results.getGroup(kept))?.total, 1, "the first group a month later");
  }),

  timedLaw(
    "[R13] a completed group is kept for its time from its completion, a day unless told otherwise",
    async ({ results, clock, id }) => {
      const [plain, timed] = [id("plain"), id("timed")];
      await results.initGroup({ id: plain, taskIds: ["a"] });
      await results.initGroup({ id: timed, taskIds: ["a"], ttlMs: 1_000 });
      await clock.advance(600);
      for (const groupId of [plain, timed]) await results.addGroupResult(groupId, { taskId: "a", state: "succeeded" });
      const completedAt = clock.now();
      const times = [await results.getGroup(plain), await results.getGroup(timed)].map((group) => [group?.completedAt, group?.expiresAt]);
      equal(times, [[completedAt, completedAt + dayMs], [completedAt, completedAt + 1_000]], "the times of both");
      await clock.advance(1_000);
      equal(await results.getGroup(timed), undefined, "the timed one at its end");
      await clock.advance(dayMs - 1_001);
      equal((await results.getGroup(plain))?.ended, 1, "the plain one a millisecond before its end");
      await clock.advance(1);
      equal(await results.getGroup(plain), undefined, "the plain one at its end");
    },
  ),

  law("[R14] reports are answered with counts, and the last one with the completion", async ({ results, id, second }) => {
    const other = (await second()).results;
    const groupId = id("group");
    await results.initGroup({ id: groupId, taskIds: ["a", "b", "c", "d"] });
    const progress = { groupId, total: 4, completedNow: false };
    equal(await results.addGroupResult(groupId, { taskId: "c", state: "succeeded" }), { ...progress, ended: 1, failed: 0 }, "the first");
    equal(await other.addGroupResult(groupId, { taskId: "a", state: "failed" }), { ...progress, ended: 2, failed: 1 }, "the second");
    equal(await results.addGroupResult(groupId, { taskId: "d", state: "cancelled" }), { ...progress, ended: 3, failed: 2 }, "the third");
    equal(
      await other.addGroupResult(groupId, { taskId: "b", state: "succeeded" }),
      { ...progress, ended: 4, failed: 2, completedNow: true },
      "the last",
    );
    const group = await results.getGroup(groupId);
    equal([group?.ended, group?.failed], [4, 2], "the counts of the group");
  }),

  law("[R14 R15] a member's end counts once, however often and however differently it is reported", async ({ results, id, second }) => {
    const other = (await second()).results;
    const groupId = id("group");
    await results.initGroup({ id: groupId, taskIds: ["a", "b"] });
    await results.addGroupResult(groupId, { taskId: "a", state: "succeeded", payload: 1 });
    const again = { groupId, total: 2, ended: 1, failed: 0, completedNow: false };
    equal(await results.addGroupResult(groupId, { taskId: "a", state: "succeeded", payload: 1 }), again, "the same report again");
    equal(await other.addGroupResult(groupId, { taskId: "a", state: "failed", payload: 2 }), again, "a different one");
    equal((await other.addGroupResult(groupId, { taskId: "b", state: "failed" }))?.completedNow, true, "the last member");
    equal(
      await results.addGroupResult(groupId, { taskId: "b", state: "succeeded" }),
      { ...again, ended: 2, failed: 1 },
      "the last member again",
    );
    equal((await results.getGroup(groupId))?.results.map((result) => [result?.state, result?.payload]), [
      ["succeeded", 1],
      ["failed", undefined],
    ], "the results");
  }),

  law("[R14] a report to an unknown group, or of no member, is answered with undefined and counts nowhere", async ({ results, id }) => {
    const groupId = id("group");
    await results.initGroup({ id: groupId, taskIds: ["a"] });
    equal(await results.addGroupResult(id("nobody"), { taskId: "a", state: "succeeded" }), undefined, "an unknown group");
    equal(await results.addGroupResult(groupId, { taskId: "b", state: "succeeded" }), undefined, "no member");
    equal((await results.getGroup(groupId))?.ended, 0, "how many have ended");
  }),

  law("[R14] one call carries reports of many groups, answered in order", async ({ results, id }) => {
    const [one, two] = [id("one"), id("two")];
    await results.initGroup({ id: one, taskIds: ["a", "b"] });
    await results.initGroup({ id: two, taskIds: ["a"] });
    const answers = await results.addGroupResults([
      { groupId: one, taskId: "a", state: "succeeded" },
      { groupId: two, taskId: "a", state: "failed" },
      { groupId: "nobody", taskId: "a", state: "succeeded" },
      { groupId: one, taskId: "a", state: "failed" },
      { groupId: one, taskId: "x", state: "succeeded" },
      { groupId: one, taskId: "b", state: "succeeded" },
    ]);
    equal(answers, [
      { groupId: one, total: 2, ended: 1, failed: 0, completedNow: false },
      { groupId: two, total: 1, ended: 1, failed: 1, completedNow: true },
      undefined,
      { groupId: one, total: 2, ended: 1, failed: 0, completedNow: false },
      undefined,
      { groupId: one, total: 2, ended: 2, failed: 0, completedNow: true },
    ], "the answers");
  }),

  law("[R15] ten reporters that race over two connections: exactly one is told of the completion", async ({ results, id, second }) => {
    const other = (await second()).results;
    const taskIds = Array.from({ length: 30 }, () => id());
    for (let round = 0; round < 3; round++) {
      const groupId = id("group");
      await results.initGroup({ id: groupId, taskIds });
      const answers = await Promise.all(Array.from({ length: 10 }, async (_, reporter) => {
        const mine = reporter % 2 === 0 ? results : other;
        const turned = [...taskIds.slice(reporter * 3), ...taskIds.slice(0, reporter * 3)];
        const seen = [];
        for (const taskId of turned) seen.push(await mine.addGroupResult(groupId, { taskId, state: "succeeded" }));
        return seen;
      }));
      equal(answers.flat().filter((progress) => progress?.completedNow).length, 1, "how many were told of the completion");
      const group = await results.getGroup(groupId);
      equal([group?.ended, group?.results.length], [30, 30], "the counts of the group");
    }
  }),

  law("[R14 R15] batches that race over two connections count each member once", async ({ results, id, second, within }) => {
    const other = (await second()).results;
    const groups = Array.from({ length: 5 }, () => id("group"));
    const taskIds = Array.from({ length: 20 }, () => id());
    for (const groupId of groups) await results.initGroup({ id: groupId, taskIds });
    const reports: readonly GroupReport[] = groups.flatMap((groupId) =>
      taskIds.map((taskId) => ({ groupId, taskId, state: "succeeded" as const }))
    );
    const answers = await within(
      Promise.all([
        results.addGroupResults(reports),
        other.addGroupResults(reports.toReversed()),
        results.addGroupResults(reports.slice(30)),
        other.addGroupResults(reports.slice(0, 70)),
      ]),
      20_000,
    );
    for (const groupId of groups) {
      const told = answers.flat().filter((progress) => progress?.groupId === groupId && progress.completedNow);
      equal(told.length, 1, "how many were told of the completion");
      equal((await other.getGroup(groupId))?.ended, 20, "how many have ended");
    }
  }),

  law("[R16] results come in submission order, whatever the order of the ends and the ids", async ({ results, id, second }) => {
    const groupId = id("group");
    const taskIds = Array.from({ length: 50 }, (_, index) => `${(index * 37) % 50}-${groupId}`);
    await results.initGroup({ id: groupId, taskIds });
    const reports = taskIds.map((taskId, index) => ({ groupId, taskId, state: "succeeded" as const, payload: index }));
    await results.addGroupResults(reports.slice(20).toReversed());
    const half = present(await results.getGroup(groupId), "the group").results;
    equal(half.map((result) => result?.payload), taskIds.map((_, index) => index < 20 ? undefined : index), "the payloads half way");
    for (const report of reports.slice(0, 20).toReversed()) await results.addGroupResult(groupId, report);
    const all = present(await (await second()).results.getGroup(groupId), "the group").results;
    equal(all.map((result) => [result?.taskId, result?.payload]), taskIds.map((taskId, index) => [taskId, index]), "the results");
  }),

  law("[R16] a result keeps its state, payload, encoder and error", async ({ results, id }) => {
    const groupId = id("group");
    const ends = [
      { taskId: "none", state: "succeeded" },
      { taskId: "null", state: "succeeded", payload: null, encoder: "json" },
      { taskId: "failed", state: "failed", error: FAILURE },
      { taskId: "cancelled", state: "cancelled", payload: { a: [] } },
    ] as const;
    await results.initGroup({ id: groupId, taskIds: ends.map(({ taskId }) => taskId) });
    for (const end of ends.toReversed()) await results.addGroupResult(groupId, end);
    equal<unknown>((await results.getGroup(groupId))?.results, ends, "the results");
  }),

  law("[R16] awkward ids and any JSON value come back", async ({ results, id }) => {
    for (const [index, groupId] of AWKWARD_IDS.entries()) {
      equal(await results.initGroup({ id: groupId, taskIds: AWKWARD_IDS }), true, `the group ${JSON.stringify(groupId)}`);
      await results.addGroupResult(groupId, { taskId: groupId, state: "succeeded", payload: index });
    }
    for (const [index, groupId] of AWKWARD_IDS.entries()) {
      const group = present(await results.getGroup(groupId), "the group");
      equal(group.results.map((result) => result?.payload), AWKWARD_IDS.map((_, at) => at === index ? index : undefined), "its payloads");
    }
    const [values, meta] = [id("values"), Object.fromEntries(META_VALUES)];
    await results.initGroup({ id: values, taskIds: JSON_VALUES.map(([name]) => name), meta });
    await results.addGroupResults(JSON_VALUES.map(([name, payload]) => ({ groupId: values, taskId: name, state: "succeeded", payload })));
    const group = present(await results.getGroup(values), "the group");
    equal<unknown>(group.meta, meta, "the meta");
    for (const [index, [name, value]] of JSON_VALUES.entries()) equal(itemAt(group.results, index)?.payload, value, name);
  }),

  law("[R14 R16] a group of 2,000 members counts and keeps all of them", async ({ results, id }) => {
    const groupId = id("group");
    const taskIds = Array.from({ length: 2_000 }, () => id());
    await results.initGroup({ id: groupId, taskIds });
    const answers = await results.addGroupResults(taskIds.map((taskId, payload) => ({ groupId, taskId, state: "succeeded", payload })));
    equal(answers.map((progress) => progress?.ended), taskIds.map((_, index) => index + 1), "the counts");
    equal(answers.map((progress) => progress?.completedNow).indexOf(true), 1_999, "who is told of the completion");
    equal((await results.getGroup(groupId))?.results.map((result) => result?.payload), taskIds.map((_, index) => index), "the payloads");
  }),
]);
