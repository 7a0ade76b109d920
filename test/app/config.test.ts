/** Where the stores are, by the environment. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { allUrls, connectSettings, stackSettings, storeUrl } from "../../src/app/config.ts";
import { ConfigError } from "../../src/errors.ts";
import { stackSettings as exported, StemApp } from "../../src/mod.ts";

const timeout = 20_000;

test("one URL is enough, and each store may have its own", { timeout }, () => {
  assert.deepEqual(stackSettings({ STEM_URL: "memory:" }), {
    url: "memory:",
    overrides: { broker: "memory:", backend: "memory:", revocations: "memory:" },
  });
  const own = {
    STEM_URL: "memory:",
    STEM_BROKER_URL: "sqlite:b",
    STEM_RESULT_BACKEND_URL: "sqlite:r",
    STEM_SCHEDULE_STORE_URL: "sqlite:s",
    STEM_LOCK_STORE_URL: "sqlite:l",
    STEM_REVOKE_STORE_URL: "sqlite:v",
    STEM_WORKFLOW_STORE_URL: "sqlite:w",
  };
  assert.deepEqual(stackSettings(own), {
    url: "memory:",
    overrides: {
      broker: "sqlite:b",
      backend: "sqlite:r",
      schedules: "sqlite:s",
      locks: "sqlite:l",
      revocations: "sqlite:v",
      workflows: "sqlite:w",
    },
  });
  assert.deepEqual(allUrls(own), ["memory:", "sqlite:b", "sqlite:r", "sqlite:s", "sqlite:l", "sqlite:v", "sqlite:w"]);
  assert.deepEqual(allUrls({ STEM_URL: "memory:", STEM_BROKER_URL: "memory:", STEM_LOCK_STORE_URL: "" }), ["memory:"]);
});

test("revocations follow the results, and without a main URL everything but the broker does", { timeout }, () => {
  assert.equal(storeUrl("revocations", { STEM_URL: "memory:", STEM_RESULT_BACKEND_URL: "sqlite:r" }), "sqlite:r");
  assert.equal(storeUrl("revocations", { STEM_REVOKE_STORE_URL: "sqlite:v", STEM_RESULT_BACKEND_URL: "sqlite:r" }), "sqlite:v");
  const { url, overrides } = stackSettings({ STEM_BROKER_URL: "sqlite:b", STEM_RESULT_BACKEND_URL: "sqlite:r" });
  assert.deepEqual([url, overrides.broker, overrides.revocations, overrides.schedules], ["sqlite:r", "sqlite:b", "sqlite:r", undefined]);
  assert.equal(storeUrl("locks", { STEM_RESULT_BACKEND_URL: "sqlite:r" }), "sqlite:r");
});

test("what is missing or wrong is named with its variable", { timeout }, () => {
  assert.throws(
    () => stackSettings({ STEM_RESULT_BACKEND_URL: "memory:" }),
    new ConfigError("Cannot connect to the broker: neither STEM_BROKER_URL nor STEM_URL is set"),
  );
  assert.throws(
    () => stackSettings({ STEM_BROKER_URL: "memory:", STEM_URL: "" }),
    new ConfigError("Cannot connect to the result backend: neither STEM_RESULT_BACKEND_URL nor STEM_URL is set"),
  );
  assert.throws(
    () => storeUrl("revocations", {}),
    new ConfigError("Cannot connect to the revoke store: neither STEM_REVOKE_STORE_URL nor STEM_RESULT_BACKEND_URL nor STEM_URL is set"),
  );
  assert.throws(() => connectSettings({ STEM_MIGRATE: "always" }), /Cannot use "always" as STEM_MIGRATE: expected one of auto, check, off/);
  assert.deepEqual(connectSettings({ STEM_NAMESPACE: "a", STEM_SCHEMA: "b", STEM_MIGRATE: "off" }), {
    namespace: "a",
    schema: "b",
    migrate: "off",
  });
  assert.deepEqual(connectSettings({ STEM_NAMESPACE: "", STEM_MIGRATE: "" }), {});
});

test("an app is made of what the environment says", { timeout }, async () => {
  const { url, ...options } = exported({ STEM_URL: "memory:", STEM_NAMESPACE: "orders" });
  const app = await StemApp.fromUrl(url, options);
  await app.close();
  assert.deepEqual(options.namespace, "orders");
});
