import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ConfigError } from "../../src/errors.ts";
import type { RetryPolicy } from "../../src/time/backoff.ts";
import { normalizeRetryPolicy, retryDelayMs } from "../../src/time/backoff.ts";

const lowest = () => 0;
const highest = () => 1 - Number.EPSILON;

const policies: fc.Arbitrary<RetryPolicy> = fc.record({
  backoff: fc.constantFrom("fixed", "linear", "exponential"),
  delay: fc.oneof(fc.nat(100_000), fc.constantFrom("250ms", "10s", "1h")),
  maxDelay: fc.integer({ min: 3_600_000, max: 86_400_000 }),
  factor: fc.double({ min: 1, max: 10, noNaN: true }),
  jitter: fc.oneof(fc.constantFrom("none", "full", "equal", "decorrelated"), fc.double({ min: 0, max: 1, noNaN: true })),
}, { requiredKeys: [] });
const draws = fc.array(fc.double({ min: 0, max: 1 - Number.EPSILON, noNaN: true }), { minLength: 1 }).map((numbers) => {
  let at = 0;
  return () => numbers[at++ % numbers.length] ?? 0;
});

const delays = (policy: RetryPolicy, count: number, random = lowest) =>
  Array.from({ length: count }, (_, index) => retryDelayMs(policy, index + 1, random));

test("the defaults: three retries, exponential from one second, doubled up to ten minutes, half of it drawn at random", () => {
  assert.deepEqual(normalizeRetryPolicy(), {
    maxRetries: 3,
    backoff: "exponential",
    delay: 1_000,
    maxDelay: 600_000,
    factor: 2,
    jitter: "equal",
  });
  assert.deepEqual(delays({}, 12), [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600].map((seconds) => seconds * 1_000));
  assert.deepEqual(delays({}, 3, highest), [500, 1_000, 2_000]);
});

test("fixed, linear and exponential growth, capped", () => {
  const delay = "10s", jitter = "none", maxDelay = "35s";
  assert.deepEqual(delays({ backoff: "fixed", delay, jitter, maxDelay }, 4), [10_000, 10_000, 10_000, 10_000]);
  assert.deepEqual(delays({ backoff: "linear", delay, jitter, maxDelay }, 5), [10_000, 20_000, 30_000, 35_000, 35_000]);
  assert.deepEqual(delays({ backoff: "exponential", delay, jitter, maxDelay, factor: 3 }, 3), [10_000, 30_000, 35_000]);
});

test("jitter takes its share of the delay", () => {
  for (const [jitter, least] of [["none", 8_000], ["equal", 4_000], ["full", 0], [0.25, 6_000], [0, 8_000], [1, 0]] as const) {
    assert.equal(retryDelayMs({ jitter }, 4, lowest), 8_000, String(jitter));
    assert.equal(retryDelayMs({ jitter }, 4, highest), least, String(jitter));
  }
});

test("decorrelated waits lie between the delay and three times the wait before", () => {
  assert.deepEqual(delays({ jitter: "decorrelated" }, 3, lowest), [1_000, 1_000, 1_000]);
  assert.deepEqual(delays({ jitter: "decorrelated" }, 3, highest), [3_000, 9_000, 27_000]);
  assert.equal(retryDelayMs({ jitter: "decorrelated" }, 1_000_000_000, highest), 600_000);
});

test("an explicit delay above the default cap lifts the cap; above an explicit cap it is refused", () => {
  assert.equal(normalizeRetryPolicy({ delay: "1h" }).maxDelay, 3_600_000);
  assert.throws(() => normalizeRetryPolicy({ delay: "1h", maxDelay: "1m" }), /maxDelay of the retry policy: expected at least the delay/);
});

test("fields that are out of range are refused by name", () => {
  const bad: [string, unknown][] = [
    ["maxRetries", -1],
    ["maxRetries", 1.5],
    ["maxRetries", NaN],
    ["maxRetries", Infinity],
    ["maxRetries", "3"],
    ["backoff", "quadratic"],
    ["backoff", null],
    ["delay", "soon"],
    ["delay", -1],
    ["maxDelay", "never"],
    ["factor", 0.5],
    ["factor", NaN],
    ["factor", Infinity],
    ["jitter", "some"],
    ["jitter", "toString"],
    ["jitter", -0.1],
    ["jitter", 1.1],
    ["jitter", NaN],
    ["jitter", null],
  ];
  for (const [field, value] of bad) {
    assert.throws(() => Reflect.apply(normalizeRetryPolicy, undefined, [{ [field]: value }]), (error) => {
      assert.ok(error instanceof ConfigError, `${field} ${String(value)}`);
      assert.match(error.message, new RegExp(`${field} of the retry policy: expected`));
      return true;
    });
  }
  for (const attempt of [0, -1, 1.5, NaN]) assert.throws(() => retryDelayMs({}, attempt), ConfigError);
});

test("property: every delay is whole, not negative and within the cap, for any attempt and any draw", () => {
  fc.assert(fc.property(policies, fc.integer({ min: 1, max: 2 ** 40 }), draws, (policy, attempt, draw) => {
    const ms = retryDelayMs(policy, attempt, draw);
    assert.ok(Number.isSafeInteger(ms) && ms >= 0 && ms <= normalizeRetryPolicy(policy).maxDelay, `${ms}`);
  }));
});

test("property: without jitter the delay never shrinks from one attempt to the next", () => {
  fc.assert(fc.property(policies, fc.integer({ min: 1, max: 200 }), (policy, attempt) => {
    const steady: RetryPolicy = { ...policy, jitter: "none" };
    assert.ok(retryDelayMs(steady, attempt + 1) >= retryDelayMs(steady, attempt));
  }));
});

test("property: a normalized policy is its own normal form, gives the same delays, and survives JSON", () => {
  fc.assert(fc.property(policies, fc.integer({ min: 1, max: 50 }), (policy, attempt) => {
    const normal = normalizeRetryPolicy(policy);
    assert.deepEqual(normalizeRetryPolicy(normal), normal);
    assert.deepEqual(JSON.parse(JSON.stringify(normal)), normal);
    assert.equal(retryDelayMs(normal, attempt, lowest), retryDelayMs(policy, attempt, lowest));
  }));
});
