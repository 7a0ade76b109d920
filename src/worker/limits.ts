import { anySignal } from "../async/signal.ts";
import { Ticker } from "../async/ticker.ts";
import type { WakeTicket } from "../async/wake.ts";
import { Wake } from "../async/wake.ts";
import type { RateLimiter } from "../contracts/rate-limiter.ts";
import type { Delivery } from "../model/delivery.ts";
import type { Clock } from "../time/clock.ts";
import { uuidV7 } from "../time/id.ts";
import type { Gate, Verdict } from "./gate.ts";
import type { Candidate } from "./limit-decisions.ts";
import { askLimiter } from "./limit-decisions.ts";
import { LimitLines } from "./limit-line.ts";
import type { LimitRules } from "./limit-rules.ts";
import type { KeptPermit } from "./permits.ts";
import { Permits } from "./permits.ts";
import { Standby } from "./standby.ts";
import type { Look, QueueDecision } from "./queue-meter.ts";
import { PERMIT_PACE_MS, QueueMeter } from "./queue-meter.ts";

/** What limits need. */
export interface LimitsOptions {
  /** Counts over all workers. */
  readonly limiter: RateLimiter;
  /** Knows what limits what. */
  readonly rules: LimitRules;
  /** The queues that the worker serves. */
  readonly queues: readonly string[];
  /** How long a permit is held without renewal. */
  readonly permitTtlMs: number;
  /** Whether limited tasks run while the limiter fails (`"open"`), or are put back (`"closed"`). */
  readonly onLimiterError: "open" | "closed";
  /** How many tasks may wait here for a permit; the others are put back. */
  readonly standby: number;
  /** Tells how many tasks would start at once: a permit is of no use to a task that waits for a slot. */
  readonly room: () => number;
  /** Runs a task that was kept waiting. */
  readonly letThrough: (delivery: Delivery) => void;
  /** Gives a task that was kept waiting to other workers; calls `release`. */
  readonly putBack: (delivery: Delivery) => void;
  /** Measures time. */
  readonly clock: Clock;
  /** Hears of what failed, and of what was tried. */
  readonly onError: (operation: string, error: unknown) => void;
}

/** Claims as it is told, until the signal aborts. */
export type ClaimLook = (look: Look, signal: AbortSignal) => Promise<readonly Delivery[]>;

// While the limiter fails, limited tasks stay away for this long.
const FAILING_MS = 1_000;
// So long a permit goes from task to task in one worker, while others look for it in vain.
const LONGEST_TURN_MS = 5_000;

/**
 * Holds tasks to the limits of their queues and their own: decides how much is claimed, and which of that is run.
 *
 * What a queue's limit refuses goes back to its place, and the queue is left alone until there is room. What a task's own limit refuses is
 * hidden until its turn, so that the tasks behind it get theirs. Where it is permits that are missing, a few wait here instead, and take over those of
 * tasks that end. None of that burns an attempt.
 *
 * Tokens that one limit gave to a task that another one refuses are lost: a rate is never exceeded, and may be a little below what it could be.
 */
export class Limits implements Gate {
  readonly #options: LimitsOptions;
  readonly #permits: Permits;
  readonly #meter: QueueMeter;
  readonly #lines = new LimitLines();
  readonly #standby: Standby;
  readonly #looking: Ticker;
  readonly #reopened = new Wake();
  readonly #name: string;
  #holders = 0;

  /** Makes the gate; permits are only renewed between `start` and `stop`. */
  constructor(options: LimitsOptions) {
    this.#options = options;
    this.#name = uuidV7(options.clock);
    this.#meter = new QueueMeter(options.queues, options.rules.queues);
    this.#standby = new Standby(options.standby);
    this.#looking = new Ticker({
      name: "the look for free permits",
      intervalMs: PERMIT_PACE_MS,
      firstDelayMs: PERMIT_PACE_MS,
      clock: options.clock,
      run: () => this.#lookForPermits(),
      onError: (error) => options.onError("look for free permits", error),
    });
    this.#permits = new Permits({
      limiter: options.limiter,
      ttlMs: options.permitTtlMs,
      clock: options.clock,
      onError: options.onError,
    });
  }

  /** Begins to renew permits, and to look for such as others return. */
  start(): void {
    this.#permits.start();
    this.#looking.start();
  }

  /** Waits until the permits of tasks that have ended are returned, and stops renewing. */
  async stop(): Promise<void> {
    // A look under way may be given permits for tasks that have gone.
    await this.#looking.stop();
    await this.#permits.stop();
  }

  /** Passes the permits of a task that has ended, or was not run, on to those that wait here, or returns them. */
  release(delivery: Delivery): void {
    if (this.#standby.remove(delivery)) return;
    const now = this.#options.clock.monotonic();
    for (const kept of this.#permits.take(delivery)) {
      this.#lines.returned(kept.asked, now - kept.since, now);
      const isPassedOn = this.#options.room() > 0 && now - kept.givenAt < LONGEST_TURN_MS;
      const next = isPassedOn ? this.#standby.next(kept.asked.key) : undefined;
      if (next === undefined) {
        this.#permits.giveBack([kept], () => this.#onRoom(kept));
      } else {
        this.#letThrough(next, [{ ...kept, since: now }]);
        this.#onRoom(kept);
      }
    }
  }

  /** Claims what the limits of queues leave room for. Answers with nothing also when there is something else to ask for now. */
  async claim(wanted: number, signal: AbortSignal, claim: ClaimLook): Promise<readonly Delivery[]> {
    const { clock } = this.#options;
    const ticket = this.#reopened.ticket();
    const look = this.#meter.next(wanted, clock.monotonic());
    if (look.queues.length === 0) {
      await this.#reopened.after(ticket, { timeoutMs: look.waitMs, signal, clock });
      return [];
    }
    const deliveries = look.waitMs === 0 ? await claim(look, signal) : await this.#waitFor(look, { ticket, signal, claim });
    this.#meter.found(look, deliveries.map(({ envelope }) => envelope.queue));
    return deliveries;
  }

  /** Puts back what a limit refuses. */
  async admit(deliveries: readonly Delivery[]): Promise<readonly Verdict[]> {
    const candidates = deliveries.map((delivery) => this.#candidateOf(delivery));
    const limited = candidates.filter((candidate) => candidate !== undefined);
    if (limited.length === 0) return candidates.map(() => undefined);
    const { limiter, permitTtlMs, clock } = this.#options;
    try {
      await askLimiter(limited, { limiter, permitTtlMs, monotonic: () => clock.monotonic() });
    } catch (error) {
      this.#options.onError("ask the rate limiter", error);
      for (const { kept } of limited) this.#permits.giveBack(kept.splice(0));
      const isOpen = this.#options.onLimiterError === "open";
      for (const { refusals } of limited) {
        refusals.clear();
        if (!isOpen) refusals.set("queue", { retryAfterMs: FAILING_MS }).set("task", { retryAfterMs: FAILING_MS });
      }
    }
    const now = clock.monotonic();
    this.#tellMeter(limited, now);
    return candidates.map((candidate) => candidate === undefined ? undefined : this.#verdictOn(candidate, now));
  }

  #candidateOf(delivery: Delivery): Candidate | undefined {
    const { envelope: { expiresAt }, claimedAt } = delivery;
    // Expired it ends as cancelled, and needs no place for that.
    const rules = expiresAt !== undefined && expiresAt <= claimedAt ? undefined : this.#options.rules.of(delivery);
    return rules && { delivery, rules, holder: this.#newHolder(), kept: [], refusals: new Map() };
  }

  #verdictOn(candidate: Candidate, now: number): Verdict {
    const { delivery, kept, refusals } = candidate;
    if (refusals.size === 0) {
      if (this.#isPassedBy(candidate)) return { kind: "standby" };
      if (kept.length > 0) this.#permits.keep(delivery, kept);
      return undefined;
    }
    this.#permits.giveBack(kept);
    const refusal = refusals.get("task");
    const lacksPermit = (refusal ?? refusals.get("queue"))?.permit !== undefined;
    if (lacksPermit && this.#standby.add(candidate)) return { kind: "standby" };
    return { kind: "put-back", delayMs: refusal === undefined ? 0 : this.#lines.join(refusal, now) };
  }

  /** Lets one that waits here longer have what was given, and wait in its stead. */
  #isPassedBy(candidate: Candidate): boolean {
    const { kept } = candidate;
    const first = kept.map(({ asked }) => this.#standby.first(asked.key)).find((one) => one !== undefined);
    if (first === undefined || !this.#standby.canTake(candidate)) return false;
    this.#standby.remove(first.delivery);
    // Under another name: the permit stays with the one that it was given to.
    this.#standby.add({ ...candidate, holder: this.#newHolder(), kept: [] });
    this.#letThrough(first, kept);
    return true;
  }

  #newHolder(): string {
    return `${this.#name} ${++this.#holders}`;
  }

  #tellMeter(candidates: readonly Candidate[], now: number): void {
    const decisions = new Map<string, QueueDecision>();
    for (const { delivery: { envelope: { queue } }, rules, refusals } of candidates) {
      if (rules.queue === undefined) continue;
      const { admitted, refused, retryAfterMs } = decisions.get(queue) ?? { admitted: 0, refused: 0, retryAfterMs: 0 };
      const refusal = refusals.get("queue");
      if (refusal === undefined) {
        decisions.set(queue, { admitted: admitted + 1, refused, retryAfterMs });
        continue;
      }
      // A permit is normally returned long before it runs out.
      const againMs = refusal.permit === undefined ? refusal.retryAfterMs : Math.min(refusal.retryAfterMs, PERMIT_PACE_MS);
      decisions.set(queue, { admitted, refused: refused + 1, retryAfterMs: Math.max(retryAfterMs, againMs) });
    }
    for (const [queue, decision] of decisions) this.#meter.decided(queue, decision, now);
  }

  async #waitFor(look: Look, { ticket, signal, claim }: Waiting): Promise<readonly Delivery[]> {
    const reopened = new AbortController();
    const over = new AbortController();
    // A claim that waits would not hear that a queue is open again: it is ended for that.
    const listening = this.#reopened.after(ticket, { signal: over.signal }).then(() => reopened.abort(), () => undefined);
    const either = anySignal(signal, reopened.signal);
    try {
      return await claim(look, either.signal);
    } finally {
      either.dispose();
      over.abort();
      await listening;
    }
  }

  async #lookForPermits(): Promise<void> {
    const { limiter, permitTtlMs, clock, room, putBack } = this.#options;
    const waiting = this.#standby.all;
    // Others may have room while all slots are taken here.
    if (room() === 0) return waiting.forEach(({ delivery }) => putBack(delivery));
    for (const { refusals } of waiting) refusals.clear();
    await askLimiter(waiting, { limiter, permitTtlMs, monotonic: () => clock.monotonic() });
    for (const candidate of waiting) {
      const kept = candidate.kept.splice(0);
      if (kept.length === 0) continue;
      // It may have been given another one meanwhile, or have gone; or other tasks took the slots.
      if (room() > 0 && this.#standby.remove(candidate.delivery)) this.#letThrough(candidate, kept);
      else this.#permits.giveBack(kept);
    }
  }

  #letThrough({ delivery }: Candidate, kept: readonly KeptPermit[]): void {
    this.#permits.keep(delivery, kept);
    this.#options.letThrough(delivery);
  }

  /** A permit is free, or somebody fewer waits for one. */
  #onRoom({ asked }: KeptPermit): void {
    if (asked.queue !== undefined && this.#meter.returned(asked.queue)) this.#reopened.notify();
  }
}

interface Waiting {
  readonly ticket: WakeTicket;
  readonly signal: AbortSignal;
  readonly claim: ClaimLook;
}
