import assert from "node:assert/strict";
import { test } from "node:test";
import { RejectSignal, RetrySignal } from "../../src/tasks/signals.ts";

const timeout = 20_000;

test("a retry signal carries delay and reason, and is no error", { timeout }, () => {
  const signal = new RetrySignal({ delay: "1m", reason: "later" });
  assert.deepEqual([signal.delayMs, signal.reason], [60_000, "later"]);
  assert.deepEqual([new RetrySignal().delayMs, new RetrySignal().reason], [undefined, undefined]);
  assert.equal(new RetrySignal() instanceof Error, false);
  assert.throws(() => new RetrySignal({ delay: -1 }), { name: "ConfigError", message: /-1 as the delay of ctx\.retry\(\)/ });
});

test("a reject signal carries its reason, and is no error", { timeout }, () => {
  assert.equal(new RejectSignal("no").reason, "no");
  assert.equal(new RejectSignal().reason, undefined);
  assert.equal(new RejectSignal() instanceof Error, false);
});
