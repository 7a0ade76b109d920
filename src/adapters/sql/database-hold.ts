import type { SqlDatabase } from "./database.ts";

/** How a store holds its database. */
export interface DatabaseHold {
  /** The database. */
  readonly database: SqlDatabase;
  /** Lets go of it: closes it when nobody else holds it. Called once. */
  readonly release: () => Promise<void>;
}

/** Lets several stores hold one database: the last one that lets go closes it. */
export function sharedHold(database: SqlDatabase, holders: number): DatabaseHold {
  let left = holders;
  return {
    database,
    release: async () => {
      left -= 1;
      if (left === 0) await database.close();
    },
  };
}
