import { deferred } from "../async/deferred.ts";
import { TaskFailedError, TimeoutError } from "../errors.ts";
import { task } from "../tasks/task.ts";
import { equal, ok, throws } from "./assert.ts";
import type { ConformanceCase } from "./case.ts";
import { gate, timedSystemLaw } from "./system-rig.ts";

/** Resolves when the signal aborts, with its reason. */
function aborted(signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(signal.reason);
    signal.addEventListener("abort", () => resolve(signal.reason), { once: true });
  });
}

/** How long a handler may run. */
export const systemLimitCases: readonly ConformanceCase[] = Object.freeze([
  timedSystemLaw("[Y7] the soft limit aborts ctx.softLimit only, and the handler ends in good order", async (rig) => {
    const { clock } = rig.context;
    const reasons: unknown[] = [];
    const tidy = task({
      name: "tidy",
      run: async (ctx) => {
        reasons.push(await aborted(ctx.softLimit));
        return ctx.signal.aborted ? "aborted" : "tidied up";
      },
    });
    const worker = await rig.start({ registry: [tidy] });
    const handle = await rig.stem().enqueue(tidy, { softTimeLimit: "2s", timeLimit: "4s" });
    await worker.until("task-started", handle.id);
    await clock.advance(1_999);
    equal(reasons.length, 0, "whether it aborted a millisecond early");
    await clock.advance(1);
    equal(await rig.result(handle), "tidied up", "the result");
    const [reason] = reasons;
    ok(reason instanceof TimeoutError, `Expected a TimeoutError as the reason, found ${String(reason)}`);
    equal(reason.timeoutMs, 2_000, "the limit that it names");
  }),

  timedSystemLaw("[Y7] ctx.softLimit aborts also for a handler that looks at it late, and never without a limit", async (rig) => {
    const { clock } = rig.context;
    const doors = gate(rig.context);
    const late = task({
      name: "late",
      run: async (ctx) => {
        await doors.pass(ctx.id);
        return ctx.softLimit.aborted;
      },
    });
    await rig.start({ registry: [late] });
    const limited = await rig.stem().enqueue(late, { softTimeLimit: "1s" });
    const unlimited = await rig.stem().enqueue(late);
    await doors.untilArrived(2);
    await clock.advance(1_000);
    doors.openAll();
    equal([await rig.result(limited), await rig.result(unlimited)], [true, false], "whether it had aborted");
  }),

  timedSystemLaw("[Y7] the time limit aborts ctx.signal, and fails the attempt whatever the handler returns then", async (rig) => {
    const { clock } = rig.context;
    const reasons: unknown[] = [];
    const slow = task({
      name: "slow",
      run: async (ctx) => {
        reasons.push(await aborted(ctx.signal));
        return "too late";
      },
    });
    const worker = await rig.start({ registry: [slow] });
    const handle = await rig.stem().enqueue(slow, { timeLimit: "3s" });
    await worker.until("task-started", handle.id);
    await clock.advance(2_999);
    equal(reasons.length, 0, "whether it aborted a millisecond early");
    await clock.advance(1);
    await throws(() => rig.result(handle), TaskFailedError, "result() of a task that ran too long");
    const [reason] = reasons;
    ok(reason instanceof TimeoutError, `Expected a TimeoutError as the reason, found ${String(reason)}`);
    const { error } = await rig.status(handle.id);
    equal([error?.name, error?.code], ["TimeoutError", "TIMEOUT"], "the error on record");
    ok(error?.message.includes("3000 ms") === true, `Expected the message to name the limit, found ${error?.message}`);
  }),

  timedSystemLaw("[Y7] a handler that never ends loses its slot after the grace time, and its attempt counts as failed", async (rig) => {
    const { clock } = rig.context;
    const never = deferred<void>();
    const endless = task({
      name: "endless",
      run: async (ctx) => {
        if (ctx.attempt === 1) await never.promise;
        return "second attempt";
      },
    });
    const next = task({ name: "next", run: () => "next" });
    const worker = await rig.start({ registry: [endless, next], concurrency: 1, prefetch: 0, grace: "2s" });
    const stem = rig.stem();
    const handle = await stem.enqueue(endless, { timeLimit: "3s", retry: { delay: "1s", jitter: "none", maxRetries: 1 } });
    await worker.until("task-started", handle.id);
    const waiting = await stem.enqueue(next);
    await clock.advance(3_000);
    equal(worker.events.filter(({ type }) => type === "task-retrying").length, 0, "whether it was left behind before the grace time");
    await rig.after(2_000, worker.until("task-retrying", handle.id));
    equal((await rig.status(handle.id)).error?.name, "TimeoutError", "the error in between");
    equal(await rig.result(waiting), "next", "what the slot runs then");
    await rig.after(1_000, worker.until("task-succeeded", handle.id));
    equal(await rig.result(handle), "second attempt", "the result");
  }),

  timedSystemLaw("[Y7] a handler that ends in time leaves no timer behind", async (rig) => {
    const { clock } = rig.context;
    const quick = task({ name: "quick", run: () => "quick" });
    const failing = task({
      name: "failing",
      run: () => {
        throw new Error("quick, too");
      },
    });
    const worker = await rig.start({ registry: [quick, failing], lease: "30s" });
    const stem = rig.stem({ registry: [] });
    await rig.result(await stem.enqueue(quick));
    await rig.context.within(worker.untilCount("task-succeeded", 1));
    const limits = { softTimeLimit: "10m", timeLimit: "20m" } as const;
    const handles = await stem.enqueueMany([quick, failing, quick, failing].map((each) => ({ task: each, ...limits })));
    await Promise.all(handles.map(({ id }) => rig.ended(id)));
    await worker.untilCount("task-failed", 2);
    // What is left are the worker's own: heartbeat, leases, the wait of its claim.
    await rig.context.within(worker.worker.shutdown());
    ok((clock.nextTimerMs ?? 0) < 600_000, `Expected no timer of a time limit, found one in ${clock.nextTimerMs} ms`);
  }),
]);
