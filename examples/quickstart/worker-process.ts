import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** The worker, in a process of its own. */
export interface WorkerProcess {
  /** Its process id. */
  readonly pid: number | undefined;
  /** Resolves when the process has ended, with the words for how. */
  readonly ended: Promise<string>;
  /** Lets it finish what it runs, and waits for its end. */
  stop(): Promise<void>;
}

const program = fileURLToPath(new URL("../quickstart-worker.ts", import.meta.url));

/** Starts the worker on the runtime that runs this file. The store is named in the environment, where no list of processes shows its password. */
export function startWorker(url: string, namespace: string): WorkerProcess {
  const child = spawn(process.execPath, [...runtimeArguments(), program], {
    env: { ...process.env, STEM_URL: url, STEM_NAMESPACE: namespace },
    // Its standard output joins our standard error, so that `--json` stays one document whatever a task prints.
    stdio: ["pipe", 2, "inherit"],
  });
  // A worker that died does not read any more; how it died is told by `ended`.
  child.stdin?.on("error", () => {});
  const ended = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`));
  });
  return {
    pid: child.pid,
    ended,
    stop: async () => {
      // The worker works until its standard input ends. So it also ends when this process is killed.
      child.stdin?.end();
      await ended;
    },
  };
}

/** What stands between the runtime's name and the script: `--import tsx` on Node, `run -A` on Deno, nothing on Bun. */
function runtimeArguments(): readonly string[] {
  return process.versions["deno"] === undefined ? process.execArgv : ["run", "-A"];
}
