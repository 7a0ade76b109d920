/** A private Redis (or Valkey) server for tests: started on a free port in a temporary folder. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { freePort } from "./port.ts";
import { createServerFolder, unrefProcess } from "./server-folder.ts";

/** A running private server. Dispose of it, or end the process: nothing is left behind. */
export interface RedisServer extends AsyncDisposable {
  /** Its URL. */
  readonly url: string;
  /** Stops the server and removes its folder. */
  stop(): Promise<void>;
}

/** What to tell somebody who has no Redis. */
export const redisInstallHint = "install Redis or Valkey (Debian/Ubuntu: `apt-get install redis-server`, macOS: `brew install redis`), " +
  "or set STEM_TEST_REDIS_URL to a server's URL";

const startDeadlineMs = 15_000;

/** Finds the program; `undefined` when this machine has none, or `STEM_TEST_SERVERS=none` hides it. */
export function findRedis(): string | undefined {
  if (process.env["STEM_TEST_SERVERS"] === "none") return undefined;
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/bin", "/usr/sbin", "/usr/local/bin", "/opt/homebrew/bin"];
  return folders.flatMap((folder) => [join(folder, "redis-server"), join(folder, "valkey-server")]).find((program) => existsSync(program));
}

/** Starts a private server that writes its append-only file, as production ones do; throws when this machine has no program for it. */
export async function startRedis(): Promise<RedisServer> {
  const program = findRedis();
  if (program === undefined) throw new Error(`Cannot start Redis: no program found; ${redisInstallHint}`);
  const folder = createServerFolder("redis");
  const port = await freePort();
  const args = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder.path, "--save", "", "--appendonly", "yes"];
  const child = spawn(program, args, { cwd: folder.path, detached: true, stdio: ["ignore", "pipe", "ignore"] });
  if (child.pid !== undefined) folder.note(child.pid, "TERM");
  try {
    await new Promise<void>((resolve, reject) => {
      let said = "";
      const timer = setTimeout(
        () => reject(new Error(`Cannot start Redis: it was not ready after ${startDeadlineMs} ms\n${said}`)),
        startDeadlineMs,
      );
      const settle = (act: () => void) => {
        clearTimeout(timer);
        act();
      };
      child.once("error", (error) => settle(() => reject(new Error(`Cannot start Redis: ${error.message}`, { cause: error }))));
      child.once("exit", (code, signal) => settle(() => reject(new Error(`Cannot start Redis: it ended with ${signal ?? code}\n${said}`))));
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        said = (said + text).slice(-20_000);
        if (said.includes("eady to accept connections")) settle(resolve);
      });
    });
  } catch (error) {
    await folder.remove();
    throw error;
  }
  unrefProcess(child);
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      const gone = once(child, "exit");
      child.ref();
      child.kill("SIGTERM");
      await gone;
    }
    if (child.pid !== undefined) folder.forget(child.pid);
    await folder.remove();
  };
  return { url: `redis://127.0.0.1:${port}/0`, stop, [Symbol.asyncDispose]: stop };
}
