import { styleText } from "node:util";
import type { CliIo } from "./io.ts";
import { formatPairs, formatTable } from "./table.ts";

/** Colours of people's output, by what they mean. */
const COLOURS = { title: "bold", good: "green", bad: "red", doubtful: "yellow", quiet: "dim" } as const;

/** What a coloured word means. */
export type Meaning = keyof typeof COLOURS;

/** Writes what a command found: for people, or for programs. */
export class Output {
  /** Whether programs read it. */
  readonly json: boolean;
  readonly #io: CliIo;
  readonly #coloured: boolean;

  /** Makes the output of one command. */
  constructor(io: CliIo, { json }: { readonly json: boolean }) {
    this.#io = io;
    this.json = json;
    this.#coloured = io.isTerminal && (io.environment["NO_COLOR"] ?? "") === "" && io.environment["TERM"] !== "dumb";
  }

  /** Writes the result: a value for programs, text for people. */
  result(value: unknown, text: () => string): void {
    this.#io.write(`${this.json ? JSON.stringify(value) : text()}\n`);
  }

  /** Tells people something beside the result; programs are not told. */
  note(text: string): void {
    if (!this.json) this.#io.writeError(`${text}\n`);
  }

  /** Tells what went wrong, beside the result: `code` is for programs. */
  problem(code: string, message: string, retryable = false): void {
    this.#io.writeError(this.json ? `${JSON.stringify({ error: { code, message, retryable } })}\n` : `stem: ${message}\n`);
  }

  /** Colours a text, where that can be seen. */
  paint(meaning: Meaning, text: string): string {
    // Whether the terminal wants colours was decided above; the runtime would ask its own standard output.
    return this.#coloured ? styleText(COLOURS[meaning], text, { validateStream: false }) : text;
  }

  /** A table for people. */
  table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
    return formatTable(titles, rows, (text) => this.paint("title", text));
  }

  /** Names and values for people, one pair a line. */
  pairs(pairs: readonly (readonly [name: string, value: string | undefined])[]): string {
    return formatPairs(pairs, (text) => this.paint("title", text));
  }
}
