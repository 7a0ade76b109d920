import assert from "node:assert/strict";
import { test } from "node:test";
import { deferred } from "../../src/async/deferred.ts";
import { isPromiseLike } from "../../src/async/maybe-promise.ts";

test("a deferred is settled from outside, once", async () => {
  const kept = deferred<number>();
  kept.resolve(1);
  kept.resolve(2);
  kept.reject(new RangeError("late"));
  assert.equal(await kept.promise, 1);
  const broken = deferred<number>();
  broken.reject(new RangeError("no"));
  broken.resolve(1);
  await assert.rejects(broken.promise, RangeError);
});

test("a deferred can follow another promise", async () => {
  const followed = deferred<string>();
  followed.resolve(Promise.resolve("there"));
  assert.equal(await followed.promise, "there");
});

test("isPromiseLike knows promises and thenables from values", () => {
  assert.equal(isPromiseLike(Promise.resolve()), true);
  assert.equal(isPromiseLike(deferred().promise), true);
  for (const value of [undefined, null, 0, "then", {}, Object.fromEntries([["then", 1]]), [], () => undefined]) {
    assert.equal(isPromiseLike(value), false);
  }
});
