/** SQL schedule stores: what a scheduler lives on takes the same few round trips for one slot and for many; opening one alone. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createClient } from "@libsql/client";
import { drizzle as drizzleLibsql } from "drizzle-orm/libsql";
import { drizzle as drizzlePostgres } from "drizzle-orm/postgres-js";
import type postgresJs from "postgres";
import type { Trip } from "../../src/adapters/sql/database.ts";
import { holding } from "../../src/adapters/database-hold.ts";
import { SqlScheduleStore } from "../../src/adapters/sql/schedules.ts";
import type { Adapter } from "../../src/contracts/adapter.ts";
import type { ScheduleStore } from "../../src/contracts/schedule-store.ts";
import { ConfigError } from "../../src/errors.ts";
import { ledgerFor } from "../../src/ledger/ledger-for.ts";
import { SeparateLedger } from "../../src/ledger/separate-ledger.ts";
import { memory } from "../../src/memory.ts";
import { envelope } from "../../src/model/envelope.ts";
import { postgres, PostgresScheduleStore } from "../../src/postgres.ts";
import { sqlite, SqliteScheduleStore } from "../../src/sqlite.ts";
import { needsPostgres, postgresUrl } from "../support/servers.ts";
import { dialects, withSchema } from "./databases.ts";

const SIZES = [1, 5, 40];

const COMPLETION = ["completeSlots", "completeSlots.record"];

/** What an operation of any size sends, in order. */
const expected = {
  "a first upsert": ["getSchedule", "upsertSchedule.now", "upsertSchedule.insert"],
  "a change": ["getSchedule", "upsertSchedule.replace"],
  "no change": ["getSchedule"],
  claim: ["claimDue"],
  release: ["release.slots"],
  complete: ["begin", ...COMPLETION, "commit"],
  "complete and publish": ["begin", ...COMPLETION, "publish.enqueue.fresh.within", "commit"],
  "complete and publish one by one": [
    "completeSlots.check",
    "set",
    // Both stores are on one database here, so the status is there already.
    "publish.publish.fresh",
    "publish.publish",
    "begin",
    ...COMPLETION,
    "commit",
  ],
  "stale ones": ["begin", "completeSlots", "commit"],
} as const;

type Operation = keyof typeof expected;

test("SQLite: a scheduler takes a fixed number of statements", { timeout: 60_000 }, async (t) => {
  const trips: Trip[] = [];
  await using adapter = await sqlite(":memory:", { onTrip: (trip) => void trips.push(trip) });
  t.diagnostic(
    await measure(adapter, trips, (names, operation) => {
      // Where a write keeps all others out, it looks before, and hopes for nothing when it publishes.
      const written = new Set(names.map((name) => name.replace(/\.fresh(\.within)?$/, "")));
      return operation === "claim" ? ["nextDueIn", ...written] : [...written];
    }),
  );
});

test(
  "Postgres: a scheduler takes a fixed number of statements",
  { ...needsPostgres, timeout: 60_000 },
  (t) =>
    withSchema(async (schema) => {
      const trips: Trip[] = [];
      await using adapter = await postgres(postgresUrl(), { schema, onTrip: (trip) => void trips.push(trip) });
      t.diagnostic(await measure(adapter, trips, (names) => names));
    }),
);

test("SQLite: a schedule store can be opened alone, and on a Drizzle database", { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "stem-schedules-"));
  const client = createClient({ url: `file:${join(folder, "shared.db")}` });
  try {
    await using alone = await SqliteScheduleStore.open(":memory:", { namespace: "alone", historyCount: 3 });
    await keepsHistory(alone, 3);
    await using shared = await SqliteScheduleStore.fromDrizzle(drizzleLibsql({ client }), { historyCount: 0 });
    await keepsHistory(shared, 0);
    await assert.rejects(SqliteScheduleStore.open(":memory:", { historyCount: -1 }), ConfigError);
    await assert.rejects(SqliteScheduleStore.open(":memory:", { historyAge: "soon" }), ConfigError);
  } finally {
    client.close();
    rmSync(folder, { recursive: true });
  }
});

test(
  "Postgres: a schedule store can be opened alone, and on a Drizzle database",
  { ...needsPostgres, timeout: 60_000 },
  () =>
    withSchema(async (schema, client) => {
      await using alone = await PostgresScheduleStore.connect(postgresUrl(), { schema, namespace: "alone", historyCount: 3 });
      await keepsHistory(alone, 3);
      await using shared = await PostgresScheduleStore.fromDrizzle(drizzlePostgres({ client }), { schema, historyCount: 0 });
      await keepsHistory(shared, 0);
    }),
);

for (const { name, needs, withDatabase } of dialects) {
  test(
    `${name}: history is bounded by count although nobody sweeps`,
    { ...needs, timeout: 60_000 },
    () =>
      withDatabase(async (database) => {
        const store = await holding(database, 2, (hold) => new SqlScheduleStore(hold, { historyCount: 3 }));
        const ids = Array.from({ length: 100 }, (_, index) => `schedule-${index}`);
        for (const id of ids) await store.upsert({ id, spec: { kind: "clocked", at: 1 }, task: { name: "slot" } });
        const ledger = new SeparateLedger(memory().broker, memory().results);
        for (let round = 1; round <= 8; round++) {
          const claims = await store.claimDue({ limit: 100, owner: "test", leaseMs: 60_000 });
          const slots = claims.map((claim) => ({ claim, outcome: { kind: "skipped", nextRunAt: claim.slot + 1 } as const, envelopes: [] }));
          assert.equal((await store.completeAndPublish(slots, ledger)).filter((completed) => completed).length, 100);
        }
        const lengths = async () => new Set(await Promise.all(ids.map(async (id) => (await store.history(id)).items.length)));
        // It was looked after five hundred slots, and there were three more rounds.
        assert.deepEqual(await lengths(), new Set([6]));
        assert.equal(await store.sweep(), 0);
        assert.deepEqual(await lengths(), new Set([3]));
        await store.close();
      }),
  );
}

test(
  "Postgres: slots are completed fast in a namespace that the statistics do not know",
  { ...needsPostgres, timeout: 120_000 },
  (t) =>
    withSchema(async (schema, client) => {
      await using known = await postgres(postgresUrl(), { schema, namespace: "known" });
      await completeThousand(known, client, schema);
      await client.unsafe(`analyze "${schema}".schedules`);
      await client.unsafe(`analyze "${schema}".schedule_runs`);
      await using unknown = await postgres(postgresUrl(), { schema, namespace: "unknown" });
      const tookMs = await completeThousand(unknown, client, schema);
      t.diagnostic(`1,000 slots of a namespace that the statistics do not know: ${tookMs.toFixed(0)} ms`);
      // It was a hundred seconds when each row of the namespace was compared with each of the batch.
      assert.ok(tookMs < 10_000, `It took ${tookMs} ms`);
    }),
);

/** Makes a thousand due schedules in the adapter's namespace, and completes their slots; answers how long that took. */
async function completeThousand({ schedules, broker, results }: Adapter, client: postgresJs.Sql, schema: string): Promise<number> {
  assert.ok("namespace" in schedules);
  const entry = { spec: { kind: "clocked", at: 1 }, task: { name: "slot" }, timeZone: "UTC", jitterMs: 0, enabled: true, meta: {} };
  await client.unsafe(
    `insert into "${schema}".schedules (ns, id, entry, version, created_at, updated_at, next_run_at, due_at)
     select $1, 's' || n, '{"id":"s' || n || '",' || substr($2, 2), 1, 1, 1, 1, 1 from generate_series(1, 1000) as n`,
    [String(schedules.namespace), JSON.stringify(entry)],
  );
  const ledger = ledgerFor(broker, results);
  const startedAt = performance.now();
  for (const size of [100, 400, 500]) {
    const claims = await schedules.claimDue({ limit: size, owner: "test", leaseMs: 60_000 });
    const slots = claims.map((claim) => ({ claim, outcome: { kind: "dispatched" } as const, envelopes: [] }));
    assert.equal((await schedules.completeAndPublish(slots, ledger)).filter((completed) => completed).length, size);
  }
  return performance.now() - startedAt;
}

/** Completes five slots, and looks how many are told of. */
async function keepsHistory(store: ScheduleStore, count: number): Promise<void> {
  await store.upsert({ id: "busy", spec: { kind: "clocked", at: 1 }, task: { name: "slot" } });
  for (let slot = 1; slot <= 5; slot++) {
    const [claim] = await store.claimDue({ limit: 1, owner: "test", leaseMs: 60_000 });
    assert.ok(claim !== undefined);
    assert.equal(await store.complete(claim, { kind: "dispatched", nextRunAt: slot + 1 }), true);
  }
  await store.sweep();
  const { items } = await store.history("busy");
  assert.deepEqual(items.map(({ slot }) => slot), [5, 4, 3].slice(0, count));
}

/** Runs each operation at each size, and compares the trips. */
async function measure(
  adapter: Adapter,
  trips: Trip[],
  also: (names: readonly string[], operation: Operation) => readonly string[],
): Promise<string> {
  const { schedules, broker, results } = adapter;
  const [joined, separate] = [ledgerFor(broker, results), new SeparateLedger(broker, results)];
  const lines: string[] = [];
  const within = async <T>(operation: Operation, work: () => Promise<T>): Promise<T> => {
    const from = trips.length;
    const answer = await work();
    const names = trips.slice(from).map(({ kind, name }) => kind === "statement" ? name : kind);
    assert.deepEqual(names, also(expected[operation], operation), operation);
    lines.push(`${operation}: ${names.join(", ")}`);
    return answer;
  };
  for (const size of SIZES) {
    const due = (index: number) => ({ id: `${size}-${index}`, spec: { kind: "clocked", at: 1 }, task: { name: "slot" } } as const);
    await within("a first upsert", () => schedules.upsert(due(0)));
    for (let index = 1; index < size; index++) await schedules.upsert(due(index));
    await within("a change", () => schedules.upsert({ ...due(0), meta: { changed: true } }));
    await within("no change", () => schedules.upsert({ ...due(0), meta: { changed: true } }));
    const claim = async () => {
      const claims = await within("claim", () => schedules.claimDue({ limit: size, owner: "test", leaseMs: 60_000 }));
      assert.equal(claims.length, size);
      return claims.map((one) => ({
        claim: one,
        outcome: { kind: "dispatched", nextRunAt: one.slot + 1 } as const,
        envelopes: [envelope({ name: "slot", id: `${one.entry.id}@${one.slot}` })],
      }));
    };
    const given = await claim();
    assert.ok((await within("release", () => schedules.release(given.map((slot) => slot.claim)))).every(Boolean));
    const slots = await claim();
    assert.ok((await within("complete and publish", () => schedules.completeAndPublish(slots, joined))).every(Boolean));
    assert.ok(!(await within("stale ones", () => schedules.completeAndPublish(slots, joined))).some(Boolean));
    const next = await claim();
    assert.ok((await within("complete and publish one by one", () => schedules.completeAndPublish(next, separate))).every(Boolean));
    const [last] = await claim();
    assert.ok(last !== undefined);
    assert.equal(await within("complete", () => schedules.complete(last.claim, { kind: "skipped" })), true);
    assert.equal((await schedules.history(last.claim.entry.id)).items.length, 3);
    for (let index = 0; index < size; index++) await schedules.remove(`${size}-${index}`);
  }
  return [...new Set(lines)].join("\n");
}
