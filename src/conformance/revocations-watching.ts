import { ClosedError, ConfigError, UnsupportedError } from "../errors.ts";
import { equal, ok, present, throws } from "./assert.ts";
import { type CaseContext, type ConformanceCase, law, timedLaw } from "./case.ts";
import { byHeader, byId, byName, revocable, revoke } from "./revocations.ts";
import { expectEnd, rollBack } from "./steps.ts";
import { AWKWARD_IDS, BAD_IDS } from "./values.ts";

/** How decisions are heard of, join transactions, and what is refused. */
export const revocationWatchingCases: readonly ConformanceCase[] = Object.freeze([
  law("[V5] watch tells of what is decided and taken back, from this connection and others", async (context) => {
    const { adapter: { revocations: store }, second } = context;
    const other = (await second()).revocations;
    await revoke(store, byId("before"));
    const here = await watching(context, store);
    const there = await watching(context, other);
    for (const [what, change] of changes(store, other)) {
      await change();
      await here.news(`this side's news of ${what}`);
      await there.news(`the other side's news of ${what}`);
    }
    await here.end();
    await there.end();
  }),

  law("[V5] whoever starts to watch and then asks misses nothing, under a stream of decisions", async (context) => {
    const { adapter: { revocations: store }, second, within } = context;
    const other = (await second()).revocations;
    const ids = Array.from({ length: 30 }, (_, index) => `t${index}`);
    const abort = new AbortController();
    const watch = await store.watch({ signal: abort.signal });
    const found = new Set<string>();
    const look = async (): Promise<void> => {
      for (const [at, one] of (await store.match(ids.map((id) => revocable(id)))).entries()) {
        if (one !== undefined) found.add(ids[at] ?? "");
      }
    };
    const following = (async () => {
      await look();
      for await (const _news of watch) {
        await look();
        if (found.size === ids.length) return;
      }
    })();
    for (const id of ids) await revoke(other, byId(id));
    await within(following);
    abort.abort();
    equal(found.size, ids.length, "how many were found");
  }),

  law("[V5] a watch ends with its signal, with its reader, and with its store", async (context) => {
    const { second, within } = context;
    const store = (await second()).revocations;
    const aborted = AbortSignal.abort();
    await expectEnd(context, (await store.watch({ signal: aborted }))[Symbol.asyncIterator]());
    const abort = new AbortController();
    const bySignal = (await store.watch({ signal: abort.signal }))[Symbol.asyncIterator]();
    const waiting = bySignal.next();
    abort.abort();
    equal((await within(waiting)).done, true, "the end by its signal");
    const left = (await store.watch({ signal: new AbortController().signal }))[Symbol.asyncIterator]();
    await within(present(left.return, "a way to leave")());
    await expectEnd(context, left);
    const byStore = (await store.watch({ signal: new AbortController().signal }))[Symbol.asyncIterator]();
    const last = byStore.next();
    await within(store.close());
    equal((await within(last)).done, true, "the end with its store");
  }),

  law("[V7] with a transaction of the caller's decisions come into force when it commits", async (context) => {
    const { adapter: { revocations: store, supports }, second, transaction } = context;
    if (!supports.transactions) {
      await throws(
        () => store.upsertAll([{ target: byId("a"), terminate: true }], { tx: {} }),
        UnsupportedError,
        "a decision within a transaction",
      );
      equal(await store.get([byId("a")]), [undefined], "what is in force");
      return;
    }
    const run = present(transaction, "a way to run a transaction");
    const other = await watching(context, (await second()).revocations);
    await rollBack(run, async (tx) => {
      await store.upsertAll([{ target: byId("a"), terminate: true }], { tx });
    });
    equal(await store.get([byId("a")]), [undefined], "after the rollback");
    await run(async (tx) => {
      const [stored] = await store.upsertAll([{ target: byId("a"), terminate: true, reason: "within" }], { tx });
      equal(stored?.reason, "within", "the effective entry inside");
    });
    await other.news("news of the commit");
    equal((await store.get([byId("a")]))[0]?.reason, "within", "after the commit");
    await other.end();
  }),

  law("[V6] targets and namespaces are kept apart, whatever characters they have", async (context) => {
    const { adapter: { revocations: store }, other } = context;
    const elsewhere = (await other()).revocations;
    const targets = [
      ...AWKWARD_IDS.map(byId),
      ...AWKWARD_IDS.map((name) => byName(name, 5_000)),
      ...AWKWARD_IDS.map((value) => byHeader("h", value)),
      ...AWKWARD_IDS.map((header) => byHeader(header, "v")),
      // Pairs that are one text where a header and its value are only joined.
      ...[
        byHeader("a", "b:c"),
        byHeader("a:b", "c"),
        byHeader("a b", "c"),
        byHeader("a", "b c"),
        byId("name n"),
        byId("n"),
        byName("n", 1),
      ],
      // As long as they may be, in characters of three bytes.
      byHeader("\u4e00".repeat(255), "\u4e8c".repeat(255)),
    ];
    const stored = await store.upsertAll(targets.map((target, index) => ({ target, terminate: false, reason: `${index}` })));
    equal(stored.map(({ target }) => target), targets, "what is effective");
    equal((await store.get(targets)).map((found) => found?.reason), targets.map((_, index) => `${index}`), "what is read");
    const [header, longest] = [targets.length - 8, targets.length - 1];
    const found = await store.match([
      revocable("none", { headers: { a: "b:c" } }),
      revocable("none", { headers: { ["\u4e00".repeat(255)]: "\u4e8c".repeat(255) } }),
      // No revocation can have such values, and asking about them is fine.
      revocable("none", { headers: { empty: "", long: "x".repeat(5_000), nul: "\u0000", half: "\ud800" } }),
    ]);
    equal(found.map((one) => one?.reason), [`${header}`, `${longest}`, undefined], "what is matched");
    equal(await elsewhere.get(targets), targets.map(() => undefined), "what another namespace has");
    equal((await elsewhere.list()).items, [], "what another namespace lists");
    equal(await elsewhere.remove([byId("n")]), [false], "a removal from there");
    equal(await elsewhere.pruneExpired(), 0, "how many are pruned there");
    await revoke(elsewhere, byId("n"), { reason: "elsewhere" });
    equal((await store.get([byId("n")]))[0]?.reason, `${targets.length - 3}`, "what is in force here");
    equal(await store.remove(targets), targets.map(() => true), "the removals");
  }),

  timedLaw("[V6] bad arguments are refused, and nothing is written", async ({ adapter: { revocations: store }, clock }) => {
    const fine = { target: byId("fine"), terminate: true };
    for (const [name, id] of BAD_IDS) {
      for (const target of [byId(id), byName(id), byHeader(id, "v"), byHeader("h", id)]) {
        await throws(() => store.upsertAll([fine, { target, terminate: true }]), ConfigError, `a decision about ${name}`);
        await throws(() => store.get([target]), ConfigError, `a question about ${name}`);
        await throws(() => store.remove([target]), ConfigError, `a removal of ${name}`);
      }
    }
    for (const expiresAt of [clock.now(), clock.now() - 1, 0, -1, 1.5, Number.NaN, Infinity]) {
      await throws(() => store.upsertAll([fine, { ...fine, target: byId("a"), expiresAt }]), ConfigError, `an expiry at ${expiresAt}`);
    }
    for (const expiresInMs of [0, -1, 1.5, Number.NaN, 1e15]) {
      await throws(() => store.upsertAll([fine, { ...fine, expiresInMs }]), ConfigError, `an expiry in ${expiresInMs}`);
    }
    for (const before of [-1, 1.5, Number.NaN, 2 ** 60]) {
      await throws(() => store.upsertAll([fine, { terminate: true, target: byName("n", before) }]), ConfigError, `before ${before}`);
    }
    for (const fields of [{ reason: "" }, { requestedBy: "" }, { reason: "x".repeat(2_001) }, { requestedBy: "x".repeat(256) }]) {
      await throws(() => store.upsertAll([fine, { ...fine, ...fields }]), ConfigError, `a decision with ${Object.keys(fields).join()}`);
    }
    for (const limit of [0, -1, 1.5, 1_001]) await throws(() => store.list({ limit }), ConfigError, `a page of ${limit}`);
    for (const cursor of ["", "1", "[]", '["a"]', "[1.5]"]) await throws(() => store.list({ cursor }), ConfigError, `the cursor ${cursor}`);
    for (const limit of [0, -1, 1.5]) await throws(() => store.pruneExpired({ limit }), ConfigError, `a prune of ${limit}`);
    equal((await store.list()).items, [], "what was written");
  }),

  law("[V6 A1] closing the adapter closes the store, and later calls are refused", async ({ second, within, adapter }) => {
    const closing = await second();
    const store = closing.revocations;
    await revoke(store, byId("a"));
    await within(Promise.all([closing.close(), store.close(), store[Symbol.asyncDispose]()]));
    const calls = [
      () => store.upsertAll([{ target: byId("a"), terminate: true }]),
      () => store.get([byId("a")]),
      () => store.match([revocable("a")]),
      () => store.list(),
      () => store.remove([byId("a")]),
      () => store.pruneExpired(),
      () => store.watch({ signal: new AbortController().signal }),
    ];
    for (const [index, call] of calls.entries()) await throws(call, ClosedError, `call ${index}`);
    equal((await adapter.revocations.get([byId("a")])).length, 1, "what others read");
    ok((await adapter.revocations.get([byId("a")]))[0] !== undefined, "Expected others to go on");
  }),

  law("[V6] what the store answers is the caller's", async ({ adapter: { revocations: store } }) => {
    const decided = { target: byId("a"), terminate: true, reason: "kept" };
    const [stored] = await store.upsertAll([decided]);
    for (const answer of [stored, ...await store.get([byId("a")]), ...await store.match([revocable("a")]), ...(await store.list()).items]) {
      Object.assign(present(answer, "an answer"), { reason: "scribbled" });
      Object.assign(present(answer, "an answer").target, { id: "scribbled" });
    }
    Object.assign(decided.target, { id: "changed later" });
    const [again] = await store.get([byId("a")]);
    equal<unknown>([again?.target, again?.reason], [byId("a"), "kept"], "what is read");
  }),
]);

interface Watching {
  /** Waits for news that was not told yet. */
  news(what: string): Promise<void>;
  /** Ends the watch. */
  end(): Promise<void>;
}

async function watching(context: CaseContext, store: CaseContext["adapter"]["revocations"]): Promise<Watching> {
  const abort = new AbortController();
  const watch = (await store.watch({ signal: abort.signal }))[Symbol.asyncIterator]();
  return {
    news: async (what) => equal((await context.within(watch.next())).done ?? false, false, what),
    end: async () => {
      abort.abort();
      await expectEnd(context, watch);
    },
  };
}

type Store = CaseContext["adapter"]["revocations"];

function changes(store: Store, other: Store): readonly (readonly [string, () => Promise<unknown>])[] {
  return [
    ["a decision", () => revoke(store, byId("a"))],
    ["one from elsewhere", () => revoke(other, byName("n", 1), { terminate: true })],
    ["one that replaces it", () => revoke(store, byName("n", 2))],
    ["one that is taken back", () => store.remove([byId("a")])],
    ["one that is taken back elsewhere", () => other.remove([byName("n")])],
  ];
}
