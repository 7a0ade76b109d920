/** While a deployment rolls, processes go on working on a database that another one migrates under them. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { migrateHost } from "../../src/adapters/sql/migrate.ts";
import { postgresMigrationHost } from "../../src/adapters/sql/migration-host.postgres.ts";
import { postgresMigrations } from "../../src/adapters/sql/migrations.gen.ts";
import { deferred } from "../../src/async/deferred.ts";
import type { Adapter } from "../../src/contracts/adapter.ts";
import { ledgerFor } from "../../src/ledger/ledger-for.ts";
import { envelope } from "../../src/model/envelope.ts";
import { postgres } from "../../src/postgres.ts";
import { needsPostgres, postgresUrl } from "../support/servers.ts";
import { withSchema } from "./databases.ts";

const AT_WORK = 3;
const ROUNDS_AFTERWARDS = 10;

test(
  "Postgres: nothing fails and nothing is lost where the indexes are made anew under workers",
  { ...needsPostgres, timeout: 120_000 },
  () =>
    withSchema(async (schema, sql) => {
      const host = postgresMigrationHost(sql, schema, "the server");
      const before = postgresMigrations.slice(0, postgresMigrations.findIndex(({ tag }) => tag.endsWith("sort_by_bytes")));
      assert.ok(before.length > 0 && before.length < postgresMigrations.length);
      await migrateHost({ ...host, migrations: before });
      // Enough that making the indexes takes a moment.
      await sql.unsafe(`insert into "${schema}".tasks (ns, id, state, created_at, updated_at, queue, phase)
        select 'other', 'task ' || i, 'queued', 1, 1, 'default', 0 from generate_series(1, 50000) as i`);
      const adapters = await Promise.all(Array.from({ length: AT_WORK }, () => postgres(postgresUrl(), { schema, migrate: "off" })));
      try {
        const state = { migrated: false };
        const rounds = adapters.map((adapter, index) => work(adapter, `worker-${index}`, state));
        const migration = (async () => {
          // All of them have done a few rounds, so that every statement is prepared.
          await Promise.all(rounds.map(({ warm }) => warm));
          const applied = await migrateHost(host);
          state.migrated = true;
          return applied.length;
        })();
        const done = await Promise.all(rounds.map(({ done }) => done));
        assert.equal(await migration, postgresMigrations.length - before.length);
        assert.ok(done.every((count) => count >= 2 * ROUNDS_AFTERWARDS), `rounds: ${done.join(", ")}`);
        assert.deepEqual(await adapters[0]?.broker.counts("default"), { ready: 0, delayed: 0, inflight: 0, dead: 0 });
      } finally {
        await Promise.all(adapters.map((adapter) => adapter.close()));
      }
    }),
);

/** Enqueues, claims and ends tasks in groups, until the tables were migrated and some time more. */
function work({ broker, results }: Adapter, name: string, state: { readonly migrated: boolean }) {
  const ledger = ledgerFor(broker, results);
  const warm = deferred<void>();
  const rounds = async (): Promise<number> => {
    let [count, afterwards] = [0, 0];
    while (afterwards < ROUNDS_AFTERWARDS) {
      const ids = [`${name}-${count}-a`, `${name}-${count}-b`];
      const groupId = `${name}-${count}`;
      await results.initGroup({ id: groupId, taskIds: ids });
      await ledger.enqueue(ids.map((id) => envelope({ name: "demo", id, queue: name, groupId })));
      const deliveries = await ledger.claim({ queues: [name], consumer: name, limit: 2 });
      assert.equal(deliveries.length, 2);
      const outcomes = await ledger.finish(deliveries.map((delivery) => ({
        delivery,
        settlement: { kind: "ack" },
        status: { state: "succeeded", payload: count },
      })));
      assert.deepEqual(outcomes.map(({ settled }) => settled), [true, true]);
      assert.equal((await results.getGroup(groupId))?.ended, 2);
      if (++count === ROUNDS_AFTERWARDS) warm.resolve();
      if (state.migrated) afterwards += 1;
    }
    return count;
  };
  const done = rounds();
  done.catch(warm.reject);
  return { warm: warm.promise, done };
}
