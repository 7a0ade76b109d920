import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { JsonTaskPayloadEncoder } from "../../src/encoding/json.ts";
import { assertJson, deepestJson } from "../../src/model/json-value.ts";
import { PayloadError } from "../../src/errors.ts";
import { jsonValues } from "./json-values.ts";

const timeout = 20_000;
const json = new JsonTaskPayloadEncoder();

/** Puts a value that many arrays deep. */
function nest(depth: number, inside: unknown): unknown {
  let value = inside;
  for (let level = 0; level < depth; level++) value = [value];
  return value;
}

test("property: what JSON carries is given back as it is, and is what its text says", { timeout }, () => {
  fc.assert(
    fc.property(jsonValues, (value) => {
      assert.equal(json.encode(value), value);
      assert.equal(json.decode(value), value);
      assert.deepEqual(JSON.parse(JSON.stringify(value)), value);
    }),
  );
});

test("null, empty and extreme values are carried; undefined is no value", () => {
  const values = [
    null,
    [],
    {},
    "",
    0,
    -1,
    2 ** 53,
    Number.MIN_VALUE,
    Number.MAX_VALUE,
    "\u0000",
    "\ud800",
    "😀",
    { "": { "a b": [[]] } },
    undefined,
  ];
  for (const value of values) assert.equal(json.encode(value), value);
});

test("properties that are undefined are left out, in whatever depth; no other value changes", () => {
  const value = { a: undefined, b: [{ c: undefined, d: 1 }] };
  assert.equal(JSON.stringify(json.encode(value)), '{"b":[{"d":1}]}');
});

test("objects without a prototype, frozen ones, and own keys named like built-in ones are plain", () => {
  const bare: unknown = Object.assign(Object.create(null), { a: 1 });
  const parsed: unknown = JSON.parse('{"__proto__": 1, "constructor": 2, "hasOwnProperty": 3, "toString": 4}');
  for (const value of [bare, Object.freeze({ a: Object.freeze([1]) }), parsed]) assert.equal(json.encode(value), value);
});

class Money {
  amount = 5;
}
class List extends Array<number> {}
const anonymous = (() =>
  class {
    amount = 5;
  })();

test("everything else is refused, with its place and what stands there", () => {
  const cyclic: Record<string, unknown> = { list: [] };
  cyclic["list"] = [1, { again: cyclic }];
  // A hole, made without a literal that would have one.
  const sparse: unknown[] = [1];
  sparse.length = 2;
  const cases: [value: unknown, message: RegExp][] = [
    [{ n: 1n }, /args\.n as JSON: it is a bigint; send it as a string/],
    [{ user: { born: new Date() } }, /args\.user\.born as JSON: it is a Date; send its ISO text/],
    [[1, new Map()], /args\[1\] as JSON: it is a Map/],
    [new Set(), /args as JSON: it is a Set/],
    [{ data: new Uint8Array(2) }, /args\.data as JSON: it is a Uint8Array; send its bytes as base64 text/],
    [{ data: new ArrayBuffer(2) }, /ArrayBuffer/],
    [{ data: new DataView(new ArrayBuffer(2)) }, /DataView/],
    [{ "odd key": () => undefined }, /args\["odd key"\] as JSON: it is a function named "odd key"/],
    [[Symbol("x")], /args\[0\] as JSON: it is a symbol/],
    [{ [Symbol("hidden")]: 1 }, /args as JSON: it has a property named by the symbol hidden/],
    [[NaN], /args\[0\] as JSON: it is NaN/],
    [{ rate: Infinity }, /args\.rate as JSON: it is Infinity/],
    [-Infinity, /args as JSON: it is -Infinity/],
    [[1, undefined], /args\[1\] as JSON: it is undefined; send null/],
    [sparse, /args\[1\] as JSON: it is undefined/],
    [{ price: new Money() }, /args\.price as JSON: it is an instance of Money/],
    [List.from([1]), /args as JSON: it is an instance of List/],
    [Reflect.construct(anonymous, []), /args as JSON: it is an instance of/],
    [new Error("no"), /instance of Error/],
    [/x/, /instance of RegExp/],
    [new URL("https://example.org"), /instance of URL/],
    [Object("boxed"), /instance of String/],
    [Promise.resolve(), /args as JSON: it is a promise; await it first/],
    [new WeakMap(), /instance of WeakMap/],
    [{ toJSON: () => 1 }, /args\.toJSON as JSON: it is a function/],
    [Object.create({ inherited: 1 }), /args as JSON: it is an instance of/],
    [cyclic, /args\.list\[1\]\.again as JSON: it contains itself/],
  ];
  for (const [value, message] of cases) {
    assert.throws(() => assertJson(value, "args"), (error) => {
      assert.ok(error instanceof PayloadError, String(message));
      assert.match(error.message, message);
      return true;
    });
    assert.throws(() => json.encode(value), PayloadError);
  }
  assert.throws(() => assertJson(undefined, "args"), /args as JSON: it is undefined/);
});

test("the same object twice is no cycle", () => {
  const shared = { a: 1 };
  assert.doesNotThrow(() => assertJson({ first: shared, second: [shared, shared] }, "args"));
});

test("nesting is allowed to the limit, and refused beyond it in a short message", () => {
  assert.doesNotThrow(() => assertJson(nest(deepestJson, 1), "args"));
  assert.throws(() => assertJson(nest(deepestJson + 1, 1), "args"), (error) => {
    assert.ok(error instanceof PayloadError);
    assert.match(error.message, /nests deeper than 1000 levels/);
    assert.ok(error.message.length < 200);
    return true;
  });
  assert.throws(() => assertJson(nest(100_000, 1), "args"), /nests deeper/);
});

test("a value that changes while it is read is refused too", () => {
  let reads = 0;
  const value = {
    get moody() {
      reads += 1;
      return reads === 1 ? NaN : 1;
    },
  };
  assert.throws(() => assertJson(value, "args"), /args as JSON: it changes while it is read/);
});

test("encoding does not change the value", () => {
  const value = { a: [1, { b: undefined }], c: "x" };
  const before = structuredClone(value);
  json.encode(value);
  assert.deepEqual(value, before);
});

test("a payload of 500 bytes is looked through in microseconds", { timeout }, () => {
  const value = {
    user: { id: 12_345, name: "Ada Lovelace", email: "ada@example.org", tags: ["a", "b", "c"], active: true },
    items: Array.from({ length: 6 }, (_, index) => ({ sku: `SKU-${index}`, count: index, price: 9.99 * index, note: null })),
    text: "x".repeat(100),
  };
  const rounds = 20_000;
  let best = Infinity;
  for (let series = 0; series < 5; series++) {
    const startedAt = performance.now();
    for (let round = 0; round < rounds; round++) json.encode(value);
    best = Math.min(best, (performance.now() - startedAt) * 1_000 / rounds);
  }
  // About 1.5 on a quiet machine; the limit leaves room for a busy one.
  assert.ok(best < 25, `${best} µs`);
});
