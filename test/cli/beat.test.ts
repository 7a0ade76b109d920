/** `stem beat start`: in this process, as processes that take over from each other, and beside a worker. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { withDeadline } from "../../src/time/sleep.ts";
import { assertHolds, call, callJson, start } from "./call.ts";
import { onFile, places } from "./places.ts";
import { startProgram } from "./program.ts";

const timeout = 120_000;
const TICK = "- { id: tick, every: 200ms, task: math.add, args: { a: 1, b: 2 } }";

for (const { name, needs, use } of places) {
  test(`${name}: it enqueues what is due, and ends with 0 when it is told to`, { ...needs, timeout }, () =>
    use(async ({ environment }) => {
      await call(["schedule", "apply", "-"], { environment, input: TICK });
      const beat = start(["beat", "start", "--name", "b1", "--json"], { environment });
      await beat.heard(/"event":"slot-dispatched"/);
      assert.equal(beat.stop(), 1);
      const { code, out } = await withDeadline(beat.ended, 20_000);
      assert.equal(code, 0);
      const lines = out.trim().split("\n").map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
      assertHolds(lines.find(({ event }) => event === "slot-dispatched"), { level: "info", schedule: "tick", task: "math.add" });
      assertHolds(lines.find(({ event }) => event === "leading"), { beat: "b1" });
      assertHolds(lines.at(-1), { event: "stopped" });
      const { value } = await callJson(["queue", "list"], { environment });
      assert.ok(JSON.stringify(value).includes('"queue":"default"'));
      assert.doesNotMatch(JSON.stringify(value), /"ready":0/);
    }));
}

test("a worker with --beat runs what it enqueues", { timeout }, () =>
  onFile(async ({ environment }) => {
    await call(["schedule", "apply", "-"], { environment, input: TICK });
    const worker = start(["worker", "start", "--beat", "--tasks", "test/cli/modules/tasks.ts"], { environment });
    await worker.heard(/task-succeeded task=math.add/);
    worker.stop();
    assert.equal((await withDeadline(worker.ended, 20_000)).code, 0);
  }));

test("when one process is killed, another goes on", { timeout }, () =>
  onFile(async ({ environment }) => {
    await call(["schedule", "apply", "-"], { environment, input: TICK });
    const argv = ["beat", "start", "--lease", "1s"];
    await using first = startProgram([...argv, "--name", "b1"], { environment });
    await first.hear(/leading beat=b1[^]*slot-dispatched/);
    await using second = startProgram([...argv, "--name", "b2"], { environment });
    await second.hear(/started beat=b2/);
    assert.doesNotMatch(second.written(), /slot-dispatched/);
    first.signal("SIGKILL");
    await second.hear(/leading beat=b2[^]*slot-dispatched/);
    second.signal("SIGINT");
    assert.equal(await second.ended, 0, second.written());
  }));

test("flags are checked before it starts", { timeout }, () =>
  onFile(async ({ environment }) => {
    for (
      const argv of [["--lease", "1x"], ["--limit", "0"], ["--limit", "x"], ["--lock-key", ""], ["--name", ""], ["--tasks", "none.ts"]]
    ) {
      const { code } = await withDeadline(call(["beat", "start", ...argv], { environment }), 20_000);
      assert.equal(code, 2, argv.join(" "));
    }
    assert.equal((await call(["beat", "start"])).code, 2);
  }));
