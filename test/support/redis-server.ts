/** A private Redis (or Valkey) server for tests: started on a free port in a temporary folder, and free to be killed and restarted. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { freePort } from "./port.ts";
import { createServerFolder, type ServerFolder, unrefProcess } from "./server-folder.ts";

/** How the server is set up. */
export interface StartRedisOptions {
  /** The program, as {@link findRedis} and {@link findValkey} answer it. @default what {@link findRedis} finds */
  readonly program?: string;
  /** More settings, as in `redis.conf`: they come after the ordinary ones, and win. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** A running private server. Dispose of it, or end the process: nothing is left behind. */
export interface RedisServer extends AsyncDisposable {
  /** Its URL. */
  readonly url: string;
  /** Its port; the same after a restart. */
  readonly port: number;
  /** The folder with its data, and whatever its settings refer to. */
  readonly folder: string;
  /** Stops the server in its tracks: the machine goes on to accept connections for it, and nobody answers on them. */
  pause(): void;
  /** Lets it go on. */
  resume(): void;
  /** Kills the server as `kill -9` does, without a word to its clients. */
  kill(): Promise<void>;
  /** Shuts the server down; the data stays for a {@link RedisServer.restart}. */
  halt(): Promise<void>;
  /** Starts the server again on the same port and data, after {@link RedisServer.kill} or {@link RedisServer.halt}; a running one is halted first. */
  restart(): Promise<void>;
  /** Stops the server and removes its folder. */
  stop(): Promise<void>;
}

/** What to tell somebody who has no Redis. */
export const redisInstallHint = "install Redis or Valkey (Debian/Ubuntu: `apt-get install redis-server`, macOS: `brew install redis`), " +
  "or set STEM_TEST_REDIS_URL to a server's URL";

/** What to tell somebody who has no Valkey. */
export const valkeyInstallHint = "install it (Debian 13/Ubuntu: `apt-get install valkey-server`, macOS: `brew install valkey`), " +
  "or set STEM_TEST_VALKEY_URL to a server's URL";

const startDeadlineMs = 15_000;

/** Finds the program; `undefined` when this machine has none, or `STEM_TEST_SERVERS=none` hides it. */
export function findRedis(): string | undefined {
  return findProgram("redis-server") ?? findProgram("valkey-server");
}

/** Finds Valkey's program alone, likewise. */
export function findValkey(): string | undefined {
  return findProgram("valkey-server");
}

/** Starts a private server that writes its append-only file, as production ones do; throws when this machine has no program for it. */
export async function startRedis({ program = findRedis(), settings = {} }: StartRedisOptions = {}): Promise<RedisServer> {
  if (program === undefined) throw new Error(`Cannot start Redis: no program found; ${redisInstallHint}`);
  const folder = createServerFolder("redis");
  const launch = (port: number) => launchServer({ program, port, settings, folder });
  try {
    for (let tries = 1;; tries += 1) {
      const port = await freePort();
      try {
        return controlServer(await launch(port), { port, folder, launch });
      } catch (error) {
        // Somebody may take the free port before the server does.
        if (tries === 5 || !isOccupied(error)) throw error;
      }
    }
  } catch (error) {
    await folder.remove();
    throw error;
  }
}

function findProgram(name: string): string | undefined {
  if (process.env["STEM_TEST_SERVERS"] === "none") return undefined;
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/bin", "/usr/sbin", "/usr/local/bin", "/opt/homebrew/bin"];
  return folders.map((folder) => join(folder, name)).find((program) => existsSync(program));
}

interface Control {
  readonly port: number;
  readonly folder: ServerFolder;
  readonly launch: (port: number) => Promise<ChildProcess>;
}

function controlServer(first: ChildProcess, { port, folder, launch }: Control): RedisServer {
  let running: ChildProcess | undefined = first;
  const end = async (signal: NodeJS.Signals) => {
    const child = running;
    running = undefined;
    if (child === undefined) return;
    if (child.exitCode === null && child.signalCode === null) {
      const gone = once(child, "exit");
      child.ref();
      child.kill(signal);
      // A paused one hears of nothing else.
      signalTo(child, "SIGCONT");
      await gone;
    }
    if (child.pid !== undefined) folder.forget(child.pid);
  };
  const stop = async () => {
    await end("SIGTERM");
    await folder.remove();
  };
  return {
    url: `redis://127.0.0.1:${port}/0`,
    port,
    folder: folder.path,
    pause: () => signalTo(running, "SIGSTOP"),
    resume: () => signalTo(running, "SIGCONT"),
    kill: () => end("SIGKILL"),
    halt: () => end("SIGTERM"),
    restart: async () => {
      await end("SIGTERM");
      running = await launch(port);
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Deno's child processes take one signal only. */
function signalTo(child: ChildProcess | undefined, signal: NodeJS.Signals): void {
  if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  process.kill(child.pid, signal);
}

interface Launch {
  readonly program: string;
  readonly port: number;
  readonly settings: Readonly<Record<string, string>>;
  readonly folder: ServerFolder;
}

async function launchServer({ program, port, settings, folder }: Launch): Promise<ChildProcess> {
  const all = { port: String(port), bind: "127.0.0.1", dir: folder.path, save: "", appendonly: "yes", ...settings };
  const args = Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]);
  const child = spawn(program, args, { cwd: folder.path, detached: true, stdio: ["ignore", "pipe", "ignore"] });
  if (child.pid !== undefined) folder.note(child.pid, "TERM");
  try {
    await untilReady(child);
  } catch (error) {
    child.kill("SIGKILL");
    if (child.pid !== undefined) folder.forget(child.pid);
    throw error;
  }
  unrefProcess(child);
  return child;
}

/** Waits for the line that says so; rejects with what the server said when it ends or stays silent. */
function untilReady(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = "";
    const fail = (why: string) => {
      clearTimeout(timer);
      reject(new Error(`Cannot start Redis: ${why}\n${said.slice(-2_000)}`));
    };
    const timer = setTimeout(() => fail(`it was not ready after ${startDeadlineMs} ms`), startDeadlineMs);
    child.once("error", (error) => fail(error.message));
    child.once("exit", (code, signal) => fail(`it ended with ${signal ?? code}`));
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-20_000);
      if (!said.includes("eady to accept connections")) return;
      clearTimeout(timer);
      resolve();
    });
  });
}

function isOccupied(error: unknown): boolean {
  return /Address already in use|bind: /i.test(String(error));
}
