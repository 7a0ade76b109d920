import process from "node:process";
import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

const isColourful = process.stdout.isTTY === true && !process.env["NO_COLOR"];

/** Styles a text for a terminal; leaves it alone elsewhere, and where NO_COLOR is set. */
export function paint(style: Style, text: string): string {
  return isColourful ? styleText(style, text) : text;
}

/** A progress bar that redraws one line on a terminal, and prints a line now and then elsewhere. It writes to the standard error. */
export class ProgressBar {
  readonly #label: string;
  readonly #total: number;
  #done = 0;
  #drawnAt = 0;
  #saidQuarters = 0;

  /** Shows that nothing is done yet. */
  constructor(label: string, total: number) {
    this.#label = label;
    this.#total = total;
    this.#draw();
  }

  /** Counts one more. */
  advance(): void {
    this.#done += 1;
    this.#draw();
  }

  /** Leaves the line, so that the next output starts on one of its own. */
  end(): void {
    if (process.stderr.isTTY) process.stderr.write("\n");
  }

  #draw(): void {
    if (process.stderr.isTTY) this.#redraw();
    else this.#say();
  }

  #redraw(): void {
    const now = performance.now();
    if (this.#done < this.#total && now - this.#drawnAt < 40) return;
    this.#drawnAt = now;
    const width = Math.max(10, Math.min(40, process.stderr.columns - 40));
    const filled = Math.round((width * this.#done) / this.#total);
    const bar = `${"█".repeat(filled)}${"░".repeat(width - filled)}`;
    process.stderr.write(`\r${this.#label}  ${bar}  ${this.#count()}\x1b[K`);
  }

  #say(): void {
    const quarters = Math.floor((4 * this.#done) / this.#total);
    if (quarters === this.#saidQuarters) return;
    this.#saidQuarters = quarters;
    process.stderr.write(`${this.#label}  ${this.#count()}\n`);
  }

  #count(): string {
    return `${this.#done}/${this.#total}`;
  }
}
