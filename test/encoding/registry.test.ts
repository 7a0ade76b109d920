import assert from "node:assert/strict";
import { test } from "node:test";
import { Base64PayloadEncoder } from "../../src/encoding/base64.ts";
import { EncryptedPayloadEncoder } from "../../src/encoding/encrypted.ts";
import { GzipPayloadEncoder } from "../../src/encoding/gzip.ts";
import { JsonTaskPayloadEncoder } from "../../src/encoding/json.ts";
import { TaskPayloadEncoder } from "../../src/encoding/payload-encoder.ts";
import { EncoderRegistry } from "../../src/encoding/registry.ts";
import { ConfigError, PayloadError, StoreError } from "../../src/errors.ts";

/** An encoder that does what the test says. */
class Custom extends TaskPayloadEncoder {
  readonly id: string;
  readonly #encode: (value: unknown) => unknown;
  readonly #decode: (stored: unknown) => unknown;
  constructor(id: string, encode = (value: unknown) => value, decode = (stored: unknown) => stored) {
    super();
    this.id = id;
    this.#encode = encode;
    this.#decode = decode;
  }
  encode(value: unknown): unknown {
    return this.#encode(value);
  }
  decode(stored: unknown): unknown {
    return this.#decode(stored);
  }
}

test("without options it is JSON, at once and without a copy", () => {
  const registry = new EncoderRegistry();
  const value = { a: 1 };
  const args = registry.encodeArgs(value);
  const result = registry.encodeResult(value);
  assert.deepEqual([args, result], [{ encoderId: "json", value }, { encoderId: "json", value }]);
  assert.equal("value" in args && args.value, value);
  assert.equal(registry.decodeArgs(value, "json"), value);
  assert.equal(registry.decodeResult(value, "json"), value);
  assert.deepEqual(registry.ids, ["json"]);
});

test("arguments and results have their own encoders, and a task may have others", async () => {
  const registry = new EncoderRegistry({ argsEncoder: new Base64PayloadEncoder(), resultEncoder: new GzipPayloadEncoder() });
  const task = { argsEncoder: new Custom("task-args"), resultEncoder: new Custom("task-result") };
  assert.deepEqual(await registry.encodeArgs([1]), { encoderId: "base64", value: "WzFd" });
  assert.deepEqual(await registry.encodeResult([1]), { encoderId: "gzip", value: { plain: [1] } });
  assert.deepEqual(await registry.encodeArgs([1], task), { encoderId: "task-args", value: [1] });
  assert.deepEqual(await registry.encodeResult([1], task), { encoderId: "task-result", value: [1] });
  // Each override concerns its own side only.
  assert.deepEqual(await registry.encodeResult([1], { argsEncoder: task.argsEncoder }), { encoderId: "gzip", value: { plain: [1] } });
  assert.deepEqual(registry.ids, ["base64", "gzip", "json", "task-args", "task-result"]);
  assert.deepEqual(await registry.decodeArgs("WzFd", "base64"), [1]);
  assert.deepEqual(await registry.decodeResult({ plain: [1] }, "gzip"), [1]);
});

test("the encoder that is stored beside a payload decodes it, whatever the settings are now", async () => {
  const registry = new EncoderRegistry({ argsEncoder: new GzipPayloadEncoder(), additionalEncoders: [new Base64PayloadEncoder()] });
  assert.deepEqual(await registry.decodeArgs("WzFd", "base64"), [1]);
  assert.deepEqual(await registry.decodeArgs([1], "json"), [1]);
});

test("an unknown id is an error that lists the known ones, never a guess", () => {
  const registry = new EncoderRegistry({ additionalEncoders: [new Base64PayloadEncoder()] });
  for (const id of ["gzip", "", "JSON", "toString", "__proto__", undefined, null, 5, {}]) {
    for (const decode of [() => registry.decodeArgs(1, id), () => registry.decodeResult(1, id), () => registry.get(id)]) {
      assert.throws(decode, (error) => {
        assert.ok(error instanceof PayloadError);
        assert.match(error.message, /^Cannot find encoder .*: known are "base64", "json"$/);
        return true;
      });
    }
  }
});

test("two different encoders of one id are refused; the same object, or one of its class with equal settings, is fine", () => {
  const gzip = new GzipPayloadEncoder();
  const registry = new EncoderRegistry({ argsEncoder: gzip, resultEncoder: gzip, additionalEncoders: [gzip] });
  assert.throws(() => registry.register(new GzipPayloadEncoder({ minBytes: 5 })), /encoder "gzip": another one with that id/);
  assert.throws(() => registry.register(new Custom("json")), ConfigError);
  assert.throws(() => registry.encodeArgs(1, { argsEncoder: new Custom("gzip") }), ConfigError);
  assert.throws(() => new EncoderRegistry({ argsEncoder: new Custom("x"), resultEncoder: new Custom("x") }), ConfigError);
  registry.register(new GzipPayloadEncoder({ minBytes: 1_024 }));
  assert.equal(registry.get("gzip"), gzip, "the first stays");
  registry.register(new JsonTaskPayloadEncoder());
  registry.register(new Base64PayloadEncoder());
  registry.register(new Base64PayloadEncoder());
  const ring = { current: "k1", keys: { k1: EncryptedPayloadEncoder.generateKey() } };
  registry.register(new EncryptedPayloadEncoder(ring));
  assert.throws(() => registry.register(new EncryptedPayloadEncoder(ring)), ConfigError);
  class Subclass extends Base64PayloadEncoder {}
  assert.throws(() => registry.register(new Subclass()), ConfigError);
});

test("a user's own encoder may take the id json", () => {
  const own = new Custom("json", () => "own");
  const registry = new EncoderRegistry({ argsEncoder: own });
  assert.deepEqual(registry.encodeResult(1), { encoderId: "json", value: "own" });
  assert.equal(registry.get("json"), own);
});

test("what is no encoder, or has a malformed id, is refused", () => {
  const registry = new EncoderRegistry();
  const bad: unknown[] = [null, 5, "json", {}, { id: "x" }, { id: "x", encode() {} }, { encode() {}, decode() {} }];
  for (const encoder of bad) assert.throws(() => Reflect.construct(EncoderRegistry, [{ additionalEncoders: [encoder] }]), ConfigError);
  for (const id of ["", " ", "a b", "-a", "é", "a\n", "x".repeat(65)]) {
    assert.throws(() => registry.register(new Custom(id)), /expected 1 to 64 letters/);
  }
  registry.register(new Custom("my.org/format_2:v-1"));
  assert.throws(() => Reflect.construct(EncoderRegistry, [{ argsEncoder: "gzip" }]), ConfigError);
});

test("an encoder that follows the shape without the class works", () => {
  const registry = new EncoderRegistry({
    argsEncoder: { id: "shape", encode: (value) => ({ wrapped: value }), decode: () => "unwrapped" },
  });
  assert.deepEqual(registry.encodeArgs(1), { encoderId: "shape", value: { wrapped: 1 } });
  assert.equal(registry.decodeArgs(1, "shape"), "unwrapped");
});

test("whatever an encoder throws, now or later, becomes a PayloadError with its id and cause", async () => {
  const cause = new RangeError("out of keys");
  const throwing = (): never => {
    throw cause;
  };
  const registry = new EncoderRegistry({
    additionalEncoders: [
      new Custom("now", throwing, throwing),
      new Custom("later", () => Promise.reject(cause), () => Promise.reject(cause)),
    ],
  });
  for (const id of ["now", "later"]) {
    const encoder = registry.get(id);
    const attempts: [() => unknown, string][] = [
      [() => registry.encodeArgs(1, { argsEncoder: encoder }), "encode args"],
      [() => registry.encodeResult(1, { resultEncoder: encoder }), "encode result"],
      [() => registry.decodeArgs(1, id), "decode args"],
      [() => registry.decodeResult(1, id), "decode result"],
    ];
    for (const [attempt, action] of attempts) {
      await assert.rejects(async () => attempt(), (error) => {
        assert.ok(error instanceof PayloadError);
        assert.equal(error.message, `Cannot ${action} with encoder "${id}": out of keys`);
        assert.equal(error.cause, cause);
        assert.equal(error.retryable, false);
        return true;
      });
    }
  }
});

test("a thrown PayloadError stays itself; one that may pass stays retryable; a thrown non-Error is told", async () => {
  const own = new PayloadError("Cannot read this");
  const registry = new EncoderRegistry();
  const encodeWith = async (thrown: unknown) =>
    registry.encodeArgs(1, { argsEncoder: new Custom(`e${++count}`, () => Promise.reject(thrown)) });
  let count = 0;
  await assert.rejects(encodeWith(own), (error) => error === own);
  const away = new StoreError("Cannot reach the key service", { adapter: "kms", operation: "decrypt", retryable: true });
  await assert.rejects(encodeWith(away), (error) => error instanceof PayloadError && error.retryable && error.cause === away);
  await assert.rejects(encodeWith("just text"), /with encoder "e3": just text/);
});

test("an encoder that gives something other than JSON is caught when it encodes", async () => {
  const registry = new EncoderRegistry();
  const bad: unknown[] = [new Uint8Array(2), { at: new Date() }, 1n, NaN, [undefined]];
  for (const [index, encoded] of bad.entries()) {
    const now = new Custom(`now${index}`, () => encoded);
    const later = new Custom(`later${index}`, () => Promise.resolve(encoded));
    assert.throws(() => registry.encodeArgs(1, { argsEncoder: now }), (error) => {
      assert.ok(error instanceof PayloadError);
      assert.match(error.message, new RegExp(`what encoder "now${index}" made of args.* as JSON: it is`));
      return true;
    });
    await assert.rejects(async () => registry.encodeResult(1, { resultEncoder: later }), PayloadError);
  }
});

test("undefined, for no value, passes; so does what an asynchronous encoder gives", async () => {
  const registry = new EncoderRegistry({ argsEncoder: new Custom("later", async (value) => value, async (stored) => stored) });
  const encoding = registry.encodeArgs(undefined);
  assert.ok(encoding instanceof Promise);
  assert.deepEqual(await encoding, { encoderId: "later", value: undefined });
  const decoding = registry.decodeArgs([1], "later");
  assert.ok(decoding instanceof Promise);
  assert.deepEqual(await decoding, [1]);
  assert.deepEqual(registry.encodeResult(undefined), { encoderId: "json", value: undefined });
});
