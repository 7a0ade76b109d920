import { passOn } from "../async/maybe-promise.ts";
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
import { repeatedEnvelope, toClaimRequest, toReplayRequest } from "./broker-requests.ts";
import type { GroupCommitOptions } from "./call-group.ts";
import { CallGroup } from "./call-group.ts";
import type { ClaimSource } from "./claim-loop.ts";
import { claimOrWait } from "./claim-loop.ts";
import type { JsonForm } from "./json-form.ts";
import type { CancelRequest, EnqueueItem, FinishItem, LedgerLimits } from "./ledger-requests.ts";
import { repeatedCancel, toEnqueueItem, toFinishItem, toOwedItem } from "./ledger-requests.ts";
import type { RepeatOptions } from "./repeats.ts";
import { withoutRepeats } from "./repeats.ts";
import { storableText, validateList } from "./validation.ts";

/** What a ledger needs of the broker and the backend that it joins. */
export interface LedgerSurfaceOptions<Json = string> {
  /** What envelopes and statuses are held to. */
  readonly limits: LedgerLimits<Json>;
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
 * A store adds the protected primitives. They are only called with checked, non-empty input, and each is one transaction. `Json` is as what it keeps
 * JSON values.
 */
export abstract class LedgerSurface<Json = string> implements TaskLedger {
  /** Both sides are written in one transaction. */
  readonly atomic = true;
  /** What envelopes and statuses are held to. */
  protected readonly limits: LedgerLimits<Json>;
  readonly #options: LedgerSurfaceOptions<Json>;
  readonly #enqueuing: CallGroup<EnqueueItem<Json>, boolean>;
  readonly #finishing: CallGroup<FinishItem<Json>, CompletionOutcome>;

  /** Prepares the surface. */
  constructor(options: LedgerSurfaceOptions<Json>) {
    const { groupCommit, limits: { form } } = options;
    this.#options = options;
    this.limits = options.limits;
    this.#enqueuing = new CallGroup({
      name: "enqueue",
      groupCommit,
      lengthOf: (item) => form.lengthOf(item.text),
      run: (items) => this.#enqueueOnce(items),
    });
    this.#finishing = new CallGroup({
      name: "finish",
      groupCommit,
      lengthOf: (item) => finishLength(item, form),
      run: (items) => this.#finishOnce(items),
    });
  }

  /** Accepts tasks. Answers one boolean each, in order: false when the id was known already. */
  enqueue(envelopes: readonly Envelope[], options?: WriteOptions): Promise<readonly boolean[]> {
    return passOn(() => {
      const tx = this.#options.transactionOf(options);
      const items = validateList(envelopes, "the tasks to enqueue").map((envelope) => toEnqueueItem(envelope, this.limits));
      if (items.length === 0) return Promise.resolve([]);
      return tx === undefined ? this.#enqueuing.call(items) : this.#enqueueOnce(items, tx);
    });
  }

  /** Hands out claimable tasks, or waits for them, and records that they run. */
  async claim(options: ClaimOptions): Promise<readonly Delivery[]> {
    this.#options.transactionOf(undefined);
    return await claimOrWait(toClaimRequest(options), this.#options.claimSource((request) => this.#claimWhatRuns(request)));
  }

  /** Writes how deliveries ended. Answers one outcome each, in order. */
  async finish(completions: readonly Completion[]): Promise<readonly CompletionOutcome[]> {
    this.#options.transactionOf(undefined);
    const items = validateList(completions, "the completions").map((completion) => toFinishItem(completion, this.limits));
    return items.length === 0 ? [] : await this.#finishing.call(items);
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
  protected abstract enqueueBatch(items: readonly EnqueueItem<Json>[], tx?: object): Promise<readonly boolean[]>;
  /** Claims as the broker does, and records `running` with the consumer as worker and now as start, where the order of truth permits. */
  protected abstract claimNow(request: ClaimRequest): Promise<readonly LedgerClaim[]>;
  /** Carries out completions, see {@link FinishItem}; no delivery comes twice. A stale one writes nothing. Wakes claims and watches. */
  protected abstract finishBatch(items: readonly FinishItem<Json>[]): Promise<readonly CompletionOutcome[]>;
  /** Ends tasks as cancelled, unless they are to be left alone; no id comes twice. Tells their groups. */
  protected abstract cancelBatch(ids: readonly string[], request: CancelRequest): Promise<readonly CancelOutcome[]>;
  /** Ends what waits in a queue as cancelled. */
  protected abstract cancelQueue(queue: string, error: TaskFailure): Promise<number>;
  /** Publishes dead letters again with their status `queued`, also where none is kept any more. */
  protected abstract replayBatch(request: ReplayRequest): Promise<readonly string[]>;

  async #claimWhatRuns(request: ClaimRequest): Promise<readonly Delivery[]> {
    for (;;) {
      const claims = await this.claimNow(request);
      if (claims.length > 0 && claims.every(({ ended }) => ended === undefined)) return claims.map(({ delivery }) => delivery);
      const owed = claims.flatMap(({ delivery, ended }) => ended === undefined ? [] : [toOwedItem(delivery, ended, this.limits)]);
      if (owed.length > 0) await this.#finishing.call(owed);
      // When nothing but ended tasks came, others may still be waiting behind them.
      if (owed.length < claims.length || claims.length === 0) {
        return claims.flatMap(({ delivery, ended }) => ended === undefined ? [delivery] : []);
      }
    }
  }

  #enqueueOnce(items: readonly EnqueueItem<Json>[], tx?: object): Promise<readonly boolean[]> {
    return withoutRepeats(items, repeatedEnvelope, (some) => this.enqueueBatch(some, tx));
  }

  #finishOnce(items: readonly FinishItem<Json>[]): Promise<readonly CompletionOutcome[]> {
    return withoutRepeats(items, repeatedCompletion, (some) => this.finishBatch(some));
  }
}

function finishLength<Json>({ status, followUps }: FinishItem<Json>, form: JsonForm<Json>): number {
  const payloadLength = status?.payload === undefined ? 0 : form.lengthOf(status.payload);
  return followUps.reduce((sum, next) => sum + form.lengthOf(next.text), payloadLength);
}

const repeatedCompletion: RepeatOptions<FinishItem<unknown>, CompletionOutcome> = {
  idOf: ({ settle }) => settle.id,
  keyOf: ({ settle }) => `${settle.token} ${settle.id}`,
  repeated: { settled: false },
};
