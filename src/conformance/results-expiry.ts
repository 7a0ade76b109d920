import type { Heartbeat } from "../model/heartbeat.ts";
import { equal, itemAt, present } from "./assert.ts";
import { type ConformanceCase, law, timedLaw } from "./case.ts";
import { AWKWARD_IDS, META_VALUES } from "./values.ts";

const dayMs = 86_400_000;

/** How long a backend keeps what it was told, and how it forgets. */
export const resultExpiryCases: readonly ConformanceCase[] = Object.freeze([
  timedLaw("[R4] an ended status is kept for a day, and absent from then on to every reader", async ({ results, clock, id, second }) => {
    for (const state of ["succeeded", "failed", "cancelled"] as const) {
      const taskId = id();
      await results.set(taskId, state, { payload: 1 });
      equal((await results.get(taskId))?.expiresAt, clock.now() + dayMs, "the expiry");
      await clock.advance(dayMs - 1);
      equal((await results.get(taskId))?.state, state, "the status a millisecond before");
      await clock.advance(1);
      equal(await results.get(taskId), undefined, "the status");
      equal(await results.getMany([taskId]), [undefined], "the status, read with others");
      equal((await results.list()).items, [], "the list");
      equal(await (await second()).results.get(taskId), undefined, "the status on another connection");
    }
  }),

  timedLaw("[R4] the call's TTL wins, as milliseconds or as text", async ({ results, clock, id }) => {
    const [short, long] = [id(), id()];
    await results.set(short, "succeeded", { ttl: 1_500 });
    await results.setMany([{ id: long, state: "failed", ttl: "2h" }]);
    await clock.advance(1_499);
    equal((await results.get(short))?.state, "succeeded", "the short one a millisecond before");
    await clock.advance(1);
    equal((await results.getMany([short, long])).map((status) => status?.state), [undefined, "failed"], "both, when the short one ends");
    await clock.advance(2 * 3_600_000 - 1_500);
    equal(await results.get(long), undefined, "the long one at its end");
  }),

  timedLaw("[R4] a status that has not ended is kept until it has", async ({ results, clock, id }) => {
    const ids = [id(), id(), id()];
    await results.setMany((["queued", "running", "retrying"] as const).map((state, index) => ({ id: itemAt(ids, index), state })));
    await clock.advance(30 * dayMs);
    await results.sweep();
    const statuses = await results.getMany(ids);
    equal(statuses.map((status) => status?.state), ["queued", "running", "retrying"], "the states a month later");
    equal(statuses.map((status) => present(status, "a status").expiresAt), [undefined, undefined, undefined], "their expiries");
    await results.set(itemAt(ids, 0), "succeeded");
    equal((await results.get(itemAt(ids, 0)))?.expiresAt, clock.now() + dayMs, "the expiry once one has ended");
  }),

  timedLaw("[R4] a TTL given while a task has not ended holds until the next set", async ({ results, clock, id }) => {
    const [kept, forgotten] = [id(), id()];
    await results.set(kept, "running", { ttl: 1_000 });
    await results.set(forgotten, "running", { ttl: 1_000 });
    await clock.advance(999);
    await results.set(kept, "running", { progress: 1 });
    await clock.advance(1);
    equal(await results.get(forgotten), undefined, "the one that was not set again");
    await clock.advance(dayMs);
    equal((await results.get(kept))?.progress, 1, "the one that was");
  }),

  timedLaw("[R4] each accepted set counts the TTL anew, a refused one does not", async ({ results, clock, id }) => {
    const [renewed, refused] = [id(), id()];
    await results.set(renewed, "running", { ttl: 1_000 });
    await results.set(refused, "succeeded", { ttl: 1_000 });
    for (let count = 0; count < 3; count++) {
      await clock.advance(900);
      equal(await results.set(renewed, "running", { ttl: 1_000 }), true, "the set of one that may be set");
      if (count === 0) equal(await results.set(refused, "running", { ttl: 60_000 }), false, "the set of one that may not");
    }
    equal((await results.get(renewed))?.state, "running", "the renewed one");
    equal(await results.get(refused), undefined, "the other one");
  }),

  timedLaw("[R2 R4] an expired status holds up no writer, and leaves nothing to the next", async ({ results, clock, id }) => {
    const taskId = id();
    await results.set(taskId, "succeeded", { attempt: 5, payload: 1, meta: { a: 1 }, name: "n", progress: 2, ttl: 1_000 });
    await clock.advance(1_000);
    equal(await results.set(taskId, "queued"), true, "the set");
    const now = clock.now();
    equal(await results.get(taskId), { id: taskId, state: "queued", attempt: 1, meta: {}, createdAt: now, updatedAt: now }, "the status");
  }),

  timedLaw("[R6] expire keeps a known status for its time from now, longer or shorter", async ({ results, clock, id }) => {
    const [shorter, longer, running] = [id(), id(), id()];
    await results.set(shorter, "succeeded");
    await results.set(longer, "succeeded", { ttl: 1_000 });
    await results.set(running, "running");
    await clock.advance(500);
    equal(await results.expire(shorter, "2s"), true, "the first answer");
    equal(await results.expire(longer, 5_000), true, "the second answer");
    equal(await results.expire(running, 2_000), true, "the third answer");
    equal((await results.get(longer))?.expiresAt, clock.now() + 5_000, "the expiry of the longer one");
    await clock.advance(2_000);
    const states = (await results.getMany([shorter, longer, running])).map((status) => status?.state);
    equal(states, [undefined, "succeeded", undefined], "the states after two seconds");
    equal([await results.expire(shorter, 1_000), await results.expire("nobody", 1_000)], [false, false], "of those that are not known");
    equal(await results.get(shorter), undefined, "the one that had expired");
  }),

  law("[R6] remove forgets a status, and tells whether there was one", async ({ results, id, second }) => {
    const taskId = id();
    await results.set(taskId, "succeeded", { payload: 1, attempt: 3 });
    equal(await (await second()).results.remove(taskId), true, "the first answer");
    equal(await results.remove(taskId), false, "the second answer");
    equal(await results.get(taskId), undefined, "the status");
    equal(await results.set(taskId, "queued"), true, "a new status");
    equal((await results.get(taskId))?.attempt, 1, "its attempt");
  }),

  timedLaw("[R4 R6] an expired status is not there to be removed", async ({ results, clock, id }) => {
    const taskId = id();
    await results.set(taskId, "succeeded", { ttl: 10 });
    await clock.advance(10);
    equal(await results.remove(taskId), false, "the answer");
  }),

  timedLaw("[R7] sweep deletes what has expired in small batches, and nothing else", async ({ results, clock, id }) => {
    const kept = id();
    await results.setMany(Array.from({ length: 10 }, () => ({ id: id(), state: "succeeded", ttl: 1_000 })));
    await results.set(kept, "succeeded", { ttl: 1_001 });
    equal(await results.sweep(), 0, "before anything has expired");
    await clock.advance(1_000);
    const batches = [];
    for (let count = 0; count < 4; count++) batches.push(await results.sweep({ limit: 4 }));
    equal(batches, [4, 4, 2, 0], "the batches");
    equal((await results.get(kept))?.state, "succeeded", "the one that has not expired");
  }),

  timedLaw("[R7] sweep deletes groups and heartbeats too", async ({ results, clock, id }) => {
    for (let count = 0; count < 3; count++) {
      await results.initGroup({ id: id("group"), taskIds: [id(), id()], ttlMs: 1_000 });
      await results.setHeartbeat(heartbeat(id("worker")), 1_000);
    }
    const kept = id("group");
    await results.initGroup({ id: kept, taskIds: [id()] });
    await results.setHeartbeat(heartbeat("kept"), 60_000);
    await clock.advance(1_000);
    equal(await results.sweep({ limit: 2 }), 4, "the first batch, two of each");
    equal(await results.sweep(), 2, "the second batch");
    equal(await results.sweep(), 0, "the third batch");
    equal((await results.getGroup(kept))?.total, 1, "the group that is kept");
    equal((await results.listHeartbeats()).map((one) => one.workerId), ["kept"], "the workers that are kept");
  }),

  timedLaw("[R12] a heartbeat is listed until its time ends, with all that it tells", async ({ results, clock, second }) => {
    const beat = heartbeat("w1", { meta: { host: "h:1", nested: { list: [1, null] } }, running: ["a:b", "c"], queues: ["q 1", "q 2"] });
    await results.setHeartbeat(beat, 5_000);
    const stored = { ...beat, seenAt: clock.now(), expiresAt: clock.now() + 5_000 };
    equal(await (await second()).results.listHeartbeats(), [stored], "the list on another connection");
    await clock.advance(4_999);
    equal((await results.listHeartbeats()).length, 1, "how many are listed a millisecond before the end");
    await clock.advance(1);
    equal(await results.listHeartbeats(), [], "the list at the end");
  }),

  timedLaw("[R12] a worker that reports again is listed again, with what it tells now", async ({ results, clock }) => {
    await results.setHeartbeat(heartbeat("w1"), 1_000);
    await clock.advance(900);
    await results.setHeartbeat(heartbeat("w1", { processed: 7 }), 1_000);
    await clock.advance(900);
    equal((await results.listHeartbeats()).map((one) => one.processed), [7], "the list while it reports in time");
    await clock.advance(5_000);
    equal(await results.listHeartbeats(), [], "the list while it is silent");
    await results.sweep();
    await results.setHeartbeat(heartbeat("w1", { processed: 8, running: ["x"] }), 1_000);
    const stored = { ...heartbeat("w1", { processed: 8, running: ["x"] }), seenAt: clock.now(), expiresAt: clock.now() + 1_000 };
    equal(await results.listHeartbeats(), [stored], "the list when it is back");
  }),

  timedLaw("[R12] workers are listed by id, and taken off the list one by one", async ({ results, clock }) => {
    for (const id of ["w3", "w1", "w2"]) await results.setHeartbeat(heartbeat(id), 1_000);
    equal((await results.listHeartbeats()).map((one) => one.workerId), ["w1", "w2", "w3"], "the list");
    equal([await results.removeHeartbeat("w2"), await results.removeHeartbeat("w2")], [true, false], "the answers");
    equal((await results.listHeartbeats()).map((one) => one.workerId), ["w1", "w3"], "the list after the removal");
    await clock.advance(1_000);
    equal(await results.removeHeartbeat("w1"), false, "the removal of a worker that is gone");
  }),

  law("[R12] heartbeats keep awkward ids and any meta", async ({ results }) => {
    for (const id of AWKWARD_IDS) await results.setHeartbeat(heartbeat(id, { running: [id], queues: [id] }), 60_000);
    const listed = await results.listHeartbeats();
    equal(listed.map((one) => one.workerId).toSorted(), AWKWARD_IDS.toSorted(), "the ids");
    for (const one of listed) equal([one.running, one.queues], [[one.workerId], [one.workerId]], "its tasks and queues");
    for (const [name, value] of META_VALUES) {
      await results.setHeartbeat(heartbeat("plain", { meta: { [name]: value } }), 60_000);
      const stored = present((await results.listHeartbeats()).find((one) => one.workerId === "plain"), "the heartbeat");
      equal<unknown>(stored.meta, { [name]: value }, "the meta");
    }
  }),
]);

function heartbeat(workerId: string, fields: Partial<Heartbeat> = {}): Heartbeat {
  return { workerId, queues: ["default"], concurrency: 4, running: [], processed: 0, startedAt: 1_700_000_000_000, meta: {}, ...fields };
}
