import { Batcher } from "../async/batcher.ts";
import type { Completion, CompletionOutcome, TaskLedger } from "../contracts/task-ledger.ts";
import { StemError } from "../errors.ts";
import { DEAD_LETTER_REASONS } from "../model/delivery.ts";
import { toFailure } from "../model/task-failure.ts";
import type { Clock } from "../time/clock.ts";
import { sleep } from "../time/sleep.ts";

/** What settling needs. */
export interface SettlerOptions {
  /** Writes completions. */
  readonly ledger: TaskLedger;
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
   * Writes one completion. Answers its outcome, or `undefined` when one of the signals aborted before the store could be reached:
   * the lease then runs out, and another worker takes over.
   */
  async settle(completion: Completion, abandoned: readonly AbortSignal[]): Promise<CompletionOutcome | undefined> {
    let attempt = completion;
    for (let pauseMs = FIRST_PAUSE_MS;; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      try {
        return await this.#batcher.add(attempt);
      } catch (error) {
        this.#options.onError(error);
        if (StemError.is(error) && error.code === "PAYLOAD" && attempt === completion) attempt = withoutPayload(completion, error);
        else if (!(StemError.is(error) && error.retryable) || !(await this.#pause(pauseMs, abandoned))) return undefined;
      }
    }
  }

  /** Waits until everything handed in is written. */
  flush(): Promise<void> {
    return this.#batcher.flush();
  }

  async #pause(ms: number, abandoned: readonly AbortSignal[]): Promise<boolean> {
    try {
      await sleep(ms, { clock: this.#options.clock, signal: AbortSignal.any([...abandoned]) });
      return true;
    } catch {
      // Aborted: nobody waits for this settlement any more.
      return false;
    }
  }
}

/** The store refused the result, as too large for instance: the task ends as failed with that error instead of cycling for ever. */
function withoutPayload(completion: Completion, error: StemError): Completion {
  const failure = toFailure(error);
  return {
    delivery: completion.delivery,
    settlement: { kind: "deadLetter", reason: DEAD_LETTER_REASONS.result, error: failure },
    status: { state: "failed", error: failure },
  };
}
