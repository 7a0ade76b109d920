import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { connectSettings, storeUrl } from "../app/config.ts";
import { connect } from "../app/connect.ts";
import type { ScheduleStore } from "../contracts/schedule-store.ts";
import { ConfigError } from "../errors.ts";
import type { CommandContext } from "./command.ts";
import type { ExitCode } from "./exit-code.ts";
import { EXIT } from "./exit-code.ts";
import type { CliIo } from "./io.ts";

/** Lends the schedule store of the environment. */
export async function withSchedules<T>({ environment }: CommandContext<object>, work: (store: ScheduleStore) => Promise<T>): Promise<T> {
  const adapter = await connect(storeUrl("schedules", environment), connectSettings(environment));
  try {
    return await work(adapter.schedules);
  } finally {
    await adapter.close();
  }
}

/**
 * Reads a file, or with `-` the standard input.
 *
 * @throws {ConfigError} when it cannot be read.
 */
export async function readText(file: string, io: CliIo): Promise<string> {
  if (file === "-") return await io.readInput();
  try {
    return await readFile(resolve(io.cwd, file), "utf8");
  } catch (cause) {
    throw new ConfigError(`Cannot read the schedules of "${file}": ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** Tells which ids are unknown, and with what that ends. */
export function unknownSchedules({ output }: CommandContext<object>, ids: readonly string[]): ExitCode {
  if (ids.length === 0) return EXIT.ok;
  output.problem("NOT_FOUND", `There is no schedule ${ids.map((id) => JSON.stringify(id)).join(", ")}`);
  return EXIT.notFound;
}
