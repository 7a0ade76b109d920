import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ConfigError } from "../../src/errors.ts";
import { durationMs, formatMs } from "../../src/time/duration.ts";

test("text and numbers become whole milliseconds", () => {
  const cases: [number | string, number][] = [
    [0, 0],
    [1_500, 1_500],
    ["250ms", 250],
    ["10s", 10_000],
    ["5m", 300_000],
    ["1h30m", 5_400_000],
    ["1h 30m", 5_400_000],
    [" 2d ", 172_800_000],
    ["1w", 604_800_000],
    ["1w2d3h4m5s6ms", 788_645_006],
    ["1.5h", 5_400_000],
    ["0.5s", 500],
    ["0s", 0],
    ["1m500ms", 60_500],
  ];
  for (const [value, expected] of cases) assert.equal(durationMs(value, "delay"), expected, String(value));
});

test("a fraction of a millisecond is rounded up, and floating point does not add one", () => {
  assert.equal(durationMs(0.2, "delay"), 1);
  assert.equal(durationMs("1.0001s", "delay"), 1_001);
  assert.equal(durationMs("0.3ms", "delay"), 1);
  for (const [text, ms] of [["1.1s", 1_100], ["2.2s", 2_200], ["4.35s", 4_350], ["0.07m", 4_200], ["1.001s", 1_001]] as const) {
    assert.equal(durationMs(text, "delay"), ms, text);
  }
  assert.ok(Object.is(durationMs(-0, "delay"), 0));
});

test("what is no duration is refused by name, with the value and what was expected", () => {
  const bad: unknown[] = [
    "",
    " ",
    "5",
    "s",
    "-5s",
    "5 parsecs",
    "10S",
    "1s1m",
    "1s1s",
    "1e3s",
    "5..5s",
    ".5s",
    "1,5s",
    "٣s",
    NaN,
    null,
    undefined,
    true,
    {},
    [5],
    5n,
  ];
  for (const value of bad) {
    assert.throws(() => Reflect.apply(durationMs, undefined, [value, "worker.leaseMs"]), (error) => {
      assert.ok(error instanceof ConfigError, String(value));
      assert.match(error.message, /^Cannot use .* as worker\.leaseMs: expected milliseconds, or text/s);
      return true;
    });
  }
  assert.throws(() => durationMs("5 parsecs", "delay"), /"5 parsecs"/);
});

test("lengths outside the bounds are refused, and the bound is named", () => {
  assert.throws(() => durationMs(-1, "delay"), /Cannot use -1 as delay: expected at least 0ms/);
  assert.throws(() => durationMs(-0.5, "delay"), ConfigError);
  assert.throws(() => durationMs(Infinity, "delay"), /expected at most 3650d/);
  assert.throws(() => durationMs("600w", "delay"), ConfigError);
  assert.throws(() => durationMs("50ms", "leaseMs", { min: 1_000 }), /"50ms" as leaseMs: expected at least 1s/);
  assert.throws(() => durationMs("2h", "leaseMs", { max: 3_600_000 }), /expected at most 1h/);
  assert.equal(durationMs("3650d", "ttl"), 3_650 * 86_400_000);
  assert.equal(durationMs(-5, "offset", { min: -10 }), -5);
});

test("a long hostile text is refused quickly", () => {
  const startedAt = performance.now();
  assert.throws(() => durationMs("1".repeat(50_000), "delay"), ConfigError);
  assert.throws(() => durationMs(`1w${" ".repeat(50_000)}x`, "delay"), ConfigError);
  assert.ok(performance.now() - startedAt < 2_000);
});

test("property: formatMs is read back as the same length", () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 3_650 * 86_400_000 }), (ms) => assert.equal(durationMs(formatMs(ms), "x"), ms)));
  assert.equal(formatMs(0), "0ms");
  assert.equal(formatMs(5_400_000), "1h30m");
  assert.equal(formatMs(-90_000), "-1m30s");
});

test("property: every whole number of a unit is exact", () => {
  const units = [["ms", 1], ["s", 1_000], ["m", 60_000], ["h", 3_600_000], ["d", 86_400_000]] as const;
  fc.assert(fc.property(fc.nat(3_650), fc.constantFrom(...units), (count, [unit, ms]) => {
    assert.equal(durationMs(`${count}${unit}`, "x"), count * ms);
  }));
});
