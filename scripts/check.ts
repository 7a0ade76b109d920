/**
 * The gate: `npm run check` (all steps), `npm run check -- lint types` (some of them).
 *
 * Every step runs even when an earlier one failed, unless it needs what that one makes. A step's output is shown only when it fails.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { runCommand } from "../test/support/run-command.ts";
import { type Command, root, runtimeProgram } from "../test/support/runtimes.ts";
import { createServerFolder } from "../test/support/server-folder.ts";

interface Step {
  readonly name: string;
  readonly purpose: string;
  readonly command: Command;
  /** The step that makes what this one looks at. */
  readonly after?: string;
}

process.exitCode = await main(process.argv.slice(2));

async function main(names: readonly string[]): Promise<number> {
  await using folder = createServerFolder("check");
  const steps = allSteps(folder.path);
  const unknown = names.find((name) => !steps.some((step) => step.name === name));
  if (unknown !== undefined) throw new Error(`Cannot run step "${unknown}": expected one of ${steps.map((step) => step.name).join(", ")}`);
  const chosen = names.length === 0
    ? steps
    : steps.filter((step) => names.some((name) => name === step.name || isNeededBy(steps, step, name)));
  const failed = new Set<string>();
  for (const step of chosen) {
    if (step.after !== undefined && failed.has(step.after)) {
      failed.add(step.name);
      console.log(line("skip", step, `needs ${step.after}`));
      continue;
    }
    const started = performance.now();
    const { code, output } = await runCommand(step.command, { cwd: root, output: "collect", limitMs: 600_000 });
    const time = `${((performance.now() - started) / 1_000).toFixed(1)} s`;
    console.log(line(code === 0 ? "ok" : "FAIL", step, time));
    if (code === 0) continue;
    failed.add(step.name);
    console.log(`\n$ ${[step.command.program, ...step.command.args].join(" ")}\n${output}`);
    if (code === 130 || code === 143) return code;
  }
  console.log(
    failed.size === 0 ? `All ${chosen.length} steps passed` : `${failed.size} of ${chosen.length} steps failed: ${[...failed].join(", ")}`,
  );
  return failed.size === 0 ? 0 : 1;
}

function allSteps(scratch: string): Step[] {
  const bin = (name: string, ...args: string[]): Command => ({ program: join(root, "node_modules/.bin", name), args });
  const npm = (...args: string[]): Command => ({ program: "npm", args });
  const script = (...args: string[]): Command => ({ program: process.execPath, args: ["--import", "tsx", ...args] });
  const deno = (...args: string[]): Command => ({ program: runtimeProgram("deno"), args });
  const entries = entryFiles();
  const archive = join(scratch, archiveName());
  return [
    { name: "format", purpose: "deno fmt", command: deno("fmt", "--check") },
    {
      name: "lint",
      purpose: "oxlint with types",
      command: bin("oxlint", "--type-aware", "--deny-warnings", "src", "test", "scripts", "examples", "bench"),
    },
    { name: "types", purpose: "tsc", command: bin("tsc", "-p", "tsconfig.json") },
    { name: "deno-types", purpose: "deno check of the entries", command: deno("check", ...entries) },
    { name: "doc", purpose: "every public symbol is documented", command: script("scripts/check-docs.ts", ...entries) },
    { name: "jsr", purpose: "JSR takes the package", command: script("scripts/check-jsr.ts") },
    { name: "verify", purpose: "migrations match the schema", command: npm("run", "--silent", "verify") },
    { name: "build", purpose: "dist", command: npm("run", "--silent", "build") },
    {
      name: "pack",
      purpose: "npm pack",
      command: npm("pack", "--ignore-scripts", "--silent", "--pack-destination", scratch),
      after: "build",
    },
    { name: "publint", purpose: "package manifest", command: bin("publint", "run", archive, "--strict"), after: "pack" },
    { name: "attw", purpose: "types of the package", command: bin("attw", archive, "--profile", "esm-only"), after: "pack" },
    { name: "knip", purpose: "nothing unused", command: bin("knip", "--no-progress") },
  ];
}

function isNeededBy(steps: readonly Step[], step: Step, name: string): boolean {
  const after = steps.find((candidate) => candidate.name === name)?.after;
  return after !== undefined && (after === step.name || isNeededBy(steps, step, after));
}

function line(state: string, step: Step, end: string): string {
  return `${state.padEnd(4)}  ${step.name.padEnd(10)}  ${step.purpose.padEnd(34)}  ${end.padStart(8)}`;
}

function entryFiles(): string[] {
  const config = readJson("deno.json");
  if (!("exports" in config) || typeof config.exports !== "object" || config.exports === null) {
    throw new Error("Cannot read the entries: deno.json has no exports");
  }
  return Object.values(config.exports).map(String);
}

function archiveName(): string {
  const manifest = readJson("package.json");
  if (!("name" in manifest && "version" in manifest)) throw new Error("Cannot name the archive: package.json has no name or version");
  return `${String(manifest.name).replace("@", "").replace("/", "-")}-${String(manifest.version)}.tgz`;
}

function readJson(file: string): object {
  const value: unknown = JSON.parse(readFileSync(join(root, file), "utf8"));
  if (typeof value !== "object" || value === null) throw new Error(`Cannot read ${file}: it is not an object`);
  return value;
}
