/**
 * A temporary folder for a private server, with a watcher that cleans up however the owner ends.
 *
 * The watcher is a small shell whose standard input is a pipe from this process. When the pipe closes (we asked for it, or this process was
 * killed, even with `kill -9`), it stops the servers noted in the folder, waits until they are gone, and removes the folder. There is no other
 * clean-up path, so the ordinary end of a test run exercises the same code as a crash.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, chownSync, constants, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";

/** The user that a server runs under; `undefined` means the current one. */
export interface RunAs {
  readonly uid: number;
  readonly gid: number;
}

/** A signal that makes a server stop by itself. */
export type StopSignal = "INT" | "KILL" | "QUIT" | "TERM";

/** A folder that disappears, with its servers, when it is removed or when this process ends. */
export interface ServerFolder extends AsyncDisposable {
  /** The folder's absolute path. */
  readonly path: string;
  /** Notes a process (or, negative, a process group) that the watcher stops with `signal`. */
  note(pid: number, signal: StopSignal): void;
  /** Takes the note back: that process is gone. */
  forget(pid: number): void;
  /** Stops what is noted, removes the folder, and waits until both are done. */
  remove(): Promise<void>;
}

// Ten seconds for a server to stop by itself. A zombie that nobody reaps (a container's first process often does not) counts as gone.
const watcherScript = `
alive() {
  kill -s 0 -- "$1" 2>/dev/null || return 1
  case "$(ps -o stat= -p "$1" 2>/dev/null)" in Z*) return 1 ;; esac
}
cat >/dev/null
for note in "$1"/*.pid; do
  [ -f "$note" ] || continue
  read -r signal pid <"$note"
  kill -s "$signal" -- "$pid" 2>/dev/null || continue
  [ "$signal" = KILL ] && continue
  left=200
  while [ "$left" -gt 0 ] && alive "$pid"; do left=$((left - 1)); sleep 0.05; done
  kill -s KILL -- "$pid" 2>/dev/null
done
# A server of another folder inside this one may still be on its way out.
rm -rf -- "$1" 2>/dev/null || { sleep 1; rm -rf -- "$1"; }
`;

/** Makes the folder and starts its watcher. */
export function createServerFolder(name: string, owner?: RunAs): ServerFolder {
  const path = mkdtempSync(join(temporaryRoot(owner), `stem-${name}-`));
  if (owner !== undefined) chownSync(path, owner.uid, owner.gid);
  const watcher = spawn("/bin/sh", ["-c", watcherScript, "stem-watcher", path], {
    cwd: "/",
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  unrefProcess(watcher);
  const gone = watcher.pid === undefined ? Promise.resolve() : once(watcher, "exit");
  const remove = async () => {
    watcher.ref();
    watcher.stdin?.end();
    await gone;
  };
  return {
    path,
    note: (pid, signal) => writeFileSync(join(path, `${pid}.pid`), `${signal} ${pid}\n`),
    forget: (pid) => rmSync(join(path, `${pid}.pid`), { force: true }),
    remove,
    [Symbol.asyncDispose]: remove,
  };
}

/** Lets this process end although the child and its pipes are still there. */
export function unrefProcess(child: ChildProcess): void {
  child.unref();
  for (const stream of [child.stdin, child.stdout, child.stderr]) {
    if (stream instanceof Socket) stream.unref();
  }
}

/** Tells whether the user can reach a path: every folder above it has to let them through. */
export function isReachable(path: string, user: RunAs | undefined): boolean {
  if (user === undefined) {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  }
  for (let current = path;; current = dirname(current)) {
    const { mode, uid, gid } = statSync(current);
    const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return false;
    if (dirname(current) === current) return true;
  }
}

/** The user for a server that refuses to run as root: `undefined` unless this process is root. */
export function unprivilegedUser(passwd: string): RunAs | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ["postgres", "nobody"]) {
    const fields = passwd.split("\n").find((line) => line.startsWith(`${name}:`))?.split(":");
    if (fields !== undefined) return { uid: Number(fields[2]), gid: Number(fields[3]) };
  }
  return { uid: 65_534, gid: 65_534 };
}

function temporaryRoot(owner: RunAs | undefined): string {
  const root = tmpdir();
  return owner !== undefined && !isReachable(root, owner) ? "/tmp" : root;
}
