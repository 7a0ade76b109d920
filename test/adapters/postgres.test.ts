/** The Postgres adapter, held to the laws of the contracts: each connection has pools of its own, in a schema of this run. */

import { test } from "node:test";
import { drizzle } from "drizzle-orm/postgres-js";
import postgresJs from "postgres";
import { registerConformance } from "../../src/conformance.ts";
import { postgres } from "../../src/postgres.ts";
import { needsPostgres, postgresUrl } from "../support/servers.ts";

if (needsPostgres.skip !== undefined) {
  test("postgres: conformance", needsPostgres, () => {});
} else {
  const schema = `stem_conformance_${Date.now()}`;
  const client = postgresJs(postgresUrl(), { max: 2, onnotice: () => {} });
  const database = drizzle({ client });

  registerConformance({
    name: "postgres",
    connect: (options) => postgres(postgresUrl(), { ...options, schema, maxConnections: 4 }),
    transaction: (work) => database.transaction(work),
    cleanup: async () => {
      await client`drop schema if exists ${client(schema)} cascade`;
      await client.end();
    },
  }, { test });
}
