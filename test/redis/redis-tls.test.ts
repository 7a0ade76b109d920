/** Encrypted connections to Redis: whom they trust, and what is said where they do not. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { openRedis } from "../../src/adapters/redis/open.ts";
import { script } from "../../src/adapters/redis/script.ts";
import { deferred } from "../../src/async/deferred.ts";
import { StoreError } from "../../src/errors.ts";
import { withDeadline } from "../../src/time/sleep.ts";
import { certify, createAuthority, hasOpenssl } from "../support/certificates.ts";
import { freePort } from "../support/port.ts";
import { startRedis } from "../support/redis-server.ts";
import { createServerFolder } from "../support/server-folder.ts";
import { needsRedisProgram } from "../support/servers.ts";

const needs = hasOpenssl() || needsRedisProgram.skip !== undefined ? needsRedisProgram : { skip: "the program `openssl` is missing" };
const hello = script("test.hello", ["return 'hello'"]);

test("a server is trusted by its authority and its name, and a client by its certificate", { ...needs, timeout: 60_000 }, async () => {
  await using folder = createServerFolder("tls");
  const authority = createAuthority(folder.path);
  const own = certify(folder.path, authority, "redis.example");
  const { cert, key } = certify(folder.path, authority, "worker");
  const port = await freePort();
  await using _server = await startRedis({
    settings: {
      "tls-port": String(port),
      "tls-cert-file": own.certFile,
      "tls-key-file": own.keyFile,
      "tls-ca-cert-file": authority.certFile,
      requirepass: "swordfish",
    },
  });
  const url = `rediss://:swordfish@127.0.0.1:${port}`;
  const whole = { ca: authority.cert, cert, key, servername: "redis.example" };
  for (const tls of [whole, { ...whole, ca: [own.cert, authority.cert] }, { cert, key, rejectUnauthorized: false }]) {
    const database = await openRedis(url, { tls });
    assert.equal(await database.run(hello, "ns", []), "hello");
    const heard = deferred<void>();
    const stop = await database.signals.listen(["stem:{ns}:~t"], () => heard.resolve());
    await database.run(script("test.publish", ["return call('PUBLISH', ns .. '~t', '')"]), "ns", []);
    await withDeadline(heard.promise, 5_000);
    stop();
    await database.close();
  }
  const { ca: _unknown, ...untrusted } = whole;
  const refused: readonly (readonly [string, Parameters<typeof openRedis>[1], RegExp, boolean])[] = [
    [url, { tls: untrusted }, /certificate/i, false],
    [url, { tls: { ...whole, servername: "other.example" } }, /does not match certificate's altnames/, false],
    // Without a certificate of its own; what the server says of it depends on the runtime.
    [url, { tls: { ca: authority.cert, servername: "redis.example" } }, /./, true],
    [`redis://:swordfish@127.0.0.1:${port}`, {}, /./, true],
  ];
  for (const [at, options, message, mayPass] of refused) {
    await assert.rejects(openRedis(at, { ...options, connectTimeout: "2s" }), (error: unknown) => {
      assert.ok(error instanceof StoreError, String(error));
      assert.equal(error.operation, "connect");
      assert.match(error.message.replace(/^Cannot connect to rediss?:\/\/127\.0\.0\.1:\d+\/0: /, ""), message);
      assert.ok(mayPass || !error.retryable, "a certificate does not get better by itself");
      return true;
    });
  }
});
