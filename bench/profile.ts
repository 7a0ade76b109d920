/**
 * Where the time of one scenario goes: `node --import tsx bench/profile.ts redis [--scenario "process, concurrency 100"] [--side Stem]`.
 *
 * Runs it in a fresh place of that store, once to warm up and once watched: the functions of this process that took the most time, the processor time
 * of an operation here and in the server, and what each command cost a Redis. `--folder` keeps the profile, for a viewer such as that of Chrome.
 */

import { writeFile } from "node:fs/promises";
import type { Profiler } from "node:inspector";
import { Session } from "node:inspector/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { Redis } from "ioredis";
import { grounds } from "./grounds.ts";
import { watchTimed } from "./measure.ts";
import { meterProcessorTime } from "./processor-time.ts";
import { scenarios } from "./scenarios.ts";
import { sides } from "./sides.ts";
import type { StoreName } from "./systems.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    scenario: { type: "string", default: "process, concurrency 100" },
    side: { type: "string", default: "Stem" },
    count: { type: "string", default: "20000" },
    folder: { type: "string" },
  },
});
const count = Number(values.count);
const store = storeNamed(positionals[0] ?? "redis");
const side = sides[values.side];
const scenario = scenarios.find(({ name }) => name.includes(values.scenario));
if (side === undefined) throw new Error(`Cannot profile "${values.side}": there are ${Object.keys(sides).join(", ")}`);
if (scenario === undefined) {
  throw new Error(`Cannot profile "${values.scenario}": there are ${scenarios.map(({ name }) => name).join("; ")}`);
}

const ground = await grounds[store]();
const faces = await side.load(store);
try {
  await run();
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  const place = await ground.fresh();
  const meter = meterProcessorTime(place);
  watchTimed({
    start: async () => {
      if (store === "redis") await withRedis(place.url, (admin) => admin.config("RESETSTAT"));
      await session.post("Profiler.start");
      await meter.watch.start();
    },
    stop: async (done) => {
      await meter.watch.stop(done);
      const { profile } = await session.post("Profiler.stop");
      const time = meter.latest();
      console.log(`processor time per operation: ${time?.here.toFixed(1)} µs here, ${time?.server?.toFixed(1) ?? "none"} µs in the server`);
      printFunctions(profile, done);
      if (store === "redis") await withRedis(place.url, (admin) => printCommands(admin, done));
      if (values.folder !== undefined) {
        const name = `${store}-${values.side}-${scenario.name}`.replaceAll(/\W+/g, "-");
        await writeFile(join(resolve(values.folder), `${name}.cpuprofile`), JSON.stringify(profile));
      }
    },
  });
  console.log(`${values.side}: ${scenario.name}: ${(await run(place))?.toLocaleString("en")} (watched, which slows it down)`);
} finally {
  await ground.stop();
}

async function run(given?: Awaited<ReturnType<typeof ground.fresh>>): Promise<number | undefined> {
  const value = await scenario?.run(faces, given ?? await ground.fresh(), {
    single: count,
    many: count,
    waits: 100,
    large: count,
    rounds: 1,
  });
  if (value === undefined) throw new Error(`Cannot profile "${values.scenario}": ${values.side} has no such scenario`);
  return value;
}

function storeNamed(text: string): StoreName {
  switch (text) {
    case "memory":
    case "sqlite":
    case "postgres":
    case "redis":
      return text;
    default:
      throw new Error(`Cannot profile on "${text}": there are ${Object.keys(grounds).join(", ")}`);
  }
}

function printFunctions({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile, done: number): void {
  const names = new Map(nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => {
    const file = url.replace(/^.*\/(node_modules|src|bench)\//, "$1/");
    return [id, { name: `${functionName || "(anonymous)"} ${file}${file === "" ? "" : `:${lineNumber + 1}`}`, place: placeOf(file) }];
  }));
  const [byName, byPlace] = [new Map<string, number>(), new Map<string, number>()];
  samples.forEach((id, at) => {
    const { name, place } = names.get(id) ?? { name: "?", place: "?" };
    const time = timeDeltas[at] ?? 0;
    byName.set(name, (byName.get(name) ?? 0) + time);
    byPlace.set(place, (byPlace.get(place) ?? 0) + time);
  });
  console.log("\nµs per operation, by place");
  print(byPlace, 14);
  console.log("\nµs per operation, by function");
  print(byName, 40);

  function print(times: ReadonlyMap<string, number>, most: number): void {
    const sorted = [...times].sort(([, first], [, second]) => second - first).slice(0, most);
    for (const [name, time] of sorted) console.log(`  ${(time / done).toFixed(2).padStart(7)}  ${name}`);
  }
}

/** A package, or a folder of the sources. */
function placeOf(file: string): string {
  if (file === "" || file.startsWith("node:")) return file === "" ? "(runtime, idle, garbage collection)" : "node";
  return /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? file.replace(/\/[^/]*$/, "");
}

async function withRedis(url: string, work: (admin: Redis) => Promise<unknown>): Promise<void> {
  const admin = new Redis(url, { protocol: 2 });
  await work(admin);
  admin.disconnect();
}

async function printCommands(admin: Redis, done: number): Promise<void> {
  const rows = [...(await admin.info("commandstats")).matchAll(/cmdstat_([^:]+):calls=(\d+),usec=(\d+)/g)]
    .map(([, name = "", calls, usec]) => ({ name, calls: Number(calls), usec: Number(usec) }))
    .sort((first, second) => second.usec - first.usec);
  console.log("\nthe server, per operation: calls and µs of each command (evalsha holds those that its scripts call)");
  for (const { name, calls, usec } of rows.slice(0, 14)) {
    console.log(`  ${name.padEnd(16)} ${(calls / done).toFixed(3).padStart(8)} ${(usec / done).toFixed(2).padStart(8)}`);
  }
}
