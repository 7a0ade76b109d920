import type { Query } from "drizzle-orm";
import { is, Placeholder } from "drizzle-orm";
import type { RowShape, RowValues } from "./arguments.ts";
import type { Binding, Values } from "./binding.ts";
import { bindingOf } from "./binding.ts";
import { MOST_BOUND_ROWS, SqliteBatch, toValue } from "./sqlite-batch.ts";
import type { SqliteStatement } from "./sqlite-client.ts";
import type { SqliteValue } from "./sqlite-connection.ts";

type Rows = readonly RowValues<RowShape>[];

/**
 * A statement as Drizzle writes it, fitted to what is bound:
 *
 * - each value has a number, the same one wherever it stands: one that a statement names thirty times is bound once;
 * - a batch becomes rows of parameters. The text is made for 1, 2, 4 and so on rows, of which some may be empty, so that each statement has few texts.
 */
export class SqliteText {
  // The text between the batches.
  readonly #parts: (string | SqliteBatch)[] = [];
  readonly #bindings: Binding[] = [];
  readonly #batches: SqliteBatch[] = [];
  readonly #texts = new Map<string, string>();
  readonly #silentTexts = new Map<string, string>();

  constructor({ sql, params }: Query) {
    const numbers = new Map<unknown, number>();
    let text = "";
    let from = 0;
    let at = 0;
    // What stands in quotes is no parameter.
    for (const { 0: found, index } of sql.matchAll(/"[^"]*"|'[^']*'|\?/g)) {
      if (found !== "?") continue;
      text += sql.slice(from, index);
      from = index + 1;
      const param = params[at++];
      if (param instanceof SqliteBatch) {
        this.#parts.push(text.slice(0, -param.before.length), param);
        if (!this.#batches.some(({ name }) => name === param.name)) this.#batches.push(param);
        text = "";
        from += param.behind.length;
        continue;
      }
      const key = is(param, Placeholder) ? param.name : at;
      const number = numbers.get(key) ?? this.#bindings.push(bindingOf(param));
      numbers.set(key, number);
      text += `?${number}`;
    }
    this.#parts.push(text + sql.slice(from));
  }

  /** The rows of its batch, where it has exactly one. */
  rowsIn(values: Values): Rows | undefined {
    const [batch, ...others] = this.#batches;
    return batch === undefined || others.length > 0 ? undefined : rowsOf(values[batch.name]);
  }

  /** The statement with these values; where its batch may go in pieces and is large, once for each piece. */
  calls(values: Values, { inPieces }: { readonly inPieces: boolean }): readonly [SqliteStatement, ...SqliteStatement[]] {
    const rows = inPieces ? this.rowsIn(values) : undefined;
    const name = this.#batches[0]?.name;
    if (rows === undefined || name === undefined || rows.length <= MOST_BOUND_ROWS) return [this.#call(values)];
    const piece = (from: number): SqliteStatement => this.#call({ ...values, [name]: rows.slice(from, from + MOST_BOUND_ROWS) });
    const more: SqliteStatement[] = [];
    for (let from = MOST_BOUND_ROWS; from < rows.length; from += MOST_BOUND_ROWS) more.push(piece(from));
    return [piece(0), ...more];
  }

  /** The same, without asking for the rows that were written. */
  silently([first, ...more]: readonly [SqliteStatement, ...SqliteStatement[]]): readonly SqliteStatement[] {
    return [first, ...more].map(({ sql, args }) => ({ sql: this.#silent(sql), args }));
  }

  #silent(text: string): string {
    let silent = this.#silentTexts.get(text);
    if (silent === undefined) this.#silentTexts.set(text, silent = text.slice(0, text.lastIndexOf(" returning ")));
    return silent;
  }

  #call(values: Values): SqliteStatement {
    const args: SqliteValue[] = this.#bindings.map((binding) => toValue(binding(values)));
    const sizes = this.#batches.map((batch) => {
      const rows = rowsOf(values[batch.name]);
      const size = sizeFor(rows.length);
      if (size === 0) args.push(batch.json(rows));
      else batch.bind(rows, size, args);
      return size;
    });
    return { sql: this.#textFor(sizes), args };
  }

  #textFor(sizes: readonly number[]): string {
    const key = sizes.join();
    const known = this.#texts.get(key);
    if (known !== undefined) return known;
    const written = new Map<string, string>();
    let next = this.#bindings.length + 1;
    this.#batches.forEach((batch, at) => {
      const size = sizes[at] ?? 0;
      written.set(batch.name, size === 0 ? `${batch.before}?${next}${batch.behind}` : batch.text(size, next));
      next += size === 0 ? 1 : batch.count(size);
    });
    const text = this.#parts.map((part) => typeof part === "string" ? part : written.get(part.name)).join("");
    this.#texts.set(key, text);
    return text;
  }
}

/** How many rows the text is made for; 0 for JSON. */
function sizeFor(count: number): number {
  if (count > MOST_BOUND_ROWS) return 0;
  let size = 1;
  while (size < count) size *= 2;
  return size;
}

function rowsOf(value: unknown): Rows {
  if (isRows(value)) return value;
  throw new TypeError(`Cannot bind a value of type ${typeof value} as rows`);
}

function isRows(value: unknown): value is Rows {
  return Array.isArray(value);
}
