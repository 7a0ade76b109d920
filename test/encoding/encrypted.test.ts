import assert from "node:assert/strict";
import { test } from "node:test";
import { EncryptedPayloadEncoder } from "../../src/encoding/encrypted.ts";
import { GzipPayloadEncoder } from "../../src/encoding/gzip.ts";
import { TaskPayloadEncoder } from "../../src/encoding/payload-encoder.ts";
import { ConfigError, PayloadError } from "../../src/errors.ts";
import { randomBytes } from "../../src/time/random.ts";

const first = EncryptedPayloadEncoder.generateKey();
const second = EncryptedPayloadEncoder.generateKey();

async function seal(encoder: EncryptedPayloadEncoder, value: unknown): Promise<Record<string, unknown>> {
  const stored = await encoder.encode(value);
  assert.ok(typeof stored === "object" && stored !== null);
  return { ...stored };
}

function text(value: unknown): string {
  assert.ok(typeof value === "string");
  return value;
}

/** Flips a bit of base64 text, at a byte. */
function flip(base64: unknown, at: number): string {
  const bytes = Uint8Array.from(atob(text(base64)), (character) => character.charCodeAt(0));
  const index = at < 0 ? bytes.length + at : at;
  return btoa(String.fromCharCode(...bytes.with(index, (bytes[index] ?? 0) ^ 1)));
}

test("the stored form names its version, key and inner encoder, and shows nothing of the contents", async () => {
  const encoder = new EncryptedPayloadEncoder({ current: "k1", keys: { k1: first } });
  const sealed = await seal(encoder, { card: "4111111111111111" });
  assert.deepEqual(Object.keys(sealed), ["v", "key", "inner", "iv", "data"]);
  assert.deepEqual([sealed["v"], sealed["key"], sealed["inner"]], [1, "k1", "json"]);
  assert.equal(atob(text(sealed["iv"])).length, 12);
  assert.equal(atob(text(sealed["data"])).length, '{"card":"4111111111111111"}'.length + 16);
  assert.doesNotMatch(atob(text(sealed["data"])), /4111|card/);
});

test("a payload stored by this format's first version is still read", async () => {
  const encoder = new EncryptedPayloadEncoder({ current: "k", keys: { k: new Uint8Array(32).fill(7) } });
  const iv = new Uint8Array(12).fill(9);
  const additionalData = new TextEncoder().encode('["stem",1,"aes-gcm","k","json"]');
  const key = await crypto.subtle.importKey("raw", new Uint8Array(32).fill(7), "AES-GCM", false, ["encrypt"]);
  const data = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData }, key, new TextEncoder().encode('{"a":1}'));
  const stored = { v: 1, key: "k", inner: "json", iv: "CQkJCQkJCQkJCQkJ", data: btoa(String.fromCharCode(...new Uint8Array(data))) };
  assert.deepEqual(await encoder.decode(stored), { a: 1 });
});

test("the same value is sealed differently each time", async () => {
  const encoder = new EncryptedPayloadEncoder({ current: "k1", keys: { k1: first } });
  const sealed = await Promise.all(Array.from({ length: 200 }, () => seal(encoder, "same")));
  assert.equal(new Set(sealed.map((one) => one["iv"])).size, 200);
  assert.equal(new Set(sealed.map((one) => one["data"])).size, 200);
});

test("keys are bytes, base64 text or Web Crypto keys, and mean the same", async () => {
  const bytes = randomBytes(32);
  const base64 = btoa(String.fromCharCode(...bytes));
  const key = await crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt", "decrypt"]);
  const encoders = [bytes, base64, key].map((k1) => new EncryptedPayloadEncoder({ current: "k1", keys: { k1 } }));
  for (const writer of encoders) {
    for (const reader of encoders) assert.deepEqual(await reader.decode(await writer.encode([1, "x"])), [1, "x"]);
  }
});

test("wiping or changing the caller's bytes later changes nothing", async () => {
  const bytes = randomBytes(32);
  const copy = bytes.slice();
  const encoder = new EncryptedPayloadEncoder({ current: "k1", keys: { k1: bytes } });
  bytes.fill(0);
  const stored = await encoder.encode("x");
  assert.equal(await new EncryptedPayloadEncoder({ current: "k1", keys: { k1: copy } }).decode(stored), "x");
});

test("rotation: add the new key, make it current, drop the old one", async () => {
  const before = new EncryptedPayloadEncoder({ current: "k1", keys: { k1: first } });
  const added = new EncryptedPayloadEncoder({ current: "k1", keys: { k1: first, k2: second } });
  const moved = new EncryptedPayloadEncoder({ current: "k2", keys: { k1: first, k2: second } });
  const after = new EncryptedPayloadEncoder({ current: "k2", keys: { k2: second } });
  const old = await seal(before, "old");
  const recent = await seal(moved, "new");
  assert.deepEqual([old["key"], recent["key"]], ["k1", "k2"]);
  // Each step reads what the step before it and the step after it write.
  for (const reader of [before, added, moved]) assert.equal(await reader.decode(old), "old");
  for (const reader of [added, moved, after]) assert.equal(await reader.decode(recent), "new");
  await assert.rejects(after.decode(old), (error) => {
    assert.ok(error instanceof PayloadError);
    assert.equal(error.message, 'Cannot decrypt a payload: key "k1" is unknown; known are "k2"');
    return true;
  });
});

test("whatever is altered is refused: contents, tag, nonce, key id, inner encoder, encoder id", async () => {
  const encoder = new EncryptedPayloadEncoder({ current: "k1", keys: { k1: first, twin: first } });
  const sealed = await seal(encoder, { amount: 5 });
  const data = text(sealed["data"]);
  const altered: Record<string, unknown>[] = [
    { ...sealed, data: flip(data, 0) },
    { ...sealed, data: flip(data, -1) },
    { ...sealed, data: btoa(atob(data).slice(0, -1)) },
    { ...sealed, data: "" },
    { ...sealed, iv: flip(sealed["iv"], 3) },
    { ...sealed, iv: "" },
    // The same secret under another name: only the authenticated id tells them apart.
    { ...sealed, key: "twin" },
  ];
  for (const stored of altered) {
    await assert.rejects(encoder.decode(stored), (error) => {
      assert.ok(error instanceof PayloadError, JSON.stringify(stored));
      assert.match(error.message, /it was altered, or made with another key than the "(k1|twin)" known here/);
      return true;
    });
  }
  await assert.rejects(encoder.decode({ ...sealed, inner: "gzip" }), /made with the inner encoder "gzip", not with "json"/);
  const renamed = new EncryptedPayloadEncoder({ id: "other", current: "k1", keys: { k1: first } });
  await assert.rejects(renamed.decode(sealed), /altered/);
  assert.deepEqual(await encoder.decode(sealed), { amount: 5 });
});

test("another key of the same id is refused", async () => {
  const sealed = await seal(new EncryptedPayloadEncoder({ current: "k", keys: { k: first } }), 1);
  await assert.rejects(new EncryptedPayloadEncoder({ current: "k", keys: { k: second } }).decode(sealed), PayloadError);
});

test("what is no sealed payload is refused", async () => {
  const encoder = new EncryptedPayloadEncoder({ current: "k1", keys: { k1: first } });
  const sealed = await seal(encoder, 1);
  const { iv: _iv, ...without } = sealed;
  const bad: unknown[] = [5, null, [], {}, "text", without, { ...sealed, data: 5 }, { ...sealed, iv: "***" }, { ...sealed, v: 2 }];
  for (const stored of bad) await assert.rejects(encoder.decode(stored), PayloadError, JSON.stringify(stored));
  await assert.rejects(encoder.decode({ ...sealed, v: 2 }), /version 2 of the format, expected 1/);
  await assert.rejects(encoder.decode({ ...sealed, key: "toString" }), /key "toString" is unknown/);
});

test("the inner encoder makes what is encrypted, and its absence of a value stays one", async () => {
  const gzip = new GzipPayloadEncoder({ minBytes: 0 });
  const encoder = new EncryptedPayloadEncoder({ current: "k1", keys: { k1: first }, inner: gzip });
  const sealed = await seal(encoder, "again ".repeat(5_000));
  assert.equal(sealed["inner"], "gzip");
  assert.ok(text(sealed["data"]).length < 1_000, "compressed before it was encrypted");
  assert.equal(await encoder.decode(sealed), "again ".repeat(5_000));

  class Nothing extends TaskPayloadEncoder {
    readonly id = "nothing";
    encode(): unknown {
      return undefined;
    }
    decode(): unknown {
      return undefined;
    }
  }
  assert.equal(await new EncryptedPayloadEncoder({ current: "k", keys: { k: first }, inner: new Nothing() }).encode(5), undefined);
});

test("bad keys are refused when it is made, and no message shows a key", async () => {
  const wrongAlgorithm = await crypto.subtle.generateKey({ name: "AES-CBC", length: 256 }, false, ["encrypt", "decrypt"]);
  const tooShort = await crypto.subtle.generateKey({ name: "AES-GCM", length: 128 }, false, ["encrypt", "decrypt"]);
  const encryptOnly = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt"]);
  const decryptOnly = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["decrypt"]);
  const secret = "c2VjcmV0LXNlY3JldA==";
  const bad: [unknown, RegExp][] = [
    [{ current: "k2", keys: { k1: first } }, /with key "k2": expected one of "k1"/],
    [{ current: "k1", keys: {} }, /expected one of none/],
    [{ current: "toString", keys: { k1: first } }, /with key "toString"/],
    [{ current: "k1", keys: { k1: new Uint8Array(16) } }, /key "k1": it has 16 bytes, expected 32/],
    [{ current: "k1", keys: { k1: secret } }, /it has 13 bytes/],
    [{ current: "k1", keys: { k1: `***${secret}` } }, /it is no base64 text/],
    [{ current: "k1", keys: { k1: first, k2: new Uint8Array(0) } }, /key "k2"/],
    [{ current: "k1", keys: { k1: wrongAlgorithm } }, /a key for AES-CBC/],
    [{ current: "k1", keys: { k1: tooShort } }, /expected one of 256 bits for AES-GCM/],
    [{ current: "k1", keys: { k1: encryptOnly } }, /usages do not include "decrypt"/],
    [{ current: "k1", keys: { k1: decryptOnly } }, /usages do not include "encrypt"/],
  ];
  for (const [options, message] of bad) {
    assert.throws(() => Reflect.construct(EncryptedPayloadEncoder, [options]), (error) => {
      assert.ok(error instanceof ConfigError, String(message));
      assert.match(error.message, message);
      assert.ok(!`${error.message}${error.stack}${String(error.cause)}`.includes(secret), "shows a key");
      return true;
    });
  }
});

test("an older key need not be able to encrypt", async () => {
  const bytes = randomBytes(32);
  const sealed = await seal(new EncryptedPayloadEncoder({ current: "old", keys: { old: bytes } }), "old");
  const old = await crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["decrypt"]);
  const reader = new EncryptedPayloadEncoder({ current: "k1", keys: { k1: first, old } });
  assert.equal(await reader.decode(sealed), "old");
});

test("generateKey gives 256 bits, different each time", () => {
  const keys = new Set(Array.from({ length: 100 }, () => EncryptedPayloadEncoder.generateKey()));
  assert.equal(keys.size, 100);
  for (const key of keys) assert.equal(atob(key).length, 32);
});
