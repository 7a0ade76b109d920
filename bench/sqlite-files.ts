/**
 * What a SQLite set-up costs: one file, two files, and every commit flushed to the disk. `node --import tsx bench/sqlite-files.ts [--quick]`.
 *
 * The figures in `docs/sqlite.md` come from here. The set-ups take turns, so that whatever else the machine does falls on all of them.
 */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { Adapter } from "../src/contracts/adapter.ts";
import { sqlite } from "../src/sqlite.ts";
import type { Figure } from "./measure.ts";
import { median } from "./measure.ts";
import type { Connect } from "./scenarios.ts";
import { measureStore } from "./scenarios.ts";

const isQuick = process.argv.includes("--quick");
const scale = { single: isQuick ? 200 : 1_000, many: isQuick ? 2_000 : 10_000, runs: 1 };
const rounds = isQuick ? 1 : 3;

const folder = await mkdtemp(join(tmpdir(), "stem-bench-"));
let files = 0;
const fresh = (): string => join(folder, `${++files}.db`);

const setUps: Readonly<Record<string, Connect>> = {
  "one file": (namespace) => sqlite(fresh(), { namespace }),
  "two files": async (namespace) => together(await sqlite(fresh(), { namespace }), await sqlite(fresh(), { namespace })),
  "one file, full": (namespace) => sqlite(fresh(), { namespace, synchronous: "full" }),
};

const measured = new Map<string, Map<string, Figure[]>>();
try {
  for (let round = 1; round <= rounds; round += 1) {
    for (const [name, connect] of Object.entries(setUps)) {
      console.error(`round ${round} of ${rounds}: ${name} …`);
      for (const figure of await measureStore(connect, scale)) remember(name, figure);
    }
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
print();

/** An adapter whose broker and result backend live in two files. */
function together(first: Adapter, second: Adapter): Adapter {
  const close = async (): Promise<void> => {
    await Promise.all([first.close(), second.close()]);
  };
  return { ...first, results: second.results, close, [Symbol.asyncDispose]: close };
}

function remember(setUp: string, figure: Figure): void {
  const row = measured.get(figure.name) ?? new Map<string, Figure[]>();
  measured.set(figure.name, row.set(setUp, [...row.get(setUp) ?? [], figure]));
}

function print(): void {
  const names = Object.keys(setUps);
  console.log(["".padEnd(32), ...names.map((name) => name.padStart(16))].join(""));
  for (const [scenario, row] of measured) {
    const cells = names.map((name) => {
      const figures = row.get(name) ?? [];
      const value = median(figures.map((figure) => figure.median));
      const text = figures[0]?.unit === "ms" ? `${value.toFixed(2)} ms` : `${Math.round(value).toLocaleString("en")}/s`;
      return text.padStart(16);
    });
    console.log([scenario.padEnd(32), ...cells].join(""));
  }
}
