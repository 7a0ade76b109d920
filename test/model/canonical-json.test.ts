import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { canonicalJson } from "../../src/model/canonical-json.ts";
import { isSameJson } from "../../src/model/same-json.ts";

test("the order of members does not matter, and absent members are left out", () => {
  assert.equal(canonicalJson({ b: 1, a: { d: [{ y: 1, x: 2 }], c: undefined } }), '{"a":{"d":[{"x":2,"y":1}]},"b":1}');
  assert.equal(canonicalJson(undefined), undefined);
  assert.equal(canonicalJson(null), "null");
  assert.equal(canonicalJson(JSON.parse('{"b":1,"__proto__":{"z":1,"a":2}}')), '{"__proto__":{"a":2,"z":1},"b":1}');
});

test("two values have the same text exactly when they are the same", () => {
  fc.assert(fc.property(fc.jsonValue({ maxDepth: 3 }), fc.jsonValue({ maxDepth: 3 }), (a, b) => {
    // JSON has one zero only.
    const [one, other] = [JSON.parse(JSON.stringify(a)), JSON.parse(JSON.stringify(b))];
    assert.equal(canonicalJson(one) === canonicalJson(other), isSameJson(one, other));
    assert.deepEqual(JSON.parse(canonicalJson(one) ?? ""), one);
  }));
});
