/**
 * The test command: `npm test`, `npm test -- test/model`, `npm test -- --runtime deno test/adapters/sqlite.test.ts`.
 *
 * Provides the servers that the files need, runs the runtime's own test runner over them, and leaves no process and no folder behind. Other arguments
 * that start with a dash go to that test runner, for example `--test-name-pattern=lease`.
 */

import process from "node:process";
import { type MissingServer, provideServers, serversNeededBy } from "../test/support/provide-servers.ts";
import { runCommand } from "../test/support/run-command.ts";
import { root, type RuntimeName, runtimeNames, testCommand } from "../test/support/runtimes.ts";
import { testFiles } from "../test/support/test-files.ts";

process.exitCode = await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<number> {
  const { runtime, paths, args } = parse(argv);
  const files = testFiles(paths);
  await using servers = await provideServers(serversNeededBy(files));
  for (const line of servers.found) console.log(line);
  announceMissing(servers.missing);
  if (servers.missing.some(({ isOptional }) => !isOptional) && process.env["CI"] === "true") {
    console.error("CI=true: a missing server is a failure.");
    return 1;
  }
  const { code } = await runCommand(testCommand(runtime, { files, args }), { cwd: root, environment: servers.environment, output: "show" });
  announceMissing(servers.missing);
  return code > 128 ? code : Math.min(code, 1);
}

function announceMissing(missing: readonly MissingServer[]): void {
  if (missing.length === 0) return;
  const bar = "!".repeat(78);
  const lines = missing.map(({ line }) => line).join("\n");
  console.error(`${bar}\nNOT EVERYTHING CAN BE TESTED HERE: the cases that need these are skipped.\n${lines}\n${bar}`);
}

interface Arguments {
  readonly runtime: RuntimeName;
  readonly paths: readonly string[];
  readonly args: readonly string[];
}

function parse(argv: readonly string[]): Arguments {
  let runtime: RuntimeName = "node";
  const paths: string[] = [];
  const args: string[] = [];
  for (let index = 0; index < argv.length; index += 1) {
    const argument = argv[index] ?? "";
    if (argument === "--runtime" || argument.startsWith("--runtime=")) {
      const name = argument.includes("=") ? argument.slice("--runtime=".length) : argv[index += 1];
      const known = runtimeNames.find((candidate) => candidate === name);
      if (known === undefined) throw new Error(`Cannot run the tests on "${name}": expected one of ${runtimeNames.join(", ")}`);
      runtime = known;
    } else if (argument.startsWith("-")) args.push(argument);
    else paths.push(argument);
  }
  return { runtime, paths, args };
}
