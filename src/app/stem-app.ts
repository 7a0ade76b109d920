import type { BeatTuning } from "../beat/beat-options.ts";
import { Beat } from "../beat/beat.ts";
import type { Adapter } from "../contracts/adapter.ts";
import type { EncoderRegistryOptions } from "../encoding/registry.ts";
import { ClosedError } from "../errors.ts";
import type { RevokeOptions, RevokeOutcome } from "../producer/revoking.ts";
import type { EnqueueParameters, RevokeTargets } from "../producer/stem.ts";
import { Stem } from "../producer/stem.ts";
import type { Routes } from "../producer/routing.ts";
import type { TaskHandle } from "../producer/task-handle.ts";
import type { Middleware } from "../tasks/middleware.ts";
import { TaskRegistry } from "../tasks/registry.ts";
import type { AnyTask, Task } from "../tasks/task.ts";
import type { ShutdownOptions, WorkerTuning } from "../worker/worker-options.ts";
import { shutdownSettings } from "../worker/worker-options.ts";
import { Worker } from "../worker/worker.ts";
import type { StackOptions } from "./stack.ts";
import { StemStack } from "./stack.ts";

/** What an app is made of, besides its stores. */
export interface AppOptions extends EncoderRegistryOptions {
  /** The tasks that it enqueues and runs. @default none: an app that only enqueues by name */
  readonly tasks?: readonly AnyTask[];
  /** How its worker works. @default the worker's defaults */
  readonly worker?: WorkerTuning;
  /** Whether schedules are dispatched here, and how; `true` for Beat's defaults. @default false: `app.beat` stays idle unless it is started by itself */
  readonly beat?: boolean | BeatTuning;
  /**
   * Whether the worker starts with the first enqueue of a task that is registered here; with `beat`, worker and Beat start as soon as the stores are
   * connected. When false, nothing runs until `start()`. @default true
   */
  readonly autoStart?: boolean;
  /** Queues by task name, for tasks that name none. @default none */
  readonly routes?: Routes;
  /** Code around every enqueue and every run. @default none */
  readonly middleware?: readonly Middleware[];
}

/** What {@link StemApp.fromUrl} needs: the app's and the stores' options. */
export type AppFromUrlOptions = AppOptions & StackOptions;

/**
 * A producer, a worker and their stores in one: the shortest way to a working system.
 *
 * @example
 * ```ts
 * import { StemApp, task } from "@stem/stem";
 *
 * const add = task({ name: "math.add", run: (_ctx, args: { a: number; b: number }) => args.a + args.b });
 * const app = await StemApp.inMemory({ tasks: [add] });
 * const handle = await app.enqueue(add, { args: { a: 1, b: 2 } });
 * console.log(await handle.result({ timeout: "1m" })); // 3
 * await app.close();
 * ```
 */
export class StemApp {
  /** The stores. */
  readonly stack: StemStack;
  /** Enqueues tasks. */
  readonly stem: Stem;
  /** Runs tasks, once it is started. */
  readonly worker: Worker;
  /** Dispatches schedules, once it is started. */
  readonly beat: Beat;
  readonly #hasBeat: boolean;
  readonly #autoStart: boolean;
  #closing: Promise<void> | undefined;

  private constructor(stack: StemStack, options: AppFromUrlOptions) {
    const registry = new TaskRegistry(options.tasks);
    const { locks: lockStore, revocations: revokeStore, limiter } = stack;
    const shared = { ...options, broker: stack.broker, backend: stack.results, lockStore, revokeStore, limiter, registry };
    this.stack = stack;
    this.stem = new Stem(shared);
    this.worker = new Worker({ ...shared, ...options.worker });
    this.beat = new Beat({ ...shared, store: stack.schedules, ...(typeof options.beat === "object" ? options.beat : {}) });
    this.#hasBeat = options.beat !== undefined && options.beat !== false;
    this.#autoStart = options.autoStart ?? true;
  }

  /** Makes an app whose state lives in this process, and ends with it: for tests and first steps. */
  static async inMemory(options: AppFromUrlOptions = {}): Promise<StemApp> {
    return await StemApp.fromUrl("memory:", options);
  }

  /**
   * Makes an app on the stores of a URL: `sqlite:./stem.db`, `postgres://…`, `memory:`.
   *
   * @throws what {@link StemStack.fromUrl} throws, and {@link ConfigError} for options that cannot be used.
   */
  static async fromUrl(url: string, options: AppFromUrlOptions = {}): Promise<StemApp> {
    const stack = await StemStack.fromUrl(url, options);
    let app: StemApp | undefined;
    try {
      app = new StemApp(stack, options);
      if (app.#hasBeat && app.#autoStart) await app.start();
      return app;
    } catch (error) {
      await (app ?? stack).close();
      throw error;
    }
  }

  /** Makes an app on stores that are connected already, with options that a URL cannot say; closing the app closes them. Beat waits for `start()`. */
  static fromAdapter(adapter: Adapter, options: AppOptions = {}): StemApp {
    return new StemApp(StemStack.fromAdapter(adapter), options);
  }

  /** Starts the worker, and Beat when the options ask for it. Calling it again does nothing. */
  async start(): Promise<void> {
    this.#requireOpen("start the app");
    await this.worker.start();
    if (this.#hasBeat) await this.beat.start();
  }

  /** Enqueues one task, see {@link Stem.enqueue}; starts the worker first when `autoStart` says so. */
  async enqueue<Input, Result>(
    task: Task<Input, Result> | string,
    ...parameters: EnqueueParameters<NoInfer<Input>>
  ): Promise<TaskHandle<Result>> {
    this.#requireOpen("enqueue");
    const name = typeof task === "string" ? task : task.name;
    // Before the task is written: a start that fails must not make an accepted task look refused. A worker that was stopped stays so.
    const isFirst = this.#autoStart && this.worker.state === "idle" && this.stem.registry.find(name) !== undefined;
    if (isFirst) await this.worker.start();
    return await this.stem.enqueue(task, ...parameters);
  }

  /** Has tasks not run, or with `terminate` not go on; see {@link Stem.revoke}. */
  async revoke(targets: RevokeTargets, options: RevokeOptions = {}): Promise<readonly RevokeOutcome[]> {
    this.#requireOpen("revoke");
    return await this.stem.revoke(targets, options);
  }

  /** Stops Beat, shuts the worker down, warm by default, then closes the stores. Calling it again waits for the same end; a stricter mode takes over. */
  async close(options: ShutdownOptions = {}): Promise<void> {
    // A mistake in the options must not close the stores under a running worker.
    shutdownSettings(options);
    this.#closing ??= this.#close(options);
    await Promise.all([this.worker.shutdown(options), this.#closing]);
  }

  /** The same as {@link StemApp.close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(options: ShutdownOptions): Promise<void> {
    try {
      await Promise.all([this.beat.stop(), this.worker.shutdown(options)]);
    } finally {
      await this.stack.close();
    }
  }

  #requireOpen(action: string): void {
    if (this.#closing !== undefined) throw new ClosedError(`Cannot ${action}: the app is closed`);
  }
}
