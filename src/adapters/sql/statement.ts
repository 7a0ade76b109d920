import type { ArgumentsOf, Bound, RowShape, RowValues, Shape, ValuesOf } from "./arguments.ts";
import { argumentsOf, bindValues } from "./arguments.ts";
import type { Builder, Dialect } from "./dialect.ts";
import type { Tables } from "./tables.ts";

/** What a statement is built from. */
export interface StatementParts<S extends Shape> {
  /** The query builder: of the database, or of a transaction. */
  readonly db: Builder;
  /** The tables. */
  readonly tables: Tables;
  /** What differs between the dialects. */
  readonly dialect: Dialect;
  /** The arguments, typed and named as the shape says. */
  readonly args: ArgumentsOf<S>;
}

/** A finished builder: something Drizzle can prepare. */
export interface Preparable<Row> {
  /** Compiles the statement; the name only asks postgres.js to keep it prepared on its connections. */
  prepare(name: string): Prepared<Row>;
}

/** A compiled statement. */
export interface Prepared<Row> {
  /** Runs it with values for its placeholders: each batch as one JSON text. */
  execute(values: Readonly<Record<string, unknown>>): Promise<readonly Row[]>;
  /** Runs it with each batch as it is, where the driver knows better than to make JSON of it. */
  executeRows?(values: Readonly<Record<string, unknown>>, options: StatementOptions<Row>): Promise<readonly Row[]>;
}

/** How a statement is run. */
export interface RunOptions {
  /** The transaction that it joins: a caller's own Drizzle one, or what `transaction` handed out. @default none: it commits by itself */
  readonly tx?: object | undefined;
  /** Topics to notify with the commit, if the statement returns any row. Needs `dialect.signal` among the returned columns. @default none */
  readonly signal?: readonly string[] | undefined;
}

/** How a statement behaves. */
export interface StatementOptions<Row = unknown> {
  /** Whether running it twice does what running it once does: then it is repeated when a connection was lost under it. @default false */
  readonly idempotent?: boolean | undefined;
  /**
   * Whether it writes, and what it does for a row of its batch depends on no other row of it: then a large batch may go in pieces, which commit
   * together. @default false
   */
  readonly perRow?: boolean | undefined;
  /**
   * Whether it writes all of its batch or nothing: then a row that stands in the way is no error, and it gives back none. Within a transaction it
   * remains one, because it undoes that. @default false
   */
  readonly allOrNothing?: boolean | undefined;
  /**
   * What it gives back for a row of its batch that it wrote, where the batch says it all: then a driver that hears how many rows were written
   * need not ask which, as long as these are all. @default it has to be asked for
   */
  readonly echo?: ((row: RowValues<RowShape>) => Row) | undefined;
}

/** A statement with fixed text: compiled on first use, then run with values. Made by the database; see there. */
export interface Statement<S extends Shape, Row> {
  /** Its name: `operation` or `operation.part`. */
  readonly name: string;
  /**
   * Runs it and gives the returned rows.
   *
   * @throws {StoreError} with the operation that the name tells.
   */
  run(values: ValuesOf<S>, options?: RunOptions): Promise<readonly Row[]>;
}

/** A statement that does not know its database yet. */
export class StatementTemplate<S extends Shape, Row> {
  readonly name: string;
  readonly idempotent: boolean;
  readonly allOrNothing: boolean;
  readonly #options: StatementOptions<Row>;
  readonly #build: (parts: StatementParts<S>) => Preparable<Row>;
  readonly #dialect: Dialect;
  readonly #tables: Tables;
  readonly #prefix: string;
  readonly #args: ArgumentsOf<S>;
  readonly #prepared = new WeakMap<Builder, Prepared<Row>>();

  constructor(
    name: string,
    build: (parts: StatementParts<S>) => Preparable<Row>,
    options: StatementOptions<Row> & { readonly shape: S; readonly dialect: Dialect; readonly tables: Tables; readonly prefix: string },
  ) {
    this.name = name;
    this.idempotent = options.idempotent ?? false;
    this.allOrNothing = options.allOrNothing ?? false;
    this.#options = options;
    this.#build = build;
    this.#dialect = options.dialect;
    this.#tables = options.tables;
    this.#prefix = options.prefix;
    this.#args = argumentsOf(options.shape, options.dialect);
  }

  /** Runs it where the builder does, with the values of its shape and of the arguments that every execution supplies. */
  execute(db: Builder, values: ValuesOf<S>, supplied: Bound): Promise<readonly Row[]> {
    const prepared = this.#preparedOn(db);
    if (prepared.executeRows !== undefined) return prepared.executeRows({ ...values, ...supplied }, this.#options);
    return prepared.execute({ ...bindValues(this.#args, values), ...supplied });
  }

  /** Compiled once for each builder: Drizzle ties a compiled statement to where it runs. */
  #preparedOn(db: Builder): Prepared<Row> {
    let prepared = this.#prepared.get(db);
    if (prepared === undefined) this.#prepared.set(db, prepared = this.#compile(db));
    return prepared;
  }

  #compile(db: Builder): Prepared<Row> {
    return this.#build({ db, tables: this.#tables, dialect: this.#dialect, args: this.#args }).prepare(`${this.#prefix}.${this.name}`);
  }
}
