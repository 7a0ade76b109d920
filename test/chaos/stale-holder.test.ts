/** A process that stood still beyond its lease (SIGSTOP): another takes over, and what the first one settles afterwards is refused. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setStage, stores } from "./stage.ts";

const LEASE_MS = 1_000;

// Both at once: most of the time passes in waiting.
describe("a stale holder", { concurrency: true }, () => {
  for (const store of stores) {
    test(`${store.name}: what a process that stood still beyond its lease settles is refused, and the new holder's result stays`, {
      ...store.needs,
      timeout: 60_000,
    }, async (t) => {
      await using stage = await setStage(store);
      const app = await stage.app();
      const settings = { lease: LEASE_MS, concurrency: 1 };
      // One holds its task as workers do, the other knows nothing of leases and settles whatever happened.
      const worker = stage.start("worker", { ...settings, id: "stalled", blocks: true, queues: ["worked"] });
      const holder = stage.start("holder", { leaseMs: LEASE_MS, queue: "held" });
      const heir = stage.start("worker", { ...settings, id: "heir", queues: ["worked", "held"], waits: true });
      await Promise.all([worker.hear("ready"), holder.hear("ready"), heir.hear("waiting")]);
      const [worked, held] = await Promise.all(
        ["worked", "held"].map((queue) => app.stem.enqueue<unknown, { by: string }>("work", { id: queue, queue })),
      );
      assert.ok(worked !== undefined && held !== undefined);
      // Just claimed: neither is stopped while it writes, which would keep a file locked.
      await Promise.all([
        worker.hear("task-started").then(() => worker.signal("SIGSTOP")),
        holder.hear("claimed").then(() => holder.signal("SIGSTOP")),
      ]);
      heir.tell("start");
      const results = await Promise.all([worked, held].map((handle) => handle.result({ timeout: "20s" })));
      assert.deepEqual(results.map(({ by }) => by), ["heir", "heir"]);
      await heir.hear("task-succeeded", 2);

      worker.signal("SIGCONT");
      holder.signal("SIGCONT");
      holder.tell("settle");
      const [answer] = await holder.hear("settled");
      assert.deepEqual(answer, { type: "settled", outcome: { settled: false }, acknowledged: false, extended: false, recorded: false });
      const [lost] = await worker.hear("task-lost");
      await worker.end();
      assert.equal(worker.said("task-succeeded").length, 0);
      for (const [at, handle] of [worked, held].entries()) {
        assert.deepEqual(await handle.result(), results[at]);
        const status = await handle.status();
        assert.deepEqual([status?.state, status?.worker, status?.attempt], ["succeeded", "heir", 1]);
      }
      t.diagnostic(
        `${store.name}: the stale holder was answered ${JSON.stringify(answer)}; the stalled worker lost its task with token ${
          String(lost?.["token"])
        } to token ${String(heir.said("task-succeeded").find(({ id }) => id === "worked")?.["token"])}`,
      );
    });
  }
});
