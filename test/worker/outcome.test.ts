/** What follows from the end of an attempt: every ending, at every place within its budget of retries. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ConflictError, TaskRevokedError, TimeoutError, UnknownTaskError } from "../../src/errors.ts";
import { envelope } from "../../src/model/envelope.ts";
import { isTerminal } from "../../src/model/task-state.ts";
import { RejectSignal, RetrySignal } from "../../src/tasks/signals.ts";
import { retryDelayMs } from "../../src/time/backoff.ts";
import type { SettledEnding } from "../../src/worker/outcome.ts";
import { decide } from "../../src/worker/outcome.ts";
import { delivery } from "./deliveries.ts";

const timeout = 20_000;
const options = { retry: { delay: 700, backoff: "fixed", jitter: "none" }, random: () => 0.5 } as const;

/** Each way to end, with the settlement and state that follow while there are retries left, and when there are none. */
const endings: readonly (readonly [name: string, ending: SettledEnding, left: string, used: string])[] = [
  ["a result", { kind: "returned", payload: { a: 1 }, encoderId: "json" }, "ack succeeded", "ack succeeded"],
  ["no result", { kind: "returned", encoderId: "json" }, "ack succeeded", "ack succeeded"],
  ["a null", { kind: "returned", payload: null, encoderId: "json" }, "ack succeeded", "ack succeeded"],
  ["an error", { kind: "threw", thrown: new RangeError("no") }, "retry retrying", "deadLetter retries-exhausted failed"],
  ["a non-error", { kind: "threw", thrown: "no" }, "retry retrying", "deadLetter retries-exhausted failed"],
  ["undefined", { kind: "threw", thrown: undefined }, "retry retrying", "deadLetter retries-exhausted failed"],
  ["a time limit", { kind: "threw", thrown: new TimeoutError("too long", 5) }, "retry retrying", "deadLetter retries-exhausted failed"],
  ["ctx.retry()", { kind: "threw", thrown: new RetrySignal() }, "retry retrying", "deadLetter retries-exhausted failed"],
  ["ctx.reject()", { kind: "threw", thrown: new RejectSignal() }, "deadLetter rejected failed", "deadLetter rejected failed"],
  ["ctx.reject(reason)", { kind: "threw", thrown: new RejectSignal("why") }, "deadLetter why failed", "deadLetter why failed"],
  ["ctx.reject('')", { kind: "threw", thrown: new RejectSignal("") }, "deadLetter rejected failed", "deadLetter rejected failed"],
  [
    "a refusal",
    { kind: "refused", reason: "unregistered-task", error: new UnknownTaskError("x") },
    "deadLetter unregistered-task failed",
    "deadLetter unregistered-task failed",
  ],
  ["a revocation", { kind: "cancelled", error: new TaskRevokedError("t", "why") }, "ack cancelled", "ack cancelled"],
  ["put back", { kind: "put-back", delayMs: 40 }, "nack queued", "nack queued"],
];

for (const [name, ending, left, used] of endings) {
  for (const [attempt, maxRetries] of [[1, 0], [1, 1], [2, 1], [3, 5], [6, 5], [7, 5]] as const) {
    const expected = attempt <= maxRetries ? left : used;
    test(`${name} at attempt ${attempt} with ${maxRetries} retries: ${expected}`, { timeout }, () => {
      const { settlement, status } = decide(delivery({ attempt, maxRetries }), ending, options);
      const reason = settlement.kind === "deadLetter" ? [settlement.reason] : [];
      assert.equal([settlement.kind, ...reason, status.state].join(" "), expected);
    });
  }
}

test("a retry waits as its signal, its task's policy, or the worker's policy says", { timeout }, () => {
  const delayOf = (input: Parameters<typeof delivery>[0], thrown: unknown) => {
    const { settlement } = decide(delivery({ maxRetries: 9, ...input }), { kind: "threw", thrown }, options);
    return settlement.kind === "retry" ? settlement.delayMs : settlement.kind;
  };
  const retryPolicy = { delay: "2s", backoff: "linear", jitter: "none" } as const;
  assert.equal(delayOf({ attempt: 3, retryPolicy }, new RetrySignal({ delay: "5s" })), 5_000);
  assert.equal(delayOf({ attempt: 3, retryPolicy }, new RetrySignal({ delay: 0 })), 0);
  assert.equal(delayOf({ attempt: 3, retryPolicy }, new RetrySignal()), 6_000);
  assert.equal(delayOf({ attempt: 3, retryPolicy }, new Error("no")), 6_000);
  assert.equal(delayOf({ attempt: 3 }, new Error("no")), 700);
});

test("the jitter comes from the given source", { timeout }, () => {
  const retry = { delay: 1_000, jitter: "full" } as const;
  const completion = decide(delivery({ maxRetries: 1 }), { kind: "threw", thrown: 1 }, { retry, random: () => 0.25 });
  assert.deepEqual(completion.settlement, { kind: "retry", delayMs: retryDelayMs(retry, 1, () => 0.25) });
});

test("a result is kept with its encoder and the task's meta, unless nobody wants it", { timeout }, () => {
  const meta = { order: 7 };
  const ending = { kind: "returned", payload: "p", encoderId: "gzip" } as const;
  assert.deepEqual(decide(delivery({ meta }), ending, options).status, {
    state: "succeeded",
    payload: "p",
    meta: { __stemArgsEncoder: "json", order: 7, __stemResultEncoder: "gzip" },
  });
  assert.deepEqual(decide(delivery({ meta, ignoreResult: true }), { kind: "returned" }, options).status, { state: "succeeded" });
  assert.deepEqual(decide(delivery({ meta, ignoreResult: true }), ending, options).status, { state: "succeeded" });
});

test("errors are recorded in the status and in the dead letter alike", { timeout }, () => {
  const { settlement, status } = decide(delivery(), { kind: "threw", thrown: new RangeError("out") }, options);
  assert.equal(status.error?.name, "RangeError");
  assert.equal(status.error?.message, "out");
  assert.ok(settlement.kind === "deadLetter");
  assert.deepEqual(settlement.error, status.error);
  const cancelled = decide(delivery(), { kind: "cancelled", error: new TimeoutError("expired", 1) }, options).status;
  assert.deepEqual([cancelled.error?.name, cancelled.error?.message], ["TimeoutError", "expired"]);
  const asked = decide(delivery({ maxRetries: 1 }), { kind: "threw", thrown: new RetrySignal({ reason: "later" }) }, options).status;
  assert.deepEqual(asked.error, { name: "Retry", message: "later" });
});

test("links follow a success or the final failure, and nothing else", { timeout }, () => {
  const onSuccess = [envelope({ name: "after.success" })];
  const onFailure = [envelope({ name: "after.failure" })];
  const followUps = (ending: SettledEnding, maxRetries: number) =>
    decide(delivery({ onSuccess, onFailure, maxRetries }), ending, options).followUps?.map(({ name }) => name);
  assert.deepEqual(followUps({ kind: "returned", encoderId: "json" }, 0), ["after.success"]);
  assert.deepEqual(followUps({ kind: "threw", thrown: 1 }, 0), ["after.failure"]);
  assert.equal(followUps({ kind: "threw", thrown: 1 }, 1), undefined);
  assert.deepEqual(followUps({ kind: "threw", thrown: new RejectSignal() }, 1), ["after.failure"]);
  assert.deepEqual(followUps({ kind: "refused", reason: "poison", error: new ConflictError("x") }, 1), ["after.failure"]);
  assert.equal(followUps({ kind: "cancelled", error: new Error("x") }, 0), undefined);
  assert.equal(followUps({ kind: "put-back", delayMs: 0 }, 0), undefined);
  assert.equal("followUps" in decide(delivery({ onSuccess: [] }), { kind: "returned", encoderId: "json" }, options), false);
});

test("deciding is pure, and its parts always go together", { timeout }, () => {
  const anyEnding = fc.constantFrom(...endings.map(([, ending]) => ending));
  fc.assert(fc.property(anyEnding, fc.integer({ min: 1, max: 9 }), fc.integer({ min: 0, max: 9 }), (ending, attempt, maxRetries) => {
    const given = delivery({ id: "same", attempt, maxRetries });
    const before = structuredClone(given);
    const first = decide(given, ending, options);
    assert.deepEqual(decide(given, ending, options), first);
    assert.deepEqual(given, before);
    const { settlement: { kind }, status: { state } } = first;
    const fits = kind === "nack" ? state === "queued" : kind === "retry" ? state === "retrying" : isTerminal(state);
    assert.ok(fits, `${kind} with ${state}`);
  }));
});
