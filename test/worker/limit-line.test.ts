import assert from "node:assert/strict";
import { test } from "node:test";
import { limitKey, storableKey } from "../../src/worker/limit-key.ts";
import { LimitLines } from "../../src/worker/limit-line.ts";

const bucket = { key: "task mail", limit: 50, per: 1_000, burst: 50 };
const permit = { key: "task heavy", limit: 4 };

test("those that a rate refuses come again one after the other, as the tokens will", () => {
  const lines = new LimitLines();
  assert.deepEqual(Array.from({ length: 4 }, () => lines.join({ bucket, retryAfterMs: 7 }, 0)), [7, 27, 47, 67]);
  assert.equal(lines.join({ bucket, retryAfterMs: 3 }, 30), 57);
  assert.equal(lines.join({ bucket, retryAfterMs: 12 }, 10_000), 12);
  assert.equal(lines.join({ bucket: { ...bucket, key: "task other" }, retryAfterMs: 1 }, 10_000), 1);
});

test("nobody is sent away for longer than five minutes, and for half a minute on a guess", () => {
  const lines = new LimitLines();
  for (let task = 0; task < 20_000; task++) lines.join({ bucket, retryAfterMs: 20 }, 0);
  assert.equal(lines.join({ bucket, retryAfterMs: 20 }, 0), 300_000);
  for (let task = 0; task < 2_000; task++) lines.join({ permit, retryAfterMs: 30_000 }, 0);
  assert.equal(lines.join({ permit, retryAfterMs: 30_000 }, 0), 30_000);
});

test("those that wait for permits come again as fast as permits were returned", () => {
  const lines = new LimitLines();
  for (let task = 0; task < 100; task++) lines.returned(permit, 400, 0);
  assert.deepEqual(Array.from({ length: 3 }, () => lines.join({ permit, retryAfterMs: 30_000 }, 0)), [100, 200, 300]);
  for (let task = 0; task < 1_000; task++) lines.returned(permit, 40, 0);
  const [first = 0, second = 0] = Array.from({ length: 2 }, () => lines.join({ permit, retryAfterMs: 30_000 }, 1_000));
  assert.ok(first <= 11 && second <= 21, `${first}, ${second}`);
  assert.equal(lines.join({ permit: { ...permit, key: "dying" }, retryAfterMs: 2 }, 1_000), 2);
});

test("where neither bucket nor permit is missing the limiter's own time counts", () => {
  assert.equal(new LimitLines().join({ retryAfterMs: 1_000 }, 0), 1_000);
});

test("names of limits are never mistaken for each other, and fit every store", async () => {
  assert.notEqual(limitKey("key", "a", "b c"), limitKey("key", "a b", "c"));
  assert.notEqual(limitKey("task", "a"), limitKey("queue", "a"));
  assert.equal(await storableKey("task mail"), "task mail");
  const [one, two] = await Promise.all(["x", "y"].map((end) => storableKey(`${"n".repeat(300)}${end}`)));
  assert.match(one ?? "", /^hashed [0-9a-f]{64}$/);
  assert.notEqual(one, two);
});
