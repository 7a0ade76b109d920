/** Connecting to Redis: what is refused, how, and how soon; who is let in; what becomes of the caller's own client. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { Redis } from "ioredis";
import { connectFailure } from "../../src/adapters/redis/failure.ts";
import { openRedis, useRedis } from "../../src/adapters/redis/open.ts";
import { script } from "../../src/adapters/redis/script.ts";
import type { Logger } from "../../src/contracts/logger.ts";
import { ConfigError, StoreError, UnsupportedError } from "../../src/errors.ts";
import { redis, redisFromClient, RedisLockStore } from "../../src/redis.ts";
import { withDeadline } from "../../src/time/sleep.ts";
import { deferred } from "../../src/async/deferred.ts";
import { startFake, startFakeRedis } from "../support/fake-redis.ts";
import { freePort } from "../support/port.ts";
import { startRedis } from "../support/redis-server.ts";
import { needsRedis, needsRedisProgram, redisUrl } from "../support/servers.ts";
import { withRedis } from "./databases.ts";

const timeout = 60_000;
const secret = "hunter2";

const put = script("test.put", ["call('SET', ns .. 'k', ARGV[1]) return call('GET', ns .. 'k')"]);
const take = script("test.take", ["return call('GET', ns .. 'k')"], { idempotent: true });

/** Collects warnings. */
function listener(): Logger & { readonly warnings: string[] } {
  const warnings: string[] = [];
  return { debug() {}, info() {}, error() {}, warn: (message) => warnings.push(message), warnings };
}

/** As the driver makes them: with the command that failed. */
function replyError(message: string): Error {
  return Object.assign(new Error(message), { name: "ReplyError", command: { name: "auth", args: [secret] } });
}

function refuses(message: RegExp, { retryable, within = 5_000 }: { readonly retryable: boolean; readonly within?: number }) {
  const startedAt = performance.now();
  return (error: unknown): true => {
    assert.ok(error instanceof StoreError, String(error));
    assert.deepEqual([error.adapter, error.operation, error.retryable], ["redis", "connect", retryable]);
    assert.match(error.message, message);
    assert.ok(!inspect(error, { depth: 10, showHidden: true }).includes(secret), `It shows the password: ${error.message}`);
    assert.ok(performance.now() - startedAt < within, `It took ${performance.now() - startedAt} ms`);
    return true;
  };
}

test("a server that refuses connections is a store error at once", { timeout }, async () => {
  const port = await freePort();
  const message = new RegExp(`^Cannot connect to redis://stem@127\\.0\\.0\\.1:${port}/0: .*ECONNREFUSED`);
  await assert.rejects(openRedis(`redis://stem:${secret}@127.0.0.1:${port}`), refuses(message, { retryable: true }));
  await assert.rejects(redis(`redis://stem:${secret}@127.0.0.1:${port}`), refuses(message, { retryable: true }));
  const sentinel = `redis://stem:${secret}@127.0.0.1:${port}?sentinel=main`;
  await assert.rejects(openRedis(sentinel), refuses(/ECONNREFUSED/, { retryable: true }));
  const cluster = `redis://stem:${secret}@127.0.0.1:${port}?cluster=true`;
  await assert.rejects(openRedis(cluster), refuses(/ECONNREFUSED/, { retryable: true }));
});

test("what stands in the way of a connection is told, and whether it may pass", () => {
  const cases: readonly (readonly [unknown, string | RegExp, boolean])[] = [
    [Object.assign(new Error("connect ECONNREFUSED ::1:1"), { code: "ECONNREFUSED" }), "connect ECONNREFUSED ::1:1", true],
    [Object.assign(new AggregateError([new Error("one"), new Error("two")]), { code: "ECONNREFUSED" }), "one; two (ECONNREFUSED)", true],
    [Object.assign(new Error("getaddrinfo ENOTFOUND nowhere"), { code: "ENOTFOUND" }), "getaddrinfo ENOTFOUND nowhere", false],
    [
      Object.assign(new Error("self-signed certificate"), { code: "DEPTH_ZERO_SELF_SIGNED_CERT" }),
      /^self-signed certificate \(DEPTH_/,
      false,
    ],
    [replyError("WRONGPASS no"), /the user or the password is wrong/, false],
    [replyError("MASTERDOWN Link with MASTER is down"), /a replica without its primary/, true],
    ["odd", "odd", true],
  ];
  for (const [error, reason, retryable] of cases) {
    const failure = connectFailure(error);
    if (reason instanceof RegExp) assert.match(failure.reason, reason);
    else assert.equal(failure.reason, reason);
    assert.equal(failure.retryable, retryable, failure.reason);
    assert.ok(!inspect(failure, { depth: 10 }).includes(secret));
  }
});

for (
  const [behaviour, start] of [
    ["accepts and hangs up", () => startFake((socket) => void socket.destroy())],
    ["says nothing", () => startFake(() => {})],
    ["speaks another language", () => startFake((socket) => void socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"))],
    ["answers nothing but OK", () => startFakeRedis("OK")],
  ] as const
) {
  test(`a server that ${behaviour} is given up at the deadline, and left alone afterwards`, { timeout }, async () => {
    await using fake = await start();
    const startedAt = performance.now();
    await assert.rejects(openRedis(`redis://:${secret}@127.0.0.1:${fake.port}`, { connectTimeout: 700 }), (error: unknown) => {
      assert.ok(error instanceof StoreError || error instanceof ConfigError, String(error));
      assert.match(error.message, /^Cannot (?:connect to|use) redis:\/\/127/);
      return true;
    });
    assert.ok(performance.now() - startedAt < 5_000);
    // What was on its way arrives; then nobody knocks again.
    await new Promise((resolve) => setTimeout(resolve, 100));
    const before = fake.connections();
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.equal(fake.connections(), before, "it goes on connecting");
  });
}

test("a server is looked at: its version, its kind, its settings", { timeout }, async () => {
  const info = (lines: readonly string[]) => ["# Server", ...lines, "loading:0"].join("\r\n");
  const refused: readonly (readonly [readonly string[], RegExp])[] = [
    [["redis_version:6.2.14", "redis_mode:standalone"], /it is Redis 6\.2\.14, expected Redis 7\.0 or newer, or Valkey$/],
    [["something:else"], /it is something that tells no version/],
    [["redis_version:7.2.4", "redis_mode:cluster"], /it is a node of a cluster.*\?cluster=true$/],
    [["redis_version:7.2.4", "redis_mode:sentinel"], /it is a sentinel.*\?sentinel=/],
  ];
  for (const [lines, message] of refused) {
    await using fake = await startFakeRedis(info(lines));
    await assert.rejects(openRedis(`redis://127.0.0.1:${fake.port}`), (error: unknown) => {
      assert.ok(error instanceof ConfigError, String(error));
      assert.match(error.message, message);
      return true;
    });
  }
  const warned: readonly (readonly [readonly string[], readonly RegExp[]])[] = [
    [["redis_version:7.0.0", "maxmemory_policy:noeviction", "role:master"], []],
    [["redis_version:10.1.0", "maxmemory_policy:allkeys-lru"], [/set maxmemory-policy to noeviction/]],
    [["redis_version:7.2.4", "valkey_version:8.0.1", "server_mode:standalone", "role:slave"], [/is a replica/]],
  ];
  for (const [lines, expected] of warned) {
    await using fake = await startFakeRedis(info(lines));
    const logger = listener();
    await (await openRedis(`redis://127.0.0.1:${fake.port}`, { logger })).close();
    assert.equal(logger.warnings.length, expected.length, logger.warnings.join());
    for (const [at, message] of expected.entries()) assert.match(logger.warnings[at] ?? "", message);
  }
});

test("users, passwords and databases are told apart", { ...needsRedisProgram, timeout }, async () => {
  await using server = await startRedis({ settings: { requirepass: "swordfish", "maxmemory-policy": "volatile-lru" } });
  const at = (login: string, rest = "") => `redis://${login}127.0.0.1:${server.port}${rest}`;
  const logger = listener();
  const wrong = refuses(/the user or the password is wrong \(WRONGPASS/, { retryable: false });
  await assert.rejects(openRedis(at(`:${secret}@`)), wrong);
  await assert.rejects(openRedis(at(`nobody:${secret}@`)), wrong);
  await assert.rejects(openRedis(at("")), refuses(/it asks for a password \(NOAUTH/, { retryable: false }));

  const database = await openRedis(at(":swordfish@"), { logger });
  assert.equal(await database.run(put, "ns", ["0"]), "0");
  assert.match(logger.warnings.join(), /set maxmemory-policy to noeviction/);
  const other = await openRedis(at("default:swordfish@", "/5"), { logger });
  assert.equal(await other.run(take, "ns", []), null, "another database holds other keys");
  assert.equal(await other.run(put, "ns", ["5"]), "5");
  assert.equal(await database.run(take, "ns", []), "0");
  await assert.rejects(openRedis(at(":swordfish@", "/99")), refuses(/out of range/, { retryable: false }));

  // A user with a name and a password that must be percent-encoded, who may do what is needed and nothing more.
  const admin = new Redis(server.port, { password: "swordfish" });
  const password = "p@ss/w:rd?#%,";
  await admin.call("ACL", "SETUSER", "app@1", "on", `>${password}`, "~stem:*", "&stem:*", "+@all", "-@dangerous", "+info");
  await admin.call("ACL", "SETUSER", "blind", "on", ">pw", "~stem:*", "resetchannels", "+@all", "-@dangerous", "+info");
  await admin.call("ACL", "SETUSER", "reader", "on", ">pw", "~stem:*", "&stem:*", "+@read", "+@connection", "+@pubsub", "+info");
  const app = await openRedis(at(`app%401:${encodeURIComponent(password)}@`), { logger });
  assert.equal(await app.run(take, "ns", []), "0");
  const heard = deferred<void>();
  const stop = await app.signals.listen(["stem:{ns}:~t"], () => heard.resolve());
  await admin.publish("stem:{ns}:~t", "");
  await withDeadline(heard.promise, 5_000);
  stop();
  const blind = await openRedis(at("blind:pw@"), { logger });
  (await blind.signals.listen(["stem:{ns}:~t"], () => {}))();
  assert.match(logger.warnings.join(), /Redis tells nothing of changes/);
  const reader = await openRedis(at("reader:pw@"), { logger });
  await assert.rejects(reader.run(put, "ns", ["1"]), (error: unknown) => {
    assert.ok(error instanceof StoreError);
    assert.deepEqual([error.operation, error.retryable], ["test", false]);
    assert.match(error.message, /^Cannot test: the user lacks a permission \(NOPERM/);
    return true;
  });
  await Promise.all([database, other, app, blind, reader].map((one) => one.close()));
  admin.disconnect();
});

test("the caller's own client stays as it was, and stays open", { ...needsRedis, timeout }, async () => {
  // With settings that would not do for scripts.
  const client = new Redis(redisUrl(), {
    commandTimeout: 1_000,
    protocol: 3,
    replyMapping: "resp3",
    stringNumbers: true,
    enableAutoPipelining: true,
  });
  await client.ping();
  const before = { ...client.options };
  const listeners = client.eventNames();
  const namespace = `test ${crypto.randomUUID()}`;
  const adapter = await redisFromClient(client, { namespace });
  const locks = await RedisLockStore.fromClient(client, { namespace });
  const lock = await adapter.locks.acquire("beat", { ttl: "1m", owner: "w1" });
  assert.ok(lock !== undefined);
  assert.equal(await locks.acquire("beat", { ttl: "1m", owner: "w2" }), undefined, "both are on the same server");
  await adapter.locks.release(lock);
  await Promise.all([adapter.close(), locks.close()]);
  assert.equal(await client.ping(), "PONG");
  assert.deepEqual(client.options, before);
  assert.deepEqual(client.eventNames(), listeners);
  client.disconnect();
  const database = await useRedis(client);
  assert.equal(await database.read("get", "GET", [`none ${namespace}`]), null, "it is only copied, so that it need not be connected");
  await database.close();

  await assert.rejects(useRedis({}), UnsupportedError);
  await assert.rejects(useRedis({ isCluster: false, duplicate: 1 }), UnsupportedError);
  const prefixed = new Redis(redisUrl(), { keyPrefix: "app:", lazyConnect: true });
  await assert.rejects(redisFromClient(prefixed), (error: unknown) => {
    assert.ok(error instanceof ConfigError, String(error));
    assert.match(error.message, /keyPrefix "app:"/);
    return true;
  });
});

test("any namespace has keys of its own", { ...needsRedis, timeout }, () =>
  withRedis(async ({ database, client }) => {
    const unique = crypto.randomUUID();
    const names = ["a", "a}", "{a}", "{a", "a%7d", "a:", "ä ß", "*?[", "a\n", "~"].map((name) => name + unique);
    for (const name of names) await database.run(put, name, [name]);
    for (const name of names) assert.equal(await database.run(take, name, []), name);
    for (const name of names) {
      const drop = script("test.drop", ["return call('DEL', ns .. 'k')"]);
      assert.equal(await database.run(drop, name, []), 1);
    }
    const [, left] = await client.scan(0, "MATCH", `*${unique}*`, "COUNT", 100_000);
    assert.deepEqual(left, []);
  }));
