import { ClosedError, ConfigError } from "../errors.ts";
import type { LockStore, StoredLock } from "../contracts/lock-store.ts";
import { equal, itemAt, ok, only, present, throws } from "./assert.ts";
import { type CaseContext, type ConformanceCase, law, timedLaw } from "./case.ts";
import { AWKWARD_IDS, BAD_IDS } from "./values.ts";

/** Takes a lock with {@link LockStore.acquireAll}, and fails when another holds it. */
export async function take(
  locks: LockStore,
  key: string,
  options: { readonly owner?: string; readonly ttl?: number } = {},
): Promise<StoredLock> {
  const { owner = "owner", ttl = 60_000 } = options;
  const [lock] = await locks.acquireAll([{ key, owner, ttl }]);
  return present(lock, `lock "${key}"`);
}

/** How locks exclude each other, end, and are told apart. */
export const lockCases: readonly ConformanceCase[] = Object.freeze([
  law("[L1] of many that race for a key over several connections, one gets it", async (context) => {
    const stores = await connections(context, 4);
    const racers = Array.from({ length: 24 }, (_, index) => itemAt(stores, index % 4).acquire("key", { owner: `o${index}`, ttl: "1m" }));
    const winner = only((await Promise.all(racers)).filter((lock) => lock !== undefined), "winner");
    equal(await itemAt(stores, 3).ownerOf("key"), { ...handleOf(winner), expiresAt: winner.expiresAt }, "who holds it");
    ok(await itemAt(stores, 1).acquire("other", { owner: "o", ttl: "1m" }) !== undefined, "Expected another key to be free");
  }),

  law(
    "[L1 L2 L3] under a crowd that takes and returns, nobody is inside with another, and every token is the highest yet",
    async (context) => {
      const stores = await connections(context, 4);
      let inside = 0;
      let most = 0;
      const tokens: number[] = [];
      const lane = async (index: number): Promise<void> => {
        const locks = itemAt(stores, index % 4);
        for (let turn = 0; turn < 10; turn++) {
          const lock = await locks.acquire("key", { owner: `o${index}`, ttl: "1m", wait: "30s" });
          if (lock === undefined) throw new RangeError("The wait was too short");
          most = Math.max(most, inside += 1);
          tokens.push(lock.token);
          await Promise.resolve();
          inside -= 1;
          equal(await lock.release(), true, "the release");
        }
      };
      await context.within(Promise.all(Array.from({ length: 8 }, (_, index) => lane(index))), 40_000);
      equal([most, tokens.length], [1, 80], "how many were inside at once, and how often one was");
      equal(tokens, [...new Set(tokens)].toSorted((a, b) => a - b), "the tokens, in the order in which they were got");
    },
  ),

  law("[L2] a lock that is renewed and given back at once by many is given back once", async (context) => {
    const stores = await connections(context, 3);
    for (let round = 0; round < 5; round++) {
      const lock = await take(itemAt(stores, 0), "key");
      const released = await Promise.all(
        Array.from(
          { length: 9 },
          (_, index) => index % 3 === 2 ? itemAt(stores, 2).renew(lock, "2m").then(() => false) : itemAt(stores, index % 3).release(lock),
        ),
      );
      equal(released.filter((done) => done).length, 1, "how many gave it back");
      equal(await itemAt(stores, 1).ownerOf("key"), undefined, "who holds it afterwards");
    }
  }),

  timedLaw("[L3 L4] tokens rise across release, expiry, hand-over and sweep, on any connection", async (context) => {
    const { clock } = context;
    const stores = await connections(context, 2);
    const tokens: number[] = [];
    for (let round = 0; round < 6; round++) {
      const locks = itemAt(stores, round % 2);
      const lock = await take(locks, "key", { ttl: 1_000, owner: `o${round}` });
      tokens.push(lock.token, present(await locks.transfer(lock, { owner: "heir", ttl: 1_000 }), "the lock of the heir").token);
      if (round % 3 === 0) await locks.releaseAll([{ ...lock, owner: "heir", token: itemAt(tokens, tokens.length - 1) }]);
      await clock.advance(round % 3 === 1 ? 1_000 : 120_000);
      if (round % 3 === 2) await locks.sweep();
    }
    equal(tokens, [...new Set(tokens)].toSorted((a, b) => a - b), "the tokens");
  }),

  timedLaw("[L3] what ended a while ago is swept in small steps, and what is held stays", async ({ adapter: { locks }, clock }) => {
    for (const key of ["a", "b", "c"]) await take(locks, key, { ttl: 1_000 });
    const held = await take(locks, "held", { ttl: 600_000 });
    equal(await locks.sweep(), 0, "how many are swept while all are held");
    await clock.advance(120_000);
    equal([await locks.sweep({ limit: 2 }), await locks.sweep({ limit: 2 }), await locks.sweep()], [2, 1, 0], "how many are swept");
    equal(await locks.ownerOf("held"), held, "what is held");
  }),

  timedLaw("[L4] an expired lock can be acquired at once, and its former holder can do nothing with it", async (context) => {
    const { adapter: { locks }, clock, second } = context;
    const former = await take(locks, "key", { ttl: 1_000, owner: "same" });
    await clock.advance(999);
    const other = (await second()).locks;
    equal(await other.acquire("key", { owner: "heir", ttl: 1 }), undefined, "an acquire a millisecond early");
    await clock.advance(1);
    const heir = await take(other, "key", { owner: "same" });
    equal(await locks.renew(former, "1h"), undefined, "the former holder's renewal");
    equal(await locks.release(former), false, "the former holder's release");
    equal(await locks.transfer(former, { owner: "x", ttl: 1 }), undefined, "the former holder's hand-over");
    equal([await locks.isCurrent(former), await locks.isCurrent(heir)], [false, true], "whose token is current");
    equal(await locks.ownerOf("key"), heir, "who holds it");
  }),

  timedLaw("[L4] a lock that ran out is over, although nobody took it", async ({ adapter: { locks }, clock }) => {
    const lock = await take(locks, "key", { ttl: 1_000 });
    await clock.advance(1_000);
    equal(
      [await locks.renew(lock, "1h"), await locks.release(lock), await locks.isCurrent(lock)],
      [undefined, false, false],
      "the answers",
    );
    equal(await locks.ownerOf("key"), undefined, "who holds it");
    await take(locks, "key", { owner: "heir" });
  }),

  timedLaw("[L4] renewal sets the end to now and the time given, later or earlier", async ({ adapter: { locks }, clock, second }) => {
    const lock = await take(locks, "key", { ttl: 1_000 });
    await clock.advance(900);
    equal(await locks.renew(lock, 10_000), clock.now() + 10_000, "the end after a longer one");
    await clock.advance(5_000);
    equal(await locks.isCurrent(lock), true, "whether it is held beyond its first end");
    equal(await (await second()).locks.renew(lock, 500), clock.now() + 500, "the end after a shorter one");
    equal((await locks.ownerOf("key"))?.expiresAt, clock.now() + 500, "the end that others see");
    await clock.advance(500);
    equal(await locks.isCurrent(lock), false, "whether it is held at that end");
  }),

  timedLaw(
    "[L4] a store's clock that is set back lengthens a lock, one that is set forward ends it",
    async ({ adapter: { locks }, clock }) => {
      const lock = await take(locks, "key", { ttl: 1_000 });
      clock.set(clock.now() - 3_600_000);
      await clock.advance(5_000);
      equal(await locks.acquire("key", { owner: "heir", ttl: 1_000 }), undefined, "an acquire after it was set back");
      equal(await locks.release(lock), true, "the release");
      ok(await locks.acquire("key", { owner: "heir", ttl: 1_000 }) !== undefined, "Expected what was given back to be free on any clock");
      clock.set(clock.now() + 7_200_000);
      ok(await locks.acquire("key", { owner: "next", ttl: 1_000 }) !== undefined, "Expected the lock to have ended");
    },
  ),

  law("[L5] nobody gives back or renews another's lock, nor an earlier one of his own", async ({ adapter: { locks }, second }) => {
    const earlier = await take(locks, "key");
    await locks.release(earlier);
    const lock = await take(locks, "key");
    const forged = [earlier, { ...lock, owner: "another" }, { ...lock, token: lock.token + 1 }, { ...lock, key: "other" }];
    for (const handle of forged) {
      equal(
        [await locks.renew(handle, 1), await locks.release(handle)],
        [undefined, false],
        "a renewal and a release with what is not right",
      );
      equal(await locks.transfer(handle, { owner: "x", ttl: 1 }), undefined, "a hand-over with what is not right");
    }
    equal(await locks.ownerOf("key"), lock, "who holds it");
    equal(await (await second()).locks.release({ key: "key", owner: "owner", token: lock.token }), true, "the release from elsewhere");
  }),

  law("[L6] a lock is not re-entrant: its own owner is refused like any other", async ({ adapter: { locks }, second }) => {
    const lock = await take(locks, "key", { owner: "me" });
    equal(await locks.acquire("key", { owner: "me", ttl: "1h" }), undefined, "a second acquire");
    equal(await (await second()).locks.acquireAll([{ key: "key", owner: "me", ttl: 1 }]), [undefined], "one from elsewhere");
    equal(await locks.ownerOf("key"), lock, "who holds it, and until when");
  }),

  law("[L10] keys, owners and namespaces are kept apart, whatever characters they have", async (context) => {
    const { adapter: { locks }, other } = context;
    const elsewhere = (await other()).locks;
    const requests = AWKWARD_IDS.map((key) => ({ key, owner: `by ${key}`.slice(0, 255), ttl: 60_000 }));
    const taken = (await locks.acquireAll(requests)).map((lock) => present(lock, "a lock"));
    equal(taken.map(({ key, owner }) => ({ key, owner, ttl: 60_000 })), requests, "what was taken");
    for (const lock of taken) equal(await locks.ownerOf(lock.key), lock, "who holds it");
    const [lock] = taken;
    equal(await elsewhere.ownerOf("plain"), undefined, "who holds a key of another namespace");
    equal([await elsewhere.release(itemAt(taken, 0)), await elsewhere.renew(itemAt(taken, 0), 1)], [false, undefined], "from there");
    equal((await elsewhere.acquireAll(requests)).every((found) => found !== undefined), true, "whether all are free there");
    equal(await locks.isCurrent(present(lock, "a lock")), true, "whether the first one is untouched");
    equal(await locks.releaseAll(taken), taken.map(() => true), "the releases");
  }),

  law("[L10] bad arguments are refused, and change nothing", async ({ adapter: { locks } }) => {
    const lock = await take(locks, "key");
    const fine = { owner: "o", ttl: 1_000 };
    for (const [name, id] of BAD_IDS) {
      await throws(() => locks.acquire(id, fine), ConfigError, `acquire of ${name}`);
      await throws(() => locks.acquire("free", { ...fine, owner: id }), ConfigError, `acquire as ${name}`);
      await throws(() => locks.acquireAll([{ key: "free", ...fine }, { ...fine, key: id }]), ConfigError, `acquireAll with ${name}`);
      await throws(() => locks.ownerOf(id), ConfigError, `ownerOf ${name}`);
      await throws(() => locks.transfer(lock, { owner: id, ttl: 1 }), ConfigError, `transfer to ${name}`);
    }
    for (const ttl of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, "soon", "11y", 1e15]) {
      await throws(() => locks.acquire("free", { owner: "o", ttl }), ConfigError, `acquire with ttl ${ttl}`);
      await throws(() => locks.renew(lock, ttl), ConfigError, `renew with ttl ${ttl}`);
      await throws(() => locks.transfer(lock, { owner: "o", ttl }), ConfigError, `transfer with ttl ${ttl}`);
    }
    for (const wait of [-1, Number.NaN, "later"]) {
      await throws(() => locks.acquire("free", { ...fine, wait }), ConfigError, `acquire with wait ${wait}`);
    }
    for (const token of [-1, 1.5, Number.NaN]) {
      await throws(() => locks.release({ ...lock, token }), ConfigError, `release with token ${token}`);
      await throws(() => locks.isCurrent({ ...lock, token }), ConfigError, `isCurrent with token ${token}`);
    }
    await throws(() => locks.sweep({ limit: 0 }), ConfigError, "sweep with limit 0");
    equal(await locks.ownerOf("free"), undefined, "who holds what was asked for in a bad way");
    equal(await locks.ownerOf("key"), lock, "the lock");
  }),

  law("[L10 A1] after close every call is refused, and what is held stays held", async ({ adapter: { locks }, second, within }) => {
    const closing = await second();
    const lock = await take(closing.locks, "key");
    await within(Promise.all([closing.locks.close(), closing.locks.close(), closing.close()]));
    const calls = [
      () => closing.locks.acquire("key", { owner: "o", ttl: 1 }),
      () => closing.locks.acquireAll([]),
      () => closing.locks.renew(lock, 1),
      () => closing.locks.renewAll([], 1),
      () => closing.locks.release(lock),
      () => closing.locks.releaseAll([]),
      () => closing.locks.transfer(lock, { owner: "o", ttl: 1 }),
      () => closing.locks.ownerOf("key"),
      () => closing.locks.isCurrent(lock),
      () => closing.locks.sweep(),
    ];
    for (const [index, call] of calls.entries()) await throws(call, ClosedError, `call ${index}`);
    equal(await locks.ownerOf("key"), lock, "who holds it");
  }),

  law("[A2 A4] what was taken on one connection is held on every later one", async ({ adapter, second, within }) => {
    const lock = await take(adapter.locks, "key");
    if (adapter.supports.durable) await within(adapter.close());
    const later = (await second()).locks;
    equal(await later.ownerOf("key"), lock, "who holds it");
    equal(await later.acquire("key", { owner: "heir", ttl: "1h" }), undefined, "an acquire");
    equal(await later.release(lock), true, "the release");
    const next = await take(later, "key");
    ok(next.token > lock.token, "Expected a higher token");
  }),

  law(
    "[L11] many are acquired in one call, each on its own; of two requests for one key the first gets it",
    async ({ adapter: { locks } }) => {
      await take(locks, "held");
      const requests = ["a", "held", "b", "a", "held"].map((key, index) => ({ key, owner: `o${index}`, ttl: 60_000 }));
      const taken = await locks.acquireAll(requests);
      equal(taken.map((lock) => lock?.owner), ["o0", undefined, "o2", undefined, undefined], "who got what");
      equal((await locks.ownerOf("a"))?.owner, "o0", "who holds the key that came twice");
      equal([await locks.acquireAll([]), await locks.renewAll([], 1), await locks.releaseAll([])], [[], [], []], "empty calls");
    },
  ),

  law("[L11] single calls that are made at once are answered in their order", async ({ adapter: { locks } }) => {
    for (let round = 0; round < 5; round++) {
      const asked = await Promise.all(["first", "then", "last"].map((owner) => locks.acquire(`key-${round}`, { owner, ttl: "1m" })));
      equal(asked.map((lock) => lock?.owner), ["first", undefined, undefined], "who got it");
      const lock = present(asked[0], "the lock");
      const [ends, later] = [await Promise.all([locks.renew(lock, 90_000), locks.renew(lock, 70_000)]), await locks.ownerOf(lock.key)];
      equal(ends[1], later?.expiresAt, "the end, as the last renewal says");
      ok(present(ends[0], "an end") > present(ends[1], "an end"), "Expected each renewal to be answered its own end");
    }
  }),

  timedLaw(
    "[L11] many are renewed and given back in one call, the lost ones answered on their own",
    async ({ adapter: { locks }, clock }) => {
      const [a, b, c] = [await take(locks, "a"), await take(locks, "b", { ttl: 100 }), await take(locks, "c")];
      await clock.advance(100);
      const heir = await take(locks, "b", { owner: "heir" });
      const until = clock.now() + 5_000;
      equal(await locks.renewAll([a, b, c, a], 5_000), [until, undefined, until, until], "the ends");
      equal(await locks.releaseAll([c, b, a, c]), [true, false, true, false], "the releases");
      equal(await locks.ownerOf("b"), heir, "who holds what was taken over");
    },
  ),

  timedLaw(
    "[L13] a lock is handed over in one step, under a higher token and for a new time",
    async ({ adapter: { locks }, clock, second }) => {
      const lock = await take(locks, "key", { owner: "first", ttl: 1_000 });
      await clock.advance(900);
      const heir = present(await (await second()).locks.transfer(lock, { owner: "heir", ttl: 2_000 }), "the lock of the heir");
      equal(heir, { key: "key", owner: "heir", token: heir.token, expiresAt: clock.now() + 2_000 }, "the lock of the heir");
      ok(heir.token > lock.token, "Expected a higher token");
      equal(
        [await locks.renew(lock, 1_000), await locks.release(lock), await locks.isCurrent(lock)],
        [undefined, false, false],
        "the former",
      );
      equal(await locks.transfer(lock, { owner: "late", ttl: 1_000 }), undefined, "a second hand-over");
      equal(await locks.ownerOf("key"), heir, "who holds it");
      await clock.advance(2_000);
      equal(await locks.transfer(heir, { owner: "late", ttl: 1_000 }), undefined, "a hand-over after the end");
    },
  ),

  law("[L13] of many that hand one lock over, one does, and nobody gets in between", async (context) => {
    const stores = await connections(context, 3);
    let lock = await take(itemAt(stores, 0), "key");
    for (let round = 0; round < 8; round++) {
      const [handed, intruders] = await Promise.all([
        Promise.all(stores.map((locks, index) => locks.transfer(lock, { owner: `heir-${round}-${index}`, ttl: 60_000 }))),
        Promise.all(stores.map((locks) => locks.acquire("key", { owner: "intruder", ttl: 60_000 }))),
      ]);
      const heir = only(handed.filter((found) => found !== undefined), "heir");
      equal(intruders, [undefined, undefined, undefined], "who got in between");
      equal(await itemAt(stores, 0).ownerOf("key"), heir, "who holds it");
      ok(heir.token > lock.token, "Expected a higher token");
      lock = heir;
    }
  }),
]);

async function connections({ adapter, second }: CaseContext, count: number): Promise<readonly LockStore[]> {
  const others = Array.from({ length: count - 1 }, () => second());
  return [adapter.locks, ...(await Promise.all(others)).map(({ locks }) => locks)];
}

function handleOf({ key, owner, token }: StoredLock): Pick<StoredLock, "key" | "owner" | "token"> {
  return { key, owner, token };
}
