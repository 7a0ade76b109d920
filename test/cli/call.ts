/** Calls the command line inside this process, and keeps what it writes. */

import assert from "node:assert/strict";
import { deferred } from "../../src/async/deferred.ts";
import type { CliIo } from "../../src/cli/io.ts";
import { run } from "../../src/cli/run.ts";
import type { Environment } from "../../src/app/config.ts";
import { withDeadline } from "../../src/time/sleep.ts";
import { root } from "../support/runtimes.ts";

/** How it is called. */
export interface CallOptions {
  /** The environment's variables: no others are there. */
  readonly environment?: Environment;
  /** The working folder. @default the project's root */
  readonly cwd?: string;
  /** What the standard input holds. */
  readonly input?: string;
  /** Whether the output is a terminal. @default false */
  readonly isTerminal?: boolean;
}

/** A call that goes on. */
export interface Running {
  /** How it ended. */
  readonly ended: Promise<Outcome>;
  /** Asks it to end, as a signal does; answers how many listen. */
  stop(): number;
  /** Waits until a line is written, at most 30 seconds. */
  heard(pattern: RegExp): Promise<void>;
}

/** How a call ended. */
export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly errors: string;
}

/** Calls it, and waits for its end. */
export async function call(argv: readonly string[], options: CallOptions = {}): Promise<Outcome> {
  return await start(argv, options).ended;
}

/** Calls it with `--json`, and reads what it says: of the output, or, when that is empty, of the errors. */
export async function callJson(
  argv: readonly string[],
  options: CallOptions = {},
): Promise<{ readonly code: number; readonly value: unknown }> {
  const { code, out, errors } = await call([...argv, "--json"], options);
  return { code, value: JSON.parse(out === "" ? errors : out) };
}

/** Calls it, and leaves it running. */
export function start(argv: readonly string[], options: CallOptions = {}): Running {
  const written = { out: "", errors: "" };
  const stopping = new Set<() => void>();
  const looking = new Set<() => void>();
  const write = (stream: "out" | "errors") => (text: string) => {
    written[stream] += text;
    for (const look of looking) look();
  };
  const io: CliIo = {
    environment: options.environment ?? {},
    cwd: options.cwd ?? root,
    isTerminal: options.isTerminal ?? false,
    runtime: "test 1",
    processId: 1,
    write: write("out"),
    writeError: write("errors"),
    readInput: () => Promise.resolve(options.input ?? ""),
    onStop: (listener) => {
      stopping.add(listener);
      return () => void stopping.delete(listener);
    },
  };
  const ended = run(argv, io).then((code) => ({ code, ...written }));
  return {
    ended,
    stop: () => {
      const listeners = [...stopping];
      for (const listener of listeners) listener();
      return listeners.length;
    },
    heard: async (pattern) => {
      const { promise, resolve } = deferred<void>();
      const look = () => pattern.test(written.out + written.errors) ? resolve() : undefined;
      looking.add(look);
      look();
      const early = ended.then(() => {
        throw new Error(`It ended before ${String(pattern)}: ${written.out}${written.errors}`);
      });
      try {
        await withDeadline(Promise.race([promise, early]), 30_000, { message: `nothing like ${String(pattern)}` });
      } finally {
        looking.delete(look);
        // It ends some time, and is not waited for then.
        early.catch(() => {});
      }
    },
  };
}

/** What a call says that cannot be carried out, under `--json`. */
export function errorOf(value: unknown): { readonly code: string; readonly message: string } {
  const { error } = value as { error: { code: string; message: string } };
  return error;
}

/** Asserts that a value holds at least what is expected: objects may have more keys, arrays may not have more items. */
export function assertHolds(actual: unknown, expected: unknown): void {
  assert.deepEqual(cutTo(actual, expected), expected);
}

function cutTo(actual: unknown, expected: unknown): unknown {
  if (Array.isArray(actual) && Array.isArray(expected)) {
    return actual.map((item, at) => at < expected.length ? cutTo(item, expected[at]) : item);
  }
  if (!isRecord(actual) || !isRecord(expected)) return actual;
  return Object.fromEntries(Object.keys(expected).map((key) => [key, cutTo(actual[key], expected[key])]));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
