/** JSON values are the same when they mean the same. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isSameJson } from "../../src/model/same-json.ts";

test("a value is the same as its copy, with the keys in any order", () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => {
    const copy: unknown = JSON.parse(JSON.stringify(value));
    assert.equal(isSameJson(reversed(copy), JSON.parse(JSON.stringify(copy))), true);
  }));
});

test("two values are the same just when their texts with sorted keys are", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 2 }), fc.jsonValue({ maxDepth: 2 }), (a, b) => {
      const [left, right]: unknown[] = [JSON.parse(JSON.stringify(a)), JSON.parse(JSON.stringify(b))];
      assert.equal(isSameJson(left, right), JSON.stringify(sorted(left)) === JSON.stringify(sorted(right)));
    }),
    { numRuns: 1_000 },
  );
});

test("what only looks alike is not the same", () => {
  const values: unknown[] = [null, [], {}, "", 0, false, "null", [[]], [null], { a: null }, { 0: 1 }, [1], "1", 1, { a: [] }, { a: {} }];
  for (const [at, a] of values.entries()) {
    for (const [other, b] of values.entries()) {
      assert.equal(isSameJson(a, b), at === other, `${JSON.stringify(a)} and ${JSON.stringify(b)}`);
    }
  }
});

test("a member that is undefined is absent", () => {
  assert.equal(isSameJson({ a: 1, b: undefined }, { a: 1 }), true);
  assert.equal(isSameJson({ a: 1 }, { a: 1, b: undefined }), true);
  assert.equal(isSameJson({ a: undefined }, { a: null }), false);
});

function reversed(value: unknown): unknown {
  return mapKeys(value, (keys) => keys.toReversed());
}

function sorted(value: unknown): unknown {
  return mapKeys(value, (keys) => keys.toSorted((a, b) => a[0] < b[0] ? -1 : 1));
}

function mapKeys(value: unknown, order: (entries: [string, unknown][]) => [string, unknown][]): unknown {
  if (Array.isArray(value)) return value.map((item) => mapKeys(item, order));
  if (typeof value !== "object" || value === null) return value;
  // Defined one by one, because a key may be called __proto__.
  const copy = {};
  for (const [key, inner] of order(Object.entries(value))) {
    Object.defineProperty(copy, key, { value: mapKeys(inner, order), enumerable: true, configurable: true, writable: true });
  }
  return copy;
}
