import type { TaskFailure } from "../model/task-failure.ts";

/** Values that stores have been seen to lose, cut or merge. */

/** JSON values that every place for them accepts, each with a name. */
export const META_VALUES: readonly (readonly [name: string, value: unknown])[] = Object.freeze([
  ["null", null],
  ["an empty list", []],
  ["an empty object", {}],
  ["nested empties", { list: [], object: {}, lists: [[], [[]], [{}]], none: null }],
  ["nulls inside", [null, [null], { a: null }]],
  ["false, zero and empty text", [false, 0, ""]],
  ["true", true],
  ["the largest exact integers", [2 ** 53, -(2 ** 53), 2 ** 53 - 1, 9_007_199_254_740_991]],
  ["fractions and extremes", [0.1, 0.1 + 0.2, 5e-324, 1.797_693_134_862_315_7e308, 1e21, -1.5]],
  ["text that looks like JSON", "null"],
  ["quotes, backslashes and line ends", "\"'`\\ \n\r\t\b\f \u2028 \u2029 %s $1 ? :name ; --"],
  ["text of many scripts", "Grüße, 你好, שלום, नमस्ते, 👩‍👩‍👧‍👦, e\u0301"],
  ["awkward keys", { "": 1, " ": 2, "a.b": 3, "a:b": 4, "$id": 5, "0": 6, constructor: 7, "ключ": 8 }],
  ["a key called __proto__", JSON.parse('{"__proto__":{"polluted":true},"plain":1}')],
  ["100 kB of text", "0123456789abcdef".repeat(6_400)],
  ["a list of 5,000 numbers", Array.from({ length: 5_000 }, (_, index) => index)],
  ["200 levels", nest(200)],
]);

/** JSON values that arguments, results and messages may hold, each with a name; meta refuses the last ones. */
export const JSON_VALUES: readonly (readonly [name: string, value: unknown])[] = Object.freeze([
  ...META_VALUES,
  ["NUL inside text", ["before\u0000after", { "\u0000": "\u0000" }]],
  ["half a surrogate pair", ["a\ud800b\udc00c", { "\udfff": 1 }]],
]);

/** Ids that every store must keep apart and give back unchanged. */
export const AWKWARD_IDS: readonly string[] = Object.freeze([
  "plain",
  "PLAIN",
  "a:b",
  "a:b:c",
  "a",
  "b:c",
  "with space",
  " leading and trailing ",
  "'single' \"double\" `back`",
  "semi;colon--comment",
  "percent%_under",
  "{tag}",
  "slash/back\\slash",
  "line\nend\ttab\r",
  "Ünïcödé",
  "e\u0301",
  "\u00e9",
  "日本語",
  "👩‍👩‍👧‍👦",
  "__proto__",
  "constructor",
  "null",
  "undefined",
  "0",
  "00",
  "$1",
  "?",
  "x".repeat(255),
  "x".repeat(254),
  "é".repeat(255),
]);

/** Texts that no store can keep as an id, each with a name. */
export const BAD_IDS: readonly (readonly [name: string, id: string])[] = Object.freeze([
  ["an empty id", ""],
  ["an id of 256 characters", "x".repeat(256)],
  ["an id with NUL", "a\u0000b"],
  ["an id with half a surrogate pair", "a\ud800"],
]);

function nest(levels: number): unknown {
  let value: unknown = "deep";
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { in: value };
  return value;
}

/** A failure with every field, and text that breaks careless storage. */
export const FAILURE: TaskFailure = Object.freeze({
  name: "TypeError",
  message: "Cannot read 'x' of \"nothing\": 100% Ü \u2028 👩‍👩‍👧‍👦",
  code: "E_SAMPLE",
  stack: "TypeError: …\n    at run (file:///task.ts:1:2)",
  cause: Object.freeze({ name: "RangeError", message: "inner" }),
});
