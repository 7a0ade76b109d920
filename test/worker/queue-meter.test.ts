import assert from "node:assert/strict";
import { test } from "node:test";
import type { LimitRule } from "../../src/worker/limit-rules.ts";
import { QueueMeter } from "../../src/worker/queue-meter.ts";

const three: LimitRule = { permit: { key: "queue narrow", limit: 3, queue: "narrow" } };
const fifty: LimitRule = { bucket: { key: "queue paced", limit: 50, per: 1_000, burst: 50 } };

test("limited queues are asked by themselves and without waiting, in turn with the others", () => {
  const meter = new QueueMeter(["a", "narrow", "b"], new Map([["narrow", three]]));
  const looks = Array.from({ length: 4 }, () => meter.next(10, 0));
  assert.deepEqual(looks.map(({ queues }) => queues.join()), ["narrow", "a,b", "narrow", "a,b"]);
  assert.deepEqual(looks.map(({ waitMs }) => waitMs), [0, 0, 0, 0]);
});

test("an empty queue is waited for with the others, until something comes of it", () => {
  const meter = new QueueMeter(["a", "narrow"], new Map([["narrow", three]]));
  meter.found(meter.next(10, 0), []);
  const look = meter.next(10, 0);
  assert.deepEqual(look, { queues: ["a", "narrow"], limit: 10, waitMs: 30_000 });
  meter.found(look, ["a"]);
  assert.deepEqual(meter.next(10, 0).queues, ["a", "narrow"]);
  meter.found(look, ["narrow"]);
  assert.deepEqual([meter.next(10, 0), meter.next(10, 0)].map(({ queues }) => queues.join()).toSorted(), ["a", "narrow"]);
});

test("after a refusal a queue rests, and is then asked for what it gave", () => {
  const meter = new QueueMeter(["narrow"], new Map([["narrow", three]]));
  meter.found(meter.next(10, 0), ["narrow"]);
  meter.decided("narrow", { admitted: 3, refused: 7, retryAfterMs: 250 }, 0);
  assert.deepEqual(meter.next(10, 100), { queues: [], limit: 10, waitMs: 150 });
  assert.deepEqual(meter.next(10, 250), { queues: ["narrow"], limit: 3, waitMs: 0 });
  meter.decided("narrow", { admitted: 0, refused: 3, retryAfterMs: 250 }, 250);
  assert.equal(meter.next(10, 500).limit, 1);
});

test("a permit that comes back opens its queue at once, for as many as came back", () => {
  const meter = new QueueMeter(["narrow"], new Map([["narrow", three]]));
  assert.equal(meter.returned("narrow"), false);
  meter.next(10, 0);
  meter.decided("narrow", { admitted: 3, refused: 7, retryAfterMs: 250 }, 0);
  assert.equal(meter.returned("narrow"), true);
  assert.equal(meter.returned("narrow"), true);
  assert.equal(meter.returned("another"), false);
  assert.deepEqual(meter.next(10, 1), { queues: ["narrow"], limit: 2, waitMs: 0 });
  // What came back while the limiter was asked is not forgotten either.
  meter.returned("narrow");
  meter.decided("narrow", { admitted: 0, refused: 2, retryAfterMs: 250 }, 2);
  assert.deepEqual(meter.next(10, 3), { queues: ["narrow"], limit: 1, waitMs: 0 });
});

test("where a limit lets through all that is asked for, more is asked for, and in the end as much as there is room", () => {
  const meter = new QueueMeter(["paced"], new Map([["paced", fifty]]));
  meter.next(10, 0);
  meter.decided("paced", { admitted: 2, refused: 8, retryAfterMs: 20 }, 0);
  const limits: number[] = [];
  for (let now = 50; now < 400; now += 50) {
    const { limit } = meter.next(10, now);
    limits.push(limit);
    meter.decided("paced", { admitted: limit, refused: 0, retryAfterMs: 0 }, now);
  }
  assert.deepEqual(limits, [2, 3, 5, 8, 10, 10, 10]);
  assert.deepEqual(meter.next(10, 351), { queues: ["paced"], limit: 10, waitMs: 0 });
});

test("a small bucket is looked at often enough not to run over", () => {
  const small: LimitRule = { bucket: { key: "k", limit: 50, per: 1_000, burst: 1 } };
  const meter = new QueueMeter(["paced"], new Map([["paced", small]]));
  meter.next(10, 0);
  meter.decided("paced", { admitted: 1, refused: 9, retryAfterMs: 20 }, 0);
  assert.equal(meter.next(10, 0).waitMs, 20);
  meter.next(10, 20);
  meter.decided("paced", { admitted: 1, refused: 0, retryAfterMs: 0 }, 20);
  assert.equal(meter.next(10, 20).waitMs, 10);
});
