import type { Deferred } from "../async/deferred.ts";
import { deferred } from "../async/deferred.ts";
import type { Adapter } from "../contracts/adapter.ts";
import type { Broker } from "../contracts/broker.ts";
import type { Logger } from "../contracts/logger.ts";
import type { RevokeStore } from "../contracts/revoke-store.ts";
import type { ResultBackend } from "../contracts/result-backend.ts";
import type { TaskSystem } from "../contracts/system.ts";
import type { TaskStatus } from "../model/task-status.ts";
import type { StemOptions } from "../producer/stem.ts";
import { Stem } from "../producer/stem.ts";
import type { TaskHandle } from "../producer/task-handle.ts";
import { withDeadline } from "../time/sleep.ts";
import type { WorkerEvent } from "../worker/events.ts";
import type { WorkerOptions } from "../worker/worker-options.ts";
import { Worker } from "../worker/worker.ts";
import { equal, present } from "./assert.ts";
import type { CaseContext, ConformanceCase } from "./case.ts";

/** How a rig makes producers. */
export interface RigStemOptions extends Omit<StemOptions, "broker" | "backend"> {
  /** The connection to use. @default the first one */
  readonly on?: Adapter;
}

/** How a rig makes workers. */
export interface RigWorkerOptions extends Partial<WorkerOptions> {
  /** The connection to use. @default the first one */
  readonly on?: Adapter;
  /** Whether this worker is expected to report errors. @default false: an error that it reports fails the case */
  readonly mayReport?: boolean;
}

/** An event about one task. */
export type TaskEvent = Extract<WorkerEvent, { readonly delivery: unknown }>;

/** A worker of a case, with a record of what happened in it. */
export interface RigWorker {
  /** The worker. */
  readonly worker: Worker;
  /** Every event so far. */
  readonly events: readonly WorkerEvent[];
  /** Waits for an event about a task, one that has happened included. */
  until(type: TaskEvent["type"], taskId: string): Promise<TaskEvent>;
  /** Waits until so many events of a type have happened. */
  untilCount(type: WorkerEvent["type"], count: number): Promise<void>;
}

interface Watched extends RigWorker {
  readonly mayReport: boolean;
}

const quiet: Logger = Object.freeze({ debug() {}, info() {}, warn() {}, error() {} });

// How long a signal may take in real time before the clock of the case moves on by another poll of the stores.
const turnMs = 250;
const pollMs = 1_000;

/** Producers and workers on the stores of a case. Its workers are shut down after it. */
export class Rig {
  /** What the case works with. */
  readonly context: CaseContext;
  readonly #workers: Watched[] = [];

  /** Makes a rig without workers. */
  constructor(context: CaseContext) {
    this.context = context;
  }

  /** The stores of a connection, as producers and workers take them. */
  system(on: Adapter = this.context.adapter): TaskSystem {
    const isSeparate = this.context.ledger.atomic === false;
    return { broker: isSeparate ? withMethod(on.broker, "joinWith", () => undefined) : on.broker, backend: on.results };
  }

  /** Makes a producer. */
  stem({ on, ...options }: RigStemOptions = {}): Stem {
    return new Stem({ ...this.#time, ...this.system(on), ...options });
  }

  /** Makes a worker that is not started yet. */
  worker({ on, mayReport = false, ...options }: RigWorkerOptions = {}): RigWorker {
    const worker = new Worker({ registry: [], logger: quiet, ...this.#time, ...this.system(on), ...options });
    const watched = watch(this.context, worker, mayReport);
    this.#workers.push(watched);
    return watched;
  }

  /** Makes a worker and starts it. */
  async start(options: RigWorkerOptions = {}): Promise<RigWorker> {
    const made = this.worker(options);
    await this.context.within(made.worker.start());
    return made;
  }

  /** Opens another connection. */
  connect(): Promise<Adapter> {
    return this.context.second();
  }

  /** Gives a task's result, within the limit of the case. */
  result<Result>(handle: TaskHandle<Result>): Promise<Result> {
    return this.context.within(handle.result());
  }

  /** Waits for a task's end, and gives its status. */
  ended(taskId: string): Promise<TaskStatus> {
    return this.context.within(this.context.results.waitFor(taskId));
  }

  /** Reads a task's status, and fails when there is none. */
  async status(taskId: string): Promise<TaskStatus> {
    return present(await this.context.results.get(taskId), `the status of "${taskId}"`);
  }

  /**
   * Moves the clock by `ms`, and gives what the promise gives. While that is open the clock moves on, as time does: whoever looked at the
   * old time just before may have set its timer by that.
   */
  async after<T>(ms: number, promise: Promise<T>): Promise<T> {
    const { clock, within } = this.context;
    const settled = promise.then(() => true, () => true);
    await clock.advance(ms);
    for (let moves = 0; moves < 30; moves++) {
      if (await withDeadline(settled, turnMs).catch(() => false)) return await promise;
      await clock.advance(pollMs);
    }
    return await within(promise);
  }

  /** Shuts every worker down by force, and fails when one reported an error that it should not have. */
  async close(): Promise<void> {
    const ended = this.#workers.map(({ worker }) => worker.shutdown({ mode: "hard" }));
    await this.context.within(Promise.all(ended));
    const reported = this.#workers.filter(({ mayReport }) => !mayReport).flatMap(({ events }) =>
      events.flatMap((event) => event.type === "error" ? [`${event.operation}: ${String(event.error)}`] : [])
    );
    equal(reported, [], "errors that workers reported");
  }

  get #time(): Pick<WorkerOptions, "clock"> {
    return this.context.isManual ? { clock: this.context.clock } : {};
  }
}

/** Makes a case with producers and workers, whose stores live in their own time. */
export function systemLaw(title: string, run: (rig: Rig) => Promise<void>): ConformanceCase {
  return Object.freeze({ title, clock: "system", run: withRig(run) });
}

/** Makes a case with producers and workers, all of which live by the clock of the case. */
export function timedSystemLaw(title: string, run: (rig: Rig) => Promise<void>): ConformanceCase {
  return Object.freeze({ title, clock: "manual", run: withRig(run) });
}

/** Makes the same case twice: with stores that write in one step, and with such that are written one after the other. */
export function onBothSystems(title: string, run: (rig: Rig) => Promise<void>): readonly ConformanceCase[] {
  return (["joined", "separate"] as const).map((ledger) =>
    Object.freeze({ title: `${title}: ${ledger}`, clock: "system" as const, ledger, run: withRig(run) })
  );
}

/** The same as {@link onBothSystems}, by the clock of the case. */
export function timedOnBothSystems(title: string, run: (rig: Rig) => Promise<void>): readonly ConformanceCase[] {
  return onBothSystems(title, run).map((each) => Object.freeze({ ...each, clock: "manual" as const }));
}

/** A store with another implementation of one method. */
export function withMethod<Target extends Broker | ResultBackend | RevokeStore, Name extends keyof Target>(
  store: Target,
  name: Name,
  method: Target[Name],
): Target {
  return new Proxy(store, {
    get(target, key) {
      if (key === name) return method;
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== "function") return value;
      // Bound, since the store's private fields are not the proxy's.
      const bound: unknown = value.bind(target);
      return bound;
    },
  });
}

/** Handlers that stand still until the case lets them go. */
export interface Gate {
  /** How many stand there, or have. */
  readonly arrived: readonly string[];
  /** Stands still, and gives its name once it is let go. */
  pass(name: string): Promise<string>;
  /** Waits until so many have come. */
  untilArrived(count: number): Promise<void>;
  /** Lets one go. */
  open(name: string): void;
  /** Lets all go, those who come later included. */
  openAll(): void;
}

/** Makes a gate for handlers. */
export function gate(context: Pick<CaseContext, "within">): Gate {
  const arrived: string[] = [];
  const waiting = new Map<string, Deferred<string>>();
  const crowds = new Map<number, Deferred<void>>();
  let isOpen = false;
  return {
    arrived,
    pass(name) {
      arrived.push(name);
      crowds.get(arrived.length)?.resolve();
      if (isOpen) return Promise.resolve(name);
      const wait = deferred<string>();
      waiting.set(name, wait);
      return wait.promise;
    },
    async untilArrived(count) {
      if (arrived.length >= count) return;
      const crowd = crowds.get(count) ?? deferred<void>();
      crowds.set(count, crowd);
      await context.within(crowd.promise);
    },
    open(name) {
      waiting.get(name)?.resolve(name);
    },
    openAll() {
      isOpen = true;
      for (const [name, wait] of waiting) wait.resolve(name);
    },
  };
}

function withRig(run: (rig: Rig) => Promise<void>): ConformanceCase["run"] {
  return async (context) => {
    const rig = new Rig(context);
    let failure: { readonly error: unknown } | undefined;
    try {
      await run(rig);
    } catch (error) {
      failure = { error };
    }
    try {
      await rig.close();
    } catch (error) {
      failure ??= { error };
    }
    if (failure !== undefined) throw failure.error;
  };
}

interface Waiter {
  readonly wants: () => boolean;
  readonly wait: Deferred<void>;
}

function watch(context: CaseContext, worker: Worker, mayReport: boolean): Watched {
  const events: WorkerEvent[] = [];
  const waiters = new Set<Waiter>();
  worker.subscribe((event) => {
    events.push(event);
    for (const waiter of waiters) {
      if (!waiter.wants()) continue;
      waiters.delete(waiter);
      waiter.wait.resolve();
    }
  });
  const until = async (wants: () => boolean): Promise<void> => {
    if (wants()) return;
    const waiter = { wants, wait: deferred<void>() };
    waiters.add(waiter);
    await context.within(waiter.wait.promise);
  };
  return {
    worker,
    events,
    mayReport,
    async until(type, taskId) {
      const find = (): TaskEvent | undefined =>
        events.find((event): event is TaskEvent => event.type === type && "delivery" in event && event.delivery.envelope.id === taskId);
      await until(() => find() !== undefined);
      return present(find(), `an event "${type}" about "${taskId}"`);
    },
    untilCount: (type, count) => until(() => events.filter((event) => event.type === type).length >= count),
  };
}
