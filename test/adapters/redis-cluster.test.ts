/** The Redis adapter on a cluster of three nodes, held to the laws of the contracts. */

import { test } from "node:test";
import { registerConformance } from "../../src/conformance.ts";
import { redis } from "../../src/redis.ts";
import { startRedisCluster } from "../support/redis-cluster.ts";
import { needsRedisProgram } from "../support/servers.ts";

if (needsRedisProgram.skip !== undefined) {
  test("redis cluster: conformance", needsRedisProgram, () => {});
} else {
  const cluster = await startRedisCluster();

  registerConformance({
    name: "redis cluster",
    connect: (options) => redis(`${cluster.urls[0]}?cluster=true`, options),
    cleanup: () => cluster.stop(),
  }, { test });
}
