/** The random cases of the conformance kit: they find defects by themselves, shorten what they found, and come again with their seed. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { randomCases, runConformanceCase } from "../src/conformance.ts";
import { drawOperation } from "../src/conformance/model/operation.ts";
import { shrink } from "../src/conformance/model/shrink.ts";
import { seededRandom } from "../src/conformance/model-based.ts";
import { brokerAdminDefects } from "./broken/broker-admin-defects.ts";
import { brokerDefects } from "./broken/broker-defects.ts";
import { ledgerDefects } from "./broken/ledger-defects.ts";
import { resultDefects } from "./broken/results-defects.ts";
import { scheduleDefects } from "./broken/schedule-defects.ts";
import { scheduleSlotDefects } from "./broken/schedule-slot-defects.ts";
import type { FoundationKind } from "./broken/foundations.ts";
import { foundations, memoryFoundation } from "./broken/foundations.ts";
import { type Defect, harnessOf } from "./broken/wrap.ts";

const timeout = 60_000;
const defects = [...brokerDefects, ...brokerAdminDefects, ...resultDefects, ...ledgerDefects, ...scheduleDefects, ...scheduleSlotDefects];

// One of each kind of mistake; none of the random cases knows of them.
const findable = [
  "priorities are ignored",
  "retry drops the envelope, then publishes it again",
  "redelivered is never told",
  "settling goes by id alone",
  "an extension puts a copy back into the queue",
  "purge forgets what is held",
  "a payload of null is lost",
  "queued overwrites running",
  "late writes overwrite what has ended",
  "expired statuses are still read",
  "everyone who reports to a complete group completes it",
  "group results come in the order of their ids",
  "a task whose status is kept is run again",
  "follow-ups are not published",
  "the acknowledgement comes before the status",
  "a completion asks for no token",
  "runs count what was skipped too",
  "maxRuns is not looked at",
  "any change plans anew",
  "a stale claim enqueues all the same",
];

for (const foundation of foundations) {
  for (const name of findable) {
    const options = { ...foundation.needs, timeout };
    test(`${foundation.name}: random operations find a store in which this is so: ${name}`, options, async () => {
      const message = await findBy(defectNamed(name), { seed: 7, foundation });
      assert.match(message ?? "", /^The adapters disagree \(seed \d+\)/);
      const operations = message?.split("\n").slice(2) ?? [];
      assert.ok(operations.length <= 15, `${operations.length} operations are left of 80:\n${message}`);
    });
  }
}

test("a failure comes again with its seed", { timeout }, async () => {
  const defect = defectNamed("settling goes by id alone");
  const message = await findBy(defect, { seed: 7 });
  const seed = Number(/seed (\d+)/.exec(message ?? "")?.[1]);
  assert.equal(withoutTimes(await findBy(defect, { seed, sequences: 1 })), withoutTimes(message));
});

test("the same seed draws the same operations, another one others", () => {
  const draw = (seed: number) => {
    const random = seededRandom(seed);
    return Array.from({ length: 50 }, () => drawOperation(["publish", "claim", "set", "report"], random));
  };
  assert.deepEqual(draw(1), draw(1));
  assert.notDeepEqual(draw(1), draw(2));
});

test("a failing list is shortened to what makes it fail", async () => {
  const items = Array.from({ length: 100 }, (_, index) => index);
  const needed = [3, 50, 51, 99];
  let tries = 0;
  const fails = (some: readonly number[]) => {
    tries += 1;
    return Promise.resolve(needed.every((item) => some.includes(item)));
  };
  assert.deepEqual(await shrink(items, fails), needed);
  assert.ok(tries <= 80, `${tries} lists were tried`);
  assert.deepEqual(await shrink([1], () => Promise.resolve(true)), [1]);
});

function defectNamed(name: string): Defect {
  const defect = defects.find((one) => one.name === name);
  assert.ok(defect !== undefined, `No broken store is called "${name}"`);
  return defect;
}

interface Search {
  readonly seed: number;
  readonly sequences?: number;
  readonly foundation?: FoundationKind;
}

async function findBy(defect: Defect, { foundation = memoryFoundation, ...options }: Search): Promise<string | undefined> {
  const harness = harnessOf(defect, foundation);
  try {
    for (const conformanceCase of randomCases(options)) {
      try {
        await runConformanceCase(harness, conformanceCase);
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
    }
    return undefined;
  } finally {
    await harness.cleanup();
  }
}

// The clock of a case goes on from one sequence to the next.
function withoutTimes(message: string | undefined): string | undefined {
  return message?.replaceAll(/\d{13}/g, "a time");
}
