import type { Query } from "drizzle-orm";
import { Column, DrizzleQueryError } from "drizzle-orm";
import { BaseSQLiteDatabase, SQLiteAsyncDialect, SQLitePreparedQuery, SQLiteSession } from "drizzle-orm/sqlite-core";
import type { Builder } from "./dialect.ts";
import type { SqliteRunner } from "./sqlite-client.ts";
import { ResultRows } from "./result-rows.ts";
import type { StatementOptions } from "./statement.ts";
import { SqliteText } from "./sqlite-text.ts";

// Giving back a row costs as much as a fifth of writing it, and writing without it takes a transaction round the statement.
const FEWEST_IN_SILENCE = 32;

type Runner = Pick<SqliteRunner, "query" | "queryAll" | "writeExactly">;
type NoSchema = Record<string, never>;
type Fields = NonNullable<Parameters<SQLiteSession<"async", unknown, NoSchema, NoSchema>["prepareQuery"]>[1]>;
type Results = { type: "async"; run: unknown; all: unknown; get: unknown; values: unknown; execute: unknown };

/** Makes Drizzle's builder on something that runs statements, for statements that are prepared. */
export function sqliteBuilder(runner: Runner): Builder {
  const dialect = new SQLiteAsyncDialect();
  return new BaseSQLiteDatabase("async", dialect, new Session(dialect, runner), undefined);
}

/** What Drizzle asks of a driver. The one that comes with it goes through every value of every row several times. */
class Session extends SQLiteSession<"async", unknown, NoSchema, NoSchema> {
  readonly #runner: Runner;

  constructor(dialect: SQLiteAsyncDialect, runner: Runner) {
    super(dialect);
    this.#runner = runner;
  }

  override prepareQuery(query: Query, fields: Fields | undefined): SQLitePreparedQuery<Results> {
    return new PreparedStatement(query, fields ?? [], this.#runner);
  }

  override transaction(): Promise<never> {
    return Promise.reject(new Error("Transactions are opened by the client"));
  }
}

class PreparedStatement extends SQLitePreparedQuery<Results> {
  readonly #text: SqliteText;
  readonly #rows: ResultRows;
  readonly #runner: Runner;

  constructor(query: Query, fields: Fields, runner: Runner) {
    super("async", "all", query);
    this.#text = new SqliteText(query);
    this.#rows = new ResultRows(fields, isAsGiven);
    this.#runner = runner;
  }

  /** See `Prepared`. */
  async executeRows(
    values: Readonly<Record<string, unknown>>,
    { perRow = false, echo }: StatementOptions<object> = {},
  ): Promise<readonly object[]> {
    const calls = this.#text.calls(values, { inPieces: perRow });
    const [first, ...more] = calls;
    try {
      const batch = echo === undefined ? undefined : this.#text.rowsIn(values);
      if (echo !== undefined && batch !== undefined && (batch.length === 1 || batch.length >= FEWEST_IN_SILENCE)) {
        if (await this.#runner.writeExactly(this.#text.silently(calls), batch.length)) return batch.map(echo);
        if (batch.length === 1) return [];
      }
      const rows = more.length === 0 ? this.#runner.query(first.sql, first.args) : this.#runner.queryAll(calls);
      return (await rows).map((row) => this.#rows.named(row));
    } catch (error) {
      throw new DrizzleQueryError(first.sql, [...first.args], error instanceof Error ? error : undefined);
    }
  }

  override all(values: Record<string, unknown> = {}): Promise<unknown> {
    return this.executeRows(values);
  }

  override run(values?: Record<string, unknown>): Promise<unknown> {
    return this.all(values);
  }

  override get(values?: Record<string, unknown>): Promise<unknown> {
    return this.all(values);
  }

  override values(values?: Record<string, unknown>): Promise<unknown> {
    return this.all(values);
  }
}

/** Whether what libsql gives for a column is what it holds. */
function isAsGiven(column: Column): boolean {
  return column.mapFromDriverValue === Column.prototype.mapFromDriverValue;
}
