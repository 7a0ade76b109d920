import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { before, test } from "node:test";
import { grounds } from "../../bench/grounds.ts";
import { startSide } from "../../bench/running-side.ts";
import { scenarios } from "../../bench/scenarios.ts";
import { peers, sides } from "../../bench/sides.ts";
import type { StoreName } from "../../bench/systems.ts";
import { findPostgres } from "../support/postgres-binaries.ts";
import { findRedis } from "../support/redis-server.ts";
import { root } from "../support/runtimes.ts";

const arePeersInstalled = existsSync(join(root, "bench/peers/node_modules")) && existsSync(join(root, "test/runtimes/node_modules"));
const scale = { single: 20, many: 200, waits: 2, large: 1_000, rounds: 1 };
// Each side is a process of Node.
const skip = process.release.name !== "node" || "bun" in process.versions || "deno" in process.versions;

// Stem's side runs what `npm run bench` builds.
before(() => {
  if (skip || existsSync(join(root, "dist/mod.js"))) return;
  execFileSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", "tsconfig.build.json"], { cwd: root });
});

for (const store of ["memory", "sqlite", "postgres", "redis"] satisfies StoreName[]) {
  const names = Object.keys(sides).filter((name) => sides[name]?.stores.includes(store) && (!(name in peers) || arePeersInstalled));
  test(
    `${store}: every scenario of ${names.join(", ")} does what it says`,
    { skip: skip || isMissing(store), timeout: 600_000 },
    async () => {
      const ground = await grounds[store]();
      try {
        for (const name of names) {
          const side = startSide(name, sides[name]?.needsNode24?.includes(store) === true ? "node24" : "node");
          const failure = await side.load(await ground.fresh(), scale);
          // A binary that could neither be fetched nor built.
          if (failure !== undefined && name.startsWith("keyv")) {
            side.stop();
            continue;
          }
          const done: string[] = [];
          for (const scenario of scenarios) {
            const run = await side.run(scenario.name, await ground.fresh(), scale);
            if (run === undefined) continue;
            assert.ok(run.value > 0 || scenario.unit === "MiB", `${name}: ${scenario.name}: ${run.value}`);
            done.push(scenario.name);
          }
          side.stop();
          if (name === "Stem" && store !== "memory") assert.deepEqual(done, scenarios.map((scenario) => scenario.name));
          else assert.notDeepEqual(done, [], name);
        }
      } finally {
        await ground.stop();
      }
    },
  );
}

function isMissing(store: StoreName): boolean {
  return store === "postgres" && findPostgres() === undefined || store === "redis" && findRedis() === undefined;
}
