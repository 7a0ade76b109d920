/** What the package offers: the same entries and version on npm and JSR, each of them there in the sources and in what is built. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { promisify } from "node:util";
import { root } from "./support/runtimes.ts";
import { createServerFolder } from "./support/server-folder.ts";

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly bin?: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
  readonly imports?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const read = (file: string): Manifest => JSON.parse(readFileSync(join(root, file), "utf8")) as Manifest;
const npm = read("package.json");
const jsr = read("deno.json");
const entries = Object.entries(jsr.exports).map(([name, source]) => ({
  name,
  source: typeof source === "string" ? source : source.default,
}));
const run = promisify(execFile);

test("package.json and deno.json agree on name, version, licence and entries", () => {
  assert.deepEqual([npm.name, npm.version, npm.license], [jsr.name, jsr.version, jsr.license]);
  assert.ok(entries.length >= 8, `Only ${entries.length} entries were read`);
  const expected = Object.fromEntries(entries.map(({ name, source }) => [name, {
    types: source.replace("./src/", "./dist/").replace(/\.ts$/, ".d.ts"),
    default: source.replace("./src/", "./dist/").replace(/\.ts$/, ".js"),
  }]));
  assert.deepEqual(npm.exports, { ...expected, "./package.json": "./package.json" });
});

test("they ask for the same versions of the same packages", () => {
  const wanted = { ...npm.dependencies, ...npm.peerDependencies };
  for (const [name, specifier] of Object.entries(jsr.imports ?? {})) {
    const [, bare, version] = /^npm:\/?((?:@[^/]+\/)?[^@/]+)@([^/]+)\/?$/.exec(specifier) ?? [];
    assert.equal(bare, name.replace(/\/$/, ""), `"${specifier}" names another package than "${name}"`);
    assert.equal(version, wanted[bare ?? ""], `deno.json and package.json want different versions of ${name}`);
  }
  for (const name of Object.keys(npm.peerDependencies ?? {})) {
    assert.equal(npm.peerDependenciesMeta?.[name]?.optional, true, `${name} must be optional`);
  }
});

test("every entry is in the sources", () => {
  assert.deepEqual(entries.filter(({ source }) => !existsSync(join(root, source))), []);
});

test("every entry is in what is built, with its types, and loads on plain Node", { timeout: 180_000 }, async () => {
  // Inside the project, so that the built files find the drivers in its node_modules.
  const out = join(root, ".cache", "test-exports");
  await run(join(root, "node_modules/.bin/tsc"), ["-p", "tsconfig.build.json", "--outDir", out], { cwd: root });
  for (const { name, source } of entries) {
    const built = join(out, relative("src", source).replace(/\.ts$/, ""));
    assert.ok(existsSync(`${built}.d.ts`), `"${name}" has no types`);
    const script = `console.log(Object.keys(await import(${JSON.stringify(`${built}.js`)})).length)`;
    const { stdout } = await run(process.execPath, ["--input-type=module", "-e", script], { cwd: root });
    assert.ok(Number(stdout) > 0, `"${name}" exports nothing`);
  }
});

test("the built program runs on plain Node, and says what TypeScript needs where that does not run it", { timeout: 60_000 }, async () => {
  const bin = npm.bin?.["stem"] ?? "";
  const built = join(root, ".cache", "test-exports", relative("dist", bin));
  assert.match(readFileSync(built, "utf8"), /^#!\/usr\/bin\/env node\n/);
  const { stdout } = await run(process.execPath, [built, "--version"]);
  assert.equal(stdout, `${npm.version}\n`);
  await using folder = createServerFolder("bin");
  writeFileSync(join(folder.path, "tasks.ts"), "export const none: number = 1;\n");
  const start = ["worker", "start", "--tasks", "./tasks.ts", "--url", "memory:"];
  await assert.rejects(run(process.execPath, [built, ...start], { cwd: folder.path }), (error: unknown) => {
    assert.ok(error instanceof Error && "stderr" in error && "code" in error);
    assert.match(
      String(error.stderr),
      process.versions.node.startsWith("20.") ? /does not run TypeScript; set NODE_OPTIONS="--import tsx"/ : /it exports none/,
    );
    assert.equal(error.code, 2);
    return true;
  });
});

test("the front door needs no driver, and a store whose driver is missing names the packages", { timeout: 60_000 }, async () => {
  // Outside the project, where no driver can be found.
  await using folder = createServerFolder("plain");
  const copy = join(folder.path, "stem");
  cpSync(join(root, ".cache", "test-exports"), copy, { recursive: true });
  writeFileSync(join(copy, "package.json"), JSON.stringify({ type: "module" }));
  // What is installed with the package, and nothing else.
  for (const name of Object.keys(npm.dependencies ?? {})) {
    cpSync(join(root, "node_modules", name), join(copy, "node_modules", name), { recursive: true });
  }
  const script = `
    const { StemApp, StemError } = await import(${JSON.stringify(join(copy, "mod.js"))});
    await import(${JSON.stringify(join(copy, "memory.js"))});
    await (await StemApp.inMemory()).close();
    for (const url of ["sqlite:./stem.db", "postgres://127.0.0.1:1/none"]) {
      await StemApp.fromUrl(url).then(
        () => console.log("connected"),
        (error) => console.log(StemError.is(error), error.code, error.message),
      );
    }`;
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", script], { cwd: folder.path });
  const [sqlite = "", postgres = ""] = stdout.split("\n");
  assert.match(sqlite, /^true CONFIG .*npm install .*@libsql\/client/);
  assert.match(postgres, /^true CONFIG .*npm install .*postgres/);
});

test("docs/dependencies.md gives a reason for every dependency, and for nothing else", () => {
  const page = readFileSync(join(root, "docs/dependencies.md"), "utf8");
  const listed = [...page.matchAll(/^\| `([^`]+)` *\| (\S.*?) *\|$/gm)].map(([, name, reason = ""]) => ({ name, reason }));
  const peers = read("bench/peers/package.json");
  const groups = [npm.dependencies, npm.peerDependencies, npm.devDependencies, peers.dependencies, peers.optionalDependencies];
  const used = [...new Set(groups.flatMap((group) => Object.keys(group ?? {})))];
  const names = listed.map(({ name = "" }) => name);
  assert.deepEqual(names.filter((name) => !used.includes(name)), []);
  assert.deepEqual(used.filter((name) => !names.includes(name)), []);
  assert.deepEqual(listed.filter(({ reason }) => reason.length < 20), []);
});
