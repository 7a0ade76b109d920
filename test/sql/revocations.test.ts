/** What only a server can do to a watch on revocations: lose its connection, and show decisions in another order than they were made. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { drizzle } from "drizzle-orm/postgres-js";
import postgresJs from "postgres";
import type { RevokeStore } from "../../src/mod.ts";
import { postgres } from "../../src/postgres.ts";
import { withDeadline } from "../../src/time/sleep.ts";
import { needsPostgres, postgresUrl } from "../support/servers.ts";
import { withSchema } from "./databases.ts";

const LIMIT_MS = 20_000;

/** Watches, and gives what waits for the next news. */
async function watching(store: RevokeStore, signal: AbortSignal): Promise<() => Promise<void>> {
  const watch = (await store.watch({ signal }))[Symbol.asyncIterator]();
  return async () => {
    const next = await withDeadline(watch.next(), LIMIT_MS, { message: "no news came" });
    assert.notEqual(next.done, true);
  };
}

function byId(id: string) {
  return [{ target: { kind: "task", id }, terminate: true }] as const;
}

test("a decision is heard of although the listening connection was lost", {
  ...needsPostgres,
  timeout: 60_000,
}, () =>
  withSchema(async (schema, sql) => {
    const abort = new AbortController();
    await using here = await postgres(postgresUrl(), { schema, logger: quiet });
    await using there = await postgres(postgresUrl(), { schema });
    const news = await watching(here.revocations, abort.signal);
    const killed = await sql`
      select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'listen%' and query ilike ${`%${schema}%`}`;
    assert.equal(killed.length, 1);
    await there.revocations.upsertAll(byId("lost"));
    // That the connection is back may be news of its own, before the decision is there.
    for (let found; found === undefined;) {
      await news();
      [found] = await here.revocations.get([{ kind: "task", id: "lost" }]);
    }
    abort.abort();
  }));

test("a decision is heard of when its transaction commits, although many later ones were seen before", {
  ...needsPostgres,
  timeout: 60_000,
}, () =>
  withSchema(async (schema) => {
    const abort = new AbortController();
    const client = postgresJs(postgresUrl(), { max: 1, onnotice: () => {} });
    try {
      await using here = await postgres(postgresUrl(), { schema });
      await using there = await postgres(postgresUrl(), { schema });
      const news = await watching(here.revocations, abort.signal);
      await drizzle({ client }).transaction(async (tx) => {
        await there.revocations.upsertAll(byId("early"), { tx });
        for (let index = 0; index < 300; index += 100) {
          await there.revocations.upsertAll(Array.from({ length: 100 }, (_, n) => byId(`late-${index + n}`)).flat());
          await news();
        }
        assert.deepEqual(await here.revocations.get([{ kind: "task", id: "early" }]), [undefined]);
      });
      await news();
      const [found] = await here.revocations.get([{ kind: "task", id: "early" }]);
      assert.equal(found?.terminate, true);
      abort.abort();
    } finally {
      await client.end();
    }
  }));

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
