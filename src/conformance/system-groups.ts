import { task } from "../tasks/task.ts";
import { equal, present } from "./assert.ts";
import type { ConformanceCase } from "./case.ts";
import type { Rig } from "./system-rig.ts";
import { onBothSystems, systemLaw, timedOnBothSystems } from "./system-rig.ts";

const member = task({
  name: "member",
  run: (ctx, how: string): unknown => {
    if (how === "fails") throw new RangeError("as asked");
    if (how === "rejects") ctx.reject("as asked");
    if (how === "retries" && ctx.attempt === 1) ctx.retry({ delay: 0 });
    return how === "odd" ? 1n : how;
  },
});

/** Makes a group of fresh ids. */
async function makeGroup(rig: Rig, size: number): Promise<{ readonly groupId: string; readonly taskIds: readonly string[] }> {
  const groupId = rig.context.id("group");
  const taskIds = Array.from({ length: size }, () => rig.context.id("member"));
  await rig.context.results.initGroup({ id: groupId, taskIds });
  return { groupId, taskIds };
}

/** What groups learn of their members. */
export const systemGroupCases: readonly ConformanceCase[] = Object.freeze([
  ...onBothSystems("[Y17] members report their ends, however they end, in the order of the group", async (rig) => {
    const { results } = rig.context;
    const ways = ["works", "fails", "rejects", "retries", "odd", "unknown", "expired"];
    const { groupId, taskIds } = await makeGroup(rig, ways.length);
    await rig.stem().enqueueMany(ways.map((how, index) => ({
      task: how === "unknown" ? "nobody" : member,
      args: how,
      groupId,
      id: taskIds[index],
      maxRetries: how === "retries" ? 1 : 0,
      expires: how === "expired" ? 0 : null,
    })));
    const worker = await rig.start({ registry: [member] });
    await worker.untilCount("task-failed", 4);
    await worker.untilCount("task-succeeded", 2);
    await worker.untilCount("task-cancelled", 1);
    const group = present(await results.getGroup(groupId), "the group");
    equal([group.total, group.ended, group.failed], [7, 7, 5], "its counts");
    equal(
      group.results.map((result) => [result?.taskId, result?.state, result?.payload]),
      [
        [taskIds[0], "succeeded", "works"],
        [taskIds[1], "failed", undefined],
        [taskIds[2], "failed", undefined],
        [taskIds[3], "succeeded", "retries"],
        [taskIds[4], "failed", undefined],
        [taskIds[5], "failed", undefined],
        [taskIds[6], "cancelled", undefined],
      ],
      "its results",
    );
    equal(group.results.map((result) => result?.encoder)[0], "json", "the encoder of a result");
    equal(group.completedAt !== undefined, true, "whether it is completed");
  }),

  ...timedOnBothSystems("[Y17] a member that is to be tried again has not ended", async (rig) => {
    const { results } = rig.context;
    const flaky = task({
      name: "flaky",
      run: (ctx) => {
        if (ctx.attempt === 1) throw new Error("at first");
        return "in the end";
      },
    });
    const { groupId, taskIds: [id = ""] } = await makeGroup(rig, 1);
    const worker = await rig.start({ registry: [flaky] });
    await rig.stem().enqueue(flaky, { id, groupId, retry: { delay: "3s", jitter: "none", maxRetries: 1 } });
    await worker.until("task-retrying", id);
    equal((await results.getGroup(groupId))?.ended, 0, "how many have ended in between");
    await rig.after(3_000, worker.until("task-succeeded", id));
    const group = present(await results.getGroup(groupId), "the group");
    equal([group.ended, group.failed, group.results[0]?.payload], [1, 0, "in the end"], "the group at the end");
  }),

  systemLaw("[Y17] a group of 200 on two workers is completed once, with every result", async (rig) => {
    const { results } = rig.context;
    const square = task({ name: "square", run: (_ctx, value: number) => value * value });
    const { groupId, taskIds } = await makeGroup(rig, 200);
    const workers = [
      await rig.start({ registry: [square], concurrency: 9 }),
      await rig.start({ on: await rig.connect(), registry: [square], concurrency: 9 }),
    ];
    await rig.stem().enqueueMany(taskIds.map((id, args) => ({ task: square, id, args, groupId })));
    await Promise.all(taskIds.map((id) => rig.ended(id)));
    for (const { worker } of workers) await rig.context.within(worker.shutdown());
    const group = present(await results.getGroup(groupId), "the group");
    equal([group.ended, group.failed, group.completedAt !== undefined], [200, 0, true], "the group");
    equal(group.results.map((result) => result?.payload), taskIds.map((_, value) => value * value), "its results");
  }),

  systemLaw("[Y17] a member that is cancelled while it waits reports that, and its result is not wanted any more", async (rig) => {
    const { results, ledger } = rig.context;
    const { groupId, taskIds: [waiting = "", other = ""] } = await makeGroup(rig, 2);
    await rig.stem().enqueueMany([waiting, other].map((id) => ({ task: member, args: "works", id, groupId })));
    equal(await ledger.cancel([waiting], { reason: "changed our minds" }), ["cancelled"], "what cancelling found");
    await rig.start({ registry: [member] });
    equal((await rig.ended(other)).state, "succeeded", "the other member");
    const group = present(await results.getGroup(groupId), "the group");
    equal(group.results.map((result) => result?.state), ["cancelled", "succeeded"], "what the group knows");
    equal((await rig.status(waiting)).error?.message, "changed our minds", "the reason on record");
  }),
]);
