import { PayloadError, UnsupportedError } from "../errors.ts";
import { task } from "../tasks/task.ts";
import { nextTurn } from "../time/next-turn.ts";
import { equal, ok, present, throws } from "./assert.ts";
import type { ConformanceCase } from "./case.ts";
import { claimOne, expectCounts, rollBack } from "./steps.ts";
import type { TaskEvent } from "./system-rig.ts";
import { gate, onBothSystems, systemLaw, timedSystemLaw } from "./system-rig.ts";
import { keyIn, refusedFor, uniqueStem, uniqueWorker, waitingTask } from "./system-unique.ts";

/** How long a unique task keeps others out, and how one takes another's place. */
export const systemUniqueTimeCases: readonly ConformanceCase[] = Object.freeze([
  ...onBothSystems(
    "[Y32] the lock is held while the task waits, runs and waits for another attempt, and given back with its end",
    async (rig) => {
      const { adapter: { locks } } = rig.context;
      const arrivals = gate(rig.context);
      const failing = task({
        name: "failing",
        unique: true,
        maxRetries: 1,
        retry: { delay: 0 },
        run: async ({ attempt }) => {
          await arrivals.pass(`attempt ${attempt}`);
          if (attempt === 1) throw new Error("once more");
          return attempt;
        },
      });
      const stem = uniqueStem(rig);
      const handle = await stem.enqueue(failing);
      const again = () => stem.enqueue(failing);
      await refusedFor(handle.id, again, "a call while it waits");
      const { until } = await uniqueWorker(rig, { on: await rig.connect(), registry: [failing] });
      await arrivals.untilArrived(1);
      await refusedFor(handle.id, again, "a call while it runs");
      arrivals.open("attempt 1");
      await arrivals.untilArrived(2);
      await refusedFor(handle.id, again, "a call during the second attempt");
      arrivals.open("attempt 2");
      const { delivery } = await until("task-succeeded", handle.id);
      equal(await locks.ownerOf(keyIn(delivery)), undefined, "who holds the lock after the end");
      equal((await again()).accepted, true, "a call after the end");
      arrivals.openAll();
    },
  ),

  ...onBothSystems("[Y32] every end gives the lock back", async (rig) => {
    const { adapter: { locks } } = rig.context;
    const ends: readonly (readonly [name: string, event: TaskEvent["type"], call: object])[] = [
      ["success", "task-succeeded", {}],
      ["failure", "task-failed", {}],
      ["rejection", "task-failed", {}],
      ["unregistered", "task-failed", {}],
      ["unreadable", "task-failed", {}],
      ["expired", "task-cancelled", { expires: 0 }],
    ];
    const registry = [
      task({ name: "success", run: () => undefined }),
      task({ name: "failure", run: () => Promise.reject(new Error("failed")) }),
      task({ name: "rejection", run: (ctx) => ctx.reject("no") }),
      task({ name: "unreadable", run: () => () => undefined }),
      task({ name: "expired", run: () => undefined }),
    ];
    const stem = rig.stem({ lockStore: locks });
    const { until } = await uniqueWorker(rig, { registry });
    for (const [name, event, call] of ends) {
      const handle = await stem.enqueue(name, { unique: true, ...call });
      const { delivery } = await until(event, handle.id);
      equal(await locks.ownerOf(keyIn(delivery)), undefined, `who holds the lock after the end by ${name}`);
    }
  }),

  timedSystemLaw("[Y32] when a worker dies its task keeps the lock for the next one, which gives it back", async (rig) => {
    const { adapter: { locks }, clock, ledger, within } = rig.context;
    const arrivals = gate(rig.context);
    const waiting = waitingTask(arrivals.pass);
    const stem = uniqueStem(rig);
    const handle = await stem.enqueue(waiting, { args: "a" });
    const dying = await claimOne(ledger, { consumer: "dying", leaseMs: 1_000 });
    await clock.advance(1_000);
    await refusedFor(handle.id, () => stem.enqueue(waiting, { args: "a" }), "a call after the crash");
    const { until } = await uniqueWorker(rig, { registry: [waiting] });
    await arrivals.untilArrived(1);
    await refusedFor(handle.id, () => stem.enqueue(waiting, { args: "a" }), "a call while the next worker has it");
    arrivals.openAll();
    await within(until("task-succeeded", handle.id));
    equal(await locks.ownerOf(keyIn(dying)), undefined, "who holds the lock");
    equal((await stem.enqueue(waiting, { args: "a" })).accepted, true, "a call after the end");
  }),

  timedSystemLaw("[Y32] the lock outlives its time to live while the task runs, and while it is delayed", async (rig) => {
    const { adapter: { locks }, clock, within } = rig.context;
    const arrivals = gate(rig.context);
    const waiting = waitingTask(arrivals.pass);
    const stem = uniqueStem(rig);
    const unique = { ttl: 10_000 };
    const { until } = await uniqueWorker(rig, { registry: [waiting] });
    const running = await stem.enqueue(waiting, { args: "running", unique });
    const delayed = await stem.enqueue(waiting, { args: "delayed", unique, delay: "1h" });
    const key = keyIn((await until("task-started", running.id)).delivery);
    const renewed = async (after: number): Promise<void> => {
      while ((await locks.ownerOf(key))?.expiresAt === after) await nextTurn();
    };
    for (let round = 0; round < 10; round++) {
      const { expiresAt } = present(await locks.ownerOf(key), "the lock of the running task");
      await clock.advance(3_334);
      // A store that is not in this process answers in its own time.
      await within(renewed(expiresAt));
    }
    await refusedFor(running.id, () => stem.enqueue(waiting, { args: "running", unique }), "a call long after the time to live");
    await refusedFor(delayed.id, () => stem.enqueue(waiting, { args: "delayed", unique }), "a call during the delay");
    arrivals.openAll();
    await rig.after(1, running.result());
  }),

  ...onBothSystems("[Y32] a publication that fails leaves no lock", async (rig) => {
    const stem = uniqueStem(rig);
    const args = "x".repeat(5 * 1024 * 1024);
    // Refused where it would be written, after the lock was taken: twice in the same way.
    for (const round of [1, 2]) {
      await throws(() => stem.enqueue("large", { args, unique: true }), PayloadError, `round ${round}`);
      await throws(
        () => stem.enqueueMany([{ task: "small", unique: true }, { task: "large", args, unique: true }]),
        PayloadError,
        `many ${round}`,
      );
    }
    equal((await stem.enqueue("small", { unique: true })).accepted, true, "what was to be published together with it");
  }),

  ...onBothSystems("[Y32] a lock that a task left behind when it ended blocks nobody", async (rig) => {
    const { adapter: { locks }, ledger } = rig.context;
    const stem = uniqueStem(rig);
    const plain = task({ name: "plain", run: () => undefined });
    const cancelled = await stem.enqueue(plain, { unique: true });
    await ledger.cancel([cancelled.id]);
    const handle = await stem.enqueue(plain, { unique: true });
    equal(handle.accepted, true, "a call after the first was cancelled while it waited");
    // A worker that knows nothing of locks.
    const { until } = await rig.start({ registry: [plain] });
    const { delivery } = await until("task-succeeded", handle.id);
    equal((await locks.ownerOf(keyIn(delivery)))?.owner, handle.id, "who holds the lock");
    const next = await stem.enqueue(plain, { unique: true });
    equal(next.accepted, true, "a call after the second has ended");
  }),

  timedSystemLaw("[Y32] a lock whose task was never published ends within half a minute", async (rig) => {
    const { adapter: { locks }, clock, ledger } = rig.context;
    const stem = uniqueStem(rig);
    await stem.enqueue("work", { unique: true });
    const key = keyIn(await claimOne(ledger));
    await locks.release(present(await locks.ownerOf(key), "the lock"));
    // What a producer leaves that dies at that moment.
    await locks.acquireAll([{ key, owner: "never published", ttl: 30_000 }]);
    await refusedFor("never published", () => stem.enqueue("work", { unique: true }), "a call at once");
    await clock.advance(30_000);
    equal((await stem.enqueue("work", { unique: true })).accepted, true, "a call half a minute later");
  }),

  timedSystemLaw("[Y33] a debounced call takes the place of the one that waits: the last one runs, at its own time", async (rig) => {
    const { clock, results } = rig.context;
    const stem = uniqueStem(rig, await rig.connect());
    const save = task({ name: "save", unique: { mode: "debounce", key: "doc" }, run: (_ctx, text: string) => text });
    const { events } = await uniqueWorker(rig, { registry: [save] });
    const handles = [];
    for (const text of ["a", "ab", "abc"]) {
      handles.push(await stem.enqueue(save, { args: text, delay: 5_000 }));
      await clock.advance(2_000);
    }
    equal(handles.map(({ accepted }) => accepted), [true, true, true], "whether they were accepted");
    const last = present(handles[2], "the last handle");
    equal(await rig.after(3_000, last.result()), "abc", "the result of the last one");
    const states = (await results.getMany(handles.map(({ id }) => id))).map((status) => status?.state);
    equal(states, ["cancelled", "cancelled", "succeeded"], "the states");
    const why = (await results.get(present(handles[1], "a handle").id))?.error?.message ?? "";
    ok(why.includes(last.id), `Expected the reason to name the task that replaced it, found: ${why}`);
    equal(events.filter(({ type }) => type === "task-started").length, 1, "how many started");
  }),

  systemLaw("[Y33] a debounced call does not disturb the one that runs: it waits behind it, and is replaced by the next", async (rig) => {
    const { results } = rig.context;
    const arrivals = gate(rig.context);
    const save = task({ name: "save", unique: { mode: "debounce", key: "doc" }, run: (_ctx, text: string) => arrivals.pass(text) });
    const stem = uniqueStem(rig);
    const { until } = await uniqueWorker(rig, { registry: [save], concurrency: 1 });
    const running = await stem.enqueue(save, { args: "running" });
    await arrivals.untilArrived(1);
    const replaced = await stem.enqueue(save, { args: "replaced", delay: "1h" });
    const last = await stem.enqueue(save, { args: "last" });
    arrivals.openAll();
    equal([await rig.result(running), await rig.result(last)], ["running", "last"], "the results");
    equal((await results.get(replaced.id))?.state, "cancelled", "the state of the one in between");
    const { delivery } = await until("task-succeeded", last.id);
    equal(await rig.context.adapter.locks.ownerOf(keyIn(delivery)), undefined, "who holds the lock at the end");
  }),

  timedSystemLaw("[Y33] a throttled call lets no other through until its window has passed, whatever became of it", async (rig) => {
    const { clock } = rig.context;
    const ping = task({ name: "ping", unique: { mode: "throttle", window: 60_000 }, run: () => undefined });
    const stem = uniqueStem(rig);
    const { until } = await uniqueWorker(rig, { registry: [ping] });
    const first = await stem.enqueue(ping);
    await until("task-succeeded", first.id);
    await clock.advance(59_000);
    const dropped = await stem.enqueue(ping);
    equal([dropped.id, dropped.accepted], [first.id, false], "a call within the window");
    await clock.advance(1_000);
    const next = await stem.enqueue(ping);
    equal(next.accepted, true, "a call after the window");
    await until("task-succeeded", next.id);
  }),

  ...onBothSystems("[Y19 Y34] with tx the lock is taken with the publication, and not at all when that rolls back", async (rig) => {
    const { adapter: { locks, supports }, broker, transaction, within } = rig.context;
    const stem = uniqueStem(rig);
    const enqueue = (tx?: object) => stem.enqueue("work", { args: 1, unique: true, ...(tx === undefined ? {} : { tx }) });
    if (!supports.transactions) {
      await throws(() => enqueue({}), UnsupportedError, "a unique call with tx");
      await expectCounts(broker, {}, "the queue");
      return;
    }
    const run = present(transaction, "a harness with `transaction`, since supports.transactions is true");
    await within(rollBack(run, async (tx) => equal((await enqueue(tx)).accepted, true, "the answer inside")));
    await expectCounts(broker, {}, "the queue after the rollback");
    const ids: string[] = [];
    await within(run(async (tx) => {
      const { id } = await enqueue(tx);
      ids.push(id);
      await refusedFor(id, () => enqueue(tx), "another call in the transaction");
      const same = await stem.enqueue("work", { args: 1, unique: { mode: "existing" }, tx });
      equal([same.id, same.accepted], [id, false], "one that takes what there is");
    }));
    await refusedFor(present(ids[0], "an id"), () => enqueue(), "a call after the commit");
    const delivery = await claimOne(broker);
    equal((await locks.ownerOf(keyIn(delivery)))?.owner, delivery.envelope.id, "who holds the lock");
    const debounced = (tx: object) => stem.enqueue("save", { unique: { mode: "debounce" }, tx });
    await within(rollBack(run, async (tx) => void await throws(() => debounced(tx), UnsupportedError, "a debounced call with tx")));
  }),
]);
