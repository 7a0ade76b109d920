/**
 * Measures Stem on every store beside the driver of that store and its peers: `npm run bench [-- --quick] [-- memory sqlite postgres redis]`.
 *
 * - `--peer text`: only peers whose names hold it, and their stores; `--peer none` leaves them out;
 * - `--peer before`: beside another checkout with its build, whose folder `STEM_BENCH_BEFORE` names: is a change faster?
 * - `--scenario text`: only what has that text in its name, such as `--scenario "100 in flight"`;
 * - `--all`: also what takes minutes: how cost grows with what is stored, a million tasks, several processes; a name given by `--scenario` does it too;
 * - `--quick`: roughly, in short runs; `--check`: ends with 1 when a target is missed; `--json`: the figures, for programs;
 * - `--document`: measures nothing, and writes the tables of `bench/results` into `docs/performance.md`.
 *
 * A run without `--quick` and `--peer` writes `bench/results/<store>.json`. Peers are installed by `npm ci --prefix bench/peers`, and the Node that
 * some of them need by `npm ci --prefix test/runtimes`. Postgres and Redis are private servers of this run that write to disk like any other;
 * `STEM_BENCH_POSTGRES_URL` names another Postgres.
 */

import { cpus } from "node:os";
import process from "node:process";
import { parseArgs } from "node:util";
import type { Report } from "./comparison.ts";
import { compare } from "./comparison.ts";
import { documentResults, readReport, writeReport } from "./results.ts";
import type { Scale } from "./scenarios.ts";
import { chosen } from "./scenarios.ts";
import { peersOn } from "./sides.ts";
import type { StoreName } from "./systems.ts";
import { aligned, figureRows, groupsIn, timeRows } from "./tables.ts";
import { judge } from "./targets.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: "boolean", default: false },
    document: { type: "boolean", default: false },
    all: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    check: { type: "boolean", default: false },
    scenario: { type: "string", default: "" },
    peer: { type: "string" },
  },
});
const allStores: readonly StoreName[] = ["memory", "sqlite", "postgres", "redis"];
const scale: Scale = values.quick
  ? { single: 500, many: 5_000, waits: 30, large: 100_000, rounds: 3 }
  : { single: 2_000, many: 20_000, waits: 100, large: 1_000_000, rounds: 7 };

if (values.document) await documentResults();
else await measure();

async function measure(): Promise<void> {
  const reports: Report[] = [];
  for (const store of storesToMeasure()) {
    const report = await compare({ store, peers: peersOn(store, values.peer), scenarios: chosen(values.scenario, values.all), scale, say });
    reports.push(report);
    if (!values.json) print(report);
    if (!values.quick && values.peer === undefined) await writeReport(report, await readReport(store));
  }
  if (values.json) console.log(JSON.stringify(reports, null, 2));
  const verdicts = reports.flatMap(judge);
  const missed = verdicts.filter(({ isMet }) => !isMet);
  for (const { target: { store, scenario, peer, other, atLeast, atMost }, reached } of missed) {
    const wanted = atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`;
    const of = peer !== undefined ? ` of ${peer}'s` : other !== undefined ? ` of "${other}"` : "";
    console.error(`missed: ${store}: ${scenario}: ${reached.toPrecision(3)}${of}, not ${wanted}`);
  }
  if (values.check && (missed.length > 0 || verdicts.length === 0)) process.exitCode = 1;
}

function storesToMeasure(): readonly StoreName[] {
  const unknown = positionals.filter((name) => !allStores.some((store) => store === name));
  if (unknown.length > 0) throw new Error(`Cannot measure "${unknown.join(", ")}": there are ${allStores.join(", ")}`);
  const wanted = allStores.filter((store) => positionals.length === 0 || positionals.includes(store));
  if (values.peer === undefined || values.peer === "none") return wanted;
  const found = wanted.filter((store) => peersOn(store, values.peer).length > 0);
  if (found.length === 0) throw new Error(`Cannot measure peer "${values.peer}": there is none of that name on ${wanted.join(", ")}`);
  return found;
}

function print(report: Report): void {
  const { store, settings, node } = report;
  console.log(`\n${store}: ${settings}; Node ${node}, ${cpus().length} processors\n`);
  for (const group of groupsIn(report)) console.log(`${aligned(figureRows(group))}\n`);
  console.log("processor time of an operation: client + server\n");
  for (const group of groupsIn(report)) if (timeRows(group).length > 1) console.log(`${aligned(timeRows(group))}\n`);
}

function say(what: string): void {
  console.error(`measuring ${what} …`);
}
