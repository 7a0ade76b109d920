import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Base64PayloadEncoder } from "../../src/encoding/base64.ts";
import { EncryptedPayloadEncoder } from "../../src/encoding/encrypted.ts";
import { GzipPayloadEncoder } from "../../src/encoding/gzip.ts";
import { JsonTaskPayloadEncoder } from "../../src/encoding/json.ts";
import type { TaskPayloadEncoder } from "../../src/encoding/payload-encoder.ts";
import { ConfigError, PayloadError } from "../../src/errors.ts";
import { randomBytes } from "../../src/time/random.ts";
import { jsonValues } from "./json-values.ts";

const timeout = 30_000;
const key = EncryptedPayloadEncoder.generateKey();
const ring = { current: "k1", keys: { k1: key } };

const encoders: Record<string, TaskPayloadEncoder> = {
  json: new JsonTaskPayloadEncoder(),
  base64: new Base64PayloadEncoder(),
  gzip: new GzipPayloadEncoder({ minBytes: 0 }),
  "gzip from 1 KiB": new GzipPayloadEncoder(),
  encrypted: new EncryptedPayloadEncoder(ring),
  "encrypted gzip": new EncryptedPayloadEncoder({ ...ring, inner: new GzipPayloadEncoder({ minBytes: 0 }) }),
};

for (const [name, encoder] of Object.entries(encoders)) {
  test(`property: ${name} gives back what it was given, over the text that a store keeps`, { timeout }, async () => {
    await fc.assert(
      fc.asyncProperty(jsonValues, async (value) => {
        const stored: unknown = JSON.parse(JSON.stringify(await encoder.encode(value)));
        assert.deepEqual(await encoder.decode(stored), value);
      }),
      { numRuns: 100 },
    );
  });

  test(`${name}: undefined is no value, on both ways`, async () => {
    assert.equal(await encoder.encode(undefined), undefined);
    assert.equal(await encoder.decode(undefined), undefined);
  });

  test(`${name}: null is a value`, async () => {
    const stored: unknown = await encoder.encode(null);
    assert.notEqual(stored, undefined);
    assert.equal(await encoder.decode(stored), null);
  });

  test(`${name}: what JSON cannot carry is refused, and undefined properties are left out`, async () => {
    for (const value of [1n, new Date(), { data: new Uint8Array(3) }, [undefined], NaN, new Map()]) {
      await assert.rejects(async () => encoder.encode(value), PayloadError);
    }
    const stored: unknown = JSON.parse(JSON.stringify(await encoder.encode({ a: undefined, b: 1 })));
    assert.deepEqual(await encoder.decode(stored), { b: 1 });
  });

  test(`${name}: ten megabytes come back`, { timeout }, async () => {
    const value = { text: "äöü€😀".repeat(700_000), list: [1, 2, 3] };
    const back = await encoder.decode(await encoder.encode(value));
    assert.deepEqual(back, value);
  });
}

test("base64 stores the base64 text of the UTF-8 JSON text", () => {
  const base64 = new Base64PayloadEncoder();
  assert.equal(base64.encode({ a: "é" }), "eyJhIjoiw6kifQ==");
  assert.deepEqual(base64.decode("eyJhIjoiw6kifQ=="), { a: "é" });
});

test("base64 refuses what is not its own", () => {
  const base64 = new Base64PayloadEncoder();
  for (const stored of [5, null, {}, [], "***", "not json", "/////w==", "eyJhIjo="]) {
    assert.throws(() => base64.decode(stored), (error) => {
      assert.ok(error instanceof PayloadError, JSON.stringify(stored));
      assert.match(error.message, /^Cannot decode a base64 payload: /);
      return true;
    });
  }
});

test("gzip compresses from minBytes on, and marks what it left plain", async () => {
  const gzip = new GzipPayloadEncoder({ minBytes: 100 });
  assert.deepEqual(await gzip.encode({ short: true }), { plain: { short: true } });
  const long = { text: "again ".repeat(10_000) };
  const stored = await gzip.encode(long);
  assert.ok(typeof stored === "string" && stored.length < 1_000);
  assert.ok(stored.startsWith("H4sI"), "the first bytes of the gzip format");
  // Settings may change between writing and reading.
  for (const reader of [gzip, new GzipPayloadEncoder({ minBytes: 0 }), new GzipPayloadEncoder({ minBytes: 1_000_000 })]) {
    assert.deepEqual(await reader.decode(stored), long);
    assert.deepEqual(await reader.decode({ plain: null }), null);
  }
});

test("gzip reads what another gzip wrote", async () => {
  // printf '{"made":"elsewhere"}' | gzip -n | base64
  const { gzipSync } = await import("node:zlib");
  const packed = gzipSync('{"made":"elsewhere"}').toString("base64");
  assert.deepEqual(await new GzipPayloadEncoder().decode(packed), { made: "elsewhere" });
});

test("gzip refuses what unpacks to more than maxBytes, on both ways", { timeout }, async () => {
  const open = new GzipPayloadEncoder({ minBytes: 0 });
  const bomb = await open.encode("0".repeat(20_000_000));
  assert.ok(typeof bomb === "string" && bomb.length < 50_000);
  const careful = new GzipPayloadEncoder({ minBytes: 0, maxBytes: 1_000_000 });
  await assert.rejects(careful.decode(bomb), (error) => {
    assert.ok(error instanceof PayloadError);
    assert.match(error.message, /it unpacks to more than the 1000000 bytes allowed/);
    return true;
  });
  await assert.rejects(careful.encode("0".repeat(2_000_000)), /has 2000002 bytes, more than the 1000000 allowed/);
  const exact = new GzipPayloadEncoder({ minBytes: 0, maxBytes: 12 });
  assert.equal(await exact.decode(await exact.encode("0123456789")), "0123456789");
  await assert.rejects(exact.encode("0123456789a"), PayloadError);
});

test("gzip refuses what is damaged or not its own, without a stray rejection", async () => {
  const gzip = new GzipPayloadEncoder({ minBytes: 0 });
  const good = await gzip.encode({ text: "x".repeat(500) });
  assert.ok(typeof good === "string");
  const bytes = Uint8Array.from(atob(good), (character) => character.charCodeAt(0));
  const flipped = bytes.with(bytes.length - 6, (bytes[bytes.length - 6] ?? 0) ^ 0xff);
  const toText = (part: Uint8Array) => btoa(String.fromCharCode(...part));
  const bad: unknown[] = [5, null, [], {}, "***", "AAAA", "", toText(flipped), toText(bytes.subarray(0, bytes.length - 9))];
  for (const stored of bad) {
    await assert.rejects(gzip.decode(stored), (error) => {
      assert.ok(error instanceof PayloadError, JSON.stringify(stored));
      assert.match(error.message, /^Cannot decode a gzip payload: /);
      return true;
    });
  }
  await new Promise((resolve) => setTimeout(resolve, 5));
});

test("gzip limits are checked when it is made", () => {
  for (const bad of [-1, 1.5, NaN, Infinity]) {
    assert.throws(() => new GzipPayloadEncoder({ minBytes: bad }), ConfigError);
    assert.throws(() => new GzipPayloadEncoder({ maxBytes: bad }), ConfigError);
  }
  assert.throws(() => new GzipPayloadEncoder({ maxBytes: 0 }), ConfigError);
});

test("many encodings at once do not disturb each other", { timeout }, async () => {
  for (const encoder of Object.values(encoders)) {
    const values = Array.from({ length: 50 }, (_, index) => ({ index, noise: btoa(String.fromCharCode(...randomBytes(2_000))) }));
    const stored: unknown[] = await Promise.all(values.map((value) => encoder.encode(value)));
    assert.deepEqual(await Promise.all(stored.map((value) => encoder.decode(value))), values);
  }
});
