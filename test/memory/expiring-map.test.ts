import assert from "node:assert/strict";
import { test } from "node:test";
import { ExpiringMap } from "../../src/adapters/memory/expiring-map.ts";

test("expired is absent at once, for reads, lists and deletes", () => {
  const map = new ExpiringMap<string>();
  map.set("a", "A", { now: 0, expiresAt: 10 });
  map.set("b", "B", { now: 0, expiresAt: undefined });
  assert.equal(map.get("a", 9), "A");
  assert.equal(map.get("a", 10), undefined);
  assert.deepEqual(map.values(10), ["B"]);
  assert.equal(map.delete("a", 10), false);
  assert.equal(map.delete("b", 1e15), true);
  assert.equal(map.stored, 0);
});

test("a value that is set anew keeps its place in the list, unless the old one had expired", () => {
  const map = new ExpiringMap<string>();
  map.set("a", "A1", { now: 0, expiresAt: 10 });
  map.set("b", "B", { now: 0, expiresAt: undefined });
  map.set("a", "A2", { now: 5, expiresAt: 20 });
  assert.deepEqual(map.values(5), ["A2", "B"]);
  map.set("a", "A3", { now: 20, expiresAt: 30 });
  assert.deepEqual(map.values(20), ["B", "A3"]);
});

test("a later expiry replaces the earlier one", () => {
  const map = new ExpiringMap<string>();
  map.set("a", "A", { now: 0, expiresAt: 10 });
  map.set("a", "A", { now: 0, expiresAt: undefined });
  assert.equal(map.sweep(1_000, 10), 0);
  assert.equal(map.get("a", 1_000), "A");
});

test("sweep deletes what has expired, at most its limit, and counts it", () => {
  const map = new ExpiringMap<number>();
  for (let at = 0; at < 5; at++) map.set(`k${at}`, at, { now: 0, expiresAt: 10 + at });
  assert.equal(map.sweep(12, 2), 2);
  assert.equal(map.sweep(12, 2), 1);
  assert.equal(map.sweep(12, 2), 0);
  assert.equal(map.stored, 2);
});

test("what expires cannot pile up although nobody sweeps", () => {
  const map = new ExpiringMap<number>();
  for (let at = 0; at < 50_000; at++) map.set(`k${at}`, at, { now: at, expiresAt: at + 100 });
  assert.ok(map.stored <= 1_100, `${map.stored} values are stored where 100 are alive`);
});
