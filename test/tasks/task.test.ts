import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "../../src/errors.ts";
import { memory } from "../../src/memory.ts";
import { Stem } from "../../src/producer/stem.ts";
import type { TaskHandle } from "../../src/producer/task-handle.ts";
import type { TaskContext } from "../../src/tasks/context.ts";
import type { AnyTask, Task } from "../../src/tasks/task.ts";
import { task } from "../../src/tasks/task.ts";
import { numberFromText } from "./schemas.ts";

const timeout = 20_000;

/** True when both types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;

/** Compiles only for `true`: what is checked is checked by the type checker. */
function expectType<_Holds extends true>(): void {}

test("a task keeps its definition, frozen", { timeout }, () => {
  const add = task({ name: "math.add", queue: "math", maxRetries: 2, run: (_ctx, args: { a: number; b: number }) => args.a + args.b });
  assert.equal(add.name, "math.add");
  assert.equal(add.queue, "math");
  assert.equal(add.maxRetries, 2);
  assert.deepEqual(add.metadata, {});
  assert.ok(Object.isFrozen(add));
  assert.ok(Object.isFrozen(add.metadata));
  assert.equal("types" in add, false);
});

test("run is called on its definition", { timeout }, () => {
  const definition = {
    name: "counter",
    step: 2,
    run(_ctx: TaskContext, args: number): number {
      return args + this.step;
    },
  };
  const context = {} as TaskContext;
  assert.equal(task(definition).run(context, 40), 42);
});

test("mistakes in a definition throw ConfigError that names the task", { timeout }, () => {
  const run = (): void => {};
  const bad: readonly (readonly [RegExp, () => AnyTask])[] = [
    [/task's name/, () => task({ name: "", run })],
    [/task's name/, () => task({ name: "a\u0000b", run })],
    [/"t".*function as run/, () => task(JSON.parse('{ "name": "t" }') as { name: string; run: () => void })],
    [/queue of task "t"/, () => task({ name: "t", queue: "", run })],
    [/priority of task "t"/, () => task({ name: "t", priority: 10, run })],
    [/maxRetries of task "t"/, () => task({ name: "t", maxRetries: -1, run })],
    [/timeLimit/, () => task({ name: "t", timeLimit: "soon", run })],
    [/expires/, () => task({ name: "t", expires: -1, run })],
    [/backoff/, () => task(JSON.parse('{ "name": "t", "retry": { "backoff": "wild" } }') as { name: string; run: () => void })],
  ];
  for (const [pattern, define] of bad.slice(0, 8)) {
    assert.throws(define, (error) => error instanceof ConfigError && pattern.test(error.message));
  }
  assert.throws(() => task({ name: "t", retry: { factor: 0 }, run }), { name: "ConfigError", message: /factor/ });
});

test("the types of arguments and results follow from run", { timeout }, () => {
  const sync = task({ name: "sync", run: (_ctx, args: { a: number }) => String(args.a) });
  const later = task({ name: "later", run: async (_ctx, args: readonly string[]) => args.length });
  const bare = task({ name: "bare", run: () => 7 });
  const maybe = task({ name: "maybe", run: (_ctx, args?: { limit: number }) => args?.limit });
  expectType<Same<typeof sync, Task<{ a: number }, string>>>();
  expectType<Same<typeof later, Task<readonly string[], number>>>();
  expectType<Same<typeof bare, Task<unknown, number>>>();
  expectType<Same<typeof maybe, Task<{ limit: number } | undefined, number | undefined>>>();
  assert.deepEqual([sync, later, bare, maybe].map(({ name }) => name), ["sync", "later", "bare", "maybe"]);
});

test("a schema gives its input to callers and its output to run", { timeout }, () => {
  const half = task({
    name: "half",
    input: numberFromText,
    run: (_ctx, args) => {
      expectType<Same<typeof args, number>>();
      return args / 2;
    },
  });
  expectType<Same<typeof half, Task<string, number>>>();
  assert.equal(half.input, numberFromText);
});

test("enqueue takes the arguments of its task, and gives a handle on its result", { timeout }, async () => {
  const adapter = memory();
  const stem = new Stem({ broker: adapter.broker, backend: adapter.results });
  const add = task({ name: "add", run: (_ctx, args: { a: number }) => args.a });
  const bare = task({ name: "bare", run: async () => "text" });
  const half = task({ name: "half", input: numberFromText, run: (_ctx, args) => args / 2 });

  const handle = await stem.enqueue(add, { args: { a: 1 } });
  expectType<Same<typeof handle, TaskHandle<number>>>();
  expectType<Same<Awaited<ReturnType<typeof handle.result>>, number>>();
  const text = await stem.enqueue(bare);
  expectType<Same<typeof text, TaskHandle<string>>>();
  await stem.enqueue(bare, { delay: "1s" });
  await stem.enqueue(half, { args: "3" });
  await stem.enqueue("by.name");
  const named = await stem.enqueue("by.name", { args: [1, "anything"] });
  expectType<Same<typeof named, TaskHandle<unknown>>>();
  const found = stem.handle(handle.id, add);
  assert.equal(found.id, handle.id);
  await stem.enqueueMany([{ task: add, args: { a: 1 } }, { task: "by.name" }]);

  // What follows must not compile; what it would do at run time is of no interest.
  const refused = async (): Promise<void> => {
    // @ts-expect-error A number is wanted.
    await stem.enqueue(add, { args: { a: "1" } });
    // @ts-expect-error An argument is missing.
    await stem.enqueue(add, { args: {} });
    // @ts-expect-error The arguments are missing.
    await stem.enqueue(add, { delay: "1s" });
    // @ts-expect-error The options are missing.
    await stem.enqueue(add);
    // @ts-expect-error One argument too many.
    await stem.enqueue(add, { args: { a: 1, b: 2 } });
    // @ts-expect-error The schema's output is not its input.
    await stem.enqueue(half, { args: 3 });
    // @ts-expect-error No such option.
    await stem.enqueue(bare, { priorty: 3 });
    // @ts-expect-error Results are not what a handler does not return.
    const wrong: string = await handle.result();
    void wrong;
  };
  assert.equal(typeof refused, "function");
  await adapter.close();
});

test("children are typed as well", { timeout }, () => {
  const add = task({ name: "add", run: (_ctx, args: { a: number }) => args.a });
  const parent = task({
    name: "parent",
    run: async (ctx) => {
      const id = await ctx.enqueue(add, { args: { a: 1 } });
      expectType<Same<typeof id, string>>();
      // @ts-expect-error A number is wanted.
      await ctx.enqueue(add, { args: { a: "1" } });
      // @ts-expect-error The arguments are missing.
      await ctx.enqueue(add);
      return id;
    },
  });
  expectType<Same<typeof parent, Task<unknown, string>>>();
  assert.equal(parent.name, "parent");
});
