import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { KeyedWake } from "../../src/async/keyed-wake.ts";
import { Wake } from "../../src/async/wake.ts";
import { ManualClock } from "../../src/time/manual-clock.ts";
import { nextTurn } from "../../src/time/next-turn.ts";
import { countedSignal } from "../support/counted-signal.ts";

const timeout = 20_000;

test("a notification after the ticket ends the wait, whether it came before or during it", async () => {
  const wake = new Wake();
  wake.notify();
  const ticket = wake.ticket();
  let woken = 0;
  const waits = [wake.after(ticket), wake.after(ticket)].map((wait) => wait.then((notified) => woken += notified ? 1 : 0));
  await nextTurn();
  assert.deepEqual([woken, wake.waiting], [0, 2]);
  wake.notify();
  await Promise.all(waits);
  assert.deepEqual([woken, wake.waiting], [2, 0]);
  assert.equal(await wake.after(ticket), true, "the ticket stays used");
  assert.equal(await wake.after(wake.ticket() - 1), true);
});

test("the timeout gives false, and leaves nothing behind", async () => {
  const wake = new Wake();
  const clock = new ManualClock();
  const { signal, count } = countedSignal();
  const wait = wake.after(wake.ticket(), { clock, timeoutMs: 50, signal });
  assert.deepEqual([clock.pending, count()], [1, 1]);
  await clock.advance(50);
  assert.equal(await wait, false);
  assert.deepEqual([clock.pending, count(), wake.waiting], [0, 0, 0]);
  const early = wake.after(wake.ticket(), { clock, timeoutMs: 50, signal });
  wake.notify();
  assert.equal(await early, true);
  assert.deepEqual([clock.pending, count(), wake.waiting], [0, 0, 0]);
});

test("the signal rejects with its reason, also when there was a notification", async () => {
  const wake = new Wake();
  const clock = new ManualClock();
  const { controller, signal, count } = countedSignal();
  const reason = new RangeError("stop");
  const ticket = wake.ticket();
  const wait = wake.after(ticket, { clock, timeoutMs: 50, signal });
  controller.abort(reason);
  await assert.rejects(wait, (error) => error === reason);
  wake.notify();
  await assert.rejects(wake.after(ticket, { signal }), (error) => error === reason);
  assert.deepEqual([clock.pending, count(), wake.waiting], [0, 0, 0]);
});

test("property: a consumer that takes its ticket before it looks never sleeps on waiting work", { timeout }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(3), { minLength: 1, maxLength: 30 }), async (pauses) => {
      const wake = new Wake();
      const queue: number[] = [];
      const consumer = async () => {
        const taken: number[] = [];
        while (taken.length < pauses.length) {
          const ticket = wake.ticket();
          // Looking takes a while, as it does in a database.
          await Promise.resolve();
          const found = queue.splice(0);
          taken.push(...found);
          await nextTurn();
          if (found.length === 0) await wake.after(ticket);
        }
        return taken;
      };
      const producer = async () => {
        for (const [index, pause] of pauses.entries()) {
          for (let hop = 0; hop < pause; hop++) await nextTurn();
          queue.push(index);
          wake.notify();
        }
      };
      const [taken] = await Promise.all([consumer(), producer()]);
      assert.deepEqual(taken, [...pauses.keys()]);
      assert.equal(wake.waiting, 0);
    }),
    { numRuns: 50 },
  );
});

test("a keyed notification wakes those who watch the key, from the opening of the watch on", async () => {
  const wakes = new KeyedWake<string>();
  wakes.notify("a");
  const first = wakes.watch(["a", "b", "a"]);
  const other = wakes.watch(["c"]);
  assert.deepEqual([wakes.size, wakes.has("a"), wakes.has("z")], [3, true, false]);
  wakes.notify("b");
  assert.equal(await first.next(), true, "notified before the wait");
  let woken = false;
  const waiting = other.next().then((notified) => woken = notified);
  wakes.notify("a");
  assert.equal(await first.next(), true);
  await nextTurn();
  assert.equal(woken, false);
  wakes.notifyAll();
  await waiting;
  assert.equal(woken, true);
});

test("a watch gives false at its timeout, and is used again after", async () => {
  const wakes = new KeyedWake<string>();
  const clock = new ManualClock();
  const watch = wakes.watch(["a"]);
  const wait = watch.next({ clock, timeoutMs: 10 });
  await clock.advance(10);
  assert.equal(await wait, false);
  wakes.notify("a");
  assert.equal(await watch.next({ clock, timeoutMs: 10 }), true);
  const { controller, signal } = countedSignal();
  controller.abort(new RangeError("stop"));
  await assert.rejects(watch.next({ signal }), RangeError);
});

test("a closed watch leaves nothing behind, and takes nothing from others of the same key", async () => {
  const wakes = new KeyedWake<number>();
  const watches = Array.from({ length: 100 }, (_, key) => wakes.watch([key, 1_000]));
  assert.equal(wakes.size, 101);
  for (const watch of watches.slice(1)) {
    watch.close();
    watch.close();
  }
  assert.equal(wakes.size, 2);
  wakes.notify(1_000);
  assert.equal(await watches[0]?.next(), true);
  watches[0]?.close();
  assert.equal(wakes.size, 0);
});
