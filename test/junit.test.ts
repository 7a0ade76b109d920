import assert from "node:assert/strict";
import { test } from "node:test";
import { countCases } from "./support/junit.ts";

const expected = { executed: 3, failed: 1, skipped: 1, failures: ["group > fails"], skips: ["not & now"] };

test("counts Deno's report without the groups", () => {
  const report = `<testsuites><testsuite name="./a.test.ts" tests="3">
    <testcase name="plain" classname="./a.test.ts" line="3"></testcase>
    <testcase name="not &amp; now"><skipped/></testcase>
    <testcase name="group"><failure message="1 test step failed">1 test step failed.</failure></testcase></testsuite>
    <testsuite name="steps"><testcase name="group &gt; passes"></testcase>
    <testcase name="group &gt; fails"><failure message="x">a &lt;testcase name="b"/&gt;</failure></testcase></testsuite></testsuites>`;
  assert.deepEqual(countCases(report), { ...expected, failures: ["group > fails: x"] });
});

test("counts Bun's report, and tells what a case failed with", () => {
  const report = `<testsuites name="bun test"><testsuite name="a.test.ts"><testcase name="passes" classname="" />
    <testcase name="fails"><failure type="AssertionError" message="one is not two&#10;&#10;1 !== 2&#10;">AssertionError: one</failure></testcase>
    </testsuite></testsuites>`;
  assert.deepEqual(countCases(report), { executed: 2, failed: 1, skipped: 0, failures: ["fails: one is not two\n\n1 !== 2"], skips: [] });
});

test("counts Node's report, in whose attributes a bracket may stand", () => {
  const report = `<testsuites><testcase name="plain" classname="test"/><testcase name="not &amp; now" classname="test">
    <skipped type="skipped" message="needs <a server>"/></testcase>
    <testsuite name="group" tests="2" failures="1"><testcase name="passes" message="a > b"/>
    <testcase name="group > fails" failure="1 !== 2"><failure type="testCodeFailure">1 !== 2</failure></testcase></testsuite></testsuites>`;
  assert.deepEqual(countCases(report), expected);
});

test("an empty or missing report has no case", () => {
  assert.equal(countCases("").executed, 0);
  assert.equal(countCases("<testsuites></testsuites>").executed, 0);
});
