import type { MaybePromise } from "../async/maybe-promise.ts";
import type { EncoderRegistry, EncoderRegistryOptions } from "../encoding/registry.ts";
import { ConfigError } from "../errors.ts";
import type { Envelope } from "../model/envelope.ts";
import { validateEnvelope } from "../model/envelope.ts";
import { encodersFor } from "../tasks/encoders.ts";
import type { Middleware } from "../tasks/middleware.ts";
import { intercept } from "../tasks/middleware.ts";
import type { TaskRegistry } from "../tasks/registry.ts";
import type { NamedCall } from "../tasks/task-call.ts";
import type { Clock } from "../time/clock.ts";
import { systemClock } from "../time/clock.ts";
import type { EnvelopeSources, Lineage } from "./envelope-builder.ts";
import { buildEnvelope } from "./envelope-builder.ts";
import type { Routes } from "./routing.ts";
import { router } from "./routing.ts";

/** What envelopes are prepared with. */
export interface PreparerOptions extends EncoderRegistryOptions {
  /** The tasks whose defaults, schemas and encoders apply. */
  readonly registry: TaskRegistry;
  /** Queues by task name, for tasks that name none. @default none */
  readonly routes?: Routes;
  /** Code around every enqueue. @default none */
  readonly middleware?: readonly Middleware[];
  /** Gives ids and instants. @default the system's clock */
  readonly clock?: Clock;
}

/** Makes envelopes of calls, the same for whoever publishes them: defaults, routes, encoders and middleware applied. */
export class Preparer {
  /** Encodes the arguments. */
  readonly encoders: EncoderRegistry;
  readonly #middleware: readonly Middleware[];
  readonly #sources: EnvelopeSources;

  /**
   * Makes a preparer.
   *
   * @throws {ConfigError} when encoders or routes cannot be used.
   */
  constructor(options: PreparerOptions) {
    this.encoders = encodersFor(options.registry, options);
    this.#middleware = options.middleware ?? [];
    this.#sources = {
      registry: options.registry,
      encoders: this.encoders,
      route: router(options.routes),
      clock: options.clock ?? systemClock,
    };
  }

  /** Makes the envelope of a call; with a lineage the task counts as a child of another one. There is a promise only where something waits. */
  prepare(call: NamedCall, lineage?: Lineage): MaybePromise<Envelope> {
    const envelope = this.draft(call, lineage);
    return envelope instanceof Promise ? envelope.then(validateEnvelope) : validateEnvelope(envelope);
  }

  /** The same for an envelope that goes straight to a store, which looks at its fields anyway: one look less. */
  draft(call: NamedCall, lineage?: Lineage): MaybePromise<Envelope> {
    const envelope = buildEnvelope(this.#sources, call, lineage);
    if (this.#middleware.length === 0) return envelope;
    return envelope instanceof Promise ? envelope.then((built) => this.#intercept(built)) : this.#intercept(envelope);
  }

  /** The tasks linked to this one are published without another word from here, so they pass now. */
  async #intercept(envelope: Envelope): Promise<Envelope> {
    const { onSuccess, onFailure } = validateEnvelope(envelope);
    const linked = {
      ...envelope,
      ...(onSuccess === undefined ? {} : { onSuccess: await this.#interceptAll(onSuccess) }),
      ...(onFailure === undefined ? {} : { onFailure: await this.#interceptAll(onFailure) }),
    };
    const passed = await intercept(this.#middleware, linked);
    if (passed === undefined) throw new ConfigError(`Cannot enqueue task "${envelope.name}": a middleware did not pass it on`);
    if (passed.id !== envelope.id) {
      throw new ConfigError(`Cannot enqueue task "${envelope.name}": a middleware changed its id from "${envelope.id}" to "${passed.id}"`);
    }
    return passed;
  }

  #interceptAll(envelopes: readonly Envelope[]): Promise<readonly Envelope[]> {
    return Promise.all(envelopes.map((envelope) => this.#intercept(envelope)));
  }
}
