import process from "node:process";
import { parseArgs } from "node:util";

/** What one run is about. */
export interface Options {
  /** The store's URL. */
  readonly url: string;
  /** Keeps this run apart from all others in the same store. */
  readonly namespace: string;
  /** The folder to measure; absent stands for this repository's `docs` and `src`. */
  readonly folder: string | undefined;
  /** Whether the outcome is one JSON document instead of text. */
  readonly json: boolean;
}

/** The command line cannot be used, or names something that is not there. */
export class UsageError extends Error {}

/** The file of the default store, in the current folder. */
export const databaseFile = "stem-quickstart.db";

/** What `--help` prints. */
export const usage = `Measures every file under a folder, one background task per file, run by a worker in another process.

Usage: npm start -- [folder] [--json]

  folder      the folder to measure (default: the docs and src folders of this repository)
  --json      print one JSON document instead of text
  --help      print this text

Environment
  STEM_URL    the store, for example postgres://user:password@localhost:5432/stem (default: sqlite:./${databaseFile})
  NO_COLOR    any value: no colours

Exit codes
  0    every task ended as it should
  1    a file could not be measured, the store could not be used, or the worker died
  2    the command line or STEM_URL cannot be used
  130  interrupted with Ctrl-C; the worker was stopped first
`;

/** Reads the command line and the environment; answers `"help"` when that was asked for. */
export function readOptions(argv: readonly string[]): Options | "help" {
  const { values, positionals } = parse(argv);
  if (values.help === true) return "help";
  if (positionals.length > 1) throw new UsageError(`Cannot measure ${positionals.length} folders at once: expected one`);
  const url = process.env["STEM_URL"] || `sqlite:./${databaseFile}`;
  if (/^memory:|:memory:/.test(url)) {
    throw new UsageError(`Cannot use ${url} here: it lives inside one process, and this example runs two`);
  }
  return { url, namespace: `quickstart-${Date.now().toString(36)}-${process.pid}`, folder: positionals[0], json: values.json === true };
}

/** The URL without its password, for people. */
export function displayUrl(url: string): string {
  return url.replace(/(?<=:\/\/[^/@]*:)[^@]*(?=@)/, "…");
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: { json: { type: "boolean" }, help: { type: "boolean", short: "h" } },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}
