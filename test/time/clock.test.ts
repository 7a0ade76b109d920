import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "../../src/errors.ts";
import { systemClock } from "../../src/time/clock.ts";

const timeout = 20_000;

test("the system clock gives whole milliseconds and a monotonic time that does not go back", () => {
  assert.ok(Number.isSafeInteger(systemClock.now()));
  let last = systemClock.monotonic();
  for (let round = 0; round < 1_000; round++) {
    const now = systemClock.monotonic();
    assert.ok(now >= last);
    last = now;
  }
});

test("a timer fires once, and never early by the monotonic time", { timeout }, async () => {
  for (const delayMs of [0, 1, 2.5, 7, 20]) {
    const startedAt = systemClock.monotonic();
    let fired = 0;
    await new Promise<void>((resolve) =>
      systemClock.timer(delayMs, () => {
        fired += 1;
        resolve();
      })
    );
    assert.ok(systemClock.monotonic() - startedAt >= delayMs, `${delayMs} ms`);
    assert.equal(fired, 1);
  }
});

test("a timer of zero or less fires soon, but not before the call has returned", { timeout }, async () => {
  for (const delayMs of [0, -1, -Infinity]) {
    let returned = false;
    const firedAfterReturn = await new Promise<boolean>((resolve) => {
      systemClock.timer(delayMs, () => resolve(returned));
      returned = true;
    });
    assert.equal(firedAfterReturn, true);
  }
});

test("a delay beyond 31 bits does not fire at once, and can be cancelled", { timeout }, async () => {
  const fired: number[] = [];
  const delays = [2 ** 31, 2 ** 33, 365 * 86_400_000, Infinity];
  const cancels = delays.map((delayMs) => systemClock.timer(delayMs, () => fired.push(delayMs)));
  await new Promise<void>((resolve) => systemClock.timer(30, resolve));
  for (const cancel of cancels) cancel();
  assert.deepEqual(fired, []);
});

test("a cancelled timer does not fire; cancelling again or after it fired does nothing", { timeout }, async () => {
  let fired = 0;
  const cancel = systemClock.timer(1, () => fired += 1);
  cancel();
  cancel();
  await new Promise<void>((resolve) => {
    const cancelFired = systemClock.timer(5, () => {
      cancelFired();
      resolve();
    });
  });
  assert.equal(fired, 0);
});

test("a timer refuses NaN", () => {
  assert.throws(() => systemClock.timer(NaN, () => undefined), ConfigError);
});
