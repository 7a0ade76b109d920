/** The examples, run as a reader would run them: on every runtime, against SQLite, Postgres and Redis, with what they print compared. */

import assert from "node:assert/strict";
import { type ChildProcess, execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { type Command, root, runtimeProgram } from "./support/runtimes.ts";
import { createServerFolder } from "./support/server-folder.ts";
import { needsPostgres, needsRedis, postgresUrl, redisUrl } from "./support/servers.ts";
import { filesUnder } from "./support/test-files.ts";

const timeout = 120_000;
const runtimes = ["node", "deno", "bun"] as const;
type Runtime = (typeof runtimes)[number];

const shortExamples = filesUnder("examples", [".ts"]).filter((path) => /^examples\/(?!quickstart)[\w-]+\.ts$/.test(path));

interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The document that `--json` prints. */
interface Report {
  readonly store: string;
  readonly totals: { readonly files: number; readonly size: number; readonly lines: number; readonly words: number };
  readonly files: Readonly<
    Record<string, { readonly size: number; readonly lines: number; readonly words: number; readonly sha256: string }>
  >;
  readonly unreadable: Readonly<Record<string, string>>;
  readonly retried: { readonly attempts: readonly { readonly attempt: number; readonly state: string }[]; readonly answer: string };
  readonly deadLetter: { readonly task: string; readonly reason: string; readonly error: string; readonly attempts: number };
}

for (const runtime of runtimes) {
  test(`the quickstart measures this repository on SQLite, on ${runtime}`, { timeout }, async () => {
    await using folder = createServerFolder("quickstart");
    const { code, stdout, stderr } = await runExample(runtime, "quickstart.ts", { cwd: folder.path });
    assert.equal(code, 0, stderr);
    const expected = [...filesUnder("docs", [""]), ...filesUnder("src", [""])].filter((path) => isFile(path));
    assert.match(stdout, new RegExp(`^Files   ${expected.length.toLocaleString("en-US")}, one task each$`, "m"));
    assert.match(stdout, new RegExp(`^  all ${expected.length.toLocaleString("en-US")} files `, "m"));
    assert.match(stdout, /^ +3 {2}succeeded {2}call 3 was answered$/m);
    assert.match(stdout, /quickstart\.hopeless was given up after 2 attempts: this number is not in use/);
    assert.match(stdout, /dead letter \(retries-exhausted\)/);
    assert.match(stdout, /STEM_URL=postgres:\/\/\S+ npm start/);
    assert.match(stderr, new RegExp(`^Measuring {2}${expected.length}/${expected.length}$`, "m"));
    assert.ok(!`${stdout}${stderr}`.includes("\u001b"), "Colours or cursor movements outside a terminal");
    assertGone(stdout);
    assert.deepEqual(readdirSync(folder.path).filter((name) => !/^stem-quickstart\.db(?:-wal|-shm)?$/.test(name)), []);
  });
}

test("the quickstart measures what it is given, for programs", { timeout }, async () => {
  await using folder = createServerFolder("quickstart");
  const sums = writeSample(join(folder.path, "sample"));
  // Twice, for the second run finds the first one's file.
  for (let run = 1; run <= 2; run += 1) {
    const { code, stdout, stderr } = await runExample("node", "quickstart.ts", { cwd: folder.path, args: ["sample", "--json"] });
    assert.equal(code, 0, stderr);
    assertReport(JSON.parse(stdout) as Report, sums);
  }
});

for (const [server, needs, urlOf] of [["Postgres", needsPostgres, postgresUrl], ["Redis", needsRedis, redisUrl]] as const) {
  test(`the quickstart does the same on ${server}`, { timeout, ...needs }, async () => {
    await using folder = createServerFolder("quickstart");
    const sums = writeSample(join(folder.path, "sample"));
    const environment = { STEM_URL: urlOf() };
    const args = ["sample", "--json"];
    const { code, stdout, stderr } = await runExample("node", "quickstart.ts", { cwd: folder.path, args, environment });
    assert.equal(code, 0, stderr);
    const report = JSON.parse(stdout) as Report;
    assert.equal(report.store.slice(0, 5), server.toLowerCase().slice(0, 5));
    assertReport(report, sums);
    assert.deepEqual(readdirSync(folder.path), ["sample"]);
  });
}

test("Ctrl-C ends the quickstart with its worker", { timeout }, async () => {
  await using folder = createServerFolder("quickstart");
  const { code, stdout, stderr } = await runExample("node", "quickstart.ts", {
    cwd: folder.path,
    onStart: (child) => child.kill("SIGINT"),
  });
  assert.match(stderr, /^Interrupted/m);
  assert.equal(code, 130);
  assertGone(stdout);
});

test("the quickstart says that its worker died", { timeout }, async () => {
  await using folder = createServerFolder("quickstart");
  const killWorker = (_: unknown, stdout: string) => void process.kill(workerIn(stdout), "SIGKILL");
  const { code, stdout, stderr } = await runExample("node", "quickstart.ts", { cwd: folder.path, onStart: killWorker });
  assert.match(stderr, /^The worker process ended too early, with signal SIGKILL$/m);
  assert.doesNotMatch(stderr, /^\s+at /m);
  assert.equal(code, 1);
  assertGone(stdout);
});

test("the quickstart refuses what it cannot use, in words", { timeout }, async () => {
  await using folder = createServerFolder("quickstart");
  writeFileSync(join(folder.path, "file"), "");
  mkdirSync(join(folder.path, "empty"));
  const cases = [
    { args: ["nowhere"], says: /^Cannot measure ".*nowhere": there is no such folder$/m },
    { args: ["file"], says: /^Cannot measure ".*file": it is not a folder$/m },
    { args: ["empty"], says: /^Cannot measure ".*empty": there is no file in it$/m },
    { args: ["a", "b"], says: /^Cannot measure 2 folders at once/m },
    { args: ["--fast"], says: /--fast/ },
    { args: [], environment: { STEM_URL: "memory:" }, says: /lives inside one process/ },
  ];
  const outcomes = await Promise.all(cases.map(({ args, environment }) => {
    return runExample("node", "quickstart.ts", { cwd: folder.path, args, ...environment === undefined ? {} : { environment } });
  }));
  for (const [at, { code, stdout, stderr }] of outcomes.entries()) {
    assert.match(stderr, cases[at]?.says ?? /never/);
    assert.deepEqual([code, stdout], [2, ""]);
    assert.doesNotMatch(stderr, /^\s+at /m, "A stack is not for people");
  }
  const unknown = await runExample("node", "quickstart.ts", { cwd: folder.path, environment: { STEM_URL: "tape:reel" } });
  assert.match(unknown.stderr, /scheme "tape"/);
  assert.doesNotMatch(unknown.stderr, /^\s+at /m);
  assert.equal(unknown.code, 2);
  for (const [shown, path] of [["postgres://me", "/stem"], ["redis://me", "/0"]] as const) {
    const unreachable = await runExample("node", "quickstart.ts", {
      cwd: folder.path,
      environment: { STEM_URL: `${shown}:secret@127.0.0.1:1${path}` },
    });
    assert.match(unreachable.stderr, new RegExp(`^Cannot connect to ${shown}@127\\.0\\.0\\.1:1${path}: .*ECONNREFUSED`, "m"));
    assert.doesNotMatch(unreachable.stderr, /secret|^\s+at /m);
    assert.equal(unreachable.code, 1);
  }
  const help = await runExample("node", "quickstart.ts", { cwd: folder.path, args: ["--help"] });
  assert.match(help.stdout, /Exit codes/);
  assert.equal(help.code, 0);
});

test("there are short examples, each with what it prints", () => {
  assert.ok(shortExamples.length >= 7, `Only ${shortExamples.length} examples were read`);
  const lengths = shortExamples.map((path) => ({ path, lines: readFileSync(join(root, path), "utf8").split("\n").length }));
  assert.deepEqual(lengths.filter(({ lines }) => lines > 60), []);
});

for (const path of shortExamples) {
  const needs = path.includes("postgres") ? needsPostgres : {};
  for (const runtime of runtimes) {
    test(`${path} prints what it says, on ${runtime}`, { timeout, ...needs }, async () => {
      await using folder = createServerFolder("example");
      const environment: Record<string, string> = path.includes("postgres") ? { STEM_URL: postgresUrl() } : {};
      const { code, stdout, stderr } = await runExample(runtime, path.slice("examples/".length), { cwd: folder.path, environment });
      assert.equal(code, 0, stderr);
      assert.equal(stdout, printedBy(path));
    });
  }
}

interface RunOptions {
  readonly cwd: string;
  readonly args?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Called once, with what was printed first. */
  readonly onStart?: (child: ChildProcess, stdout: string) => void;
}

function runExample(runtime: Runtime, file: string, { cwd, args = [], environment, onStart }: RunOptions): Promise<Finished> {
  const { program, args: before } = commandFor(runtime);
  const { STEM_URL: _, FORCE_COLOR: __, ...inherited } = process.env;
  const env = { ...inherited, TSX_TSCONFIG_PATH: join(root, "tsconfig.json"), NO_COLOR: "1", ...environment };
  return new Promise((resolve, reject) => {
    const child = execFile(
      program,
      [...before, join(root, "examples", file), ...args],
      { cwd, env, timeout: 60_000 },
      (error, stdout, stderr) => {
        if (error === null) resolve({ code: 0, stdout, stderr });
        else if (typeof error.code === "number") resolve({ code: error.code, stdout, stderr });
        else reject(new Error(`${file} did not end by itself\n${stdout}${stderr}`, { cause: error }));
      },
    );
    if (onStart !== undefined) child.stdout?.once("data", (text: string) => onStart(child, text));
  });
}

function commandFor(runtime: Runtime): Command {
  switch (runtime) {
    case "node":
      // This file may itself be run by another runtime.
      return {
        program: process.versions["deno"] ?? process.versions["bun"] ? "node" : process.execPath,
        args: ["--import", import.meta.resolve("tsx")],
      };
    case "deno":
      return { program: runtimeProgram("deno"), args: ["run", "-A"] };
    case "bun":
      return { program: runtimeProgram("bun"), args: [] };
  }
}

/** Writes files whose measurements are known; answers their SHA-256 sums by name. */
function writeSample(folder: string): Readonly<Record<string, string>> {
  const contents: Record<string, string | Uint8Array> = {
    "empty.txt": "",
    "poem.txt": "Roses are red,\nviolets are blue.\n",
    "deep/er/no-line-feed.txt": "  one\ttwo\u00a0three",
    "bytes.bin": Uint8Array.from({ length: 100_000 }, (_, at) => at % 256),
  };
  mkdirSync(join(folder, "deep/er"), { recursive: true });
  mkdirSync(join(folder, "node_modules"));
  writeFileSync(join(folder, "node_modules/skipped.txt"), "skipped");
  for (const [name, content] of Object.entries(contents)) writeFileSync(join(folder, name), content);
  return Object.fromEntries(
    Object.entries(contents).map(([name, content]) => [name, createHash("sha256").update(content).digest("hex")]),
  );
}

function assertReport(report: Report, sums: Readonly<Record<string, string>>): void {
  assert.deepEqual(Object.fromEntries(Object.entries(report.files).map(([name, { sha256 }]) => [name, sha256])), sums);
  assert.deepEqual(report.unreadable, {});
  const { "poem.txt": poem, "deep/er/no-line-feed.txt": deep, "empty.txt": empty } = report.files;
  assert.deepEqual([poem?.size, poem?.lines, poem?.words], [33, 2, 6]);
  assert.deepEqual([deep?.lines, deep?.words], [0, 2]);
  assert.deepEqual([empty?.size, empty?.lines, empty?.words], [0, 0, 0]);
  const sizes = Object.values(report.files).map(({ size }) => size);
  assert.deepEqual([report.totals.files, report.totals.size], [sizes.length, sizes.reduce((sum, size) => sum + size, 0)]);
  assert.equal(report.retried.answer, "call 3 was answered");
  assert.deepEqual(report.retried.attempts.at(-1), { attempt: 3, state: "succeeded" });
  assert.deepEqual(report.deadLetter, {
    task: "quickstart.hopeless",
    reason: "retries-exhausted",
    error: "this number is not in use",
    attempts: 2,
  });
}

/** The worker that the text names has ended. */
function assertGone(text: string): void {
  assert.throws(() => process.kill(workerIn(text), 0), { code: "ESRCH" });
}

function workerIn(text: string): number {
  const pid = Number(/^Worker {2}process (\d+) /m.exec(text)?.[1]);
  assert.ok(pid > 0, text);
  return pid;
}

function printedBy(path: string): string {
  const [, printed] = readFileSync(join(root, path), "utf8").split(/^\/\/ Prints:\n/m);
  assert.ok(printed !== undefined, `${path} does not say what it prints`);
  return printed.replaceAll(/^\/\/ ?/gm, "");
}

function isFile(path: string): boolean {
  return readdirSync(join(root, path, ".."), { withFileTypes: true }).some((entry) => entry.isFile() && path.endsWith(`/${entry.name}`));
}
