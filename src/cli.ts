/**
 * The command line `stem`, for programs that call it, and for Deno: `deno run -A jsr:@stem/stem/cli migrate check`.
 *
 * Importing it runs nothing; the npm package has it as the program `stem`.
 *
 * @module
 */

export { run } from "./cli/run.ts";
export type { CliIo } from "./cli/io.ts";
export type { ExitCode } from "./cli/exit-code.ts";
export type { Environment } from "./app/config.ts";

// Deno and Bun, and Node from 24.2, say so when this file is what was started.
if (Reflect.get(import.meta, "main") === true) await import("./cli/main.ts");
