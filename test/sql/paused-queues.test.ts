/** A claim that waits on a paused queue full of work rests, and does not look again and again. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { SqlDatabase } from "../../src/adapters/sql/database.ts";
import { SqlBroker } from "../../src/adapters/sql/broker.ts";
import { InMemoryBroker } from "../../src/memory.ts";
import { envelope } from "../../src/model/envelope.ts";
import type { Broker } from "../../src/contracts/broker.ts";
import { ManualClock } from "../../src/time/manual-clock.ts";
import { dialects } from "./databases.ts";

const timeout = 20_000;

test("memory: a wait on a paused queue sets one long timer", { timeout }, async () => {
  const clock = new ManualClock();
  const broker = new InMemoryBroker({ clock });
  await restsOn(broker, clock);
  await broker.close();
});

for (const { name, needs, withDatabase } of dialects) {
  test(`${name}: a wait on a paused queue sends a few statements, and then waits`, { ...needs, timeout }, async () => {
    const clock = new ManualClock();
    const names: string[] = [];
    await withDatabase(async (database) => {
      const broker = brokerOn(database, clock);
      await restsOn(broker, clock);
      const looks = names.filter((one) => one === "claim.look" || one === "claim.envelopes");
      // A few for the claims around it, a few before it waits, and for what it is told has fallen due; none for the ninety times that time passed.
      assert.ok(looks.length <= 15, `It looked ${looks.length} times`);
      await broker.close();
    }, { clock, onTrip: (trip) => void names.push(trip.name) });
  });
}

function brokerOn(database: SqlDatabase, clock: ManualClock): SqlBroker {
  return new SqlBroker({ database, release: async () => {} }, { clock });
}

/** Has a claim wait for a second on a paused queue with work of every kind in it. */
async function restsOn(broker: Broker, clock: ManualClock): Promise<void> {
  const held = { queues: ["default"], consumer: "c", leaseMs: 5 } as const;
  await broker.publish([envelope({ name: "t" }), envelope({ name: "t", delayMs: 5 }), envelope({ name: "t" })]);
  assert.equal((await broker.claim({ ...held, limit: 1 })).length, 1);
  await broker.pauseQueue("default");
  await clock.advance(10);
  const before = clock.pending;
  const answer = broker.claim({ ...held, limit: 10, waitMs: 900 });
  await clock.waitForTimers(before + 1);
  for (let moved = 0; moved < 890; moved += 10) await clock.advance(10);
  await clock.advance(10);
  assert.deepEqual(await answer, []);
  await broker.resumeQueue("default");
  assert.equal((await broker.claim({ ...held, limit: 10 })).length, 3);
}
