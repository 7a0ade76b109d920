/** The test files of this project. */

import { existsSync, readdirSync, statSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { root } from "./runtimes.ts";

/** Every file with one of the endings under a folder, as sorted paths from the project's root; `node_modules` is left out. */
export function filesUnder(folder: string, endings: readonly string[]): string[] {
  const start = resolve(root, folder);
  if (!existsSync(start)) return [];
  return readdirSync(start, { recursive: true, encoding: "utf8" })
    .filter((path) => !path.includes("node_modules") && endings.some((ending) => path.endsWith(ending)))
    .map((path) => relative(root, join(start, path)).replaceAll("\\", "/"))
    .toSorted();
}

/** The test files that are meant by paths of files and folders; all of them when none is given. Throws for a path that has none. */
export function testFiles(paths: readonly string[]): string[] {
  const chosen = paths.length === 0 ? ["test"] : paths;
  return [...new Set(chosen.flatMap((path) => filesAt(path)))];
}

function filesAt(path: string): string[] {
  const absolute = resolve(root, path);
  const files = existsSync(absolute) && statSync(absolute).isDirectory()
    ? filesUnder(path, [".test.ts"])
    : existsSync(absolute)
    ? [path]
    : [];
  if (files.length === 0) throw new Error(`Cannot run the tests in "${path}": there is no test file`);
  return files;
}
