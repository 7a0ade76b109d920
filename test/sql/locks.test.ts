/** What SQL lock stores do beyond the laws: who waits for a transaction and who does not, and how long rows stay. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { drizzle } from "drizzle-orm/postgres-js";
import postgresJs from "postgres";
import type { StoredLock } from "../../src/contracts/lock-store.ts";
import { SqlLockStore } from "../../src/adapters/sql/locks.ts";
import { PostgresLockStore } from "../../src/postgres.ts";
import { ManualClock } from "../../src/time/manual-clock.ts";
import { needsPostgres, postgresUrl } from "../support/servers.ts";
import { dialects, withSchema } from "./databases.ts";

for (const { name, needs, withDatabase } of dialects) {
  test(`${name}: the row of a lock that is over stays for a minute, and is swept then`, { ...needs, timeout: 20_000 }, async () => {
    const clock = new ManualClock();
    await withDatabase(async (database) => {
      const locks = new SqlLockStore({ database, release: () => Promise.resolve() }, { clock });
      const [released] = await locks.acquireAll([{ key: "released", owner: "o", ttl: 600_000 }, {
        key: "expired",
        owner: "o",
        ttl: 1_000,
      }]);
      assert.ok(released !== undefined && await locks.release(released));
      await clock.advance(60_500);
      assert.equal(await locks.sweep(), 1, "the released one is swept a minute after its release");
      await clock.advance(1_000);
      assert.equal(await locks.sweep(), 1, "the expired one a minute after its end");
      const [next] = await locks.acquireAll([{ key: "released", owner: "o", ttl: 1_000 }]);
      assert.ok(next !== undefined && next.token > released.token);
    }, { clock });
  });
}

test("postgres: while a transaction holds a token current, its lock is renewed and given back without waiting", {
  ...needsPostgres,
  timeout: 20_000,
}, async () => {
  await withStore(async ({ locks, db }) => {
    const lock = await locks.acquire("key", { owner: "o", ttl: "1m" });
    assert.ok(lock !== undefined);
    await db.transaction(async (tx) => {
      assert.equal(await locks.isCurrent(lock, { tx }), true);
      assert.equal(await lock.renew("2m"), true);
      assert.equal(await lock.release(), true);
    });
  });
});

test("postgres: a transaction that has handed a lock over holds up its own key, and no other of the same batch", {
  ...needsPostgres,
  timeout: 20_000,
}, async () => {
  await withStore(async ({ locks, db }) => {
    const [busy, free] = await locks.acquireAll(["busy", "free"].map((key) => ({ key, owner: "o", ttl: 60_000 })));
    assert.ok(busy !== undefined && free !== undefined);
    const order: string[] = [];
    let waiting: Promise<void> = Promise.resolve();
    await db.transaction(async (tx) => {
      assert.ok(await locks.transfer(busy, { owner: "heir", ttl: 60_000 }, { tx }) !== undefined);
      // One call with both, so that they go together; the answer comes with the slower one.
      waiting = locks.renewAll([busy, free], 90_000).then(([lost, held]) => {
        assert.deepEqual([lost, typeof held], [undefined, "number"]);
        order.push("both");
      });
      // What the first statement of that batch could do is done meanwhile, as others see.
      while (((await locks.ownerOf("free"))?.expiresAt ?? 0) === free.expiresAt) await new Promise((resolve) => setImmediate(resolve));
      order.push("commit");
    });
    await waiting;
    assert.deepEqual(order, ["commit", "both"]);
  });
});

test("postgres: tokens rise although numbers were drawn before the row was locked", { ...needsPostgres, timeout: 30_000 }, async () => {
  await withStore(async ({ locks, url, schema }) => {
    const stores = await Promise.all(Array.from({ length: 3 }, () => PostgresLockStore.connect(url, { schema, maxConnections: 2 })));
    const tokens: number[] = [];
    try {
      await Promise.all([locks, ...stores].map(async (store, lane) => {
        for (let round = 0; round < 100; round++) {
          const lock = await store.acquire(`key-${round % 2}`, { owner: `o${lane}`, ttl: "1m" });
          if (lock === undefined) continue;
          if (round % 2 === 0) tokens.push(lock.token);
          assert.equal(await lock.release(), true);
        }
      }));
    } finally {
      await Promise.all(stores.map((store) => store.close()));
    }
    assert.ok(tokens.length >= 20, `Only ${tokens.length} were got`);
    assert.deepEqual(tokens, tokens.toSorted((a, b) => a - b));
  });
});

test("postgres: a batch is as quick in a namespace that the statistics do not know", { ...needsPostgres, timeout: 60_000 }, async () => {
  await withStore(async ({ locks, url, schema, client }) => {
    await fill(locks);
    await client`analyze ${client(schema)}.locks`;
    await client`alter table ${client(schema)}.locks set (autovacuum_enabled = false)`;
    const fresh = await PostgresLockStore.connect(url, { schema, namespace: "fresh", maxConnections: 2 });
    try {
      // More than five times each: then the server has settled on one plan for all.
      const some = await fill(fresh);
      for (let round = 0; round < 10; round++) {
        const startedAt = performance.now();
        assert.equal((await fresh.renewAll(some, "10m")).filter((end) => end === undefined).length, 0);
        assert.deepEqual(new Set(await fresh.releaseAll(some.slice(round * 100, round * 100 + 100))), new Set([true]));
        await fresh.acquireAll(some.slice(round * 100, round * 100 + 100).map(({ key }) => ({ key, owner: "again", ttl: "10m" })));
        some.splice(0, 1_000, ...await Promise.all(some.map(async (lock) => await fresh.ownerOf(lock.key) ?? lock)));
        assert.ok(performance.now() - startedAt < 2_000, `Round ${round} took ${performance.now() - startedAt} ms`);
      }
    } finally {
      await fresh.close();
    }
  });
});

/** Takes 20,000 locks; answers the first 1,000. */
async function fill(locks: PostgresLockStore): Promise<StoredLock[]> {
  const taken: StoredLock[] = [];
  for (let from = 0; from < 20_000; from += 1_000) {
    const requests = Array.from({ length: 1_000 }, (_, at) => ({ key: `key ${from + at}`, owner: "o", ttl: "10m" }));
    for (const lock of await locks.acquireAll(requests)) if (lock !== undefined) taken.push(lock);
  }
  return taken.slice(0, 1_000);
}

interface OnPostgres {
  readonly locks: PostgresLockStore;
  readonly db: ReturnType<typeof drizzle>;
  readonly client: postgresJs.Sql;
  readonly url: string;
  readonly schema: string;
}

async function withStore(work: (on: OnPostgres) => Promise<void>): Promise<void> {
  await withSchema(async (schema) => {
    const url = postgresUrl();
    const client = postgresJs(url, { max: 2, onnotice: () => {} });
    const locks = await PostgresLockStore.connect(url, { schema, maxConnections: 3 });
    try {
      await work({ locks, db: drizzle({ client }), client, url, schema });
    } finally {
      await locks.close();
      await client.end();
    }
  });
}
