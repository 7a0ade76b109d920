import type { RevocableTask, RevokeStore } from "../contracts/revoke-store.ts";
import type { Revocation, RevocationKey, StoredRevocation } from "../model/revocation.ts";
import { systemClock } from "../time/clock.ts";
import { equal, itemAt, ok, only, present } from "./assert.ts";
import { type CaseContext, type ConformanceCase, law, timedLaw } from "./case.ts";

/** Names one task. */
export function byId(id: string): Extract<RevocationKey, { readonly kind: "task" }> {
  return { kind: "task", id };
}

/** Names the tasks of a name, enqueued before an instant: without one, before now. */
export function byName(name: string, before?: number) {
  return { kind: "name" as const, name, ...(before === undefined ? {} : { before }) };
}

/** Names the tasks with a header. */
export function byHeader(header: string, value: string): Extract<RevocationKey, { readonly kind: "header" }> {
  return { kind: "header", header, value };
}

/** Records one decision. */
export async function revoke(
  store: RevokeStore,
  target: Revocation["target"],
  fields: Partial<Omit<Revocation, "target">> = {},
): Promise<StoredRevocation> {
  return only(await store.upsertAll([{ target, terminate: false, ...fields }]), "effective entry");
}

/** A task as `match` is asked about it. */
export function revocable(id: string, fields: Partial<RevocableTask> = {}): RevocableTask {
  return { id, name: "conformance.task", enqueuedAt: 1_000, headers: {}, ...fields };
}

/** How decisions are kept, compete, expire, and are found. */
export const revocationCases: readonly ConformanceCase[] = Object.freeze([
  law("[V1] what was decided comes back as it was, with a version and the instant, on every connection", async (context) => {
    const store = context.adapter.revocations;
    const expiresAt = systemClock.now() + 3_600_000;
    const decided: readonly Revocation[] = [
      { target: byId("a"), terminate: true, reason: "too \u0001 late: 'no' \u{1f600}", requestedBy: "ada <ada@example.com>" },
      { target: byName("mail", 5_000), terminate: false, expiresAt },
      { target: byHeader("tenant", "acme"), terminate: true },
    ];
    const stored = await store.upsertAll(decided);
    equal<unknown>(stored.map(({ version: _version, revokedAt: _revokedAt, ...rest }) => rest), decided, "what is effective");
    ok(
      stored.every(({ version, revokedAt }) => Number.isSafeInteger(version) && version > 0 && revokedAt > 0),
      "Expected versions and instants",
    );
    const keys = [byId("a"), byName("mail"), byHeader("tenant", "acme"), byId("nobody"), byId("a")];
    const expected = [...stored, undefined, stored[0]];
    equal(await store.get(keys), expected, "what is read");
    equal(await (await context.second()).revocations.get(keys), expected, "what is read elsewhere");
    equal([await store.upsertAll([]), await store.get([]), await store.match([]), await store.remove([])], [[], [], [], []], "of nothing");
  }),

  law("[V1] the later decision about a target replaces the earlier one as a whole, with a higher version", async ({ adapter, second }) => {
    const store = adapter.revocations;
    const other = (await second()).revocations;
    let version = 0;
    for (
      const [index, target] of [byId("a"), byName("n", 1), byName("n", 2), byHeader("h", "v"), byId("a"), byHeader("h", "v")].entries()
    ) {
      const stored = await revoke(index % 2 === 0 ? store : other, target, { terminate: index < 3, reason: `reason ${index}` });
      ok(stored.version > version, `Expected a version above ${version}, found ${stored.version}`);
      version = stored.version;
    }
    await revoke(store, byId("a"));
    const [task, name, header] = await other.get([byId("a"), byName("n"), byHeader("h", "v")]);
    equal<unknown>(
      [task?.terminate, task?.reason, name?.target, header?.reason],
      [false, undefined, byName("n", 2), "reason 5"],
      "what is in force",
    );
  }),

  law("[V1] of two decisions about a target in one call the last wins, and both are answered with it", async ({ adapter }) => {
    const store = adapter.revocations;
    const stored = await store.upsertAll([
      { target: byId("a"), terminate: true, reason: "first" },
      { target: byName("n", 1), terminate: true },
      { target: byId("a"), terminate: false, reason: "last" },
      { target: byName("n", 7), terminate: false },
    ]);
    equal(stored.map(({ reason, target }) => [reason, target]), [
      ["last", byId("a")],
      [undefined, byName("n", 7)],
      ["last", byId("a")],
      [undefined, byName("n", 7)],
    ], "what is effective");
    equal((await store.list()).items.length, 2, "how many are in force");
  }),

  law("[V1] under a crowd on several connections versions rise for each target, and the highest is in force", async (context) => {
    const stores = [context.adapter.revocations, (await context.second()).revocations, (await context.second()).revocations];
    const targets = [byId("a"), byName("n", 1), byHeader("h", "v")];
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        itemAt(stores, index % 3).upsertAll(
          // In any order, so that calls meet on the same targets.
          (index % 2 === 0 ? targets : targets.toReversed()).map((target) => ({ target, terminate: false, reason: `${index}` })),
        )),
    );
    for (const target of targets) {
      const decided = answers.flat().filter((stored) => stored.target.kind === target.kind);
      equal(new Set(decided.map(({ version }) => version)).size, 60, "how many versions there are");
      const latest = decided.toSorted((a, b) => b.version - a.version)[0];
      for (const store of stores) equal((await store.get([target]))[0], latest, "what is in force");
    }
  }),

  law("[V1 V8] versions go on rising after what was decided was taken back and pruned", async ({ adapter, second }) => {
    const store = adapter.revocations;
    let version = 0;
    for (let round = 0; round < 5; round++) {
      const stored = await revoke(store, byId("a"));
      ok(stored.version > version, `Expected a version above ${version}, found ${stored.version}`);
      version = stored.version;
      equal(await (await second()).revocations.remove([byId("a")]), [true], "the removal");
      if (round % 2 === 0) await store.pruneExpired();
    }
  }),

  timedLaw("[V3] an expired revocation is absent at once, for every question, and pruned later", async ({ adapter, clock, second }) => {
    const store = adapter.revocations;
    const from = clock.now();
    const absolute = await revoke(store, byId("a"), { expiresAt: from + 1_000 });
    const relative = await revoke(store, byHeader("h", "v"), { expiresInMs: 2_000, expiresAt: from + 1 });
    const stays = await revoke(store, byName("n", from));
    equal([absolute.expiresAt, relative.expiresAt, stays.expiresAt], [from + 1_000, from + 2_000, undefined], "the expiries");
    await clock.advance(999);
    const questions = async (): Promise<readonly boolean[]> => {
      const found = await store.match([revocable("a"), revocable("b", { headers: { h: "v" } })]);
      const read = await (await second()).revocations.get([byId("a"), byHeader("h", "v")]);
      return [...found, ...read].map((revocation) => revocation !== undefined);
    };
    equal(await questions(), [true, true, true, true], "what is in force a millisecond early");
    await clock.advance(1);
    equal(await questions(), [false, true, false, true], "what is in force then");
    equal(await store.remove([byId("a")]), [false], "a removal of what has expired");
    await clock.advance(1_000);
    equal((await store.list()).items, [stays], "what is listed at the end");
    await Promise.all(Array.from({ length: 3 }, (_, index) => revoke(store, byId(`x${index}`), { expiresInMs: 1 })));
    await clock.advance(1);
    equal(
      [await store.pruneExpired({ limit: 2 }), await store.pruneExpired(), await store.pruneExpired()],
      [2, 3, 0],
      "how many are pruned",
    );
    equal((await store.list()).items, [stays], "what is left");
    equal((await revoke(store, byId("a"))).expiresAt, undefined, "the expiry of a new decision");
  }),

  timedLaw("[V3] a decision renewed before its end lasts as the new one says", async ({ adapter: { revocations: store }, clock }) => {
    await revoke(store, byId("a"), { expiresInMs: 1_000 });
    await revoke(store, byId("b"), { expiresInMs: 1_000 });
    await clock.advance(900);
    await revoke(store, byId("a"), { expiresInMs: 1_000 });
    await revoke(store, byId("b"));
    await clock.advance(900);
    equal((await store.get([byId("a"), byId("b")])).map((found) => found !== undefined), [true, true], "what is in force");
    await clock.advance(100);
    equal((await store.get([byId("a"), byId("b")])).map((found) => found !== undefined), [false, true], "what is in force later");
  }),

  timedLaw(
    "[V4] tasks of a name are meant when they were enqueued before the instant, which is now unless it was given",
    async (context) => {
      const { adapter: { revocations: store }, clock } = context;
      await revoke(store, byName("given", 5_000));
      equal((await revoke(store, byName("now"))).target, byName("now", clock.now()), "the instant when none was given");
      const at = (name: string, enqueuedAt: number): RevocableTask => revocable("id", { name, enqueuedAt });
      const found = await store.match([
        ...[at("given", 4_999), at("given", 5_000), at("given", 5_001)],
        ...[at("now", clock.now() - 1), at("now", clock.now()), at("other", 1)],
      ]);
      equal(found.map((revocation) => revocation !== undefined), [true, false, false, true, false, false], "which are meant");
      await clock.advance(10);
      await revoke(store, byName("now"));
      equal((await store.match([at("now", clock.now() - 1)])).map((one) => one !== undefined), [true], "after a later decision");
    },
  ),

  law("[V4] match finds for each of many tasks what applies: terminating ones first, then the latest", async ({ adapter }) => {
    const store = adapter.revocations;
    const [old, stamp, name, gentle] = [
      await revoke(store, byId("a"), { terminate: true, reason: "id" }),
      await revoke(store, byHeader("tenant", "acme"), { terminate: true, reason: "stamp" }),
      await revoke(store, byName("mail", 10), { reason: "name" }),
      await revoke(store, byId("b"), { reason: "gentle" }),
    ];
    const headers = { tenant: "acme", other: "x" };
    const found = await store.match([
      revocable("a", { headers, name: "mail", enqueuedAt: 1 }),
      revocable("a", { name: "mail", enqueuedAt: 1 }),
      revocable("b", { name: "mail", enqueuedAt: 1 }),
      revocable("b", { name: "mail", enqueuedAt: 10 }),
      revocable("c", { headers: { tenant: "acme2", Tenant: "acme" } }),
      revocable("c", { headers: { other: "acme" } }),
      revocable("c", { name: "mail", enqueuedAt: 1 }),
    ]);
    equal(found, [stamp, old, gentle, gentle, undefined, undefined, name], "what applies");
  }),

  law("[V4] what a claim of a hundred asks is answered the same whatever else is stored", async (context) => {
    const store = context.adapter.revocations;
    await store.upsertAll(Array.from({ length: 2_000 }, (_, index) => ({ target: byId(`stored-${index}`), terminate: index % 2 === 0 })));
    await store.upsertAll(Array.from({ length: 500 }, (_, index) => ({ target: byHeader("batch", `${index}`), terminate: false })));
    const tasks = Array.from({ length: 100 }, (_, index) => {
      const isStored = index % 10 === 0;
      return revocable(isStored ? `stored-${index}` : `task-${index}`, { headers: index === 7 ? { batch: "499" } : { batch: "none" } });
    });
    const found = await store.match(tasks);
    equal(
      found.flatMap((revocation, index) => revocation === undefined ? [] : [index]),
      [0, 7, 10, 20, 30, 40, 50, 60, 70, 80, 90],
      "which are revoked",
    );
  }),

  law("[V8] list pages through what is in force, the latest decision first", async ({ adapter: { revocations: store }, second }) => {
    for (let index = 0; index < 7; index++) await revoke(store, byId(`t${index}`));
    await revoke(store, byId("t2"), { reason: "again" });
    await store.remove([byId("t5")]);
    const other = (await second()).revocations;
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await other.list({ limit: 2, ...(cursor === undefined ? {} : { cursor }) });
      seen.push(...page.items.map(({ target }) => target.kind === "task" ? target.id : ""));
      cursor = page.cursor;
    } while (cursor !== undefined);
    equal(seen, ["t2", "t6", "t4", "t3", "t1", "t0"], "what is listed");
    const versions = (await store.list()).items.map(({ version }) => version);
    equal(versions, versions.toSorted((a, b) => b - a), "the versions");
  }),

  law("[V8] what is taken back is matched no more, and may be decided anew", async ({ adapter: { revocations: store }, second }) => {
    await store.upsertAll([{ target: byId("a"), terminate: true }, { target: byName("n", 9_000), terminate: true }]);
    const other = (await second()).revocations;
    equal(await other.remove([byId("a"), byId("nobody"), byName("n"), byId("a")]), [true, false, true, false], "the answers");
    const tasks = [revocable("a"), revocable("b", { name: "n" })];
    equal(await store.match(tasks), [undefined, undefined], "what is matched");
    equal((await store.list()).items, [], "what is listed");
    equal(await store.remove([byId("a")]), [false], "a second removal");
    const anew = await revoke(store, byId("a"), { reason: "anew" });
    equal(await other.match(tasks), [anew, undefined], "what is matched after a new decision");
  }),

  timedLaw("[V8] what was taken back stays so, although the clock is set back", async ({ adapter: { revocations: store }, clock }) => {
    await revoke(store, byId("a"), { expiresInMs: 60_000 });
    await revoke(store, byId("b"));
    equal(await store.remove([byId("a"), byId("b")]), [true, true], "the removal");
    clock.set(clock.now() - 3_600_000);
    equal(await store.get([byId("a"), byId("b")]), [undefined, undefined], "what is in force");
  }),

  law("[V2 A4] what was decided is there for a later connection, although the first was never closed", async (context) => {
    const stored = await revoke(context.adapter.revocations, byId("a"), { terminate: true, reason: "kept" });
    const later: CaseContext["adapter"] = await context.second();
    equal(await later.revocations.get([byId("a")]), [stored], "the decision");
    equal(present((await later.revocations.match([revocable("a")]))[0], "a match").reason, "kept", "the reason");
  }),
]);
