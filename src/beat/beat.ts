import { EventSource } from "../async/event-source.ts";
import type { ServiceState } from "../async/service.ts";
import { Service } from "../async/service.ts";
import { Ticker } from "../async/ticker.ts";
import type { Logger } from "../contracts/logger.ts";
import { consoleLogger } from "../contracts/logger.ts";
import type { TaskLedger } from "../contracts/task-ledger.ts";
import { ConflictError, StemError } from "../errors.ts";
import { ledgerFor } from "../ledger/ledger-for.ts";
import { PublishingLedger } from "../ledger/publishing-ledger.ts";
import type { Envelope } from "../model/envelope.ts";
import { Preparer } from "../producer/preparer.ts";
import { TaskRegistry } from "../tasks/registry.ts";
import type { Clock } from "../time/clock.ts";
import { systemClock } from "../time/clock.ts";
import { uuidV7 } from "../time/id.ts";
import type { BeatOptions, BeatSettings } from "./beat-options.ts";
import { beatSettings } from "./beat-options.ts";
import { Dispatcher } from "./dispatcher.ts";
import { DueLoop } from "./due-loop.ts";
import type { BeatEvent, BeatListener } from "./events.ts";
import { lead } from "./leadership.ts";
import { taskCall } from "./slot-call.ts";
import { UniqueSlots } from "./unique-slots.ts";

const AT_ONCE = 500;

/**
 * Enqueues tasks when their schedules say so. Any number of instances may run on the same stores: each slot is dispatched once, and when an
 * instance crashes another goes on within one lease.
 *
 * @example
 * ```ts
 * import { Beat, memory } from "@stem/stem";
 *
 * const { broker, schedules: store, locks: lockStore, close } = memory();
 * await store.upsert({ id: "report", spec: { kind: "cron", expression: "0 9 * * MON-FRI" }, task: { name: "report.send" } });
 * const beat = new Beat({ broker, store, lockStore });
 * await beat.start();
 * await beat.stop();
 * ```
 */
export class Beat {
  /** Its id, unique per process unless it was given. */
  readonly id: string;
  readonly #settings: BeatSettings;
  readonly #options: BeatOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #events: EventSource<BeatEvent>;
  readonly #ledger: TaskLedger;
  readonly #preparer: Preparer;
  readonly #unique: UniqueSlots;
  readonly #loop: DueLoop;
  readonly #maintenance: Ticker;
  readonly #service: Service;
  #running: Promise<void> = Promise.resolve();
  #isLeading = false;

  /**
   * Makes a Beat; it dispatches nothing before `start`.
   *
   * @throws {ConfigError} that names the option, its value and what was expected.
   */
  constructor(options: BeatOptions) {
    const { broker, backend, store } = options;
    const settings = beatSettings(options);
    const clock = options.clock ?? systemClock;
    const onError = (operation: string, error: unknown): void => this.#onError(operation, error);
    this.id = settings.id;
    this.#options = options;
    this.#settings = settings;
    this.#clock = clock;
    this.#logger = options.logger ?? consoleLogger;
    this.#events = new EventSource({ onError: (error) => this.#logger.error("A Beat's listener threw", { error, beatId: this.id }) });
    const registry = options.registry instanceof TaskRegistry ? options.registry : new TaskRegistry(options.registry);
    this.#ledger = backend === undefined ? new PublishingLedger(broker) : ledgerFor(broker, backend);
    this.#preparer = new Preparer({ ...options, registry });
    const { lockStore } = options;
    this.#unique = new UniqueSlots({ registry, lockStore, backend, ledger: this.#ledger, clock, logger: this.#logger });
    const dispatcher = new Dispatcher({
      ...settings,
      store,
      ledger: this.#ledger,
      preparer: this.#preparer,
      unique: this.#unique,
      clock,
      emit: (event) => this.#emit(event),
      onError,
    });
    this.#loop = new DueLoop({ ...settings, store, dispatcher, owner: settings.id, clock, onError });
    this.#maintenance = new Ticker({
      name: "maintenance",
      intervalMs: settings.sweepEveryMs,
      firstDelayMs: settings.sweepEveryMs,
      clock,
      run: () => this.#sweep(),
      onError: (error) => onError("delete what is old", error),
    });
    this.#service = new Service({ name: `Beat "${this.id}"`, start: (signal) => this.#start(signal), stop: () => this.#stop() });
  }

  /** Where it stands between `idle` and `stopped`. */
  get state(): ServiceState {
    return this.#service.state;
  }

  /** Whether it dispatches now: always while it runs without a lock store, and while it holds the lock with one. */
  get isLeading(): boolean {
    return this.#isLeading;
  }

  /** Begins to dispatch. Calling it again does nothing; after `stop` it rejects with `ClosedError`. */
  start(): Promise<void> {
    return this.#service.start();
  }

  /** Stops claiming slots, waits for those in flight, and gives the lock back. Calling it again waits for the same end. */
  stop(): Promise<void> {
    return this.#service.stop();
  }

  /** The same as {@link Beat.stop}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /**
   * Enqueues the task of a schedule now, beside its slots: whether it is due, enabled or over, and whether this Beat runs. Nothing about the
   * schedule changes. Gives the task's id; `undefined` when the schedule is not known.
   *
   * @throws what `enqueue` throws for arguments that cannot be used, {@link ConflictError} when the task is unique and another one stands for it, and
   *   {@link StoreError} when a store is away.
   */
  async trigger(scheduleId: string): Promise<string | undefined> {
    const entry = await this.#options.store.get(scheduleId);
    if (entry === undefined) return undefined;
    const call = { ...taskCall(entry), id: uuidV7(this.#clock) };
    const settings = this.#unique.settingsOf(entry.task.name);
    const envelope = await this.#preparer.prepare(call);
    const publish = async (ready: Envelope): Promise<boolean> => (await this.#ledger.enqueue([ready]))[0] === true;
    if (settings === undefined) {
      await publish(envelope);
      return envelope.id;
    }
    const result = await this.#unique.publish({ envelope, args: call.args, settings }, publish);
    if ("message" in result) throw new ConflictError(`Cannot trigger schedule "${scheduleId}": ${result.message}`);
    return envelope.id;
  }

  /** Hears of everything that happens in this Beat, until the returned function is called. */
  subscribe(listener: BeatListener): () => void {
    return this.#events.subscribe(listener);
  }

  /** Resolves when it has stopped, whoever stopped it. */
  get whenStopped(): Promise<void> {
    return this.#service.whenStopped;
  }

  #start(signal: AbortSignal): void {
    this.#maintenance.start();
    this.#running = this.#run(signal);
    this.#events.emit({ type: "started" });
  }

  async #stop(): Promise<void> {
    this.#events.emit({ type: "stopping" });
    await Promise.all([this.#running, this.#maintenance.stop()]);
    this.#events.emit({ type: "stopped" });
    this.#events.close();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { lockStore } = this.#options;
    const work = (until: AbortSignal, held: AbortSignal): Promise<void> => this.#loop.run(until, held);
    if (lockStore === undefined) {
      this.#isLeading = true;
      // Nothing but the claims themselves can be lost.
      await work(signal, new AbortController().signal);
      this.#isLeading = false;
      return;
    }
    const { id: owner, lockKey: key, leaseMs: ttlMs } = this.#settings;
    const leadership = { lockStore, key, owner, ttlMs, clock: this.#clock, logger: this.#logger };
    await lead(
      { ...leadership, onChange: (leads) => this.#onChange(leads), onError: (...failed) => this.#onError(...failed) },
      signal,
      work,
    );
  }

  async #sweep(): Promise<number | undefined> {
    const { store, lockStore } = this.#options;
    const swept = await store.sweep({ limit: AT_ONCE }) + (await lockStore?.sweep({ limit: AT_ONCE }) ?? 0);
    // There was more than one step took: go on after a pause that leaves the others room.
    return swept >= AT_ONCE ? Math.min(100, this.#settings.sweepEveryMs) : undefined;
  }

  #onChange(isLeading: boolean): void {
    this.#isLeading = isLeading;
    this.#events.emit({ type: isLeading ? "leading" : "following" });
  }

  #emit(event: BeatEvent): void {
    if (event.type === "slot-skipped" || event.type === "slot-failed") {
      const { message, claim: { entry, slot } } = event;
      const what = event.type === "slot-skipped" ? "skipped a slot" : "could not enqueue the task of a slot";
      this.#logger.warn(`Beat ${what}`, { scheduleId: entry.id, slot, message, beatId: this.id });
    }
    this.#events.emit(event);
  }

  #onError(operation: string, error: unknown): void {
    this.#logger.warn(`Beat could not ${operation}`, { error, beatId: this.id });
    this.#events.emit({ type: "error", operation, error });
    // A store that was closed under it does not come back: without an end it would ask for ever.
    if (StemError.is(error) && error.code === "CLOSED") void this.stop();
  }
}
