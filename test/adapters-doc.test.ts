/** The table in `docs/adapters.md` says what the adapters say of themselves in `supports`. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Adapter } from "../src/mod.ts";
import { memory } from "../src/memory.ts";
import { postgres } from "../src/postgres.ts";
import { redis } from "../src/redis.ts";
import { sqlite } from "../src/sqlite.ts";
import { root } from "./support/runtimes.ts";
import { needsPostgres, needsRedis, postgresUrl, redisUrl } from "./support/servers.ts";

const table = readTable(readFileSync(join(root, "docs/adapters.md"), "utf8"));
const stores = ["broker", "results", "schedules", "locks", "revocations", "workflows", "limiter"] as const;

test("memory", async () => {
  await assertColumn(memory());
});

test("sqlite", { timeout: 30_000 }, async () => {
  await assertColumn(await sqlite(":memory:"));
});

test("postgres", { timeout: 30_000, ...needsPostgres }, async () => {
  await assertColumn(await postgres(postgresUrl(), { namespace: "adapters-doc" }));
});

test("redis", { timeout: 30_000, ...needsRedis }, async () => {
  await assertColumn(await redis(redisUrl(), { namespace: "adapters-doc" }));
});

async function assertColumn(adapter: Adapter): Promise<void> {
  try {
    const { name, ...capabilities } = adapter.supports;
    const actual = { ...capabilities, ...Object.fromEntries(stores.map((store) => [store, adapter[store] !== undefined])) };
    const expected = Object.entries(actual).map(([capability, value]) => [capability, cell(value)] as const);
    assert.deepEqual(table.get(name), new Map(expected));
  } finally {
    await adapter.close();
  }
}

function cell(value: unknown): string {
  return value === true ? "yes" : value === false ? "no" : String(value);
}

/** The first table of the page: for each adapter, its cell for each capability. A row may name several. */
function readTable(page: string): Map<string, Map<string, string>> {
  const rows = [...page.matchAll(/^\|(.*)\|$/gm)].map(([, row = ""]) => row.split("|").map((text) => text.trim().replaceAll("`", "")));
  const [heading = [], , ...body] = rows;
  const columns = new Map(heading.slice(1).map((name) => [name, new Map<string, string>()]));
  for (const [names = "", ...cells] of body) {
    for (const capability of names.split(", ")) {
      for (const [at, column] of [...columns.values()].entries()) column.set(capability, cells[at] ?? "");
    }
  }
  return columns;
}
