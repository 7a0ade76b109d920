import assert from "node:assert/strict";
import { test } from "node:test";
import { Base64PayloadEncoder } from "../../src/encoding/base64.ts";
import { GzipPayloadEncoder } from "../../src/encoding/gzip.ts";
import { TaskPayloadEncoder } from "../../src/encoding/payload-encoder.ts";
import { UnknownTaskError } from "../../src/errors.ts";
import { encodersFor } from "../../src/tasks/encoders.ts";
import { TaskRegistry } from "../../src/tasks/registry.ts";
import { task } from "../../src/tasks/task.ts";

const timeout = 20_000;
const a = task({ name: "a", run: () => 1 });
const b = task({ name: "b", run: () => 2 });

class Impostor extends TaskPayloadEncoder {
  readonly id = "gzip";
  encode(value: unknown): unknown {
    return value;
  }
  decode(stored: unknown): unknown {
    return stored;
  }
}

test("tasks are found by name, in the order of their registration", { timeout }, () => {
  const registry = new TaskRegistry([b]).register(a).register(b);
  assert.deepEqual(registry.tasks, [b, a]);
  assert.equal(registry.find("a"), a);
  assert.equal(registry.get("b"), b);
  assert.equal(registry.find("c"), undefined);
  assert.equal(registry.find("constructor"), undefined);
  assert.throws(() => registry.get("c"), (error) => error instanceof UnknownTaskError && error.taskName === "c");
});

test("two tasks of one name are a mistake, the same one twice is not", { timeout }, () => {
  assert.throws(() => new TaskRegistry([a, task({ name: "a", run: () => 3 })]), { name: "ConfigError", message: /"a": another task/ });
  assert.equal(new TaskRegistry([a, a]).tasks.length, 1);
});

test("the encoders of the tasks are known along with the given ones", { timeout }, () => {
  const gzip = new GzipPayloadEncoder();
  const registry = new TaskRegistry([task({ name: "z", metadata: { argsEncoder: gzip, resultEncoder: gzip }, run: () => 1 })]);
  const encoders = encodersFor(registry, { additionalEncoders: [new Base64PayloadEncoder()] });
  assert.deepEqual(encoders.ids, ["base64", "gzip", "json"]);
  assert.throws(() => encodersFor(registry, { argsEncoder: new Impostor() }), { name: "ConfigError", message: /encoder "gzip"/ });
});
