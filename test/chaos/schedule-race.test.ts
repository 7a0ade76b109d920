/** Processes on all runtimes race for the slots of schedules, and one of them is killed with some in its hands: each slot is dispatched once. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Message } from "./programs/talk.ts";
import { runtimesHere, setStage, stores } from "./stage.ts";

const SCHEDULES = 40;
const SLOTS = 15;
const HELD = 10;

describe("a race for slots", () => {
  for (const store of stores) {
    test(
      `${store.name}: Node 20, Node 24, Deno and Bun claim each of ${SCHEDULES * SLOTS} slots once, and take over from a killed process`,
      {
        ...store.needs,
        timeout: 90_000,
      },
      async (t) => {
        await using stage = await setStage(store);
        const { stack: { schedules, broker } } = await stage.app();
        const ids = Array.from({ length: SCHEDULES }, (_, n) => `schedule${n}`);
        // Its time has passed, so that all slots are due one after the other, as fast as they can be completed.
        for (const id of ids) await schedules.upsert({ id, spec: { kind: "clocked", at: 1 }, task: { name: "slot" }, maxRuns: SLOTS });
        const victim = stage.start("claimer", { id: "victim", leaseMs: 1_000, holds: HELD });
        const members = runtimesHere().map(({ id, runtime }) => stage.start("claimer", { id }, runtime));
        await Promise.all([victim, ...members].map((member) => member.hear("ready")));
        victim.tell("start");
        const [holding] = await victim.hear("holding");
        await victim.kill();
        for (const member of members) member.tell("start");
        const reports = await Promise.all(members.map((member) => member.hear("ended"))).then((all) => all.flat());

        const expected = ids.flatMap((id) => Array.from({ length: SLOTS }, (_, n) => `${id}@${n + 1}`)).toSorted();
        assert.deepEqual(reports.flatMap((report) => listIn(report, "claimed")).toSorted(), expected, "the slots that were claimed");
        assert.deepEqual(reports.flatMap((report) => listIn(report, "completed")).toSorted(), expected, "the slots that were completed");
        assert.equal(holding === undefined ? 0 : listIn(holding, "slots").length, HELD);
        assert.equal((await broker.counts("default")).ready, expected.length, "the tasks that were enqueued");
        for (const id of ids) {
          const entry = await schedules.get(id);
          assert.deepEqual([entry?.runs, entry?.lastRunAt, entry?.nextRunAt], [SLOTS, SLOTS, undefined], id);
        }
        t.diagnostic(`${store.name}: ${reports.map((report) => listIn(report, "completed").length).join(" + ")} slots were completed`);
      },
    );
  }
});

function listIn(report: Message, field: string): readonly string[] {
  const list = report[field];
  assert.ok(Array.isArray(list), `There is no list "${field}"`);
  return list.map(String);
}
