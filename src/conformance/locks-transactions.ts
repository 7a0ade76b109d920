import type { LockHandle } from "../contracts/lock-store.ts";
import { UnsupportedError } from "../errors.ts";
import { sleep } from "../time/sleep.ts";
import { equal, ok, present, throws } from "./assert.ts";
import { type CaseContext, type ConformanceCase, law, timedLaw } from "./case.ts";
import type { RunInTransaction } from "./harness.ts";
import { take } from "./locks.ts";
import { rollBack } from "./steps.ts";

// So long a store may take to do what it must not do. Nothing can be awaited that shall not come.
const MOMENT_MS = 100;

/** Locks within the caller's own transactions: guarded writes, and locks that are taken together with other writes. */
export const lockTransactionCases: readonly ConformanceCase[] = Object.freeze([
  timedLaw(
    "[L9] a token is current until its lock ends, is given back, handed over or taken over",
    async ({ adapter: { locks }, clock }) => {
      const [ended, released, handed] = [
        await take(locks, "ended", { ttl: 100 }),
        await take(locks, "released"),
        await take(locks, "handed"),
      ];
      const isCurrent = (): Promise<boolean[]> => Promise.all([ended, released, handed].map((lock) => locks.isCurrent(lock)));
      equal(await isCurrent(), [true, true, true], "at first");
      equal(await locks.isCurrent({ ...released, token: released.token + 1_000 }), false, "a token that was never given out");
      await clock.advance(100);
      await locks.release(released);
      const heir = present(await locks.transfer(handed, { owner: "heir", ttl: 1_000 }), "the lock of the heir");
      equal(await isCurrent(), [false, false, false], "afterwards");
      await take(locks, "ended");
      equal([await locks.isCurrent(ended), await locks.isCurrent(heir)], [false, true], "after a takeover, and of the heir");
    },
  ),

  timedLaw("[L9] in a transaction a token that is current stays so until the end, although its time ends meanwhile", async (context) => {
    const { adapter: { locks }, clock, second, within } = context;
    const run = await transactions(context);
    if (run === undefined) return;
    const lock = await take(locks, "key", { ttl: 1_000 });
    const other = (await second()).locks;
    const order: string[] = [];
    let takeover: Promise<void> = Promise.resolve();
    await within(run(async (tx) => {
      equal(await locks.isCurrent(lock, { tx }), true, "the answer inside");
      await clock.advance(1_000);
      takeover = take(other, "key", { owner: "heir" }).then((heir) => {
        ok(heir.token > lock.token, "Expected a higher token");
        order.push("taken over");
      });
      await sleep(MOMENT_MS);
      order.push("end");
    }));
    await within(takeover);
    equal(order, ["end", "taken over"], "what came first");
    await run(async (tx) => equal(await locks.isCurrent(lock, { tx }), false, "the answer in a transaction afterwards"));
  }),

  timedLaw("[L9] in a transaction a token that is not current is refused", async (context) => {
    const { adapter: { locks }, clock } = context;
    const run = await transactions(context);
    if (run === undefined) return;
    const former = await take(locks, "key", { ttl: 100 });
    await clock.advance(100);
    await run(async (tx) => equal(await locks.isCurrent(former, { tx }), false, "of a lock that ran out"));
    const heir = await take(locks, "key", { owner: "heir" });
    await run(async (tx) => {
      equal(await locks.isCurrent(former, { tx }), false, "of one that was taken over");
      equal(await locks.isCurrent(heir, { tx }), true, "of the heir");
    });
  }),

  law("[L12] with tx locks are taken when it commits, and not at all when it rolls back", async (context) => {
    const { adapter: { locks }, within } = context;
    const run = await transactions(context);
    if (run === undefined) return;
    const requests = ["a", "b", "a"].map((key, index) => ({ key, owner: `o${index}`, ttl: 60_000 }));
    await within(rollBack(run, async (tx) => {
      equal((await locks.acquireAll(requests, { tx })).map((lock) => lock?.owner), ["o0", "o1", undefined], "the answers inside");
      equal(await locks.acquireAll(requests, { tx }), [undefined, undefined, undefined], "the second ones inside");
    }));
    equal([await locks.ownerOf("a"), await locks.ownerOf("b")], [undefined, undefined], "after the rollback");
    const taken: LockHandle[] = [];
    await within(run(async (tx) => {
      for (const lock of await locks.acquireAll(requests, { tx })) if (lock !== undefined) taken.push(lock);
      equal(await locks.isCurrent(present(taken[0], "a lock"), { tx }), true, "whether it is current inside");
    }));
    equal([(await locks.ownerOf("a"))?.owner, (await locks.ownerOf("b"))?.owner], ["o0", "o1"], "after the commit");
    equal(await locks.releaseAll(taken), [true, true], "the releases");
  }),

  law("[L12] with tx locks are given back and handed over when it commits, and not at all when it rolls back", async (context) => {
    const { adapter: { locks }, within } = context;
    const run = await transactions(context);
    if (run === undefined) return;
    const [released, handed] = [await take(locks, "released"), await take(locks, "handed")];
    const both = async (tx: object): Promise<void> => {
      equal(await locks.releaseAll([released, released], { tx }), [true, false], "the releases inside");
      ok(await locks.transfer(handed, { owner: "heir", ttl: 60_000 }, { tx }) !== undefined, "Expected the hand-over");
      equal(await locks.transfer(handed, { owner: "late", ttl: 60_000 }, { tx }), undefined, "the second hand-over inside");
    };
    await within(rollBack(run, both));
    equal([await locks.ownerOf("released"), await locks.ownerOf("handed")], [released, handed], "after the rollback");
    await within(run(both));
    equal([await locks.ownerOf("released"), (await locks.ownerOf("handed"))?.owner], [undefined, "heir"], "after the commit");
  }),

  law("[L7 L12] a commit that gives a lock back wakes who waits for it", async (context) => {
    const { adapter: { locks }, second, within } = context;
    const run = await transactions(context);
    if (run === undefined) return;
    const held = await take(locks, "key", { ttl: 3_600_000 });
    const answer = (await second()).locks.acquire("key", { owner: "waiter", ttl: 60_000, wait: "1m" });
    await within(run(async (tx) => equal(await locks.releaseAll([held], { tx }), [true], "the release inside")));
    ok(await within(answer) !== undefined, "Expected the lock");
  }),
]);

/** Gives the harness's transactions; where the adapter has none, shows that it says so and changes nothing. */
async function transactions({ adapter, transaction }: CaseContext): Promise<RunInTransaction | undefined> {
  if (adapter.supports.transactions) return present(transaction, "a harness with `transaction`, since supports.transactions is true");
  const { locks } = adapter;
  const held = await take(locks, "of the refusals");
  const tx = {};
  await throws(() => locks.acquireAll([{ key: "free", owner: "o", ttl: 1_000 }], { tx }), UnsupportedError, "acquireAll with tx");
  await throws(() => locks.releaseAll([held], { tx }), UnsupportedError, "releaseAll with tx");
  await throws(() => locks.transfer(held, { owner: "o", ttl: 1_000 }, { tx }), UnsupportedError, "transfer with tx");
  await throws(() => locks.isCurrent(held, { tx }), UnsupportedError, "isCurrent with tx");
  equal([await locks.ownerOf("free"), await locks.ownerOf("of the refusals")], [undefined, held], "what is held after the refusals");
  return undefined;
}
