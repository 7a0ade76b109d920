import type { LockHandle, LockStore } from "../contracts/lock-store.ts";
import type { Completion } from "../contracts/task-ledger.ts";
import type { Delivery } from "../model/delivery.ts";
import type { Envelope } from "../model/envelope.ts";
import type { TaskState } from "../model/task-state.ts";
import { isTerminal } from "../model/task-state.ts";
import type { Clock } from "../time/clock.ts";

/** What keeping the locks of unique tasks needs. */
export interface UniqueLocksOptions {
  /** Keeps the locks. */
  readonly lockStore: LockStore;
  /** Measures the time between renewals. */
  readonly clock: Clock;
  /** Hears of what failed, and of what it was about. */
  readonly onError: (operation: string, error: unknown) => void;
}

const RENEW_SHARE = 1 / 3;

/**
 * Keeps the locks of unique tasks that a worker holds: from when they are run until what became of them is stored. A lock that is lost changes
 * nothing for its task, which goes on: it may have been replaced by a later one.
 */
export class UniqueLocks {
  readonly #options: UniqueLocksOptions;
  readonly #timers = new Map<Delivery, () => void>();

  /** Makes the keeper; nothing is sent. */
  constructor(options: UniqueLocksOptions) {
    this.#options = options;
  }

  /** Renews the lock of a task from now on. Nobody waits for it. */
  keep(delivery: Delivery): void {
    const { unique } = delivery.envelope;
    if (unique === undefined) return;
    const { clock } = this.#options;
    const renew = (): void => {
      this.#timers.set(delivery, clock.timer(unique.ttlMs * RENEW_SHARE, renew));
      void this.#renew(delivery.envelope, unique.ttlMs).then((isHeld) => isHeld ? undefined : this.#stop(delivery));
    };
    renew();
  }

  /** Gives the lock back when the task has ended, and prolongs it when the task waits again. `state` is the one on record. */
  async conclude({ delivery, settlement }: Completion, state: TaskState): Promise<void> {
    this.#stop(delivery);
    const { envelope } = delivery;
    if (envelope.unique === undefined) return;
    if (isTerminal(state)) return await this.#release(envelope);
    const delayMs = "delayMs" in settlement ? settlement.delayMs ?? 0 : 0;
    await this.#renew(envelope, envelope.unique.ttlMs + delayMs);
  }

  /** Renews a task's lock no more: another worker has it, or nobody knows. */
  lose(delivery: Delivery): void {
    this.#stop(delivery);
  }

  /** Renews no lock any more. */
  stop(): void {
    for (const delivery of [...this.#timers.keys()]) this.#stop(delivery);
  }

  #stop(delivery: Delivery): void {
    this.#timers.get(delivery)?.();
    this.#timers.delete(delivery);
  }

  /** False when the lock is lost. Never rejects. */
  async #renew(envelope: Envelope, ttlMs: number): Promise<boolean> {
    const lock = lockOf(envelope);
    if (lock === undefined) return false;
    try {
      return await this.#options.lockStore.renew(lock, ttlMs) !== undefined;
    } catch (error) {
      this.#options.onError("renew the lock of a unique task", error);
      return true;
    }
  }

  async #release(envelope: Envelope): Promise<void> {
    const lock = lockOf(envelope);
    if (lock === undefined) return;
    try {
      await this.#options.lockStore.release(lock);
    } catch (error) {
      // The next call of that task finds that this one has ended.
      this.#options.onError("give back the lock of a unique task", error);
    }
  }
}

function lockOf({ id, unique }: Envelope): LockHandle | undefined {
  return unique === undefined ? undefined : { key: unique.key, owner: id, token: unique.token };
}
