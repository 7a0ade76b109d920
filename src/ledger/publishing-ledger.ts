import type { Broker } from "../contracts/broker.ts";
import type { WriteOptions } from "../contracts/store.ts";
import type { TaskLedger } from "../contracts/task-ledger.ts";
import { UnsupportedError } from "../errors.ts";
import type { Envelope } from "../model/envelope.ts";

/** A broker without a result backend: it can enqueue, and nothing else. Statuses begin when a worker records them. */
export class PublishingLedger implements TaskLedger {
  /** There is one side only. */
  readonly atomic = false;
  readonly #broker: Broker;

  /** Makes a ledger that publishes to the broker. */
  constructor(broker: Broker) {
    this.#broker = broker;
  }

  /** Publishes envelopes. Answers one boolean each, in order: false when the id was known already. */
  enqueue(envelopes: readonly Envelope[], options: WriteOptions = {}): Promise<readonly boolean[]> {
    return this.#broker.publish(envelopes, options);
  }

  /** Not without a result backend. */
  claim(): Promise<never> {
    return this.#refuse("claim tasks");
  }

  /** Not without a result backend. */
  finish(): Promise<never> {
    return this.#refuse("finish tasks");
  }

  /** Not without a result backend. */
  cancel(): Promise<never> {
    return this.#refuse("cancel tasks");
  }

  /** Not without a result backend. */
  purge(): Promise<never> {
    return this.#refuse("purge a queue");
  }

  /** Not without a result backend. */
  replay(): Promise<never> {
    return this.#refuse("replay dead letters");
  }

  #refuse(action: string): Promise<never> {
    return Promise.reject(new UnsupportedError(`Cannot ${action}: there is no result backend`));
  }
}
