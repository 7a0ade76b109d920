import type { Broker } from "../contracts/broker.ts";
import { ConflictError } from "../errors.ts";
import type { Clock } from "../time/clock.ts";
import type { HeldTask } from "./held-task.ts";

/** What keeping leases needs. */
export interface LeaseKeeperOptions {
  /** Extends leases. */
  readonly broker: Pick<Broker, "extendLease">;
  /** Measures the time until the next renewal. */
  readonly clock: Clock;
  /** Hears of renewals that failed; they are tried again until the lease has run out. */
  readonly onError: (error: unknown) => void;
}

interface Kept {
  readonly held: HeldTask;
  readonly leaseMs: number;
  /** When to ask the store next. */
  renewAt: number;
  /** When another worker may take over, as far as is known here. */
  endsAt: number;
  /** While the store was asked and has not answered: until when to wait for it. */
  waitUntil: number | undefined;
}

// Renewed after a third of its time, a lease survives one lost renewal with a third to spare.
const RENEW_AFTER = 1 / 3;
// What falls due this soon after the timer is renewed along with the rest.
const SLACK = 1 / 10;
const RETRY_SHARE = 1 / 12;

/**
 * Keeps the leases of everything a worker holds, with one timer for all and one round trip for all that are due together.
 * A task whose lease is lost is aborted with a `ConflictError`: when the store says so, and when it ran out before the store answered.
 */
export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions;
  readonly #kept = new Map<HeldTask, Kept>();
  #cancelTimer: (() => void) | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #stopped = false;

  /** Makes a keeper that holds nothing yet. */
  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
  }

  /** Keeps the leases of fresh deliveries from now on; does nothing after `stop`. */
  keep(tasks: readonly HeldTask[]): void {
    if (this.#stopped) return;
    const now = this.#options.clock.monotonic();
    for (const held of tasks) {
      // The store's clock gave both instants, so their difference is right whatever this host's clock says.
      const leaseMs = Math.max(1, held.delivery.leaseExpiresAt - held.delivery.claimedAt);
      const kept = { held, leaseMs, renewAt: now + leaseMs * RENEW_AFTER, endsAt: now + leaseMs, waitUntil: undefined };
      this.#kept.set(held, kept);
      this.#arm(kept.renewAt);
    }
  }

  /** Stops keeping a lease. */
  drop(held: HeldTask): void {
    this.#kept.delete(held);
  }

  /** Stops keeping all of them. The answer to a renewal under way does not matter any more. */
  stop(): void {
    this.#stopped = true;
    this.#kept.clear();
    this.#cancelTimer?.();
    this.#timerAt = Number.POSITIVE_INFINITY;
  }

  #arm(at: number): void {
    if (this.#stopped || at >= this.#timerAt) return;
    this.#cancelTimer?.();
    this.#timerAt = at;
    this.#cancelTimer = this.#options.clock.timer(Math.max(0, at - this.#options.clock.monotonic()), () => {
      this.#timerAt = Number.POSITIVE_INFINITY;
      this.#lookAfterAll();
    });
  }

  #armNext(): void {
    let next = Number.POSITIVE_INFINITY;
    for (const { waitUntil, renewAt } of this.#kept.values()) next = Math.min(next, waitUntil ?? renewAt);
    if (next < Number.POSITIVE_INFINITY) this.#arm(next);
  }

  #lookAfterAll(): void {
    const now = this.#options.clock.monotonic();
    const due = new Map<number, Kept[]>();
    for (const kept of this.#kept.values()) {
      if (kept.waitUntil !== undefined) {
        if (kept.waitUntil <= now) this.#lose(kept);
        continue;
      }
      if (kept.renewAt > now + kept.leaseMs * SLACK) continue;
      const group = due.get(kept.leaseMs);
      if (group === undefined) due.set(kept.leaseMs, [kept]);
      else group.push(kept);
    }
    for (const [leaseMs, group] of due) void this.#renew(group, leaseMs);
    this.#armNext();
  }

  /** Never rejects, and nothing waits for it: a store that does not answer holds up neither other renewals nor the end of the lease. */
  async #renew(group: readonly Kept[], leaseMs: number): Promise<void> {
    const { broker, clock, onError } = this.#options;
    const askedAt = clock.monotonic();
    for (const kept of group) {
      // When a handler blocked the process until the lease had run out, it may be there yet: nobody need have taken over.
      kept.waitUntil = Math.max(kept.endsAt, askedAt + leaseMs * RETRY_SHARE);
    }
    try {
      const renewed = await broker.extendLease(group.map(({ held }) => held.delivery), leaseMs);
      for (const [at, kept] of group.entries()) {
        kept.waitUntil = undefined;
        if (renewed[at] === undefined) {
          this.#lose(kept);
        } else {
          // Counted from before the request: the store cannot have granted less.
          kept.renewAt = askedAt + leaseMs * RENEW_AFTER;
          kept.endsAt = askedAt + leaseMs;
        }
      }
    } catch (error) {
      if (!this.#stopped) onError(error);
      const now = clock.monotonic();
      for (const kept of group) {
        kept.waitUntil = undefined;
        if (now >= kept.endsAt) this.#lose(kept);
        else kept.renewAt = Math.min(now + leaseMs * RETRY_SHARE, kept.endsAt);
      }
    }
    this.#armNext();
  }

  #lose(kept: Kept): void {
    // Settled in the meantime: then it is not held any more, and nothing was lost.
    if (!this.#kept.delete(kept.held)) return;
    const { name, id } = kept.held.delivery.envelope;
    kept.held.lose(new ConflictError(`Cannot go on with task "${name}" (${id}): its lease was lost, another worker may run it now`));
  }
}
