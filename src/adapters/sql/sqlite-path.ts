import { realpath, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { ConfigError, MigrationError } from "../../errors.ts";
import { show } from "../../model/id.ts";

/** The name of a database that lives in memory, and ends with its connection. */
export const IN_MEMORY = ":memory:";

const EXPECTED = 'expected a path, "sqlite:PATH", "file:PATH" or ":memory:"';

/**
 * Reads where a SQLite database is: a path, a `sqlite:` or `file:` URL, or `":memory:"`.
 *
 * @param options.create Whether the file may be made on opening. @default true
 * @returns the path as the system writes it, the same for every spelling; or {@link IN_MEMORY}.
 * @throws {ConfigError} when it names something else, a folder, or a file in a folder that is not there.
 * @throws {MigrationError} when it may not be made, and is not there.
 */
export async function sqlitePath(location: string | URL, { create = true }: { readonly create?: boolean } = {}): Promise<string> {
  const path = location instanceof URL ? pathOfUrl(location) : pathOf(location);
  if (path === IN_MEMORY) return IN_MEMORY;
  if (path === "" || path.includes("\u0000")) {
    throw new ConfigError(`Cannot open ${show(String(location))} as a SQLite database: ${EXPECTED}`);
  }
  const full = resolve(path);
  const found = await kindOf(full);
  if (found === "folder") throw new ConfigError(`Cannot open ${show(full)} as a SQLite database: it is a folder, expected a file`);
  if (found === "file") return await realpath(full);
  if (!create) throw new MigrationError(`Cannot use SQLite file ${show(full)}: it is not there; run the migrations first`);
  const folder = dirname(full);
  if (await kindOf(folder) !== "folder") {
    throw new ConfigError(`Cannot create ${show(full)} as a SQLite database: the folder ${show(folder)} is not there`);
  }
  return join(await realpath(folder), basename(full));
}

/** Whether a path that {@link sqlitePath} answered leads to a file already. */
export async function isThere(path: string): Promise<boolean> {
  return await kindOf(path) === "file";
}

/** Writes the path of a file as one of SQLite's URLs, with parameters such as `mode=ro`. */
export function sqliteUrl(path: string, parameters: string): string {
  return `file:${path.split("/").map(encodeURIComponent).join("/")}?${parameters}`;
}

function pathOf(location: string): string {
  if (location === IN_MEMORY) return IN_MEMORY;
  const [, scheme, rest = ""] = /^([a-z][a-z0-9+.-]+):(.*)$/is.exec(location) ?? [];
  if (scheme === undefined) return location;
  if (scheme.toLowerCase() !== "sqlite" && scheme.toLowerCase() !== "file") {
    const remote = scheme.toLowerCase() === "libsql" ? "remote libsql is not supported yet, " : "";
    throw new ConfigError(`Cannot open a database of scheme "${scheme}" as a SQLite database: ${remote}${EXPECTED}`);
  }
  if (rest.includes("?")) throw new ConfigError(`Cannot open ${show(location)} as a SQLite database: parameters are not supported`);
  return decoded(rest.startsWith("//") ? rest.slice(2) : rest, location);
}

function pathOfUrl(url: URL): string {
  return url.protocol === "file:" ? fileURLToPath(url) : pathOf(url.href);
}

function decoded(path: string, location: string): string {
  try {
    return decodeURIComponent(path);
  } catch (cause) {
    throw new ConfigError(`Cannot open ${show(location)} as a SQLite database: write % as %25`, { cause });
  }
}

async function kindOf(path: string): Promise<"file" | "folder" | undefined> {
  try {
    return (await stat(path)).isDirectory() ? "folder" : "file";
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR")) return undefined;
    throw error;
  }
}
