/** Results that a driver gives with holes are read without them. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { denseRows } from "../../src/adapters/sql/dense-rows.ts";

test("holes in front of a result are left out, and count as nothing", { timeout: 5_000 }, () => {
  const rows: string[] = [];
  rows[2] = "a";
  rows[3] = "b";
  assert.equal(rows.length, 4);
  assert.deepEqual(denseRows(rows), ["a", "b"]);
  const whole = ["a", "b"];
  assert.equal(denseRows(whole), whole);
  assert.deepEqual(denseRows([]), []);
});
