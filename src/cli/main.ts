#!/usr/bin/env node
/** The program `stem`: the only file that touches the process. */

import process from "node:process";
import { text } from "node:stream/consumers";
import type { CliIo } from "./io.ts";
import { run } from "./run.ts";

// Whoever reads may stop early, as `head` does.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

const code = await run(process.argv.slice(2), processIo());
// The loop may be kept by something that a task module opened; what was written goes out first.
process.stdout.write("", () => process.stderr.write("", () => process.exit(code)));

function processIo(): CliIo {
  const { versions } = process;
  const runtime = versions["deno"] !== undefined ? "deno" : versions["bun"] !== undefined ? "bun" : "node";
  return {
    environment: process.env,
    cwd: process.cwd(),
    isTerminal: process.stdout.isTTY === true,
    runtime: `${runtime} ${versions[runtime] ?? ""}`,
    processId: process.pid,
    write: (chunk) => void process.stdout.write(chunk),
    writeError: (chunk) => void process.stderr.write(chunk),
    readInput: () => text(process.stdin),
    onStop: (listener) => {
      process.on("SIGINT", listener).on("SIGTERM", listener);
      return () => void process.off("SIGINT", listener).off("SIGTERM", listener);
    },
  };
}
