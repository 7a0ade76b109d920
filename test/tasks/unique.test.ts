import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "../../src/errors.ts";
import { uniqueSettings } from "../../src/tasks/unique.ts";

const standard = { mode: "reject", key: undefined, ttlMs: 86_400_000 };

test("what a call says replaces what its task says; true means as the task says", () => {
  assert.equal(uniqueSettings(undefined, undefined), undefined);
  assert.deepEqual(uniqueSettings(true, undefined), standard);
  assert.deepEqual(uniqueSettings(undefined, true), standard);
  assert.deepEqual(uniqueSettings({ mode: "existing" }, true), { ...standard, mode: "existing" });
  assert.deepEqual(uniqueSettings({ mode: "existing", ttl: "1h" }, { key: "a" }), { ...standard, key: "a" });
  assert.deepEqual(uniqueSettings(false, true), standard);
  for (const none of [null, false] as const) {
    assert.equal(uniqueSettings(true, none), undefined);
    assert.equal(uniqueSettings(none, undefined), undefined);
  }
});

test("a throttle has a window, nothing else has", () => {
  assert.deepEqual(uniqueSettings({ mode: "throttle", window: "1m" }, undefined), { mode: "throttle", key: undefined, ttlMs: 60_000 });
  for (const bad of [{ mode: "throttle" }, { window: "1m" }, { mode: "debounce", window: 1 }, { mode: "throttle", window: 0 }] as const) {
    assert.throws(() => uniqueSettings(bad, undefined), ConfigError);
  }
});

test("what cannot be used is refused with its name", () => {
  const bad: readonly (readonly [value: object, name: RegExp])[] = [
    [{ mode: "never" }, /unique\.mode/],
    [{ key: 1 }, /unique\.key/],
    [{ ttl: 0 }, /unique\.ttl/],
    [["reject"], /as unique/],
  ];
  for (const [value, name] of bad) assert.throws(() => uniqueSettings(value, undefined), name);
});
