/** `stem queue`: counts, pauses and resumes. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { StemApp } from "../../src/mod.ts";
import { assertHolds, call, callJson, start } from "./call.ts";
import { onFile, places } from "./places.ts";

const timeout = 60_000;

for (const { name, needs, use } of places) {
  test(
    `${name}: a paused queue hands out nothing until it is resumed`,
    { ...needs, timeout },
    () =>
      use(async ({ url, options, environment }) => {
        const pause = await callJson(["queue", "pause", "mail", "--reason", "too many", "--requested-by", "ops"], { environment });
        assert.deepEqual(pause, { code: 0, value: { queues: [{ queue: "mail", paused: true, changed: true }] } });
        const again = await call(["queue", "pause", "mail"], { environment });
        assert.equal(again.out, "mail: was paused already\n");

        const worker = start(["worker", "start", "--tasks", "test/cli/modules/tasks.ts", "--queues", "mail,default"], { environment });
        await worker.heard(/started worker=/);
        await using app = await StemApp.fromUrl(url, { ...options, autoStart: false });
        const held = await app.enqueue("math.add", { args: { a: 1, b: 2 }, queue: "mail" });
        assert.equal(await (await app.enqueue("math.add", { args: { a: 1, b: 1 } })).result({ timeout: "20s" }), 2);
        const counts = { ready: 1, delayed: 0, inflight: 0, dead: 0 };
        const list = await callJson(["queue", "list"], { environment });
        assertHolds(list.value, {
          queues: [{ queue: "default" }, { queue: "mail", ...counts, paused: { reason: "too many", by: "ops" } }],
        });
        assert.match(
          (await call(["queue", "list", "mail", "none"], { environment })).out,
          /\nmail +1 +0 +0 +0 +since .*Z by ops \(too many\)\nnone +0 /,
        );

        const resume = await callJson(["queue", "resume", "mail", "default"], { environment });
        assertHolds(resume.value, { queues: [{ queue: "mail", paused: false, changed: true }, { queue: "default", changed: false }] });
        assert.equal(await held.result({ timeout: "20s" }), 3);
        worker.stop();
        assert.equal((await worker.ended).code, 0);
      }),
  );
}

test("a queue's name is checked, and some name is needed", { timeout }, () =>
  onFile(async ({ environment }) => {
    for (const command of ["pause", "resume"]) {
      assert.equal((await call(["queue", command], { environment })).code, 2);
      assert.equal((await call(["queue", command, ""], { environment })).code, 2);
    }
  }));
