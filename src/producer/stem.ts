import { mapAll } from "../async/maybe-promise.ts";
import type { Broker } from "../contracts/broker.ts";
import type { LockStore } from "../contracts/lock-store.ts";
import type { Logger } from "../contracts/logger.ts";
import { consoleLogger } from "../contracts/logger.ts";
import type { ResultBackend } from "../contracts/result-backend.ts";
import type { RevokeStore } from "../contracts/revoke-store.ts";
import type { WriteOptions } from "../contracts/store.ts";
import type { TaskSystem } from "../contracts/system.ts";
import type { TaskLedger } from "../contracts/task-ledger.ts";
import type { EncoderRegistryOptions } from "../encoding/registry.ts";
import { ledgerFor } from "../ledger/ledger-for.ts";
import type { Envelope } from "../model/envelope.ts";
import { validateId } from "../model/id.ts";
import type { RevocationTarget } from "../model/revocation.ts";
import type { Middleware } from "../tasks/middleware.ts";
import { TaskRegistry } from "../tasks/registry.ts";
import type { AnyTask, Task } from "../tasks/task.ts";
import type { CallParameters, NamedCall, TaskCall } from "../tasks/task-call.ts";
import type { UniqueSettings } from "../tasks/unique.ts";
import { uniqueSettings } from "../tasks/unique.ts";
import type { Clock } from "../time/clock.ts";
import { systemClock } from "../time/clock.ts";
import type { AnnounceOptions, HeardRevocations } from "./announce-revocations.ts";
import { announceRevocations } from "./announce-revocations.ts";
import type { Lineage } from "./envelope-builder.ts";
import { Preparer } from "./preparer.ts";
import type { RevokeOptions, RevokeOutcome, RevokeSources } from "./revoking.ts";
import { revokeTargets } from "./revoking.ts";
import type { Routes } from "./routing.ts";
import type { HandleSources } from "./task-handle.ts";
import { TaskHandle } from "./task-handle.ts";
import type { PreparedCall } from "./uniqueness.ts";
import { Uniqueness } from "./uniqueness.ts";

/** What a producer is made of. */
export interface StemOptions extends TaskSystem, EncoderRegistryOptions {
  /** The tasks whose defaults, schemas and encoders apply here; tasks of other processes are enqueued by name. @default none */
  readonly registry?: TaskRegistry | readonly AnyTask[];
  /** Queues by task name, for tasks that name none. @default none */
  readonly routes?: Routes;
  /** Code around every enqueue. @default none */
  readonly middleware?: readonly Middleware[];
  /** Keeps the locks of unique tasks. @default none: no task can be unique here */
  readonly lockStore?: LockStore;
  /** Where is told what nobody awaits. @default warnings and errors on the console */
  readonly logger?: Logger;
  /** Keeps what is revoked. @default none: nothing can be revoked here */
  readonly revokeStore?: RevokeStore;
  /** Gives ids and instants. @default the system's clock */
  readonly clock?: Clock;
}

/** One call of {@link Stem.enqueue}: the task's options, and the caller's transaction. */
export type EnqueueOptions<Input = unknown> = TaskCall<Input> & WriteOptions;

/** The last parameter of `enqueue`: it may be left out when the task takes no arguments. */
export type EnqueueParameters<Input> = CallParameters<Input, WriteOptions>;

/** What to revoke: the ids of tasks, or other targets; one or many. */
export type RevokeTargets = string | RevocationTarget | readonly (string | RevocationTarget)[];

/**
 * Enqueues tasks, finds them again, and revokes them.
 *
 * @example
 * ```ts
 * import { InMemoryBroker, InMemoryResultBackend, Stem } from "@stem/stem";
 *
 * const broker = new InMemoryBroker();
 * const backend = new InMemoryResultBackend();
 * const stem = new Stem({ broker, backend });
 * await stem.enqueue("demo", { args: {} });
 * await backend.close();
 * await broker.close();
 * ```
 */
export class Stem {
  /** Carries the tasks. */
  readonly broker: Broker;
  /** Keeps their statuses. */
  readonly backend: ResultBackend;
  /** The tasks known here. */
  readonly registry: TaskRegistry;
  readonly #handleSources: HandleSources;
  readonly #ledger: TaskLedger;
  readonly #revokeSources: RevokeSources;
  readonly #clock: Clock | undefined;
  readonly #preparer: Preparer;
  readonly #uniqueness: Uniqueness;

  /**
   * Makes a producer. It holds nothing that must be closed; the stores are the caller's.
   *
   * @throws {ConfigError} when encoders or routes cannot be used.
   */
  constructor(options: StemOptions) {
    this.broker = options.broker;
    this.backend = options.backend;
    this.registry = options.registry instanceof TaskRegistry ? options.registry : new TaskRegistry(options.registry);
    this.#ledger = ledgerFor(options.broker, options.backend);
    this.#preparer = new Preparer({ ...options, registry: this.registry });
    this.#clock = options.clock;
    this.#uniqueness = new Uniqueness({
      lockStore: options.lockStore,
      ledger: this.#ledger,
      backend: options.backend,
      clock: options.clock ?? systemClock,
      logger: options.logger ?? consoleLogger,
    });
    this.#revokeSources = { revokeStore: options.revokeStore, ledger: this.#ledger };
    this.#handleSources = {
      backend: options.backend,
      encoders: this.#preparer.encoders,
      revoke: (id, revokeOptions) => this.#revokeOne(id, revokeOptions),
    };
  }

  /**
   * Enqueues one task, given itself or by name. When the promise resolves, the store has accepted it.
   * With `tx` it is written in the caller's Drizzle transaction and can be claimed once that commits.
   *
   * @throws {ConfigError} or {@link PayloadError} for options or arguments that cannot be used: nothing was written then.
   * @throws {ConflictError} when the task is unique, and to be rejected while another one that is the same has not ended.
   */
  async enqueue<Input, Result>(
    task: Task<Input, Result> | string,
    ...[options]: EnqueueParameters<NoInfer<Input>>
  ): Promise<TaskHandle<Result>> {
    const call: NamedCall = Object.assign({ task }, options);
    const write = writeOptions(options);
    const settings = this.#uniqueSettings(call, write);
    const prepared = settings === undefined ? this.#preparer.draft(call) : this.#preparer.prepare(call);
    const envelope = prepared instanceof Promise ? await prepared : prepared;
    if (settings !== undefined) return this.#enqueueUnique({ envelope, args: call.args, settings }, write);
    const [accepted = false] = await this.#ledger.enqueue([envelope], write);
    return new TaskHandle(envelope.id, accepted, this.#handleSources);
  }

  /** Enqueues many tasks at once: all are accepted, or none. Answers one handle each, in order. */
  async enqueueMany(calls: readonly NamedCall[], options: WriteOptions = {}): Promise<readonly TaskHandle[]> {
    const settings = calls.map((call) => this.#uniqueSettings(call, options));
    const isUnique = settings.some((each) => each !== undefined);
    const built = mapAll(calls, (call) => isUnique ? this.#preparer.prepare(call) : this.#preparer.draft(call));
    const envelopes = built instanceof Promise ? await built : built;
    if (isUnique) {
      const prepared = envelopes.map((envelope, at) => ({ envelope, args: calls[at]?.args, settings: settings[at] }));
      const enqueued = await this.#uniqueness.enqueue(prepared, writeOptions(options));
      return enqueued.map(({ id, accepted }) => new TaskHandle(id, accepted, this.#handleSources));
    }
    const accepted = await this.#ledger.enqueue(envelopes, writeOptions(options));
    return envelopes.map(({ id }, at) => new TaskHandle(id, accepted[at] ?? false, this.#handleSources));
  }

  /** Enqueues a task as the child of another one. */
  async enqueueChild(call: NamedCall, lineage: Lineage): Promise<TaskHandle> {
    const settings = this.#uniqueSettings(call, {});
    const envelope = await this.#preparer.prepare(call, lineage);
    if (settings !== undefined) return this.#enqueueUnique({ envelope, args: call.args, settings }, {});
    const [accepted = false] = await this.#ledger.enqueue([envelope]);
    return new TaskHandle(envelope.id, accepted, this.#handleSources);
  }

  /**
   * Makes the envelope of a call without publishing it: for those who publish it themselves, or keep it for later.
   * With a lineage the task counts as a child of another one. It is not unique, since nothing holds a place for it.
   */
  async prepare(call: NamedCall, lineage?: Lineage): Promise<Envelope> {
    return await this.#preparer.prepare(call, lineage);
  }

  /** Publishes prepared envelopes. Answers one boolean each, in order: false when the id was known already. */
  publish(envelopes: readonly Envelope[], options: WriteOptions = {}): Promise<readonly boolean[]> {
    return this.#ledger.enqueue(envelopes, options);
  }

  /**
   * A handle on a task that was enqueued before, here or elsewhere. Naming the task gives the result its type.
   *
   * @throws {ConfigError} when the id cannot be one.
   */
  handle<Result = unknown>(taskId: string, _task?: Task<unknown, Result>): TaskHandle<Result> {
    return new TaskHandle(validateId(taskId, "a task's id"), false, this.#handleSources);
  }

  /**
   * Has tasks not run: a task by its id, all of a name that were enqueued before an instant, or all that carry a header value. What waits under a
   * given id ends at once, other tasks when they are claimed; what runs goes on, unless `terminate` is set: then its `ctx.signal` aborts. Awaiting
   * such a task throws `TaskRevokedError`. Answers one outcome for each target, in order.
   *
   * @throws {ConfigError} when there is no revoke store, or a target or an option cannot be used: nothing was written then.
   *
   * @example
   * ```ts
   * import { InMemoryBroker, InMemoryResultBackend, InMemoryRevokeStore, Stem } from "@stem/stem";
   *
   * const stem = new Stem({ broker: new InMemoryBroker(), backend: new InMemoryResultBackend(), revokeStore: new InMemoryRevokeStore() });
   * const handle = await stem.enqueue("report", { headers: { tenant: "acme" } });
   * await handle.revoke({ reason: "not needed any more" });
   * await stem.revoke([{ kind: "header", header: "tenant", value: "acme" }], { terminate: true, requestedBy: "ops" });
   * console.log((await handle.status())?.state); // cancelled
   * ```
   */
  async revoke(targets: RevokeTargets, options: RevokeOptions = {}): Promise<readonly RevokeOutcome[]> {
    const list: readonly (string | RevocationTarget)[] = isMany(targets) ? targets : [targets];
    return await revokeTargets(list, options, this.#revokeSources);
  }

  /** Asks every worker to look for revocations now, and tells which of them heard it. Workers learn of revocations without it. */
  announceRevocations(options: AnnounceOptions = {}): Promise<HeardRevocations> {
    return announceRevocations(this, { ...(this.#clock === undefined ? {} : { clock: this.#clock }), ...options });
  }

  /** How a call is unique; refused before anything is made of it when that is not possible here. */
  #uniqueSettings({ task, unique }: NamedCall, options: WriteOptions): UniqueSettings | undefined {
    const ofTask = (typeof task === "string" ? this.registry.find(task) : task)?.unique;
    if (ofTask === undefined && unique === undefined) return undefined;
    const settings = uniqueSettings(ofTask, unique);
    if (settings !== undefined) this.#uniqueness.require([{ settings }], options);
    return settings;
  }

  async #enqueueUnique<Result>(call: PreparedCall, options: WriteOptions): Promise<TaskHandle<Result>> {
    const [enqueued = { id: call.envelope.id, accepted: false }] = await this.#uniqueness.enqueue([call], options);
    return new TaskHandle(enqueued.id, enqueued.accepted, this.#handleSources);
  }

  async #revokeOne(id: string, options: RevokeOptions): Promise<RevokeOutcome> {
    const [outcome] = await revokeTargets([id], options, this.#revokeSources);
    if (outcome === undefined) throw new TypeError("unreachable");
    return outcome;
  }
}

function isMany(targets: RevokeTargets): targets is readonly (string | RevocationTarget)[] {
  return Array.isArray(targets);
}

function writeOptions(options: WriteOptions | undefined): WriteOptions {
  return options?.tx === undefined ? {} : { tx: options.tx };
}
