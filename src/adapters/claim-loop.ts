import type { KeyedWake } from "../async/keyed-wake.ts";
import type { MaybePromise } from "../async/maybe-promise.ts";
import type { Delivery } from "../model/delivery.ts";
import type { Clock } from "../time/clock.ts";
import type { ClaimRequest } from "./broker-requests.ts";

/** What a waiting claim needs to know of its store. */
export interface ClaimSource {
  /** Claims what is claimable now, at most `request.limit`; answers at once. */
  readonly claimNow: (request: ClaimRequest) => Promise<readonly Delivery[]>;
  /** How long until something of the queues falls due, leases included, in milliseconds; absent when nothing will. */
  readonly nextDueIn: (queues: readonly string[]) => Promise<number | undefined>;
  /** Makes sure that news of these queues reach `wakes` from now on; returns what ends that. */
  readonly listenFor: (queues: readonly string[]) => MaybePromise<() => void>;
  /** Whether listening begins at once: then the look before it would tell nothing that the one behind it does not. @default never */
  readonly listensAtOnce?: (queues: readonly string[]) => boolean;
  /** Notified by queue name whenever something may have become claimable, or may fall due sooner than before. */
  readonly wakes: KeyedWake<string>;
  /** Measures the wait. */
  readonly clock: Clock;
  /** How often to look although nothing woke the claim. */
  readonly pollMs: number;
  /** Whether the store was closed: a wait then answers with nothing. */
  readonly isClosed: () => boolean;
}

// Something due that another claimer is just taking: look again soon, but do not spin.
const shortestWaitMs = 1;

/**
 * Claims, and waits when nothing is claimable: for news, for the next due time, for the safety net; until `waitMs`, the signal or the
 * store's end. No wake-up is lost: the watch is opened before the look.
 */
export async function claimOrWait(request: ClaimRequest, source: ClaimSource): Promise<readonly Delivery[]> {
  if (request.signal?.aborted) return [];
  if (request.waitMs === 0 || source.listensAtOnce?.(request.queues) !== true) {
    const deliveries = await source.claimNow(request);
    if (deliveries.length > 0 || request.waitMs === 0) return deliveries;
  }
  return waitAndClaim(request, source);
}

async function waitAndClaim(request: ClaimRequest, source: ClaimSource): Promise<readonly Delivery[]> {
  const { queues, signal } = request;
  const { clock } = source;
  const deadline = clock.monotonic() + request.waitMs;
  const stopListening = await source.listenFor(queues);
  const watch = source.wakes.watch(queues);
  try {
    while (!source.isClosed()) {
      const deliveries = await source.claimNow(request);
      const leftMs = deadline - clock.monotonic();
      if (deliveries.length > 0 || leftMs <= 0) return deliveries;
      const dueMs = Math.max(await source.nextDueIn(queues) ?? Infinity, shortestWaitMs);
      await watch.next({ timeoutMs: Math.min(leftMs, dueMs, source.pollMs), signal, clock });
    }
    return [];
  } catch (error) {
    // The end of the wait that the caller asked for is no failure.
    if (signal?.aborted && error === signal.reason) return [];
    throw error;
  } finally {
    watch.close();
    stopListening();
  }
}
