/** Runs a program in a process group of its own, so that everything it started ends with it. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import type { Command } from "./runtimes.ts";
import { createServerFolder, type ServerFolder } from "./server-folder.ts";

/** How the program is run. */
export interface RunCommandOptions {
  /** The working folder. */
  readonly cwd: string;
  /** Variables added to this process's environment. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Whether the output is shown at once, or collected. */
  readonly output: "show" | "collect";
  /** Kills the program after this time, in milliseconds. @default no limit */
  readonly limitMs?: number;
}

/** How the program ended. */
export interface CommandOutcome {
  /** The exit code; 128 + the signal's number when a signal ended it. */
  readonly code: number;
  /** What it wrote, when that was collected. */
  readonly output: string;
}

const signalCodes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** Runs the program. A signal to this process is passed on to the whole group, and the outcome then carries that signal's code. */
export async function runCommand(command: Command, options: RunCommandOptions): Promise<CommandOutcome> {
  await using guard = createServerFolder("run");
  const child = spawn(command.program, command.args, {
    cwd: options.cwd,
    detached: true,
    env: { ...process.env, ...(process.stdout.isTTY ? {} : { NO_COLOR: "1" }), TMPDIR: temporaryFolder(guard), ...options.environment },
    stdio: ["ignore", options.output === "show" ? "inherit" : "pipe", options.output === "show" ? "inherit" : "pipe"],
  });
  const { pid } = child;
  if (pid === undefined) {
    const [error] = await once(child, "error") as [Error];
    throw new Error(`Cannot run "${command.program}": ${error.message}`, { cause: error });
  }
  guard.note(-pid, "KILL");
  const chunks: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding("utf8").on("data", (text: string) => chunks.push(text));
  let interrupted: number | undefined;
  const killGroup = (signal: NodeJS.Signals) => {
    try {
      process.kill(-pid, signal);
    } catch (error) {
      // The group may be gone by now; that is what was wanted.
      if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
    }
  };
  const pass = (signal: NodeJS.Signals) => {
    interrupted = signalCodes[signal as keyof typeof signalCodes];
    killGroup(signal);
    setTimeout(() => killGroup("SIGKILL"), 5_000).unref();
  };
  const signals = Object.keys(signalCodes) as (keyof typeof signalCodes)[];
  for (const signal of signals) process.on(signal, pass);
  const timer = options.limitMs === undefined ? undefined : setTimeout(() => {
    chunks.push(`\nStopped after ${options.limitMs} ms\n`);
    killGroup("SIGKILL");
  }, options.limitMs);
  try {
    const [code] = await once(child, "close") as [number | null, NodeJS.Signals | null];
    return { code: interrupted ?? code ?? 137, output: chunks.join("") };
  } finally {
    clearTimeout(timer);
    for (const signal of signals) process.off(signal, pass);
    killGroup("SIGKILL");
    guard.forget(-pid);
  }
}

// What the program leaves in its temporary folder goes with the guard. Servers that run under another user have to get through.
function temporaryFolder(guard: ServerFolder): string {
  const folder = join(guard.path, "tmp");
  mkdirSync(folder);
  chmodSync(folder, 0o1777);
  chmodSync(guard.path, 0o711);
  return folder;
}
