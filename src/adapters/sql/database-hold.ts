import type { SqlDatabase } from "./database.ts";

/** How a store holds its database. */
export interface DatabaseHold {
  /** The database. */
  readonly database: SqlDatabase;
  /** Lets go of it: closes it when nobody else holds it. Called once. */
  readonly release: () => Promise<void>;
}

/** Lets several stores hold one database: the last one that lets go closes it. */
function sharedHold(database: SqlDatabase, holders: number): DatabaseHold {
  let left = holders;
  return {
    database,
    release: async () => {
      left -= 1;
      if (left === 0) await database.close();
    },
  };
}

/** Makes what is to hold a database; when an option makes that impossible, the database is closed before the error goes on. */
export async function holding<T>(database: SqlDatabase, holders: number, make: (hold: DatabaseHold) => T): Promise<T> {
  try {
    return make(sharedHold(database, holders));
  } catch (error) {
    await database.close();
    throw error;
  }
}
