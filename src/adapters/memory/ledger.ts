import type { CancelOutcome, CompletionOutcome, TaskLedger } from "../../contracts/task-ledger.ts";
import type { Envelope } from "../../model/envelope.ts";
import { finishVerdict } from "../../model/finish-verdict.ts";
import type { TaskFailure } from "../../model/task-failure.ts";
import { isTerminal, supersedes } from "../../model/task-state.ts";
import type { Clock } from "../../time/clock.ts";
import type { ClaimRequest, ReplayRequest } from "../broker-requests.ts";
import type { CancelRequest, EnqueueItem, FinishItem } from "../ledger-requests.ts";
import { queuedStatus, reportOf, runningStatus, toEnqueueItem } from "../ledger-requests.ts";
import type { LedgerClaim, LedgerSurfaceOptions } from "../ledger-surface.ts";
import { LedgerSurface } from "../ledger-surface.ts";
import type { StatusWrite } from "../result-requests.ts";
import { toStatusWrite } from "../result-requests.ts";
import { readAs } from "../stored-json.ts";
import type { MemorySpace } from "./database.ts";
import * as deadLetters from "./dead-letters.ts";
import * as deliveries from "./deliveries.ts";
import * as groups from "./groups.ts";
import type { StoredEnvelope } from "./queue.ts";
import * as statuses from "./statuses.ts";

/** What a {@link MemoryLedger} works on. */
export interface MemoryLedgerOptions extends LedgerSurfaceOptions<unknown> {
  /** The state of both sides. */
  readonly space: MemorySpace;
  /** Judges leases, delays and times to live. */
  readonly clock: Clock;
  /** How long dead letters are kept. */
  readonly deadLetterTtlMs: number;
}

/** Accepts tasks, all or none, before it returns. */
export type Enqueue = (envelopes: readonly Envelope[]) => void;

const enqueuers = new WeakMap<TaskLedger, Enqueue>();

/** How to enqueue into a ledger in one go with a write of another store; `undefined` when it is none in memory. */
export function enqueuerOf(ledger: TaskLedger): Enqueue | undefined {
  return enqueuers.get(ledger);
}

/** Broker and result backend of one memory database as one. Every step runs in one go: nothing else can come in between. */
export class MemoryLedger extends LedgerSurface<unknown> {
  readonly #space: MemorySpace;
  readonly #clock: Clock;
  readonly #deadLetterTtlMs: number;

  /** Joins the two sides. */
  constructor(options: MemoryLedgerOptions) {
    super(options);
    this.#space = options.space;
    this.#clock = options.clock;
    this.#deadLetterTtlMs = options.deadLetterTtlMs;
    enqueuers.set(this, (envelopes) => {
      options.transactionOf(undefined);
      const items = envelopes.map((envelope) => toEnqueueItem(envelope, this.limits));
      const now = this.#clock.now();
      for (const item of items) this.#enqueue(item, now);
    });
  }

  protected override async enqueueBatch(items: readonly EnqueueItem<unknown>[]): Promise<readonly boolean[]> {
    const now = this.#clock.now();
    return items.map((item) => this.#enqueue(item, now));
  }

  protected override async claimNow(request: ClaimRequest): Promise<readonly LedgerClaim[]> {
    const now = this.#clock.now();
    return deliveries.claim(this.#space, request, now).map((delivery) => {
      const onRecord = statuses.start(this.#space, runningStatus(delivery), now);
      return onRecord !== undefined && isTerminal(onRecord.state) ? { delivery, ended: statuses.toStatus(onRecord) } : { delivery };
    });
  }

  protected override async finishBatch(items: readonly FinishItem<unknown>[]): Promise<readonly CompletionOutcome[]> {
    const now = this.#clock.now();
    return items.map((item) => this.#finish(item, now));
  }

  protected override async cancelBatch(ids: readonly string[], request: CancelRequest): Promise<readonly CancelOutcome[]> {
    const now = this.#clock.now();
    return ids.map((id) => this.#cancel(id, request, now));
  }

  protected override async cancelQueue(queue: string, error: TaskFailure): Promise<number> {
    const now = this.#clock.now();
    const waiting = deliveries.waitingIn(this.#space, queue, now);
    return waiting.filter(({ id }) => this.#cancel(id, { error, waitingOnly: true }, now) === "cancelled").length;
  }

  protected override async replayBatch(request: ReplayRequest): Promise<readonly string[]> {
    const now = this.#clock.now();
    const replayed = deadLetters.replay(this.#space, request, now);
    if (!request.dryRun) { for (const envelope of replayed) statuses.set(this.#space, queuedStatus(envelope, this.limits), now); }
    return replayed.map(({ id }) => id);
  }

  #enqueue(item: EnqueueItem<unknown>, now: number): boolean {
    const current = this.#space.statuses.get(item.envelope.id, now);
    // A task that is queued and nowhere to be found: its producer was cut off between the status and the publication.
    if (current !== undefined && current.state !== "queued" || !deliveries.publish(this.#space, item, now)) return false;
    if (current !== undefined) statuses.forgetReports(current);
    statuses.put(this.#space, item.status, { now, current });
    return true;
  }

  #finish(item: FinishItem<unknown>, now: number): CompletionOutcome {
    const space = this.#space;
    const { settle, status, groupId } = item;
    if (deliveries.heldBy(space, settle) === undefined) return { settled: false };
    const current = space.statuses.get(settle.id, now);
    const verdict = status === undefined ? "keep" : finishVerdict({ state: status.state, attempt: settle.attempt }, current);
    if (verdict === "write" && status !== undefined) statuses.put(space, status, { now, current });
    const refused = verdict === "refuse";
    const times = { now, deadLetterTtlMs: this.#deadLetterTtlMs };
    deliveries.settle(space, refused ? { ...settle, kind: "ack" } : settle, times);
    if (!refused) { for (const next of item.followUps) this.#enqueue(next, now); }
    const report = refused && groupId !== undefined && current !== undefined
      ? reportOf(statuses.toStatus(current), groupId, this.limits.status)
      : item.report;
    const group = report === undefined ? undefined : groups.report(space, report, now);
    const state = space.statuses.get(settle.id, now)?.state;
    return { settled: true, ...(state === undefined ? {} : { state }), ...(group === undefined ? {} : { group }) };
  }

  #cancel(id: string, { error, waitingOnly }: CancelRequest, now: number): CancelOutcome {
    const space = this.#space;
    const status = space.statuses.get(id, now);
    const stored = space.envelopes.get(id);
    if (status === undefined && stored === undefined) return space.deadLetters.get(id, now) === undefined ? "unknown" : "ended";
    const write = this.#cancelledStatus(id, stored, error);
    // A failed task that is replayed waits at a higher attempt than its status tells of.
    const attempt = status?.state === "failed" ? stored?.attempt ?? status.attempt : status?.attempt ?? stored?.attempt ?? 1;
    const isHeld = stored === undefined ? status?.state === "running" : stored.place === "leased" && stored.dueAt > now;
    if (isHeld && waitingOnly) return supersedes({ state: "cancelled", attempt }, status) ? "running" : "ended";
    if (!statuses.set(space, { ...write, attempt }, now)) return "ended";
    if (isHeld) return "running";
    if (stored !== undefined) deliveries.forget(space, stored);
    const cancelled = space.statuses.get(id, now);
    const groupId = cancelled?.groupId;
    if (cancelled === undefined || groupId === undefined) return "cancelled";
    // What an attempt may have left is no result of a task that was cancelled.
    const { payload: _payload, ...ended } = statuses.toStatus(cancelled);
    const report = reportOf(ended, groupId, this.limits.status);
    if (report !== undefined) groups.report(space, report, now);
    return "cancelled";
  }

  #cancelledStatus(id: string, stored: StoredEnvelope | undefined, error: TaskFailure): StatusWrite<unknown> {
    const limits = this.limits.status;
    if (stored === undefined) return toStatusWrite({ id, state: "cancelled", error }, limits);
    const { name, queue, groupId, resultTtlMs } = readAs<Envelope>(stored.kept);
    const group = groupId === undefined ? {} : { groupId };
    const ttl = resultTtlMs === undefined ? {} : { ttl: resultTtlMs };
    return toStatusWrite({ id, state: "cancelled", error, name, queue, ...group, ...ttl }, limits);
  }
}
