/** What a producer makes of calls; what holds on every store is in the conformance suite. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError, PayloadError } from "../../src/errors.ts";
import { memory } from "../../src/memory.ts";
import { Stem } from "../../src/producer/stem.ts";
import type { StemOptions } from "../../src/producer/stem.ts";
import { TaskRegistry } from "../../src/tasks/registry.ts";
import { task } from "../../src/tasks/task.ts";
import { ManualClock } from "../../src/time/manual-clock.ts";
import { numberFromText } from "../tasks/schemas.ts";

const timeout = 20_000;
const noted = task({ name: "noted", priority: 3, queue: "notes", run: () => 1 });

/** A producer on a memory database, and on a clock that stands still. */
function producer(options: Partial<StemOptions> = {}) {
  const clock = new ManualClock();
  const adapter = memory({ clock });
  return { clock, adapter, stem: new Stem({ broker: adapter.broker, backend: adapter.results, clock, ...options }) };
}

test("a bare call makes a plain envelope", { timeout }, async () => {
  const { clock, stem } = producer();
  const { id, ...rest } = await stem.prepare({ task: "bare" });
  assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  assert.deepEqual(rest, {
    name: "bare",
    queue: "default",
    headers: {},
    meta: { __stemArgsEncoder: "json" },
    priority: 0,
    attempt: 1,
    maxRetries: 0,
    enqueuedAt: clock.now(),
  });
});

test("a task's defaults apply by name where it is registered, and to the task itself everywhere", { timeout }, async () => {
  const { stem: stranger } = producer();
  const { stem: friend } = producer({ registry: new TaskRegistry([noted]) });
  const made = await Promise.all([
    stranger.prepare({ task: "noted" }),
    stranger.prepare({ task: noted }),
    friend.prepare({ task: "noted" }),
    friend.prepare({ task: "noted", priority: 0, queue: "other" }),
  ]);
  assert.deepEqual(made.map(({ queue, priority }) => [queue, priority]), [["default", 0], ["notes", 3], ["notes", 3], ["other", 0]]);
});

test("the queue comes from the call, else the task, else the routes, else it is the default", { timeout }, async () => {
  const { stem } = producer({ registry: [noted], routes: { "n*": "routed" } });
  const queues = [{ task: noted, queue: "called" }, { task: noted }, { task: "nameless" }, { task: "other" }];
  assert.deepEqual(await Promise.all(queues.map(async (call) => (await stem.prepare(call)).queue)), [
    "called",
    "notes",
    "routed",
    "default",
  ]);
});

test("a lineage makes a child", { timeout }, async () => {
  const { stem } = producer();
  const lineage = { parentId: "parent", rootId: "root", headers: { traceparent: "00-1", kept: "yes" } };
  const child = await stem.prepare({ task: "t", headers: { kept: "no", own: "1" } }, lineage);
  assert.deepEqual([child.parentId, child.rootId, child.headers], ["parent", "root", { traceparent: "00-1", kept: "no", own: "1" }]);
});

test("linked calls are built along, however deep, with ids that stay", { timeout }, async () => {
  const { stem, adapter } = producer();
  const envelope = await stem.prepare({
    task: "first",
    headers: { TraceParent: "00-2", secret: "x" },
    links: {
      onSuccess: [{ task: noted, links: { onFailure: [{ task: "third", id: "third" }] } }, { task: "other" }],
      onFailure: [],
    },
  });
  const [second, other] = envelope.onSuccess ?? [];
  assert.equal("onFailure" in envelope, false);
  assert.deepEqual([second?.name, second?.queue, second?.parentId, second?.rootId], ["noted", "notes", envelope.id, envelope.id]);
  assert.deepEqual(second?.headers, { TraceParent: "00-2" });
  assert.notEqual(second?.id, other?.id);
  const [third] = second?.onFailure ?? [];
  assert.deepEqual([third?.id, third?.parentId, third?.rootId, third?.headers], ["third", second?.id, envelope.id, {
    TraceParent: "00-2",
  }]);
  assert.deepEqual(await stem.publish([envelope, envelope]), [true, false]);
  assert.deepEqual(await adapter.broker.counts("default"), { ready: 1, delayed: 0, inflight: 0, dead: 0 });
});

test("links that go on for ever are refused", { timeout }, async () => {
  const { stem } = producer();
  let call: Parameters<typeof stem.prepare>[0] = { task: "last" };
  for (let depth = 0; depth < 120; depth++) call = { task: "step", links: { onSuccess: [call] } };
  await assert.rejects(stem.prepare(call), { name: "ConfigError", message: /nested deeper than 100/ });
});

test("the caller's transaction does not get into the envelope", { timeout }, async () => {
  const { stem, adapter } = producer();
  await stem.enqueue("t", { tx: undefined, args: 1 } as { args: number });
  const [delivery] = await adapter.broker.claim({ queues: ["default"], limit: 1, consumer: "c" });
  assert.equal("tx" in (delivery?.envelope ?? { tx: 1 }), false);
});

test("times are counted on the producer's clock or left to the store's", { timeout }, async () => {
  const { clock, stem } = producer();
  assert.equal((await stem.prepare({ task: "t", delay: "5s" })).delayMs, 5_000);
  assert.equal((await stem.prepare({ task: "t", eta: 123_456 })).notBefore, 123_456);
  assert.equal((await stem.prepare({ task: "t", eta: new Date(123_456) })).notBefore, 123_456);
  assert.equal((await stem.prepare({ task: "t", expires: "1m" })).expiresAt, clock.now() + 60_000);
  await assert.rejects(stem.prepare({ task: "t", delay: "5s", eta: 5 }), { name: "ConfigError", message: /both delay "5s" and eta/ });
});

test("arguments are checked by the schema, and sent as they were given", { timeout }, async () => {
  const { stem } = producer();
  const half = task({ name: "half", input: numberFromText, run: (_ctx, args) => args / 2 });
  assert.equal((await stem.prepare({ task: half, args: "42" })).args, "42");
  await assert.rejects(stem.prepare({ task: half, args: "many" }), PayloadError);
});

test("tasks that share a name are refused when the producer is made", { timeout }, () => {
  assert.throws(() => producer({ registry: [noted, task({ name: "noted", run: () => 2 })] }), ConfigError);
});

test("a handle reads what is there, and throws what was thrown", { timeout }, async () => {
  const { adapter, stem, clock } = producer();
  const handle = stem.handle("some-task");
  assert.equal(await handle.status(), undefined);
  assert.equal(handle.accepted, false);
  const failure = { name: "RangeError", message: "out", stack: "RangeError: out\n  at there", cause: { name: "Error", message: "deep" } };
  await adapter.results.set("some-task", "failed", { error: failure });
  await assert.rejects(handle.result(), (error) => {
    assert.ok(error instanceof Error && error.cause instanceof Error && error.cause.cause instanceof Error);
    assert.deepEqual([error.name, error.message], ["TaskFailedError", `Task "some-task" failed: out`]);
    assert.deepEqual([error.cause.name, error.cause.stack, error.cause.cause.message], ["RangeError", failure.stack, "deep"]);
    return true;
  });
  await adapter.results.set("unexplained", "failed");
  await assert.rejects(stem.handle("unexplained").result(), { message: /no reason was recorded/ });
  await adapter.results.set("revoked", "cancelled", { error: { name: "TaskRevokedError", message: "changed our minds" } });
  await assert.rejects(stem.handle("revoked").result(), { name: "TaskRevokedError", message: /changed our minds/ });
  const revoking = new Stem({ broker: adapter.broker, backend: adapter.results, revokeStore: adapter.revocations, clock });
  const later = await revoking.enqueue("later", { id: "for-no-reason", delay: "1h" });
  await later.revoke();
  await assert.rejects(later.result(), { reason: undefined, message: 'Task "for-no-reason" was revoked' });
  await adapter.results.set("foreign", "succeeded", { payload: 5 });
  await assert.rejects(stem.handle("foreign").result(), { name: "PayloadError", message: /Cannot find encoder undefined/ });
  await adapter.results.set("empty", "succeeded");
  assert.equal(await stem.handle("empty").result(), undefined);
  const waiting = assert.rejects(stem.handle("never").result({ timeout: "2s" }), { name: "TimeoutError" });
  await clock.waitForTimers(1);
  await clock.advance(2_000);
  await waiting;
  await assert.rejects(stem.handle("never").result({ signal: AbortSignal.abort(new RangeError("enough")) }), RangeError);
});

test("watching ends with the task", { timeout }, async () => {
  const { adapter, stem } = producer();
  const seen: string[] = [];
  const { id } = await stem.enqueue("t");
  const watching = (async () => {
    for await (const { state } of stem.handle(id).watch()) {
      seen.push(state);
      if (state === "queued") await adapter.results.set(id, "running");
      if (state === "running") await adapter.results.set(id, "succeeded");
    }
  })();
  await watching;
  assert.deepEqual(seen, ["queued", "running", "succeeded"]);
});
