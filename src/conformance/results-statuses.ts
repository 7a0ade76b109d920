import { supersedes, TASK_STATES, type TaskState } from "../model/task-state.ts";
import { equal, itemAt, present } from "./assert.ts";
import { type ConformanceCase, law, timedLaw } from "./case.ts";
import { AWKWARD_IDS, FAILURE, JSON_VALUES, META_VALUES } from "./values.ts";

const dayMs = 86_400_000;

/** How a backend records statuses, and in which order they may follow each other. */
export const resultStatusCases: readonly ConformanceCase[] = Object.freeze([
  timedLaw("[R1] what was set is what is read, from any connection", async ({ results, clock, id, second }) => {
    const taskId = id();
    equal(await results.get(taskId), undefined, "the status before");
    const createdAt = clock.now();
    const fields = {
      payload: { sum: 3, list: [null] },
      error: FAILURE,
      attempt: 2,
      meta: { tenant: "t", flags: [true, null] },
      name: "math.add",
      queue: "numbers",
      worker: "w:1",
      progress: { done: 1, of: 2 },
      groupId: "g 1",
    };
    equal(await results.set(taskId, "running", fields), true, "the first set");
    const running = { id: taskId, state: "running", ...fields, createdAt, updatedAt: createdAt, startedAt: createdAt };
    equal<unknown>(await (await second()).results.get(taskId), running, "the running status");
    await clock.advance(50);
    equal(await results.set(taskId, "failed", { error: FAILURE }), true, "the second set");
    const endedAt = clock.now();
    const failed = { ...running, state: "failed", updatedAt: endedAt, finishedAt: endedAt, expiresAt: endedAt + dayMs };
    equal<unknown>(await results.get(taskId), failed, "the failed status");
    equal<unknown>(await results.getMany([taskId]), [failed], "the same, read with others");
    equal<unknown>((await results.list()).items, [failed], "the same, listed");
  }),

  timedLaw("[R1] what was never given is absent", async ({ results, clock, id }) => {
    const taskId = id();
    await results.set(taskId, "queued");
    const now = clock.now();
    equal(await results.get(taskId), { id: taskId, state: "queued", attempt: 1, meta: {}, createdAt: now, updatedAt: now }, "the status");
  }),

  law("[R1] what a set leaves out keeps its value, but the error", async ({ results, id }) => {
    const taskId = id();
    const kept = { payload: 1, meta: { a: 1 }, name: "n", queue: "q", worker: "w", progress: 2, groupId: "g", attempt: 3 };
    await results.set(taskId, "running", { ...kept, error: FAILURE });
    await results.set(taskId, "running");
    const { createdAt: _c, updatedAt: _u, startedAt: _s, ...rest } = present(await results.get(taskId), "the status");
    equal<unknown>(rest, { id: taskId, state: "running", ...kept }, "the status");
  }),

  law("[R1] given meta replaces the stored one, all keys at once", async ({ results, id }) => {
    const taskId = id();
    await results.set(taskId, "running", { meta: { a: 1, b: { c: [2] } } });
    await results.set(taskId, "running", { meta: { d: 3 } });
    equal((await results.get(taskId))?.meta, { d: 3 }, "the meta");
    await results.set(taskId, "succeeded", { meta: {} });
    equal((await results.get(taskId))?.meta, {}, "the meta in the end");
  }),

  law("[R1] a payload of null is told from none, and so is progress", async ({ results, id }) => {
    const [none, nothing] = [id(), id()];
    await results.set(none, "succeeded");
    await results.set(nothing, "succeeded", { payload: null, progress: null });
    const [first, second] = await results.getMany([none, nothing]);
    equal(["payload" in present(first, "a status"), "progress" in present(first, "a status")], [false, false], "whether they are there");
    equal([second?.payload, second?.progress], [null, null], "what is there");
  }),

  law("[R1] payload, progress and meta hold any JSON value", async ({ results, id, second }) => {
    const updates = JSON_VALUES.map(([name, value]) => ({ id: id(name), state: "succeeded" as const, payload: value, progress: [value] }));
    const marked = META_VALUES.map(([name, value]) => ({
      id: id(name),
      state: "running" as const,
      meta: { [name]: value, list: [value] },
    }));
    equal(await results.setMany([...updates, ...marked]), [...updates, ...marked].map(() => true), "the answers");
    const other = (await second()).results;
    const statuses = await other.getMany(updates.map((update) => update.id));
    for (const [index, [name, value]] of JSON_VALUES.entries()) {
      equal([statuses[index]?.payload, statuses[index]?.progress], [value, [value]], name);
      equal((await results.get(itemAt(updates, index).id))?.payload, value, `${name}, read alone`);
    }
    const metas = (await other.getMany(marked.map((update) => update.id))).map((status) => status?.meta);
    equal<unknown>(metas, marked.map(({ meta }) => meta), "the meta");
  }),

  law("[R1] awkward ids, names, queues, workers and groups are kept apart and come back unchanged", async ({ results }) => {
    const fields = (text: string) => ({ name: text, queue: text, worker: text, groupId: text, payload: text });
    for (const id of AWKWARD_IDS.slice(0, 5)) equal(await results.set(id, "succeeded", fields(id)), true, "the set alone");
    await results.setMany(AWKWARD_IDS.slice(5).map((id) => ({ id, state: "succeeded", ...fields(id) })));
    for (const id of AWKWARD_IDS) {
      const status = present(await results.get(id), `the status of ${JSON.stringify(id)}`);
      equal([status.id, status.payload, status.name, status.queue, status.worker, status.groupId], Array(6).fill(id), "its fields");
    }
  }),

  timedLaw("[R1 R2] times tell when a task was first heard of, changed, started and ended", async ({ results, clock, id }) => {
    const taskId = id();
    const at = (ms: number) => start + ms;
    const start = clock.now();
    const times = async () => {
      const status = present(await results.get(taskId), "the status");
      return [status.createdAt, status.updatedAt, status.startedAt, status.finishedAt];
    };
    await results.set(taskId, "queued");
    equal(await times(), [at(0), at(0), undefined, undefined], "the times when it is queued");
    await clock.advance(10);
    await results.set(taskId, "running", { worker: "w" });
    equal(await times(), [at(0), at(10), at(10), undefined], "the times when it is running");
    await clock.advance(10);
    await results.set(taskId, "running", { worker: "w", progress: 1 });
    equal(await times(), [at(0), at(20), at(10), undefined], "the times after progress");
    await clock.advance(10);
    await results.set(taskId, "failed");
    equal(await times(), [at(0), at(30), at(10), at(30)], "the times when it failed");
    await clock.advance(10);
    await results.set(taskId, "running", { attempt: 2 });
    equal(await times(), [at(0), at(40), at(40), undefined], "the times when the next attempt runs");
  }),

  law("[R2] a higher attempt clears what the earlier one left", async ({ results, id }) => {
    const taskId = id();
    await results.set(taskId, "failed", { payload: 1, progress: 2, error: FAILURE, meta: { kept: 1 }, name: "n", queue: "q" });
    equal(await results.set(taskId, "queued", { attempt: 2 }), true, "the set");
    const { createdAt: _c, updatedAt: _u, ...rest } = present(await results.get(taskId), "the status");
    equal<unknown>(rest, { id: taskId, name: "n", queue: "q", state: "queued", attempt: 2, meta: { kept: 1 } }, "the status");
  }),

  law("[R2] without an attempt a set speaks of the stored one", async ({ results, id }) => {
    const taskId = id();
    await results.set(taskId, "running", { attempt: 4 });
    equal(await results.set(taskId, "succeeded"), true, "the answer");
    equal((await results.get(taskId))?.attempt, 4, "the attempt");
  }),

  law("[R2 R3 R5] every pair of states and attempts follows the order of truth", async ({ results, id }) => {
    const pairs = TASK_STATES.flatMap((current) =>
      TASK_STATES.flatMap((next) => [1, 2, 3].map((attempt) => ({ id: id(), current, next, attempt })))
    );
    await results.setMany(pairs.map((pair) => ({ id: pair.id, state: pair.current, attempt: 2, payload: "old" })));
    const before = await results.getMany(pairs.map((pair) => pair.id));
    const updates = pairs.map((pair) => ({ id: pair.id, state: pair.next, attempt: pair.attempt, payload: "new" }));
    const answers = await results.setMany(updates);
    const after = await results.getMany(pairs.map((pair) => pair.id));
    for (const [index, { current, next, attempt }] of pairs.entries()) {
      const mayFollow = supersedes({ attempt, state: next }, { attempt: 2, state: current });
      const what = `${next} at attempt ${attempt} after ${current} at attempt 2`;
      equal(answers[index], mayFollow, `the answer to ${what}`);
      if (!mayFollow) equal(after[index], before[index], `the status after the refused ${what}`);
      else equal([after[index]?.state, after[index]?.attempt, after[index]?.payload], [next, attempt, "new"], `the status after ${what}`);
    }
  }),

  law("[R2 R3] one set at a time follows the same order", async ({ results, id }) => {
    for (const current of TASK_STATES) {
      for (const next of TASK_STATES) {
        const taskId = id();
        await results.set(taskId, current);
        const expected = supersedes({ attempt: 1, state: next }, { attempt: 1, state: current });
        equal(await results.set(taskId, next), expected, `${next} after ${current}`);
      }
    }
  }),

  law("[R3] of racing writers over two connections the order decides, not the timing", async ({ results, id, second }) => {
    const other = (await second()).results;
    for (let round = 0; round < 5; round++) {
      const taskId = id();
      const writes = [1, 2, 3, 4].flatMap((attempt) =>
        (["failed", "running", "queued", "retrying"] as const).map((state) => ({ attempt, state }))
      );
      const rotated = [...writes.slice(round * 3), ...writes.slice(0, round * 3)];
      await Promise.all(
        rotated.map(({ attempt, state }, index) =>
          (index % 2 === 0 ? results : other).set(taskId, state, { attempt, payload: `${state} ${attempt}` })
        ),
      );
      const status = await results.get(taskId);
      equal([status?.state, status?.attempt, status?.payload], ["failed", 4, "failed 4"], "the status in the end");
    }
  }),

  law("[R3] of many final states that race one is accepted and stays", async ({ results, id, second }) => {
    const other = (await second()).results;
    const taskId = id();
    await results.set(taskId, "running");
    const finals: readonly TaskState[] = ["succeeded", "cancelled"];
    const answers = await Promise.all(
      Array.from(
        { length: 20 },
        (_, index) => (index % 2 === 0 ? results : other).set(taskId, itemAt(finals, index % 3 === 0 ? 0 : 1), { payload: index }),
      ),
    );
    const winners = answers.flatMap((accepted, index) => accepted ? [index] : []);
    equal(winners.length, 1, "how many were accepted");
    equal((await results.get(taskId))?.payload, itemAt(winners, 0), "whose payload stays");
  }),

  law("[R2 R5] updates of one task within a call are carried out in order", async ({ results, id }) => {
    const [taskId, another] = [id(), id()];
    const answers = await results.setMany([
      { id: taskId, state: "running", payload: 1, progress: "kept" },
      { id: another, state: "succeeded" },
      { id: taskId, state: "queued", payload: 2 },
      { id: taskId, state: "succeeded", payload: 3 },
      { id: taskId, state: "failed", payload: 4 },
      { id: another, state: "running" },
    ]);
    equal(answers, [true, true, false, true, false, false], "the answers");
    const status = await results.get(taskId);
    equal([status?.state, status?.payload, status?.progress], ["succeeded", 3, "kept"], "the status in the end");
  }),

  law("[R5] many statuses are read in the order asked, absent ones and repeats included", async ({ results, id }) => {
    const [a, b, unknown] = [id(), id(), id()];
    await results.setMany([{ id: a, state: "queued" }, { id: b, state: "running" }]);
    const ids = [b, unknown, a, b];
    equal((await results.getMany(ids)).map((status) => status?.id), [b, undefined, a, b], "the ids");
  }),

  law("[R5] 1,500 statuses are written and read in one call", async ({ results, id }) => {
    const updates = Array.from({ length: 1_500 }, (_, index) => ({ id: id(), state: "succeeded" as const, payload: index }));
    equal(await results.setMany(updates), updates.map(() => true), "the answers");
    const statuses = await results.getMany(updates.map((update) => update.id));
    equal(statuses.map((status) => status?.payload), updates.map((update) => update.payload), "the payloads");
  }),

  law("[R3 R5] overlapping batches from two connections do not block each other", async ({ results, id, second, within }) => {
    const other = (await second()).results;
    const ids = Array.from({ length: 60 }, () => id());
    const batch = (attempt: number) => ids.map((taskId) => ({ id: taskId, state: "running" as const, attempt, payload: attempt }));
    await within(
      Promise.all(
        [1, 2, 3, 4, 5, 6].map((attempt) =>
          attempt % 2 === 0 ? results.setMany(batch(attempt)) : other.setMany(batch(attempt).toReversed())
        ),
      ),
      20_000,
    );
    equal((await results.getMany(ids)).map((status) => status?.payload), ids.map(() => 6), "the payloads in the end");
  }),
]);
