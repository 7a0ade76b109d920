/**
 * `npm run test:runtimes [-- --others] [files…]`: the adapters' conformance, the broken stores and the runtime tests on Node 20, Node 24, Deno and Bun, with one
 * table at the end.
 *
 * Fails on any failed case, on a file that runs too few cases or skips others than the reviewed table says, and on a runtime that runs fewer cases
 * of a file than another one does. Files for which the reviewed table says `once` run on this Node alone; one whose server may be missing is not run
 * without it, and is said to be so. `--others` leaves out this Node, on which `npm test` runs the same files.
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
const standardPaths = ["test/adapters", "test/broken.test.ts", "test/model-based.test.ts", "test/runtimes"];

interface Run {
  readonly file: string;
  readonly runtime: RuntimeName;
  readonly counts: CaseCounts;
  readonly seconds: number;
  readonly problems: readonly string[];
}

process.exitCode = await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<number> {
  const paths = argv.filter((argument) => argument !== "--others");
  const [here, ...others] = runtimeNames;
  const everywhere = argv.includes("--others") ? others : runtimeNames;
  await installRuntimes();
  const chosen = testFiles(paths.length > 0 ? paths : standardPaths);
  await using servers = await provideServers(serversNeededBy(chosen));
  for (const line of [...servers.found, ...servers.missing.map((missing) => missing.line)]) console.log(line);
  const isAbsent = (file: string) => servers.missing.some(({ kind, isOptional }) => isOptional && serversNeededBy([file]).includes(kind));
  const expected = readExpectedCounts();
  const absent = chosen.filter((file) => isAbsent(file) && expected.get(file)?.without !== undefined);
  if (servers.missing.some(({ isOptional }) => !isOptional)) return 1;
  const files = chosen.filter((file) => !absent.includes(file));
  await using folder = createServerFolder("reports");
  const runs: Run[] = [];
  for (const file of files) {
    for (const runtime of expected.get(file)?.once === true ? everywhere.filter((name) => name === here) : everywhere) {
      const report = join(folder.path, `${runs.length}.xml`);
      const run = await runFile({ file, runtime, report, environment: servers.environment });
      console.log(`${run.problems.length === 0 ? "ok  " : "FAIL"} ${title(runtime)} ${file} (${run.seconds.toFixed(1)} s)`);
      for (const problem of run.problems) console.log(problem);
      runs.push(run);
      if (process.exitCode !== undefined) return Number(process.exitCode);
    }
  }
  return report(runs, absent);
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
  if (counts.failed > 0) problems.push(`Failed: ${counts.failures.join("\nFailed: ")}`);
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

function report(runs: readonly Run[], absent: readonly string[]): number {
  const files = [...new Set(runs.map((run) => run.file))];
  const unequal = files.filter((file) => new Set(runs.filter((run) => run.file === file).map((run) => run.counts.executed)).size > 1);
  const rows = files.map((file) => [
    file,
    ...runtimeNames.map((runtime) => {
      const counts = runs.find((run) => run.file === file && run.runtime === runtime)?.counts;
      return counts === undefined ? "-" : `${counts.executed} / ${counts.failed} / ${counts.skipped}`;
    }),
  ]);
  const notRun = absent.map((file) => [file, ...runtimeNames.map(() => "not run")]);
  console.log(`\nCases executed / failed / skipped\n${formatTable(["file", ...runtimeNames.map(title)], [...rows, ...notRun])}`);
  for (const file of absent) console.log(`NOT RUN ${file}: its server is not available here (see above)`);
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
