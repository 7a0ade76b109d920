/** A worker over stores that hang, fail, or are closed under it. What holds on every store is in the conformance suite. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { deferred } from "../../src/async/deferred.ts";
import type { Broker } from "../../src/contracts/broker.ts";
import type { Logger } from "../../src/contracts/logger.ts";
import type { ResultBackend } from "../../src/contracts/result-backend.ts";
import type { TaskLedger } from "../../src/contracts/task-ledger.ts";
import { ConfigError, StoreError } from "../../src/errors.ts";
import { memory } from "../../src/memory.ts";
import { Stem } from "../../src/producer/stem.ts";
import { task } from "../../src/tasks/task.ts";
import { ManualClock } from "../../src/time/manual-clock.ts";
import { nextTurn } from "../../src/time/next-turn.ts";
import { withDeadline } from "../../src/time/sleep.ts";
import type { WorkerEvent } from "../../src/worker/events.ts";
import type { WorkerOptions } from "../../src/worker/worker-options.ts";
import { Worker } from "../../src/worker/worker.ts";

const timeout = 20_000;
const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {} };
const away = (operation: string) => new StoreError(`Cannot ${operation}`, { adapter: "test", operation, retryable: true });

function within<T>(promise: Promise<T>): Promise<T> {
  return withDeadline(promise, 5_000);
}

/** An object with other implementations of some methods; the rest stays bound to the original. */
function overriding<T extends object>(target: T, methods: Partial<T>): T {
  return new Proxy(target, {
    get(original, key) {
      const override: unknown = Reflect.get(methods, key);
      if (override !== undefined) return override;
      const value: unknown = Reflect.get(original, key, original);
      if (typeof value !== "function") return value;
      const bound: unknown = value.bind(original);
      return bound;
    },
  });
}

interface Overrides extends Partial<Omit<WorkerOptions, "broker" | "backend">> {
  readonly ledger?: (real: TaskLedger) => Partial<TaskLedger>;
  readonly broker?: Partial<Broker>;
  readonly backend?: Partial<ResultBackend>;
}

/** A worker and a producer on one memory database, the worker's view of it bent as the test says. */
function bent({ ledger, broker = {}, backend = {}, ...options }: Overrides) {
  const clock = new ManualClock();
  const adapter = memory({ clock });
  const real = adapter.broker.joinWith(adapter.results);
  assert.ok(real !== undefined);
  const joined = ledger === undefined ? real : overriding(real, ledger(real));
  const events: WorkerEvent[] = [];
  const worker = new Worker({
    broker: overriding(adapter.broker, { ...broker, joinWith: () => joined }),
    backend: overriding(adapter.results, backend),
    registry: [],
    logger: quiet,
    clock,
    ...options,
  });
  worker.subscribe((event) => events.push(event));
  const stem = new Stem({ broker: adapter.broker, backend: adapter.results, clock });
  const until = async (type: WorkerEvent["type"], count = 1): Promise<void> => {
    for (let turn = 0; events.filter((event) => event.type === type).length < count; turn++) {
      assert.ok(turn < 10_000, `No event "${type}" came`);
      await nextTurn();
    }
  };
  return { adapter, clock, worker, stem, events, until };
}

/** A task whose handlers wait until the test lets them go. */
function holding() {
  const go = deferred<void>();
  return { go, hold: task({ name: "hold", run: () => go.promise }) };
}

for (const mode of ["warm", "soft", "hard"] as const) {
  test(`a ${mode} shutdown puts back what a claim under way answers after it`, { timeout }, async () => {
    const late = deferred<void>();
    let runs = 0;
    const work = task({
      name: "work",
      run: () => {
        runs += 1;
      },
    });
    const { adapter, worker, stem, clock } = bent({
      registry: [work],
      ledger: (real) => ({
        claim: async ({ signal: _signal, ...options }) => {
          await late.promise;
          return await real.claim(options);
        },
      }),
    });
    await worker.start();
    await stem.enqueueMany([{ task: work }, { task: work }]);
    const stopping = worker.shutdown({ mode });
    await nextTurn();
    late.resolve();
    await within(stopping);
    assert.equal(runs, 0);
    assert.deepEqual(await adapter.broker.counts("default"), { ready: 2, delayed: 0, inflight: 0, dead: 0 });
    assert.equal(clock.pending, 0);
  });
}

test("running handlers hear of a shutdown although a claim hangs", { timeout }, async () => {
  const { go, hold } = holding();
  const aborted = deferred<void>();
  const listening = task({
    name: "hold",
    run: async (ctx) => {
      ctx.signal.addEventListener("abort", () => aborted.resolve(), { once: true });
      await go.promise;
    },
  });
  let claims = 0;
  const { worker, stem, until } = bent({
    registry: [listening],
    concurrency: 5,
    ledger: (real) => ({
      claim: (options) => {
        claims += 1;
        return claims === 1 ? real.claim(options) : deferred<never>().promise;
      },
    }),
  });
  await stem.enqueue(hold);
  await worker.start();
  await until("task-started");
  const stopping = worker.shutdown({ mode: "soft" });
  await within(aborted.promise);
  go.resolve();
  void stopping;
});

for (const what of ["claim", "finish", "setHeartbeat", "removeHeartbeat", "extendLease"] as const) {
  test(`a hard shutdown ends after the grace time although ${what} never answers, and leaves no timer`, { timeout }, async () => {
    const { hold } = holding();
    const hang = (): Promise<never> => deferred<never>().promise;
    let claims = 0;
    const { clock, events, worker, stem, until } = bent({
      registry: [hold],
      grace: 700,
      lease: "3s",
      ledger: (real) => ({
        ...(what === "finish" ? { finish: hang } : {}),
        ...(what === "claim"
          ? {
            claim: (options) => {
              claims += 1;
              return claims === 1 ? real.claim(options) : hang();
            },
          }
          : {}),
      }),
      broker: what === "extendLease" ? { extendLease: hang } : {},
      backend: what === "setHeartbeat" || what === "removeHeartbeat" ? { [what]: hang } : {},
    });
    await stem.enqueue(hold);
    await worker.start();
    await until("task-started");
    if (what === "extendLease") await clock.advance(1_000);
    let isOver = false;
    const stopping = worker.shutdown({ mode: "hard" }).then(() => isOver = true);
    await clock.advance(699);
    assert.equal(isOver, what === "extendLease", "whether it was over before the grace time");
    await clock.advance(1);
    await within(stopping);
    assert.equal(worker.state, "stopped");
    assert.equal(events.at(-1)?.type, "stopped");
    assert.equal(clock.pending, 0);
  });
}

test("a warm shutdown with a timeout ends although the store is away for good", { timeout }, async () => {
  const { go, hold } = holding();
  const { clock, worker, stem, until } = bent({
    registry: [hold],
    grace: 500,
    lease: "1h",
    ledger: () => ({ finish: () => Promise.reject(away("finish")) }),
  });
  await stem.enqueue(hold);
  await worker.start();
  await until("task-started");
  go.resolve();
  await until("error");
  const stopping = worker.shutdown({ timeout: "2s" });
  for (let step = 0; step < 25; step++) await clock.advance(100);
  await within(stopping);
  assert.equal(clock.pending, 0);
});

test("an outcome that finds the store away is stored when it is back", { timeout }, async () => {
  let isAway = true;
  const work = task({ name: "work", run: () => "kept" });
  const { adapter, clock, worker, stem, events, until } = bent({
    registry: [work],
    ledger: (real) => ({ finish: (completions) => isAway ? Promise.reject(away("finish")) : real.finish(completions) }),
  });
  const { id } = await stem.enqueue(work);
  await worker.start();
  await until("error");
  for (let step = 0; step < 10; step++) await clock.advance(100);
  assert.equal((await adapter.results.get(id))?.state, "running");
  isAway = false;
  await clock.advance(2_000);
  await until("task-succeeded");
  assert.equal((await adapter.results.get(id))?.payload, "kept");
  const [report] = events.filter((event) => event.type === "error");
  assert.ok(report?.type === "error");
  assert.equal(report.operation, "store outcomes");
  await within(worker.shutdown());
});

test("a worker whose store is closed under it ends by itself", { timeout }, async () => {
  const { adapter, clock, worker, until } = bent({ registry: [] });
  await worker.start();
  await adapter.close();
  await within(worker.whenStopped);
  await until("stopped");
  assert.equal(clock.pending, 0);
});

test("heartbeats that fail are told, and go on", { timeout }, async () => {
  let beats = 0;
  const { clock, worker, until, events } = bent({
    heartbeat: "1s",
    backend: {
      setHeartbeat: async () => {
        beats += 1;
        throw away("beat");
      },
    },
  });
  await worker.start();
  await until("error", 1);
  await clock.advance(3_000);
  assert.equal(beats, 4);
  assert.ok(events.every((event) => event.type !== "error" || event.operation === "send a heartbeat"));
  await within(worker.shutdown());
});

test("a mode that does not exist shuts nothing down", { timeout }, async () => {
  const { worker } = bent({});
  await worker.start();
  // @ts-expect-error A mode that untyped callers may give.
  await assert.rejects(worker.shutdown({ mode: "brutal" }), ConfigError);
  assert.equal(worker.state, "running");
  await within(worker.shutdown({ mode: "hard" }));
});

test("ids are unique, and can be given", { timeout }, () => {
  const ids = new Set(Array.from({ length: 100 }, () => bent({}).worker.id));
  assert.equal(ids.size, 100);
  assert.match([...ids][0] ?? "", /^worker-[0-9a-f-]{36}$/);
  assert.equal(bent({ id: "mine" }).worker.id, "mine");
});

test("with stores in the same process, timers and sockets get their turn while tasks are run", { timeout }, async () => {
  const adapter = memory();
  const work = task({ name: "work", run: () => undefined });
  const stem = new Stem({ broker: adapter.broker, backend: adapter.results });
  const worker = new Worker({ broker: adapter.broker, backend: adapter.results, registry: [work], concurrency: 100 });
  for (let batch = 0; batch < 5; batch++) await stem.enqueueMany(Array.from({ length: 1_000 }, () => ({ task: work })));
  let ended = 0;
  const all = deferred<void>();
  worker.subscribe(({ type }) => {
    if (type === "task-succeeded" && ++ended === 5_000) all.resolve();
  });
  await worker.start();
  await nextTurn();
  await nextTurn();
  assert.ok(ended < 5_000, "Everything ran before anybody else had a turn");
  await within(all.promise);
  await worker.shutdown();
  await adapter.close();
});
