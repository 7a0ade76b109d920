/** Connects for the first time, at the same moment as others, and publishes one envelope: `first-connect.ts LOCATION SCHEMA ID`. */

import process from "node:process";
import { envelope } from "../../../src/model/envelope.ts";
import { PostgresBroker } from "../../../src/postgres.ts";
import { SqliteBroker } from "../../../src/sqlite.ts";
import { waitForStart } from "../../support/child.ts";

const [location = "", schema = "", id = ""] = process.argv.slice(2);
// The drivers are loaded on use, which takes longer than connecting: done before, so that all connect at once.
await Promise.all([import("postgres"), import("@libsql/client"), import("drizzle-orm/postgres-js"), import("drizzle-orm/libsql")]);
await waitForStart();
const broker = location.startsWith("postgres")
  ? await PostgresBroker.connect(location, { schema, maxConnections: 1 })
  : await SqliteBroker.open(location);
const [accepted] = await broker.publish([envelope({ name: "demo", id })]);
await broker.close();
process.exit(accepted === true ? 0 : 1);
