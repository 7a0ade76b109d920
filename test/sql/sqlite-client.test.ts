/** The wrapper that keeps libsql from losing acknowledged writes, and from blocking a process while another one holds the file. */

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Client } from "@libsql/client";
import { createClient } from "@libsql/client";
import { SafeClient } from "../../src/adapters/sql/sqlite-client.ts";
import { sqliteConnector } from "../../src/adapters/sql/sqlite-connection.ts";
import { sleep } from "../../src/time/sleep.ts";
import { runTogether } from "../support/child.ts";

const SETTINGS = ["pragma journal_mode = wal", "pragma synchronous = normal"];

interface Bench {
  readonly path: string;
  readonly safe: SafeClient;
  /** A connection of somebody else. */
  readonly other: Client;
}

async function withFile(work: (bench: Bench) => Promise<void>, busyTimeoutMs = 5_000): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "stem-safe-"));
  const path = join(folder, "safe.db");
  const safe = new SafeClient(await sqliteConnector(path, "the file"), { busyTimeoutMs, onConnect: SETTINGS });
  const other = createClient({ url: `file:${path}`, concurrency: 1, timeout: 5 });
  try {
    await work({ path, safe, other });
  } finally {
    safe.close();
    other.close();
    await rm(folder, { recursive: true });
  }
}

test(
  "a write waits for another connection that holds the file, without blocking the event loop",
  { timeout: 30_000 },
  () =>
    withFile(async ({ safe, other }) => {
      await safe.prepare();
      await safe.execute("create table t (n integer)");
      const held = await other.transaction("write");
      await held.execute("insert into t values (1)");
      const written = safe.execute("insert into t values (2)");
      let turns = 0;
      for (let turn = 0; turn < 20; turn++) {
        await sleep(10);
        turns += 1;
      }
      await held.commit();
      await written;
      assert.equal(turns, 20);
      const { rows } = await other.execute("select n from t order by n");
      assert.deepEqual(rows.map((row) => row["n"]), [1, 2]);
    }),
);

test("what is written after a busy error is really stored", { timeout: 30_000 }, () =>
  withFile(async ({ safe, other }) => {
    await safe.prepare();
    await safe.execute("create table t (n integer)");
    const held = await other.transaction("write");
    await assert.rejects(safe.execute("insert into t values (0)"), { code: "SQLITE_BUSY" });
    await held.rollback();
    for (let n = 1; n <= 20; n++) await safe.execute({ sql: "insert into t values (?)", args: [n] });
    const { rows } = await other.execute("select count(*) as n from t");
    assert.equal(rows[0]?.["n"], 20);
  }, 50));

test("the wait ends at its deadline, with the error of the database", { timeout: 30_000 }, () =>
  withFile(async ({ safe, other }) => {
    await safe.prepare();
    await safe.execute("create table t (n integer)");
    const held = await other.transaction("write");
    const startedAt = performance.now();
    await assert.rejects(safe.execute("insert into t values (1)"), { code: "SQLITE_BUSY" });
    const tookMs = performance.now() - startedAt;
    assert.ok(tookMs >= 200 && tookMs < 5_000, `It took ${tookMs} ms`);
    await held.rollback();
  }, 200));

test(
  "the settings of a new connection wait too: another process may be making the file",
  { timeout: 30_000 },
  () =>
    withFile(async ({ safe, other }) => {
      // In a file that is not in WAL mode yet, the switch to it has to wait for whoever writes.
      await other.execute("create table t (n integer)");
      const held = await other.transaction("write");
      await held.execute("insert into t values (1)");
      const prepared = safe.prepare();
      await sleep(100);
      await held.commit();
      await prepared;
      const { rows } = await safe.execute("pragma journal_mode");
      assert.equal(rows[0]?.["journal_mode"], "wal");
    }),
);

test("the settings hold after the connection was dropped", { timeout: 30_000 }, () =>
  withFile(async ({ safe, other }) => {
    await safe.prepare();
    await safe.execute("create table t (n integer)");
    const held = await other.transaction("write");
    const written = safe.execute("insert into t values (1)");
    await sleep(50);
    await held.rollback();
    await written;
    const { rows } = await safe.execute("pragma synchronous");
    assert.equal(rows[0]?.["synchronous"], 1);
  }));

test(
  "a setting that was demanded later holds too, also after the connection was dropped",
  { timeout: 30_000 },
  () =>
    withFile(async ({ safe, other }) => {
      await safe.prepare();
      safe.demand("pragma synchronous = full");
      await safe.prepare();
      await safe.execute("create table t (n integer)");
      const held = await other.transaction("write");
      const written = safe.execute("insert into t values (1)");
      await sleep(50);
      await held.rollback();
      await written;
      const { rows } = await safe.execute("pragma synchronous");
      assert.equal(rows[0]?.["synchronous"], 2);
    }),
);

test("a transaction keeps everything else out until it ends, however it ends", { timeout: 30_000 }, () =>
  withFile(async ({ safe }) => {
    await safe.prepare();
    await safe.execute("create table t (n integer)");
    for (const end of ["commit", "rollback", "close"] as const) {
      const tx = await safe.transaction();
      await tx.execute("insert into t values (1)");
      const order: string[] = [];
      const outside = safe.execute("select count(*) from t").then(() => order.push("outside"));
      await sleep(20);
      order.push("end");
      await tx[end]();
      await outside;
      assert.deepEqual(order, ["end", "outside"], end);
    }
    const { rows } = await safe.execute("select count(*) as n from t");
    assert.equal(rows[0]?.["n"], 1);
  }));

test(
  "a statement that was compiled before the schema changed runs as the schema is now",
  { timeout: 30_000 },
  () =>
    withFile(async ({ safe, other }) => {
      await safe.prepare();
      await safe.execute("create table t (n integer)");
      const insert = "insert into t (n) values (?1) returning *";
      assert.deepEqual((await safe.execute({ sql: insert, args: [1] })).rows, [{ n: 1 }]);
      await other.execute("alter table t add column m integer default 5");
      await other.execute("create unique index t_n on t (n)");
      assert.deepEqual((await safe.execute({ sql: insert, args: [2] })).rows, [{ n: 2, m: 5 }]);
      await assert.rejects(safe.execute({ sql: insert, args: [2] }), { code: "SQLITE_CONSTRAINT_UNIQUE" });
      assert.deepEqual((await safe.execute({ sql: insert, args: [3] })).rows, [{ n: 3, m: 5 }]);
      await safe.execute("drop table t");
      await safe.execute("create table t (n integer)");
      assert.deepEqual((await safe.execute({ sql: insert, args: [1] })).rows, [{ n: 1 }]);
    }),
);

test("more texts than are kept compiled all run", { timeout: 30_000 }, () =>
  withFile(async ({ safe }) => {
    for (let n = 0; n < 1_000; n++) assert.deepEqual(await safe.query(`select ${n}`), [[n]]);
    assert.deepEqual(await safe.query("select 0"), [[0]]);
  }));

test("a database in memory survives a failed statement", { timeout: 30_000 }, async () => {
  const safe = new SafeClient(await sqliteConnector(":memory:", "a database in memory"), { busyTimeoutMs: 100, onConnect: SETTINGS });
  await safe.prepare();
  await safe.execute("create table t (n integer)");
  const tx = await safe.transaction();
  await assert.rejects(tx.execute("insert into nowhere values (1)"));
  await tx.execute("insert into t values (1)");
  await tx.commit();
  const { rows } = await safe.execute("select n from t");
  assert.equal(rows.length, 1);
  safe.close();
});

test(
  "four processes write to one file for five seconds: acknowledged is stored",
  { timeout: 120_000 },
  () =>
    withFile(async ({ path, safe }) => {
      await safe.prepare();
      await safe.execute("create table t (writer text, n integer)");
      const outcomes = await runTogether("test/sql/children/write-rows.ts", 4, (index) => [path, `w${index}`, "5000"]);
      const acknowledged = outcomes.map(({ code, lines, errors }) => {
        assert.equal(code, 0, errors);
        return Number(lines.at(-1));
      });
      const stored = await safe.execute("select writer, count(*) as n, count(distinct n) as d from t group by writer order by writer");
      assert.deepEqual(stored.rows.map((row) => row["n"]), acknowledged);
      assert.deepEqual(stored.rows.map((row) => row["d"]), acknowledged);
      assert.ok(acknowledged.every((count) => count > 10), `Somebody starved: ${acknowledged.join(", ")}`);
      const { rows } = await safe.execute("pragma integrity_check");
      assert.equal(rows[0]?.["integrity_check"], "ok");
    }, 15_000),
);
