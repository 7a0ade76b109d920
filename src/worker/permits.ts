import { Batcher } from "../async/batcher.ts";
import { Ticker } from "../async/ticker.ts";
import type { Permit, RateLimiter } from "../contracts/rate-limiter.ts";
import type { Delivery } from "../model/delivery.ts";
import type { Clock } from "../time/clock.ts";
import type { AskedPermit } from "./limit-rules.ts";

/** A permit in this worker's hands. */
export interface KeptPermit {
  /** As the limiter gave it. */
  readonly permit: Permit;
  /** What was asked for. */
  readonly asked: AskedPermit;
  /** Since when its task has it, on the monotonic clock. */
  readonly since: number;
  /** Since when it is in this worker's hands. */
  readonly givenAt: number;
}

/** What keeping permits needs. */
export interface PermitsOptions {
  /** Gives, renews and takes permits. */
  readonly limiter: RateLimiter;
  /** How long a permit is held without renewal. */
  readonly ttlMs: number;
  /** Measures the time until the next renewal. */
  readonly clock: Clock;
  /** Hears of what failed, and of what was tried. */
  readonly onError: (operation: string, error: unknown) => void;
}

const AT_ONCE = 500;

/** Holds the permits of tasks from their admission to their end: renews them all with one call, and returns those of tasks that end together with one. */
export class Permits {
  readonly #options: PermitsOptions;
  readonly #kept = new Map<Delivery, readonly KeptPermit[]>();
  readonly #renewal: Ticker;
  readonly #returning: Batcher<KeptPermit, boolean>;

  /** Makes a keeper that holds nothing yet. */
  constructor(options: PermitsOptions) {
    this.#options = options;
    const intervalMs = Math.max(1, Math.floor(options.ttlMs / 3));
    this.#renewal = new Ticker({
      name: "the renewal of permits",
      intervalMs,
      firstDelayMs: intervalMs,
      clock: options.clock,
      run: () => this.#renew(),
      onError: (error) => options.onError("renew permits", error),
    });
    this.#returning = new Batcher({
      name: "returned permits",
      maxItems: AT_ONCE,
      run: (kept) => options.limiter.leave(kept.map(({ permit }) => permit)),
    });
  }

  /** Begins to renew. */
  start(): void {
    this.#renewal.start();
  }

  /** Waits until everything returned so far has arrived, and ends the renewals. */
  async stop(): Promise<void> {
    await this.#returning.flush();
    await this.#renewal.stop();
  }

  /** Holds permits for a task until its end. */
  keep(delivery: Delivery, kept: readonly KeptPermit[]): void {
    this.#kept.set(delivery, kept);
  }

  /** Gives the permits of a task that has ended, which are not renewed any more. */
  take(delivery: Delivery): readonly KeptPermit[] {
    const kept = this.#kept.get(delivery) ?? [];
    this.#kept.delete(delivery);
    return kept;
  }

  /** Returns permits, and calls back for each that has arrived. One that cannot be returned runs out. */
  giveBack(kept: readonly KeptPermit[], whenDone: () => void = () => undefined): void {
    for (const one of kept) this.#returning.add(one).then(whenDone, (error: unknown) => this.#options.onError("return permits", error));
  }

  async #renew(): Promise<void> {
    const { limiter, ttlMs, onError } = this.#options;
    const all = [...this.#kept].flatMap(([delivery, kept]) => kept.map((one) => ({ delivery, one })));
    if (all.length === 0) return;
    const renewed = await limiter.renewPermits(all.map(({ one }) => one.permit), ttlMs);
    const lost = all.filter((_, at) => renewed[at] !== true);
    if (lost.length === 0) return;
    // The store was away for too long. Where there is still room the task has a permit again; it is not stopped where there is none.
    const decisions = await limiter.enter(
      lost.map(({ one: { asked, permit } }) => ({ ...asked, key: permit.key, holder: permit.holder, ttl: ttlMs })),
    );
    for (const [at, { delivery, one }] of lost.entries()) {
      const permit = decisions[at]?.permit;
      if (permit === undefined) {
        onError(
          "renew permits",
          new Error(`Task "${delivery.envelope.name}" (${delivery.envelope.id}) goes on without a permit of "${one.asked.key}"`),
        );
      }
      this.#replace(delivery, one, permit);
    }
  }

  #replace(delivery: Delivery, lost: KeptPermit, permit: Permit | undefined): void {
    const kept = this.#kept.get(delivery);
    if (kept === undefined) {
      // It ended meanwhile.
      if (permit !== undefined) this.giveBack([{ ...lost, permit }]);
      return;
    }
    this.#kept.set(delivery, kept.flatMap((one) => one !== lost ? [one] : permit === undefined ? [] : [{ ...one, permit }]));
  }
}
