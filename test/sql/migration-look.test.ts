/** Looking at the migrations of a SQLite file needs no right to write it, and makes no file. */

import assert from "node:assert/strict";
import { chmod, copyFile, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import process from "node:process";
import { test } from "node:test";
import { createClient } from "@libsql/client";
import { ConfigError, MigrationError } from "../../src/errors.ts";
import { checkMigrations, migrate, migrationStatus, sqliteMigrations } from "../../src/migrations.ts";
import { runTogether } from "../support/child.ts";
import { root } from "../support/runtimes.ts";
import { isReachable } from "../support/server-folder.ts";

const timeout = 60_000;
const count = sqliteMigrations.length;
const current = [`${count} applied, 0 pending`, "current"];
// For root nothing is read-only, so the looking process becomes somebody else, who has to reach this project.
const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : undefined;
const needsReach = isReachable(root, nobody) ? {} : { skip: `"${root}" is closed to other users` };

test(
  "a reader sees the state of a file that nobody has open, of one in use, and of one without a log",
  { timeout, ...needsReach },
  () =>
    inFolder(async (folder) => {
      const made = join(folder, "made.db");
      await migrate(`sqlite:${made}`);
      await settle(made, "wal");
      // A copy, because this process may not have let go of what it made.
      const path = join(folder, "räd & co.db");
      await copyFile(made, path);
      assert.deepEqual(await lookAsReader(folder, path), current, "nobody has it open");
      const holder = createClient({ url: pathToFileURL(path).href, concurrency: 1 });
      await holder.execute("create table held (a)");
      assert.deepEqual(await lookAsReader(folder, path), current, "in use");
      await holder.execute("delete from stem_migrations");
      assert.deepEqual(await lookAsReader(folder, path), [`0 applied, ${count} pending`, "MIGRATION"], "what is only in the log counts");
      holder.close();
      const plain = join(folder, "plain.db");
      await copyFile(made, plain);
      await settle(plain, "delete");
      assert.deepEqual(await lookAsReader(folder, plain), current, "without a log");
    }),
);

test("where no file is none is made, and everything is pending", { timeout }, () =>
  inFolder(async (folder) => {
    const url = `sqlite:${join(folder, "none.db")}`;
    const { applied, pending, database } = await migrationStatus(url);
    assert.deepEqual([applied.length, pending.length, database], [0, count, `SQLite file "${join(folder, "none.db")}"`]);
    await assert.rejects(checkMigrations(url), MigrationError);
    await assert.rejects(checkMigrations("sqlite::memory:"), MigrationError);
    await assert.rejects(migrationStatus(`sqlite:${folder}`), ConfigError);
    assert.deepEqual(await readdir(folder), []);
  }));

async function lookAsReader(folder: string, path: string): Promise<readonly string[] | undefined> {
  // Not the other files: what this process has not let go of yet may go any time.
  const own = async (): Promise<readonly string[]> => (await readdir(folder)).filter((file) => file.startsWith(basename(path)));
  for (const file of await own()) await chmod(join(folder, file), 0o444);
  await chmod(folder, 0o555);
  const [outcome] = await runTogether("test/sql/children/look-read-only.ts", 1, () => [path]);
  await chmod(folder, 0o755);
  for (const file of await own()) await chmod(join(folder, file), 0o644);
  assert.equal(outcome?.code, 0, outcome?.errors);
  return outcome.lines;
}

/** Writes everything into the file itself. */
async function settle(path: string, mode: "wal" | "delete"): Promise<void> {
  const client = createClient({ url: pathToFileURL(path).href, concurrency: 1 });
  await client.executeMultiple(`pragma wal_checkpoint(truncate); pragma journal_mode = ${mode}`);
  client.close();
}

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "stem-look-"));
  try {
    await work(folder);
  } finally {
    await chmod(folder, 0o755);
    await rm(folder, { recursive: true });
  }
}
