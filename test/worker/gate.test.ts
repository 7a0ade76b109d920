/** Gates see each claim once, as a whole; what they say becomes of the tasks; and while they fail nothing is run and nothing is lost. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { ConflictError, StoreError, TaskRevokedError } from "../../src/errors.ts";
import type { Delivery } from "../../src/model/delivery.ts";
import { ManualClock } from "../../src/time/manual-clock.ts";
import type { Ending } from "../../src/worker/ending.ts";
import type { Gate, Standby } from "../../src/worker/gate.ts";
import { passGates } from "../../src/worker/gate.ts";
import { HeldTask } from "../../src/worker/held-task.ts";
import { delivery } from "./deliveries.ts";

const away = new StoreError("Cannot look: the store is away", { adapter: "test", operation: "match", retryable: true });

/** A claim of tasks a, b, c before gates that note what they were asked. */
function claimed(...answers: readonly ((deliveries: readonly Delivery[]) => readonly (Ending | undefined)[])[]) {
  const clock = new ManualClock();
  const asked: string[] = [];
  const errors: unknown[] = [];
  const abort = new AbortController();
  const tasks = ["a", "b", "c"].map((id) => new HeldTask(delivery({ id }), clock, 1_000));
  const gates = answers.map((answer, at): Gate => ({
    admit: async (deliveries) => {
      asked.push(`${at}:${deliveries.map(({ envelope }) => envelope.id).join("")}`);
      return answer(deliveries);
    },
  }));
  const pass = async (): Promise<Record<string, Ending | Standby>> => {
    const endings = await passGates(tasks, { gates, clock, signal: abort.signal, onError: (error) => errors.push(error) });
    return Object.fromEntries([...endings].map(([held, ending]) => [held.delivery.envelope.id, ending]));
  };
  return { tasks, clock, asked, errors, abort, pass };
}

const open = (deliveries: readonly Delivery[]): readonly undefined[] => deliveries.map(() => undefined);

test("each gate is asked once for the whole claim, and only for what the ones before let through", async () => {
  const cancelled: Ending = { kind: "cancelled", error: new TaskRevokedError("b") };
  const later: Ending = { kind: "put-back", delayMs: 70 };
  const { pass, asked, errors } = claimed(() => [undefined, cancelled, undefined], () => [later, undefined], open);
  assert.deepEqual(await pass(), { a: later, b: cancelled });
  assert.deepEqual(asked, ["0:abc", "1:ac", "2:c"]);
  assert.deepEqual(errors, []);
});

test("a gate whose store is away is asked again, after ever longer pauses, and nothing is let through meanwhile", async () => {
  let tries = 0;
  const { pass, asked, errors, clock } = claimed((deliveries) => {
    tries += 1;
    if (tries < 4) throw away;
    return open(deliveries);
  });
  const passing = pass();
  for (const ms of [50, 100, 200]) {
    await clock.waitForTimers(1);
    await clock.advance(ms);
  }
  assert.deepEqual(await passing, {});
  assert.deepEqual(asked, ["0:abc", "0:abc", "0:abc", "0:abc"]);
  assert.deepEqual(errors, [away, away, away]);
});

test("what was not decided when the worker stops goes back to its queue at once", async () => {
  const { pass, abort, clock } = claimed(() => {
    throw away;
  });
  const passing = pass();
  await clock.waitForTimers(1);
  abort.abort();
  const back: Ending = { kind: "put-back", delayMs: 0 };
  assert.deepEqual(await passing, { a: back, b: back, c: back });
  assert.equal(clock.pending, 0);
});

test("a gate that cannot judge at all sets the tasks aside, so that they do not block the worker", async () => {
  const broken = new TypeError("no such property");
  const { pass, errors } = claimed(() => {
    throw broken;
  });
  const aside: Ending = { kind: "put-back", delayMs: 5_000 };
  assert.deepEqual(await pass(), { a: aside, b: aside, c: aside });
  assert.deepEqual(errors, [broken]);
});

test("a task whose lease was lost at the gate is not asked about any more", async () => {
  let tries = 0;
  const { pass, asked, tasks, clock } = claimed((deliveries) => {
    tries += 1;
    if (tries === 1) throw away;
    return open(deliveries);
  });
  const passing = pass();
  await clock.waitForTimers(1);
  tasks[1]?.lose(new ConflictError("another worker has it"));
  await clock.advance(50);
  assert.deepEqual(await passing, {});
  assert.deepEqual(asked, ["0:abc", "0:ac"]);
});
