/** A private sentinel for tests, which watches one server under the name `stem-primary`. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "./port.ts";
import { findRedis, redisInstallHint } from "./redis-server.ts";
import type { RedisServer } from "./redis-server.ts";
import { createServerFolder, unrefProcess } from "./server-folder.ts";

/** What the sentinel calls the server that it watches. */
export const sentinelName = "stem-primary";

/** A running sentinel. Dispose of it, or end the process: nothing is left behind. */
export interface RedisSentinel extends AsyncDisposable {
  /** Its port. */
  readonly port: number;
}

/** How the sentinel is set up. */
export interface StartSentinelOptions {
  /** More lines of its configuration. */
  readonly settings?: readonly string[];
}

const startDeadlineMs = 15_000;

/** Starts a sentinel that alone decides whether the server is down, after half a second of silence. */
export async function startSentinel(primary: RedisServer, { settings = [] }: StartSentinelOptions = {}): Promise<RedisSentinel> {
  const program = findRedis();
  if (program === undefined) throw new Error(`Cannot start a sentinel: no program found; ${redisInstallHint}`);
  const folder = createServerFolder("sentinel");
  const port = await freePort();
  const file = join(folder.path, "sentinel.conf");
  const lines = [
    `port ${port}`,
    "bind 127.0.0.1",
    `dir "${folder.path}"`,
    `sentinel monitor ${sentinelName} 127.0.0.1 ${primary.port} 1`,
    `sentinel down-after-milliseconds ${sentinelName} 500`,
    `sentinel failover-timeout ${sentinelName} 3000`,
    ...settings,
  ];
  writeFileSync(file, lines.join("\n") + "\n");
  const child = spawn(program, [file, "--sentinel"], { cwd: folder.path, detached: true, stdio: ["ignore", "pipe", "ignore"] });
  if (child.pid !== undefined) folder.note(child.pid, "TERM");
  try {
    await untilWatching(child);
  } catch (error) {
    await folder.remove();
    throw error;
  }
  unrefProcess(child);
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      const gone = once(child, "exit");
      child.ref();
      child.kill("SIGTERM");
      await gone;
      if (child.pid !== undefined) folder.forget(child.pid);
      await folder.remove();
    },
  };
}

function untilWatching(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = "";
    const fail = (why: string): void => {
      clearTimeout(timer);
      reject(new Error(`Cannot start a sentinel: ${why}\n${said.slice(-2_000)}`));
    };
    const timer = setTimeout(() => fail(`it was not ready after ${startDeadlineMs} ms`), startDeadlineMs);
    child.once("error", (error) => fail(error.message));
    child.once("exit", (code, signal) => fail(`it ended with ${signal ?? code}`));
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-20_000);
      if (!said.includes("+monitor")) return;
      clearTimeout(timer);
      resolve();
    });
  });
}
