import assert from "node:assert/strict";
import { test } from "node:test";
import { anySignal } from "../../src/async/signal.ts";
import { countedSignal } from "../support/counted-signal.ts";

test("it is aborted with the first source, for that one's reason, once", () => {
  const first = countedSignal();
  const second = countedSignal();
  const { signal } = anySignal(first.signal, undefined, second.signal);
  let events = 0;
  signal.addEventListener("abort", () => events += 1);
  const reason = new RangeError("second");
  assert.equal(signal.aborted, false);
  second.controller.abort(reason);
  first.controller.abort(new RangeError("late"));
  assert.deepEqual([signal.aborted, signal.reason, events], [true, reason, 1]);
  assert.deepEqual([first.count(), second.count()], [0, 0]);
});

test("with an aborted source it is aborted from the start", () => {
  const first = countedSignal();
  const second = countedSignal();
  const reason = new RangeError("before");
  second.controller.abort(reason);
  const { signal, dispose } = anySignal(first.signal, second.signal);
  assert.deepEqual([signal.aborted, signal.reason, first.count()], [true, reason, 0]);
  dispose();
});

test("dispose lets go of the sources and leaves the signal as it is", () => {
  const source = countedSignal();
  for (let round = 0; round < 1_000; round++) {
    const { signal, dispose } = anySignal(source.signal, source.signal);
    assert.equal(source.count(), 1);
    dispose();
    dispose();
    assert.equal(signal.aborted, false);
  }
  assert.equal(source.count(), 0);
  const { signal, dispose } = anySignal(source.signal);
  dispose();
  source.controller.abort();
  assert.equal(signal.aborted, false);
});

test("without sources it is never aborted", () => {
  assert.equal(anySignal().signal.aborted, false);
  assert.equal(anySignal(undefined).signal.aborted, false);
});
