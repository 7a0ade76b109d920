/** Redis Cluster: any node leads to the others, each namespace lives on one of them, and what is published on one is heard from all. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Cluster, Redis } from "ioredis";
import type { RedisDatabase } from "../../src/adapters/redis/database.ts";
import { prefixOf } from "../../src/adapters/redis/keys.ts";
import { openRedis, useRedis } from "../../src/adapters/redis/open.ts";
import { script } from "../../src/adapters/redis/script.ts";
import { deferred } from "../../src/async/deferred.ts";
import { ConfigError, StoreError } from "../../src/errors.ts";
import { withDeadline } from "../../src/time/sleep.ts";
import { freePort } from "../support/port.ts";
import { startRedisCluster } from "../support/redis-cluster.ts";
import { startRedis } from "../support/redis-server.ts";
import { needsRedisProgram } from "../support/servers.ts";

const timeout = 90_000;
const namespaces = Array.from({ length: 12 }, (_, at) => `ns ${at}`);
const add = script("test.add", ["if not clustered then return -1 end return call('INCRBY', ns .. 'n', ARGV[1])"]);
const publish = script("test.publish", ["return call('PUBLISH', ns .. '~t', '')"]);

async function hear(database: RedisDatabase, namespace: string): Promise<{ readonly woken: Promise<void>; readonly stop: () => void }> {
  const woken = deferred<void>();
  const stop = await database.signals.listen([`${prefixOf(namespace)}~t`], () => woken.resolve());
  return { woken: withDeadline(woken.promise, 10_000), stop };
}

test("a cluster is used from any of its nodes, and survives the loss of one", { ...needsRedisProgram, timeout }, async () => {
  await using cluster = await startRedisCluster({ settings: { "cluster-require-full-coverage": "no" } });
  const ports = cluster.nodes.map(({ port }) => port);
  const away = await freePort();
  const trips: string[] = [];
  const onTrip = ({ name }: { readonly name: string }): void => void trips.push(name);
  // One of the named nodes is none.
  const database = await openRedis(`redis://127.0.0.1:${away},127.0.0.1:${ports[0]}?cluster=true`, { commandTimeout: "3s", onTrip });
  const other = await openRedis(`redis://127.0.0.1:${ports[2]}`, { cluster: true });
  for (const namespace of namespaces) assert.equal(await database.run(add, namespace, [1]), 1);
  assert.deepEqual([...new Set(trips)], ["test.add"]);
  for (const namespace of namespaces) {
    const { woken, stop } = await hear(other, namespace);
    await database.run(publish, namespace, []);
    await woken;
    stop();
  }
  await assert.rejects(openRedis(`redis://127.0.0.1:${ports[0]}`), (error: unknown) => {
    assert.ok(error instanceof ConfigError, String(error));
    assert.match(error.message, /it is a node of a cluster/);
    return true;
  });

  const client = new Cluster([{ host: "127.0.0.1", port: ports[1] }], { scaleReads: "all", redisOptions: { commandTimeout: 50 } });
  client.on("error", () => {});
  const own = await useRedis(client);
  for (const namespace of namespaces) assert.equal(await own.run(add, namespace, [1]), 2);
  await own.close();
  assert.equal(await client.get("x"), null, "the caller's own stays open");
  client.disconnect();

  const lost = cluster.nodes[1];
  assert.ok(lost !== undefined);
  const listeners = await Promise.all(namespaces.map((namespace) => hear(other, namespace)));
  await lost.kill();
  const outcomes = await Promise.all(namespaces.map((namespace) => database.run(add, namespace, [1]).catch((error: unknown) => error)));
  const failures = outcomes.filter((outcome) => outcome !== 3);
  assert.ok(failures.length > 0 && failures.length < namespaces.length, "the namespaces of the other nodes go on");
  for (const failure of failures) assert.ok(failure instanceof StoreError && failure.retryable, String(failure));
  // None of these went out: they wait, and are done once.
  const waiting = Promise.all(namespaces.map((namespace) => database.run(add, namespace, [1])));
  await lost.restart();
  const startedAt = performance.now();
  const sums = await waiting;
  assert.ok(performance.now() - startedAt < 5_000);
  for (const [at, sum] of sums.entries()) assert.equal(sum, outcomes[at] === 3 ? 4 : 3);
  for (const namespace of namespaces) await database.run(publish, namespace, []);
  await Promise.all(listeners.map(({ woken }) => woken));
  for (const { stop } of listeners) stop();
  await Promise.all([database.close(), other.close()]);
});

test(
  "a namespace waits while its slot moves to another node, and nothing is done without its data",
  { ...needsRedisProgram, timeout },
  async () => {
    await using cluster = await startRedisCluster();
    const clients = cluster.nodes.map(({ port }) => new Redis(port));
    const [url] = cluster.urls;
    assert.ok(url !== undefined);
    const database = await openRedis(url, { cluster: true, commandTimeout: 600 });
    assert.equal(await database.run(add, "ns", [5]), 5);
    const slot = Number(await clients[0]?.call("CLUSTER", "KEYSLOT", prefixOf("ns")));
    const holdings = await Promise.all(clients.map((client) => client.dbsize()));
    const from = holdings.findIndex((keys) => keys > 0);
    const [source, target] = [clients[from], clients[(from + 1) % clients.length]];
    assert.ok(source !== undefined && target !== undefined);
    const [sourceId, targetId] = await Promise.all([source, target].map(async (client) => String(await client.call("CLUSTER", "MYID"))));
    await target.call("CLUSTER", "SETSLOT", slot, "IMPORTING", sourceId ?? "");
    await source.call("CLUSTER", "SETSLOT", slot, "MIGRATING", targetId ?? "");

    await assert.rejects(database.run(add, "ns", [1]), (error: unknown) => {
      assert.ok(error instanceof StoreError && error.retryable, String(error));
      return true;
    });
    assert.equal(await target.dbsize(), 0, "the other node did it without the data");
    const waiting = openRedis(url, { cluster: true }).then(async (other) => {
      const sum = await other.run(add, "ns", [1]);
      await other.close();
      return sum;
    });
    const port = cluster.nodes[(from + 1) % clients.length]?.port ?? 0;
    await source.call("MIGRATE", "127.0.0.1", port, `${prefixOf("ns")}n`, 0, 5_000);
    for (const client of [target, source]) await client.call("CLUSTER", "SETSLOT", slot, "NODE", targetId ?? "");
    assert.equal(await waiting, 6);
    assert.equal(await database.run(add, "ns", [1]), 7);
    await database.close();
    for (const client of clients) client.disconnect();
  },
);

test("a server that is no cluster says so", { ...needsRedisProgram, timeout }, async () => {
  await using server = await startRedis();
  await assert.rejects(openRedis(server.url, { cluster: true, connectTimeout: "3s" }), (error: unknown) => {
    assert.ok(error instanceof StoreError, String(error));
    assert.match(error.message, /cluster support disabled/);
    return true;
  });
});
