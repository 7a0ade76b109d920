import assert from "node:assert/strict";
import { test } from "node:test";
import { deferred } from "../../src/async/deferred.ts";
import { StemApp } from "../../src/app/stem-app.ts";
import { ClosedError, ConfigError } from "../../src/errors.ts";
import { task } from "../../src/tasks/task.ts";

const timeout = 20_000;
const limit = { timeout: "10s" } as const;
const add = task({ name: "math.add", run: (_ctx, args: { a: number; b: number }) => args.a + args.b });

test("the worker starts with the first enqueue of a task that is known here", { timeout }, async () => {
  const app = await StemApp.inMemory({ tasks: [add] });
  assert.equal(app.worker.state, "idle");
  await app.enqueue("unknown");
  assert.equal(app.worker.state, "idle");
  const handle = await app.enqueue(add, { args: { a: 1, b: 2 } });
  assert.equal(app.worker.state, "running");
  assert.equal(await handle.result(limit), 3);
  assert.equal(await (await app.enqueue("math.add", { args: { a: 2, b: 3 } })).result(limit), 5);
  await app.close();
  assert.equal(app.worker.state, "stopped");
});

test("many first enqueues at once start it once", { timeout }, async () => {
  const app = await StemApp.inMemory({ tasks: [add] });
  let starts = 0;
  app.worker.subscribe(({ type }) => {
    if (type === "started") starts += 1;
  });
  const handles = await Promise.all(Array.from({ length: 20 }, (_, a) => app.enqueue(add, { args: { a, b: 1 } })));
  assert.deepEqual(await Promise.all(handles.map((handle) => handle.result(limit))), Array.from({ length: 20 }, (_, a) => a + 1));
  assert.equal(starts, 1);
  await app.close();
});

test("with autoStart false nothing runs until start", { timeout }, async () => {
  const app = await StemApp.inMemory({ tasks: [add], autoStart: false });
  const handle = await app.enqueue(add, { args: { a: 1, b: 2 } });
  assert.equal(app.worker.state, "idle");
  assert.equal((await handle.status())?.state, "queued");
  await app.start();
  await app.start();
  assert.equal(await handle.result(limit), 3);
  await app.close();
});

test("an app with Beat runs what falls due, from the start on", { timeout }, async () => {
  const ran = deferred<number>();
  const tick = task({ name: "tick", run: (_ctx, args: { n: number }) => ran.resolve(args.n) });
  const app = await StemApp.inMemory({ tasks: [tick], beat: { id: "beat-of-the-app" } });
  assert.deepEqual([app.beat.id, app.beat.state, app.worker.state], ["beat-of-the-app", "running", "running"]);
  const { schedules } = app.stack;
  await schedules.upsert({ id: "once", spec: { kind: "clocked", at: 0 }, task: { name: "tick", args: { n: 7 } } });
  assert.equal(await ran.promise, 7);
  await app.close();
  assert.equal(app.beat.state, "stopped");
});

test("Beat runs only where it is asked for, and with autoStart false not before start", { timeout }, async () => {
  const without = await StemApp.inMemory({ tasks: [add] });
  await without.start();
  assert.deepEqual([without.beat.state, without.worker.state], ["idle", "running"]);
  await without.close();
  const later = await StemApp.inMemory({ beat: true, autoStart: false });
  assert.deepEqual([later.beat.state, later.worker.state], ["idle", "idle"]);
  await later.start();
  assert.equal(later.beat.state, "running");
  await later.close();
});

test("a worker that was stopped stays so, and its app goes on enqueuing", { timeout }, async () => {
  const app = await StemApp.inMemory({ tasks: [add] });
  await app.start();
  await app.worker.shutdown();
  const handle = await app.enqueue(add, { args: { a: 1, b: 2 } });
  assert.equal(handle.accepted, true);
  assert.equal((await handle.status())?.state, "queued");
  await app.close();
});

test("a closed app refuses, and says so", { timeout }, async () => {
  const app = await StemApp.inMemory({ tasks: [add] });
  await Promise.all([app.close(), app.close(), app[Symbol.asyncDispose]()]);
  await app.close();
  await assert.rejects(
    app.enqueue(add, { args: { a: 1, b: 2 } }),
    (error) => error instanceof ClosedError && /enqueue: the app is closed/.test(error.message),
  );
  await assert.rejects(app.start(), ClosedError);
  await assert.rejects(app.stem.enqueue("t"), ClosedError);
});

test("an enqueue that meets the close either is accepted or throws, and is never both", { timeout }, async () => {
  const app = await StemApp.inMemory({ tasks: [add] });
  const enqueuing = Promise.allSettled(Array.from({ length: 10 }, () => app.enqueue(add, { args: { a: 1, b: 2 } })));
  await app.close();
  for (const settled of await enqueuing) {
    if (settled.status === "fulfilled") assert.equal(settled.value.accepted, true);
    else assert.ok(settled.reason instanceof ClosedError, String(settled.reason));
  }
});

for (const mode of ["warm", "soft", "hard"] as const) {
  test(`closing ${mode} treats running tasks as the mode says`, { timeout }, async () => {
    const [begun, end] = [deferred<void>(), deferred<void>()];
    const seen: unknown[] = [];
    const slow = task({
      name: "slow",
      run: async (ctx) => {
        ctx.signal.addEventListener("abort", () => {
          seen.push(ctx.signal.reason);
          if (mode === "soft") end.resolve();
        }, { once: true });
        begun.resolve();
        await end.promise;
        return "ended";
      },
    });
    const app = await StemApp.inMemory({ tasks: [slow] });
    const events: string[] = [];
    app.worker.subscribe(({ type }) => events.push(type));
    await app.enqueue(slow);
    await begun.promise;
    const closing = app.close({ mode });
    if (mode === "warm") end.resolve();
    await closing;
    assert.equal(events.at(-2), mode === "hard" ? "task-put-back" : "task-succeeded");
    assert.equal(seen.length, mode === "warm" ? 0 : 1);
  });
}

test("a stricter close takes over", { timeout }, async () => {
  const begun = deferred<void>();
  const stuck = task({
    name: "stuck",
    run: async () => {
      begun.resolve();
      await deferred<void>().promise;
    },
  });
  const app = await StemApp.inMemory({ tasks: [stuck] });
  await app.enqueue(stuck);
  await begun.promise;
  const closing = app.close();
  await app.close({ mode: "hard" });
  await closing;
});

test("a mistake in the options of close closes nothing", { timeout }, async () => {
  const app = await StemApp.inMemory({ tasks: [add] });
  await app.start();
  await assert.rejects(app.close({ timeout: "a while" }), ConfigError);
  assert.equal(await (await app.enqueue(add, { args: { a: 1, b: 2 } })).result(limit), 3);
  await app.close();
});

test("options reach the producer and the worker", { timeout }, async () => {
  const seen: string[] = [];
  const where = task({ name: "mail.where", run: (ctx) => [ctx.queue, ctx.workerId] });
  const app = await StemApp.inMemory({
    tasks: [where],
    routes: { "mail.*": "mail" },
    worker: { queues: ["mail"], id: "postman", concurrency: 1 },
    middleware: [{
      onEnqueue: async (envelope, next) => {
        seen.push("enqueue");
        await next(envelope);
      },
      onExecute: async (_context, next) => {
        seen.push("execute");
        return await next();
      },
    }],
  });
  assert.deepEqual(await (await app.enqueue(where)).result(limit), ["mail", "postman"]);
  assert.deepEqual(seen, ["enqueue", "execute"]);
  await app.close();
});

test("options that cannot be used leave no store open", { timeout }, async () => {
  await assert.rejects(StemApp.inMemory({ worker: { concurrency: 0 } }), ConfigError);
  await assert.rejects(StemApp.inMemory({ tasks: [add, task({ name: "math.add", run: () => 1 })] }), ConfigError);
  await assert.rejects(StemApp.fromUrl("gopher://hole"), { name: "ConfigError", message: /scheme "gopher"/ });
});
