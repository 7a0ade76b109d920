/**
 * What a SQLite set-up costs: one file, two files, and every commit flushed to the disk. `node --import tsx bench/sqlite-files.ts [--quick]`.
 *
 * The figures in `docs/sqlite.md` come from here. The set-ups take turns, so that whatever else the machine does falls on all of them.
 */

import process from "node:process";
import type { Adapter } from "@stem/stem";
import { sqlite } from "@stem/stem/sqlite";
import { grounds } from "./grounds.ts";
import { median } from "./measure.ts";
import { chosen } from "./scenarios.ts";
import { facesOf } from "./stem.ts";
import type { Place } from "./systems.ts";
import { aligned, show } from "./tables.ts";

const isQuick = process.argv.includes("--quick");
const scale = { single: isQuick ? 200 : 1_000, many: isQuick ? 2_000 : 10_000, waits: 50, large: 10_000, rounds: isQuick ? 1 : 3 };

const setUps: Readonly<Record<string, (place: Place) => Promise<Adapter>>> = {
  "one file": ({ url, space }) => sqlite(url, { namespace: space }),
  "two files": async ({ url, space }) => together(await sqlite(url, { namespace: space }), await sqlite(`${url}-2`, { namespace: space })),
  "one file, full": ({ url, space }) => sqlite(url, { namespace: space, synchronous: "full" }),
};

const ground = await grounds.sqlite();
try {
  const rows = [["", ...Object.keys(setUps)]];
  for (const { name, unit, run } of chosen("", false)) {
    console.error(`measuring ${name} …`);
    const values = Object.values(setUps).map((): number[] => []);
    for (let round = 0; round <= scale.rounds; round++) {
      for (const [at, connect] of Object.values(setUps).entries()) {
        const value = await run(facesOf(connect), await ground.fresh(), scale);
        // The first round warms up.
        if (round > 0 && value !== undefined) values[at]?.push(value);
      }
    }
    // Imports are none of a set-up.
    if (values.every((runs) => runs.length > 0)) rows.push([name, ...values.map((runs) => show(median(runs), unit))]);
  }
  console.log(aligned(rows));
} finally {
  await ground.stop();
}

/** An adapter whose broker and result backend live in two files. */
function together(first: Adapter, second: Adapter): Adapter {
  const close = async (): Promise<void> => {
    await Promise.all([first.close(), second.close()]);
  };
  return { ...first, results: second.results, close, [Symbol.asyncDispose]: close };
}
