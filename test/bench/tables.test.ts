import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Measured, Report } from "../../bench/comparison.ts";
import { median, percentile } from "../../bench/measure.ts";
import { readReport, withTables } from "../../bench/results.ts";
import { scenarios } from "../../bench/scenarios.ts";
import { peers } from "../../bench/sides.ts";
import { aligned, figureRows, markdown, timeRows } from "../../bench/tables.ts";
import { figureOf, judge, ratioOf, targets } from "../../bench/targets.ts";
import { root } from "../support/runtimes.ts";

const runs = (...values: readonly number[]) => values.map((value) => ({ value, time: { here: value / 10, server: value / 20 } }));

const enqueue: Measured = {
  name: "enqueue, one by one",
  unit: "per second",
  group: "tasks",
  sides: { bullmq: runs(1_000, 2_000, 1_000), Stem: runs(3_000, 2_000, 1_000), driver: runs(4_000, 4_000, 4_000) },
};
const pickup: Measured = {
  name: "enqueue to start, idle worker",
  unit: "ms",
  group: "tasks",
  sides: { bullmq: runs(0.5), Stem: runs(0.25) },
};
const report: Report = { store: "redis", settings: "Redis 7", node: "20", scenarios: [enqueue, pickup] };

test("medians and percentiles", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.equal(percentile(Array.from({ length: 100 }, (_, at) => at), 0.99), 99);
});

test("a ratio is the median of the ratios of the rounds, not the ratio of the medians", () => {
  assert.deepEqual(ratioOf(enqueue, "bullmq"), { median: 1, all: [3, 1, 1] });
  assert.equal(figureOf(enqueue, "Stem"), 2_000);
  assert.equal(ratioOf(enqueue, "nobody"), undefined);
});

test("targets are judged by ratio or by figure, and only where something was measured", () => {
  assert.deepEqual(judge(report).map(({ target, reached, isMet }) => [target.scenario, reached, isMet]), [
    ["enqueue, one by one", 1, false],
    ["enqueue to start, idle worker", 0.5, true],
  ]);
  const memory: Measured = { name: "enqueue, bulk of 1,000", unit: "per second", group: "tasks", sides: { Stem: runs(300_000) } };
  assert.deepEqual(judge({ ...report, store: "memory", scenarios: [memory] }).map(({ isMet }) => isMet), [true]);
});

test("memory that has shrunk has not grown too much", () => {
  const shrunk: Measured = { name: "memory growth over many tasks", unit: "MiB", group: "growth", sides: { Stem: runs(-6) } };
  assert.deepEqual(judge({ ...report, scenarios: [shrunk] }).map(({ reached, isMet }) => [reached, isMet]), [[-6, true]]);
});

test("a target beside another scenario is judged by the ratio of the two", () => {
  const claim = (name: string, ...values: readonly number[]): Measured => ({
    name,
    unit: "ms",
    group: "growth",
    sides: { Stem: runs(...values) },
  });
  const grown = { ...report, scenarios: [claim("claim, few waiting tasks", 1, 2), claim("claim, many waiting tasks", 1.2, 3.6)] };
  assert.deepEqual(judge(grown).map(({ reached, isMet }) => [reached, isMet]), [[1.5, true]]);
  assert.deepEqual(figureRows(grown).at(-1), ["claim, many waiting tasks", "2.40 ms, 1.50 of that ≤ 1.50"]);
});

test("every target names a scenario, and a peer on its store", () => {
  for (const { scenario, other = scenario, peer, store } of targets) {
    for (const wanted of [scenario, other]) assert.ok(scenarios.some(({ name }) => name === wanted), wanted);
    assert.ok(peer === undefined || peers[peer]?.stores.includes(store), peer);
  }
});

test("the table of figures shows shares, ratios, targets, and where one is missed", () => {
  assert.deepEqual(figureRows(report), [
    ["", "Stem", "driver", "share", "bullmq", "ratio"],
    ["enqueue, one by one", "2,000/s", "4,000/s", "0.50", "1,000/s", "1.00 ≥ 1.20 !"],
    ["enqueue to start, idle worker", "0.25 ms", "", "", "0.50 ms", "0.50 ≤ 1.00"],
  ]);
});

test("the table of processor time shows client and server, and how many times Stem's another takes", () => {
  assert.deepEqual(timeRows({ ...report, scenarios: [enqueue] }), [
    ["", "Stem", "bullmq", "times", "driver", "times"],
    ["enqueue, one by one", "200 + 100 µs", "100 + 50 µs", "0.50", "400 + 200 µs", "2.00"],
  ]);
});

test("tables for people and for the page", () => {
  const rows = [["", "a"], ["long name", "1"]];
  assert.equal(aligned(rows), "            a\nlong name   1");
  assert.equal(markdown(rows), "|           |   a |\n| --------- | --: |\n| long name |   1 |");
});

test("the page takes the tables of a store between its comments, and refuses a store that it does not know", () => {
  const page = withTables("before <!-- redis -->old<!-- end of redis --> behind", report);
  assert.match(page, /^before <!-- redis -->\n\nRedis 7; Node 20\.\n\n\| /);
  assert.match(page, /2,000\/s[\s\S]*<!-- end of redis --> behind$/);
  assert.doesNotMatch(page, /old/);
  assert.throws(() => withTables("", report), /has no place for it/);
});

test("docs/performance.md shows what bench/results holds", async () => {
  const text = readFileSync(join(root, "docs/performance.md"), "utf8");
  for (const store of ["memory", "sqlite", "postgres", "redis"] as const) {
    const measured = await readReport(store);
    if (measured !== undefined) assert.equal(withTables(text, measured), text, `npm run bench -- --document: ${store}`);
  }
});
