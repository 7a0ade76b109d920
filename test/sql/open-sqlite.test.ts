/** Opening SQLite databases: what is refused and how, what is shared, and who hears of whose writes. */

import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { createClient } from "@libsql/client";
import { drizzle } from "drizzle-orm/libsql";
import { eq, sql } from "drizzle-orm";
import type { SqlDatabase } from "../../src/adapters/sql/database.ts";
import { loadDriver } from "../../src/async/load-driver.ts";
import { openSqlite, useSqlite } from "../../src/adapters/sql/sqlite-driver.ts";
import { ConfigError, MigrationError, StoreError, UnsupportedError } from "../../src/errors.ts";
import { deferred } from "../../src/async/deferred.ts";
import { withDeadline } from "../../src/time/sleep.ts";
import { runTogether } from "../support/child.ts";
import { root } from "../support/runtimes.ts";
import { isReachable } from "../support/server-folder.ts";

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "stem-open-"));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Two statements that every test database can run. */
function workers(database: SqlDatabase) {
  const add = database.statement(
    "test.add",
    { id: "text" },
    ({ db, tables: { workers }, args, dialect }) =>
      db.insert(workers).values({ ns: "test", id: args.id, data: "{}", seenAt: dialect.now, expiresAt: dialect.now })
        .onConflictDoNothing().returning({ id: workers.id, signal: dialect.signal }),
  );
  const list = database.statement(
    "test.list",
    {},
    ({ db, tables: { workers } }) => db.select({ id: workers.id }).from(workers).where(eq(workers.ns, "test")).orderBy(workers.id),
  );
  return {
    add: (id: string, tx?: object) => add.run({ id }, { signal: ["workers"], tx }),
    list: async () => (await list.run({})).map(({ id }) => id),
  };
}

test(
  "a folder, a missing folder, another scheme and other nonsense are refused by name",
  { timeout: 30_000 },
  () =>
    inFolder(async (folder) => {
      const refused: readonly (readonly [string | URL, RegExp])[] = [
        [folder, /it is a folder, expected a file/],
        [`sqlite:${folder}`, /it is a folder/],
        [join(folder, "nowhere", "a.db"), /the folder ".*nowhere" is not there/],
        ["libsql://example.turso.io", /remote libsql is not supported yet/],
        [new URL("https://example.com/a.db"), /scheme "https"/],
        ["", /expected a path/],
        ["sqlite:", /expected a path/],
        ["a\u0000b", /expected a path/],
        ["sqlite:./a.db?mode=ro", /parameters are not supported/],
        ["sqlite:./100%.db", /write % as %25/],
      ];
      for (const [location, message] of refused) {
        await assert.rejects(openSqlite(location), (error: unknown) => {
          assert.ok(error instanceof ConfigError, `${String(location)}: ${String(error)}`);
          assert.match(error.message, message);
          return true;
        });
      }
    }),
);

test(
  "a file that is no database, and one that cannot be read, are store errors that name it",
  { timeout: 30_000 },
  () =>
    inFolder(async (folder) => {
      const path = join(folder, "letter.db");
      await writeFile(path, "Dear Sir or Madam, this is a letter and no database at all.".repeat(100));
      await assert.rejects(openSqlite(path), (error: unknown) => {
        assert.ok(error instanceof StoreError);
        assert.equal(error.retryable, false);
        assert.match(error.message, /Cannot open SQLite file ".*letter\.db": .*no SQLite database/);
        return true;
      });
      const database = await openSqlite(join(folder, "works-afterwards.db"));
      await database.close();
    }),
);

// For root nothing is read-only, so the opening process becomes somebody else, who has to reach this project.
const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : undefined;
const needsReach = isReachable(root, nobody) ? {} : { skip: `"${root}" is closed to other users` };

test("a file that cannot be written is refused on opening", { timeout: 60_000, ...needsReach }, () =>
  inFolder(async (folder) => {
    const path = join(folder, "read-only.db");
    const made = await openSqlite(path, { migrate: "off" });
    await made.close();
    await chmod(path, 0o444);
    await chmod(folder, 0o555);
    const [outcome] = await runTogether("test/sql/children/open-read-only.ts", 1, () => [path]);
    await chmod(folder, 0o755);
    assert.deepEqual(outcome?.lines, ["STORE false"], outcome?.errors);
  }));

test("every spelling of a file is the same one", { timeout: 30_000 }, () =>
  inFolder(async (folder) => {
    const path = join(folder, "räksmörgås #1 & 100%?.db");
    await symlink(folder, `${folder}-link`);
    try {
      const first = await openSqlite(path);
      const spellings = [
        pathToFileURL(path),
        relative(process.cwd(), path),
        `sqlite:${encodeURI(path).replaceAll("#", "%23").replaceAll("?", "%3F")}`,
        join(`${folder}-link`, "räksmörgås #1 & 100%?.db"),
        `file:${encodeURI(path).replaceAll("#", "%23").replaceAll("?", "%3F")}`,
      ];
      await workers(first).add("w1");
      for (const spelling of spellings) {
        const other = await openSqlite(spelling);
        assert.deepEqual(await workers(other).list(), ["w1"], String(spelling));
        await other.close();
      }
      await first.close();
      assert.ok((await stat(path)).isFile());
    } finally {
      await rm(`${folder}-link`);
    }
  }));

test("databases on one file share its connection, and the last one closes it", { timeout: 30_000 }, () =>
  inFolder(async (folder) => {
    const path = join(folder, "shared.db");
    const [one, two] = await Promise.all([openSqlite(path), openSqlite(path)]);
    await one.close();
    await workers(two).add("w1");
    await assert.rejects(workers(one).list(), { code: "CLOSED" });
    await two.close();
    const three = await openSqlite(path);
    assert.deepEqual(await workers(three).list(), ["w1"]);
    await three.close();
    await three.close();
  }));

test(
  "who asks for full durability gets it, also on a file that others have open with less",
  { timeout: 30_000 },
  () =>
    inFolder(async (folder) => {
      const path = join(folder, "full.db");
      const level = async (database: SqlDatabase): Promise<number | undefined> => {
        const columns = { level: sql<number>`synchronous` };
        const rows = await database.statement("level", {}, ({ db }) => db.select(columns).from(sql`pragma_synchronous`)).run({});
        return rows[0]?.level;
      };
      const normal = await openSqlite(path);
      assert.equal(await level(normal), 1);
      const full = await openSqlite(path, { synchronous: "full" });
      assert.equal(await level(full), 2);
      assert.equal(await level(normal), 2);
      await full.close();
      await normal.close();
    }),
);

test("databases in memory share nothing", { timeout: 30_000 }, async () => {
  const [one, two] = await Promise.all([openSqlite(":memory:"), openSqlite("sqlite::memory:")]);
  await workers(one).add("w1");
  assert.deepEqual(await workers(two).list(), []);
  await Promise.all([one.close(), two.close()]);
});

test(
  "migrate: check makes no file, off makes no table, and both say what is missing",
  { timeout: 30_000 },
  () =>
    inFolder(async (folder) => {
      const path = join(folder, "unmade.db");
      await assert.rejects(openSqlite(path, { migrate: "check" }), MigrationError);
      await assert.rejects(stat(path), { code: "ENOENT" });
      const database = await openSqlite(path, { migrate: "off" });
      await assert.rejects(workers(database).list(), (error: unknown) => {
        assert.ok(error instanceof StoreError);
        assert.match(error.message, /Cannot test: .*the tables are missing/);
        return true;
      });
      await database.close();
      await assert.rejects(openSqlite(path, { migrate: "check" }), /behind by \d+ \(0000_/);
    }),
);

test("a missing package is named, with the command that installs it", { timeout: 30_000 }, async () => {
  const missing = Object.assign(new Error("Cannot find package"), { code: "ERR_MODULE_NOT_FOUND" });
  await assert.rejects(loadDriver(() => Promise.reject(missing), "SQLite", ["drizzle-orm", "@libsql/client"]), (error: unknown) => {
    assert.ok(error instanceof ConfigError);
    assert.match(error.message, /npm install drizzle-orm @libsql\/client/);
    assert.equal(error.cause, missing);
    return true;
  });
  const broken = new SyntaxError("Unexpected token");
  await assert.rejects(loadDriver(() => Promise.reject(broken), "SQLite", ["drizzle-orm"]), broken);
});

test(
  "a write wakes listeners on the same file at once, and in another process soon",
  { timeout: 60_000 },
  () =>
    inFolder(async (folder) => {
      const path = join(folder, "signals.db");
      const [writer, listener] = await Promise.all([openSqlite(path), openSqlite(path)]);
      const own = deferred<void>();
      const stopOwn = await listener.signals.listen(["workers"], () => own.resolve());
      await workers(writer).add("w1");
      await withDeadline(own.promise, 5);
      stopOwn();

      const other = deferred<void>();
      const stopOther = await listener.signals.listen(["anything else"], () => other.resolve());
      const [outcome] = await runTogether("test/sql/children/add-worker.ts", 1, () => [path, "w2"]);
      assert.equal(outcome?.code, 0, outcome?.errors);
      await withDeadline(other.promise, 1_000);
      stopOther();
      assert.deepEqual(await workers(writer).list(), ["w1", "w2"]);
      await Promise.all([writer.close(), listener.close()]);
    }),
);

test("a transaction tells of its writes when it commits, and not when it rolls back", { timeout: 30_000 }, async () => {
  const database = await openSqlite(":memory:");
  const heard: string[] = [];
  const stop = await database.signals.listen(["workers"], (topic) => heard.push(topic));
  const rows = workers(database);
  await assert.rejects(
    database.transaction("test", async (tx) => {
      await rows.add("w1", tx);
      throw new RangeError("changed my mind");
    }),
    RangeError,
  );
  assert.deepEqual(heard, []);
  await database.transaction("test", async (tx) => {
    await rows.add("w1", tx);
    assert.deepEqual(heard, []);
  });
  assert.deepEqual(heard, ["workers"]);
  await rows.add("w1");
  assert.deepEqual(heard, ["workers"], "nothing was written, so nobody is told");
  assert.deepEqual(await rows.list(), ["w1"]);
  stop();
  await rows.add("w2");
  assert.deepEqual(heard, ["workers"]);
  await database.close();
});

test(
  "the caller's own Drizzle database lends its file and its transactions, and stays open",
  { timeout: 30_000 },
  () =>
    inFolder(async (folder) => {
      const client = createClient({ url: pathToFileURL(join(folder, "own.db")).href, timeout: 5_000 });
      const own = drizzle({ client });
      const database = await useSqlite(own);
      const rows = workers(database);
      await assert.rejects(
        own.transaction(async (tx) => {
          await rows.add("w1", tx);
          tx.rollback();
        }),
      );
      assert.deepEqual(await rows.list(), []);
      const woken = deferred<void>();
      const stop = await database.signals.listen(["workers"], () => woken.resolve());
      await own.transaction((tx) => rows.add("w1", tx));
      // The commit is the caller's, on another connection: it is noticed as that of another process is.
      await withDeadline(woken.promise, 1_000);
      stop();
      assert.deepEqual(await rows.list(), ["w1"]);
      await database.close();
      assert.equal((await client.execute("select count(*) as n from stem_workers")).rows[0]?.["n"], 1);
      client.close();
      await assert.rejects(useSqlite(drizzle({ client: createClient({ url: ":memory:" }) })), UnsupportedError);
      await assert.rejects(useSqlite({}), UnsupportedError);
      const another = await openSqlite(":memory:");
      await assert.rejects(workers(another).add("w1", {}), ConfigError);
      await another.close();
    }),
);

test("a nested folder of the file may come later, but not on its own", { timeout: 30_000 }, () =>
  inFolder(async (folder) => {
    const path = join(folder, "a", "b.db");
    await assert.rejects(openSqlite(path), ConfigError);
    await mkdir(join(folder, "a"));
    const database = await openSqlite(path);
    await database.close();
  }));
