import { ClosedError, ConflictError } from "../errors.ts";
import type { Lock, LockStore } from "../contracts/lock-store.ts";
import { equal, ok, present, throws } from "./assert.ts";
import { type ConformanceCase, law, timedLaw } from "./case.ts";
import { take } from "./locks.ts";
import { refusalOf, startWaiting } from "./steps.ts";

/** How an acquire waits, and how a holder learns of the end. */
export const lockWaitingCases: readonly ConformanceCase[] = Object.freeze([
  law("[L7] a wait gets the lock when it is given back, on the same connection and from another", async (context) => {
    const { adapter: { locks }, second, within } = context;
    const other = (await second()).locks;
    for (const [index, releaser] of [locks, other, locks, other].entries()) {
      const held = await take(locks, "key", { ttl: 3_600_000 });
      const answer = hold(other, "key", { owner: `waiter-${index}`, wait: "1m" });
      equal(await releaser.release(held), true, "the release");
      const lock = await within(answer);
      ok(lock.token > held.token, "Expected a higher token");
      await lock.release();
    }
  }),

  law("[L7] no wake-up is lost between looking and waiting", async ({ adapter: { locks }, second, within }) => {
    const other = (await second()).locks;
    for (let round = 0; round < 25; round++) {
      const held = await take(locks, "key", { ttl: 3_600_000 });
      const answer = hold(other, "key", { wait: "1m" });
      // A different number of turns each time, so that the release falls into every part of the wait.
      for (let turn = 0; turn < round; turn++) await Promise.resolve();
      await (round % 2 === 0 ? other : locks).release(held);
      await (await within(answer)).release();
    }
  }),

  timedLaw("[L7] a wait gets the lock when its holder's time ends", async (context) => {
    const { adapter: { locks }, clock } = context;
    const held = await take(locks, "key", { ttl: 4_000 });
    const { afterMoving } = await startWaiting(context, () => locks.acquire("key", { owner: "waiter", ttl: 1_000, wait: "1m" }));
    const lock = present(await afterMoving(4_000), "the lock");
    ok(lock.token > held.token, "Expected a higher token");
    ok(lock.expiresAt >= clock.now(), "Expected a time of its own");
  }),

  law("[L7] a wait gets the lock when the time of a holder on another connection ends, in real time", async (context) => {
    const { adapter: { locks }, second, within } = context;
    const held = await take((await second()).locks, "key", { ttl: 150 });
    const lock = await within(hold(locks, "key", { wait: "1m" }));
    ok(lock.expiresAt - 60_000 >= held.expiresAt, "Expected the lock not before the end of the other's time");
  }),

  timedLaw("[L7] a holder that renews keeps those who wait waiting", async (context) => {
    const { adapter: { locks }, clock } = context;
    const held = await take(locks, "key", { ttl: 2_000 });
    const { afterMoving } = await startWaiting(context, () => locks.acquire("key", { owner: "waiter", ttl: 1_000, wait: 3_500 }));
    await locks.renew(held, 3_000);
    await clock.advance(2_000);
    equal(await locks.renew(held, 3_000), clock.now() + 3_000, "the second renewal");
    equal(await afterMoving(1_500), undefined, "what the wait answers at its end");
    equal(await locks.isCurrent(held), true, "whether the holder holds it");
  }),

  timedLaw("[L7] a wait ends with nothing at its time, not before, and leaves no timer", async (context) => {
    const { adapter: { locks }, clock } = context;
    await take(locks, "key", { ttl: 3_600_000 });
    const before = clock.pending;
    let isOver = false;
    const { afterMoving } = await startWaiting(
      context,
      () =>
        locks.acquire("key", { owner: "waiter", ttl: 1_000, wait: 5_000 }).then((lock) => {
          isOver = true;
          return lock;
        }),
    );
    await clock.advance(4_999);
    equal(isOver, false, "whether it ended a millisecond early");
    equal(await afterMoving(1), undefined, "what it answers");
    equal(clock.pending, before, "how many timers are left");
  }),

  law("[L7] a wait ends at its signal, with the signal's reason", async ({ adapter: { locks }, within }) => {
    const held = await take(locks, "key", { ttl: 3_600_000 });
    const controller = new AbortController();
    const answer = refusalOf(() => locks.acquire("key", { owner: "waiter", ttl: 1_000, wait: "1m", signal: controller.signal }));
    const reason = new Error("The case has seen enough");
    controller.abort(reason);
    equal(await within(answer), reason, "what it throws");
    await locks.release(held);
    const early = refusalOf(() => locks.acquire("key", { owner: "waiter", ttl: 1_000, signal: AbortSignal.abort(reason) }));
    equal(await within(early), reason, "what a signal that was aborted before makes it throw");
    equal(await locks.ownerOf("key"), undefined, "who holds it");
  }),

  law("[L7] a lock that comes when its waiter has gone is given back", async ({ adapter: { locks }, second, within }) => {
    const other = (await second()).locks;
    for (let round = 0; round < 30; round++) {
      const controller = new AbortController();
      const answer = locks.acquire("key", { owner: "gone", ttl: "1h", wait: "1m", signal: controller.signal });
      for (let turn = 0; turn < round; turn++) await Promise.resolve();
      controller.abort(new Error("gone"));
      const lock = await answer.catch(() => undefined);
      await lock?.release();
      await (await within(hold(other, "key", { wait: "1m" }))).release();
    }
  }),

  law("[L7] many waits over two connections get the lock one after the other", async ({ adapter: { locks }, second, within }) => {
    const other = (await second()).locks;
    const held = await take(locks, "key", { ttl: 3_600_000 });
    const got: string[] = [];
    const waits = Array.from({ length: 12 }, async (_, index) => {
      const lock = await hold(index % 2 === 0 ? locks : other, "key", { owner: `waiter-${index}`, wait: "1m" });
      got.push(lock.owner);
      equal(await lock.release(), true, "the release");
    });
    await locks.release(held);
    await within(Promise.all(waits), 20_000);
    equal(new Set(got).size, 12, "how many got it");
  }),

  law("[L7] a wait for one key is not held up by another", async ({ adapter: { locks }, within }) => {
    await take(locks, "busy", { ttl: 3_600_000 });
    const controller = new AbortController();
    const busy = refusalOf(() => locks.acquire("busy", { owner: "waiter", ttl: 1_000, wait: "1m", signal: controller.signal }));
    const held = await take(locks, "key");
    const answer = hold(locks, "key", { wait: "1m" });
    await locks.release(held);
    await within(answer);
    controller.abort();
    await within(busy);
  }),

  law(
    "[L7 L10] a wait ends with ClosedError when its store is closed, and takes nothing",
    async ({ adapter: { locks }, second, within }) => {
      const held = await take(locks, "key", { ttl: 3_600_000 });
      const closing = await second();
      const waits = Array.from({ length: 3 }, () => throws(() => hold(closing.locks, "key", { wait: "1m" }), ClosedError, "a wait"));
      await within(closing.close());
      await within(Promise.all(waits));
      await locks.release(held);
      await take(locks, "key");
    },
  ),

  timedLaw("[L8] the signal of a lock aborts when its time ends, with ConflictError, and not before", async (context) => {
    const { adapter: { locks }, clock } = context;
    const lock = await hold(locks, "key", { ttl: 1_000 });
    const { signal } = lock;
    await clock.advance(999);
    equal(signal.aborted, false, "whether it is aborted a millisecond early");
    await clock.advance(1);
    equal(signal.aborted, true, "whether it is aborted");
    ok(signal.reason instanceof ConflictError, "Expected ConflictError as reason");
    equal([await lock.renew(), await lock.release()], [false, false], "a renewal and a release afterwards");
  }),

  timedLaw("[L8] a renewal moves the signal with the end, later or earlier", async ({ adapter: { locks }, clock }) => {
    const lock = await hold(locks, "key", { ttl: 1_000 });
    const { signal } = lock;
    await clock.advance(800);
    equal([await lock.renew(), lock.expiresAt], [true, clock.now() + 1_000], "a renewal for the same time, and the end");
    await clock.advance(800);
    equal([await lock.renew(10_000), lock.expiresAt], [true, clock.now() + 10_000], "a longer one, and the end");
    await clock.advance(9_000);
    equal(signal.aborted, false, "whether it is aborted after three renewals");
    equal([await lock.renew(300), lock.expiresAt], [true, clock.now() + 300], "a shorter one, and the end");
    await clock.advance(300);
    equal(signal.aborted, true, "whether it is aborted at the new end");
  }),

  timedLaw("[L8] a release ends the lock without its signal, and leaves no timer", async ({ adapter: { locks }, clock }) => {
    const before = clock.pending;
    const [lock, other] = [await hold(locks, "key", { ttl: 1_000 }), await hold(locks, "other", { ttl: 1_000 })];
    const signals = [lock.signal, other.signal];
    equal([await lock.release(), await lock.release()], [true, false], "two releases");
    equal(await locks.releaseAll([other]), [true], "the release through the store");
    equal(clock.pending, before, "how many timers are left");
    await clock.advance(2_000);
    equal(signals.map(({ aborted }) => aborted), [false, false], "whether the signals are aborted");
    equal(await lock.renew(), false, "a renewal afterwards");
  }),

  timedLaw("[L8] the signal aborts when a renewal finds the lock lost", async ({ adapter: { locks }, second }) => {
    const lock = await hold(locks, "key", { ttl: 60_000 });
    const { signal } = lock;
    // As an administrator would, who knows the token.
    await (await second()).locks.release({ key: lock.key, owner: lock.owner, token: lock.token });
    equal(signal.aborted, false, "whether it is aborted before anybody asked");
    equal(await lock.renew(), false, "the renewal");
    ok(signal.aborted && signal.reason instanceof ConflictError, "Expected the signal to be aborted with ConflictError");
    ok(lock.signal.aborted, "Expected the signal to stay aborted");
  }),

  timedLaw("[L8] a clock that is set back does not lengthen the signal's time", async ({ adapter: { locks }, clock }) => {
    const lock = await hold(locks, "key", { ttl: 1_000 });
    const { signal } = lock;
    clock.set(clock.now() - 3_600_000);
    await clock.advance(1_000);
    equal(signal.aborted, true, "whether it is aborted");
  }),

  timedLaw("[L8] a signal that is asked for late knows what has happened", async ({ adapter: { locks }, clock }) => {
    const [late, released] = [await hold(locks, "late", { ttl: 1_000 }), await hold(locks, "released", { ttl: 1_000 })];
    await released.release();
    await clock.advance(1_000);
    equal([late.signal.aborted, released.signal.aborted], [true, false], "whether they are aborted");
  }),

  timedLaw("[L8] the signals of a store that is closed abort: nobody could renew the locks", async (context) => {
    const closing = await context.second();
    const { signal } = await hold(closing.locks, "key", { ttl: 60_000 });
    const before = context.clock.pending;
    await context.within(closing.close());
    equal(signal.aborted, true, "whether it is aborted");
    equal(context.clock.pending, before - 1, "how many timers are left");
  }),
]);

async function hold(
  locks: LockStore,
  key: string,
  { owner = "waiter", ttl = 60_000, wait = 0 }: { readonly owner?: string; readonly ttl?: number; readonly wait?: number | string },
): Promise<Lock> {
  return present(await locks.acquire(key, { owner, ttl, wait }), `lock "${key}"`);
}
