/** Runs TypeScript files in processes of their own, on the runtime that runs the test, and lets several of them begin at the same moment. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline";
import { type Command, root } from "./runtimes.ts";
import { createServerFolder } from "./server-folder.ts";

/** How a child ended. */
export interface ChildOutcome {
  /** The exit code; absent when a signal ended it. */
  readonly code: number | undefined;
  /** The lines that it wrote to its standard output after `ready`. */
  readonly lines: readonly string[];
  /** What it wrote to its standard error. */
  readonly errors: string;
}

/**
 * Starts `count` processes of a file, waits until all have called {@link waitForStart}, and lets them go.
 *
 * They end with this process, however that ends.
 *
 * @param file Relative to the root.
 * @param argsOf The arguments of the process with that index.
 */
export async function runTogether(
  file: string,
  count: number,
  argsOf: (index: number) => readonly string[],
): Promise<readonly ChildOutcome[]> {
  await using guard = createServerFolder("children");
  const children = Array.from({ length: count }, (_, index) => {
    const { program, args } = commandFor(file, argsOf(index));
    const child = spawn(program, args, { cwd: root, stdio: ["pipe", "pipe", "pipe"] });
    if (child.pid !== undefined) guard.note(child.pid, "KILL");
    return watch(child);
  });
  try {
    await Promise.all(children.map(({ ready }) => ready));
    for (const { child } of children) child.stdin?.end("go");
    return await Promise.all(children.map(({ ended }) => ended));
  } finally {
    for (const { child } of children) {
      if (child.exitCode === null) child.kill("SIGKILL");
      if (child.pid !== undefined) guard.forget(child.pid);
    }
  }
}

/** In a child: says that it is ready, and waits until all the others are. */
export async function waitForStart(): Promise<void> {
  console.log("ready");
  for await (const _chunk of process.stdin) break;
  process.stdin.destroy();
}

interface Watched {
  readonly child: ChildProcess;
  readonly ready: Promise<void>;
  readonly ended: Promise<ChildOutcome>;
}

function watch(child: ChildProcess): Watched {
  const lines: string[] = [];
  const errors: string[] = [];
  child.stderr?.setEncoding("utf8").on("data", (text: string) => errors.push(text));
  const ended = once(child, "close").then(([code]: unknown[]) => ({
    code: typeof code === "number" ? code : undefined,
    lines,
    errors: errors.join(""),
  }));
  const ready = new Promise<void>((resolve, reject) => {
    if (child.stdout === null) return reject(new Error("Cannot read what the child writes"));
    createInterface(child.stdout).on("line", (line) => {
      if (line === "ready") resolve();
      else lines.push(line);
    });
    ended.then(() => reject(new Error(`A child ended before it was ready: ${errors.join("")}`)), reject);
  });
  return { child, ready, ended };
}

function commandFor(file: string, args: readonly string[]): Command {
  const program = process.execPath;
  if (process.versions["deno"] !== undefined) return { program, args: ["run", "-A", "--no-check", file, ...args] };
  if (process.versions["bun"] !== undefined) return { program, args: [file, ...args] };
  // Node 24 takes the types out by itself.
  return { program, args: [...process.versions.node.startsWith("20.") ? ["--import", "tsx"] : [], file, ...args] };
}
