import assert from "node:assert/strict";
import { test } from "node:test";
import { deferred } from "../../src/async/deferred.ts";
import type { Completion, CompletionOutcome } from "../../src/contracts/task-ledger.ts";
import { ConfigError, PayloadError, StoreError } from "../../src/errors.ts";
import { envelope } from "../../src/model/envelope.ts";
import { ManualClock } from "../../src/time/manual-clock.ts";
import { Settler } from "../../src/worker/settler.ts";
import { countedSignal } from "../support/counted-signal.ts";
import { delivery } from "./deliveries.ts";

const timeout = 20_000;
const away = new StoreError("Cannot finish", { adapter: "test", operation: "finish", retryable: true });
const never = new AbortController().signal;

type Finish = (completions: readonly Completion[], call: number) => readonly CompletionOutcome[] | Promise<readonly CompletionOutcome[]>;

function settlerWith(finish: Finish) {
  const clock = new ManualClock();
  const calls: (readonly Completion[])[] = [];
  const errors: unknown[] = [];
  const settler = new Settler({
    ledger: {
      finish: async (completions) => {
        calls.push(completions);
        return await finish(completions, calls.length);
      },
    },
    clock,
    onError: (error) => errors.push(error),
  });
  return { settler, clock, calls, errors };
}

function success(input: Parameters<typeof delivery>[0] = {}): Completion {
  const given = delivery(input);
  const { onSuccess } = given.envelope;
  return {
    delivery: given,
    settlement: { kind: "ack" },
    status: { state: "succeeded", payload: 1 },
    ...(onSuccess === undefined ? {} : { followUps: onSuccess }),
  };
}

const settled = (completions: readonly Completion[]): readonly CompletionOutcome[] => completions.map(() => ({ settled: true }));

test("completions of one moment share a round trip, and each gets its own outcome", { timeout }, async () => {
  const { settler, calls } = settlerWith((completions) => completions.map((_, at) => ({ settled: at % 2 === 0 })));
  const outcomes = await Promise.all(Array.from({ length: 20 }, () => settler.settle(success(), () => [never])));
  assert.deepEqual(outcomes, Array.from({ length: 20 }, (_, at) => ({ settled: at % 2 === 0 })));
  assert.equal(calls.length, 1);
});

test("while the store is away a completion waits, and is written when it is back", { timeout }, async () => {
  const { settler, clock, calls, errors } = settlerWith((completions, call) => call <= 4 ? Promise.reject(away) : settled(completions));
  const signal = countedSignal();
  const completion = success();
  const settling = settler.settle(completion, () => [signal.signal]);
  const at: number[] = [];
  while (calls.length < 5) {
    at.push(clock.monotonic());
    await clock.waitForTimers(1);
    await clock.advance(clock.nextTimerMs ?? 0);
  }
  assert.deepEqual(await settling, { settled: true });
  assert.deepEqual(at, [0, 50, 150, 350]);
  assert.deepEqual(errors, [away, away, away, away]);
  assert.ok(calls.every((items) => items[0] === completion));
  assert.equal(signal.count(), 0);
  assert.equal(clock.pending, 0);
});

test("waiting ends when nobody wants the outcome any more, and leaves nothing behind", { timeout }, async () => {
  const { settler, clock } = settlerWith(() => Promise.reject(away));
  const [lost, forced] = [countedSignal(), countedSignal()];
  const settling = settler.settle(success(), () => [lost.signal, forced.signal]);
  await clock.waitForTimers(1);
  lost.controller.abort(new Error("lost"));
  assert.equal(await settling, undefined);
  assert.equal(clock.pending, 0);
  assert.equal(forced.count(), 0);
  assert.equal(await settler.settle(success(), () => [AbortSignal.abort()]), undefined);
});

test("a result that the store refuses becomes a failure, followed as one", { timeout }, async () => {
  const tooLarge = new PayloadError("Cannot store the payload: its JSON text has 99 characters");
  const { settler, calls, errors } = settlerWith((completions) => {
    if (completions.some(({ status }) => status.payload !== undefined)) throw tooLarge;
    return settled(completions);
  });
  const links = { onSuccess: [envelope({ name: "after.success" })], onFailure: [envelope({ name: "after.failure" })] };
  const outcome = await settler.settle(success(links), () => [never]);
  assert.deepEqual(outcome, { settled: true });
  const written = calls.at(-1)?.[0];
  assert.ok(written?.settlement.kind === "deadLetter");
  assert.equal(written.settlement.reason, "unencodable-result");
  assert.equal(written.settlement.error?.message, tooLarge.message);
  assert.deepEqual([written.status.state, written.status.error?.name], ["failed", "PayloadError"]);
  assert.deepEqual(written.followUps?.map(({ name }) => name), ["after.failure"]);
  assert.deepEqual(errors, [tooLarge]);
});

test("follow-ups that the store refuses do not keep the task from ending", { timeout }, async () => {
  const badFollowUp = new ConfigError("Cannot use 99 as a priority");
  const { settler, calls } = settlerWith((completions) => {
    if (completions.some(({ followUps = [] }) => followUps.length > 0)) throw badFollowUp;
    return settled(completions);
  });
  const links = { onSuccess: [envelope({ name: "after.success" })], onFailure: [envelope({ name: "after.failure" })] };
  assert.deepEqual(await settler.settle(success(links), () => [never]), { settled: true });
  const written = calls.at(-1)?.[0];
  assert.deepEqual([written?.status.state, written?.followUps], ["failed", undefined]);
});

test("what the store will never take is given up, not tried for ever", { timeout }, async () => {
  for (
    const error of [new PayloadError("never"), new ConfigError("never"), new StoreError("broken", { adapter: "test", operation: "finish" })]
  ) {
    const { settler, clock, calls } = settlerWith(() => Promise.reject(error));
    assert.equal(await settler.settle(success(), () => [never]), undefined);
    assert.ok(calls.length <= 6, `${calls.length} calls`);
    assert.equal(clock.pending, 0);
  }
  const { settler, errors } = settlerWith(() => Promise.reject(new TypeError("a bug")));
  assert.equal(await settler.settle(success(), () => [never]), undefined);
  assert.equal(errors.length, 1);
});

test("one bad completion does not take its neighbours along", { timeout }, async () => {
  const bad = success({ id: "bad" });
  const { settler } = settlerWith((completions) => {
    if (completions.some(({ delivery: { envelope: { id } }, status }) => id === "bad" && status.state === "succeeded")) {
      throw new PayloadError("too large");
    }
    return completions.map(({ status: { state } }) => ({ settled: true, state }));
  });
  const outcomes = await Promise.all([success(), bad, success()].map((completion) => settler.settle(completion, () => [never])));
  assert.deepEqual(outcomes.map((outcome) => outcome?.state), ["succeeded", "failed", "succeeded"]);
});

test("flush waits for what was handed in", { timeout }, async () => {
  const gate = deferred<void>();
  const { settler } = settlerWith(async (completions) => {
    await gate.promise;
    return settled(completions);
  });
  let isFlushed = false;
  const settling = settler.settle(success(), () => [never]);
  const flushing = settler.flush().then(() => isFlushed = true);
  await Promise.resolve();
  assert.equal(isFlushed, false);
  gate.resolve();
  await settling;
  await flushing;
  assert.equal(isFlushed, true);
});
