import type { Command } from "commander";
import { Option } from "commander";
import type { Environment } from "../app/config.ts";
import type { ExitCode } from "./exit-code.ts";
import { EXIT } from "./exit-code.ts";
import type { CliIo } from "./io.ts";
import { Output } from "./output.ts";
import { ConfigError } from "../errors.ts";

/** A flag of a command. */
export interface Flag {
  /** The flag, with the name of its value: `"--queues <names>"`. */
  readonly flag: string;
  /** What it is. */
  readonly about: string;
  /** Whether it may be given more than once; its values are a list then. @default false */
  readonly repeats?: boolean;
  /** The variable of the environment that stands in for it. */
  readonly variable?: string;
}

/** A flag that stands for a variable. */
export type StoreFlag = Flag & { readonly variable: string };

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
  readonly flags?: readonly Flag[];
  /** Does the work; without an answer it ends with 0. */
  readonly run: (context: CommandContext<Options>) => Promise<ExitCode | void>;
}

/** Adds a command under another one. */
export function addCommand<Options extends object>(parent: Command, call: Call, definition: CommandDefinition<Options>): void {
  const command = parent.command(definition.name).summary(definition.summary).description(`${definition.summary}.`);
  const own = (definition.flags ?? []).map((flag) => addFlag(command, flag));
  const ofStores = definition.storeFlags.map((flag) => addFlag(command, flag));
  command.option("--json", "write JSON for programs");
  if (definition.help !== undefined) command.addHelpText("after", `\n${definition.help}`);
  command.action(async () => {
    for (const flag of own) takeVariable(command, flag, call.io.environment[flag.variable ?? ""]);
    const given = ofStores.flatMap(({ option, variable = "" }) => {
      const value: unknown = command.getOptionValue(option.attributeName());
      return typeof value === "string" ? [[variable, value] as const] : [];
    });
    const options = command.opts<Options & { readonly json?: boolean }>();
    call.exitCode = await definition.run({
      io: call.io,
      environment: { ...call.io.environment, ...Object.fromEntries(given) },
      output: new Output(call.io, { json: options.json === true }),
      options,
      args: command.args,
    }) ?? EXIT.ok;
  });
}

/** Reads a list: values given one by one, each a list separated by commas. `undefined` when none was given. */
export function listOf(values: readonly string[] | undefined): readonly string[] | undefined {
  return values?.flatMap((value) => value.split(",")).map((value) => value.trim()).filter((value) => value !== "");
}

/**
 * Reads a whole number.
 *
 * @throws {ConfigError} that names the flag.
 */
export function wholeNumber(value: string, flag: string): number {
  if (!/^\d{1,15}$/.test(value)) throw new ConfigError(`Cannot use "${value}" as ${flag}: expected a whole number`);
  return Number(value);
}

interface AddedFlag {
  readonly option: Option;
  readonly variable: string | undefined;
  readonly repeats: boolean;
}

function addFlag(command: Command, { flag, about, variable, repeats = false }: Flag): AddedFlag {
  const notes = [...repeats ? ["may be repeated"] : [], ...variable === undefined ? [] : [`or ${variable}`]];
  const option = new Option(flag, notes.length === 0 ? about : `${about} (${notes.join("; ")})`);
  // One value each time: a list that takes whatever follows would take ids and files as well.
  if (repeats) option.argParser<readonly string[]>((value, before) => [...before ?? [], value]);
  command.addOption(option);
  return { option, variable, repeats };
}

function takeVariable(command: Command, { option, repeats }: AddedFlag, value: string | undefined): void {
  const name = option.attributeName();
  if (value === undefined || value === "" || command.getOptionValue(name) !== undefined) return;
  command.setOptionValue(name, repeats ? [value] : value);
}
