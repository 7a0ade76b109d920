import { readdir, stat } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { UsageError } from "./options.ts";

/** A file to measure. */
export interface FoundFile {
  /** Its absolute path: the worker may run in another folder. */
  readonly path: string;
  /** Its path from the folder it was found under. */
  readonly name: string;
}

const repository = fileURLToPath(new URL("../..", import.meta.url));
const skipped = ["node_modules", ".git"];

/** Lists the files under a folder, or under this repository's `docs` and `src`. Links are not followed. */
export async function findFiles(folder: string | undefined): Promise<readonly FoundFile[]> {
  const base = folder === undefined ? repository : resolve(folder);
  const starts = folder === undefined ? [join(base, "docs"), join(base, "src")] : [base];
  for (const start of starts) await requireFolder(start);
  const found = (await Promise.all(starts.map((start) => filesUnder(start)))).flat().sort();
  if (found.length === 0) throw new UsageError(`Cannot measure "${base}": there is no file in it`);
  return found.map((path) => ({ path, name: relative(base, path) }));
}

async function filesUnder(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const nested = await Promise.all(entries.map(async (entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return skipped.includes(entry.name) ? [] : filesUnder(path);
    return entry.isFile() ? [path] : [];
  }));
  return nested.flat();
}

async function requireFolder(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw new UsageError(`Cannot measure "${path}": there is no such folder`);
  if (!found.isDirectory()) throw new UsageError(`Cannot measure "${path}": it is not a folder`);
}
