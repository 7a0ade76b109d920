/** The reviewed table of what each test file runs on the runtimes: `test/expected-counts.json`. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./runtimes.ts";

/** What is expected of one file, on every runtime. */
export interface ExpectedCounts {
  /** At least so many cases run; raised when cases are added. */
  readonly atLeast: number;
  /** Exactly so many cases are skipped. */
  readonly skipped: number;
  /** The server that it may be without: where that is missing the file is not run, and said to be so. @default none */
  readonly without?: string;
  /** Whether one runtime, the one that runs the script, is enough. @default false */
  readonly once?: boolean;
}

/** Reads the table; throws when it is not one. */
export function readExpectedCounts(): ReadonlyMap<string, ExpectedCounts> {
  const table: unknown = JSON.parse(readFileSync(join(root, "test/expected-counts.json"), "utf8"));
  if (typeof table !== "object" || table === null) throw new TypeError("Cannot read test/expected-counts.json: it is not an object");
  return new Map(Object.entries(table).map(([file, entry]) => [file, toExpected(file, entry)]));
}

function toExpected(file: string, entry: unknown): ExpectedCounts {
  if (
    typeof entry === "object" && entry !== null && "atLeast" in entry && typeof entry.atLeast === "number" && entry.atLeast > 0 &&
    "skipped" in entry && typeof entry.skipped === "number"
  ) {
    const { atLeast, skipped } = entry;
    const without = "without" in entry && typeof entry.without === "string" ? { without: entry.without } : {};
    return { atLeast, skipped, ...without, once: "once" in entry && entry.once === true };
  }
  throw new TypeError(`Cannot read test/expected-counts.json: "${file}" needs "atLeast" above 0 and "skipped"`);
}
