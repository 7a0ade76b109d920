/** Looks at the migrations of a SQLite file as a user who may only read it, and tells what it saw: `look-read-only.ts PATH`. */

import process from "node:process";
import { StemError } from "../../../src/errors.ts";
import { checkMigrations, migrationStatus } from "../../../src/migrations.ts";
import { waitForStart } from "../../support/child.ts";

const [path = ""] = process.argv.slice(2);
await import("@libsql/client");
await waitForStart();
if (process.getuid?.() === 0) process.setuid?.(65_534);
const { applied, pending } = await migrationStatus(`sqlite:${encodeURI(path)}`);
console.log(`${applied.length} applied, ${pending.length} pending`);
console.log(
  await checkMigrations(`sqlite:${encodeURI(path)}`).then(
    () => "current",
    (error: unknown) => StemError.is(error) ? error.code : String(error),
  ),
);
process.exit(0);
