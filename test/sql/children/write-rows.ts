/** Writes rows to a shared SQLite file for a while, and tells how many were acknowledged: `write-rows.ts PATH WRITER MILLISECONDS`. */

import process from "node:process";
import { SafeClient } from "../../../src/adapters/sql/sqlite-client.ts";
import { sqliteConnector } from "../../../src/adapters/sql/sqlite-connection.ts";
import { waitForStart } from "../../support/child.ts";

const [path = "", writer = "", milliseconds = "0"] = process.argv.slice(2);
const client = new SafeClient(await sqliteConnector(path, "the file"), {
  busyTimeoutMs: 15_000,
  onConnect: ["pragma journal_mode = wal", "pragma synchronous = normal"],
});
await waitForStart();
await client.prepare();
const end = performance.now() + Number(milliseconds);
let acknowledged = 0;
while (performance.now() < end) {
  await client.execute({ sql: "insert into t values (?, ?)", args: [writer, acknowledged] });
  acknowledged += 1;
  if (acknowledged % 3 !== 0) continue;
  const tx = await client.transaction();
  await tx.execute({ sql: "insert into t values (?, ?)", args: [writer, acknowledged] });
  await tx.execute({ sql: "insert into t values (?, ?)", args: [writer, acknowledged + 1] });
  await tx.commit();
  acknowledged += 2;
}
client.close();
console.log(acknowledged);
process.exit(0);
