import { StemError } from "../errors.ts";
import type { Delivery } from "../model/delivery.ts";
import type { Clock } from "../time/clock.ts";
import { sleep } from "../time/sleep.ts";
import type { Ending } from "./ending.ts";
import type { HeldTask } from "./held-task.ts";

/** The task is held, and neither run nor ended, until the gate lets it through by itself. */
export interface Standby {
  /** Tells it from an ending. */
  readonly kind: "standby";
}

/** What a gate says of a task: how it ends without being run, or that it is to wait; `undefined` lets it through. */
export type Verdict = Ending | Standby | undefined;

/**
 * Decides about claimed tasks before they are run. It sees each claim once, as a whole, and should ask its store once for all of it.
 */
export interface Gate {
  /**
   * Answers one verdict for each delivery, in order.
   *
   * When it throws, no task of the claim is run: after a retryable error it is asked again while the tasks are held, after any other they
   * go back to their queues for a while.
   */
  admit(deliveries: readonly Delivery[]): Promise<readonly Verdict[]>;
}

/** What {@link passGates} needs. */
export interface GateOptions {
  /** Asked one after the other; each sees what those before it let through. */
  readonly gates: readonly Gate[];
  /** Measures the pauses between attempts. */
  readonly clock: Clock;
  /** Ends the attempts: what was not decided by then goes back to its queue. */
  readonly signal: AbortSignal;
  /** Hears of gates that failed. */
  readonly onError: (error: unknown) => void;
}

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 5_000;
// Long enough for other tasks to get their turn before a gate that cannot judge this one is asked again.
const SET_ASIDE_MS = 5_000;

/** Sends freshly claimed tasks through the gates. Answers how those end that are not to be run, and which are to wait. Never rejects. */
export async function passGates(tasks: readonly HeldTask[], options: GateOptions): Promise<ReadonlyMap<HeldTask, Ending | Standby>> {
  const endings = new Map<HeldTask, Ending | Standby>();
  for (const gate of options.gates) {
    await passGate(gate, tasks.filter((held) => !endings.has(held)), { ...options, endings });
  }
  return endings;
}

interface Passage extends GateOptions {
  readonly endings: Map<HeldTask, Ending | Standby>;
}

async function passGate(gate: Gate, tasks: readonly HeldTask[], { clock, signal, onError, endings }: Passage): Promise<void> {
  for (let pauseMs = FIRST_PAUSE_MS;; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    // Those whose lease was lost meanwhile are turned away where they would be run.
    const asked = tasks.filter((held) => held.abortReason === undefined);
    if (asked.length === 0) return;
    try {
      const verdicts = await gate.admit(asked.map(({ delivery }) => delivery));
      for (const [at, held] of asked.entries()) {
        const ending = verdicts[at];
        if (ending !== undefined) endings.set(held, ending);
      }
      return;
    } catch (error) {
      onError(error);
      const isPassing = StemError.is(error) && error.retryable;
      if (isPassing && await paused(pauseMs, clock, signal)) continue;
      for (const held of asked) endings.set(held, { kind: "put-back", delayMs: isPassing ? 0 : SET_ASIDE_MS });
      return;
    }
  }
}

/** False when the signal ended the pause. */
async function paused(ms: number, clock: Clock, signal: AbortSignal): Promise<boolean> {
  try {
    await sleep(ms, { clock, signal });
    return true;
  } catch {
    return false;
  }
}
