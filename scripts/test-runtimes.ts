/**
 * `npm run test:runtimes [files…]`: the adapters' conformance and the runtime tests on Node 20, Node 24, Deno and Bun, with one table at the end.
 *
 * Fails on any failed case, on a file that runs too few cases or skips others than the reviewed table says, and on a runtime that runs fewer cases
 * of a file than another one does.
 */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { readExpectedCounts } from "../test/support/expected-counts.ts";
import { type CaseCounts, countCases } from "../test/support/junit.ts";
import { provideServers, serversNeededBy } from "../test/support/provide-servers.ts";
import { runCommand } from "../test/support/run-command.ts";
import { root, type RuntimeName, runtimeNames, runtimesFolder, testCommand } from "../test/support/runtimes.ts";
import { createServerFolder } from "../test/support/server-folder.ts";
import { formatTable } from "../test/support/table.ts";
import { testFiles } from "../test/support/test-files.ts";

const limitMs = 900_000;

interface Run {
  readonly file: string;
  readonly runtime: RuntimeName;
  readonly counts: CaseCounts;
  readonly seconds: number;
  readonly problems: readonly string[];
}

process.exitCode = await main(process.argv.slice(2));

async function main(paths: readonly string[]): Promise<number> {
  await installRuntimes();
  const files = testFiles(paths.length > 0 ? paths : ["test/adapters", "test/runtimes"]);
  await using servers = await provideServers(serversNeededBy(files));
  for (const line of [...servers.found, ...servers.missing]) console.log(line);
  if (servers.missing.length > 0) return 1;
  await using folder = createServerFolder("reports");
  const runs: Run[] = [];
  for (const file of files) {
    for (const runtime of runtimeNames) {
      const report = join(folder.path, `${runs.length}.xml`);
      const run = await runFile({ file, runtime, report, environment: servers.environment });
      console.log(`${run.problems.length === 0 ? "ok  " : "FAIL"} ${title(runtime)} ${file} (${run.seconds.toFixed(1)} s)`);
      for (const problem of run.problems) console.log(problem);
      runs.push(run);
      if (process.exitCode !== undefined) return Number(process.exitCode);
    }
  }
  return report(runs);
}

interface FileRun {
  readonly file: string;
  readonly runtime: RuntimeName;
  readonly report: string;
  readonly environment: Readonly<Record<string, string>>;
}

async function runFile({ file, runtime, report, environment }: FileRun): Promise<Run> {
  const started = performance.now();
  const outcome = await runCommand(testCommand(runtime, { files: [file], junit: report }), {
    cwd: root,
    environment,
    output: "collect",
    limitMs,
  });
  const counts = countCases(existsSync(report) ? readFileSync(report, "utf8") : "");
  const problems: string[] = [];
  if (outcome.code === 130 || outcome.code === 143) process.exitCode = outcome.code;
  if (outcome.code !== 0) problems.push(outcome.output.slice(-20_000), `The test runner ended with code ${outcome.code}`);
  if (counts.failed > 0) problems.push(`Failed: ${counts.failures.join(", ")}`);
  const expected = readExpectedCounts().get(file);
  if (expected === undefined) problems.push(`"${file}" is not in test/expected-counts.json: add what it must run`);
  else {
    if (counts.executed < expected.atLeast) problems.push(`Only ${counts.executed} cases ran; at least ${expected.atLeast} are expected`);
    if (counts.skipped !== expected.skipped) {
      problems.push(`${counts.skipped} cases were skipped, expected are ${expected.skipped}: ${counts.skips.join(", ")}`);
    }
  }
  return { file, runtime, counts, problems, seconds: (performance.now() - started) / 1_000 };
}

function report(runs: readonly Run[]): number {
  const files = [...new Set(runs.map((run) => run.file))];
  const unequal = files.filter((file) => new Set(runs.filter((run) => run.file === file).map((run) => run.counts.executed)).size > 1);
  const rows = files.map((file) => [
    file,
    ...runtimeNames.map((runtime) => {
      const counts = runs.find((run) => run.file === file && run.runtime === runtime)?.counts;
      return counts === undefined ? "-" : `${counts.executed} / ${counts.failed} / ${counts.skipped}`;
    }),
  ]);
  console.log(`\nCases executed / failed / skipped\n${formatTable(["file", ...runtimeNames.map(title)], rows)}`);
  for (const file of unequal) console.log(`Not every runtime ran the same number of cases of ${file}`);
  const bad = runs.filter((run) => run.problems.length > 0);
  for (const run of bad) console.log(`FAIL ${title(run.runtime)} ${run.file}: ${run.problems.at(-1) ?? ""}`);
  const failed = Math.max(runs.reduce((sum, run) => sum + run.counts.failed, 0), bad.length + unequal.length);
  const passed = runs.reduce((sum, run) => sum + run.counts.executed - run.counts.failed, 0);
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

function title(runtime: RuntimeName): string {
  const names = { node: `Node ${process.versions.node.split(".")[0] ?? ""}`, node24: "Node 24", deno: "Deno", bun: "Bun" } as const;
  return names[runtime];
}

// Not a dependency of the root: its `node_modules/.bin/node` would replace the Node that runs npm scripts.
async function installRuntimes(): Promise<void> {
  if (existsSync(join(runtimesFolder, "node_modules"))) return;
  console.log("Installing Node 24 for the tests (npm ci --prefix test/runtimes)");
  const { code, output } = await runCommand({ program: "npm", args: ["ci", "--no-fund", "--no-audit"] }, {
    cwd: runtimesFolder,
    output: "collect",
  });
  if (code !== 0) throw new Error(`Cannot install the runtimes for the tests:\n${output}`);
}
