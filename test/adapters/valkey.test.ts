/** The Redis adapter on Valkey, held to the laws of the contracts. Not every system has a package of Valkey: without one this is one skipped case. */

import { test } from "node:test";
import { registerConformance } from "../../src/conformance.ts";
import { redis } from "../../src/redis.ts";
import { removeNamespacesAt } from "../support/redis-keys.ts";
import { needsValkey, valkeyUrl } from "../support/servers.ts";

if (needsValkey.skip !== undefined) {
  test("valkey: conformance", needsValkey, () => {});
} else {
  const namespaces = new Set<string>();

  registerConformance({
    name: "valkey",
    connect: (options) => {
      namespaces.add(options.namespace);
      return redis(valkeyUrl(), options);
    },
    cleanup: () => removeNamespacesAt(valkeyUrl(), namespaces),
  }, { test });
}
