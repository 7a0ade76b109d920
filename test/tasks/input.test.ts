import assert from "node:assert/strict";
import { test } from "node:test";
import { PayloadError } from "../../src/errors.ts";
import { validateInput } from "../../src/tasks/input.ts";
import { task } from "../../src/tasks/task.ts";
import { faulty, numberFromText } from "./schemas.ts";

const timeout = 20_000;

test("without a schema anything passes", { timeout }, async () => {
  const args = { any: "thing" };
  assert.equal(await validateInput(task({ name: "t", run: () => 1 }), args), args);
  assert.equal(await validateInput(task({ name: "t", run: () => 1 }), undefined), undefined);
});

test("with a schema its output passes", { timeout }, async () => {
  assert.equal(await validateInput(task({ name: "t", input: numberFromText, run: () => 1 }), "42"), 42);
});

test("faults are named with their places, five at most", { timeout }, async () => {
  const issues = Array.from({ length: 8 }, (_, index) => ({ message: `fault ${index}`, path: ["list", { key: index }, "name"] }));
  const error = await validateInput(task({ name: "t", input: faulty(issues), run: () => 1 }), {}).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof PayloadError);
  assert.match(error.message, /^Cannot use these args for task "t": list\.0\.name: fault 0; .*list\.4\.name: fault 4$/);
  const nowhere = task({ name: "t", input: faulty([{ message: "wrong" }, { message: "symbolic", path: [Symbol("s")] }]), run: () => 1 });
  await assert.rejects(validateInput(nowhere, {}), { message: /wrong; Symbol\(s\): symbolic$/ });
});
