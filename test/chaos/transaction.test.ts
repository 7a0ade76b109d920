/** Tasks enqueued inside the caller's own Drizzle transaction: gone with it, and started by an idle worker right after its commit. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient } from "@libsql/client";
import { sql } from "drizzle-orm";
import { drizzle as drizzleLibsql } from "drizzle-orm/libsql";
import { drizzle as drizzlePostgres } from "drizzle-orm/postgres-js";
import postgresJs from "postgres";
import { machineMs } from "./programs/talk.ts";
import type { Stage } from "./stage.ts";
import { inMs, median, setStage, sqlStores } from "./stage.ts";

const ROUNDS = 20;

/** The caller's own database, with a table `orders`. */
interface Shop extends AsyncDisposable {
  /** Runs a function in a transaction that has written an order. */
  order(n: number, work: (tx: object) => Promise<void>): Promise<void>;
  /** How many orders there are. */
  orders(): Promise<number>;
}

const shops = { SQLite: openLibsqlShop, Postgres: openPostgresShop } as const;
// Nobody promises the pace of a file that is watched by looking at it; it is measured all the same.
const limits = { SQLite: 100, Postgres: 20 } as const;

for (const store of sqlStores) {
  const limitMs = limits[store.name];
  test(`${store.name}: a rolled back transaction leaves no task, a committed one starts within ${limitMs} ms`, {
    ...store.needs,
    timeout: 60_000,
  }, async (t) => {
    await using stage = await setStage(store);
    const app = await stage.app();
    await using shop = await shops[store.name](stage);
    const worker = stage.start("worker", { id: "idle" });
    await worker.hear("ready");

    for (let n = 0; n < ROUNDS; n += 1) {
      const undone = shop.order(n, async (tx) => {
        const handle = await app.stem.enqueue("work", { id: `undone-${n}`, tx });
        assert.ok(handle.accepted);
        throw new Error("The shop thought better of it");
      });
      await assert.rejects(undone, /thought better/);
      assert.equal(await app.stem.handle(`undone-${n}`).status(), undefined);
    }
    assert.equal(await shop.orders(), 0);
    assert.deepEqual((await app.stack.results.list()).items, []);
    assert.deepEqual(await app.stack.broker.counts("default"), { ready: 0, delayed: 0, inflight: 0, dead: 0 });

    const delays: number[] = [];
    for (let n = 0; n < ROUNDS; n += 1) {
      let committingAt = 0;
      await shop.order(n, async (tx) => {
        await app.stem.enqueue("work", { id: `done-${n}`, tx });
        committingAt = machineMs();
      });
      const { startedAt } = await app.stem.handle<{ startedAt: number }>(`done-${n}`).result({ timeout: "10s" });
      delays.push(startedAt - committingAt);
    }
    assert.equal(await shop.orders(), ROUNDS);
    const [slowest = 0] = delays.toSorted((a, b) => b - a);
    t.diagnostic(
      `${store.name}: the median of ${ROUNDS} handlers began ${inMs(median(delays))} after the commit was asked for (slowest ${
        inMs(slowest)
      })`,
    );
    assert.ok(median(delays) < limitMs, `the median was ${median(delays)} ms`);
    assert.equal((await worker.hear("task-succeeded", ROUNDS)).length, ROUNDS);
  });
}

async function openLibsqlShop(stage: Stage): Promise<Shop> {
  const client = createClient({ url: stage.url.replace("sqlite:", "file:"), timeout: 5_000 });
  const db = drizzleLibsql({ client });
  await client.execute("create table orders (n integer)");
  return {
    order: (n, work) =>
      db.transaction(async (tx) => {
        await tx.run(sql`insert into orders values (${n})`);
        await work(tx);
      }),
    orders: async () => Number((await client.execute("select count(*) as n from orders")).rows[0]?.["n"]),
    [Symbol.asyncDispose]: async () => client.close(),
  };
}

async function openPostgresShop(stage: Stage): Promise<Shop> {
  const client = postgresJs(stage.url, { max: 2, onnotice: () => {} });
  const db = drizzlePostgres({ client });
  const orders = sql`${sql.identifier(stage.place.schema)}.shop_orders`;
  await db.execute(sql`create table ${orders} (n integer)`);
  return {
    order: (n, work) =>
      db.transaction(async (tx) => {
        await tx.execute(sql`insert into ${orders} values (${n})`);
        await work(tx);
      }),
    orders: async () => Number((await db.execute(sql`select count(*) as n from ${orders}`))[0]?.["n"]),
    [Symbol.asyncDispose]: () => client.end(),
  };
}
