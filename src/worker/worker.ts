import { deferred } from "../async/deferred.ts";
import { EventSource } from "../async/event-source.ts";
import type { ServiceState } from "../async/service.ts";
import { Service } from "../async/service.ts";
import { Ticker } from "../async/ticker.ts";
import type { Logger } from "../contracts/logger.ts";
import { consoleLogger } from "../contracts/logger.ts";
import type { RevokeStore } from "../contracts/revoke-store.ts";
import type { Completion, CompletionOutcome, TaskLedger } from "../contracts/task-ledger.ts";
import { encodersFor } from "../tasks/encoders.ts";
import { ClosedError, StemError } from "../errors.ts";
import { ledgerFor } from "../ledger/ledger-for.ts";
import { Stem } from "../producer/stem.ts";
import { TaskRegistry } from "../tasks/registry.ts";
import type { Clock } from "../time/clock.ts";
import { systemClock } from "../time/clock.ts";
import { systemRandom } from "../time/random.ts";
import { Consumer } from "./consumer.ts";
import type { Ending } from "./ending.ts";
import type { WorkerEvent, WorkerListener } from "./events.ts";
import { endedEvent } from "./events.ts";
import type { ExecutorOptions } from "./executor.ts";
import { runTask } from "./executor.ts";
import type { HeldTask } from "./held-task.ts";
import { LeaseKeeper } from "./leases.ts";
import type { Limits } from "./limits.ts";
import { maintenance } from "./maintenance.ts";
import { decide } from "./outcome.ts";
import { RevocationGuard } from "./revocations.ts";
import { Settler } from "./settler.ts";
import { UniqueLocks } from "./unique-locks.ts";
import type { ShutdownOptions, ShutdownSettings, WorkerOptions, WorkerSettings } from "./worker-options.ts";
import { limitsFor, needsPermits } from "./worker-limits.ts";
import { SHUTDOWN_MODES, shutdownSettings, workerSettings } from "./worker-options.ts";

/**
 * Runs tasks: claims them, keeps their leases, runs their handlers with a real cap on concurrency, and stores what became of them.
 *
 * @example
 * ```ts
 * import { InMemoryBroker, InMemoryResultBackend, Stem, task, Worker } from "@stem/stem";
 *
 * const registry = [task({ name: "greet", run: (_ctx, args: { who: string }) => `Hello, ${args.who}` })];
 * const broker = new InMemoryBroker();
 * const backend = new InMemoryResultBackend();
 * const worker = new Worker({ broker, backend, registry });
 * await worker.start();
 * const handle = await new Stem({ broker, backend, registry }).enqueue("greet", { args: { who: "world" } });
 * console.log(await handle.result()); // Hello, world
 * await worker.shutdown();
 * ```
 */
export class Worker {
  /** The worker's id, unique per process unless it was given. */
  readonly id: string;
  /** The tasks it can run. */
  readonly registry: TaskRegistry;
  readonly #options: WorkerOptions;
  readonly #settings: WorkerSettings;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #ledger: TaskLedger;
  readonly #events: EventSource<WorkerEvent>;
  readonly #leases: LeaseKeeper;
  readonly #settler: Settler;
  readonly #consumer: Consumer;
  readonly #guard: RevocationGuard | undefined;
  readonly #limits: Limits | undefined;
  readonly #uniqueLocks: UniqueLocks | undefined;
  readonly #executor: ExecutorOptions;
  readonly #heartbeat: Ticker;
  readonly #maintenance: Ticker;
  readonly #service: Service;
  readonly #claiming = new AbortController();
  readonly #forced = new AbortController();
  readonly #deserted = deferred<void>();
  readonly #shutdownTimers: (() => void)[] = [];
  #claimLoop: Promise<void> = Promise.resolve();
  #startedAt = 0;
  #processed = 0;
  #mode: ShutdownSettings["mode"] = "warm";
  #timeoutMs = Number.POSITIVE_INFINITY;

  /**
   * Makes a worker; it claims nothing before `start`.
   *
   * Limits are those of tasks that are registered by now.
   *
   * @throws {ConfigError} that names the option, its value and what was expected.
   */
  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#settings = workerSettings(options);
    this.id = this.#settings.id;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? consoleLogger;
    this.registry = options.registry instanceof TaskRegistry ? options.registry : new TaskRegistry(options.registry);
    this.#ledger = ledgerFor(options.broker, options.backend);
    this.#events = new EventSource({ onError: (error) => this.#logger.error("A worker's listener threw", { error, workerId: this.id }) });
    this.#leases = new LeaseKeeper({ broker: options.broker, clock: this.#clock, onError: (error) => this.#report("renew leases", error) });
    this.#settler = new Settler({ ledger: this.#ledger, clock: this.#clock, onError: (error) => this.#report("store outcomes", error) });
    this.#executor = {
      workerId: this.id,
      stem: new Stem({ ...options, registry: this.registry }),
      backend: options.backend,
      registry: this.registry,
      encoders: encodersFor(this.registry, options),
      middleware: options.middleware ?? [],
      maxDeliveries: this.#settings.maxDeliveries,
      onBegin: ({ delivery }) => this.#events.emit({ type: "task-started", delivery }),
    };
    this.#uniqueLocks = options.lockStore === undefined ? undefined : new UniqueLocks({
      lockStore: options.lockStore,
      clock: this.#clock,
      onError: (operation, error) => this.#report(operation, error),
    });
    this.#guard = options.revokeStore === undefined ? undefined : this.#guardFor(options.revokeStore);
    this.#limits = limitsFor(options, {
      registry: this.registry,
      settings: this.#settings,
      room: () => this.#consumer.room,
      letThrough: (delivery) => this.#consumer.letThrough(delivery),
      putBack: (delivery) => this.#consumer.putBack(delivery),
      clock: this.#clock,
      onError: (operation, error) => this.#report(operation, error),
    });
    this.#consumer = new Consumer({
      ...this.#settings,
      ...(this.#settings.prefetch === "auto" && needsPermits(options, this.registry) ? { prefetch: 0 } : {}),
      ledger: this.#ledger,
      workerId: this.id,
      leases: this.#leases,
      clock: this.#clock,
      gates: [this.#guard, this.#limits].filter((gate) => gate !== undefined),
      limits: this.#limits,
      run: (held, onEnded) => this.#run(held, onEnded),
      conclude: (held, ending) => this.#conclude(held, ending),
      onError: (operation, error) => this.#onConsumerError(operation, error),
    });
    this.#heartbeat = new Ticker({
      name: "heartbeat",
      intervalMs: this.#settings.heartbeatMs,
      clock: this.#clock,
      run: () => this.#beat(),
      onError: (error) => this.#report("send a heartbeat", error),
    });
    this.#maintenance = maintenance({
      ...options,
      intervalMs: this.#settings.sweepEveryMs,
      clock: this.#clock,
      onError: (error) => this.#report("delete what has expired", error),
    });
    this.#service = new Service({ name: `worker "${this.id}"`, start: () => this.#start(), stop: () => this.#stop() });
  }

  /** Where the worker stands between `idle` and `stopped`. */
  get state(): ServiceState {
    return this.#service.state;
  }

  /** Begins to claim tasks. Calling it again does nothing; after `shutdown` it rejects with `ClosedError`. */
  start(): Promise<void> {
    return this.#service.start();
  }

  /**
   * Stops claiming, lets running tasks end as the mode says, and stores what became of them. Tasks that were claimed and not started go
   * back to their queue. Calling it again waits for the same end; a stricter mode then takes over.
   */
  async shutdown(options: ShutdownOptions = {}): Promise<void> {
    const { mode, timeoutMs } = shutdownSettings(options);
    if (SHUTDOWN_MODES.indexOf(mode) > SHUTDOWN_MODES.indexOf(this.#mode)) this.#mode = mode;
    this.#timeoutMs = Math.min(this.#timeoutMs, timeoutMs);
    if (this.#service.state === "stopping") this.#press();
    await this.#service.stop();
  }

  /** The same as a warm {@link Worker.shutdown}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  /** Hears of everything that happens in this worker, until the returned function is called. */
  subscribe(listener: WorkerListener): () => void {
    return this.#events.subscribe(listener);
  }

  /** Resolves when the worker has stopped, whoever stopped it. */
  get whenStopped(): Promise<void> {
    return this.#service.whenStopped;
  }

  #start(): void {
    this.#startedAt = this.#clock.now();
    this.#heartbeat.start();
    this.#maintenance.start();
    this.#guard?.start();
    this.#limits?.start();
    this.#claimLoop = this.#consumer.consume(this.#claiming.signal);
    this.#events.emit({ type: "started" });
  }

  async #stop(): Promise<void> {
    this.#events.emit({ type: "stopping" });
    this.#consumer.pause();
    this.#claiming.abort(this.#closing());
    this.#press();
    try {
      await Promise.race([this.#windDown(), this.#deserted.promise]);
    } finally {
      this.#leases.stop();
      // It has ended already, unless the store was deserted.
      void this.#heartbeat.stop();
      void this.#maintenance.stop();
      void this.#guard?.stop();
      this.#uniqueLocks?.stop();
      void this.#limits?.stop();
      for (const cancel of this.#shutdownTimers) cancel();
      this.#events.emit({ type: "stopped" });
      this.#events.close();
    }
  }

  async #windDown(): Promise<void> {
    await this.#claimLoop;
    await Promise.all(this.#consumer.takeBuffered().map((held) => this.#conclude(held, { kind: "put-back", delayMs: 0 })));
    await this.#consumer.idle();
    await this.#settler.flush();
    await Promise.all([this.#heartbeat.stop(), this.#maintenance.stop(), this.#guard?.stop(), this.#limits?.stop()]);
    await this.#sayGoodbye();
  }

  /** Makes running tasks end as the mode of the shutdown says; may be called again when that has become stricter. */
  #press(): void {
    if (this.#mode === "warm") {
      if (this.#timeoutMs < Number.POSITIVE_INFINITY) this.#after(this.#timeoutMs, () => this.#turnHard());
      return;
    }
    const isHard = this.#mode === "hard";
    for (const held of [...this.#consumer.running]) {
      held.abort(this.#closing());
      if (isHard) held.abandon();
    }
    if (!isHard || this.#forced.signal.aborted) return;
    this.#forced.abort(this.#closing());
    // Whoever ends by force does not wait for a store that never answers; leases that could not be given back run out.
    this.#after(this.#settings.graceMs, () => this.#deserted.resolve());
  }

  #turnHard(): void {
    this.#mode = "hard";
    this.#press();
  }

  #after(ms: number, callback: () => void): void {
    this.#shutdownTimers.push(this.#clock.timer(ms, callback));
  }

  async #run(held: HeldTask, onEnded: () => void): Promise<void> {
    this.#uniqueLocks?.keep(held.delivery);
    const ending = await runTask(held, this.#executor);
    onEnded();
    await this.#conclude(held, ending);
  }

  async #conclude(held: HeldTask, ending: Ending): Promise<void> {
    const { delivery } = held;
    held.finish();
    // Here its handler is over, or nobody waits for it any longer.
    this.#limits?.release(delivery);
    if (ending.kind === "lost") {
      this.#uniqueLocks?.lose(delivery);
      return this.#events.emit({ type: "task-lost", delivery });
    }
    const completion = decide(delivery, ending, { retry: this.#settings.retry, random: this.#options.random ?? systemRandom });
    const outcome = await this.#settler.settle(completion, () => [this.#forced.signal, held.lost]);
    this.#leases.drop(held);
    if (ending.kind !== "put-back") this.#processed += 1;
    if (delivery.envelope.unique !== undefined) await this.#concludeUnique(completion, outcome);
    if (outcome?.settled !== true) this.#events.emit({ type: "task-lost", delivery });
    else this.#events.emit(endedEvent(completion, outcome, held.durationMs ?? 0));
  }

  async #concludeUnique(completion: Completion, outcome: CompletionOutcome | undefined): Promise<void> {
    if (outcome?.settled === true) await this.#uniqueLocks?.conclude(completion, outcome.state ?? completion.status.state);
    else this.#uniqueLocks?.lose(completion.delivery);
  }

  #guardFor(store: RevokeStore): RevocationGuard {
    return new RevocationGuard({
      store,
      broker: this.#options.broker,
      workerId: this.id,
      held: () => this.#consumer.held,
      stop: (held, reason) => this.#consumer.stop(held, reason),
      clock: this.#clock,
      onError: (operation, error) => this.#report(operation, error),
    });
  }

  async #beat(): Promise<void> {
    const { queues, concurrency, heartbeatMs } = this.#settings;
    await this.#options.backend.setHeartbeat({
      workerId: this.id,
      queues,
      concurrency,
      running: [...this.#consumer.running].map((held) => held.delivery.envelope.id),
      processed: this.#processed,
      startedAt: this.#startedAt,
      meta: this.#options.meta ?? {},
    }, heartbeatMs * 3);
  }

  async #sayGoodbye(): Promise<void> {
    try {
      await this.#options.backend.removeHeartbeat(this.id);
    } catch (error) {
      // The heartbeat runs out by itself.
      this.#report("take back the heartbeat", error);
    }
  }

  #closing(): ClosedError {
    return new ClosedError(`Cannot go on with tasks in worker "${this.id}": it is shutting down`);
  }

  #onConsumerError(operation: string, error: unknown): void {
    this.#report(operation, error);
    // A store that was closed under the worker does not come back: without an end the worker would ask for ever.
    if (!StemError.is(error) || error.code !== "CLOSED") return;
    this.shutdown({ mode: "hard" }).catch((failure: unknown) => this.#report("shut down", failure));
  }

  #report(operation: string, error: unknown): void {
    this.#logger.warn(`Worker could not ${operation}`, { error, workerId: this.id });
    this.#events.emit({ type: "error", operation, error });
  }
}
