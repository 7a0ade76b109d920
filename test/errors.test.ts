/** The error codes and their documentation. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import * as errors from "../src/errors.ts";
import { root } from "./support/runtimes.ts";

const source = readFileSync(join(root, "src/errors.ts"), "utf8");
const codes = [.../type StemErrorCode =([^;]+);/.exec(source)?.[1]?.matchAll(/"([A-Z_]+)"/g) ?? []].map(([, code = ""]) => code);

const { ClosedError, ConfigError, ConflictError, MigrationError, PayloadError, StemError, StoreError, TaskFailedError, TaskRevokedError } =
  errors;
const examples: readonly errors.StemError[] = [
  new ConfigError("x"),
  new errors.UnsupportedError("x"),
  new ConflictError("x"),
  new ClosedError("x"),
  new StoreError("x", { adapter: "memory", operation: "publish", retryable: true }),
  new MigrationError("x"),
  new PayloadError("x"),
  new errors.UnknownTaskError("math.add"),
  new TaskFailedError("id-1", "x"),
  new TaskRevokedError("id-1", "no longer needed"),
  new errors.TimeoutError("x", 10),
];

test("docs/errors.md has a section for every code, and no other", () => {
  const page = readFileSync(join(root, "docs/errors.md"), "utf8");
  assert.deepEqual([...page.matchAll(/^## `?([A-Z_]+)`?$/gm)].map(([, code]) => code), codes);
});

test("every code has one class, which is an Error by name", () => {
  assert.ok(codes.length >= 11, `Only ${codes.length} codes were read`);
  assert.deepEqual(examples.map((error) => error.code), codes);
  const classes = Object.keys(errors).filter((name) => name !== "StemError");
  assert.deepEqual(examples.map((error) => error.name).toSorted(), classes.toSorted());
  for (const error of examples) {
    assert.ok(error instanceof StemError && error instanceof Error);
    assert.equal(error.constructor.name, error.name);
  }
});

test("what a caller can act on: retryable, cause and the named things", () => {
  const cause = new Error("driver");
  assert.equal(new ConfigError("x", { cause }).cause, cause);
  assert.equal("cause" in new ConfigError("x"), false);
  assert.deepEqual(examples.filter((error) => error.retryable).map((error) => error.code), ["STORE", "TIMEOUT"]);
  assert.equal(new TaskRevokedError("id-1", "no longer needed").message, 'Task "id-1" was revoked: no longer needed');
  assert.equal(new TaskRevokedError("id-1").message, 'Task "id-1" was revoked');
});

test("errors are told by their brand, not by their class alone", () => {
  assert.equal(examples.every((error) => StemError.is(error)), true);
  const ofAnotherCopy = Object.assign(new Error("x"), { code: "CONFIG" });
  assert.equal(StemError.is(ofAnotherCopy), false);
  Object.defineProperty(ofAnotherCopy, Symbol.for("@stem/stem/error"), { value: true });
  assert.equal(StemError.is(ofAnotherCopy), true);
  for (const value of [undefined, null, "CONFIG", { code: "CONFIG" }, new Error("x")]) assert.equal(StemError.is(value), false);
});
