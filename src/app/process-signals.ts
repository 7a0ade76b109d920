import process from "node:process";
import type { Duration } from "../time/duration.ts";
import type { ShutdownOptions } from "../worker/worker-options.ts";

/** What can be shut down: a worker, or an app. */
export type Stoppable =
  | {
    /** Shuts a worker down. */
    shutdown(options: ShutdownOptions): Promise<void>;
  }
  | {
    /** Closes an app. */
    close(options: ShutdownOptions): Promise<void>;
  };

/** How {@link shutdownOnSignals} reacts. */
export interface SignalOptions {
  /** The signals to listen to. @default ["SIGINT", "SIGTERM"] */
  readonly signals?: readonly ("SIGINT" | "SIGTERM" | "SIGHUP")[];
  /** How long the warm shutdown of the first signal may take before it becomes a hard one. @default no limit */
  readonly timeout?: Duration;
  /** Hears of a shutdown that failed. @default it is thrown where nobody catches it */
  readonly onError?: (error: unknown) => void;
}

/**
 * Shuts a worker or an app down when the process is told to end: warm at the first signal, hard at the second. Without this call the library
 * listens to no signal. It does not end the process: that ends by itself when nothing else keeps it.
 *
 * @returns what stops the listening.
 *
 * @example
 * ```ts
 * import { shutdownOnSignals, StemApp } from "@stem/stem";
 *
 * const app = await StemApp.inMemory();
 * const stopListening = shutdownOnSignals(app, { timeout: "30s" });
 * await app.close();
 * stopListening();
 * ```
 */
export function shutdownOnSignals(target: Stoppable, options: SignalOptions = {}): () => void {
  const { signals = ["SIGINT", "SIGTERM"], timeout, onError } = options;
  let asked = 0;
  const onSignal = (): void => {
    asked += 1;
    const mode: ShutdownOptions = asked > 1 ? { mode: "hard" } : timeout === undefined ? { mode: "warm" } : { mode: "warm", timeout };
    const stopped = "shutdown" in target ? target.shutdown(mode) : target.close(mode);
    // A third signal finds nobody listening, and ends the process as it always does.
    if (asked > 1) stopListening();
    void (onError === undefined ? stopped : stopped.catch(onError));
  };
  const stopListening = (): void => {
    for (const signal of signals) process.off(signal, onSignal);
  };
  for (const signal of signals) process.on(signal, onSignal);
  return stopListening;
}
