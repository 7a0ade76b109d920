/** Opens a SQLite file as a user who may only read it, and tells the error: `open-read-only.ts PATH`. */

import process from "node:process";
import { openSqlite } from "../../../src/adapters/sql/sqlite-driver.ts";
import { StemError } from "../../../src/errors.ts";
import { waitForStart } from "../../support/child.ts";

const [path = ""] = process.argv.slice(2);
await Promise.all([import("@libsql/client"), import("drizzle-orm/libsql")]);
await waitForStart();
if (process.getuid?.() === 0) process.setuid?.(65_534);
try {
  await openSqlite(path);
  console.log("opened");
} catch (error) {
  console.log(StemError.is(error) ? `${error.code} ${error.retryable}` : String(error));
  console.error(error);
}
process.exit(0);
