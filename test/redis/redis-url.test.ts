/** Redis URLs: what they say, and that a wrong one is refused without showing what it holds. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { openRedis } from "../../src/adapters/redis/open.ts";
import { parseRedisUrl } from "../../src/adapters/redis/redis-url.ts";
import { connect } from "../../src/app/connect.ts";
import { ConfigError } from "../../src/errors.ts";

const secret = "hunter2";

test("a URL names the server, the user, the password and the database", () => {
  const plain = { username: undefined, password: undefined, db: 0, tls: false, cluster: false, sentinelName: undefined };
  assert.deepEqual(parseRedisUrl("redis://localhost"), {
    ...plain,
    nodes: [{ host: "localhost", port: 6379 }],
    what: "redis://localhost/0",
  });
  assert.deepEqual(parseRedisUrl("redis://"), { ...plain, nodes: [{ host: "127.0.0.1", port: 6379 }], what: "redis://127.0.0.1/0" });
  assert.deepEqual(parseRedisUrl("REDISS://us%40er:p%2Fw%3A%25@[::1]:7000/15"), {
    ...plain,
    username: "us@er",
    password: "p/w:%",
    db: 15,
    tls: true,
    nodes: [{ host: "::1", port: 7000 }],
    what: "rediss://us@er@[::1]:7000/15",
  });
  assert.deepEqual(parseRedisUrl(`redis://:${secret}@a/`).password, secret);
  assert.deepEqual(parseRedisUrl(`redis://:${secret}@a/`).username, undefined);
});

test("a URL, or an option, says that its hosts are a cluster or sentinels", () => {
  const nodes = [{ host: "a", port: 7000 }, { host: "b", port: 6379 }];
  const several = "redis://stem:pw@a:7000,b";
  assert.deepEqual(parseRedisUrl(`${several}?cluster=true`).nodes, nodes);
  assert.deepEqual(parseRedisUrl(`${several}/?cluster=true`).cluster, true);
  assert.deepEqual(parseRedisUrl(several, { cluster: true }).cluster, true);
  assert.deepEqual(parseRedisUrl("redis://a?cluster=false").cluster, false);
  const byUrl = parseRedisUrl("redis://a,b:7/3?sentinel=main");
  assert.deepEqual(byUrl.nodes, [{ host: "a", port: 26_379 }, { host: "b", port: 7 }]);
  assert.deepEqual([byUrl.sentinelName, byUrl.db, byUrl.what], ["main", 3, "redis://a,b:7/3"]);
  assert.deepEqual(parseRedisUrl("redis://a,b:7/3", { sentinelName: "main" }), byUrl);
});

test("a URL that cannot be used is refused without showing it", async () => {
  const refused: readonly (readonly [string, RegExp])[] = [
    [`redis://stem:${secret}@host:port/0`, /malformed Redis URL/],
    [`redis://stem:${secret}@ho st/0`, /malformed Redis URL/],
    [`redis:stem:${secret}`, /malformed Redis URL/],
    [`redis://stem:${secret}%zz@localhost/0`, /whose password is not percent-encoded/],
    [`redis://${secret}%zz:pw@localhost/0`, /whose user name is not percent-encoded/],
    [`http://stem:${secret}@localhost/0`, /of scheme "http"/],
    [`stem:${secret}@localhost`, /of scheme "stem"/],
    [secret, /without a scheme/],
    [`redis://localhost/${secret}`, /whose database is no number/],
    [`redis://localhost/1/${secret}`, /whose database is no number/],
    ["redis://localhost/-1", /whose database is no number/],
    // Passwords with characters that end the part they stand in.
    [`redis://stem:12/${secret}@localhost/0`, /whose database is no number/],
    [`redis://stem:12?${secret}@localhost/0`, /other parameters/],
    [`redis://stem:12?cluster=${secret}`, /another \?cluster= than true or false/],
    [`redis://stem:12#${secret}@localhost/0`, /other parameters/],
    [`redis://stem:pw@localhost?password=${secret}`, /other parameters/],
    [`redis://stem:${secret}@a,b/0`, /several hosts/],
    [`redis://stem:${secret}@a,/0?cluster=true`, /malformed host/],
    [`redis://stem:${secret}@a,b/1?cluster=true`, /database 1 of a Redis Cluster/],
    [`redis://stem:${secret}@a,b?cluster=true&sentinel=main`, /Cluster by sentinels/],
    [`redis://stem:${secret}@a?sentinel=`, /other parameters/],
  ];
  for (const [url, message] of refused) {
    for (const open of [openRedis, ...(/^rediss?:/.test(url) ? [connect] : [])]) {
      await assert.rejects(open(url), (error: unknown) => {
        assert.ok(error instanceof ConfigError, String(error));
        assert.match(error.message, message);
        assert.ok(!inspect(error, { depth: 10, showHidden: true }).includes(secret), `It shows the password: ${error.message}`);
        return true;
      });
    }
  }
});

test("deadlines that are none are refused", async () => {
  for (const options of [{ commandTimeout: 0 }, { commandTimeout: "soon" }, { connectTimeout: -1 }]) {
    await assert.rejects(openRedis("redis://127.0.0.1:1", options), (error: unknown) => {
      assert.ok(error instanceof ConfigError, String(error));
      assert.match(error.message, /commandTimeout|connectTimeout/);
      return true;
    });
  }
});
