import type { Broker } from "../contracts/broker.ts";
import { StemError } from "../errors.ts";
import type { RevocationAnswer } from "../model/control.ts";
import { CONTROL_CHANNEL, toControlRequest } from "../model/control.ts";
import type { Clock } from "../time/clock.ts";
import { sleep } from "../time/sleep.ts";

/** What listening to requests needs. */
export interface ControlOptions {
  /** Carries requests and answers. */
  readonly broker: Pick<Broker, "subscribe" | "broadcast">;
  /** Looks for revocations now, and tells how it stands. */
  readonly lookForRevocations: () => Promise<RevocationAnswer>;
  /** Measures the pauses between attempts to listen. */
  readonly clock: Clock;
  /** Hears of requests that could not be heard or answered. */
  readonly onError: (error: unknown) => void;
}

const RETRY_MS = 1_000;

/** Listens to what is said to all workers, and answers, until the signal aborts or the broker is closed. Never rejects. */
export async function listenToControl(options: ControlOptions, signal: AbortSignal): Promise<void> {
  const { broker, clock, onError } = options;
  while (!signal.aborted) {
    try {
      for await (const { message } of await broker.subscribe(CONTROL_CHANNEL, { signal })) await answer(message, options);
      return;
    } catch (error) {
      if (signal.aborted || (StemError.is(error) && error.code === "CLOSED")) return;
      onError(error);
      await sleep(RETRY_MS, { clock, signal }).catch(() => undefined);
    }
  }
}

async function answer(message: unknown, { broker, lookForRevocations, onError }: ControlOptions): Promise<void> {
  // What a later version asks for is not for this one.
  const request = toControlRequest(message);
  if (request === undefined) return;
  try {
    await broker.broadcast(request.replyTo, await lookForRevocations());
  } catch (error) {
    // Whoever asked takes the silence for a worker that did not hear, which is what it comes to.
    onError(error);
  }
}
