/** Signals shut a worker down only when that was asked for: warm at first, hard at the second. */

import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import type { ShutdownOptions } from "../../src/mod.ts";
import { shutdownOnSignals } from "../../src/mod.ts";

test("the first signal shuts down warm, the second hard, and then nobody listens", { timeout: 10_000 }, () => {
  const asked: ShutdownOptions[] = [];
  const before = process.listenerCount("SIGTERM");
  shutdownOnSignals({
    shutdown: (options) => {
      asked.push(options);
      return Promise.resolve();
    },
  }, { timeout: "3s", signals: ["SIGTERM"] });
  assert.equal(process.listenerCount("SIGTERM"), before + 1);
  process.emit("SIGTERM", "SIGTERM");
  assert.deepEqual(asked, [{ mode: "warm", timeout: "3s" }]);
  process.emit("SIGTERM", "SIGTERM");
  assert.deepEqual(asked, [{ mode: "warm", timeout: "3s" }, { mode: "hard" }]);
  assert.equal(process.listenerCount("SIGTERM"), before);
});

test("an app is closed, listening can be stopped, and a failing shutdown is told", { timeout: 10_000 }, async () => {
  const failure = new Error("the store is away");
  const before = process.listenerCount("SIGHUP");
  const told = new Promise((resolve) => {
    const stop = shutdownOnSignals({ close: () => Promise.reject(failure) }, { signals: ["SIGHUP"], onError: resolve });
    process.emit("SIGHUP", "SIGHUP");
    stop();
  });
  assert.equal(await told, failure);
  assert.equal(process.listenerCount("SIGHUP"), before);
});
