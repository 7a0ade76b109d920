/** What several stores can share, and the last one closes. */
export interface Closable {
  /** Gives back connections and the like. */
  close(): Promise<void>;
}

/** How a store holds its database. */
export interface DatabaseHold<D extends Closable> {
  /** The database. */
  readonly database: D;
  /** Lets go of it: closes it when nobody else holds it. Called once. */
  readonly release: () => Promise<void>;
}

/** Lets several stores hold one database: the last one that lets go closes it. */
function sharedHold<D extends Closable>(database: D, holders: number): DatabaseHold<D> {
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
export async function holding<D extends Closable, T>(database: D, holders: number, make: (hold: DatabaseHold<D>) => T): Promise<T> {
  try {
    return make(sharedHold(database, holders));
  } catch (error) {
    await database.close();
    throw error;
  }
}
