import assert from "node:assert/strict";
import { test } from "node:test";
import { rounds, withoutRepeats } from "../../src/adapters/repeats.ts";
import { replayedEnvelope, retriedEnvelope } from "../../src/adapters/settled-envelope.ts";
import { storableText } from "../../src/adapters/validation.ts";
import { envelope } from "../../src/model/envelope.ts";
import { finishVerdict } from "../../src/model/finish-verdict.ts";
import { owedTo } from "../../src/model/owed.ts";
import type { TaskStatus } from "../../src/model/task-status.ts";

test("rounds hold each key once, and keep the order within a key", () => {
  const items = ["a1", "b1", "a2", "a3", "b2", "c1"];
  const found = rounds(items, (item) => item.slice(0, 1)).map((positions) => positions.map((at) => items[at]));
  assert.deepEqual(found, [["a1", "b1", "c1"], ["a2", "b2"], ["a3"]]);
  assert.deepEqual(rounds([], String), []);
});

test("repeats are carried out once, and answered as told", async () => {
  const carriedOut: string[][] = [];
  const run = async (items: readonly string[]): Promise<readonly string[]> => {
    carriedOut.push([...items]);
    return items.map((item) => item.toUpperCase());
  };
  const idOf = (item: string): string => item.slice(0, 1);
  const keyOf = (item: string): string => item;
  assert.deepEqual(await withoutRepeats(["a1", "b1", "a1", "a2", "b1"], { idOf, keyOf, repeated: "again" }, run), [
    "A1",
    "B1",
    "again",
    "A2",
    "again",
  ]);
  assert.deepEqual(carriedOut, [["a1", "b1", "a2"]]);
});

test("a retried envelope is the next attempt without its delay", () => {
  const first = envelope({ id: "e", name: "t", attempt: 2, maxRetries: 5, notBefore: 10, delayMs: 20, expiresAt: 30 });
  const { notBefore: _notBefore, delayMs: _delayMs, ...rest } = first;
  assert.deepEqual(retriedEnvelope(first), { ...rest, attempt: 3 });
});

test("a replayed envelope has its retries again, and no deadline that has passed", () => {
  const dead = envelope({ id: "e", name: "t", attempt: 4, maxRetries: 3, delayMs: 20, expiresAt: 30 });
  const early = replayedEnvelope(dead, 29);
  assert.equal(early.attempt, 5);
  assert.equal(early.maxRetries, 7);
  assert.equal(early.expiresAt, 30);
  assert.equal("delayMs" in early, false);
  assert.equal("expiresAt" in replayedEnvelope(dead, 30), false);
});

test("text that stores refuse is mended, other text stays", () => {
  assert.equal(storableText("plain 😀 text", "x"), "plain 😀 text");
  assert.equal(storableText("a\u0000b\ud800c\udc00", "x"), "a\ufffdb\ufffdc\ufffd");
  assert.throws(() => storableText("", "the reason"), { name: "ConfigError", message: /the reason/ });
});

test("the verdict of a status on record", () => {
  const cases = [
    ["succeeded", 1, undefined, "write"],
    ["succeeded", 1, ["running", 1], "write"],
    ["succeeded", 1, ["succeeded", 1], "keep"],
    ["succeeded", 1, ["cancelled", 1], "refuse"],
    ["succeeded", 1, ["running", 2], "refuse"],
    ["retrying", 1, ["running", 1], "write"],
    ["retrying", 1, ["retrying", 1], "keep"],
    ["retrying", 1, ["cancelled", 1], "refuse"],
    ["failed", 1, ["succeeded", 1], "refuse"],
    ["queued", 2, ["running", 2], "write"],
    ["queued", 2, ["queued", 2], "keep"],
    ["queued", 2, ["retrying", 1], "write"],
    ["queued", 2, ["retrying", 2], "keep"],
    ["queued", 2, ["cancelled", 1], "refuse"],
    ["queued", 1, ["failed", 1], "refuse"],
  ] as const;
  for (const [state, attempt, current, verdict] of cases) {
    const onRecord = current === undefined ? undefined : { state: current[0], attempt: current[1] };
    assert.equal(finishVerdict({ state, attempt }, onRecord), verdict, `${state} ${attempt} over ${String(current)}`);
  }
});

test("what is owed follows from the state on record", () => {
  const after = { onSuccess: [envelope({ name: "next" })], onFailure: [envelope({ name: "mend" })] };
  const task = envelope({ name: "t", ...after });
  const status: TaskStatus = { id: task.id, state: "succeeded", attempt: 1, meta: {}, createdAt: 1, updatedAt: 1 };
  assert.deepEqual(owedTo(task, status), { settlement: { kind: "ack" }, followUps: after.onSuccess });
  assert.deepEqual(owedTo(task, { ...status, state: "cancelled" }), { settlement: { kind: "ack" }, followUps: [] });
  const error = { name: "Error", message: "broken" };
  assert.deepEqual(owedTo(task, { ...status, state: "failed", error }), {
    settlement: { kind: "deadLetter", reason: "retries-exhausted", error },
    followUps: after.onFailure,
  });
});
