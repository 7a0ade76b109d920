/** The statements of the SQL stores as text, so that a test can ask a database for their plans. */

import { fillPlaceholders } from "drizzle-orm";
import { drizzle as drizzleLibsql } from "drizzle-orm/libsql";
import { drizzle as drizzlePostgres } from "drizzle-orm/postgres-js";
import { argumentsOf, bindValues } from "../../src/adapters/sql/arguments.ts";
import type { ArgumentsOf, Shape, ValuesOf } from "../../src/adapters/sql/arguments.ts";
import type { SqlDatabase } from "../../src/adapters/sql/database.ts";
import type { Builder, Dialect } from "../../src/adapters/sql/dialect.ts";
import { NOW, SIGNAL } from "../../src/adapters/sql/dialect.ts";
import { postgresDialect } from "../../src/adapters/sql/dialect.postgres.ts";
import { sqliteDialect } from "../../src/adapters/sql/dialect.sqlite.ts";
import { postgresKit } from "../../src/adapters/sql/kit.postgres.ts";
import { SqliteText } from "../../src/adapters/sql/sqlite-text.ts";
import { sqliteKit } from "../../src/adapters/sql/kit.sqlite.ts";
import type { Preparable, StatementParts } from "../../src/adapters/sql/statement.ts";
import { defineTables } from "../../src/adapters/sql/tables.ts";

/** One statement with the values of one call. */
export interface StatementText {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** Statements by name, which are made into text on demand. */
export type StatementTexts = (name: string, values: Readonly<Record<string, unknown>>) => StatementText;

/** Collects what `make` declares, as Postgres gets it in that schema. */
export function postgresTexts(schema: string, make: (database: SqlDatabase) => void): StatementTexts {
  const tables = defineTables(postgresKit(schema));
  const db = drizzlePostgres.mock() as unknown as Builder;
  return collect({ tables, db, dialect: postgresDialect({ schema, channel: "nobody", injectedClock: false }) }, make);
}

/** Collects what `make` declares, as SQLite gets it: on a connection of the stores, or in the transaction of a user. */
export function sqliteTexts(make: (database: SqlDatabase) => void, { inUsers = false } = {}): StatementTexts {
  const bind: Side["bind"] = ({ sql, params }, _args, given) => {
    const [call] = new SqliteText({ sql, params: [...params] }).calls(given, { inPieces: false });
    return { text: call.sql, values: call.args };
  };
  const db = drizzleLibsql.mock();
  return collect({ tables: defineTables(sqliteKit), db, dialect: sqliteDialect, ...(inUsers ? {} : { bind }) }, make);
}

interface Side {
  readonly tables: SqlDatabase["tables"];
  readonly db: Builder;
  readonly dialect: Dialect;
  /** @default as Drizzle does */
  readonly bind?: (query: Query, args: ArgumentsOf<Shape>, values: Readonly<Record<string, unknown>>) => StatementText;
}

interface Query {
  readonly sql: string;
  readonly params: readonly unknown[];
}

function bindByDrizzle({ sql, params }: Query, args: ArgumentsOf<Shape>, values: Readonly<Record<string, unknown>>): StatementText {
  return { text: sql, values: fillPlaceholders([...params], { ...values, ...bindValues(args, values as ValuesOf<Shape>) }) };
}

function collect({ tables, db, dialect, bind = bindByDrizzle }: Side, make: (database: SqlDatabase) => void): StatementTexts {
  const found = new Map<string, (values: Readonly<Record<string, unknown>>) => StatementText>();
  const database = {
    tables,
    statement: (name: string, shape: Shape, build: (parts: StatementParts<Shape>) => Preparable<unknown>) => {
      found.set(name, (given) => {
        const args = argumentsOf(shape, dialect);
        const query = build({ db, tables, dialect, args }) as unknown as {
          toSQL(): Query;
        };
        return bind(query.toSQL(), args, { ...given, [NOW]: Date.now(), [SIGNAL]: null });
      });
      return { name, run: () => Promise.reject(new Error("Not on a database")) };
    },
  };
  make(database as unknown as SqlDatabase);
  return (name, values) => {
    const statement = found.get(name);
    if (statement === undefined) throw new Error(`Cannot find statement "${name}": expected one of ${[...found.keys()].join(", ")}`);
    return statement(values);
  };
}
