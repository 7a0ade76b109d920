/** Every numbered law of a contract is shown by a case of the conformance suite, and every case shows a law. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "./support/runtimes.ts";
import { readSources } from "./support/source.ts";
import { filesUnder } from "./support/test-files.ts";

/** Contracts whose stores, and with them their suites, come later. Take a name out when its suite arrives. */
const withoutSuite = ["workflow-store"];

const contracts = filesUnder("src/contracts", [".ts"]).map((path) => ({
  name: path.slice(path.lastIndexOf("/") + 1, -".ts".length),
  laws: lawsOf(readFileSync(join(root, path), "utf8")),
}));
const titles = readSources("src/conformance").flatMap((file) =>
  [...file.text.matchAll(/["`]\[([A-Z]+\d+(?:[ ,]+[A-Z]+\d+)*)\] [^"`]/g)].map(([, laws = ""]) => laws.split(/[ ,]+/))
);

test("laws are numbered from 1, without a gap, and no number is used twice", () => {
  const all = contracts.flatMap(({ laws }) => laws);
  assert.ok(all.length >= 60, `Only ${all.length} laws were read`);
  assert.deepEqual(all.filter((law, index) => all.indexOf(law) !== index), []);
  for (const letter of new Set(all.map((law) => law.replace(/\d+/, "")))) {
    const numbers = all.filter((law) => law.replace(/\d+/, "") === letter).map((law) => Number(law.replace(/\D+/, ""))).toSorted((a, b) =>
      a - b
    );
    assert.deepEqual(numbers, numbers.map((_, index) => index + 1), `The laws with letter ${letter}`);
  }
});

test("every law of a contract with a suite has a case", () => {
  const shown = new Set(titles.flat());
  const missing = contracts.filter(({ name }) => !withoutSuite.includes(name)).flatMap(({ laws }) => laws.filter((law) => !shown.has(law)));
  assert.deepEqual(missing, []);
});

test("every case shows a law of a contract with a suite", () => {
  assert.ok(titles.length >= 40, `Only ${titles.length} cases were read`);
  const known = new Set(contracts.filter(({ name }) => !withoutSuite.includes(name)).flatMap(({ laws }) => laws));
  assert.deepEqual(titles.flat().filter((law) => !known.has(law)), []);
});

test("the contracts without a suite exist", () => {
  assert.deepEqual(withoutSuite.filter((name) => !contracts.some((contract) => contract.name === name && contract.laws.length > 0)), []);
});

function lawsOf(source: string): string[] {
  return [...source.matchAll(/^\s*\* - \*\*([A-Z]+\d+)\*\* \S/gm)].map(([, law = ""]) => law);
}
