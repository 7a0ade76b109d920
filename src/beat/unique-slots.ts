import type { LockStore } from "../contracts/lock-store.ts";
import type { Logger } from "../contracts/logger.ts";
import type { ResultBackend } from "../contracts/result-backend.ts";
import type { TaskLedger } from "../contracts/task-ledger.ts";
import { ConfigError, ConflictError } from "../errors.ts";
import type { Envelope } from "../model/envelope.ts";
import { Uniqueness } from "../producer/uniqueness.ts";
import type { TaskRegistry } from "../tasks/registry.ts";
import type { UniqueSettings } from "../tasks/unique.ts";
import { uniqueSettings } from "../tasks/unique.ts";
import type { Clock } from "../time/clock.ts";

/** What unique tasks of schedules need. */
export interface UniqueSlotsOptions {
  /** Knows which tasks are unique. */
  readonly registry: TaskRegistry;
  /** Keeps the locks; without one no unique task can be enqueued. */
  readonly lockStore: LockStore | undefined;
  /** Knows which tasks have ended; without one no unique task can be enqueued. */
  readonly backend: ResultBackend | undefined;
  /** Cancels what is replaced. */
  readonly ledger: TaskLedger;
  /** Gives instants. */
  readonly clock: Clock;
  /** Where is told that a lock could not be given back or prolonged. */
  readonly logger: Logger;
}

/** A task of a schedule, ready to be published. */
export interface UniqueSlot {
  /** What to publish. */
  readonly envelope: Envelope;
  /** The arguments, before they were encoded. */
  readonly args: unknown;
  /** How it is unique. */
  readonly settings: UniqueSettings;
}

/** What became of it: published, or another task stands for it, and why. */
export type UniqueSlotOutcome = { readonly published: boolean } | { readonly message: string };

/** Publishes the tasks of schedules that are unique: a slot whose task is still at work, or waits, enqueues no second one. */
export class UniqueSlots {
  readonly #options: UniqueSlotsOptions;

  /** Makes it; nothing is sent. */
  constructor(options: UniqueSlotsOptions) {
    this.#options = options;
  }

  /** How a task is unique; `undefined` when it is not, or is not known here. */
  settingsOf(taskName: string): UniqueSettings | undefined {
    const unique = this.#options.registry.find(taskName)?.unique;
    return unique === undefined ? undefined : uniqueSettings(unique, undefined);
  }

  /**
   * Publishes one while it holds the lock of its key.
   *
   * @param publish Writes the envelope that it is given; answers whether that counted. What it throws, this throws, and the lock is given back.
   * @throws {ConfigError} when there is no lock store, or no result backend.
   */
  async publish({ envelope, args, settings }: UniqueSlot, publish: (envelope: Envelope) => Promise<boolean>): Promise<UniqueSlotOutcome> {
    const { lockStore, backend, ledger, clock, logger } = this.#options;
    if (lockStore === undefined || backend === undefined) {
      throw new ConfigError(
        `Cannot enqueue unique task "${envelope.name}": this Beat has no ${lockStore === undefined ? "lockStore" : "backend"}`,
      );
    }
    const enqueue = (envelopes: readonly Envelope[]): Promise<readonly boolean[]> => Promise.all(envelopes.map(publish));
    const writer = { atomic: ledger.atomic, enqueue, cancel: ledger.cancel.bind(ledger) };
    try {
      const [answer] = await new Uniqueness({ lockStore, backend, clock, logger, ledger: writer }).enqueue(
        [{ envelope, args, settings }],
        {},
      );
      if (answer !== undefined && answer.id !== envelope.id) return { message: `Task "${answer.id}" is the same and has not ended` };
      return { published: answer?.accepted === true };
    } catch (error) {
      // One that may be over at once is no answer: the slot is claimed again.
      if (!(error instanceof ConflictError) || error.retryable) throw error;
      return { message: error.message };
    }
  }
}
