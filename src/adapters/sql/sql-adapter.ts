import type { Adapter, AdapterSupport } from "../../contracts/adapter.ts";
import type { SqlBrokerOptions } from "./broker.ts";
import { SqlBroker } from "./broker.ts";
import type { SqlDatabase } from "./database.ts";
import { holding } from "./database-hold.ts";
import type { SqlResultBackendOptions } from "./results.ts";
import { SqlResultBackend } from "./results.ts";

/** Options of the stores of one SQL adapter. */
export type SqlStoreOptions = SqlBrokerOptions & SqlResultBackendOptions;

/** Makes all stores of a database; closing the adapter closes them, and the database with the last of them. */
export function sqlAdapter(database: SqlDatabase, supports: AdapterSupport, options: SqlStoreOptions): Promise<Adapter> {
  return holding(database, 2, (hold) => {
    const broker = new SqlBroker(hold, options);
    const results = new SqlResultBackend(hold, options);
    const close = async (): Promise<void> => {
      await Promise.all([broker.close(), results.close()]);
    };
    return Object.freeze({ supports, broker, results, close, [Symbol.asyncDispose]: close });
  });
}
