import type { Column, Query } from "drizzle-orm";
import { PgDatabase, PgDialect, PgPreparedQuery, PgSession } from "drizzle-orm/pg-core";
import type { PreparedQueryConfig } from "drizzle-orm/pg-core";
import type { Sql } from "postgres";
import type { Bound } from "./arguments.ts";
import type { Binding, Values } from "./binding.ts";
import { bindingOf } from "./binding.ts";
import type { Builder } from "./dialect.ts";
import { ResultRows } from "./result-rows.ts";

type Fields = NonNullable<Parameters<PgSession["prepareQuery"]>[1]>;
type Client = Pick<Sql, "unsafe">;

/** Makes Drizzle's builder on a client of postgres.js, for statements that are prepared. */
export function postgresBuilder(client: Client): Builder {
  const dialect = new PgDialect();
  // Under the types of the SQLite builder: at run time both have what the statements call.
  return new PgDatabase(dialect, new Session(dialect, client), undefined) as unknown as Builder;
}

/** What Drizzle asks of a driver. The one that comes with it looks at every argument of every call, and at every value of every row, several times. */
class Session extends PgSession {
  readonly #client: Client;

  constructor(dialect: PgDialect, client: Client) {
    super(dialect);
    this.#client = client;
  }

  override prepareQuery<T extends PreparedQueryConfig>(query: Query, fields: Fields | undefined): PgPreparedQuery<T> {
    return new PreparedStatement(query, fields ?? [], this.#client);
  }

  override transaction(): Promise<never> {
    return Promise.reject(new Error("Transactions are opened by the driver"));
  }
}

class PreparedStatement extends PgPreparedQuery<PreparedQueryConfig> {
  readonly #text: string;
  readonly #bindings: readonly Binding[];
  readonly #rows: ResultRows;
  readonly #client: Client;

  constructor(query: Query, fields: Fields, client: Client) {
    super(query, undefined, undefined);
    this.#text = query.sql;
    this.#bindings = query.params.map(bindingOf);
    this.#rows = new ResultRows(fields, isAsGiven);
    this.#client = client;
  }

  override async execute(values: Values = {}): Promise<readonly object[]> {
    const parameters = this.#bindings.map((bind) => bindable(bind(values)));
    const rows: readonly (readonly unknown[])[] = await this.#client.unsafe(this.#text, parameters, { prepare: true }).values();
    // As they are, holes and all: whoever made the statement fills them.
    return rows.map((row) => this.#rows.named(row));
  }
}

function bindable(value: unknown): Bound[string] {
  if (typeof value === "string" || typeof value === "number" || value === null) return value;
  throw new TypeError(`Cannot bind a value of type ${typeof value}`);
}

/** Whether what postgres.js gives for a column is what it holds: not so for whole numbers of 64 bits, which come as text. */
function isAsGiven(column: Column): boolean {
  return column.dataType !== "number" || column.columnType === "PgInteger";
}
