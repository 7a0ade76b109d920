import { Wake } from "../async/wake.ts";
import type { ScheduleStore } from "../contracts/schedule-store.ts";
import type { ScheduleClaim } from "../model/schedule.ts";
import { retryDelayMs } from "../time/backoff.ts";
import type { Clock } from "../time/clock.ts";
import { sleep, withDeadline } from "../time/sleep.ts";
import type { Dispatcher } from "./dispatcher.ts";

/** What the loop needs. */
export interface DueLoopOptions {
  /** Where slots are claimed. */
  readonly store: ScheduleStore;
  /** What becomes of them. */
  readonly dispatcher: Dispatcher;
  /** Who claims. */
  readonly owner: string;
  /** How long each claim is held. */
  readonly leaseMs: number;
  /** How many slots at most are on their way at once. */
  readonly limit: number;
  /** The longest sleep: a clock may be set, and a notification lost. */
  readonly pollMs: number;
  /** Sets the timers. */
  readonly clock: Clock;
  /** Hears what failed; the loop goes on after a pause. */
  readonly onError: (operation: string, error: unknown) => void;
}

// Something is due, yet there was nothing to claim: another instance is just claiming it.
const CONTENDED_MS = 50;

// Dispatching takes a few milliseconds. What takes longer goes on beside the loop, so that it delays no other slot.
const AWAITED_MS = 100;

const PAUSE = { backoff: "exponential", delay: 250, maxDelay: 5_000, jitter: "equal" } as const;

/** Claims slots as they fall due, and sleeps in between: until the next one, or until a schedule changes in any process. */
export class DueLoop {
  readonly #options: DueLoopOptions;
  readonly #inFlight = new Set<Promise<boolean>>();
  readonly #wake = new Wake();
  #failures = 0;
  #isAway = false;

  /** Makes a loop. */
  constructor(options: DueLoopOptions) {
    this.#options = options;
  }

  /**
   * Runs until the signal aborts and everything that was claimed has come to its end. Never rejects.
   *
   * @param held Aborted when claims may no longer be dispatched, but only given back.
   */
  async run(signal: AbortSignal, held: AbortSignal): Promise<void> {
    const watching = this.#watch(signal);
    this.#failures = 0;
    while (!signal.aborted) {
      try {
        if (this.#isAway) await this.#pause(signal);
        else await this.#turn(signal, held);
      } catch (error) {
        if (signal.aborted) break;
        this.#options.onError("look for due schedules", error);
        await this.#pause(signal);
      }
    }
    await Promise.all([watching, ...this.#inFlight]);
  }

  async #turn(signal: AbortSignal, held: AbortSignal): Promise<void> {
    const { store, dispatcher, owner, leaseMs, limit, pollMs, clock } = this.#options;
    const ticket = this.#wake.ticket();
    const room = limit - this.#inFlight.size;
    // A store that is slower than the slots: claiming on would only let the leases of what is held run out.
    if (room <= 0) return void await this.#wake.after(ticket, { signal, timeoutMs: pollMs, clock });
    const claims = await store.claimDue({ limit: room, owner, leaseMs });
    if (signal.aborted) return await dispatcher.giveBack(claims);
    if (claims.length > 0) return await this.#dispatchAll(claims, held);
    if (this.#inFlight.size === 0) this.#failures = 0;
    const dueInMs = await store.nextDueIn() ?? pollMs;
    const timeoutMs = Math.min(pollMs, dueInMs <= 0 ? CONTENDED_MS : dueInMs);
    await this.#wake.after(ticket, { signal, timeoutMs, clock });
  }

  async #dispatchAll(claims: readonly ScheduleClaim[], held: AbortSignal): Promise<void> {
    const ended = Promise.all(this.#options.dispatcher.dispatch(claims, held).map((dispatching) => this.#track(dispatching)));
    // The deadline says that some take longer, which is no failure.
    await withDeadline(ended, AWAITED_MS, { clock: this.#options.clock }).catch(() => undefined);
  }

  async #track(dispatching: Promise<boolean>): Promise<void> {
    this.#inFlight.add(dispatching);
    const isThere = await dispatching;
    this.#inFlight.delete(dispatching);
    if (isThere) this.#failures = 0;
    else this.#isAway = true;
    // Its schedule may have its next slot by now.
    this.#wake.notify();
  }

  async #watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const changes = await this.#options.store.watch({ signal });
        // What happened before was not heard.
        this.#wake.notify();
        for await (const _change of changes) this.#wake.notify();
      } catch (error) {
        if (signal.aborted) return;
        this.#options.onError("watch schedules", error);
      }
      await sleep(this.#options.pollMs, { clock: this.#options.clock, signal }).catch(() => undefined);
    }
  }

  async #pause(signal: AbortSignal): Promise<void> {
    this.#failures += 1;
    this.#isAway = false;
    // Ends early only when the loop ends.
    await sleep(retryDelayMs(PAUSE, this.#failures), { clock: this.#options.clock, signal }).catch(() => undefined);
  }
}
