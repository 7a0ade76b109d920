import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { uuidV7 } from "../../src/time/id.ts";
import { ManualClock } from "../../src/time/manual-clock.ts";
import { randomBytes, systemRandom } from "../../src/time/random.ts";

const pattern = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

const timeOf = (id: string) => parseInt(id.slice(0, 8) + id.slice(9, 13), 16);

test("an id is a UUID of version 7 that carries the time of its making", async () => {
  const clock = new ManualClock({ start: Date.UTC(2026, 5, 1) });
  for (let round = 0; round < 100; round++) {
    const id = uuidV7(clock);
    assert.match(id, pattern);
    assert.equal(timeOf(id), clock.now());
    await clock.advance(1);
  }
});

test("ids rise strictly, also for many more than one millisecond can hold", () => {
  const clock = new ManualClock();
  let last = "";
  for (let round = 0; round < 20_000; round++) {
    const id = uuidV7(clock);
    assert.ok(id > last, `${id} after ${last}`);
    last = id;
  }
  // 20,000 ids borrow a few milliseconds, no more.
  assert.ok(timeOf(last) - clock.now() <= 10, `${timeOf(last) - clock.now()} ms ahead`);
});

test("ids rise also when the clock is set back", async () => {
  const clock = new ManualClock({ start: 1_000_000_000 });
  const before = uuidV7(clock);
  clock.set(5);
  const after = uuidV7(clock);
  assert.ok(after > before);
  clock.set(2_000_000_000);
  assert.equal(timeOf(uuidV7(clock)), 2_000_000_000);
});

test("a clock in the far future does not hold back the ids of another", () => {
  uuidV7(new ManualClock({ start: Date.UTC(2200, 0, 1) }));
  const id = uuidV7();
  assert.ok(Math.abs(timeOf(id) - Date.now()) < 5_000);
});

test("no two of 200,000 ids are equal, and they come quickly", () => {
  const startedAt = performance.now();
  const ids = new Set(Array.from({ length: 200_000 }, () => uuidV7()));
  const perId = (performance.now() - startedAt) * 1_000 / 200_000;
  assert.equal(ids.size, 200_000);
  assert.ok(perId < 50, `${perId} µs`);
});

test("the bits after the counter differ between ids", () => {
  const tails = new Set(Array.from({ length: 10_000 }, () => uuidV7().slice(19)));
  assert.equal(tails.size, 10_000);
});

test("property: ids rise over any walk of the clock", () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 2 ** 47 }), { minLength: 1 }), (instants) => {
    const clock = new ManualClock();
    let last = "";
    for (const at of instants) {
      clock.set(at);
      const id = uuidV7(clock);
      assert.match(id, pattern);
      assert.ok(id > last);
      last = id;
    }
  }));
});

test("randomBytes gives as many bytes as asked, also more than one draw holds, and not all zero", () => {
  for (const count of [0, 1, 12, 32, 65_536, 65_537, 200_000]) {
    const bytes = randomBytes(count);
    assert.equal(bytes.length, count);
    if (count >= 32) assert.ok(bytes.subarray(-32).some((byte) => byte !== 0));
  }
});

test("systemRandom gives numbers from 0 to below 1", () => {
  for (let round = 0; round < 1_000; round++) {
    const number = systemRandom();
    assert.ok(number >= 0 && number < 1);
  }
});
