import assert from "node:assert/strict";
import { test } from "node:test";
import { WaitingLines } from "../../src/async/waiting-lines.ts";
import { ManualClock } from "../../src/time/manual-clock.ts";

test("those who want one key come one at a time, in their order; another key has a line of its own", async () => {
  const [lines, clock] = [new WaitingLines(), new ManualClock()];
  const options = { signal: new AbortController().signal, timeoutMs: 1_000, clock };
  const order: string[] = [];
  const enter = async (key: string, name: string) => {
    const leave = await lines.enter(key, options);
    order.push(name);
    return leave;
  };
  const first = await enter("a", "first");
  const others = [enter("a", "then"), enter("a", "last")];
  const elsewhere = await enter("b", "elsewhere");
  assert.deepEqual(order, ["first", "elsewhere"]);
  first?.();
  (await others[0])?.();
  (await others[1])?.();
  elsewhere?.();
  assert.deepEqual(order, ["first", "elsewhere", "then", "last"]);
  assert.deepEqual([lines.has("a"), lines.has("b"), clock.pending], [false, false, 0]);
});

test("whoever does not come to the door in time leaves the line, and so does one whose signal aborts", async () => {
  const [lines, clock, controller] = [new WaitingLines(), new ManualClock(), new AbortController()];
  const leave = await lines.enter("a", { signal: controller.signal, timeoutMs: 1_000, clock });
  const late = lines.enter("a", { signal: new AbortController().signal, timeoutMs: 500, clock });
  const reason = new Error("gone");
  const gone = assert.rejects(lines.enter("a", { signal: controller.signal, timeoutMs: 1_000, clock }), (error) => error === reason);
  await clock.advance(500);
  assert.equal(await late, undefined);
  controller.abort(reason);
  await gone;
  await assert.rejects(lines.enter("a", { signal: controller.signal, timeoutMs: 1_000, clock }), (error) => error === reason);
  leave?.();
  leave?.();
  assert.deepEqual([lines.has("a"), clock.pending], [false, 0]);
});
