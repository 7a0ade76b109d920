/** `stem migrate`: what it says and with what it ends, on both dialects, and for users who may only read. */

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { postgresMigrations, sqliteMigrations } from "../../src/migrations.ts";
import { createServerFolder } from "../support/server-folder.ts";
import { needsPostgres, postgresUrl } from "../support/servers.ts";
import { withSchema } from "../sql/databases.ts";
import { assertHolds, call, callJson, errorOf } from "./call.ts";

const timeout = 60_000;

interface Side {
  readonly url: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly tags: readonly string[];
  readonly run: (text: string) => Promise<unknown>;
}

const sides = [
  { name: "sqlite", needs: {}, use: onFile },
  { name: "postgres", needs: needsPostgres, use: onSchema },
] as const;

for (const { name, needs, use } of sides) {
  test(
    `${name}: check ends with 3 before up and with 0 after it, and status and plan say what there is`,
    { ...needs, timeout },
    () =>
      use(async ({ environment, tags }) => {
        const behind = await callJson(["migrate", "check"], { environment });
        assert.equal(behind.code, 3);
        assertHolds(behind.value, { current: false, databases: [{ current: false, pending: tags }] });
        const plan = await callJson(["migrate", "plan"], { environment });
        assertHolds(plan.value, { databases: [{ pending: tags.map((tag) => ({ tag })) }] });
        assert.match(
          (await call(["migrate", "plan"], { environment })).out,
          new RegExp(`^-- .*\\n[^]*-- ${tags[0]}\\nCREATE TABLE [^]*;\\n$`),
        );

        const up = await callJson(["migrate", "up"], { environment });
        assert.equal(up.code, 0);
        assertHolds(up.value, { databases: [{ applied: tags }] });
        assertHolds((await callJson(["migrate", "up"], { environment })).value, { databases: [{ applied: [] }] });
        const current = await callJson(["migrate", "check"], { environment });
        assert.equal(current.code, 0);
        assertHolds(current.value, { current: true, databases: [{ current: true, pending: [] }] });
        const status = await callJson(["migrate", "status"], { environment });
        assertHolds(status.value, { databases: [{ applied: tags.map((tag) => ({ tag })), newer: [], pending: [] }] });
        const text = await call(["migrate", "status"], { environment });
        for (const tag of tags) assert.match(text.out, new RegExp(`${tag} +applied`));
        assert.match((await call(["migrate", "plan"], { environment })).out, /nothing to apply\n$/);
      }),
  );

  test(
    `${name}: a database that does not fit is a failed check, and no other command goes on`,
    { ...needs, timeout },
    () =>
      use(async ({ environment, run }) => {
        await call(["migrate", "up"], { environment });
        await run("update LEDGER set hash = 'feedbeef'");
        const check = await callJson(["migrate", "check"], { environment });
        assert.equal(check.code, 3);
        assert.match(JSON.stringify(check.value), /"problem":"Cannot use .*has hash feedbeef/);
        for (const command of ["up", "plan", "status"]) {
          const outcome = await callJson(["migrate", command], { environment });
          assert.equal(outcome.code, 3, command);
          assert.equal(errorOf(outcome.value).code, "MIGRATION");
        }
      }),
  );
}

test(
  "postgres: check works for a user who may only read, and up does not",
  { ...needsPostgres, timeout },
  () =>
    withSchema(async (schema, sql) => {
      const reader = `${schema}_reader`;
      const url = new URL(postgresUrl());
      url.username = reader;
      url.password = "reader";
      const asReader = ["--url", url.href, "--schema", schema];
      await sql.unsafe(`create role "${reader}" login password 'reader'`);
      try {
        assert.equal((await call(["migrate", "check", ...asReader])).code, 3);
        const refused = await callJson(["migrate", "up", ...asReader]);
        assert.equal(refused.code, 1);
        assert.match(errorOf(refused.value).message, /permission denied/);
        await call(["migrate", "up", "--url", postgresUrl(), "--schema", schema]);
        await sql.unsafe(`grant usage on schema "${schema}" to "${reader}"; grant select on "${schema}".stem_migrations to "${reader}"`);
        const check = await call(["migrate", "check", ...asReader]);
        assert.deepEqual([check.code, check.errors], [0, ""]);
        await sql.unsafe(`delete from "${schema}".stem_migrations where created_at > ${postgresMigrations[0]?.when ?? 0}`);
        assert.equal((await call(["migrate", "check", ...asReader])).code, 3);
      } finally {
        await sql.unsafe(`drop owned by "${reader}"; drop role "${reader}"`);
      }
    }),
);

test("every SQL database of the environment is meant, or those of --url alone", { timeout }, () =>
  onFile(async ({ url, environment }) => {
    const other = url.replace("cli.db", "other.db");
    const two = { ...environment, STEM_BROKER_URL: other, STEM_LOCK_STORE_URL: url, STEM_SCHEDULE_STORE_URL: "memory:" };
    const up = await call(["migrate", "up"], { environment: two });
    assert.equal(up.out.split("\n").length, 3, up.out);
    assert.match(up.errors, /Nothing to migrate at memory:/);
    const one = await call(["migrate", "check", "--url", other], { environment: { STEM_URL: "memory:" } });
    assert.match(one.out, /^current {2}SQLite file ".*other\.db"\n$/);
  }));

test("check makes no SQLite file, and says that everything is missing", { timeout }, () =>
  onFile(async ({ url, tags }) => {
    const { code, out } = await call(["migrate", "check", "--url", url]);
    assert.equal(code, 3);
    assert.match(out, new RegExp(`^behind {2}SQLite file .*: ${tags.join(", ")}\n$`));
    assert.equal(existsSync(url.slice("sqlite:".length)), false);
  }));

test("a call that cannot be carried out ends with 2 and names the mistake", { timeout }, async () => {
  const cases: readonly (readonly [readonly string[], Readonly<Record<string, string>>, RegExp])[] = [
    [["migrate", "check"], {}, /neither STEM_URL nor one of its like is set; pass --url/],
    [["migrate", "up"], { STEM_URL: "memory:" }, /none of those .* is SQL/],
    [["migrate", "up", "--url", "redis://localhost"], {}, /of scheme "redis"/],
    [["migrate", "up", "--url"], {}, /argument missing/],
    [["migrate", "up", "--force"], {}, /unknown option '--force'/],
    [["migrate", "chek"], {}, /unknown command 'chek' \(Did you mean check\?\)/],
    [["migrate", "check", "now"], {}, /too many arguments/],
    [["migrate", "up", "--schema", "", "--url", "sqlite:/nowhere/at/all.db"], {}, /the folder .* is not there/],
  ];
  for (const [argv, environment, message] of cases) {
    const { code, out, errors } = await call(argv, { environment });
    assert.equal(code, 2, `${argv.join(" ")}: ${errors}`);
    assert.match(errors, message);
    assert.match(errors, /^stem: /);
    assert.equal(out, "");
    const json = await callJson(argv.at(-1) === "--url" ? ["migrate", "up", "--url="] : argv, { environment });
    assert.equal(json.code, 2, argv.join(" "));
    assert.match(errorOf(json.value).code, /^(?:USAGE|CONFIG)$/);
  }
});

async function onFile(work: (side: Side) => Promise<void>): Promise<void> {
  await using folder = createServerFolder("cli");
  const url = `sqlite:${join(folder.path, "cli.db")}`;
  await work({
    url,
    environment: { STEM_URL: url },
    tags: sqliteMigrations.map(({ tag }) => tag),
    run: async (text) => {
      const { createClient } = await import("@libsql/client");
      const client = createClient({ url: `file:${join(folder.path, "cli.db")}` });
      await client.execute(text.replace("LEDGER", "stem_migrations"));
      client.close();
    },
  });
}

function onSchema(work: (side: Side) => Promise<void>): Promise<void> {
  return withSchema((schema, sql) =>
    work({
      url: postgresUrl(),
      environment: { STEM_URL: postgresUrl(), STEM_SCHEMA: schema },
      tags: postgresMigrations.map(({ tag }) => tag),
      run: (text) => sql.unsafe(text.replace("LEDGER", `"${schema}".stem_migrations`)),
    })
  );
}
