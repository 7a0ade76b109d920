/** The test command itself: what it says, and how it ends, with servers and without. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { root } from "./support/runtimes.ts";
import { createServerFolder } from "./support/server-folder.ts";

const timeout = 120_000;
const support = JSON.stringify(join(root, "test/support/servers.ts"));
const onServer = `
  import { test } from "node:test";
  import { needsPostgres, needsRedis, postgresUrl, redisUrl } from ${support};
  test("passes", () => {});
  test("on a server", { ...needsPostgres }, () => { new URL(postgresUrl()); });
  test("on another server", { ...needsRedis }, () => { new URL(redisUrl()); });
`;
const onValkey = `
  import { test } from "node:test";
  import { needsValkey, valkeyUrl } from ${support};
  test("passes", () => {});
  test("on a server", { ...needsValkey }, () => { new URL(valkeyUrl()); });
`;

test("it gives a private server to the files that need one, and ends with the runner's summary", { timeout }, async () => {
  const { code, stdout } = await testCommand(onServer, {});
  assert.equal(code, 0);
  assert.match(stdout, /PostgreSQL: a private server of .* \(version \d+\)/);
  assert.match(stdout, /Redis: a private server of .*-server\n/);
  assert.match(stdout, /pass 3\n(?:.*\n)*.*skipped 0\n.*todo 0\n.*duration_ms [\d.]+\n$/);
});

test("a given server is used, and none is started", { timeout }, async () => {
  const given = { STEM_TEST_POSTGRES_URL: "postgres://elsewhere/test", STEM_TEST_REDIS_URL: "redis://elsewhere" };
  const { code, stdout } = await testCommand(onServer, given);
  assert.equal(code, 0);
  assert.match(stdout, /PostgreSQL: the server in STEM_TEST_POSTGRES_URL/);
  assert.match(stdout, /Redis: the server in STEM_TEST_REDIS_URL/);
  assert.doesNotMatch(stdout, /private server/);
});

test("without a server the cases are skipped, and it says loudly what to install", { timeout }, async () => {
  const { code, stdout, stderr } = await testCommand(onServer, { STEM_TEST_SERVERS: "none" });
  assert.equal(code, 0);
  assert.match(stdout, /skipped 2/);
  assert.match(stderr, /NOT EVERYTHING CAN BE TESTED HERE.*\nPostgreSQL is not available: .*apt-get install postgresql/);
  assert.match(stderr, /\nRedis is not available: .*apt-get install redis-server/);
});

test(
  "Valkey, of which not every system has a package, may be missing: that is said as loudly, and never counts as a pass",
  { timeout },
  async () => {
    const missing = await testCommand(onValkey, { STEM_TEST_SERVERS: "none", CI: "true" });
    assert.equal(missing.code, 0);
    assert.match(missing.stdout, /pass 1\n(?:.*\n)*.*skipped 1\n/);
    assert.match(missing.stderr, /NOT EVERYTHING CAN BE TESTED HERE.*\nValkey is not available: .*install valkey/);
    const given = await testCommand(onValkey, { STEM_TEST_VALKEY_URL: "redis://elsewhere", CI: "true" });
    assert.match(given.stdout, /Valkey: the server in STEM_TEST_VALKEY_URL\n(?:.*\n)*.*pass 2\n(?:.*\n)*.*skipped 0\n/);
  },
);

test("with CI=true a missing server is a failure", { timeout }, async () => {
  const { code, stderr } = await testCommand(onServer, { STEM_TEST_SERVERS: "none", CI: "true" });
  assert.equal(code, 1);
  assert.match(stderr, /CI=true: a missing server is a failure/);
});

test("it fails when a case fails, and starts nothing for files that need no server", { timeout }, async () => {
  const { code, stdout } = await testCommand('import { test } from "node:test"; test("x", () => { throw new Error("no"); });', {});
  assert.equal(code, 1);
  assert.doesNotMatch(stdout, /private server/);
});

test("paths without a test file and unknown runtimes are refused", { timeout }, async () => {
  assert.match((await run(["test/nowhere"], {})).stderr, /there is no test file/);
  assert.match((await run(["--runtime", "perl"], {})).stderr, /Cannot run the tests on "perl"/);
});

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command on one file, and shows that it leaves no folder behind. */
async function testCommand(source: string, environment: Readonly<Record<string, string>>): Promise<Outcome> {
  await using folder = createServerFolder("command");
  // A temporary folder of its own for the command: what it leaves there is its own.
  const temporary = join(folder.path, "tmp");
  mkdirSync(temporary, { mode: 0o777 });
  const file = join(folder.path, "one.test.ts");
  writeFileSync(file, source);
  const outcome = await run([file], { TMPDIR: temporary, ...environment });
  assert.deepEqual(readdirSync(temporary).filter((name) => name.startsWith("stem-")), []);
  return outcome;
}

function run(args: readonly string[], environment: Readonly<Record<string, string>>): Promise<Outcome> {
  // This file may itself be run with CI=true, with a server, and by a test runner that would adopt the inner one.
  const { CI: _ci, STEM_TEST_POSTGRES_URL: _pg, STEM_TEST_REDIS_URL: _redis, STEM_TEST_VALKEY_URL: _valkey, ...rest } = process.env;
  const { NODE_TEST_CONTEXT: _context, ...inherited } = rest;
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ["--import", "tsx", "scripts/test.ts", ...args],
      { cwd: root, env: { ...inherited, ...environment } },
      (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
      },
    );
  });
}
