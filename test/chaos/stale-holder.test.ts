/** A process that stood still beyond its lease (SIGSTOP): another takes over, and what the first one settles afterwards is refused. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setStage, stores } from "./stage.ts";

const LEASE_MS = 1_500;

for (const store of stores) {
  test(`${store.name}: a worker that stood still beyond its lease loses its task, and its outcome is not recorded`, {
    ...store.needs,
    timeout: 60_000,
  }, async (t) => {
    await using stage = await setStage(store);
    const app = await stage.app();
    const settings = { lease: LEASE_MS, concurrency: 1 };
    const stalled = stage.start("worker", { ...settings, id: "stalled", blocks: true });
    await stalled.hear("ready");
    const handle = await app.stem.enqueue<unknown, { by: string }>("work", { id: "one" });
    const [first] = await stalled.hear("task-started");
    // Just claimed, so that it is not stopped while it renews and keeps the file's lock.
    stalled.signal("SIGSTOP");
    const heir = stage.start("worker", { ...settings, id: "heir" });
    const result = await handle.result({ timeout: "20s" });
    const [second] = await heir.hear("task-succeeded");

    stalled.signal("SIGCONT");
    await stalled.hear("task-lost");
    assert.equal(result.by, "heir");
    assert.ok(Number(second?.["token"]) > Number(first?.["token"]));
    await stalled.end();
    assert.equal(stalled.said("task-succeeded").length, 0);
    const status = await handle.status();
    assert.deepEqual([status?.state, status?.worker, status?.attempt], ["succeeded", "heir", 1]);
    t.diagnostic(`${store.name}: token ${String(first?.["token"])} gave way to ${String(second?.["token"])}, and its holder told that the task was lost`);
  });

  test(`${store.name}: a stale settlement is refused, and the new holder's result stays`, { ...store.needs, timeout: 60_000 }, async (t) => {
    await using stage = await setStage(store);
    const app = await stage.app();
    const holder = stage.start("holder", { leaseMs: LEASE_MS });
    const handle = await app.stem.enqueue<unknown, { by: string }>("work", { id: "one" });
    await holder.hear("claimed");
    holder.signal("SIGSTOP");
    const heir = stage.start("worker", { id: "heir", lease: LEASE_MS });
    const { by } = await handle.result({ timeout: "20s" });
    await heir.hear("task-succeeded");

    holder.signal("SIGCONT");
    holder.tell("settle");
    const [answer] = await holder.hear("settled");
    t.diagnostic(`${store.name}: the stale holder was answered ${JSON.stringify(answer)}`);
    assert.deepEqual(answer, { type: "settled", outcome: { settled: false }, acknowledged: false, extended: false, recorded: false });
    assert.equal(by, "heir");
    assert.deepEqual(await handle.result(), { ...await handle.result(), by: "heir" });
    assert.equal((await handle.status())?.worker, "heir");
  });
}
