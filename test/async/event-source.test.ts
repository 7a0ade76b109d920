import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { EventSource } from "../../src/async/event-source.ts";
import { ConfigError } from "../../src/errors.ts";
import { nextTurn } from "../../src/time/next-turn.ts";
import { countedSignal } from "../support/counted-signal.ts";

const timeout = 20_000;

async function readAll<T>(events: AsyncIterable<T>): Promise<T[]> {
  const read: T[] = [];
  for await (const event of events) read.push(event);
  return read;
}

test("listeners get each event from their coming to their going, in the order of their coming", () => {
  const source = new EventSource<number>();
  const got: string[] = [];
  source.emit(0);
  const leaveA = source.subscribe((event) => got.push(`a${event}`));
  source.emit(1);
  const leaveB = source.subscribe((event) => got.push(`b${event}`));
  source.emit(2);
  leaveA();
  leaveA();
  source.emit(3);
  leaveB();
  source.emit(4);
  assert.deepEqual(got, ["a1", "a2", "b2", "b3"]);
  assert.equal(source.listeners, 0);
});

test("a function subscribed twice is called twice, and leaves one at a time", () => {
  const source = new EventSource<number>();
  let calls = 0;
  const listener = () => void (calls += 1);
  const leave = source.subscribe(listener);
  source.subscribe(listener);
  source.emit(1);
  leave();
  source.emit(2);
  assert.equal(calls, 3);
});

test("listeners that come or go during an event change the next one", () => {
  const source = new EventSource<number>();
  const got: string[] = [];
  source.subscribe((event) => {
    got.push(`a${event}`);
    if (event === 1) {
      leaveB();
      source.subscribe((late) => got.push(`c${late}`));
    }
  });
  const leaveB = source.subscribe((event) => got.push(`b${event}`));
  source.emit(1);
  source.emit(2);
  assert.deepEqual(got, ["a1", "b1", "a2", "c2"]);
});

test("a throwing listener does not keep the event from the others", () => {
  const errors: unknown[] = [];
  const source = new EventSource<number>({ onError: (error) => errors.push(error) });
  const got: number[] = [];
  const failure = new RangeError("broken listener");
  source.subscribe(() => {
    throw failure;
  });
  source.subscribe((event) => got.push(event));
  source.emit(1);
  source.emit(2);
  assert.deepEqual([got, errors], [[1, 2], [failure, failure]]);
});

test("an iterator gets what is emitted from the call on, before and while it is read", async () => {
  const source = new EventSource<number>();
  source.emit(0);
  const events = source.listen();
  source.emit(1);
  source.emit(2);
  assert.deepEqual(await events.next(), { done: false, value: 1 });
  assert.deepEqual(await events.next(), { done: false, value: 2 });
  const waiting = [events.next(), events.next()];
  source.emit(3);
  source.emit(4);
  assert.deepEqual(await Promise.all(waiting), [{ done: false, value: 3 }, { done: false, value: 4 }]);
});

test("close ends iterators after what they hold, listeners at once, and everything later", async () => {
  const source = new EventSource<number>();
  const events = source.listen();
  const idle = source.listen();
  const waiting = idle.next();
  let calls = 0;
  source.subscribe(() => calls += 1);
  source.emit(1);
  assert.deepEqual(await waiting, { done: false, value: 1 });
  const ending = idle.next();
  source.close();
  source.close();
  source.emit(2);
  source.subscribe(() => calls += 1)();
  source.emit(3);
  assert.deepEqual(await readAll(events), [1]);
  assert.deepEqual(await ending, { done: true, value: undefined });
  assert.deepEqual(await readAll(source.listen()), []);
  assert.deepEqual([calls, source.listeners], [1, 0]);
});

test("the signal ends an iterator normally and at once, before it, while it waits, and with events held", async () => {
  const source = new EventSource<number>();
  const { controller, signal, count } = countedSignal();
  const waiting = source.listen({ signal }).next();
  const holding = source.listen({ signal });
  assert.equal(count(), 2);
  controller.abort();
  assert.deepEqual(await waiting, { done: true, value: undefined });
  source.emit(1);
  assert.deepEqual(await readAll(holding), []);
  assert.deepEqual(await readAll(source.listen({ signal })), []);
  assert.deepEqual([source.listeners, count()], [0, 0]);

  const second = countedSignal();
  const full = source.listen({ signal: second.signal });
  source.emit(2);
  second.controller.abort();
  assert.deepEqual(await readAll(full), []);
});

test("leaving the loop, a throw in it, and throw() let the source go", async () => {
  const source = new EventSource<number>();
  const { signal, count } = countedSignal();
  const left = source.listen({ signal });
  source.emit(1);
  source.emit(2);
  for await (const event of left) {
    assert.equal(event, 1);
    break;
  }
  assert.deepEqual([source.listeners, count()], [0, 0]);
  assert.deepEqual(await left.next(), { done: true, value: undefined });

  const thrown = source.listen({ signal });
  source.emit(3);
  await assert.rejects(async () => {
    for await (const event of thrown) throw new RangeError(String(event));
  }, RangeError);
  const told = source.listen({ signal });
  await assert.rejects(told.throw?.(new RangeError("told")) ?? Promise.resolve(), RangeError);
  assert.deepEqual([source.listeners, count()], [0, 0]);
});

test("maxBuffered drops the oldest waiting events and tells which", async () => {
  const source = new EventSource<number>();
  const dropped: number[] = [];
  const events = source.listen({ maxBuffered: 2, onDrop: (event) => dropped.push(event) });
  for (let event = 1; event <= 5; event++) source.emit(event);
  source.close();
  assert.deepEqual(await readAll(events), [4, 5]);
  assert.deepEqual(dropped, [1, 2, 3]);
  for (const maxBuffered of [0, -1, NaN]) assert.throws(() => source.listen({ maxBuffered }), ConfigError);
});

test("coalesce keeps only the newest event of each key, at the place of the first", async () => {
  const source = new EventSource<{ id: string; at: number }>();
  const events = source.listen({ coalesce: (event) => event.id });
  const emit = (id: string, at: number) => source.emit({ id, at });
  emit("a", 1);
  emit("b", 2);
  emit("a", 3);
  emit("c", 4);
  assert.deepEqual((await events.next()).value, { id: "a", at: 3 });
  emit("a", 5);
  emit("b", 6);
  source.close();
  assert.deepEqual(await readAll(events), [{ id: "b", at: 6 }, { id: "c", at: 4 }, { id: "a", at: 5 }]);
});

test("an event that is undefined is an event", async () => {
  const source = new EventSource<undefined>();
  const events = source.listen({ maxBuffered: 1 });
  source.emit(undefined);
  source.emit(undefined);
  source.close();
  assert.deepEqual(await readAll(events), [undefined]);
});

test("property: an iterator gives every event once and in order, however emitting and reading mix", { timeout }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom("emit", "read", "turn"), { maxLength: 60 }), async (actions) => {
      const source = new EventSource<number>();
      const events = source.listen();
      const reads: Promise<IteratorResult<number, unknown>>[] = [];
      let emitted = 0;
      for (const action of actions) {
        if (action === "emit") source.emit(emitted++);
        if (action === "read") reads.push(events.next());
        if (action === "turn") await nextTurn();
      }
      source.close();
      const early = (await Promise.all(reads)).filter((result) => !result.done).map((result) => result.value);
      assert.deepEqual([...early, ...await readAll(events)], Array.from({ length: emitted }, (_, index) => index));
    }),
    { numRuns: 150 },
  );
});
