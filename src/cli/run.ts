import { inspect } from "node:util";
import { Command, CommanderError } from "commander";
import { allUrls } from "../app/config.ts";
import { LIBRARY_VERSION } from "../adapters/sql/migration.ts";
import { StemError } from "../errors.ts";
import { addBeatCommands } from "./beat.ts";
import type { Call } from "./command.ts";
import type { ExitCode } from "./exit-code.ts";
import { EXIT, exitCodeOf } from "./exit-code.ts";
import type { CliIo } from "./io.ts";
import { addMigrateCommands } from "./migrate.ts";
import { Output } from "./output.ts";
import { addQueueCommands } from "./queue.ts";
import { hideKnown, redact } from "./redact.ts";
import { addScheduleCommands } from "./schedule.ts";
import { addWorkerCommands } from "./worker.ts";

const NO_ERROR = ["commander.helpDisplayed", "commander.version"];

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
    await program(call).parseAsync(argv, { from: "user" });
    return call.exitCode;
  } catch (error) {
    return report(error, { io: safe, json: argv.includes("--json") });
  }
}

function program(call: Call): Command {
  const { io } = call;
  const stem = new Command("stem")
    .description("Runs and looks after a task system whose state lives in stores chosen by URL.")
    .version(LIBRARY_VERSION, "-V, --version", "write the version")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.write(text),
      writeErr: (text) => io.writeError(text),
      // Written with the other errors, as JSON where that is wanted.
      outputError: () => {},
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .addHelpText("after", "\nWhere the stores are is read from STEM_URL and its like; each has a flag too. See docs/cli.md.");
  addWorkerCommands(stem, call);
  addBeatCommands(stem, call);
  addScheduleCommands(stem, call);
  addQueueCommands(stem, call);
  addMigrateCommands(stem, call);
  return stem;
}

function report(error: unknown, { io, json }: { readonly io: CliIo; readonly json: boolean }): ExitCode {
  const output = new Output(io, { json });
  if (error instanceof CommanderError) {
    if (NO_ERROR.includes(error.code)) return EXIT.ok;
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
