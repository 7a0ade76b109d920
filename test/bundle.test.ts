/** An application bundled into one file starts and works: a bundler may run the modules of a package later than whoever uses them expects. */

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { withSchema } from "./sql/databases.ts";
import { runCommand } from "./support/run-command.ts";
import { root, runtimeProgram } from "./support/runtimes.ts";
import { createServerFolder } from "./support/server-folder.ts";
import { needsPostgres, postgresUrl } from "./support/servers.ts";

const app = (url: string, schema: string): string => `
import { Stem, task, Worker } from ${JSON.stringify(join(root, "src/mod.ts"))};
import { postgres } from ${JSON.stringify(join(root, "src/postgres.ts"))};

await using adapter = await postgres(${JSON.stringify(url)}, { schema: ${JSON.stringify(schema)} });
const add = task({ name: "add", run: (_context, { a, b }: { a: number; b: number }) => a + b });
const sides = { broker: adapter.broker, backend: adapter.results, registry: [add] };
await using worker = new Worker(sides);
await worker.start();
const handle = await new Stem(sides).enqueue(add, { args: { a: 1, b: 2 } });
console.log("sum", await handle.result({ timeout: "30s" }));
`;

test(
  "an application on Postgres that was bundled into one file runs a task",
  { ...needsPostgres, timeout: 120_000 },
  () =>
    withSchema(async (schema) => {
      await using folder = createServerFolder("bundle");
      writeFileSync(join(folder.path, "app.ts"), app(postgresUrl(), schema));
      const bundle = join(folder.path, "app.mjs");
      const args = ["build", join(folder.path, "app.ts"), "--target=node", "--format=esm", `--outfile=${bundle}`];
      const bundled = await runCommand({ program: runtimeProgram("bun"), args }, { cwd: root, output: "collect", limitMs: 60_000 });
      assert.equal(bundled.code, 0, bundled.output);
      const run = await runCommand({ program: runtimeProgram("node"), args: [bundle] }, {
        cwd: folder.path,
        output: "collect",
        limitMs: 60_000,
      });
      assert.deepEqual([run.code, run.output.trim()], [0, "sum 3"]);
    }),
);
