/** The runtimes that the tests run on, and how each one's own test runner is started. */

import { existsSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** The names of the runtimes: `node` is the one that runs the script. */
export type RuntimeName = "node" | "node24" | "deno" | "bun";

/** All of them, in the order of reports. */
export const runtimeNames: readonly RuntimeName[] = ["node", "node24", "deno", "bun"];

/** The project's root folder. */
export const root: string = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

/** Where the second Node comes from; `npm ci --prefix test/runtimes` fills it. */
export const runtimesFolder: string = join(root, "test/runtimes");

/** A program with its arguments. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
}

/** What to run on a runtime. */
export interface TestCommandOptions {
  /** The test files, relative to the root. */
  readonly files: readonly string[];
  /** Arguments for the runtime's test runner, put before the files. */
  readonly args?: readonly string[];
  /** A file for a JUnit report; without one the report goes to the standard output, made for people. */
  readonly junit?: string;
}

/** The command that runs test files with the runtime's own test runner. */
export function testCommand(runtime: RuntimeName, { files, args = [], junit }: TestCommandOptions): Command {
  const program = runtimeProgram(runtime);
  const paths = files.map((file) => `./${relative(root, resolve(root, file))}`);
  switch (runtime) {
    case "node":
    case "node24": {
      const reporters = junit === undefined
        ? ["--test-reporter=spec"]
        : ["--test-reporter=spec", "--test-reporter-destination=stdout", "--test-reporter=junit", `--test-reporter-destination=${junit}`];
      // Node 24 takes the types out by itself: nothing stands between it and the sources.
      return { program, args: [...runtime === "node" ? ["--import", "tsx"] : [], "--test", ...reporters, ...args, ...paths] };
    }
    case "deno":
      return { program, args: ["test", "-A", "--no-check", ...junit === undefined ? [] : [`--junit-path=${junit}`], ...args, ...paths] };
    case "bun":
      return {
        program,
        args: [
          "test",
          "--timeout=60000",
          ...junit === undefined ? [] : ["--reporter=junit", `--reporter-outfile=${junit}`],
          ...args,
          ...paths,
        ],
      };
  }
}

/** The runtime's program; throws when it is not installed. */
export function runtimeProgram(runtime: RuntimeName): string {
  if (runtime === "node") return process.execPath;
  const candidates = runtime === "node24" ? node24Candidates() : packagedCandidates(runtime);
  const program = candidates.find((path) => existsSync(path));
  if (program === undefined) {
    throw new Error(`Cannot run ${runtime}: it is not installed; run \`npm ci${runtime === "node24" ? " --prefix test/runtimes" : ""}\``);
  }
  return program;
}

function node24Candidates(): string[] {
  return ["node", "node-bin"].map((prefix) =>
    join(runtimesFolder, "node_modules", `${prefix}-${process.platform}-${process.arch}`, "bin/node")
  );
}

// The wrapper package's program is put there by an install script, which may be switched off; the platform's package always has it, unless that
// script moved it.
function packagedCandidates(runtime: "deno" | "bun"): string[] {
  const { platform, arch } = process;
  const names = runtime === "deno"
    ? [`@deno/${platform}-${arch}${platform === "linux" ? "-glibc" : ""}/deno`, "deno/deno"]
    : [`@oven/bun-${platform}-${arch === "arm64" ? "aarch64" : arch}/bin/bun`, "bun/bin/bun.exe"];
  return names.map((name) => join(root, "node_modules", name));
}
