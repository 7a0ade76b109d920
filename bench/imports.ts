/** What importing costs, in a process that does nothing else. */

import { execFile } from "node:child_process";
import process from "node:process";
import { promisify } from "node:util";
import type { Imports } from "./systems.ts";

const run = promisify(execFile);

/** How long it takes, in milliseconds. */
export async function importTime(imports: Imports): Promise<number> {
  return (await cost(imports)).ms;
}

/** How much larger the process is than one that imports nothing, in mebibytes. */
export async function importMemory(imports: Imports): Promise<number> {
  return (await cost(imports)).rss - (await cost({ ...imports, names: [] })).rss;
}

async function cost({ folder, names }: Imports): Promise<{ readonly ms: number; readonly rss: number }> {
  const script = `
    const from = performance.now();
    for (const name of ${JSON.stringify(names)}) await import(name);
    console.log(JSON.stringify({ ms: performance.now() - from, rss: process.memoryUsage.rss() / 2 ** 20 }));
    process.exit();`;
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", script], { cwd: folder });
  return JSON.parse(stdout) as { ms: number; rss: number };
}
