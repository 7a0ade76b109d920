import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Batcher } from "../../src/async/batcher.ts";
import type { Deferred } from "../../src/async/deferred.ts";
import { deferred } from "../../src/async/deferred.ts";
import { ClosedError, ConfigError, ConflictError, StoreError } from "../../src/errors.ts";
import { nextTurn } from "../../src/time/next-turn.ts";

const timeout = 20_000;

/** Runs that end when the test says so, each echoing its items. */
function heldRuns() {
  const batches: (readonly number[])[] = [];
  const gates: Deferred<void>[] = [];
  const run = async (items: readonly number[]) => {
    const gate = deferred<void>();
    batches.push(items);
    gates.push(gate);
    await gate.promise;
    return items.map((item) => `r${item}`);
  };
  const finish = async (index: number) => {
    const gate = gates[index];
    assert.ok(gate !== undefined, `run ${index} has not begun`);
    gate.resolve();
    await nextTurn();
  };
  return { run, batches, finish };
}

test("a lone call goes out a microtask later; calls of the same moment share its batch", async () => {
  const { run, batches, finish } = heldRuns();
  const batcher = new Batcher({ run, maxItems: 10 });
  const lone = batcher.add(1);
  assert.equal(batches.length, 0);
  await Promise.resolve();
  assert.deepEqual(batches, [[1]]);
  await finish(0);
  assert.equal(await lone, "r1");
  const together = Promise.all([batcher.add(2), batcher.add(3)]);
  await Promise.resolve();
  await finish(1);
  assert.deepEqual(batches, [[1], [2, 3]]);
  assert.deepEqual(await together, ["r2", "r3"]);
});

test("calls made while a run is under way join the next one, up to maxItems, in order", async () => {
  const { run, batches, finish } = heldRuns();
  const batcher = new Batcher({ run, maxItems: 3 });
  const all = [batcher.add(0)];
  await nextTurn();
  for (let item = 1; item <= 7; item++) {
    all.push(batcher.add(item));
    await nextTurn();
  }
  assert.deepEqual(batches, [[0]]);
  assert.equal(batcher.queued, 7);
  for (let index = 0; index < 4; index++) await finish(index);
  assert.deepEqual(batches, [[0], [1, 2, 3], [4, 5, 6], [7]]);
  assert.deepEqual(await Promise.all(all), [0, 1, 2, 3, 4, 5, 6, 7].map((item) => `r${item}`));
  assert.equal(batcher.queued, 0);
});

test("callers who come straight back with the next item travel together, none alone", { timeout }, async () => {
  const sizes: number[] = [];
  const batcher = new Batcher<number, number>({
    maxItems: 100,
    run: async (items) => {
      sizes.push(items.length);
      await nextTurn();
      return items;
    },
  });
  await Promise.all(Array.from({ length: 50 }, async () => {
    for (let round = 0; round < 20; round++) await batcher.add(round);
  }));
  assert.deepEqual(sizes, Array.from({ length: 20 }, () => 50));
});

test("as many runs as concurrency allows are under way at once", async () => {
  const { run, batches, finish } = heldRuns();
  const batcher = new Batcher({ run, maxItems: 2, concurrency: 2 });
  const all = [0, 1, 2, 3, 4].map((item) => batcher.add(item));
  await nextTurn();
  assert.deepEqual(batches, [[0, 1], [2, 3]]);
  await finish(1);
  assert.deepEqual(batches, [[0, 1], [2, 3], [4]]);
  await finish(0);
  await finish(2);
  assert.equal((await Promise.all(all)).length, 5);
});

test("a batch ends before it weighs too much; an item that is too heavy goes alone", async () => {
  const batches: string[][] = [];
  const batcher = new Batcher<string, number>({
    maxItems: 100,
    maxBytes: 10,
    sizeOf: (item) => item.length,
    run: async (items) => {
      batches.push([...items]);
      await nextTurn();
      return items.map((item) => item.length);
    },
  });
  const items = ["aaaa", "bbbb", "cc", "d", "x".repeat(50), "e"];
  assert.deepEqual(await Promise.all(items.map((item) => batcher.add(item))), [4, 4, 2, 1, 50, 1]);
  assert.deepEqual(batches, [["aaaa", "bbbb", "cc"], ["d"], ["x".repeat(50)], ["e"]]);
  batches.length = 0;
  assert.deepEqual(await batcher.addMany(items), [4, 4, 2, 1, 50, 1]);
  assert.deepEqual(batches, [["aaaa", "bbbb", "cc"], ["d"], ["x".repeat(50)], ["e"]]);
});

test("addMany stays together when it fits, and goes in pieces when it does not", async () => {
  const { run, batches, finish } = heldRuns();
  const batcher = new Batcher({ run, maxItems: 4 });
  const first = batcher.add(0);
  await nextTurn();
  const singles = [batcher.add(1), batcher.add(2)];
  const together = batcher.addMany([10, 11, 12]);
  const pieces = batcher.addMany([20, 21, 22, 23, 24]);
  for (let index = 0; index < 5; index++) await finish(index);
  assert.deepEqual(batches, [[0], [1, 2], [10, 11, 12], [20, 21, 22, 23], [24]]);
  assert.deepEqual(await together, ["r10", "r11", "r12"]);
  assert.deepEqual(await pieces, ["r20", "r21", "r22", "r23", "r24"]);
  assert.deepEqual(await Promise.all([first, ...singles]), ["r0", "r1", "r2"]);
});

test("addMany of nothing gives nothing and runs nothing", async () => {
  const { run, batches } = heldRuns();
  assert.deepEqual(await new Batcher({ run, maxItems: 4 }).addMany([]), []);
  await nextTurn();
  assert.deepEqual(batches, []);
});

test("results that are arrays or undefined arrive as they are", async () => {
  const batcher = new Batcher<number, number[] | undefined>({
    maxItems: 9,
    run: async (items) => items.map((item) => item === 0 ? undefined : [item, [item].length]),
  });
  assert.deepEqual(await batcher.addMany([0, 1, 2]), [undefined, [1, 1], [2, 1]]);
  assert.equal(await batcher.add(0), undefined);
});

/** Refuses batches that hold a negative item, with the given error. */
function refusing(refusal: () => Error) {
  const batches: number[][] = [];
  const run = async (items: readonly number[]) => {
    batches.push([...items]);
    await nextTurn();
    if (items.some((item) => item < 0)) throw refusal();
    return items.map((item) => item * 2);
  };
  return { run, batches };
}

test("a bad item fails alone when repeating cannot help: the calls are run again one by one, in order", async () => {
  const { run, batches } = refusing(() => new ConflictError("Cannot store a negative item"));
  const batcher = new Batcher({ run, maxItems: 10 });
  const outcomes = await Promise.allSettled([batcher.add(1), batcher.add(-2), batcher.addMany([3, 4]), batcher.addMany([5, -6])]);
  const refusal = new ConflictError("Cannot store a negative item");
  assert.deepEqual(outcomes, [
    { status: "fulfilled", value: 2 },
    { status: "rejected", reason: refusal },
    { status: "fulfilled", value: [6, 8] },
    { status: "rejected", reason: refusal },
  ]);
  assert.deepEqual(batches, [[1, -2, 3, 4, 5, -6], [1], [-2], [3, 4], [5, -6]]);
});

test("a failure that may pass, a foreign error, or splitOnFailure: false rejects the whole batch once", async () => {
  const cases = [
    { refusal: () => new StoreError("Cannot publish", { adapter: "x", operation: "publish", retryable: true }), splitOnFailure: true },
    { refusal: () => new RangeError("a bug"), splitOnFailure: true },
    { refusal: () => new ConflictError("Cannot store"), splitOnFailure: false },
  ];
  for (const { refusal, splitOnFailure } of cases) {
    const { run, batches } = refusing(refusal);
    const batcher = new Batcher({ run, maxItems: 10, splitOnFailure });
    const outcomes = await Promise.allSettled([batcher.add(1), batcher.add(-2)]);
    assert.deepEqual(outcomes.map((outcome) => outcome.status), ["rejected", "rejected"]);
    assert.equal(batches.length, 1);
    assert.equal(await batcher.add(5), 10, "the next batch is not touched");
  }
});

test("a lone refused call is not run again", async () => {
  const { run, batches } = refusing(() => new ConflictError("Cannot store"));
  await assert.rejects(new Batcher({ run, maxItems: 10 }).add(-1), ConflictError);
  assert.deepEqual(batches, [[-1]]);
});

test("a run that throws before it returns a promise is a failure like any other", async () => {
  const batcher = new Batcher<number, number>({
    maxItems: 10,
    run: () => {
      throw new RangeError("at once");
    },
  });
  await assert.rejects(batcher.add(1), RangeError);
  await batcher.close();
});

test("a wrong number of results is an error that names both numbers, and the work is not repeated", async () => {
  let runs = 0;
  const batcher = new Batcher<number, number>({
    name: "the settler",
    maxItems: 10,
    run: async () => {
      runs += 1;
      return [1];
    },
  });
  const outcomes = await Promise.allSettled([batcher.add(1), batcher.add(2)]);
  for (const outcome of outcomes) {
    assert.ok(outcome.status === "rejected" && outcome.reason instanceof ConfigError);
    assert.equal(outcome.reason.message, "Cannot answer 2 items of the settler: run gave 1 results");
  }
  assert.equal(runs, 1);
});

test("flush waits until nothing is left; close lets in nothing more and finishes what waits", async () => {
  const { run, batches, finish } = heldRuns();
  const batcher = new Batcher({ run, maxItems: 1, name: "the publisher" });
  await batcher.flush();
  const all = [batcher.add(1), batcher.add(2)];
  let flushed = false;
  let closed = 0;
  const flushing = batcher.flush().then(() => flushed = true);
  await nextTurn();
  const closing = [batcher.close(), batcher.close()].map((close) => close.then(() => closed += 1));
  await assert.rejects(
    batcher.add(3),
    (error) => error instanceof ClosedError && error.message === "Cannot add to the publisher: it is closed",
  );
  await assert.rejects(batcher.addMany([]), ClosedError);
  await finish(0);
  assert.deepEqual([flushed, closed], [false, 0]);
  await finish(1);
  await Promise.all([flushing, ...closing]);
  assert.deepEqual(await Promise.all(all), ["r1", "r2"]);
  assert.deepEqual(batches, [[1], [2]]);
  await batcher.close();
});

test("flush resolves also when the last batch failed", async () => {
  const { run } = refusing(() => new RangeError("no"));
  const batcher = new Batcher({ run, maxItems: 3 });
  const failing = assert.rejects(batcher.add(-1), RangeError);
  await batcher.flush();
  await failing;
});

test("a sizeOf that throws rejects that call alone", async () => {
  const batcher = new Batcher<string, string>({
    maxItems: 10,
    maxBytes: 10,
    sizeOf: (item) => {
      if (item === "bad") throw new RangeError("no size");
      return 1;
    },
    run: async (items) => items,
  });
  const outcomes = await Promise.allSettled([batcher.add("a"), batcher.add("bad"), batcher.addMany(["b", "bad"]), batcher.add("c")]);
  assert.deepEqual(outcomes.map((outcome) => outcome.status), ["fulfilled", "rejected", "rejected", "fulfilled"]);
});

test("limits are checked when it is made", () => {
  const run = async (items: readonly number[]) => items;
  for (const bad of [0, -1, 1.5, NaN, Infinity]) {
    assert.throws(() => new Batcher({ run, maxItems: bad }), /with maxItems .*: expected a whole number of at least 1/);
    assert.throws(() => new Batcher({ run, maxItems: 1, concurrency: bad }), ConfigError);
    assert.throws(() => new Batcher({ run, maxItems: 1, maxBytes: bad, sizeOf: () => 1 }), ConfigError);
  }
  assert.throws(() => new Batcher({ run, maxItems: 1, maxBytes: 5 }), /maxBytes needs sizeOf/);
});

test("property: each item is run once, in order, within the limits, and each caller gets its own results", { timeout }, async () => {
  const calls = fc.array(fc.record({ count: fc.integer({ min: 1, max: 12 }), pause: fc.boolean() }), { minLength: 1, maxLength: 40 });
  const limits = fc.record({
    maxItems: fc.integer({ min: 1, max: 8 }),
    maxBytes: fc.integer({ min: 1, max: 40 }),
    concurrency: fc.integer({ min: 1, max: 3 }),
  });
  await fc.assert(
    fc.asyncProperty(calls, limits, async (calls, { maxItems, maxBytes, concurrency }) => {
      const ran: number[] = [];
      let underWay = 0;
      const sizeOf = (item: number) => 1 + item % 7;
      const batcher = new Batcher<number, string>({
        maxItems,
        maxBytes,
        concurrency,
        sizeOf,
        run: async (items) => {
          underWay += 1;
          assert.ok(underWay <= concurrency);
          assert.ok(items.length >= 1 && items.length <= maxItems);
          assert.ok(items.length === 1 || items.reduce((sum, item) => sum + sizeOf(item), 0) <= maxBytes);
          ran.push(...items);
          if (items.length % 2 === 0) await nextTurn();
          underWay -= 1;
          return items.map((item) => `r${item}`);
        },
      });
      let next = 0;
      const results: Promise<unknown>[] = [];
      for (const { count, pause } of calls) {
        const items = Array.from({ length: count }, () => next++);
        const expected = items.map((item) => `r${item}`);
        results.push(
          count === 1
            ? batcher.add(items[0] ?? -1).then((result) => assert.deepEqual([result], expected))
            : batcher.addMany(items).then((result) => assert.deepEqual(result, expected)),
        );
        if (pause) await Promise.resolve();
      }
      await batcher.close();
      await Promise.all(results);
      assert.deepEqual(ran, Array.from({ length: next }, (_, item) => item));
    }),
    { numRuns: 100 },
  );
});

test("a hundred thousand waiting calls are worked off in linear time", { timeout: 30_000 }, async () => {
  const batcher = new Batcher<number, number>({ maxItems: 10, run: async (items) => items });
  const startedAt = performance.now();
  const results = await Promise.all(Array.from({ length: 100_000 }, (_, item) => batcher.add(item)));
  assert.equal(results.length, 100_000);
  assert.ok(performance.now() - startedAt < 10_000, `${performance.now() - startedAt} ms`);
});

test("shares many calls out among the batches that may be under way at once, in order", async () => {
  const batches: (readonly number[])[] = [];
  const batcher = new Batcher<number, number>({
    maxItems: 1_000,
    concurrency: 2,
    shareOut: true,
    run: (items) => {
      batches.push(items);
      return Promise.resolve(items);
    },
  });
  const answers = await Promise.all(Array.from({ length: 101 }, (_, at) => batcher.add(at)));
  assert.deepEqual(answers, Array.from({ length: 101 }, (_, at) => at));
  assert.deepEqual(batches.map(({ length }) => length), [51, 50]);
  assert.deepEqual(batches.flat(), answers);
  // A few are quicker together.
  await Promise.all(Array.from({ length: 31 }, (_, at) => batcher.add(at)));
  assert.deepEqual(batches.map(({ length }) => length), [51, 50, 31]);
});
