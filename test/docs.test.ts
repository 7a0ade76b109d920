/**
 * Every TypeScript block of the documentation is checked by the compiler, and every one that stands by itself is run.
 *
 * A fence may say ` ```ts no-run ` for a block that needs a server or never ends, and ` ```ts tasks.ts ` for one that other blocks of its page import. In
 * the docstring of an internal symbol ` ```ts ignore ` marks a sketch that is no program; pages have none.
 */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { blocksOf, type DocBlock, docBlocks } from "./support/doc-blocks.ts";
import { root } from "./support/runtimes.ts";
import { createServerFolder, type ServerFolder } from "./support/server-folder.ts";
import { filesUnder } from "./support/test-files.ts";

const run = promisify(execFile);
const folder = join(root, ".cache", "docs");
const pages = ["README.md", ...filesUnder("docs", [".md"]), ...filesUnder("src", [".ts"])].filter((page) => existsSync(join(root, page)));
const blocks = pages.flatMap((page) =>
  docBlocks(page).filter((block) => !isIgnored(block)).map((block) => ({
    ...block,
    file: join(folder, page.replaceAll(/[^\w-]/g, "_"), block.flags.find((flag) => flag.endsWith(".ts")) ?? `line-${block.line}.ts`),
    isRun: !block.flags.some((flag) => flag === "no-run" || flag.endsWith(".ts")),
  }))
);

function isIgnored({ page, flags }: DocBlock): boolean {
  return page.startsWith("src/") && flags.includes("ignore");
}

let scratch: ServerFolder | undefined;

before(() => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(compilerConfig()));
  for (const { file, page, code } of blocks) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${fromItsPlace(page, code)}\nexport {};\n`);
  }
  scratch = createServerFolder("docs");
});

after(async () => {
  await scratch?.remove();
});

test("there are blocks, and what their fences say is known", () => {
  assert.ok(blocks.length >= 10, `Only ${blocks.length} blocks were read`);
  const unknown = blocks.filter(({ flags }) => flags.some((flag) => flag !== "no-run" && !/^[\w-]+\.ts$/.test(flag)));
  assert.deepEqual(unknown.map(({ page, line, flags }) => `${page}:${line}: ${flags.join(" ")}`), []);
});

test("every block passes the compiler", { timeout: 120_000 }, async () => {
  const outcome = await run(join(root, "node_modules/.bin/tsc"), ["-p", folder, "--pretty", "false"], { cwd: root }).then(
    () => "",
    (error: unknown) => error instanceof Error && "stdout" in error ? String(error.stdout) : String(error),
  );
  assert.equal(inPages(outcome), "");
});

for (const { page, line, file } of blocks.filter(({ isRun }) => isRun)) {
  test(`${page}:${line} runs`, { timeout: 60_000 }, async () => {
    assert.ok(scratch !== undefined);
    const tsx = import.meta.resolve("tsx");
    // A block ends by itself: one that leaves something open would keep its reader's process alive as well.
    await run(process.execPath, ["--import", tsx, file], {
      cwd: scratch.path,
      env: { ...process.env, TSX_TSCONFIG_PATH: join(folder, "tsconfig.json") },
      timeout: 30_000,
    });
  });
}

test("blocks are found in pages and docstrings", () => {
  const page = "text\n```ts no-run\nconst a = 1;\n```\n```sh\nnpm ci\n```\n```ts tasks.ts\n```\n";
  assert.deepEqual(blocksOf("a.md", page), [
    { page: "a.md", line: 2, flags: ["no-run"], code: "const a = 1;" },
    { page: "a.md", line: 8, flags: ["tasks.ts"], code: "" },
  ]);
  const source = "/**\n * @example\n * ```ts\n * const a = {\n *   b: 1,\n * };\n * ```\n */\n";
  assert.deepEqual(blocksOf("a.ts", source), [{ page: "a.ts", line: 3, flags: [], code: "const a = {\n  b: 1,\n};" }]);
  assert.throws(() => blocksOf("a.md", "```ts\n"), /line 1 has no end/);
});

/** Lets the example of an internal file import that file and its neighbours. */
function fromItsPlace(page: string, code: string): string {
  return code.replaceAll(/(?<=\bfrom ")\.{1,2}\/[^"]+(?=")/g, (specifier) => {
    const target = join(root, dirname(page), specifier);
    return page.startsWith("src/") && existsSync(target) ? target : specifier;
  });
}

function compilerConfig(): object {
  const { exports: entries } = JSON.parse(readFileSync(join(root, "deno.json"), "utf8")) as { exports: Record<string, string> };
  const paths = Object.entries(entries).map(([name, source]) => [`@stem/stem${name.slice(1)}`, [join(root, source)]] as const);
  return {
    extends: join(root, "tsconfig.json"),
    // An example may show a value without using it.
    compilerOptions: { noUnusedLocals: false, noUnusedParameters: false, paths: Object.fromEntries<readonly string[]>(paths) },
    include: ["./**/*.ts"],
  };
}

/** Puts the place in the page instead of the place in the extracted file. */
function inPages(messages: string): string {
  return blocks.reduce(
    (text, { file, page, line }) =>
      text.replaceAll(
        new RegExp(`${file.slice(root.length + 1).replaceAll(/[.\\/]/g, "\\$&")}\\((\\d+),`, "g"),
        (_, at: string) => `${page}(${line + Number(at)},`,
      ),
    messages,
  );
}
