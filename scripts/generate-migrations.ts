/** Generates the migrations of both dialects from the schema, and embeds them: `npm run generate [-- --name what_changed]`. */

import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { root } from "../test/support/runtimes.ts";
import { dialects, embeddedModule, embeddedPath } from "./migration-files.ts";

for (const dialect of dialects) {
  const kit = join(root, "node_modules/.bin/drizzle-kit");
  const { status } = spawnSync(kit, ["generate", "--config", "drizzle.config.ts", ...process.argv.slice(2)], {
    cwd: root,
    env: { ...process.env, STEM_DIALECT: dialect },
    stdio: "inherit",
  });
  // drizzle-kit also ends with 0 when it stopped at a question that nobody could answer: `npm run verify` finds that.
  if (status !== 0) process.exit(status ?? 1);
}
writeFileSync(embeddedPath, embeddedModule());
