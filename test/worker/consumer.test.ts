/** How a worker claims and starts tasks: the cap, what it asks for, and what becomes of claims that come late or fail. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Deferred } from "../../src/async/deferred.ts";
import { deferred } from "../../src/async/deferred.ts";
import type { ClaimOptions } from "../../src/contracts/broker.ts";
import type { TaskLedger } from "../../src/contracts/task-ledger.ts";
import { StoreError, TaskRevokedError } from "../../src/errors.ts";
import type { Delivery } from "../../src/model/delivery.ts";
import { ManualClock } from "../../src/time/manual-clock.ts";
import { nextTurn } from "../../src/time/next-turn.ts";
import { sleep } from "../../src/time/sleep.ts";
import type { ConsumerOptions } from "../../src/worker/consumer.ts";
import { Consumer } from "../../src/worker/consumer.ts";
import type { HeldTask } from "../../src/worker/held-task.ts";
import { countedSignal } from "../support/counted-signal.ts";
import { delivery } from "./deliveries.ts";

const timeout = 60_000;

/** A consumer whose parts the test plays. */
function consumerWith(options: Partial<ConsumerOptions> & { readonly claim: TaskLedger["claim"] }) {
  const clock = new ManualClock();
  const kept = new Set<HeldTask>();
  const errors: string[] = [];
  const notCalled = (): never => assert.fail("Only claims were expected");
  const { claim, ...rest } = options;
  const consumer = new Consumer({
    ledger: { atomic: true, enqueue: notCalled, finish: notCalled, cancel: notCalled, purge: notCalled, replay: notCalled, claim },
    queues: ["default"],
    workerId: "worker-1",
    concurrency: 2,
    prefetch: 0,
    leaseMs: 30_000,
    graceMs: 1_000,
    leases: {
      keep: (tasks) => {
        for (const task of tasks) kept.add(task);
      },
      drop: (task) => kept.delete(task),
    },
    clock,
    gates: [],
    run: async (_held, onEnded) => onEnded(),
    conclude: notCalled,
    onError: (operation, error) => errors.push(`${operation}: ${String(error)}`),
    ...rest,
  });
  return { consumer, clock, kept, errors };
}

/** Waits until the signal aborts, then answers nothing, as a store with nothing to claim does. */
function nothing({ signal }: ClaimOptions): Promise<readonly Delivery[]> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve([]);
    signal?.addEventListener("abort", () => resolve([]), { once: true });
  });
}

test("never more than `concurrency` at once, never more claimed than fits, each run once", { timeout }, async () => {
  const anyTask = fc.record({ run: fc.integer({ min: 0, max: 300 }), settle: fc.integer({ min: 0, max: 100 }) });
  const anySetting = fc.record({
    concurrency: fc.integer({ min: 1, max: 8 }),
    prefetch: fc.oneof(fc.integer({ min: 0, max: 10 }), fc.constant("auto" as const)),
    claimMs: fc.integer({ min: 0, max: 60 }),
    tasks: fc.array(anyTask, { minLength: 1, maxLength: 40 }),
  });
  await fc.assert(
    fc.asyncProperty(anySetting, async ({ concurrency, prefetch, claimMs, tasks }) => {
      const waiting = tasks.map((_, index) => delivery({ id: `task-${index}` }));
      const durations = new Map(tasks.map((task, index) => [`task-${index}`, task]));
      const ahead = prefetch === "auto" ? concurrency : prefetch;
      const runs: string[] = [];
      let notEnded = 0;
      let running = 0;
      let most = 0;
      const { consumer, clock, kept, errors } = consumerWith({
        concurrency,
        prefetch,
        claim: async (options) => {
          assert.ok(options.limit >= 1 && options.limit <= concurrency + ahead - notEnded, `asked for ${options.limit} beside ${notEnded}`);
          await sleep(claimMs, { clock });
          if (waiting.length === 0) return await nothing(options);
          const claimed = waiting.splice(0, options.limit);
          notEnded += claimed.length;
          return claimed;
        },
        run: async (held, onEnded) => {
          const { id } = held.delivery.envelope;
          const { run = 0, settle = 0 } = durations.get(id) ?? {};
          runs.push(id);
          running += 1;
          most = Math.max(most, running);
          held.begin();
          await sleep(run, { clock });
          held.finish();
          running -= 1;
          notEnded -= 1;
          onEnded();
          await sleep(settle, { clock });
        },
      });
      const abort = new AbortController();
      const consuming = consumer.consume(abort.signal);
      const isDone = (): boolean => runs.length === tasks.length && running === 0;
      for (let step = 0; !isDone(); step++) {
        assert.ok(step < 1_000, "some tasks never ran");
        await clock.advance(50);
      }
      abort.abort();
      await clock.advance(500);
      await consuming;
      await consumer.idle();
      assert.ok(most <= concurrency, `${most} ran at once`);
      assert.deepEqual(runs.toSorted(), [...durations.keys()].toSorted());
      assert.equal(kept.size, 0);
      assert.equal(consumer.running.size, 0);
      assert.equal(clock.pending, 0);
      assert.deepEqual(errors, []);
    }),
    { numRuns: 60 },
  );
});

test("a claim that comes back after the end is kept for whoever puts it back, and not started", { timeout }, async () => {
  const answer = deferred<readonly Delivery[]>();
  let runs = 0;
  const { consumer, kept } = consumerWith({
    claim: () => answer.promise,
    run: async (_held, onEnded) => {
      runs += 1;
      onEnded();
    },
  });
  const abort = new AbortController();
  const consuming = consumer.consume(abort.signal);
  consumer.pause();
  abort.abort();
  answer.resolve([delivery({ id: "late" }), delivery({ id: "later" })]);
  await consuming;
  const buffered = consumer.takeBuffered();
  assert.deepEqual(buffered.map((held) => held.delivery.envelope.id), ["late", "later"]);
  assert.equal(kept.size, 2);
  assert.equal(runs, 0);
  assert.deepEqual(consumer.takeBuffered(), []);
});

test("a claim that fails is tried again after ever longer pauses, and at once after a good one", { timeout }, async () => {
  const at: number[] = [];
  const { consumer, clock, errors } = consumerWith({
    claim: async (options) => {
      at.push(clock.monotonic());
      if (at.length === 5) return [];
      if (at.length === 7) return await nothing(options);
      throw new StoreError("Cannot claim", { adapter: "test", operation: "claim", retryable: true });
    },
  });
  const abort = new AbortController();
  const consuming = consumer.consume(abort.signal);
  for (let step = 0; step < 40; step++) await clock.advance(50);
  assert.deepEqual(at, [0, 100, 300, 700, 1_500, 1_500, 1_600]);
  assert.equal(errors.length, 5);
  assert.match(errors[0] ?? "", /^claim tasks: StoreError/);
  abort.abort();
  await consuming;
  assert.equal(clock.pending, 0);
});

test("a pause after a failed claim ends with the signal", { timeout }, async () => {
  const { consumer, clock } = consumerWith({ claim: () => Promise.reject(new Error("away")) });
  const abort = new AbortController();
  const consuming = consumer.consume(abort.signal);
  await clock.waitForTimers(1);
  abort.abort();
  await consuming;
  assert.equal(clock.pending, 0);
});

test("what goes wrong around a task is told, and frees its slot", { timeout }, async () => {
  const claims: Deferred<void>[] = [];
  const { consumer, errors, kept } = consumerWith({
    concurrency: 1,
    claim: async (options) => {
      claims.push(deferred());
      return claims.length <= 3 ? [delivery()] : await nothing(options);
    },
    run: () => Promise.reject(new Error("broken")),
  });
  const abort = new AbortController();
  const consuming = consumer.consume(abort.signal);
  while (claims.length < 4) await nextTurn();
  abort.abort();
  await consuming;
  assert.deepEqual(errors, Array.from({ length: 3 }, () => "run a task: Error: broken"));
  assert.equal(kept.size, 0);
  assert.equal(consumer.running.size, 0);
});

test("outcomes that cannot be written stop further claims", { timeout }, async () => {
  const stuck = deferred<void>();
  let claimed = 0;
  const { consumer } = consumerWith({
    concurrency: 5,
    claim: async ({ limit }) => {
      claimed += limit;
      return Array.from({ length: limit }, () => delivery());
    },
    run: async (_held, onEnded) => {
      onEnded();
      await stuck.promise;
    },
  });
  const abort = new AbortController();
  const consuming = consumer.consume(abort.signal);
  for (let turn = 0; turn < 500; turn++) await nextTurn();
  assert.ok(claimed >= 100 && claimed <= 130, `${claimed} were claimed`);
  abort.abort();
  stuck.resolve();
  await consuming;
  await consumer.idle();
});

test("the signal of a long life gathers no listeners", { timeout }, async () => {
  const abort = countedSignal();
  let claims = 0;
  const { consumer } = consumerWith({
    concurrency: 3,
    claim: async (options) => {
      claims += 1;
      return claims > 2_000 ? await nothing(options) : Array.from({ length: options.limit }, () => delivery());
    },
    run: async (_held, onEnded) => {
      await Promise.resolve();
      onEnded();
    },
  });
  const consuming = consumer.consume(abort.signal);
  let most = 0;
  const isOver = (): boolean => claims > 2_000;
  while (!isOver()) {
    most = Math.max(most, abort.count());
    await nextTurn();
  }
  assert.ok(most <= 1, `${most} listeners at once`);
  abort.controller.abort();
  await consuming;
  assert.equal(abort.count(), 0);
});

test("prefetch is asked for in batches, not one by one", { timeout }, async () => {
  const limits: number[] = [];
  const doors: (() => void)[] = [];
  const { consumer } = consumerWith({
    concurrency: 1,
    prefetch: 10,
    claim: async ({ limit }) => {
      limits.push(limit);
      return Array.from({ length: limit }, () => delivery());
    },
    run: async (_held, onEnded) => {
      await new Promise<void>((resolve) => doors.push(resolve));
      onEnded();
    },
  });
  const abort = new AbortController();
  const consuming = consumer.consume(abort.signal);
  for (let ended = 0; ended < 10; ended++) {
    while (doors.length <= ended) await nextTurn();
    doors[ended]?.();
    await nextTurn();
  }
  assert.deepEqual(limits, [11, 5, 5]);
  consumer.pause();
  abort.abort();
  await consuming;
});

test("what a gate bars is ended and not run; the rest of the claim runs, and its slots are asked for again", { timeout }, async () => {
  const ran: string[] = [];
  const concluded: string[] = [];
  let claims = 0;
  const { consumer, errors, kept } = consumerWith({
    concurrency: 3,
    claim: async (options) => {
      claims += 1;
      return claims === 1 ? ["a", "b", "c"].map((id) => delivery({ id })) : await nothing(options);
    },
    gates: [{ admit: async () => [undefined, { kind: "cancelled", error: new Error("not wanted") }, undefined] }],
    run: async ({ delivery: { envelope } }, onEnded) => {
      ran.push(envelope.id);
      onEnded();
    },
    conclude: async ({ delivery: { envelope } }, ending) => {
      concluded.push(`${envelope.id} ${ending.kind}`);
      if (concluded.length === 1) throw new Error("could not be written");
    },
  });
  const abort = new AbortController();
  const consuming = consumer.consume(abort.signal);
  while (claims < 2) await nextTurn();
  abort.abort();
  await consuming;
  await consumer.idle();
  assert.deepEqual(ran, ["a", "c"]);
  assert.deepEqual(concluded, ["b cancelled"]);
  assert.deepEqual(errors, ["end a task: Error: could not be written"]);
  assert.equal(kept.size, 0);
});

test("nothing is claimed or started while a gate cannot answer, and the leases are kept", { timeout }, async () => {
  let claims = 0;
  let open = false;
  const ran: string[] = [];
  const { consumer, clock, errors, kept } = consumerWith({
    claim: async (options) => {
      claims += 1;
      return claims === 1 ? [delivery({ id: "a" })] : await nothing(options);
    },
    gates: [{
      admit: async (deliveries) => {
        if (!open) throw new StoreError("Cannot look", { adapter: "test", operation: "match", retryable: true });
        return deliveries.map(() => undefined);
      },
    }],
    run: async ({ delivery: { envelope } }, onEnded) => {
      ran.push(envelope.id);
      onEnded();
    },
  });
  const abort = new AbortController();
  const consuming = consumer.consume(abort.signal);
  await clock.waitForTimers(1);
  await clock.advance(1_000);
  assert.deepEqual([claims, kept.size, ran], [1, 1, []]);
  assert.match(errors[0] ?? "", /^ask the gates: StoreError/);
  open = true;
  await clock.advance(5_000);
  assert.deepEqual(ran, ["a"]);
  abort.abort();
  await consuming;
});

test(
  "what is stopped while it waits at a gate ends behind it without a free slot, also where the gate keeps it back",
  { timeout },
  async () => {
    const ran: string[] = [];
    const concluded: string[] = [];
    const asked = deferred<void>();
    const answer = deferred<void>();
    const end = deferred<void>();
    let claims = 0;
    const { consumer, kept } = consumerWith({
      concurrency: 1,
      prefetch: 2,
      claim: async (options) => {
        claims += 1;
        return claims === 1 ? ["a", "b", "c", "d"].map((id) => delivery({ id })) : await nothing(options);
      },
      gates: [{
        admit: async () => {
          asked.resolve();
          await answer.promise;
          return [{ kind: "standby" }, { kind: "standby" }, undefined, undefined];
        },
      }],
      run: async ({ delivery: { envelope } }, onEnded) => {
        ran.push(envelope.id);
        await end.promise;
        onEnded();
      },
      conclude: async ({ delivery: { envelope } }, ending) => void concluded.push(`${envelope.id} ${ending.kind}`),
    });
    const abort = new AbortController();
    const consuming = consumer.consume(abort.signal);
    await asked.promise;
    const stop = (id: string): void => {
      const held = consumer.held.find((one) => one.delivery.envelope.id === id);
      assert.ok(held !== undefined, `${id} is not held`);
      consumer.stop(held, new TaskRevokedError(id, "not wanted"));
    };
    assert.equal(consumer.held.length, 4);
    stop("a");
    stop("d");
    answer.resolve();
    while (claims < 2) await nextTurn();
    assert.deepEqual(ran, ["c"]);
    assert.deepEqual(concluded, ["a cancelled", "d cancelled"]);
    stop("b");
    end.resolve();
    abort.abort();
    await consuming;
    await consumer.idle();
    assert.deepEqual(concluded, ["a cancelled", "d cancelled", "b cancelled"]);
    assert.deepEqual(ran, ["c"]);
    assert.equal(kept.size, 0);
  },
);

test(
  "what a gate keeps back runs once it is let through, also when that was before the gate had answered; the rest goes back",
  { timeout },
  async () => {
    const ran: string[] = [];
    let claims = 0;
    const deliveries = ["a", "b", "c"].map((id) => delivery({ id }));
    const [a, b] = deliveries;
    const { consumer } = consumerWith({
      concurrency: 1,
      claim: async (options) => {
        claims += 1;
        return claims === 1 ? deliveries : await nothing(options);
      },
      gates: [{
        admit: async () => {
          if (b !== undefined) consumer.letThrough(b);
          return deliveries.map(() => ({ kind: "standby" }));
        },
      }],
      run: async ({ delivery: { envelope } }, onEnded) => {
        ran.push(envelope.id);
        onEnded();
      },
    });
    const abort = new AbortController();
    const consuming = consumer.consume(abort.signal);
    while (claims < 2) await nextTurn();
    assert.deepEqual(ran, ["b"]);
    if (a !== undefined) consumer.letThrough(a);
    assert.deepEqual(ran, ["b", "a"]);
    assert.deepEqual(consumer.held.map((held) => held.delivery.envelope.id), ["c"]);
    abort.abort();
    await consuming;
    assert.deepEqual(consumer.takeBuffered().map((held) => held.delivery.envelope.id), ["c"]);
    assert.deepEqual(consumer.held, []);
  },
);
