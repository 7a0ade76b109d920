/** `stem worker start` and `stem worker list`: in this process on both dialects, and as processes on every runtime. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { StemApp } from "../../src/mod.ts";
import { withDeadline } from "../../src/time/sleep.ts";
import { runtimesHere } from "../chaos/stage.ts";
import { assertHolds, call, callJson, type CallOptions, type Running, start } from "./call.ts";
import { onFile, places } from "./places.ts";
import { startProgram } from "./program.ts";

const timeout = 120_000;
const TASKS = ["--tasks", "test/cli/modules/tasks.ts"];

const startWorker = (argv: readonly string[], options: CallOptions, tasks: readonly string[] = TASKS): Running =>
  start(["worker", "start", ...tasks, ...argv], options);

for (const { name, needs, use } of places) {
  test(
    `${name}: a worker runs tasks, is listed, says what happens as JSON lines, and ends with 0`,
    { ...needs, timeout },
    () =>
      use(async ({ url, options, environment }) => {
        const worker = startWorker(["--name", "w1", "--queues", "default,mail", "--concurrency", "3", "--json"], { environment });
        await worker.heard(/"event":"started"/);
        await using app = await StemApp.fromUrl(url, { ...options, autoStart: false });
        const sum = await app.enqueue("math.add", { args: { a: 1, b: 2 }, queue: "mail" });
        assert.equal(await sum.result({ timeout: "20s" }), 3);
        const leak = await app.enqueue("leak", { args: {} });
        await assert.rejects(leak.result({ timeout: "20s" }), /hunter2/);
        await worker.heard(/"event":"task-failed"/);

        const listed = await callJson(["worker", "list"], { environment });
        assertHolds(listed.value, {
          workers: [{ workerId: "w1", queues: ["default", "mail"], concurrency: 3, meta: { runtime: "test 1" } }],
        });
        assert.match((await call(["worker", "list"], { environment })).out, /^WORKER .*\nw1 +default,mail +\d\/3 /);

        assert.equal(worker.stop(), 1);
        const { code, out, errors } = await worker.ended;
        assert.deepEqual([code, errors], [0, ""]);
        const lines = out.trim().split("\n").map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
        assertHolds(lines.find(({ event }) => event === "started"), {
          level: "info",
          worker: "w1",
          tasks: ["math.add", "deaf", "leak", "wait"],
        });
        assertHolds(lines.find(({ event, id }) => event === "task-succeeded" && id === sum.id), {
          task: "math.add",
          queue: "mail",
          attempt: 1,
        });
        assertHolds(lines.find(({ event }) => event === "task-failed"), {
          level: "error",
          error: "Cannot reach postgres://stem:***@host/db",
        });
        assert.deepEqual(lines.slice(-3).map(({ event }) => event), ["stop-requested", "stopping", "stopped"]);
        assertHolds((await callJson(["worker", "list"], { environment })).value, { workers: [] });
      }),
  );
}

test("the second request aborts what runs, the third waits for nothing", { timeout }, () =>
  onFile(async ({ url, environment }) => {
    for (const [task, stops] of [["wait", 2], ["deaf", 3]] as const) {
      const worker = startWorker(["--grace", "1h", "--queues", task], { environment });
      await using app = await StemApp.fromUrl(url, { autoStart: false });
      const { id } = await app.enqueue(task, { args: {}, queue: task });
      await worker.heard(new RegExp(`task-started task=${task}`));
      for (let stop = 1; stop < stops; stop += 1) assert.equal(worker.stop(), 1, `${task}: request ${stop} ends it too early`);
      worker.stop();
      const { code, out } = await withDeadline(worker.ended, 20_000);
      assert.equal(code, 0);
      assert.match(out, new RegExp(`task-put-back task=${task} id=${id}`));
      assert.equal((await app.stack.broker.counts(task)).ready, 1, "it waits for another worker");
    }
  }));

test("the warm end may take as long as --timeout says", { timeout }, () =>
  onFile(async ({ url, environment }) => {
    const worker = startWorker(["--timeout", "50ms"], { environment });
    await using app = await StemApp.fromUrl(url, { autoStart: false });
    await app.enqueue("deaf", { args: {} });
    await worker.heard(/task-started/);
    worker.stop();
    assert.equal((await withDeadline(worker.ended, 20_000)).code, 0);
  }));

test(
  "flags have variables, and what they say is checked before the worker starts",
  { timeout },
  () =>
    onFile(async ({ environment }) => {
      const worker = startWorker(
        [],
        { environment: { ...environment, STEM_TASKS: TASKS[1], STEM_QUEUES: "a, b", STEM_WORKER_NAME: "w2" } },
        [],
      );
      await worker.heard(/started worker=w2/);
      assertHolds((await callJson(["worker", "list"], { environment })).value, { workers: [{ workerId: "w2", queues: ["a", "b"] }] });
      worker.stop();
      assert.equal((await worker.ended).code, 0);
      const cases: readonly (readonly [readonly string[], RegExp])[] = [
        [[], /Cannot start a worker without tasks: pass --tasks/],
        [["--tasks", "none.ts"], /there is no file/],
        [[...TASKS, "--concurrency", "many"], /Cannot use "many" as --concurrency: expected a whole number/],
        [[...TASKS, "--concurrency", "0"], /concurrency/],
        [[...TASKS, "--lease", "soon"], /Cannot use "soon" as lease/],
        [[...TASKS, "--timeout", "soon"], /Cannot use "soon" as the timeout of a shutdown/],
        [[...TASKS, "--name", ""], /worker's id/],
        [[...TASKS, "--queues", ""], /queues/],
      ];
      for (const [argv, message] of cases) {
        const { code, errors } = await withDeadline(call(["worker", "start", ...argv], { environment }), 20_000);
        assert.match(errors, message);
        assert.equal(code, 2, argv.join(" "));
      }
      assert.match((await call(["worker", "start", ...TASKS])).errors, /neither STEM_BROKER_URL nor STEM_URL is set/);
    }),
);

for (const { id, runtime } of runtimesHere()) {
  test(`a worker process on ${id} runs a task and ends with 0 on SIGTERM`, { timeout }, () =>
    onFile(async ({ url, environment }) => {
      await using program = startProgram(["worker", "start", ...TASKS], { runtime, environment });
      await program.hear(/started worker=/);
      await using app = await StemApp.fromUrl(url, { autoStart: false });
      const sum = await app.enqueue("math.add", { args: { a: 20, b: 22 } });
      assert.equal(await sum.result({ timeout: "20s" }), 42);
      program.signal("SIGTERM");
      assert.equal(await program.ended, 0, program.written());
      assert.match(program.written(), /stopped\n$/);
    }));
}
