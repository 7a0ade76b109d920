/** Redis by its sentinels: they are asked where the server is, at the start and after a failover. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis } from "ioredis";
import { openRedis } from "../../src/adapters/redis/open.ts";
import { script } from "../../src/adapters/redis/script.ts";
import { deferred } from "../../src/async/deferred.ts";
import { StoreError } from "../../src/errors.ts";
import { withDeadline } from "../../src/time/sleep.ts";
import { freePort } from "../support/port.ts";
import { sentinelName, startSentinel } from "../support/redis-sentinel.ts";
import { startRedis } from "../support/redis-server.ts";
import { needsRedisProgram } from "../support/servers.ts";

const timeout = 60_000;
const add = script("test.add", ["return call('INCRBY', ns .. 'n', ARGV[1])"]);
const publish = script("test.publish", ["return call('PUBLISH', ns .. '~t', '')"]);

/** Awaits an answer of a server, asked again and again: nothing tells of it. */
async function until(client: Redis, isThere: (info: string) => boolean): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!isThere(await client.info())) {
    assert.ok(performance.now() < deadline, await client.info());
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test("the primary is found, and its successor after a failover", { ...needsRedisProgram, timeout }, async () => {
  await using first = await startRedis({ settings: { requirepass: "swordfish", masterauth: "swordfish" } });
  await using second = await startRedis({ settings: { requirepass: "swordfish", masterauth: "swordfish" } });
  const client = new Redis(second.port, { password: "swordfish" });
  await client.replicaof("127.0.0.1", first.port);
  await until(client, (info) => info.includes("master_link_status:up"));
  await using sentinel = await startSentinel(first, {
    settings: [`sentinel auth-pass ${sentinelName} swordfish`, "requirepass guard"],
  });
  const others = await freePort();
  // One sentinel of two is away.
  const url = `redis://:swordfish@127.0.0.1:${others},127.0.0.1:${sentinel.port}/1?sentinel=${sentinelName}`;
  const database = await openRedis(url, { sentinel: { password: "guard" } });
  const again = await openRedis(url.replace(/\?.*/, ""), { sentinel: { name: sentinelName, password: "guard" } });
  assert.equal(await database.run(add, "ns", [1]), 1);
  assert.equal(await again.run(add, "ns", [1]), 2);
  await again.close();
  await until(client, (info) => /db1:keys=[1-9]/.test(info));

  let woken = deferred<void>();
  const stop = await database.signals.listen(["stem:{ns}:~t"], () => woken.resolve());
  const guard = new Redis(sentinel.port, { password: "guard" });
  // It knows of the second server from what the first one tells of its replicas, once it has asked.
  const deadline = performance.now() + 20_000;
  while (!/slaves=1/.test(await guard.info("sentinel"))) {
    assert.ok(performance.now() < deadline);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  guard.disconnect();
  await first.kill();
  await until(client, (info) => info.includes("role:master"));
  assert.equal(await database.run(add, "ns", [1]), 3, "the successor has what the first one told it");
  await withDeadline(woken.promise, 5_000);
  woken = deferred();
  await database.run(publish, "ns", []);
  await withDeadline(woken.promise, 5_000);
  stop();
  await database.close();
  client.disconnect();
});

test("sentinels that know no server of that name, or ask for a password, say so", { ...needsRedisProgram, timeout }, async () => {
  await using server = await startRedis();
  await using sentinel = await startSentinel(server, { settings: ["requirepass guard"] });
  const at = (name: string) => `redis://127.0.0.1:${sentinel.port}?sentinel=${name}`;
  const cases = [
    [at("nobody"), { sentinel: { password: "guard" } }, /No such master with that name/],
    [at(sentinelName), {}, /NOAUTH/],
    [at(sentinelName), { sentinel: { password: "wrong" } }, /WRONGPASS/],
  ] as const;
  for (const [url, options, message] of cases) {
    await assert.rejects(openRedis(url, { ...options, connectTimeout: "3s" }), (error: unknown) => {
      assert.ok(error instanceof StoreError, String(error));
      assert.match(error.message, message);
      return true;
    });
  }
});
