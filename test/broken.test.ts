/** The conformance kit finds what it is there to find: every deliberately broken store, in memory and on Redis, fails a case of the law that it breaks. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { CONFORMANCE_CASES, type ConformanceCase, type ConformanceHarness, lawsOf, runConformanceCase } from "../src/conformance.ts";
import { StemError } from "../src/errors.ts";
import { brokerAdminDefects } from "./broken/broker-admin-defects.ts";
import { brokerDefects } from "./broken/broker-defects.ts";
import { ledgerDefects } from "./broken/ledger-defects.ts";
import { revocationDefects } from "./broken/revocation-defects.ts";
import { resultDefects } from "./broken/results-defects.ts";
import { limiterDefects } from "./broken/limiter-defects.ts";
import { lockDefects } from "./broken/lock-defects.ts";
import { scheduleDefects } from "./broken/schedule-defects.ts";
import { scheduleSlotDefects } from "./broken/schedule-slot-defects.ts";
import { foundations } from "./broken/foundations.ts";
import { type Defect, harnessOf } from "./broken/wrap.ts";

const defects: readonly Defect[] = [
  ...brokerDefects,
  ...brokerAdminDefects,
  ...resultDefects,
  ...ledgerDefects,
  ...limiterDefects,
  ...lockDefects,
  ...revocationDefects,
  ...scheduleDefects,
  ...scheduleSlotDefects,
];

// A store that never answers is found sooner than in the adapters' own tests.
const signalLimitMs = 400;

for (const foundation of foundations) {
  const options = { ...foundation.needs, timeout: 240_000 };
  test(`${foundation.name}: a store without a defect passes every case, wrapped as the broken ones are`, options, async () => {
    const harness = harnessOf({}, foundation);
    for (const conformanceCase of CONFORMANCE_CASES) {
      await runConformanceCase(harness, conformanceCase).catch((error: unknown) => {
        assert.fail(`${conformanceCase.title}: ${error instanceof Error ? error.stack ?? error.message : String(error)}`);
      });
    }
    await harness.cleanup();
  });
}

test("each law of the stores is broken by one store at least", () => {
  const laws = new Set(CONFORMANCE_CASES.flatMap(({ title }) => lawsOf(title)).filter((law) => /^[ABLQRSTV]\d+$/.test(law)));
  const broken = new Set(defects.map(({ law }) => law));
  assert.deepEqual([...laws].filter((law) => !broken.has(law)), []);
  assert.deepEqual([...broken].filter((law) => !laws.has(law)), []);
  assert.equal(new Set(defects.map(({ name }) => name)).size, defects.length);
});

for (const foundation of foundations) {
  for (const defect of defects) {
    const options = { ...foundation.needs, timeout: 60_000 };
    test(`${foundation.name}: [${defect.law}] the kit fails a store: ${defect.name}`, options, async () => {
      const harness = harnessOf(defect, foundation);
      const cases = CONFORMANCE_CASES.filter(({ title }) => lawsOf(title).includes(defect.law));
      assert.ok(cases.length > 0, `No case shows the law ${defect.law}`);
      try {
        assert.ok(await failsOne(harness, cases), `All ${cases.length} cases of the law passed`);
      } finally {
        await harness.cleanup();
      }
    });
  }
}

async function failsOne(harness: ConformanceHarness, cases: readonly ConformanceCase[]): Promise<boolean> {
  for (const conformanceCase of cases) {
    try {
      await runConformanceCase(harness, conformanceCase, { signalLimitMs });
    } catch (error) {
      assert.ok(error instanceof assert.AssertionError || StemError.is(error), `The broken store itself went wrong: ${String(error)}`);
      return true;
    }
  }
  return false;
}
