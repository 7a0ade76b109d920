/** The SQLite adapter, held to the laws of the contracts: each connection has opened the same file by itself. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createClient } from "@libsql/client";
import { drizzle } from "drizzle-orm/libsql";
import { registerConformance } from "../../src/conformance.ts";
import { sqlite } from "../../src/sqlite.ts";

const folder = await mkdtemp(join(tmpdir(), "stem-sqlite-"));
const path = join(folder, "conformance.db");
const client = createClient({ url: `file:${path}`, timeout: 5_000 });

registerConformance({
  name: "sqlite",
  connect: (options) => sqlite(path, options),
  transaction: (work) => drizzle({ client }).transaction(work),
  cleanup: async () => {
    client.close();
    await rm(folder, { recursive: true });
  },
}, { test });
