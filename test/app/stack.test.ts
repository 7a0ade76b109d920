import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { StemStack } from "../../src/app/stack.ts";
import { ClosedError, ConfigError } from "../../src/errors.ts";
import { memory } from "../../src/memory.ts";

const timeout = 60_000;

/** Runs work in a folder that is gone afterwards. */
async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "stem-stack-"));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("stores of one URL come from one connection, and join", { timeout }, async () => {
  const stack = await StemStack.fromUrl("memory:");
  assert.equal(stack.broker.joinWith(stack.results)?.atomic, true);
  await stack.close();
  await assert.rejects(stack.broker.counts("default"), ClosedError);
  await assert.rejects(stack.results.get("t"), ClosedError);
  await stack.close();
});

test("overrides live elsewhere, and are closed along", { timeout }, async () => {
  await inFolder(async (folder) => {
    const file = `sqlite:${join(folder, "results.db")}`;
    const stack = await StemStack.fromUrl("memory:", { overrides: { backend: file } });
    assert.equal(stack.broker.joinWith(stack.results), undefined);
    await stack.results.set("t", "succeeded");
    await stack.close();
    await assert.rejects(stack.broker.counts("default"), ClosedError);
    await assert.rejects(stack.results.get("t"), ClosedError);
    const again = await StemStack.fromUrl(file, { overrides: { broker: file } });
    assert.equal((await again.results.get("t"))?.state, "succeeded");
    assert.equal(again.broker.joinWith(again.results)?.atomic, true);
    await again.close();
  });
});

test("revocations follow the result backend, unless they have a URL of their own", { timeout }, async () => {
  await inFolder(async (folder) => {
    const [results, revocations] = [`sqlite:${join(folder, "results.db")}`, `sqlite:${join(folder, "revocations.db")}`];
    const followed = await StemStack.fromUrl("memory:", { overrides: { backend: results } });
    await followed.revocations.upsertAll([{ target: { kind: "task", id: "a" }, terminate: false }]);
    await followed.close();
    const own = await StemStack.fromUrl("memory:", { overrides: { backend: results, revocations } });
    assert.deepEqual((await own.revocations.list()).items, []);
    await own.close();
    const alone = await StemStack.fromUrl(results);
    assert.equal((await alone.revocations.list()).items.length, 1);
    await alone.close();
  });
});

test("when one store cannot be reached, those that could are closed again", { timeout }, async () => {
  await inFolder(async (folder) => {
    const good = `sqlite:${join(folder, "good.db")}`;
    // The folder itself is no database.
    await assert.rejects(StemStack.fromUrl(good, { overrides: { backend: `sqlite:${folder}` } }), { name: /ConfigError|StoreError/ });
    await assert.rejects(StemStack.fromUrl(good, { overrides: { locks: "gopher://hole" } }), ConfigError);
    await assert.rejects(StemStack.fromUrl("gopher://hole", { overrides: { broker: good } }), ConfigError);
    // Nobody holds the file any more.
    const stack = await StemStack.fromUrl(good);
    await stack.close();
  });
});

test("URLs that name no store are refused, and never shown: they may hold a password", { timeout }, async () => {
  const bad: readonly (readonly [string, RegExp])[] = [
    ["", /without a scheme/],
    ["no-scheme-secret", /without a scheme/],
    ["mysql://root:secret@here/db", /scheme "mysql"/],
    ["libsql://secret.turso.io", /libsql/],
    ["redis://:secret@here/db", /database is no number/],
    ["rediss:secret", /malformed Redis URL/],
  ];
  for (const [url, message] of bad) {
    await assert.rejects(StemStack.fromUrl(url), (error) => {
      assert.ok(error instanceof ConfigError && message.test(error.message), String(error));
      assert.ok(!error.message.includes("secret"), error.message);
      return true;
    });
  }
});

test("a stack of an adapter closes it", { timeout }, async () => {
  const adapter = memory();
  const stack = StemStack.fromAdapter(adapter);
  assert.equal(stack.broker, adapter.broker);
  await stack[Symbol.asyncDispose]();
  await assert.rejects(adapter.broker.counts("default"), ClosedError);
});

test("a store that fails to close keeps no other open", { timeout }, async () => {
  const adapter = memory();
  const stack = StemStack.fromAdapter({ ...adapter, close: () => Promise.reject(new RangeError("stuck")) });
  await assert.rejects(stack.close(), RangeError);
  await adapter.close();
});
