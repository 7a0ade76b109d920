import type { LogFields, Logger } from "../contracts/logger.ts";
import { systemClock } from "../time/clock.ts";
import type { CliIo } from "./io.ts";
import type { Meaning, Output } from "./output.ts";
import { redact } from "./redact.ts";
import { visible } from "./table.ts";

/** How grave a line is. */
export type Level = "info" | "warn" | "error";

/** Writes what happens in a long-running command, one line each: text for people, JSON objects for programs. */
export class LogLines {
  readonly #io: CliIo;
  readonly #output: Output;
  readonly #quiet: boolean;

  /** Makes the log of one command; a quiet one leaves out what happens in the normal course. */
  constructor(io: CliIo, output: Output, { quiet = false }: { readonly quiet?: boolean } = {}) {
    this.#io = io;
    this.#output = output;
    this.#quiet = quiet;
  }

  /** Writes a line. Fields that are `undefined` are left out. */
  write(level: Level, event: string, fields: LogFields = {}): void {
    if (this.#quiet && level === "info") return;
    const time = new Date(systemClock.now()).toISOString();
    const there = Object.entries(fields).filter(([, value]) => value !== undefined);
    this.#io.write(`${redact(this.#output.json ? asJson(time, level, event, there) : this.#asText(time, level, event, there))}\n`);
  }

  /** The same log as the library wants it. */
  get logger(): Logger {
    return {
      debug() {},
      info: (message, fields) => this.write("info", "log", { message, ...fields }),
      warn: (message, fields) => this.write("warn", "log", { message, ...fields }),
      error: (message, fields) => this.write("error", "log", { message, ...fields }),
    };
  }

  #asText(time: string, level: Level, event: string, fields: readonly (readonly [string, unknown])[]): string {
    const paint = (what: Meaning, text: string): string => this.#output.paint(what, text);
    const meaning = { info: "quiet", warn: "doubtful", error: "bad" } as const;
    const pairs = fields.map(([name, value]) => `${paint("quiet", `${name}=`)}${visible(plain(value))}`);
    return [paint("quiet", time), paint(meaning[level], level.padEnd(5)), visible(event), ...pairs].join(" ");
  }
}

function asJson(time: string, level: Level, event: string, fields: readonly (readonly [string, unknown])[]): string {
  return JSON.stringify({ time, level, event, ...Object.fromEntries(fields.map(([name, value]) => [name, flat(value)])) });
}

function plain(value: unknown): string {
  const text = typeof value === "string"
    ? value
    : value instanceof Error
    ? value.message
    : Array.isArray(value)
    ? value.join(",")
    : JSON.stringify(value) ?? String(value);
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text);
}

function flat(value: unknown): unknown {
  return value instanceof Error ? { name: value.name, message: value.message, ...("code" in value ? { code: value.code } : {}) } : value;
}
