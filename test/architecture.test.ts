/** The architecture as a test: who may import whom, how large a file may be, where clocks, timers, randomness and the process may be touched. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { codeLines, countCasts, readSources, type SourceFile } from "./support/source.ts";

const sources = readSources("src");
const byPath = new Map(sources.map((file) => [file.path, file]));

/** Each layer with the layers that it may import; a layer may always import itself. */
const layers: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  time: ["errors"],
  async: ["errors", "time"],
  model: ["errors", "time", "async"],
  encoding: ["errors", "time", "async", "model"],
  contracts: ["errors", "time", "async", "model"],
  ledger: ["errors", "time", "async", "model", "contracts"],
  locks: ["errors", "time", "async", "model", "contracts"],
  tasks: ["errors", "time", "async", "model", "contracts", "encoding"],
  producer: ["errors", "time", "async", "model", "contracts", "encoding", "ledger", "tasks"],
  worker: ["errors", "time", "async", "model", "contracts", "encoding", "ledger", "tasks", "producer"],
  beat: ["errors", "time", "async", "model", "contracts", "encoding", "ledger", "locks", "tasks", "producer"],
  canvas: ["errors", "time", "async", "model", "contracts", "encoding", "ledger", "tasks", "producer"],
  workflow: ["errors", "time", "async", "model", "contracts", "encoding", "ledger", "tasks", "producer", "worker"],
  app: [
    "errors",
    "time",
    "async",
    "model",
    "contracts",
    "encoding",
    "ledger",
    "tasks",
    "producer",
    "worker",
    "beat",
    "canvas",
    "workflow",
  ],
  "adapters": ["errors", "time", "async", "model", "contracts"],
  conformance: [
    "errors",
    "time",
    "async",
    "model",
    "contracts",
    "encoding",
    "ledger",
    "locks",
    "tasks",
    "producer",
    "worker",
    "beat",
    "canvas",
    "workflow",
  ],
};

/** The files at the top of `src` that users import; they may import every layer. */
const entries = ["mod", "memory", "sqlite", "postgres", "redis", "conformance", "schema-postgres", "schema-sqlite", "migrations", "cli"]
  .map((
    name,
  ) => `src/${name}.ts`);

/** How many casts each folder may hold; the reason stands above each of them in the code. Lower a number when one goes away. */
const castBudget: Readonly<Record<string, number>> = {
  // The brand of an error: a `unique symbol` cannot be declared with `Symbol.for`.
  errors: 1,
  // A result's type is the task's word; it comes back from a store as an unknown value.
  producer: 1,
  // The entry for a user's own queries gives the tables the types of Postgres back, which the seam below took from them.
  "schema-postgres": 2,
  // What a schedule file says is unknown until the function that checks it has looked at it.
  cli: 1,
  // JSON text that a store wrote itself is read back as what it was.
  adapters: 1,
  // The SQL kit seam: one kit and one builder for two dialects and their drivers, rows and arguments by the names of their shape; JSON as above.
  "adapters/sql": 18,
};

/** Files that may touch the process or a built-in module, with the reason. */
const platformFiles: Readonly<Record<string, string>> = {
  "src/adapters/sql/sqlite-path.ts": "A database is a file: its path has to be the same for every spelling of it.",
  "src/app/process-signals.ts": "Signals reach a process, and the caller asked for them by calling.",
};

const platformFolders = ["cli"];

test("the sources are there", () => {
  assert.ok(sources.length >= 90, `Only ${sources.length} files were read`);
  const seen = new Set(sources.map(layerOf));
  for (
    const layer of [
      "errors",
      "time",
      "async",
      "model",
      "encoding",
      "contracts",
      "tasks",
      "producer",
      "worker",
      "app",
      "adapters",
      "conformance",
    ]
  ) {
    assert.ok(seen.has(layer), `No file of layer "${layer}" was read`);
  }
  assert.ok(sources.flatMap((file) => file.imports).length > sources.length, "Hardly any import was read");
});

test("every import leads to a file, and down the layers", () => {
  const wrong = sources.flatMap((file) =>
    file.imports.flatMap(({ target, kind, specifier }) => {
      if (target === undefined) return [];
      if (!byPath.has(target)) return [`${file.path}: "${specifier}" does not exist`];
      return mayImport(file.path, target, kind) ? [] : [`${file.path} must not import ${target}`];
    })
  );
  assert.deepEqual(wrong, []);
});

test("the front door loads no driver, and each store's entry only its own", () => {
  const drivers = ["drizzle-orm", "postgres", "@libsql/client", "ioredis"];
  const loaded = (entry: string) => drivers.filter((driver) => packagesBehind(entry).has(driver));
  assert.deepEqual(loaded("src/mod.ts"), []);
  assert.deepEqual(loaded("src/memory.ts"), []);
  assert.deepEqual(loaded("src/conformance.ts"), []);
  assert.ok(!loaded("src/sqlite.ts").includes("postgres"));
  assert.ok(!loaded("src/postgres.ts").includes("@libsql/client"));
  assert.deepEqual(loaded("src/redis.ts").filter((driver) => driver !== "ioredis"), []);
});

test("no file is larger than 400 lines of code, most are under 130", () => {
  const sizes = sources.map((file) => ({ path: file.path, lines: codeLines(file) })).toSorted((a, b) => a.lines - b.lines);
  assert.deepEqual(sizes.filter(({ lines }) => lines > 400), []);
  const at = (share: number) => sizes[Math.floor((sizes.length - 1) * share)]?.lines ?? 0;
  assert.ok(at(0.5) <= 130, `The median file has ${at(0.5)} lines`);
  assert.ok(at(0.9) <= 280, `One file in ten has ${at(0.9)} lines or more`);
});

test("files are named in kebab-case, after what they hold", () => {
  const wrong = sources.map((file) => file.path.slice(file.path.lastIndexOf("/") + 1)).filter((name) =>
    !/^[a-z0-9]+(?:[-.][a-z0-9]+)*\.ts$/.test(name) || /(?:^|[-.])(?:utils?|helpers?|manager|base|impl|common|misc)\./.test(name)
  );
  assert.deepEqual(wrong, []);
});

test("casts stay within the budget", () => {
  const counted: Record<string, number> = {};
  const places: string[] = [];
  for (const file of sources) {
    const casts = countCasts(file);
    if (casts === 0) continue;
    const folder = castFolder(file.path);
    counted[folder] = (counted[folder] ?? 0) + casts;
    places.push(`${file.path}: ${casts}`);
  }
  const over = Object.entries(counted).filter(([folder, casts]) => casts > (castBudget[folder] ?? 0));
  assert.deepEqual(over, [], `Casts by file:\n${places.join("\n")}`);
  const slack = Object.entries(castBudget).filter(([folder, casts]) => (counted[folder] ?? 0) < casts);
  assert.deepEqual(slack, [], "The budget is larger than what is used: lower it");
});

test("no `any` and no `!`", () => {
  assert.deepEqual(matches(/(?:[:<,|&(=]|\bas)\s*any\b(?!\s*[:(=.])/g), []);
  assert.deepEqual(matches(/[\w)\]]!(?=\s*[.,;)\]}[:])/g), []);
});

test("clocks, timers and randomness are touched in time/ and async/ only", () => {
  const touching =
    /\bDate\.now\b|\bnew Date\(\s*\)|\bperformance\.now\b|\b(?:set|clear)(?:Timeout|Interval|Immediate)\b|\bAbortSignal\.timeout\b|\bMath\.random\b|\bgetRandomValues\b|\brandomUUID\b/g;
  assert.deepEqual(matches(touching, ["time", "async", "cli"]), []);
  assert.ok(
    sources.some((file) => layerOf(file) === "time" && file.code.search(touching) >= 0),
    "The pattern finds nothing, not even in time/",
  );
});

test("the process and the built-in modules are touched in cli/ and where the table says", () => {
  const allowed = (file: SourceFile) => platformFolders.includes(layerOf(file)) || file.path in platformFiles;
  const touched = sources.filter((file) => touchesPlatform(file));
  assert.deepEqual(touched.filter((file) => !allowed(file)).map((file) => file.path), []);
  const idle = Object.keys(platformFiles).filter((path) => !touched.some((file) => file.path === path));
  assert.deepEqual(idle, [], "The table names files that touch nothing: take them out");
});

function touchesPlatform(file: SourceFile): boolean {
  // The conformance suites are for tests and check with the assertions that every runtime has.
  const modules = file.imports.filter(({ specifier }) =>
    specifier.startsWith("node:") && !(layerOf(file) === "conformance" && specifier.startsWith("node:assert"))
  );
  return modules.length > 0 || /(?<![.\w#])(?:process\b(?!\s*[:(,)=?])|Buffer\.|Deno\.|Bun\.)/.test(file.code);
}

function layerOf(file: Pick<SourceFile, "path">): string {
  const [, folder = "", rest] = file.path.split("/");
  return rest === undefined ? folder.replace(/\.ts$/, "") : folder;
}

function mayImport(from: string, to: string, kind: "static" | "type" | "dynamic"): boolean {
  if (entries.includes(from)) return true;
  const [source, target] = [layerOf({ path: from }), layerOf({ path: to })];
  if (source === "cli") return true;
  // Only the app turns a URL into an adapter, and only when it is asked for.
  if (entries.includes(to) || target === "adapters" && source !== "adapters") return source === "app" && kind !== "static";
  if (source === "adapters" && target === "adapters") return isOpenAdapterFile(from, to);
  return source === target || (layers[source]?.includes(target) ?? false);
}

// Files directly in adapters/ serve all adapters; those in a technology's folder serve that one.
function isOpenAdapterFile(from: string, to: string): boolean {
  const technology = (path: string) => path.split("/").length > 3 ? path.split("/")[2] : undefined;
  return technology(to) === undefined || technology(to) === technology(from);
}

function packagesBehind(entry: string): Set<string> {
  const packages = new Set<string>();
  const seen = new Set<string>();
  const visit = (path: string) => {
    if (seen.has(path)) return;
    seen.add(path);
    const file = byPath.get(path);
    assert.ok(file !== undefined, `${path} does not exist`);
    for (const { specifier, target, kind } of file.imports) {
      if (kind !== "static") continue;
      if (target !== undefined) visit(target);
      else packages.add(specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/"));
    }
  };
  visit(entry);
  return packages;
}

function castFolder(path: string): string {
  const parts = path.split("/");
  return parts.length > 3 ? parts.slice(1, 3).join("/") : layerOf({ path });
}

function matches(pattern: RegExp, exceptLayers: readonly string[] = []): string[] {
  return sources.filter((file) => !exceptLayers.includes(layerOf(file))).flatMap((file) =>
    [...file.code.matchAll(pattern)].map((match) => `${file.path}:${file.code.slice(0, match.index).split("\n").length}: ${match[0]}`)
  );
}
