import { reportError } from "../async/report-error.ts";
import type { Ticker } from "../async/ticker.ts";

/** How a look that repeats itself begins. */
export interface LookingOptions {
  /** Begins to listen for what wakes the ticker; gives what ends that. */
  readonly listen: () => Promise<() => void>;
  /** Learns what is there already, which is no news. */
  readonly first: () => Promise<unknown>;
}

/** Listens, looks once, and from then on looks as the ticker does. Gives what ends both; when the first look fails, nothing stays behind. */
export async function startLooking(ticker: Ticker, { listen, first }: LookingOptions): Promise<() => void> {
  const stopListening = await listen();
  try {
    await first();
  } catch (error) {
    stopListening();
    throw error;
  }
  ticker.start();
  return () => {
    stopListening();
    ticker.stop().catch((error: unknown) => reportError(error));
  };
}
