/** What holds for every command: help, versions, mistakes, colours; and that the page about them tells all of it. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Command } from "commander";
import { parse } from "yaml";
import { STORE_VARIABLES } from "../../src/app/config.ts";
import { Output } from "../../src/cli/output.ts";
import { createProgram } from "../../src/cli/program.ts";
import { readSchedules } from "../../src/cli/schedule-file.ts";
import { formatTable } from "../../src/cli/table.ts";
import { withSchema } from "../sql/databases.ts";
import { runCommand } from "../support/run-command.ts";
import { root, runtimeProgram } from "../support/runtimes.ts";
import { needsPostgres, postgresUrl } from "../support/servers.ts";
import { runtimesHere } from "../chaos/stage.ts";
import { call, callJson, errorOf } from "./call.ts";
import { onFile } from "./places.ts";
import { startProgram } from "./program.ts";

const timeout = 120_000;
const page = readFileSync(join(root, "docs/cli.md"), "utf8");

interface Leaf {
  readonly path: readonly string[];
  readonly flags: readonly string[];
}

function leaves(command: Command, path: readonly string[] = []): Leaf[] {
  if (command.commands.length > 0) return command.commands.flatMap((child) => leaves(child, [...path, child.name()]));
  return [{ path, flags: command.options.map(({ long }) => long ?? "") }];
}

const io = {
  environment: {},
  cwd: root,
  isTerminal: false,
  runtime: "test 1",
  processId: 1,
  write: () => {},
  writeError: () => {},
  readInput: () => Promise.resolve(""),
  onStop: () => () => {},
};
const commands = leaves(createProgram({ io, exitCode: 0 }));

test("every command has help that ends with 0, and names its flags", { timeout }, async () => {
  assert.ok(commands.length >= 18, `Only ${commands.length} commands were found`);
  for (const { path, flags } of commands) {
    const { code, out, errors } = await call([...path, "--help"]);
    assert.deepEqual([code, errors], [0, ""], path.join(" "));
    assert.match(out, new RegExp(`^Usage: stem ${path.join(" ")} `));
    for (const flag of flags) assert.ok(out.includes(flag), `${path.join(" ")} does not tell of ${flag}`);
    assert.ok(flags.includes("--json"));
  }
  assert.equal((await call(["help"])).code, 0);
  assert.match((await call(["--version"])).out, /^\d+\.\d+\.\d+\n$/);
});

test("without a command, or with half of one, the help goes to the errors and the code is 2", { timeout }, async () => {
  for (const argv of [[], ["worker"], ["schedule"], ["queue"], ["migrate"], ["beat"]]) {
    const { code, out, errors } = await call(argv);
    assert.deepEqual([code, out], [2, ""], argv.join(" "));
    assert.match(errors, /^Usage: stem /);
  }
  assert.equal((await call(["sing"])).code, 2);
  for (const url of ["redis://localhost/db", "mysql://localhost"]) assert.equal((await call(["queue", "list", "--url", url])).code, 2);
});

test("a store that is away ends with 1 and says so, as text and as JSON", { timeout }, async () => {
  const environment = { STEM_URL: "postgres://stem:hunter2@127.0.0.1:1/db" };
  for (const argv of [["schedule", "list"], ["worker", "list"], ["queue", "list"], ["worker", "revoke", "a"], ["migrate", "status"]]) {
    const text = await call(argv, { environment });
    assert.deepEqual([text.code, text.out], [1, ""], argv.join(" "));
    assert.match(text.errors, /^stem: Cannot connect to postgres:\/\/stem@127\.0\.0\.1:1\/db: /);
    const json = await callJson(argv, { environment });
    assert.equal(json.code, 1);
    assert.equal(errorOf(json.value).code, "STORE");
  }
  const redis = await call(["queue", "list"], { environment: { STEM_URL: "redis://stem:hunter2@127.0.0.1:1/2" } });
  assert.deepEqual([redis.code, redis.out], [1, ""]);
  assert.match(redis.errors, /^stem: Cannot connect to redis:\/\/stem@127\.0\.0\.1:1\/2: connect ECONNREFUSED/);
  const behind = await callJson(["schedule", "list", "--migrate", "check", "--url", "sqlite:./none.db"]);
  assert.equal(behind.code, 3);
});

test("a module that throws ends with 1 and tells where", { timeout }, () =>
  onFile(async ({ environment }) => {
    const argv = ["worker", "start", "--tasks", "test/cli/modules/broken.ts"];
    const { code, errors } = await call(argv, { environment });
    assert.equal(code, 1);
    assert.match(errors, /Cannot load the tasks of "test\/cli\/modules\/broken.ts": it failed[^]*RangeError: at load[^]*broken\.ts/);
    const json = await callJson(argv, { environment });
    assert.deepEqual(errorOf(json.value).code, "UNEXPECTED");
    assert.match(errorOf(json.value).message, /it failed: at load$/);
  }));

test("colours come on a terminal that wants them, and control characters never", { timeout }, () => {
  const painted = (environment: Readonly<Record<string, string>>, isTerminal: boolean) =>
    new Output({ ...io, environment, isTerminal }, { json: false }).paint("good", "yes");
  assert.equal(painted({}, true), "\u001b[32myes\u001b[39m");
  assert.equal(painted({}, false), "yes");
  assert.equal(painted({ NO_COLOR: "1" }, true), "yes");
  assert.equal(painted({ TERM: "dumb" }, true), "yes");
  const table = formatTable(["A", "B"], [["\u001b[31m", "x"], ["日本", "y"], ["a\nb", ""]], (text) => text);
  assert.equal(table, "A           B\n\\u{1b}[31m  x\n日本        y\na\\u{a}b");
});

test("the page tells of every command, flag and variable, and of nothing else", { timeout }, async () => {
  const told = new Set([...page.matchAll(/--[a-z][a-z-]+/g)].map(([flag]) => flag));
  const flags = new Set(commands.flatMap((command) => command.flags));
  assert.deepEqual([...flags].filter((flag) => !told.has(flag)), []);
  const others = ["--json", "--help", "--bun", "--import"];
  assert.deepEqual([...told].filter((flag) => !flags.has(flag) && !others.includes(flag)), []);
  for (const { path } of commands) assert.ok(page.includes(`stem ${path.join(" ")}`), `The page does not tell of ${path.join(" ")}`);
  const help = (await Promise.all(commands.map(({ path }) => call([...path, "--help"])))).map(({ out }) => out).join("\n");
  const variables = new Set([...help.matchAll(/STEM_[A-Z_]+/g)].map(([name]) => name));
  assert.ok(Object.values(STORE_VARIABLES).every((name) => variables.has(name)));
  for (const name of variables) assert.ok(page.includes(`\`${name}\``), `The page does not tell of ${name}`);
});

test("the page's schedule file can be applied", { timeout }, () => {
  const [, yaml = ""] = /```yaml\n([^]*?)```/.exec(page) ?? [];
  assert.deepEqual(readSchedules(yaml, "cli.md").map(({ id }) => id), ["report", "cleanup", "lamps", "month-end", "launch"]);
});

test("the steps of the workflow file do what it says", { ...needsPostgres, timeout }, () =>
  withSchema(async (schema) => {
    const workflow = parse(readFileSync(join(root, "docs/ci/migrate.yml"), "utf8")) as {
      jobs: Readonly<Record<string, { steps: readonly { run?: string }[] }>>;
    };
    const steps = [...workflow.jobs["try"]?.steps ?? [], ...workflow.jobs["deploy"]?.steps ?? []].flatMap(({ run }) => run ?? []);
    const script = steps.filter((run) => run.includes("stem")).map((run) =>
      run.replaceAll("npx stem", '"$NODE" --import tsx src/cli/main.ts')
    );
    assert.ok(script.length >= 6, `Only ${script.length} steps were found`);
    const { code, output } = await runCommand({ program: "bash", args: ["-e", "-c", script.join("\n")] }, {
      cwd: root,
      environment: { NODE: runtimeProgram("node"), STEM_URL: postgresUrl(), STEM_SCHEMA: schema },
      output: "collect",
    });
    assert.equal(code, 0, output);
    assert.match(output, /CREATE TABLE/);
    assert.match(output, /behind {2}schema/);
    assert.match(output, /current {2}schema/);
  }));

for (const { id, runtime } of runtimesHere()) {
  test(`the commands work as processes on ${id}`, { timeout }, () =>
    onFile(async ({ environment }) => {
      const cases: readonly (readonly [argv: readonly string[], code: number, written: RegExp])[] = [
        [["migrate", "check"], 3, /^behind /],
        [["schedule", "apply", "docs/cli.md"], 2, /^stem: /],
        [["schedule", "list", "--json"], 0, /^\{"schedules":\[\]\}\n$/],
        [["migrate", "check"], 0, /^current /],
        [["worker", "revoke", "a"], 0, /No worker reports/],
      ];
      for (const [argv, code, written] of cases) {
        await using program = startProgram(argv, { runtime, environment });
        assert.equal(await program.ended, code, `${argv.join(" ")}: ${program.written()}`);
        assert.match(program.written(), written);
      }
    }));
}

for (const { id, runtime } of runtimesHere().filter(({ runtime }) => runtime === "deno" || runtime === "bun")) {
  test(`the entry of the package runs the command line when ${id} starts it`, { timeout }, async () => {
    await using program = startProgram(["--version"], { runtime, entry: "src/cli.ts" });
    assert.equal(await program.ended, 0);
    assert.match(program.written(), /^\d+\.\d+\.\d+\n$/);
  });
}
