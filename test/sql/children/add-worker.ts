/** Writes one row from another process: `add-worker.ts PATH ID`. */

import process from "node:process";
import { openSqlite } from "../../../src/adapters/sql/sqlite-driver.ts";
import { waitForStart } from "../../support/child.ts";

const [path = "", id = ""] = process.argv.slice(2);
const database = await openSqlite(path);
const add = database.statement(
  "test.add",
  { id: "text" },
  ({ db, tables: { workers }, args, dialect }) =>
    db.insert(workers).values({ ns: "test", id: args.id, data: "{}", seenAt: dialect.now, expiresAt: dialect.now }).returning({
      id: workers.id,
    }),
);
await waitForStart();
await add.run({ id });
await database.close();
process.exit(0);
