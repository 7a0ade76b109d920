import type { Command } from "commander";
import { Option } from "commander";
import type { Environment } from "../app/config.ts";
import type { ExitCode } from "./exit-code.ts";
import { EXIT } from "./exit-code.ts";
import type { CliIo } from "./io.ts";
import { Output } from "./output.ts";
import type { StoreFlag } from "./store-flags.ts";

/** One call of the command line: what it runs in, and with what it ends. */
export interface Call {
  /** The process. */
  readonly io: CliIo;
  /** With what the command ended. */
  exitCode: ExitCode;
}

/** What a command works with. */
export interface CommandContext<Options extends object> {
  /** The process. */
  readonly io: CliIo;
  /** The environment, with the flags about stores in place of their variables. */
  readonly environment: Environment;
  /** Where the result goes. */
  readonly output: Output;
  /** The command's own flags. */
  readonly options: Options;
  /** The arguments that are no flags. */
  readonly args: readonly string[];
}

/** What a command is. */
export interface CommandDefinition<Options extends object> {
  /** Its name and arguments: `"show <id>"`. */
  readonly name: string;
  /** What it does, in one sentence. */
  readonly summary: string;
  /** What its help says after that, such as examples. */
  readonly help?: string;
  /** The flags that stand for variables of the environment. */
  readonly storeFlags: readonly StoreFlag[];
  /** Its own flags. */
  readonly flags?: readonly Option[];
  /** Does the work; without an answer it ends with 0. */
  readonly run: (context: CommandContext<Options>) => Promise<ExitCode | void>;
}

/** Adds a command under another one. */
export function addCommand<Options extends object>(parent: Command, call: Call, definition: CommandDefinition<Options>): void {
  const command = parent.command(definition.name).summary(definition.summary).description(`${definition.summary}.`);
  for (const flag of definition.flags ?? []) command.addOption(flag);
  const stores = definition.storeFlags.map(({ flag, about, variable }) => ({
    option: new Option(flag, `${about} (or ${variable})`),
    variable,
  }));
  for (const { option } of stores) command.addOption(option);
  command.option("--json", "write JSON for programs");
  if (definition.help !== undefined) command.addHelpText("after", `\n${definition.help}`);
  command.action(async () => {
    const given = stores.flatMap(({ option, variable }) => {
      const value: unknown = command.getOptionValue(option.attributeName());
      return typeof value === "string" ? [[variable, value] as const] : [];
    });
    const options = command.opts<Options & { readonly json?: boolean }>();
    const context: CommandContext<Options> = {
      io: call.io,
      environment: { ...call.io.environment, ...Object.fromEntries(given) },
      output: new Output(call.io, { json: options.json === true }),
      options,
      args: command.args,
    };
    call.exitCode = await definition.run(context) ?? EXIT.ok;
  });
}

/** A flag of a command. */
export function flag(flags: string, about: string): Option {
  return new Option(flags, about);
}
