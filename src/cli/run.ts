import { inspect } from "node:util";
import { CommanderError } from "commander";
import { allUrls } from "../app/config.ts";
import { StemError } from "../errors.ts";
import type { Call } from "./command.ts";
import type { ExitCode } from "./exit-code.ts";
import { EXIT, exitCodeOf } from "./exit-code.ts";
import type { CliIo } from "./io.ts";
import { Output } from "./output.ts";
import { createProgram } from "./program.ts";
import { hideKnown, redact } from "./redact.ts";

/**
 * Runs the command line: `run(["migrate", "check"], io)`.
 *
 * @param argv The arguments, without the program's name.
 * @returns the exit code; nothing is thrown. What went wrong stands in the standard error.
 */
export async function run(argv: readonly string[], io: CliIo): Promise<ExitCode> {
  const safe = withoutPasswords(argv, io);
  const call: Call = { io: safe, exitCode: EXIT.ok };
  try {
    await createProgram(call).parseAsync(argv, { from: "user" });
    return call.exitCode;
  } catch (error) {
    return report(error, { io: safe, json: argv.includes("--json") });
  }
}

function report(error: unknown, { io, json }: { readonly io: CliIo; readonly json: boolean }): ExitCode {
  const output = new Output(io, { json });
  if (error instanceof CommanderError) {
    // Help or the version, as it was asked for.
    if (error.exitCode === 0) return EXIT.ok;
    // Help that was not asked for stands in the standard error already.
    if (error.code !== "commander.help") output.problem("USAGE", error.message.replace(/^error: /, "").replaceAll(/\s*\n/g, " "));
    return EXIT.usage;
  }
  if (StemError.is(error)) {
    output.problem(error.code, error.message, error.retryable);
    return exitCodeOf(error.code);
  }
  // A mistake in a task module, or one of ours: where it happened helps more than what it is called.
  output.problem("UNEXPECTED", json ? describe(error) : inspect(error));
  return EXIT.failed;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${describe(error.cause)}`;
}

/** The process, with every password taken out of what is written. */
function withoutPasswords(argv: readonly string[], io: CliIo): CliIo {
  const given = argv.map((argument) => argument.replace(/^--[\w-]+=/, "")).filter((argument) => argument.includes("://"));
  const known = [...allUrls(io.environment), ...given].toSorted((a, b) => b.length - a.length);
  return {
    ...io,
    // A result may hold URLs of the users' own: only those of the stores are hidden in it.
    write: (text) => io.write(hideKnown(text, known)),
    writeError: (text) => io.writeError(redact(text, known)),
  };
}
