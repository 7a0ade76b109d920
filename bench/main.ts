/**
 * Measures every store beside the floor of its driver, in one run: `npm run bench [-- --quick] [-- --json] [-- memory sqlite postgres]`.
 *
 * Postgres is measured where `STEM_BENCH_POSTGRES_URL` says, or on a private server that flushes to disk like any other.
 */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { memory } from "../src/memory.ts";
import { postgres } from "../src/postgres.ts";
import { sqlite } from "../src/sqlite.ts";
import { startPostgres } from "../test/support/postgres-server.ts";
import { postgresFloor, sqliteFloor } from "./floors.ts";
import type { Figure } from "./measure.ts";
import type { Scale } from "./scenarios.ts";
import { measureStore } from "./scenarios.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: "boolean", default: false }, json: { type: "boolean", default: false } },
});
const scale: Scale = values.quick ? { single: 500, many: 5_000, runs: 1 } : { single: 2_000, many: 20_000, runs: 3 };
const chosen = positionals.length > 0 ? positionals : ["memory", "sqlite", "postgres"];

interface Report {
  readonly store: string;
  readonly figures: readonly Figure[];
  readonly floor: readonly Figure[];
}

const reports: Report[] = [];
if (chosen.includes("memory")) {
  say("memory");
  reports.push({ store: "memory", figures: await measureStore(async (namespace) => memory({ namespace }), scale), floor: [] });
}
if (chosen.includes("sqlite")) {
  say("sqlite: WAL, synchronous NORMAL");
  const folder = await mkdtemp(join(tmpdir(), "stem-bench-"));
  try {
    const floor = await sqliteFloor(join(folder, "floor.db"), scale);
    let files = 0;
    const figures = await measureStore((namespace) => sqlite(join(folder, `stem-${++files}.db`), { namespace }), scale);
    reports.push({ store: "sqlite", figures, floor });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
if (chosen.includes("postgres")) {
  say("postgres: fsync and synchronous_commit on");
  const given = process.env["STEM_BENCH_POSTGRES_URL"];
  const server = given === undefined ? await startPostgres({ fsync: true }) : undefined;
  try {
    const url = given ?? server?.url ?? "";
    const floor = await postgresFloor(url, scale);
    const figures = await measureStore((namespace) => postgres(url, { namespace, schema: "stem_bench" }), scale);
    reports.push({ store: "postgres", figures, floor });
  } finally {
    await server?.stop();
  }
}
if (values.json) console.log(JSON.stringify(reports, null, 2));
else for (const report of reports) print(report);

function say(what: string): void {
  console.error(`measuring ${what} …`);
}

function print({ store, figures, floor }: Report): void {
  console.log(`\n${store}`);
  const floors = new Map(floor.map((figure) => [figure.name, figure.median]));
  for (const { name, unit, median } of figures) {
    const floorOf = floors.get(name);
    const value = unit === "ms" ? `${median.toFixed(2)} ms` : `${Math.round(median).toLocaleString("en")}/s`;
    const share = floorOf === undefined
      ? ""
      : `   ${(median / floorOf).toFixed(2)} of the driver's ${Math.round(floorOf).toLocaleString("en")}/s`;
    console.log(`  ${name.padEnd(32)} ${value.padStart(12)}${share}`);
  }
}
