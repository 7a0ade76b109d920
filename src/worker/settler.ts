import { Batcher } from "../async/batcher.ts";
import { anySignal } from "../async/signal.ts";
import type { Completion, CompletionOutcome, TaskLedger } from "../contracts/task-ledger.ts";
import { StemError } from "../errors.ts";
import { DEAD_LETTER_REASONS } from "../model/delivery.ts";
import { toFailure } from "../model/task-failure.ts";
import type { Clock } from "../time/clock.ts";
import { sleep } from "../time/sleep.ts";

/** What settling needs. */
export interface SettlerOptions {
  /** Writes completions. */
  readonly ledger: Pick<TaskLedger, "finish">;
  /** Measures the pauses between attempts. */
  readonly clock: Clock;
  /** Hears of writes that failed and are tried again. */
  readonly onError: (error: unknown) => void;
}

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 5_000;
const MAX_BATCH = 500;

/** Writes how tasks ended: many in one round trip, and again while the store is away, as long as the task is still held. */
export class Settler {
  readonly #options: SettlerOptions;
  readonly #batcher: Batcher<Completion, CompletionOutcome>;

  /** Makes a settler. */
  constructor(options: SettlerOptions) {
    this.#options = options;
    this.#batcher = new Batcher({ name: "settler", maxItems: MAX_BATCH, concurrency: 2, run: (items) => options.ledger.finish(items) });
  }

  /**
   * Writes one completion. Answers its outcome, or `undefined` when it could not be written: the lease then runs out, and another worker
   * takes over. `abandoned` gives the signals that end the attempts; it is only asked once the store has failed.
   */
  async settle(completion: Completion, abandoned: () => readonly AbortSignal[]): Promise<CompletionOutcome | undefined> {
    let attempt = completion;
    for (let pauseMs = FIRST_PAUSE_MS;; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      try {
        return await this.#batcher.add(attempt);
      } catch (error) {
        this.#options.onError(error);
        if (!StemError.is(error)) return undefined;
        if (!error.retryable) {
          const next = withoutWhatWasRefused(attempt, error);
          if (next === undefined) return undefined;
          attempt = next;
        } else if (!(await this.#pause(pauseMs, abandoned()))) {
          return undefined;
        }
      }
    }
  }

  /** Waits until everything handed in is written. */
  flush(): Promise<void> {
    return this.#batcher.flush();
  }

  async #pause(ms: number, abandoned: readonly AbortSignal[]): Promise<boolean> {
    const { signal, dispose } = anySignal(...abandoned);
    try {
      await sleep(ms, { clock: this.#options.clock, signal });
      return true;
    } catch {
      // Aborted: nobody waits for this settlement any more.
      return false;
    } finally {
      dispose();
    }
  }
}

/**
 * The store refused what it was given, for good. Run again the task would end the same way, so it ends as failed with that error: first with
 * the tasks that follow a failure, then without them, in case it is they that cannot be written. `undefined` when nothing is left to leave out.
 */
function withoutWhatWasRefused({ delivery, settlement, followUps }: Completion, error: StemError): Completion | undefined {
  if (error.code !== "PAYLOAD" && error.code !== "CONFIG") return undefined;
  const failure = toFailure(error);
  const failed: Completion = {
    delivery,
    settlement: { kind: "deadLetter", reason: DEAD_LETTER_REASONS.result, error: failure },
    status: { state: "failed", error: failure },
  };
  const { onFailure } = delivery.envelope;
  if (settlement.kind !== "deadLetter") return onFailure === undefined ? failed : { ...failed, followUps: onFailure };
  return followUps === undefined ? undefined : failed;
}
