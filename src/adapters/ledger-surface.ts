import type { ClaimOptions, ReplayOptions } from "../contracts/broker.ts";
import type { WriteOptions } from "../contracts/store.ts";
import type { CancelOptions, CancelOutcome, Completion, CompletionOutcome, TaskLedger } from "../contracts/task-ledger.ts";
import type { Delivery } from "../model/delivery.ts";
import type { Envelope } from "../model/envelope.ts";
import { validateId } from "../model/id.ts";
import { cancelFailure } from "../model/owed.ts";
import type { TaskFailure } from "../model/task-failure.ts";
import type { TaskStatus } from "../model/task-status.ts";
import type { ClaimRequest, ReplayRequest } from "./broker-requests.ts";
import { toClaimRequest, toReplayRequest } from "./broker-requests.ts";
import type { GroupCommitOptions } from "./call-group.ts";
import { CallGroup } from "./call-group.ts";
import type { ClaimSource } from "./claim-loop.ts";
import { claimOrWait } from "./claim-loop.ts";
import type { CancelRequest, EnqueueItem, FinishItem, LedgerLimits } from "./ledger-requests.ts";
import { repeatedCancel, toEnqueueItem, toFinishItem, toOwedItem } from "./ledger-requests.ts";
import { withoutRepeats } from "./repeats.ts";
import { storableText, validateList } from "./validation.ts";

/** What a ledger needs of the broker and the backend that it joins. */
export interface LedgerSurfaceOptions {
  /** What texts are held to. */
  readonly limits: LedgerLimits;
  /** Gives the caller's transaction; throws when either side is closed, or cannot join it. */
  readonly transactionOf: (options: WriteOptions | undefined) => object | undefined;
  /** How the broker waits, around the ledger's own claim. */
  readonly claimSource: (claimNow: ClaimSource["claimNow"]) => ClaimSource;
  /** How calls made at the same time share round trips. @default each goes by itself */
  readonly groupCommit?: GroupCommitOptions | undefined;
}

/** A delivery as a ledger claimed it. */
export interface LedgerClaim {
  /** What was claimed. */
  readonly delivery: Delivery;
  /** The status on record when it has ended and refused `running`: then nothing is left to run. */
  readonly ended?: TaskStatus;
}

/**
 * What all ledgers over one database do alike: checking arguments, waiting, grouping calls, and carrying out what is owed to tasks that
 * have ended already.
 *
 * A store adds the protected primitives. They are only called with checked, non-empty input, and each is one transaction.
 */
export abstract class LedgerSurface implements TaskLedger {
  /** Both sides are written in one transaction. */
  readonly atomic = true;
  /** What texts are held to. */
  protected readonly limits: LedgerLimits;
  readonly #options: LedgerSurfaceOptions;
  readonly #enqueuing: CallGroup<EnqueueItem, boolean>;
  readonly #finishing: CallGroup<FinishItem, CompletionOutcome>;

  /** Prepares the surface. */
  constructor(options: LedgerSurfaceOptions) {
    const { groupCommit } = options;
    this.#options = options;
    this.limits = options.limits;
    this.#enqueuing = new CallGroup({
      name: "enqueue",
      groupCommit,
      lengthOf: (item) => item.text.length,
      run: (items) => this.#enqueueOnce(items),
    });
    this.#finishing = new CallGroup({ name: "finish", groupCommit, lengthOf: finishLength, run: (items) => this.#finishOnce(items) });
  }

  /** Accepts tasks. Answers one boolean each, in order: false when the id was known already. */
  async enqueue(envelopes: readonly Envelope[], options?: WriteOptions): Promise<readonly boolean[]> {
    const tx = this.#options.transactionOf(options);
    const items = validateList(envelopes, "the tasks to enqueue").map((envelope) => toEnqueueItem(envelope, this.limits));
    if (items.length === 0) return [];
    return tx === undefined ? this.#enqueuing.call(items) : this.#enqueueOnce(items, tx);
  }

  /** Hands out claimable tasks, or waits for them, and records that they run. */
  async claim(options: ClaimOptions): Promise<readonly Delivery[]> {
    this.#options.transactionOf(undefined);
    return claimOrWait(toClaimRequest(options), this.#options.claimSource((request) => this.#claimWhatRuns(request)));
  }

  /** Writes how deliveries ended. Answers one outcome each, in order. */
  async finish(completions: readonly Completion[]): Promise<readonly CompletionOutcome[]> {
    this.#options.transactionOf(undefined);
    const items = validateList(completions, "the completions").map((completion) => toFinishItem(completion, this.limits));
    return items.length === 0 ? [] : this.#finishing.call(items);
  }

  /** Ends tasks as cancelled. Answers for each, in order, what was found. */
  async cancel(taskIds: readonly string[], options: CancelOptions = {}): Promise<readonly CancelOutcome[]> {
    this.#options.transactionOf(undefined);
    const ids = validateList(taskIds, "the tasks to cancel").map((id) => validateId(id, "a task's id"));
    const { reason, requestedBy, waitingOnly = false } = options;
    const error = cancelFailure(
      reason === undefined ? undefined : storableText(reason, "the reason"),
      requestedBy === undefined ? undefined : storableText(requestedBy, "who asked for it"),
    );
    if (ids.length === 0) return [];
    const unique = [...new Set(ids)];
    const request = { error, waitingOnly };
    const answers = await this.cancelBatch(unique, request);
    const found = new Map(unique.map((id, at) => [id, answers[at] ?? "unknown"]));
    return ids.map((id) => {
      const outcome = found.get(id) ?? "unknown";
      found.set(id, repeatedCancel(outcome, request));
      return outcome;
    });
  }

  /** Cancels every task of a queue that no worker holds. Returns how many. */
  async purge(queue: string): Promise<number> {
    this.#options.transactionOf(undefined);
    return this.cancelQueue(validateId(queue, "a queue's name"), cancelFailure("purged"));
  }

  /** Publishes dead letters again. Answers their ids, in the order of their deaths. */
  async replay(options?: ReplayOptions): Promise<readonly string[]> {
    this.#options.transactionOf(undefined);
    const request = toReplayRequest(options);
    return request.filter.ids?.length === 0 ? [] : this.replayBatch(request);
  }

  /**
   * Accepts tasks, all or none; no id comes twice. An unexpired status of an id refuses it as a known envelope does. Wakes claims and
   * watches.
   */
  protected abstract enqueueBatch(items: readonly EnqueueItem[], tx?: object): Promise<readonly boolean[]>;
  /** Claims as the broker does, and records `running` with the consumer as worker and now as start, where the order of truth permits. */
  protected abstract claimNow(request: ClaimRequest): Promise<readonly LedgerClaim[]>;
  /** Carries out completions, see {@link FinishItem}; no delivery comes twice. A stale one writes nothing. Wakes claims and watches. */
  protected abstract finishBatch(items: readonly FinishItem[]): Promise<readonly CompletionOutcome[]>;
  /** Ends tasks as cancelled, unless they are to be left alone; no id comes twice. Tells their groups. */
  protected abstract cancelBatch(ids: readonly string[], request: CancelRequest): Promise<readonly CancelOutcome[]>;
  /** Ends what waits in a queue as cancelled. */
  protected abstract cancelQueue(queue: string, error: TaskFailure): Promise<number>;
  /** Publishes dead letters again with their status `queued`, also where none is kept any more. */
  protected abstract replayBatch(request: ReplayRequest): Promise<readonly string[]>;

  async #claimWhatRuns(request: ClaimRequest): Promise<readonly Delivery[]> {
    for (;;) {
      const claims = await this.claimNow(request);
      const owed = claims.flatMap(({ delivery, ended }) => ended === undefined ? [] : [toOwedItem(delivery, ended, this.limits)]);
      if (owed.length > 0) await this.#finishing.call(owed);
      // When nothing but ended tasks came, others may still be waiting behind them.
      if (owed.length < claims.length || claims.length === 0) {
        return claims.flatMap(({ delivery, ended }) => ended === undefined ? [delivery] : []);
      }
    }
  }

  #enqueueOnce(items: readonly EnqueueItem[], tx?: object): Promise<readonly boolean[]> {
    return withoutRepeats(items, { idOf: envelopeId, keyOf: envelopeId, repeated: false, run: (some) => this.enqueueBatch(some, tx) });
  }

  #finishOnce(items: readonly FinishItem[]): Promise<readonly CompletionOutcome[]> {
    return withoutRepeats(items, {
      idOf: ({ settle }) => settle.id,
      keyOf: ({ settle }) => `${settle.token} ${settle.id}`,
      repeated: { settled: false },
      run: (some) => this.finishBatch(some),
    });
  }
}

function finishLength({ status, followUps }: FinishItem): number {
  return (status?.payload?.length ?? 0) + followUps.reduce((sum, next) => sum + next.text.length, 0);
}

function envelopeId({ envelope }: EnqueueItem): string {
  return envelope.id;
}
