import assert from "node:assert/strict";
import { test } from "node:test";
import { envelope } from "../../src/model/envelope.ts";
import type { TaskContext } from "../../src/tasks/context.ts";
import type { Middleware } from "../../src/tasks/middleware.ts";
import { execute, intercept } from "../../src/tasks/middleware.ts";

const timeout = 20_000;
const context = {} as TaskContext;

test("without middleware a synchronous handler costs no promise", { timeout }, () => {
  assert.equal(execute([], context, () => 7), 7);
  assert.throws(() =>
    execute([], context, () => {
      throw new RangeError("no");
    }), RangeError);
});

test("layers that do not look at runs are passed by", { timeout }, async () => {
  assert.equal(await execute([{}, { onEnqueue: (each, next) => next(each) }], context, () => 7), 7);
});

test("layers are called on their own objects, with the same context", { timeout }, async () => {
  class Counting implements Middleware {
    runs = 0;
    async onExecute(seen: TaskContext, next: () => Promise<unknown>): Promise<unknown> {
      assert.equal(seen, context);
      this.runs += 1;
      return await next();
    }
    async onEnqueue(each: Parameters<typeof intercept>[1], next: (passed: typeof each) => Promise<void>): Promise<void> {
      this.runs += 10;
      await next(each);
    }
  }
  const counting = new Counting();
  assert.equal(await execute([counting, counting], context, () => "done"), "done");
  await intercept([counting], envelope({ name: "t" }));
  assert.equal(counting.runs, 12);
});

test("what a layer throws reaches the outer ones, as does what the handler throws", { timeout }, async () => {
  const seen: unknown[] = [];
  const outer: Middleware = {
    onExecute: async (_context, next) => {
      try {
        return await next();
      } catch (error) {
        seen.push(error);
        return "mended";
      }
    },
  };
  const error = new Error("inner");
  assert.equal(await execute([outer], context, () => Promise.reject(error)), "mended");
  assert.equal(await execute([outer, { onExecute: () => Promise.reject(error) }], context, () => 1), "mended");
  assert.deepEqual(seen, [error, error]);
});

test("an envelope that is not passed on is gone", { timeout }, async () => {
  const given = envelope({ name: "t" });
  assert.equal(await intercept([], given), given);
  assert.equal(await intercept([{ onEnqueue: async () => {} }], given), undefined);
  const changed = await intercept([{ onEnqueue: (each, next) => next({ ...each, priority: 3 }) }], given);
  assert.equal(changed?.priority, 3);
});
