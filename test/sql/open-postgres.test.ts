/** Connecting to Postgres: what is refused, how, and how soon; what becomes of the caller's own client; what a broken connection costs. */

import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { connect, createServer } from "node:net";
import { test } from "node:test";
import { inspect } from "node:util";
import { drizzle } from "drizzle-orm/postgres-js";
import { eq, sql as fragment } from "drizzle-orm";
import postgresJs from "postgres";
import type { SqlDatabase } from "../../src/adapters/sql/database.ts";
import { openPostgres, usePostgres } from "../../src/adapters/sql/postgres-driver.ts";
import { deferred } from "../../src/async/deferred.ts";
import type { Logger } from "../../src/contracts/logger.ts";
import { ConfigError, MigrationError, StoreError, UnsupportedError } from "../../src/errors.ts";
import { withDeadline } from "../../src/time/sleep.ts";
import { startCutProxy } from "../support/cut-proxy.ts";
import { freePort } from "../support/port.ts";
import { startPostgres } from "../support/postgres-server.ts";
import { needsPostgres, needsPostgresPrograms, postgresUrl } from "../support/servers.ts";
import { withSchema } from "./databases.ts";

const timeout = 60_000;
const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {} };

function workers(database: SqlDatabase) {
  const add = database.statement(
    "test.add",
    { id: "text" },
    ({ db, tables: { workers }, args, dialect }) =>
      db.insert(workers).values({ ns: "test", id: args.id, data: "{}", seenAt: dialect.now, expiresAt: dialect.now })
        .onConflictDoNothing().returning({ id: workers.id, signal: dialect.signal }),
  );
  const touch = database.statement(
    "test.touch",
    { batch: { id: "text" } },
    ({ db, tables: { workers }, args: { batch }, dialect }) =>
      db.update(workers).set({ seenAt: dialect.now }).from(batch.from).where(eq(workers.id, batch.column.id)).returning({ id: workers.id }),
  );
  const list = database.statement(
    "test.list",
    {},
    ({ db, tables: { workers } }) => db.select({ id: workers.id }).from(workers).where(eq(workers.ns, "test")).orderBy(workers.id),
    { idempotent: true },
  );
  return {
    add: (id: string, tx?: object) => add.run({ id }, { signal: ["workers"], tx }),
    touch: (ids: readonly string[], tx?: object) => touch.run({ batch: ids.map((id) => ({ id })) }, { tx }),
    list: async (tx?: object) => (await list.run({}, { tx })).map(({ id }) => id),
  };
}

test("a URL that cannot be used is refused without showing it", { timeout }, async () => {
  const secret = "hunter2";
  const refused: readonly (readonly [string, RegExp])[] = [
    [`postgres://stem:${secret}@host:port/db`, /malformed Postgres URL/],
    [`postgres://stem:${secret}@ho st/db`, /malformed Postgres URL/],
    [`postgres:stem:${secret}`, /malformed Postgres URL/],
    [`postgres://stem:${secret}%zz@localhost/db`, /whose password is not percent-encoded/],
    [`mysql://stem:${secret}@localhost/db`, /of scheme "mysql"/],
    [`stem:${secret}@localhost`, /of scheme "stem"/],
    [secret, /without a scheme/],
  ];
  for (const [url, message] of refused) {
    await assert.rejects(openPostgres(url), (error: unknown) => {
      assert.ok(error instanceof ConfigError, String(error));
      assert.match(error.message, message);
      assert.ok(!inspect(error, { depth: 10, showHidden: true }).includes(secret), `It shows the password: ${error.message}`);
      return true;
    });
  }
});

test("a schema that cannot be this library's own is refused", { timeout }, async () => {
  for (const schema of ["", "public", "pg_catalog", "information_schema", 'quo"te', "nul\u0000", "é".repeat(40), "x".repeat(64)]) {
    await assert.rejects(openPostgres("postgres://localhost:1/db", { schema }), (error: unknown) => {
      assert.ok(error instanceof ConfigError, `${schema}: ${String(error)}`);
      assert.match(error.message, /schema/);
      return true;
    });
  }
});

test("a server that refuses connections is a store error at once", { timeout }, async () => {
  const port = await freePort();
  const startedAt = performance.now();
  await assert.rejects(openPostgres(`postgres://stem:hunter2@127.0.0.1:${port}/db`), (error: unknown) => {
    assert.ok(error instanceof StoreError);
    assert.equal(error.operation, "connect");
    assert.equal(error.retryable, true);
    assert.match(error.message, new RegExp(`^Cannot connect to postgres://stem@127\\.0\\.0\\.1:${port}/db: .*ECONNREFUSED`));
    assert.ok(!inspect(error, { depth: 10, showHidden: true }).includes("hunter2"));
    return true;
  });
  assert.ok(performance.now() - startedAt < 5_000);
});

for (
  const [behaviour, onConnection] of [
    ["accepts and hangs up", (socket: Socket) => socket.destroy()],
    ["says nothing", (socket: Socket) => void socket.on("error", () => {})],
    ["speaks another language", (socket: Socket) => {
      socket.on("error", () => {}).end("HTTP/1.1 400 Bad Request\r\n\r\n");
    }],
  ] as const
) {
  test(`a server that ${behaviour} is given up at the deadline, and left alone afterwards`, { timeout }, async () => {
    const sockets = new Set<Socket>();
    let connections = 0;
    const server = createServer((socket) => {
      connections += 1;
      sockets.add(socket);
      onConnection(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    assert.ok(typeof address === "object" && address !== null);
    const startedAt = performance.now();
    await assert.rejects(openPostgres(`postgres://stem@127.0.0.1:${address.port}/db`, { connectTimeout: 700 }), (error: unknown) => {
      assert.ok(error instanceof StoreError, String(error));
      assert.equal(error.operation, "connect");
      assert.match(error.message, /^Cannot connect to postgres:\/\/stem@127/);
      return true;
    });
    const tookMs = performance.now() - startedAt;
    assert.ok(tookMs < 5_000, `It took ${tookMs} ms`);
    // What was on its way arrives; then nobody knocks again.
    await new Promise((resolve) => setTimeout(resolve, 100));
    const before = connections;
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.equal(connections, before, "it goes on connecting");
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
}

test("a wrong password, an unknown database and a missing permission are told apart", { ...needsPostgresPrograms, timeout }, async () => {
  await using server = await startPostgres({ password: "swordfish" });
  const url = new URL(server.url);
  const admin = postgresJs(server.url, { max: 1, onnotice: () => {} });
  try {
    const wrong = new URL(url);
    wrong.password = "hunter2";
    await assert.rejects(openPostgres(wrong.href), (error: unknown) => {
      assert.ok(error instanceof StoreError);
      assert.equal(error.retryable, false);
      assert.match(error.message, /password authentication failed/);
      assert.ok(!inspect(error, { depth: 10, showHidden: true }).includes("hunter2"));
      return true;
    });
    const unknown = new URL(url);
    unknown.pathname = "/nowhere";
    await assert.rejects(openPostgres(unknown.href), /database "nowhere" does not exist/);

    await admin.unsafe("create role visitor login password 'swordfish'");
    const visitor = new URL(url);
    visitor.username = "visitor";
    await assert.rejects(openPostgres(visitor.href), (error: unknown) => {
      assert.ok(error instanceof StoreError);
      assert.equal(error.retryable, false);
      assert.match(error.message, /permission denied.*the database user lacks a permission/);
      return true;
    });
    await assert.rejects(openPostgres(visitor.href, { migrate: "check" }), MigrationError);

    // Who may only read can check; who may write in a schema that is there needs no right to make schemas.
    const owner = await openPostgres(server.url);
    await workers(owner).add("w1");
    await owner.close();
    await admin.unsafe("grant usage on schema stem to visitor; grant select on all tables in schema stem to visitor");
    const reader = await openPostgres(visitor.href, { migrate: "check", logger: quiet });
    assert.deepEqual(await workers(reader).list(), ["w1"]);
    await assert.rejects(workers(reader).add("w2"), /permission denied/);
    await reader.close();
    await admin.unsafe("create schema lent authorization visitor");
    const lent = await openPostgres(visitor.href, { schema: "lent" });
    await workers(lent).add("w2");
    await lent.close();
  } finally {
    await admin.end();
  }
});

test("a pooler that knows no settings of plans is connected to without them", { ...needsPostgres, timeout }, async () => {
  const { hostname, port } = new URL(postgresUrl());
  const knocks: boolean[] = [];
  const pooler = createServer((near) => {
    near.on("error", () => {}).once("data", (startup) => {
      const hasSettings = startup.includes("plan_cache_mode");
      knocks.push(hasSettings);
      if (hasSettings) return void near.end(refusal("08P01", "unsupported startup parameter: plan_cache_mode"));
      const far = connect(Number(port), hostname).on("error", () => near.destroy());
      far.write(startup);
      near.pipe(far).pipe(near);
    });
  });
  await new Promise<void>((resolve) => pooler.listen(0, "127.0.0.1", resolve));
  const address = pooler.address();
  assert.ok(typeof address === "object" && address !== null);
  try {
    await withSchema(async (schema) => {
      const url = new URL(postgresUrl());
      url.host = `127.0.0.1:${address.port}`;
      const database = await openPostgres(url.href, { schema, maxConnections: 1 });
      await workers(database).add("w1");
      await database.transaction("test", (tx) => workers(database).add("w2", tx));
      assert.deepEqual(await workers(database).list(), ["w1", "w2"]);
      await database.close();
    });
    assert.deepEqual(knocks, [true, false, false], "It asked again for what was refused");
  } finally {
    await new Promise((resolve) => pooler.close(resolve));
  }
});

/** What a server answers that refuses to connect. */
function refusal(code: string, message: string): Uint8Array {
  const fields = new TextEncoder().encode(`SFATAL\0C${code}\0M${message}\0\0`);
  const answer = new Uint8Array(5 + fields.length);
  answer[0] = "E".charCodeAt(0);
  new DataView(answer.buffer).setUint32(1, 4 + fields.length);
  answer.set(fields, 5);
  return answer;
}

test("any name will do for a schema of its own", { ...needsPostgres, timeout }, async () => {
  const client = postgresJs(postgresUrl(), { max: 1, onnotice: () => {} });
  for (const name of ["Stem Test", "stem.test-1", "größe'n", "select"]) {
    const schema = `${name} ${crypto.randomUUID().slice(0, 8)}`;
    const database = await openPostgres(postgresUrl(), { schema, maxConnections: 1 });
    try {
      const heard = deferred<void>();
      const stop = await database.signals.listen(["workers"], () => heard.resolve());
      await workers(database).add("w1");
      await withDeadline(heard.promise, 5_000);
      stop();
      assert.deepEqual(await workers(database).list(), ["w1"]);
    } finally {
      await database.close();
      await client.unsafe(`drop schema "${schema}" cascade`);
    }
  }
  await client.end();
});

test("the caller's own client stays as it was, and stays open", { ...needsPostgres, timeout }, () =>
  withSchema(async (schema) => {
    const client = postgresJs(postgresUrl(), { max: 2, onnotice: () => {} });
    const own = drizzle({ client });
    const [dateBefore] = await client`select now() as at`;
    const before = { ...client.options, parsers: { ...client.options.parsers }, serializers: { ...client.options.serializers } };
    const database = await usePostgres(own, { schema });
    const rows = workers(database);
    const heard: string[] = [];
    const woken = deferred<void>();
    const stop = await database.signals.listen(["workers"], (topic) => {
      heard.push(topic);
      woken.resolve();
    });

    await assert.rejects(own.transaction(async (tx) => {
      await rows.add("undone", tx);
      assert.deepEqual(await rows.list(tx), ["undone"]);
      tx.rollback();
    }));
    assert.deepEqual(await rows.list(), []);
    await own.transaction(async (tx) => {
      await rows.add("w1", tx);
      await tx.execute(fragment`select pg_sleep(0.05)`);
      assert.deepEqual(heard, [], "nobody hears before the commit");
    });
    await withDeadline(woken.promise, 5_000);
    assert.deepEqual(await rows.list(), ["w1"]);

    stop();
    await database.close();
    assert.deepEqual(Object.keys(client.options), Object.keys(before));
    for (const name of ["max", "prepare", "onnotice", "transform", "fetch_types"] as const) {
      assert.equal(client.options[name], before[name], name);
    }
    assert.deepEqual(Object.keys(client.options.parsers), Object.keys(before.parsers));
    assert.deepEqual(Object.keys(client.options.serializers), Object.keys(before.serializers));
    const [dateAfter] = await client`select now() as at`;
    assert.equal(typeof dateAfter?.["at"], typeof dateBefore?.["at"]);
    await client.end();
    await assert.rejects(usePostgres({}), UnsupportedError);
  }));

test("a transaction of another dialect is refused", { ...needsPostgres, timeout }, () =>
  withSchema(async (schema) => {
    const database = await openPostgres(postgresUrl(), { schema, maxConnections: 1 });
    await assert.rejects(workers(database).add("w1", {}), ConfigError);
    await database.close();
    await assert.rejects(workers(database).list(), { code: "CLOSED" });
    await database.close();
  }));

test(
  "a statement is prepared once, whatever the size of its batch; and never without `prepare`",
  { ...needsPostgres, timeout },
  () =>
    withSchema(async (schema) => {
      for (const prepare of [true, false]) {
        const client = postgresJs(postgresUrl(), { max: 1, prepare, onnotice: () => {} });
        const database = await usePostgres(drizzle({ client }), { schema, logger: quiet });
        const rows = workers(database);
        for (const size of [0, 1, 7, 300]) await rows.touch(Array.from({ length: size }, (_, index) => `w${index}`));
        await database.transaction("touch", async (tx) => {
          await Promise.all([rows.touch(["w1"], tx), rows.touch(["w2", "w3"], tx)]);
        });
        const prepared = await client.unsafe("select statement from pg_prepared_statements where statement like 'update %workers%'", [], {
          prepare: false,
        });
        assert.equal(prepared.length, prepare ? 1 : 0);
        await database.close();
        await client.end();
      }
    }),
);

test(
  "a killed connection costs no call: what was not carried out is repeated",
  { ...needsPostgres, timeout },
  () =>
    withSchema(async (schema, sql) => {
      const database = await openPostgres(postgresUrl(), { schema, maxConnections: 1, applicationName: schema, logger: quiet });
      const rows = workers(database);
      const sleepy = database.statement(
        "test.sleep",
        {},
        ({ db }) => db.select({ done: fragment<string>`'done'` }).from(fragment`pg_sleep(0.3)`),
        { idempotent: true },
      );
      for (let round = 0; round < 3; round++) {
        await rows.add(`w${round}`);
        const sleeping = sleepy.run({});
        await killWhen(sql, schema, "query like '%pg_sleep(0.3)%' and state = 'active'");
        // The next ones meet a dead connection, and its last word.
        assert.deepEqual(await Promise.all([sleeping, rows.list(), rows.list()]).then(([slept]) => slept), [{ done: "done" }]);
      }
      assert.equal((await rows.list()).length, 3);
      let runs = 0;
      await database.transaction("test", async (tx) => {
        runs += 1;
        await rows.add("in a transaction", tx);
        if (runs === 1) await killWhen(sql, schema, "state = 'idle in transaction'");
        await rows.touch(["w1"], tx);
      });
      assert.equal(runs, 2);
      assert.equal((await rows.list()).length, 4);
      await database.close();
    }),
);

test(
  "listening goes on after its connection was killed, and tells that anything may have changed",
  { ...needsPostgres, timeout },
  () =>
    withSchema(async (schema, sql) => {
      const database = await openPostgres(postgresUrl(), { schema, maxConnections: 1, applicationName: schema, logger: quiet });
      const other = await openPostgres(postgresUrl(), { schema, maxConnections: 1, logger: quiet });
      const heard: string[] = [];
      let woken = deferred<void>();
      const stop = await database.signals.listen(["workers", "something else"], (topic) => {
        heard.push(topic);
        woken.resolve();
      });
      await workers(other).add("w1");
      await withDeadline(woken.promise, 5_000);
      assert.deepEqual(heard, ["workers"]);

      woken = deferred<void>();
      await killWhen(sql, schema, "query ilike 'listen%'");
      await withDeadline(woken.promise, 5_000);
      assert.deepEqual(heard, ["workers", "workers", "something else"]);

      woken = deferred<void>();
      await workers(other).add("w2");
      await withDeadline(woken.promise, 5_000);
      assert.equal(heard.length, 4);
      stop();
      await workers(other).add("w3");
      await Promise.all([database.close(), other.close()]);
      assert.equal(heard.length, 4);
      const [left] = await sql`select count(*)::int as n from pg_stat_activity where application_name = ${schema}`;
      assert.ok(Number(left?.["n"]) <= 1, "its connections are closed, or about to be");
    }),
);

test(
  "a connection that is cut without a word ends its transaction, and not the process",
  { ...needsPostgres, timeout },
  () =>
    withSchema(async (schema) => {
      const url = new URL(postgresUrl());
      await using proxy = await startCutProxy({ host: url.hostname, port: Number(url.port || 5_432) });
      url.hostname = "127.0.0.1";
      url.port = String(proxy.port);
      const database = await openPostgres(url.href, { schema, maxConnections: 1, logger: quiet });
      const rows = workers(database);
      const sleepy = database.statement(
        "test.sleep",
        {},
        ({ db }) => db.select({ done: fragment<string>`'done'` }).from(fragment`pg_sleep(0.3)`),
      );
      const cutOnce = (): () => void => {
        let cuts = 0;
        return () => {
          if (cuts++ === 0) proxy.cut();
        };
      };

      const whileIdle = cutOnce();
      await database.transaction("test", async (tx) => {
        await rows.add("while idle", tx);
        whileIdle();
        await turnsOfTheLoop();
        await rows.touch(["while idle"], tx);
      });

      const underAStatement = cutOnce();
      await database.transaction("test", async (tx) => {
        await rows.add("under a statement", tx);
        const sleeping = sleepy.run({}, { tx });
        setTimeout(underAStatement, 100);
        await sleeping;
      });

      const beforeAThrow = cutOnce();
      await assert.rejects(
        database.transaction("test", async (tx) => {
          await rows.add("before a throw", tx);
          beforeAThrow();
          await turnsOfTheLoop();
          throw new RangeError("changed my mind");
        }),
        RangeError,
      );

      const beforeTheCommit = cutOnce();
      await assert.rejects(
        database.transaction("test", async (tx) => {
          await rows.add("before the commit", tx);
          beforeTheCommit();
          await turnsOfTheLoop();
        }),
        // Nobody can say whether the commit came through, so it is not repeated.
        (error: unknown) => error instanceof StoreError && error.retryable,
      );
      assert.deepEqual(await rows.list(), ["under a statement", "while idle"]);
      await database.close();
    }),
);

test("a transaction whose statement failed is undone, even when its function goes on; and its handle ends with it", {
  ...needsPostgres,
  timeout,
}, () =>
  withSchema(async (schema) => {
    const database = await openPostgres(postgresUrl(), { schema, maxConnections: 1, logger: quiet });
    const rows = workers(database);
    const wrong = database.statement("test.wrong", {}, ({ db }) => db.select({ one: fragment`1 / 0` }).from(fragment`(select 1) as t`));
    let kept: object = {};
    await assert.rejects(
      database.transaction("test", async (tx) => {
        kept = tx;
        await rows.add("w1", tx);
        await assert.rejects(wrong.run({}, { tx }), /division by zero/);
      }),
      /division by zero/,
    );
    assert.deepEqual(await rows.list(), []);
    await assert.rejects(rows.add("w2", kept), /the transaction has ended/);
    const results = await Promise.all(
      Array.from({ length: 12 }, (_, index) => database.transaction("test", (tx) => rows.add(`w${10 + index}`, tx))),
    );
    assert.ok(results.every((added) => added.length === 1));
    assert.equal((await rows.list()).length, 12);
    await database.close();
  }));

/** Lets the sockets' events come. */
async function turnsOfTheLoop(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 100));
}

/** Ends the session of that application that fulfils the condition, as soon as there is one. */
async function killWhen(sql: postgresJs.Sql, applicationName: string, condition: string): Promise<void> {
  for (;;) {
    const killed = await sql.unsafe(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1 and pid <> pg_backend_pid() and ${condition}`,
      [applicationName],
    );
    if (killed.length > 0) return;
  }
}
