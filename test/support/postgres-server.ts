/** A private PostgreSQL server for tests: started on a free port in a temporary folder, and free to be killed and restarted. */

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { freePort } from "./port.ts";
import { findPostgres, type PostgresBinaries, postgresInstallHint, reachableBin } from "./postgres-binaries.ts";
import { createServerFolder, type RunAs, type ServerFolder, unprivilegedUser, unrefProcess } from "./server-folder.ts";

/** How the server is set up. */
export interface StartPostgresOptions {
  /** Whether commits wait for the disk. A killed process loses nothing either way, only a power cut does. @default false */
  readonly fsync?: boolean;
  /** How many connections the server takes. @default 200 */
  readonly maxConnections?: number;
  /** The password of user `stem`; without one the server trusts everybody on the loopback interface. */
  readonly password?: string;
  /** More settings, as in `postgresql.conf`. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** A running private server. Dispose of it, or end the process: nothing is left behind. */
export interface PostgresServer extends AsyncDisposable {
  /** The URL of its database `postgres`, with user `stem`. */
  readonly url: string;
  /** Its port; the same after a restart. */
  readonly port: number;
  /** Kills the server and its sessions as `kill -9` does, without a word to its clients. */
  kill(): Promise<void>;
  /** Shuts the server down, ending its clients' connections with an error; the data stays for a {@link PostgresServer.restart}. */
  halt(): Promise<void>;
  /** Starts the server again on the same port and data, after {@link PostgresServer.kill} or {@link PostgresServer.halt}; a running one is halted first. */
  restart(): Promise<void>;
  /** Stops the server and removes its folder. */
  stop(): Promise<void>;
}

const startDeadlineMs = 30_000;

/** Starts a private server; throws when this machine has no PostgreSQL programs. */
export async function startPostgres(options: StartPostgresOptions = {}): Promise<PostgresServer> {
  const binaries = findPostgres();
  if (binaries === undefined) throw new Error(`Cannot start PostgreSQL: no programs found; ${postgresInstallHint}`);
  const user = unprivilegedUser(readFileSync("/etc/passwd", "utf8"));
  const folder = createServerFolder("postgres", user);
  try {
    const data = join(folder.path, "data");
    const bin = reachableBin(binaries, user, folder.path);
    initialise({ binaries, bin, data, folder, user, password: options.password });
    const settings = serverSettings(options);
    const launch = (port: number) => launchServer({ program: join(bin, "postgres"), data, port, settings, folder, user });
    for (let tries = 1;; tries += 1) {
      const port = await freePort();
      try {
        return controlServer(await launch(port), { port, folder, launch, password: options.password });
      } catch (error) {
        // Somebody may take the free port before the server does.
        if (tries === 5 || !String(error).includes("Address already in use")) throw error;
      }
    }
  } catch (error) {
    await folder.remove();
    throw error;
  }
}

interface Control {
  readonly port: number;
  readonly folder: ServerFolder;
  readonly launch: (port: number) => Promise<ChildProcess>;
  readonly password: string | undefined;
}

function controlServer(first: ChildProcess, control: Control): PostgresServer {
  let running: ChildProcess | undefined = first;
  const end = async (signal: NodeJS.Signals) => {
    const child = running;
    running = undefined;
    if (child === undefined) return;
    if (child.exitCode === null && child.signalCode === null) {
      const gone = once(child, "exit");
      child.ref();
      // Sessions outlive a killed server for a moment, and go on answering.
      const sessions = signal === "SIGKILL" ? childrenOf(child.pid) : [];
      child.kill(signal);
      for (const pid of sessions) killProcess(pid);
      await gone;
    }
    if (child.pid !== undefined) control.folder.forget(child.pid);
  };
  const stop = async () => {
    await end("SIGINT");
    await control.folder.remove();
  };
  const secret = control.password === undefined ? "" : `:${encodeURIComponent(control.password)}`;
  return {
    url: `postgres://stem${secret}@127.0.0.1:${control.port}/postgres`,
    port: control.port,
    kill: () => end("SIGKILL"),
    halt: () => end("SIGINT"),
    restart: async () => {
      await end("SIGINT");
      running = await relaunch(control);
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function childrenOf(parent: number | undefined): number[] {
  const rows = execFileSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" }).trim().split("\n").map((row) =>
    row.trim().split(/\s+/).map(Number)
  );
  return rows.flatMap(([pid, of]) => pid !== undefined && of === parent ? [pid] : []);
}

function killProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    // It noticed its server's death by itself.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

// Until every process of a killed server is gone, it refuses to start.
async function relaunch(control: Control): Promise<ChildProcess> {
  const deadline = performance.now() + startDeadlineMs;
  for (;;) {
    try {
      return await control.launch(control.port);
    } catch (error) {
      const isOccupied = /pre-existing shared memory block|Address already in use|lock file .* already exists/.test(String(error));
      if (!isOccupied || performance.now() > deadline) throw error;
    }
  }
}

interface Initialisation {
  readonly binaries: PostgresBinaries;
  readonly bin: string;
  readonly data: string;
  readonly folder: ServerFolder;
  readonly user: RunAs | undefined;
  readonly password: string | undefined;
}

function initialise({ binaries, bin, data, folder, user, password }: Initialisation): void {
  const args = ["-D", data, "-U", "stem", "--encoding=UTF8", "--locale=C", "--no-sync"];
  if (password === undefined) args.push("--auth=trust");
  else {
    const file = join(folder.path, "password");
    writeFileSync(file, `${password}\n`, { mode: 0o644 });
    args.push("--auth=scram-sha-256", `--pwfile=${file}`);
  }
  // A collation that sorts as people do, not as bytes do, so that no statement can rely on byte order unnoticed.
  const collation = binaries.major >= 15 ? ["--locale-provider=icu", "--icu-locale=en-US"] : [];
  execFileSync(join(bin, "initdb"), [...args, ...collation], {
    cwd: folder.path,
    env: serverEnvironment(),
    stdio: ["ignore", "ignore", "pipe"],
    ...user,
  });
}

function serverSettings(options: StartPostgresOptions): Record<string, string> {
  const isDurable = options.fsync ?? false;
  return {
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    max_connections: String(options.maxConnections ?? 200),
    shared_buffers: "64MB",
    logging_collector: "off",
    log_destination: "stderr",
    ...(isDurable ? {} : { fsync: "off", full_page_writes: "off" }),
    ...options.settings,
  };
}

interface Launch {
  readonly program: string;
  readonly data: string;
  readonly port: number;
  readonly settings: Readonly<Record<string, string>>;
  readonly folder: ServerFolder;
  readonly user: RunAs | undefined;
}

async function launchServer({ program, data, port, settings, folder, user }: Launch): Promise<ChildProcess> {
  const args = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const child = spawn(program, ["-D", data, "-p", String(port), ...args], {
    cwd: folder.path,
    env: serverEnvironment(),
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
    ...user,
  });
  if (child.pid !== undefined) folder.note(child.pid, "QUIT");
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
      reject(new Error(`Cannot start PostgreSQL: ${why}\n${said.slice(-2_000)}`));
    };
    const timer = setTimeout(() => fail(`it was not ready after ${startDeadlineMs} ms`), startDeadlineMs);
    child.once("error", (error) => fail(error.message));
    child.once("exit", (code, signal) => fail(`it ended with ${signal ?? code}`));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-20_000);
      if (!said.includes("ready to accept connections")) return;
      clearTimeout(timer);
      resolve();
    });
  });
}

// Settings of the person who runs the tests (PGPORT, LC_ALL, …) must not reach the server.
function serverEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env["PATH"], LC_ALL: "C", TZ: "UTC" };
}
