import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "../../src/errors.ts";
import type { TaskDefaults } from "../../src/tasks/task-options.ts";
import { envelopeSettings, instantOf, validateTaskDefaults } from "../../src/tasks/task-options.ts";

const timeout = 20_000;
const now = 1_000_000;
const settings = (defaults: TaskDefaults, call: TaskDefaults) => envelopeSettings(defaults, call, now);

test("what nobody sets is absent, not undefined", { timeout }, () => {
  assert.deepEqual(Object.keys(settings({}, {})), []);
  assert.deepEqual(Object.keys(settings({ queue: undefined, retry: undefined }, { timeLimit: undefined, expires: undefined })), []);
});

test("a call wins over its task, option by option", { timeout }, () => {
  const defaults = { queue: "a", priority: 1, timeLimit: "10s", softTimeLimit: 500, resultTtl: "1h", ignoreResult: true } as const;
  assert.deepEqual(settings(defaults, { priority: 0, timeLimit: "20s", ignoreResult: false }), {
    queue: "a",
    priority: 0,
    timeLimitMs: 20_000,
    softTimeLimitMs: 500,
    resultTtlMs: 3_600_000,
    ignoreResult: false,
  });
});

test("null takes a setting away, undefined leaves it", { timeout }, () => {
  const defaults: TaskDefaults = {
    retry: { maxRetries: 5 },
    expires: "1m",
    softTimeLimit: 1,
    timeLimit: 2,
    visibilityTimeout: 3,
    resultTtl: 4,
  };
  const nothing = { retry: null, expires: null, softTimeLimit: null, timeLimit: null, visibilityTimeout: null, resultTtl: null };
  assert.deepEqual(settings(defaults, nothing), {});
  const left = settings(defaults, { retry: undefined, expires: undefined, timeLimit: undefined });
  assert.deepEqual([left.maxRetries, left.expiresAt, left.timeLimitMs], [5, now + 60_000, 2]);
});

/** Each row: the task's maxRetries and retry, the call's, and what comes of them. */
const retries: readonly (readonly [TaskDefaults, TaskDefaults, number | undefined])[] = [
  [{}, {}, undefined],
  [{ maxRetries: 2 }, {}, 2],
  [{ maxRetries: 2 }, { maxRetries: 0 }, 0],
  [{ retry: {} }, {}, 3],
  [{ retry: { maxRetries: 7 } }, {}, 7],
  [{ retry: { maxRetries: 7 }, maxRetries: 2 }, {}, 2],
  [{ retry: { maxRetries: 7 }, maxRetries: 2 }, { retry: { maxRetries: 4 } }, 4],
  [{ retry: { maxRetries: 7 } }, { retry: { delay: 1 } }, 3],
  [{ maxRetries: 2 }, { retry: { delay: 1 } }, 2],
  [{ retry: { maxRetries: 7 } }, { maxRetries: 1, retry: { maxRetries: 4 } }, 1],
  [{ retry: { maxRetries: 7 } }, { retry: null }, undefined],
  [{ retry: { maxRetries: 7 }, maxRetries: 2 }, { retry: null }, 2],
];

for (const [index, [defaults, call, expected]] of retries.entries()) {
  test(`maxRetries, row ${index + 1}: ${JSON.stringify(defaults)} with ${JSON.stringify(call)} is ${expected}`, { timeout }, () => {
    assert.equal(settings(defaults, call).maxRetries, expected);
  });
}

test("expiry is a duration from now, or a date", { timeout }, () => {
  assert.equal(settings({ expires: "2s" }, {}).expiresAt, now + 2_000);
  assert.equal(settings({ expires: "2s" }, { expires: new Date(5) }).expiresAt, 5);
  assert.equal(settings({}, { expires: 0 }).expiresAt, now);
  assert.equal(instantOf(new Date(7), now, "eta"), 7);
  assert.throws(() => instantOf(new Date(Number.NaN), now, "eta"), { name: "ConfigError", message: /Invalid Date.* as eta/ });
  assert.throws(() => instantOf(new Date(-1), now, "eta"), ConfigError);
});

test("values that cannot be used are named", { timeout }, () => {
  const bad: readonly (readonly [TaskDefaults, RegExp])[] = [
    [{ timeLimit: 0 }, /as timeLimit/],
    [{ softTimeLimit: "soon" }, /"soon" as softTimeLimit/],
    [{ visibilityTimeout: -1 }, /-1 as visibilityTimeout/],
    [{ resultTtl: Number.NaN }, /NaN as resultTtl/],
    [{ expires: "never" }, /"never" as expires/],
    [{ retry: { jitter: 3 } }, /3 as jitter/],
  ];
  for (const [call, message] of bad) assert.throws(() => settings({}, call), { name: "ConfigError", message });
  assert.throws(() => validateTaskDefaults({ priority: 11 }, "it"), { name: "ConfigError", message: /11 as the priority of it/ });
  assert.throws(() => validateTaskDefaults({ maxRetries: 0.5 }, "it"), { name: "ConfigError", message: /0.5 as maxRetries of it/ });
  assert.doesNotThrow(() => validateTaskDefaults({ priority: 9, maxRetries: 0, queue: "q" }, "it"));
});
