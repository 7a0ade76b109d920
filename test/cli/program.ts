/** The command line as a process of its own, on any runtime. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import process from "node:process";
import type { Environment } from "../../src/app/config.ts";
import { root, type RuntimeName, runtimeProgram } from "../support/runtimes.ts";
import { createServerFolder } from "../support/server-folder.ts";

/** How it is started. */
export interface ProgramOptions {
  /** The runtime. @default the Node that runs the test */
  readonly runtime?: RuntimeName;
  /** Variables of its environment; those that begin with `STEM_` are taken from here alone. */
  readonly environment?: Environment;
  /** The file that is started. @default the program's own */
  readonly entry?: string;
  /** Its working folder. @default the project's root */
  readonly cwd?: string;
}

/** A process that runs the command line; it ends with the test. */
export interface Program extends AsyncDisposable {
  /** Everything it wrote so far. */
  readonly written: () => string;
  /** How it ended: the exit code, or the signal. */
  readonly ended: Promise<number | string>;
  /** Waits until it has written that, at most 30 seconds. */
  hear(pattern: RegExp): Promise<RegExpExecArray>;
  /** Sends a signal. */
  signal(signal: NodeJS.Signals): void;
}

const LIMIT_MS = 30_000;

/** Starts it. */
export function startProgram(
  argv: readonly string[],
  { runtime = "node", environment = {}, cwd = root, entry = "src/cli/main.ts" }: ProgramOptions = {},
): Program {
  const guard = createServerFolder("program");
  const own = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("STEM_")));
  const child = spawn(runtimeProgram(runtime), [...runtimeArgs(runtime), join(root, entry), ...argv], {
    cwd,
    env: { ...own, NO_COLOR: "1", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  if (child.pid !== undefined) guard.note(child.pid, "KILL");
  let text = "";
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      for (const listener of listeners) listener();
    });
  }
  const ended = once(child, "close").then(([code, signal]: unknown[]) => {
    for (const listener of listeners) listener();
    return typeof code === "number" ? code : String(signal);
  });
  const hear = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => fail(`did not write ${String(pattern)} in ${LIMIT_MS} ms`), LIMIT_MS);
      const done = () => {
        clearTimeout(timer);
        listeners.delete(look);
      };
      const fail = (what: string) => {
        done();
        reject(new Error(`stem ${argv.join(" ")} on ${runtime} ${what}:\n${text}`));
      };
      const look = () => {
        const match = pattern.exec(text);
        if (match !== null) {
          done();
          resolve(match);
        } else if (child.exitCode !== null || child.signalCode !== null) fail("ended without it");
      };
      listeners.add(look);
      look();
    });
  return {
    written: () => text,
    ended,
    hear,
    signal: (signal) => void child.kill(signal),
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await ended;
      await guard.remove();
    },
  };
}

function runtimeArgs(runtime: RuntimeName): readonly string[] {
  if (runtime === "deno") return ["run", "-A", "--no-check"];
  // Node 24 and Bun take the types out by themselves.
  return runtime === "node" ? ["--import", import.meta.resolve("tsx")] : [];
}
