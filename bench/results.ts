/** The files of `bench/results`, and the tables of `docs/performance.md`, which are made of them. */

import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import type { Report } from "./comparison.ts";
import { figureRows, groupsIn, markdown, timeRows } from "./tables.ts";
import type { StoreName } from "./systems.ts";

const folder = new URL("./results/", import.meta.url);
const page = new URL("../docs/performance.md", import.meta.url);

/** Reads what was measured on a store the last time; `undefined` when nothing was. */
export async function readReport(store: StoreName): Promise<Report | undefined> {
  try {
    return JSON.parse(await readFile(new URL(`${store}.json`, folder), "utf8")) as Report;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** Writes what was measured; scenarios that were left out stay as they are. */
export async function writeReport(report: Report, before?: Report): Promise<void> {
  const kept = before?.scenarios.filter(({ name }) => report.scenarios.every((measured) => measured.name !== name)) ?? [];
  await mkdir(folder, { recursive: true });
  const text = JSON.stringify({ ...report, scenarios: [...report.scenarios, ...kept] }, null, 1);
  await writeFile(new URL(`${report.store}.json`, folder), `${text}\n`);
}

/** Writes the tables into `docs/performance.md`, each between the comments that name its store. */
export async function documentResults(): Promise<void> {
  let text = await readFile(page, "utf8");
  for (const name of await readdir(folder)) {
    const report = await readReport(name.replace(/\.json$/, "") as StoreName);
    if (report !== undefined) text = withTables(text, report);
  }
  await writeFile(page, text);
}

/** The page with the tables of a store in their place. */
export function withTables(text: string, report: Report): string {
  const [begin, end] = [`<!-- ${report.store} -->`, `<!-- end of ${report.store} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`Cannot document "${report.store}": docs/performance.md has no place for it`);
  const tables = [
    `${report.settings}; Node ${report.node}.`,
    ...groupsIn(report).map((group) => markdown(figureRows(group))),
    "Processor time of an operation, in the client and in the server:",
    ...groupsIn(report).map(timeRows).filter(({ length }) => length > 1).map(markdown),
  ];
  return `${text.slice(0, from + begin.length)}\n\n${tables.join("\n\n")}\n\n${text.slice(to)}`;
}
