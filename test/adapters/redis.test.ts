/** The Redis adapter, held to the laws of the contracts: each connection has sockets of its own. */

import { test } from "node:test";
import { registerConformance } from "../../src/conformance.ts";
import { redis } from "../../src/redis.ts";
import { removeNamespacesAt } from "../support/redis-keys.ts";
import { needsRedis, redisUrl } from "../support/servers.ts";

if (needsRedis.skip !== undefined) {
  test("redis: conformance", needsRedis, () => {});
} else {
  const namespaces = new Set<string>();

  registerConformance({
    name: "redis",
    connect: (options) => {
      namespaces.add(options.namespace);
      return redis(redisUrl(), options);
    },
    cleanup: () => removeNamespacesAt(redisUrl(), namespaces),
  }, { test });
}
