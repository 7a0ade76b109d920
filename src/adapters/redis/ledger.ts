import type { CancelOutcome, CompletionOutcome } from "../../contracts/task-ledger.ts";
import type { TaskFailure } from "../../model/task-failure.ts";
import { isTaskState } from "../../model/task-state.ts";
import type { ClaimRequest, ReplayRequest } from "../broker-requests.ts";
import type { CancelRequest, EnqueueItem, FinishItem } from "../ledger-requests.ts";
import type { LedgerClaim, LedgerSurfaceOptions } from "../ledger-surface.ts";
import { LedgerSurface } from "../ledger-surface.ts";
import type { RedisDatabase } from "./database.ts";
import type { RedisDeadLetters } from "./dead-letters.ts";
import { allBut, toDeliveries } from "./deliveries.ts";
import { CANCEL, CANCEL_QUEUE, CLAIM_TASKS, ENQUEUE, FINISH } from "./ledger-scripts.ts";
import { offerLedger } from "./ledger-side.ts";
import type { Argument } from "./link.ts";
import { listOf, numberOf, optionalTextOf, textOf } from "./reply.ts";
import type { Script } from "./script.ts";
import { envelopeArguments } from "./stored-envelope.ts";
import { readStatus } from "./stored-status.ts";
import type { Follower, WaitingClaims } from "./waiting-claims.ts";

/** What a {@link RedisLedger} works on. */
export interface RedisLedgerOptions extends LedgerSurfaceOptions {
  /** Where both sides are. */
  readonly database: RedisDatabase;
  /** The namespace of all keys. */
  readonly namespace: string;
  /** How long dead letters are kept. */
  readonly deadLetterTtlMs: number;
  /** The dead letters of the broker. */
  readonly letters: RedisDeadLetters;
  /** The claims that wait, the broker's own among them. */
  readonly waits: WaitingClaims;
}

// So many at once, that no single script holds the server up for long.
const CANCELLED_AT_ONCE = 200;

/** Broker and result backend of one database as one: each step of a task's life is one script over the whole batch. */
export class RedisLedger extends LedgerSurface {
  readonly #options: RedisLedgerOptions;

  /** Joins the two sides. */
  constructor(options: RedisLedgerOptions) {
    super(options);
    this.#options = options;
    const { database, namespace, limits, transactionOf } = options;
    offerLedger(this, { database, namespace, limits, requireOpen: () => void transactionOf(undefined) });
  }

  protected override async enqueueBatch(items: readonly EnqueueItem[]): Promise<readonly boolean[]> {
    const follower = this.#followerOf(items);
    const args: Argument[] = [follower?.id ?? ""];
    for (const item of items) args.push(...taskArguments(item));
    const sent = this.#run(ENQUEUE, args);
    follower?.look();
    try {
      return allBut(items.length, await sent);
    } finally {
      // Where the tasks had to wait for the connection, it has looked too early.
      follower?.look();
    }
  }

  protected override async claimNow(request: ClaimRequest): Promise<readonly LedgerClaim[]> {
    const { limit, leaseMs, consumer, queues } = request;
    const { waits } = this.#options;
    const reply = listOf(await this.#run(CLAIM_TASKS, [limit, leaseMs, consumer, ...waits.argumentsOf(queues), ...queues]));
    if (reply.length === 1) return waits.noted(queues, numberOf(reply[0]));
    waits.noted(queues, []);
    const count = numberOf(reply[3]);
    const claims: LedgerClaim[] = toDeliveries(reply, { consumer, leaseMs, from: 4, count }).map((delivery) => ({ delivery }));
    for (let at = 4 + count; at < reply.length; at += 2) {
      const index = numberOf(reply[at]) - 1;
      const claim = claims[index];
      const ended = claim && readStatus(claim.delivery.envelope.id, textOf(reply[at + 1]));
      if (claim !== undefined && ended !== undefined) claims[index] = { delivery: claim.delivery, ended };
    }
    return claims;
  }

  protected override async finishBatch(items: readonly FinishItem[]): Promise<readonly CompletionOutcome[]> {
    const args: Argument[] = [this.#options.deadLetterTtlMs];
    for (const item of items) {
      args.push(...finishArguments(item));
      for (const next of item.followUps) args.push(...taskArguments(next));
    }
    const reply = listOf(await this.#run(FINISH, args));
    return items.map((item, at) => toOutcome(optionalTextOf(reply[at]), item.groupId));
  }

  protected override async cancelBatch(ids: readonly string[], request: CancelRequest): Promise<readonly CancelOutcome[]> {
    const { error, waitingOnly } = request;
    const args = [JSON.stringify(error), waitingOnly ? 1 : 0, this.limits.status.ttlMs, ...ids];
    return listOf(await this.#run(CANCEL, args)).map(toCancelOutcome);
  }

  protected override async cancelQueue(queue: string, error: TaskFailure): Promise<number> {
    const args = [JSON.stringify(error), this.limits.status.ttlMs, queue, CANCELLED_AT_ONCE];
    // Ever further on: one that has ended already stays, for the next claim to carry out what it is owed.
    let [cancelled, delayed, place] = [0, 0, "-inf"];
    for (;;) {
      const [looked, some, last, kept, moved] = listOf(await this.#run(CANCEL_QUEUE, [...args, place, delayed]));
      cancelled += numberOf(some);
      delayed += numberOf(kept);
      place = numberOf(moved) > 0 ? "-inf" : textOf(last);
      if (numberOf(looked) < CANCELLED_AT_ONCE && numberOf(moved) === 0) return cancelled;
    }
  }

  protected override replayBatch(request: ReplayRequest): Promise<readonly string[]> {
    return this.#options.letters.replayAs(request, { createsStatuses: true });
  }

  /** The claim that gets the first of the tasks. */
  #followerOf([first]: readonly EnqueueItem[]): Follower | undefined {
    if (first === undefined || first.envelope.delayMs !== undefined || first.envelope.notBefore !== undefined) return undefined;
    return this.#options.waits.followerOf(first.envelope.queue);
  }

  #run(what: Script, args: readonly Argument[]): Promise<unknown> {
    return this.#options.database.run(what, this.#options.namespace, args);
  }
}

/** What the scripts' `enqueueTask` takes of a task. */
export function taskArguments(item: EnqueueItem): readonly [string, string, string, string, string] {
  const [id, queue, placing, rest] = envelopeArguments(item);
  return [id, queue, placing, rest, item.status.meta ?? ""];
}

// Few arguments, since each costs both sides more than parting texts again. The second one is a part of the status as it is stored.
function finishArguments({ settle, status, report, groupId = "", followUps }: FinishItem): readonly [string, string] {
  const { id, token, queue, kind, delayMs, reason = "", error: failure = "", attempt } = settle;
  const { state = "", meta = "", name = "", worker = "", ttlMs = "" } = status ?? {};
  // A status and its report say the same.
  const { payload = "", error = "" } = status ?? report ?? {};
  const { state: reported = "", encoder = "" } = report ?? {};
  return [
    `${id}\0${token}\0${queue}\0${kind}\0${delayMs}\0${reason}\0${failure}\0${state}\0${attempt}\0${meta}\0${groupId}\0${ttlMs}\0` +
    `${reported}\0${encoder}\0${followUps.length}\0`,
    `${name}\0${queue}\0${worker}\0${groupId}\0${payload}\0${error}\0`,
  ];
}

function toOutcome(answer: string | undefined, groupId: string | undefined): CompletionOutcome {
  if (answer === undefined) return { settled: false };
  const [state, total, ended, failed, completedNow] = answer.split(" ");
  const group = total === undefined || groupId === undefined ? {} : {
    group: { groupId, total: Number(total), ended: Number(ended), failed: Number(failed), completedNow: completedNow === "1" },
  };
  return { settled: true, ...(isTaskState(state) ? { state } : {}), ...group };
}

function toCancelOutcome(value: unknown): CancelOutcome {
  return value === "cancelled" || value === "running" || value === "ended" ? value : "unknown";
}
