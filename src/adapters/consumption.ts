import type { ConsumeOptions } from "../contracts/broker.ts";
import type { Delivery, SettleRequest } from "../model/delivery.ts";
import { DEAD_LETTER_REASONS } from "../model/delivery.ts";
import { validateInteger } from "../model/numbers.ts";
import type { ClaimRequest } from "./broker-requests.ts";
import { toClaimRequest } from "./broker-requests.ts";
import { LONGEST_MS } from "./validation.ts";

/** How to consume, checked and filled in. */
export interface ConsumeRequest {
  /** How to claim. */
  readonly claim: ClaimRequest;
  /** How often a delivery may be handed out. */
  readonly maxDeliveries: number;
}

/** Checks and fills in the options of `consume`. */
export function toConsumeRequest(options: ConsumeOptions): ConsumeRequest {
  const { prefetch = 1, maxDeliveries = 10, ...rest } = options;
  return {
    claim: toClaimRequest({ ...rest, limit: validateInteger(prefetch, "prefetch", { min: 1, max: 1_000 }), waitMs: LONGEST_MS }),
    maxDeliveries: validateInteger(maxDeliveries, "maxDeliveries", { min: 1 }),
  };
}

/** A delivery that was claimed ahead of the loop's body. */
export interface Ahead {
  /** The delivery. */
  readonly delivery: Delivery;
  /** When its lease ends at the latest, on this side's monotonic clock. */
  readonly goodUntil: number;
}

/** What a consumption needs of its broker. */
export interface ConsumptionSource {
  /** Claims, or waits; answers with nothing at the signal or when the broker is closed. */
  readonly claim: (request: ClaimRequest) => Promise<readonly Ahead[]>;
  /** Gives up on a delivery. */
  readonly deadLetter: (delivery: Delivery, reason: string) => Promise<boolean>;
  /** The monotonic clock. */
  readonly now: () => number;
  /** Whether the broker was closed. */
  readonly isClosed: () => boolean;
}

/** One loop over a broker's deliveries, and what it claimed ahead of the loop's body. */
export class Consumption {
  readonly #request: ConsumeRequest;
  readonly #source: ConsumptionSource;
  #ahead: Ahead[] = [];

  /** Prepares the loop; nothing is claimed yet. */
  constructor(request: ConsumeRequest, source: ConsumptionSource) {
    this.#request = request;
    this.#source = source;
  }

  /** Yields deliveries until the end. A poison one is dead-lettered instead, one whose lease ran out meanwhile is left alone. */
  async *deliveries(): AsyncGenerator<Delivery, void, undefined> {
    const { claim, maxDeliveries } = this.#request;
    const source = this.#source;
    while (!source.isClosed() && claim.signal?.aborted !== true) {
      const next = this.#ahead.shift();
      if (next === undefined) {
        this.#ahead = [...await source.claim(claim)];
      } else if (next.delivery.deliveryCount > maxDeliveries) {
        await source.deadLetter(next.delivery, DEAD_LETTER_REASONS.poison);
      } else if (source.now() < next.goodUntil) {
        yield next.delivery;
      }
    }
  }

  /** Takes over what was claimed ahead, as decisions to put it back. */
  takeAhead(): readonly SettleRequest[] {
    return this.#ahead.splice(0).map(({ delivery }) => ({ delivery, settlement: { kind: "nack" } }));
  }
}
