/** node-postgres, on which the peers on Postgres stand. */

import { load } from "./load.ts";

/** The part of it that is used here. */
export interface Pool {
  on(event: "error" | "connect", listener: (subject: { on(event: "error", listener: () => void): unknown }) => void): unknown;
  query(text: string): Promise<{ readonly rows: readonly Readonly<Record<string, unknown>>[] }>;
  end(): Promise<void>;
}

/** Opens ten connections, its default and ours. */
export async function openPool(connectionString: string): Promise<Pool> {
  const { default: pg } = await load<{ readonly default: { readonly Pool: new (options: object) => Pool } }>("pg", "default");
  const pool = new pg.Pool({ connectionString, max: 10 });
  // A session that is still on its way out when its database is dropped; whoever awaits a query hears of failures anyway.
  pool.on("error", () => {});
  pool.on("connect", (client) => void client.on("error", () => {}));
  return pool;
}
