import assert from "node:assert/strict";
import { test } from "node:test";
import { mapAll } from "../../src/async/maybe-promise.ts";

test("mapAll gives the answers in order, and a promise only where one has to be awaited", async () => {
  assert.deepEqual(mapAll([1, 2, 3], (item) => item * 2), [2, 4, 6]);
  const mixed = mapAll([1, 2, 3, 4], (item) => item % 2 === 0 ? Promise.resolve(item * 2) : item * 2);
  assert.ok(mixed instanceof Promise);
  assert.deepEqual(await mixed, [2, 4, 6, 8]);
});

test("mapAll asks no further than what throws, and leaves no failure unheard", async () => {
  const asked: number[] = [];
  assert.throws(() =>
    mapAll([1, 2, 3], (item) => {
      asked.push(item);
      if (item === 2) throw new Error("no");
      return item;
    }), /no/);
  assert.deepEqual(asked, [1, 2]);
  // The one that throws comes behind a promise that fails as well: the first failure is told, and the other is nobody's surprise.
  await assert.rejects(
    async () =>
      await mapAll([1, 2], (item) => {
        if (item === 2) throw new Error("second");
        return Promise.reject(new Error("first"));
      }),
    /first/,
  );
});
