/** Unique tasks over processes: one of many that race is accepted, and a killed worker's task goes on keeping others out. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ConflictError } from "../../src/mod.ts";
import { setStage, stores } from "./stage.ts";

const LEASE_MS = 1_000;

describe("unique tasks over processes", { concurrency: true }, () => {
  for (const store of stores) {
    test(`${store.name}: a unique task keeps others out while its worker is killed and another runs it, and no longer`, {
      ...store.needs,
      timeout: 60_000,
    }, async () => {
      await using stage = await setStage(store);
      const apps = [await stage.app(), await stage.app(), await stage.app()] as const;
      const [app] = apps;
      const victim = stage.start("worker", { lease: LEASE_MS, id: "victim", blocks: true });
      const heir = stage.start("worker", { lease: LEASE_MS, id: "heir", waits: true });
      await Promise.all([victim.hear("ready"), heir.hear("waiting")]);

      const calls = apps.flatMap(({ stem }) => Array.from({ length: 5 }, () => stem.enqueue("work", { unique: { mode: "existing" } })));
      const handles = await Promise.all(calls);
      const [handle] = handles.filter(({ accepted }) => accepted);
      assert.ok(handle !== undefined);
      assert.deepEqual(handles.map(({ id }) => id), handles.map(() => handle.id));
      const refused = () => assert.rejects(app.stem.enqueue("work", { unique: true }), (error) => error instanceof ConflictError);

      await victim.hear("task-started");
      await victim.kill();
      await refused();
      heir.tell("start");
      await heir.hear("task-succeeded");
      assert.equal(heir.said("task-succeeded")[0]?.["id"], handle.id);
      const next = await app.stem.enqueue("work", { unique: true });
      assert.equal(next.accepted, true);
      await next.result({ timeout: "20s" });
      await heir.end();
    });
  }
});
