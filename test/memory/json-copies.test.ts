import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { jsonText } from "../../src/adapters/json-form.ts";
import { copyOf, jsonCopies } from "../../src/adapters/memory/json-copies.ts";
import { PayloadError } from "../../src/errors.ts";

const noLimit = Number.POSITIVE_INFINITY;

/** What a store of text would read back, or how it refuses. */
function byText(value: {} | null, maxLength = noLimit): unknown {
  return outcome(() => JSON.parse(jsonText.take(value, "it", maxLength)));
}

function byCopy(value: {} | null, maxLength = noLimit): unknown {
  return outcome(() => copyOf(jsonCopies.take(value, "it", maxLength)));
}

function outcome(take: () => unknown): unknown {
  try {
    return take();
  } catch (error) {
    assert.ok(PayloadError.is(error), String(error));
    return error.message;
  }
}

test("property: a copy is what would come back from text", () => {
  const odd = fc.constantFrom(undefined, -0, Number.NaN, new Date(0), 1n, () => 1, Symbol("s"), new Map(), { toJSON: () => "own" });
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof({ depthSize: "small" }, fc.jsonValue(), odd, fc.array(tie("value")), fc.dictionary(fc.string(), tie("value"))),
  }));
  fc.assert(fc.property(value, fc.integer({ min: 0, max: 200 }), (given, maxLength) => {
    if (given === undefined) return;
    const json = given as {} | null;
    assert.deepEqual(byCopy(json), byText(json));
    assert.deepEqual(byCopy(json, maxLength), byText(json, maxLength));
  }));
});

test("what the caller does with its own afterwards changes nothing, nor what readers do with theirs", () => {
  const given = { list: [{ deep: 1 }], none: {} };
  const kept = jsonCopies.take(given, "it", noLimit);
  given.list[0] = { deep: 2 };
  const read = copyOf(kept);
  assert.deepEqual(read, { list: [{ deep: 1 }], none: {} });
  Object.assign(read as object, { list: [], none: 1 });
  assert.deepEqual(copyOf(kept), { list: [{ deep: 1 }], none: {} });
});

test("a copy never holds a prototype of somebody else, a symbol, or a getter", () => {
  class Point {
    readonly x = 1;
  }
  const asked: number[] = [];
  const values = [
    new Point(),
    Object.assign(Object.create(null) as object, { bare: true }),
    { [Symbol("hidden")]: 1, shown: 1 },
    JSON.parse('{"__proto__":{"own":true}}') as object,
    Object.defineProperty({}, "counted", { enumerable: true, get: () => asked.push(1) }),
  ];
  for (const value of values) {
    const copy = byCopy(value);
    assert.equal(Object.getPrototypeOf(copy), Object.prototype);
    assert.deepEqual(Object.getOwnPropertySymbols(copy), []);
  }
  assert.equal(asked.length, 1);
});

test("values that nest deeper than calls do are kept as well, and a cycle is refused as by text", () => {
  const deep = JSON.parse(`${"[".repeat(3_000)}${"]".repeat(3_000)}`) as unknown[];
  assert.equal(JSON.stringify(byCopy(deep)), JSON.stringify(deep));
  const cycle: unknown[] = [];
  cycle.push(cycle);
  assert.equal(byCopy(cycle), byText(cycle));
});

test("what is kept only once counts each time: many of the same are too long here where their text is", () => {
  const part = { ["k".repeat(1_000)]: "v" };
  const many = [part, { ...part }, { ...part }];
  assert.deepEqual(byCopy(many), byText(many));
  for (const maxLength of [2_500, 3_500]) assert.deepEqual(byCopy(many, maxLength), byText(many, maxLength));
});
