/** What was acknowledged outlives the process that wrote it, although that is killed in the same instant (law A4). */

import assert from "node:assert/strict";
import { test } from "node:test";
import { runtimesHere, setStage, stores } from "./stage.ts";

// Whether a file has what was written to it depends on the process that wrote; what a server has does not.
const oneRuntime = () => runtimesHere().slice(0, 1);
const runtimesOn = { SQLite: runtimesHere, Postgres: oneRuntime, Redis: oneRuntime } as const;

for (const store of stores) {
  test(`${store.name}: a task outlives its producer, and a result its worker, killed right after the acknowledgement on each runtime`, {
    ...store.needs,
    timeout: 60_000,
  }, async (t) => {
    const runtimes = runtimesOn[store.name]();
    await using stage = await setStage(store);
    const app = await stage.app();
    const inAll = (step: string) => Promise.all(runtimes.map(({ id, runtime }) => stage.start("dying", { step, id }, runtime).ended));

    assert.deepEqual(await inAll("enqueue"), runtimes.map(() => "SIGKILL"));
    for (const { id } of runtimes) assert.equal((await app.stem.handle(id).status())?.state, "queued");
    assert.deepEqual(await inAll("finish"), runtimes.map(() => "SIGKILL"));
    for (const { id } of runtimes) {
      const handle = app.stem.handle(id);
      assert.deepEqual(await handle.result({ timeout: "5s" }), { by: id });
      assert.equal((await handle.status())?.attempt, 1);
      assert.deepEqual(await app.stack.broker.counts(`queue-${id}`), { ready: 0, delayed: 0, inflight: 0, dead: 0 });
    }
    t.diagnostic(
      `${store.name}: ${
        runtimes.map(({ id }) => id).join(", ")
      }: the task was there after its producer's death, the result after its worker's`,
    );
  });
}
