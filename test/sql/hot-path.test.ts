/** The operations that a worker lives on take the same few round trips for one task and for many, of statements that stay prepared. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { drizzle } from "drizzle-orm/postgres-js";
import postgresJs from "postgres";
import type { Trip } from "../../src/adapters/sql/database.ts";
import type { Adapter } from "../../src/contracts/adapter.ts";
import type { TaskLedger } from "../../src/contracts/task-ledger.ts";
import { deferred } from "../../src/async/deferred.ts";
import { ledgerFor } from "../../src/ledger/ledger-for.ts";
import { envelope } from "../../src/model/envelope.ts";
import type { Delivery, Settlement } from "../../src/model/delivery.ts";
import type { TaskState } from "../../src/model/task-state.ts";
import { postgres, postgresFromDrizzle } from "../../src/postgres.ts";
import { sqlite } from "../../src/sqlite.ts";
import { needsPostgres, postgresUrl } from "../support/servers.ts";
import { withSchema } from "./databases.ts";

const SIZES = [1, 5, 40];

/** What an operation of any size sends, in order. */
const expected = {
  publish: ["publish.publish.fresh"],
  claim: ["claim.look", "claim.envelopes"],
  settle: ["settle.remove"],
  enqueue: ["publish.enqueue.fresh"],
  "ledger claim": ["claim.look", "claim.tasks"],
  "finish as succeeded": ["finish.usual"],
  "finish for another attempt": ["finish.usual"],
  "finish as dead": ["begin", "finish.whole", "deadLetter.insert", "commit"],
  set: ["set"],
  get: ["get"],
  "revoke": ["upsertAll"],
  "match revocations": ["match"],
} as const;

// These go in the background or by the clock, and not with each call: news of claims, and what has become due.
const OCCASIONAL = new Set(["announce", "claim.promote"]);

type Operation = keyof typeof expected;

test("SQLite: hot operations take a fixed number of statements", { timeout: 60_000 }, async (t) => {
  const trips: Trip[] = [];
  await using adapter = await sqlite(":memory:", { onTrip: (trip) => void trips.push(trip) });
  const measured = await measure(adapter, trips);
  t.diagnostic(describe(measured));
  // Only where many write at once it pays to hope that nothing of what comes is known.
  compare(measured, (names) => names.map((name) => name.replace(/\.fresh$/, "")));
});

test(
  "Postgres: hot operations take a fixed number of round trips, of prepared statements",
  { ...needsPostgres, timeout: 60_000 },
  (t) =>
    withSchema(async (schema) => {
      const sent: Sent[] = [];
      const debug = (connection: number, text: string): void => void sent.push({ connection, text });
      const client = postgresJs(postgresUrl(), { max: 1, onnotice: () => {}, debug });
      try {
        const figures = await countTrips(client, { schema, sent });
        t.diagnostic(figures);
      } finally {
        await client.end({ timeout: 1 });
      }
    }),
);

test(
  "Postgres: a task that wakes an idle worker is claimed at once, by one round trip",
  { ...needsPostgres, timeout: 60_000 },
  () =>
    withSchema(async (schema) => {
      const trips: string[] = [];
      let waits = deferred<void>();
      await using idle = await postgres(postgresUrl(), {
        schema,
        maxConnections: 2,
        onTrip: ({ name }) => {
          trips.push(name);
          if (name === "claim.nextDue") waits.resolve();
        },
      });
      await using other = await postgres(postgresUrl(), { schema, maxConnections: 1 });
      const ledger = ledgerFor(idle.broker, idle.results);
      for (const id of ["first", "second"]) {
        waits = deferred();
        const claim = ledger.claim({ queues: ["default"], consumer: "c", limit: 5, waitMs: 10_000 });
        await waits.promise;
        // The answer of the look that was seen leaving is here with that of one behind it.
        await idle.broker.counts("default");
        trips.length = 0;
        await ledgerFor(other.broker, other.results).enqueue([envelope({ name: "demo", id })]);
        assert.equal((await claim).length, 1);
        // Nothing was about to fall due: nobody has to ask again before the task is handed out.
        assert.deepEqual(trips.filter((name) => name !== "announce"), ["claim.tasks"], id);
      }
    }),
);

/** What the driver says it sends. */
interface Sent {
  readonly connection: number;
  readonly text: string;
}

async function countTrips(client: postgresJs.Sql, { schema, sent }: { readonly schema: string; readonly sent: Sent[] }): Promise<string> {
  const trips: Trip[] = [];
  await using adapter = await postgresFromDrizzle(drizzle({ client }), { schema, onTrip: (trip) => void trips.push(trip) });
  sent.length = 0;
  const measured = await measure(adapter, trips);
  // Only where a write keeps all others out it pays to look before.
  compare(measured, (names) => names.filter((name) => name !== "claim.look"));

  // Nothing went to the server that was not told: the driver's own count is the same, but for tables that have grown, which are analysed at times.
  const statements = sent.filter(({ text }) => text.includes(schema) && !text.includes("analyze"));
  assert.equal(statements.length, trips.filter(({ kind }) => kind === "statement").length);
  // Each text is prepared once, however often and for however many tasks it was run. (Transactions have connections of their own.)
  const here = statements.filter(({ connection }) => connection === statements[0]?.connection).map(({ text }) => text);
  const prepared = await client<{ statement: string }[]>`select statement from pg_prepared_statements`;
  const texts = prepared.map(({ statement }) => statement).filter((statement) => statement.includes(schema));
  assert.deepEqual(texts.toSorted(), [...new Set(here)].toSorted());
  return `${describe(measured)}\nPostgres: ${here.length} statements were sent over one connection, which has ${texts.length} prepared`;
}

type Measured = ReadonlyMap<Operation, readonly (readonly string[])[]>;

/** Runs each operation at each size, and notes the trips. */
async function measure(adapter: Adapter, trips: Trip[]): Promise<Measured> {
  const { broker, results, revocations } = adapter;
  const ledger = ledgerFor(broker, results);
  const measured = new Map<Operation, string[][]>();
  const within = async <T>(operation: Operation, work: () => Promise<T>): Promise<T> => {
    const from = trips.length;
    const answer = await work();
    const names = trips.slice(from).map(({ kind, name }) => kind === "statement" ? name : kind).filter((name) => !OCCASIONAL.has(name));
    measured.set(operation, [...measured.get(operation) ?? [], names]);
    return answer;
  };
  for (const size of SIZES) {
    const options = { queues: ["default"], consumer: "c", limit: size } as const;
    const fresh = (prefix: string) => Array.from({ length: size }, (_, n) => envelope({ name: "demo", id: `${prefix}-${size}-${n}` }));
    assert.ok((await within("publish", () => broker.publish(fresh("publish")))).every(Boolean));
    const claimed = await within("claim", () => broker.claim(options));
    assert.equal(claimed.length, size);
    const acks = claimed.map((delivery) => ({ delivery, settlement: { kind: "ack" } as const }));
    assert.ok((await within("settle", () => broker.settle(acks))).every(Boolean));

    for (const operation of ["finish as succeeded", "finish as dead", "finish for another attempt"] as const) {
      assert.ok((await within("enqueue", () => ledger.enqueue(fresh(operation)))).every(Boolean));
      const deliveries = await within("ledger claim", () => ledger.claim(options));
      assert.equal(deliveries.length, size);
      await within(operation, () => finish(ledger, deliveries, endings[operation]));
    }

    const ids = fresh("set").map(({ id }) => id);
    assert.ok((await within("set", () => results.setMany(ids.map((id) => ({ id, state: "running" }))))).every(Boolean));
    assert.ok((await within("get", () => results.getMany(ids))).every((status) => status?.state === "running"));

    const decisions = ids.map((id) => ({ target: { kind: "task", id } as const, terminate: true }));
    assert.equal((await within("revoke", () => revocations.upsertAll(decisions))).length, size);
    const tasks = fresh("set").map((task) => ({ ...task, headers: { tenant: "acme" } }));
    assert.ok((await within("match revocations", () => revocations.match(tasks))).every((found) => found?.terminate === true));
  }
  return measured;
}

async function finish(ledger: TaskLedger, deliveries: readonly Delivery[], { state, settlement }: Ending): Promise<void> {
  const outcomes = await ledger.finish(deliveries.map((delivery) => ({ delivery, settlement, status: { state } })));
  assert.ok(outcomes.every((outcome) => outcome.settled && outcome.state === state));
}

interface Ending {
  readonly state: TaskState;
  readonly settlement: Settlement;
}

const endings = {
  "finish as succeeded": { state: "succeeded", settlement: { kind: "ack" } },
  "finish as dead": { state: "failed", settlement: { kind: "deadLetter", reason: "test" } },
  "finish for another attempt": { state: "retrying", settlement: { kind: "retry", delayMs: 60_000 } },
} as const;

function compare(measured: Measured, only: (names: readonly string[]) => readonly string[]): void {
  for (const [operation, runs] of measured) {
    for (const names of runs) assert.deepEqual(names, only(expected[operation]), operation);
  }
}

function describe(measured: Measured): string {
  const line = (operation: Operation, runs: readonly (readonly string[])[]) =>
    `${operation} of ${SIZES.join(", or ")}: ${[...new Set(runs.map((names) => names.join(", ")))].join(" or ")}`;
  return [...measured].map(([operation, runs]) => line(operation, runs)).join("\n");
}
