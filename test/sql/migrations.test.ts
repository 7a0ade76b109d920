/** The runner on databases that are behind, ahead, different, or migrated by another tool; and that `npm run verify` notices what was changed. */

import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createClient } from "@libsql/client";
import { drizzle as drizzleLibsql } from "drizzle-orm/libsql";
import { migrate as migrateLibsql } from "drizzle-orm/libsql/migrator";
import { drizzle as drizzlePostgres } from "drizzle-orm/postgres-js";
import { migrate as migratePostgres } from "drizzle-orm/postgres-js/migrator";
import postgresJs from "postgres";
import { migrateHost } from "../../src/adapters/sql/migrate.ts";
import type { Migration, MigrationHost } from "../../src/adapters/sql/migration.ts";
import { postgresMigrationHost } from "../../src/adapters/sql/migration-host.postgres.ts";
import { sqliteMigrationHost } from "../../src/adapters/sql/migration-host.sqlite.ts";
import { compare, requireAdditive } from "../../src/adapters/sql/migration-plan.ts";
import { openPostgres } from "../../src/adapters/sql/postgres-driver.ts";
import { openSqlite } from "../../src/adapters/sql/sqlite-driver.ts";
import { ConfigError, MigrationError } from "../../src/errors.ts";
import { checkMigrations, migrate, migrationStatus, postgresMigrations, sqliteMigrations } from "../../src/migrations.ts";
import { checkEmbedded, checkSchema } from "../../scripts/migration-drift.ts";
import { postgresCatalogue, sqliteCatalogue } from "../../scripts/migration-catalogue.ts";
import { embeddedPath } from "../../scripts/migration-files.ts";
import { needsPostgres, postgresUrl } from "../support/servers.ts";
import { root } from "../support/runtimes.ts";
import { withSchema } from "./databases.ts";

const timeout = 60_000;

/** A database without tables, and ways to look into it. */
interface Bare {
  readonly url: string;
  readonly schema: string;
  readonly known: readonly Migration[];
  readonly host: MigrationHost;
  readonly open: (migrate: "auto" | "check" | "off") => Promise<{ close(): Promise<void> }>;
  /** Runs SQL in which `LEDGER` stands for the ledger's name. */
  readonly run: (text: string) => Promise<readonly Readonly<Record<string, unknown>>[]>;
  /** Migrates with the migrator of Drizzle itself, as a user might. */
  readonly migrateWithDrizzle: () => Promise<void>;
}

const sides: readonly {
  readonly name: string;
  readonly needs: { readonly skip?: string };
  readonly use: (work: (bare: Bare) => Promise<void>) => Promise<void>;
}[] = [
  { name: "sqlite", needs: {}, use: withFile },
  { name: "postgres", needs: needsPostgres, use: withBareSchema },
];

for (const { name, needs, use } of sides) {
  test(
    `${name}: an empty database is behind: check refuses and writes nothing, migrate applies all once`,
    { ...needs, timeout },
    () =>
      use(async ({ url, schema, known, open, run }) => {
        const tags = known.map(({ tag }) => tag);
        await run("select 1");
        await assert.rejects(open("check"), (error: unknown) => {
          assert.ok(error instanceof MigrationError);
          assert.match(error.message, new RegExp(`behind by ${tags.length} \\(${tags.join(", ")}\\)`));
          return true;
        });
        await assert.rejects(checkMigrations(url, { schema }), MigrationError);
        const before = await migrationStatus(url, { schema });
        assert.deepEqual([before.applied, before.pending.map(({ tag }) => tag), before.newer], [[], tags, []]);
        assert.ok(before.pending.every(({ statements }) => statements.length > 0));

        const applied = await migrate(url, { schema });
        assert.deepEqual(applied.map(({ tag }) => tag), tags);
        assert.deepEqual(await migrate(url, { schema }), []);
        await checkMigrations(url, { schema });
        const after = await migrationStatus(url, { schema });
        assert.deepEqual(
          after.applied.map(({ tag, hash, when }) => ({ tag, hash, when })),
          known.map(({ tag, hash, when }) => ({ tag, hash, when })),
        );
        assert.deepEqual(after.pending, []);
        for (const mode of ["check", "auto", "off"] as const) await (await open(mode)).close();
        assert.equal((await run("select hash from LEDGER")).length, known.length);
      }),
  );

  test(
    `${name}: what a newer library added does no harm, what it broke is refused`,
    { ...needs, timeout },
    () =>
      use(async ({ url, schema, open, run }) => {
        await (await open("auto")).close();
        await run("insert into LEDGER (hash, created_at, tag, breaking) values ('abc', 99999999999999, '0099_more', '0')");
        for (const mode of ["auto", "check"] as const) await (await open(mode)).close();
        assert.deepEqual((await migrationStatus(url, { schema })).newer, [{ tag: "0099_more", when: 99_999_999_999_999, hash: "abc" }]);
        await run("update LEDGER set breaking = '1' where tag = '0099_more'");
        for (const mode of ["auto", "check"] as const) {
          await assert.rejects(open(mode), (error: unknown) => {
            assert.ok(error instanceof MigrationError);
            assert.match(error.message, /a newer version of the library applied 0099_more/);
            return true;
          });
        }
        await (await open("off")).close();
      }),
  );

  test(
    `${name}: an applied migration that is another one is refused, with both hashes`,
    { ...needs, timeout },
    () =>
      use(async ({ known, open, run }) => {
        await (await open("auto")).close();
        await run("update LEDGER set hash = 'feedbeef0123456789'");
        await assert.rejects(open("auto"), (error: unknown) => {
          assert.ok(error instanceof MigrationError);
          assert.match(error.message, /has hash feedbeef0123, this library's has/);
          assert.ok(error.message.includes(known[0]?.hash.slice(0, 12) ?? "?"));
          return true;
        });
      }),
  );

  test(`${name}: a migration that fails half-way leaves nothing behind`, { ...needs, timeout }, () =>
    use(async ({ host, known, run }) => {
      const bad: Migration = {
        tag: "9999_bad",
        when: 99_999_999_999_998,
        hash: "bad",
        statements: ["create table half (a integer)", "no SQL at all"],
      };
      await assert.rejects(migrateHost({ ...host, migrations: [...known, bad] }));
      await assert.rejects(run("select * from LEDGER"));
      assert.deepEqual((await migrateHost(host)).map(({ tag }) => tag), known.map(({ tag }) => tag));
      assert.equal((await run("select hash from LEDGER")).length, known.length);
    }));

  test(
    `${name}: an added migration is applied on connect, on top of what is there`,
    { ...needs, timeout },
    () =>
      use(async ({ host, known, open }) => {
        await (await open("auto")).close();
        const table = name === "sqlite" ? "stem_workers" : "workers";
        const more: Migration = {
          tag: "9999_more",
          when: 99_999_999_999_998,
          hash: "more",
          statements: [`alter table ${table} add column extra text`],
        };
        const applied = await migrateHost({ ...host, migrations: [...known, more] });
        assert.deepEqual(applied.map(({ tag }) => tag), ["9999_more"]);
        // This library, the older one now, goes on.
        await (await open("auto")).close();
      }),
  );

  test(
    `${name}: a database that Drizzle's own migrator migrated is current, and its ledger is taken over`,
    { ...needs, timeout },
    () =>
      use(async ({ url, schema, host, known, open, run, migrateWithDrizzle }) => {
        await migrateWithDrizzle();
        await (await open("check")).close();
        const status = await migrationStatus(url, { schema });
        assert.deepEqual([status.pending, status.applied.map(({ hash }) => hash)], [[], known.map(({ hash }) => hash)]);
        const more: Migration = { tag: "9999_more", when: 99_999_999_999_998, hash: "more", statements: ["select 1"] };
        await migrateHost({ ...host, migrations: [...known, more] });
        const tags = (await run("select tag from LEDGER order by created_at")).map(({ tag }) => tag ?? undefined);
        assert.deepEqual(tags, [...known.map(() => undefined), "9999_more"]);
        // The other way round: it finds everything applied.
        await migrateWithDrizzle();
        assert.equal((await run("select hash from LEDGER")).length, known.length + 1);
      }),
  );
}

test("a breaking migration is not applied on connect, except to an empty database", () => {
  const migration = (tag: string, when: number): Migration => ({ tag, when, hash: tag, statements: [] });
  const known = [migration("0000_first", 1), migration("0001_breaks", 2)];
  const breaking = new Set(["0001_breaks"]);
  requireAdditive("the database", compare("the database", known, undefined), breaking);
  const behind = compare("the database", known, [{ when: 1, hash: "0000_first", tag: "0000_first", breaking: false }]);
  assert.throws(
    () => requireAdditive("the database", behind, breaking),
    /0001_breaks breaks older versions of the library; apply it by command/,
  );
  requireAdditive("the database", behind);
});

test("only URLs of SQL stores can be migrated", { timeout }, async () => {
  for (const url of ["redis://localhost", "memory:", "stem.db"]) await assert.rejects(migrate(url), ConfigError);
});

test("verify: schema, snapshot, embedded module and migrated databases agree", { ...needsPostgres, timeout }, async () => {
  assert.deepEqual(await checkSchema("sqlite"), []);
  assert.deepEqual(await checkSchema("postgres"), []);
  assert.deepEqual(checkEmbedded(readFileSync(embeddedPath, "utf8")), []);
  await inCopy(async (folder) => assert.deepEqual(await sqliteCatalogue(join(folder, "verify.db")), []));
  assert.deepEqual(await postgresCatalogue(postgresUrl()), []);
});

test("verify: a changed migration, module or snapshot is noticed", { timeout }, () =>
  inCopy(async (folder) => {
    const module = readFileSync(embeddedPath, "utf8");
    assert.deepEqual(checkEmbedded(module, folder), []);
    assert.equal(checkEmbedded(module.replace("priority", "urgency"), folder).length, 1);

    const sqlFile = join(folder, "sqlite", `${sqliteMigrations[0]?.tag}.sql`);
    writeFileSync(sqlFile, `${readFileSync(sqlFile, "utf8")}\n-- changed by hand`);
    assert.equal(checkEmbedded(module, folder).length, 1);

    for (const dialect of ["sqlite", "postgres"] as const) {
      const latest = (dialect === "sqlite" ? sqliteMigrations : postgresMigrations).at(-1)?.tag.slice(0, 4);
      const snapshot = join(folder, dialect, "meta", `${latest}_snapshot.json`);
      assert.deepEqual(await checkSchema(dialect, folder), []);
      writeFileSync(
        snapshot,
        readFileSync(snapshot, "utf8").replace('"name": "consumer"', '"name": "customer"').replace('"consumer": {', '"customer": {'),
      );
      const drift = await checkSchema(dialect, folder).catch((error: unknown) => [String(error)]);
      assert.ok(drift.length > 0, `${dialect}: a renamed column went unnoticed`);
    }
  }));

test(
  "verify: a database that was migrated otherwise is noticed, down to defaults, order and predicates",
  { ...needsPostgres, timeout },
  () =>
    inCopy(async (folder) => {
      const changes: readonly (readonly [RegExp, string, RegExp])[] = [
        [/(.priority. integer) DEFAULT 0/, "$1 DEFAULT 5", /lacks (?:stem_)?tasks\.priority integer not null default 0/],
        [/(.worker. text)/, "$1 NOT NULL", /lacks (?:stem_)?tasks\.worker text (?:collate "c" )?null/],
        [/"priority" desc/, '"priority"', /lacks (?:stem_)?tasks: index \S+ \(ns, queue, priority desc, seq\) where phase = 0/],
        [/."phase" = 0/, '."phase" = 1', /where phase = 0/],
        [/CREATE INDEX .[a-z_]*dead_letters_died. [^;]*;/, "", /lacks (?:stem_)?dead_letters: index/],
      ];
      for (const [index, [from, to, message]] of changes.entries()) {
        const changed = (migrations: readonly Migration[]): readonly Migration[] =>
          migrations.map((migration) => ({
            ...migration,
            statements: migration.statements.map((statement) => statement.replace(from, to)).filter((statement) => statement.trim() !== ""),
          }));
        for (
          const problems of [
            await sqliteCatalogue(join(folder, `changed-${index}.db`), changed(sqliteMigrations)),
            await postgresCatalogue(postgresUrl(), changed(postgresMigrations)),
          ]
        ) assert.ok(problems.some((problem) => message.test(problem)), `${from.source}: ${problems.join("\n") || "nothing was noticed"}`);
      }
      const sortedOtherwise = postgresMigrations.map((migration) => ({
        ...migration,
        statements: migration.statements.map((statement) => statement.replace(/("tasks"[^]*"queue" SET DATA TYPE text) collate "C"/, "$1")),
      }));
      assert.match((await postgresCatalogue(postgresUrl(), sortedOtherwise)).join("\n"), /lacks tasks\.queue text collate "c"/);
    }),
);

async function withFile(work: (bare: Bare) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "stem-migrations-"));
  const path = join(folder, "bare.db");
  const client = createClient({ url: `file:${path}`, concurrency: 1, timeout: 5_000 });
  try {
    await work({
      url: `sqlite:${path}`,
      schema: "stem",
      known: sqliteMigrations,
      host: sqliteMigrationHost(client, path),
      open: (mode) => openSqlite(path, { migrate: mode }),
      run: async (text) => (await client.execute(text.replaceAll("LEDGER", "stem_migrations"))).rows.map((row) => ({ ...row })),
      migrateWithDrizzle: () =>
        migrateLibsql(drizzleLibsql({ client }), { migrationsFolder: join(root, "migrations/sqlite"), migrationsTable: "stem_migrations" }),
    });
  } finally {
    client.close();
    rmSync(folder, { recursive: true });
  }
}

function withBareSchema(work: (bare: Bare) => Promise<void>): Promise<void> {
  return withSchema((schema, sql) =>
    work({
      url: postgresUrl(),
      schema,
      known: postgresMigrations,
      host: postgresMigrationHost(sql, schema, "the server"),
      open: (mode) => openPostgres(postgresUrl(), { schema, migrate: mode, maxConnections: 1 }),
      run: (text) => sql.unsafe<Record<string, unknown>[]>(text.replaceAll("LEDGER", `"${schema}".stem_migrations`)),
      migrateWithDrizzle: async () => {
        await sql`create schema if not exists ${sql(schema)}`;
        const client = postgresJs(postgresUrl(), { max: 1, onnotice: () => {}, connection: { search_path: schema } });
        try {
          await migratePostgres(drizzlePostgres({ client }), {
            migrationsFolder: join(root, "migrations/postgres"),
            migrationsTable: "stem_migrations",
            migrationsSchema: schema,
          });
        } finally {
          await client.end();
        }
      },
    })
  );
}

/** Lends a copy of the migrations folder. */
async function inCopy(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "stem-copy-"));
  try {
    cpSync(join(root, "migrations"), folder, { recursive: true });
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
