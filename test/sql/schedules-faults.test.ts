/** Whatever step of a completion fails, a slot is completed together with its task or not at all, and goes on with the next holder. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Trip } from "../../src/adapters/sql/database.ts";
import type { Adapter } from "../../src/contracts/adapter.ts";
import type { TaskLedger } from "../../src/contracts/task-ledger.ts";
import { ledgerFor } from "../../src/ledger/ledger-for.ts";
import { SeparateLedger } from "../../src/ledger/separate-ledger.ts";
import { envelope } from "../../src/model/envelope.ts";
import type { ScheduleClaim } from "../../src/model/schedule.ts";
import { postgres } from "../../src/postgres.ts";
import { sqlite } from "../../src/sqlite.ts";
import { needsPostgres, postgresUrl } from "../support/servers.ts";
import { withSchema } from "./databases.ts";

const timeout = 60_000;
const LEASE_MS = 60_000;

/** The trips of a completion by one transaction, and of one that goes from store to store; Postgres tries to publish as something new first. */
const kinds = [
  { name: "one transaction", ledgerOf: ({ broker, results }: Adapter) => ledgerFor(broker, results), trips: { sqlite: 5, postgres: 5 } },
  {
    name: "one step after the other",
    ledgerOf: ({ broker, results }: Adapter) => new SeparateLedger(broker, results),
    trips: { sqlite: 7, postgres: 8 },
  },
] as const;

for (const kind of kinds) {
  const { name } = kind;
  test(`SQLite: a completion in ${name} that fails at any step loses and doubles nothing`, { timeout }, async () => {
    const folder = mkdtempSync(join(tmpdir(), "stem-schedules-"));
    try {
      await breakEach(kind, (onTrip) => sqlite(join(folder, "faults.db"), { onTrip }));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test(
    `Postgres: a completion in ${name} that fails at any step loses and doubles nothing`,
    { ...needsPostgres, timeout },
    () => withSchema((schema) => breakEach(kind, (onTrip) => postgres(postgresUrl(), { schema, onTrip, maxConnections: 2 }))),
  );
}

type Connect = (onTrip: (trip: Trip) => void) => Promise<Adapter>;

async function breakEach({ trips: tripsOf, ledgerOf }: typeof kinds[number], connect: Connect): Promise<void> {
  const fault = new Error("The test breaks this trip");
  let failAt = Number.POSITIVE_INFINITY;
  let seen = 0;
  await using broken = await connect(() => {
    if (seen++ === failAt) throw fault;
  });
  await using sound = await connect(() => {});
  const { schedules, broker, results } = sound;
  const trips = tripsOf[sound.supports.name === "sqlite" ? "sqlite" : "postgres"];
  for (let step = 0; step <= trips; step++) {
    const id = `schedule-${step}`;
    await schedules.upsert({ id, spec: { kind: "clocked", at: 1 }, task: { name: "slot" } });
    const [claim] = await broken.schedules.claimDue({ limit: 1, owner: "first", leaseMs: LEASE_MS });
    assert.equal(claim?.entry.id, id);
    [seen, failAt] = [0, step];
    const first = await complete(broken, ledgerOf(broken), claim).catch((error: unknown) => error);
    const isSound = step === trips;
    if (isSound) assert.deepEqual([first, seen], [[true], trips]);
    else assert.equal(first, fault);
    const entry = await schedules.get(id);
    const isDone = entry?.runs === 1;
    const { items } = await schedules.history(id);
    assert.equal(isDone, isSound, `whether step ${step} was the end`);
    assert.deepEqual([entry?.nextRunAt, items.length], isDone ? [undefined, 1] : [1, 0], `slot and history after step ${step}`);
    failAt = Number.POSITIVE_INFINITY;
    const isEnqueued = await results.get(`${id}@1`) !== undefined;
    if (ledgerOf(sound).atomic) assert.equal(isEnqueued, isDone, `whether the task was enqueued by step ${step}`);
    // The first one is gone; what it may have enqueued is the same task as the heir's.
    const again = await complete(sound, ledgerOf(sound), claim);
    assert.deepEqual(again, [!isDone]);
    assert.equal((await broker.counts("default")).ready, step + 1, `the tasks after step ${step}`);
    assert.equal((await results.get(`${id}@1`))?.state, "queued");
    assert.equal((await schedules.get(id))?.runs, 1);
  }
}

function complete({ schedules }: Adapter, ledger: TaskLedger, claim: ScheduleClaim): Promise<readonly boolean[]> {
  const taskId = `${claim.entry.id}@${claim.slot}`;
  const envelopes = [envelope({ name: "slot", id: taskId })];
  return schedules.completeAndPublish([{ claim, outcome: { kind: "dispatched", taskId }, envelopes }], ledger);
}
