import { TaskPayloadEncoder } from "../encoding/payload-encoder.ts";
import { TaskFailedError, TaskRevokedError } from "../errors.ts";
import { task } from "../tasks/task.ts";
import { equal, ok, present, throws } from "./assert.ts";
import type { ConformanceCase } from "./case.ts";
import type { Rig, RigWorker } from "./system-rig.ts";
import { onBothSystems, systemLaw, timedOnBothSystems, timedSystemLaw } from "./system-rig.ts";

class StubbornEncoder extends TaskPayloadEncoder {
  readonly id = "stubborn";
  encode(value: unknown): unknown {
    return value ?? null;
  }
  decode(): unknown {
    throw new SyntaxError("these bytes make no sense");
  }
}

/** The part of the Standard Schema interface that a schema of positive numbers needs. */
const positive = {
  "~standard": {
    version: 1,
    vendor: "conformance",
    validate: (value: unknown) =>
      typeof value === "number" && value > 0 ? { value } : { issues: [{ message: "expected a positive number", path: ["amount"] }] },
  },
} as const;

const fine = task({ name: "fine", run: () => "fine" });

interface Refused {
  readonly state: string;
  readonly reason: string | undefined;
  readonly error: { readonly name: string; readonly message: string } | undefined;
}

/** Waits for a task's bad end, and proves that the worker goes on. */
async function refusal(rig: Rig, worker: RigWorker, taskId: string): Promise<Refused> {
  await worker.until("task-failed", taskId);
  const { state, error } = await rig.status(taskId);
  await throws(() => rig.result(rig.stem().handle(taskId)), TaskFailedError, "result() of a task that could not run");
  equal(await rig.result(await rig.stem().enqueue(fine)), "fine", "what the worker makes of the next task");
  const dead = await rig.context.broker.deadLetters.get(taskId);
  return { state, reason: dead?.reason, error: error === undefined ? undefined : { name: error.name, message: error.message } };
}

/** What cannot be run, and what is not wanted any more. */
export const systemRefusalCases: readonly ConformanceCase[] = Object.freeze([
  ...onBothSystems("[Y5] a task that no one registered is dead as unregistered-task", async (rig) => {
    const worker = await rig.start({ registry: [fine] });
    const handle = await rig.stem().enqueue("nobody.knows", { maxRetries: 5 });
    const { state, reason, error } = await refusal(rig, worker, handle.id);
    equal([state, reason, error?.name], ["failed", "unregistered-task", "UnknownTaskError"], "its end");
    ok(error?.message.includes("nobody.knows") === true, `Expected the message to name the task, found ${error?.message}`);
  }),

  systemLaw("[Y5] arguments that cannot be decoded are dead as unreadable-payload", async (rig) => {
    const stubborn = new StubbornEncoder();
    let runs = 0;
    const eager = task({
      name: "eager",
      run: () => {
        runs += 1;
      },
    });
    const worker = await rig.start({ registry: [fine, eager], additionalEncoders: [stubborn] });
    const handle = await rig.stem({ argsEncoder: stubborn }).enqueue(eager, { maxRetries: 5 });
    const { state, reason, error } = await refusal(rig, worker, handle.id);
    equal([state, reason, error?.name, runs], ["failed", "unreadable-payload", "PayloadError", 0], "its end");
    ok(error?.message.includes("these bytes make no sense") === true, `Expected the message to say why, found ${error?.message}`);
  }),

  systemLaw("[Y5] arguments that do not fit the schema are dead as unreadable-payload", async (rig) => {
    let runs = 0;
    const pay = task({
      name: "pay",
      input: positive,
      run: () => {
        runs += 1;
      },
    });
    const worker = await rig.start({ registry: [fine, pay] });
    // By name and without the registry: a producer that does not know the schema.
    const handle = await rig.stem().enqueue("pay", { args: -5, maxRetries: 5 });
    const { state, reason, error } = await refusal(rig, worker, handle.id);
    equal([state, reason, error?.name, runs], ["failed", "unreadable-payload", "PayloadError", 0], "its end");
    ok(error?.message.includes("amount: expected a positive number") === true, `Expected the place and the fault, found ${error?.message}`);
  }),

  ...onBothSystems("[Y5] a result that cannot be encoded is dead as unencodable-result", async (rig) => {
    const results: Readonly<Record<string, () => unknown>> = {
      bigint: () => 1n,
      function: () => () => 1,
      date: () => new Date(0),
      cycle: () => {
        const cycle: unknown[] = [];
        cycle.push(cycle);
        return cycle;
      },
      nan: () => Number.NaN,
    };
    const odd = task({ name: "odd", run: (_ctx, kind: string) => results[kind]?.() });
    const worker = await rig.start({ registry: [fine, odd] });
    for (const kind of Object.keys(results)) {
      const handle = await rig.stem().enqueue(odd, { args: kind, maxRetries: 5 });
      const { state, reason, error } = await refusal(rig, worker, handle.id);
      equal([state, reason, error?.name], ["failed", "unencodable-result", "PayloadError"], `the end of a task that returned a ${kind}`);
    }
  }),

  ...onBothSystems(
    "[Y5] a result that is too large to store is dead as unencodable-result, and its links follow a failure",
    async (rig) => {
      const huge = task({ name: "huge", run: () => "x".repeat(10 * 1024 * 1024) });
      const worker = await rig.start({ registry: [fine, huge], mayReport: true });
      const followUp = rig.context.id();
      const handle = await rig.stem().enqueue(huge, { maxRetries: 5, links: { onFailure: [{ task: fine, id: followUp }] } });
      const { state, reason, error } = await refusal(rig, worker, handle.id);
      equal([state, reason, error?.name], ["failed", "unencodable-result", "PayloadError"], "its end");
      ok(/\d{8}/.test(error?.message ?? ""), `Expected the message to name the size, found ${error?.message}`);
      equal((await rig.ended(followUp)).state, "succeeded", "the task that follows a failure");
    },
  ),

  systemLaw("[Y5] a handler may throw or reject with anything", async (rig) => {
    const thrown: Readonly<Record<string, () => unknown>> = {
      text: () => "just text",
      nothing: () => undefined,
      null: () => null,
      number: () => 404,
      object: () => ({ code: 7 }),
      symbol: () => Symbol("odd"),
      hostile: () => ({
        toJSON() {
          throw new Error("not even that");
        },
      }),
    };
    const thrower = task({
      name: "thrower",
      run: (_ctx, { kind, how }: { kind: string; how: string }): unknown => {
        const value = thrown[kind]?.();
        if (how === "reject") return Promise.reject(value);
        throw value;
      },
    });
    const worker = await rig.start({ registry: [fine, thrower] });
    for (const kind of Object.keys(thrown)) {
      for (const how of ["throw", "reject"]) {
        const handle = await rig.stem().enqueue(thrower, { args: { kind, how } });
        const { state, reason, error } = await refusal(rig, worker, handle.id);
        equal([state, reason, error?.name], ["failed", "retries-exhausted", "NonError"], `the end of a task with ${how} of ${kind}`);
      }
    }
  }),

  systemLaw("[Y5] what a handler returns is awaited whenever it can be", async (rig) => {
    const lazy = task({
      name: "lazy",
      run: (): unknown => ({
        // oxlint-disable-next-line unicorn/no-thenable -- query builders are just that
        then: (resolve: (value: string) => void) => resolve("worth waiting for"),
      }),
    });
    await rig.start({ registry: [lazy] });
    equal(await rig.result(await rig.stem().enqueue(lazy)), "worth waiting for", "the result");
  }),

  ...timedOnBothSystems("[Y6] a task that expired while it waited is not run, and ends as cancelled", async (rig) => {
    const { broker, clock } = rig.context;
    let runs = 0;
    const milk = task({
      name: "milk",
      run: () => {
        runs += 1;
      },
    });
    const stem = rig.stem();
    const followUp = rig.context.id();
    const handle = await stem.enqueue(milk, {
      expires: "5s",
      maxRetries: 5,
      links: { onSuccess: [{ task: milk, id: followUp }], onFailure: [{ task: milk, id: followUp }] },
    });
    const fresh = await stem.enqueue(fine, { expires: "6s" });
    await clock.advance(5_000);
    const worker = await rig.start({ registry: [milk, fine] });
    equal(await rig.result(fresh), "fine", "the result of one that had not expired");
    await worker.until("task-cancelled", handle.id);
    const error = await throws(() => rig.result(handle), TaskRevokedError, "result() of an expired task");
    ok(error.message.includes("expired"), `Expected the message to say that it expired, found ${error.message}`);
    const status = await rig.status(handle.id);
    equal([status.state, status.attempt, runs], ["cancelled", 1, 0], "its end");
    equal(await broker.counts("default"), { ready: 0, delayed: 0, inflight: 0, dead: 0 }, "the queue");
    equal(await rig.context.results.get(followUp), undefined, "the status of a task that follows success or failure");
  }),

  timedSystemLaw("[Y6] a further attempt that comes too late is not run", async (rig) => {
    let runs = 0;
    const failing = task({
      name: "failing",
      run: () => {
        runs += 1;
        throw new Error("again");
      },
    });
    const worker = await rig.start({ registry: [failing] });
    const handle = await rig.stem().enqueue(failing, { expires: "5s", retry: { delay: "5s", jitter: "none", maxRetries: 3 } });
    await worker.until("task-retrying", handle.id);
    await rig.after(5_000, worker.until("task-cancelled", handle.id));
    equal(present(await rig.context.results.get(handle.id), "its status").state, "cancelled", "its state");
    equal(runs, 1, "how often it ran");
  }),
]);
