/** Which exports of a module are tasks. */

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { loadTasks } from "../../src/cli/load-tasks.ts";
import { ConfigError } from "../../src/errors.ts";
import { TaskRegistry } from "../../src/mod.ts";
import { root } from "../support/runtimes.ts";
import { createServerFolder } from "../support/server-folder.ts";

const timeout = 30_000;
const make = 'const make = (name) => ({ name, metadata: {}, run: () => name });\nconst a = make("a"), b = make("b");\n';

/** Writes modules, and loads them. */
async function load(...modules: readonly string[]) {
  await using folder = createServerFolder("tasks");
  const paths = modules.map((code, at) => {
    writeFileSync(join(folder.path, `m${at}.mjs`), code);
    return `./m${at}.mjs`;
  });
  const { tasks, ...options } = await loadTasks(paths, { cwd: folder.path, runtime: "test 1" });
  return { names: tasks.map(({ name }) => name), options };
}

test("tasks are found as named exports and in every form of the default export", { timeout }, async () => {
  const cases: readonly (readonly [code: string, names: readonly string[]])[] = [
    ["export { a, b }; export const other = 1; export const helper = () => 2;", ["a", "b"]],
    ["export default a;", ["a"]],
    ["export default [a, b];", ["a", "b"]],
    ["export default [b]; export { a };", ["b", "a"]],
    ["export default [a, b]; export { a, b };", ["a", "b"]],
    ["export default { tasks: [a] }; export { b };", ["a", "b"]],
  ];
  for (const [code, names] of cases) assert.deepEqual((await load(make + code)).names, names, code);
  assert.deepEqual((await load(`${make}export { a };`, `${make}export { b };`)).names, ["a", "b"]);
});

test("options of an app come with the tasks, from one module", { timeout }, async () => {
  const options = `${make}export default { tasks: [a], routes: { a: "q" }, worker: { concurrency: 3 } };`;
  assert.deepEqual(await load(`${make}export { b };`, options), {
    names: ["b", "a"],
    options: { routes: { a: "q" }, worker: { concurrency: 3 } },
  });
  await assert.rejects(
    load(options, options),
    /Cannot load the tasks of ".\/m1.mjs": ".\/m0.mjs" has options as its default export already/,
  );
});

test("a registry, and tasks made with the library", { timeout }, async () => {
  const { tasks } = await loadTasks(["test/cli/modules/tasks.ts"], { cwd: root, runtime: "test 1" });
  assert.deepEqual(tasks.map(({ name }) => name).toSorted(), ["deaf", "leak", "math.add", "wait"]);
  const registry = `import { TaskRegistry } from ${JSON.stringify(new URL("../../src/mod.ts", import.meta.url).href)};\n`;
  assert.ok(TaskRegistry.length === 0);
  const { names, options } = await load(`${registry}${make}export default new TaskRegistry([a, b]);`);
  assert.deepEqual([names, options], [["a", "b"], {}]);
});

test("what cannot be used is named", { timeout }, async () => {
  const cases: readonly (readonly [code: string, message: RegExp])[] = [
    ["export const other = 1;", /Cannot run the tasks of ".\/m0.mjs": it exports none; expected tasks as named exports/],
    ["export default 5; export { a };", /Cannot use the default export of ".\/m0.mjs": expected tasks/],
    ["export default [a, () => 1];", /Cannot use item 1 of the tasks of ".\/m0.mjs": it was not made with task\(\)/],
    ["export default { tasks: [{ name: 'x' }] };", /Cannot use item 0/],
  ];
  for (const [code, message] of cases) {
    await assert.rejects(load(make + code), (error: unknown) => {
      assert.ok(error instanceof ConfigError, String(error));
      assert.match(error.message, message);
      return true;
    });
  }
  await assert.rejects(loadTasks(["./none.ts"], { cwd: root, runtime: "test 1" }), /there is no file ".*none\.ts"/);
  await assert.rejects(loadTasks(["./src"], { cwd: root, runtime: "test 1" }), /there is no file ".*src"/);
  await assert.rejects(load("throw new TypeError('at load');"), (error: unknown) => {
    assert.ok(error instanceof Error && error.cause instanceof TypeError);
    assert.match(error.message, /Cannot load the tasks of ".\/m0.mjs": it failed/);
    return true;
  });
});
