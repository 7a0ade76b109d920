import type { TaskLedger } from "../../contracts/task-ledger.ts";
import type { SqlDatabase } from "./database.ts";

// Not a property of the ledger: nobody but a store on the same database has use for it.
const databases = new WeakMap<TaskLedger, SqlDatabase>();

/** Makes a ledger known as one whose writes can join a transaction of that database. */
export function offerDatabase(ledger: TaskLedger, database: SqlDatabase): void {
  databases.set(ledger, database);
}

/** The database that a ledger writes to; `undefined` when it is none of the SQL ones. */
export function databaseOf(ledger: TaskLedger): SqlDatabase | undefined {
  return databases.get(ledger);
}
