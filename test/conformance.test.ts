/** The conformance kit itself: what it registers, and what it makes of adapters that hang or say more than they can. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { CONFORMANCE_CASES, type ConformanceCase, lawsOf, registerConformance, runConformanceCase } from "../src/conformance.ts";
import { memory } from "../src/memory.ts";
import { harnessOf } from "./broken/wrap.ts";

const nothing: ConformanceCase = { title: "[A1] nothing", run: () => Promise.resolve() };

test("every case has a title of its own, which names its laws", () => {
  const titles = CONFORMANCE_CASES.map(({ title }) => title);
  assert.ok(titles.length >= 300, `Only ${titles.length} cases are there`);
  assert.deepEqual(titles.filter((title, index) => titles.indexOf(title) !== index), []);
  assert.deepEqual(titles.filter((title) => lawsOf(title).length === 0), []);
});

test("every case is registered with a limit, and the clean-up after them", async () => {
  const registered: { readonly title: string; readonly timeout: number; readonly run: () => Promise<void> }[] = [];
  let isClean = false;
  const harness = { ...harnessOf({}), name: "mine", cleanup: () => Promise.resolve(void (isClean = true)) };
  const count = registerConformance(harness, { test: (title, { timeout }, run) => registered.push({ title, timeout, run }) });
  assert.equal(count, CONFORMANCE_CASES.length);
  assert.deepEqual(registered.map(({ title }) => title), [...CONFORMANCE_CASES.map(({ title }) => `mine: ${title}`), "mine: cleans up"]);
  assert.deepEqual(registered.filter(({ timeout }) => timeout < 30_000), []);
  await registered.at(-1)?.run();
  assert.equal(isClean, true);
});

test("a case fails when closing hangs or fails", async () => {
  const hanging = harnessOf({ adapter: () => ({ close: () => new Promise(() => {}) }) });
  await assert.rejects(runConformanceCase(hanging, nothing, { signalLimitMs: 20 }), /Cannot close within 20 ms/);
  const failing = harnessOf({ adapter: () => ({ close: () => Promise.reject(new Error("It does not close")) }) });
  await assert.rejects(runConformanceCase(failing, nothing), /It does not close/);
});

test("what a case says about its failure is told, not what closing says after it", async () => {
  const failing = harnessOf({ adapter: () => ({ close: () => Promise.reject(new Error("It does not close")) }) });
  const run = () => Promise.reject(new Error("The law does not hold"));
  await assert.rejects(runConformanceCase(failing, { ...nothing, run }), /The law does not hold/);
});

test("connecting that hangs is a failure", async () => {
  const hanging = { ...harnessOf({}), connect: () => new Promise<never>(() => {}) };
  await assert.rejects(runConformanceCase(hanging, nothing, { signalLimitMs: 20 }), /Cannot connect in time/);
});

test("an adapter that claims transactions fails without a harness that makes them", { timeout: 60_000 }, async () => {
  const boasting = harnessOf({ adapter: ({ sound }) => ({ supports: { ...sound.supports, transactions: true } }) });
  const cases = CONFORMANCE_CASES.filter(({ title }) => ["B27", "R23", "T9"].some((law) => lawsOf(title).includes(law)));
  assert.ok(cases.length >= 6);
  for (const conformanceCase of cases) await assert.rejects(runConformanceCase(boasting, conformanceCase), /harness with `transaction`/);
});

test("every case has a namespace and connections of its own, all closed after it", async () => {
  const namespaces: string[] = [];
  let open = 0;
  const harness = {
    ...harnessOf({}),
    connect: (options: { readonly namespace: string }) => {
      namespaces.push(options.namespace);
      open += 1;
      const adapter = memory(options);
      return Promise.resolve({ ...adapter, close: () => adapter.close().then(() => void (open -= 1)) });
    },
  };
  const run: ConformanceCase["run"] = async ({ second, other }) => {
    await second();
    assert.equal(await other(), await other());
  };
  await runConformanceCase(harness, { ...nothing, run });
  await runConformanceCase(harness, { ...nothing, run });
  assert.equal(open, 0);
  assert.equal(new Set(namespaces).size, 4);
  assert.equal(namespaces.length, 6);
});
