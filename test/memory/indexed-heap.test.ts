import assert from "node:assert/strict";
import { test } from "node:test";
import type { HeapItem } from "../../src/adapters/memory/indexed-heap.ts";
import { IndexedHeap } from "../../src/adapters/memory/indexed-heap.ts";

interface Numbered extends HeapItem {
  readonly value: number;
}

function numbered(value: number): Numbered {
  return { value, heapIndex: -1 };
}

/** Draws whole numbers below a limit, the same ones in every run. */
function draws(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * limit);
  };
}

test("a heap gives its items in order", () => {
  const heap = new IndexedHeap<Numbered>((a, b) => a.value < b.value);
  for (const value of [5, 3, 8, 1, 9, 2, 7, 3]) heap.add(numbered(value));
  assert.equal(heap.first?.value, 1);
  const values = Array.from({ length: 8 }, () => heap.takeFirst()?.value);
  assert.deepEqual(values, [1, 2, 3, 3, 5, 7, 8, 9]);
  assert.equal(heap.takeFirst(), undefined);
  assert.equal(heap.size, 0);
});

test("a heap agrees with a sorted list over 20,000 random steps, removals from the middle included", () => {
  const draw = draws(42);
  const heap = new IndexedHeap<Numbered>((a, b) => a.value < b.value);
  const model: Numbered[] = [];
  for (let step = 0; step < 20_000; step++) {
    const kind = draw(10);
    if (kind < 5 || model.length === 0) {
      const item = numbered(draw(1_000));
      heap.add(item);
      model.push(item);
    } else if (kind < 8) {
      const [item] = model.splice(draw(model.length), 1);
      assert.ok(item !== undefined);
      heap.remove(item);
      assert.equal(item.heapIndex, -1);
    } else {
      const least = Math.min(...model.map(({ value }) => value));
      const taken = heap.takeFirst();
      assert.equal(taken?.value, least);
      model.splice(model.findIndex((item) => item === taken), 1);
    }
    assert.equal(heap.size, model.length);
  }
  for (const item of heap.items) assert.equal(heap.items[item.heapIndex], item);
});
