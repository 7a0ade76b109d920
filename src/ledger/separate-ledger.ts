import type { Broker, ClaimOptions, ReplayOptions } from "../contracts/broker.ts";
import { groupReport, queuedUpdate, runningUpdate, statusUpdate, validateCompletion } from "../contracts/completion.ts";
import type { ResultBackend } from "../contracts/result-backend.ts";
import type { WriteOptions } from "../contracts/store.ts";
import type { CancelOptions, CancelOutcome, Completion, CompletionOutcome, TaskLedger } from "../contracts/task-ledger.ts";
import { StemError } from "../errors.ts";
import type { Delivery, SettleRequest } from "../model/delivery.ts";
import type { Envelope } from "../model/envelope.ts";
import { DEFAULT_LEASE_MS, validateEnvelope } from "../model/envelope.ts";
import { finishVerdict } from "../model/finish-verdict.ts";
import type { GroupReport } from "../model/group.ts";
import { cancelFailure, groupResultOf, owedTo } from "../model/owed.ts";
import { isTerminal } from "../model/task-state.ts";
import type { TaskStatus } from "../model/task-status.ts";
import { cancelQueue } from "./cancel-queue.ts";

/** What is left to carry out of a completion once its status is settled. */
interface Rest {
  readonly completion: Completion;
  /** The status on record when it is another one than asked for. */
  readonly onRecord: TaskStatus | undefined;
  /** Whether something else became of the task. */
  readonly refused: boolean;
}

/**
 * A broker and a result backend that share no database, as one. See {@link TaskLedger} for the order in which the sides are written.
 *
 * With a transaction of the caller's, `enqueue` publishes within it and records no status: that could not be undone with it.
 */
export class SeparateLedger implements TaskLedger {
  /** The two sides are written one after the other. */
  readonly atomic = false;
  readonly #broker: Broker;
  readonly #results: ResultBackend;

  /** Joins the two sides. */
  constructor(broker: Broker, results: ResultBackend) {
    this.#broker = broker;
    this.#results = results;
  }

  /** Accepts tasks. Answers one boolean each, in order: false when the id was known already. */
  async enqueue(envelopes: readonly Envelope[], options: WriteOptions = {}): Promise<readonly boolean[]> {
    for (const envelope of envelopes) validateEnvelope(envelope);
    const fresh = options.tx === undefined ? await this.#results.setMany(envelopes.map(queuedUpdate)) : [];
    const known = await this.#statusesOf(envelopes.filter((_, at) => fresh[at] !== true).map(({ id }) => id));
    const wanted = envelopes.map((envelope, at) => fresh[at] === true || waits(envelope, known.get(envelope.id)));
    try {
      const accepted = (await this.#broker.publish(envelopes.filter((_, at) => wanted[at]), options)).values();
      return wanted.map((isWanted) => isWanted && accepted.next().value === true);
    } catch (error) {
      // What the broker refuses for good will never run: its status must not say that it waits. Otherwise the same call repeats safely.
      if (isRefusal(error)) await this.#forget(envelopes.filter((_, at) => fresh[at] === true));
      throw error;
    }
  }

  /** Hands out claimable tasks, or waits for them, and records that they run. */
  async claim(options: ClaimOptions): Promise<readonly Delivery[]> {
    for (;;) {
      const deliveries = await this.#broker.claim(options);
      if (deliveries.length === 0) return [];
      const running = await this.#start(deliveries);
      // When nothing but ended tasks came, others may still be waiting behind them.
      if (running.length > 0) return running;
    }
  }

  /** Writes how deliveries ended. Answers one outcome each, in order. */
  async finish(completions: readonly Completion[]): Promise<readonly CompletionOutcome[]> {
    for (const completion of completions) validateCompletion(completion);
    const outcomes = new Map<Completion, CompletionOutcome>();
    const held = await this.#held(completions);
    const rests = await this.#recordStatuses(held);
    await this.enqueue(rests.flatMap(({ completion, refused }) => refused ? [] : completion.followUps ?? []));
    const groups = await this.#report(
      rests.map(({ completion, onRecord, refused }) => refused ? reportOf(onRecord) : groupReport(completion)),
    );
    const settled = await this.#broker.settle(
      rests.map(({ completion: { delivery, settlement }, refused }) => ({ delivery, settlement: refused ? { kind: "ack" } : settlement })),
    );
    for (const [at, { completion, onRecord }] of rests.entries()) {
      const group = groups[at];
      const state = onRecord?.state ?? completion.status.state;
      outcomes.set(completion, {
        settled: settled[at] ?? false,
        ...(settled[at] === true ? { state } : {}),
        ...(group === undefined ? {} : { group }),
      });
    }
    return completions.map((completion) => {
      const outcome = outcomes.get(completion) ?? { settled: false };
      // Given twice, the same one counts once.
      outcomes.delete(completion);
      return outcome;
    });
  }

  /** Ends tasks as cancelled. Answers for each, in order, what was found. An envelope that waits goes when it is claimed next. */
  async cancel(taskIds: readonly string[], options: CancelOptions = {}): Promise<readonly CancelOutcome[]> {
    const before = await this.#statusesOf([...new Set(taskIds)]);
    const { reason, requestedBy, waitingOnly = false } = options;
    const open = [...before.values()].filter(({ state }) => !isTerminal(state) && !(waitingOnly && state === "running"));
    const error = cancelFailure(reason, requestedBy);
    const accepted = await this.#results.setMany(open.map(({ id }) => ({ id, state: "cancelled", error })));
    const cancelled = open.filter((_, at) => accepted[at] === true);
    await this.#report(
      cancelled.map((status) => status.state === "running" ? undefined : reportOf({ ...status, state: "cancelled", error })),
    );
    const found = new Map<string, CancelOutcome>();
    for (const { id, state } of before.values()) found.set(id, waitingOnly && state === "running" ? "running" : "ended");
    for (const { id, state } of cancelled) found.set(id, state === "running" ? "running" : "cancelled");
    return taskIds.map((id) => {
      const outcome = found.get(id) ?? "unknown";
      if (outcome !== "unknown" && !(waitingOnly && outcome === "running")) found.set(id, "ended");
      return outcome;
    });
  }

  /** Cancels every task of a queue that no worker holds. Returns how many. */
  purge(queue: string): Promise<number> {
    return cancelQueue(queue, { broker: this.#broker, results: this.#results, ledger: this });
  }

  /** Publishes dead letters again. Answers their ids, in the order of their deaths. */
  async replay(options: ReplayOptions = {}): Promise<readonly string[]> {
    const { deadLetters } = this.#broker;
    const ids = await deadLetters.replay({ ...options, dryRun: true });
    if (options.dryRun === true || ids.length === 0) return ids;
    const { items } = await deadLetters.list({ ids }, { limit: 1_000 });
    const replayed = new Set(await deadLetters.replay({ ids, ...(options.delayMs === undefined ? {} : { delayMs: options.delayMs }) }));
    const again = items.filter(({ id }) => replayed.has(id));
    // A worker that is faster is ahead of this in the order of truth.
    await this.#results.setMany(again.map(({ envelope }) => queuedUpdate({ ...envelope, attempt: envelope.attempt + 1 })));
    return [...replayed];
  }

  /** Records that deliveries run; carries out what is owed to those that have ended already, and answers the others. */
  async #start(deliveries: readonly Delivery[]): Promise<readonly Delivery[]> {
    try {
      const accepted = await this.#results.setMany(deliveries.map(runningUpdate));
      const refused = deliveries.filter((_, at) => accepted[at] !== true);
      if (refused.length === 0) return deliveries;
      const statuses = await this.#statusesOf(refused.map(({ envelope }) => envelope.id));
      const ended = refused.filter(({ envelope }) => {
        const status = statuses.get(envelope.id);
        return status !== undefined && isTerminal(status.state);
      });
      await this.#carryOut(ended, statuses);
      return deliveries.filter((delivery) => !ended.includes(delivery));
    } catch (error) {
      // Nobody runs them: others may try at once instead of waiting for the leases to run out.
      await this.#broker.settle(deliveries.map((delivery) => ({ delivery, settlement: { kind: "nack" } })));
      throw error;
    }
  }

  async #carryOut(deliveries: readonly Delivery[], statuses: ReadonlyMap<string, TaskStatus>): Promise<void> {
    const owed = deliveries.flatMap((delivery) => {
      const status = statuses.get(delivery.envelope.id);
      return status === undefined ? [] : [{ delivery, status, ...owedTo(delivery.envelope, status) }];
    });
    await this.enqueue(owed.flatMap(({ followUps }) => followUps));
    await this.#report(owed.map(({ status, delivery }) => reportOf({ ...status, ...groupOf(delivery.envelope) })));
    await this.#broker.settle(owed.map(({ delivery, settlement }): SettleRequest => ({ delivery, settlement })));
  }

  /** Gives the completions whose delivery is not stale, each delivery's first. */
  async #held(completions: readonly Completion[]): Promise<readonly Completion[]> {
    const firsts = new Map<string, Completion>();
    for (const completion of completions) {
      const { token, envelope } = completion.delivery;
      const key = `${token} ${envelope.id}`;
      if (!firsts.has(key)) firsts.set(key, completion);
    }
    const unique = [...firsts.values()];
    const held = await this.#broker.extendLease(unique.map(({ delivery }) => delivery), DEFAULT_LEASE_MS);
    return unique.filter((_, at) => held[at] !== undefined);
  }

  async #recordStatuses(completions: readonly Completion[]): Promise<readonly Rest[]> {
    // Behind `running` in the order of truth, `queued` would be refused: a task that is put back stays as it is.
    const written = completions.filter(({ settlement }) => settlement.kind !== "nack");
    const accepted = await this.#results.setMany(written.map(statusUpdate));
    const done = new Set(written.filter((_, at) => accepted[at] === true));
    const others = completions.filter((completion) => !done.has(completion));
    const statuses = await this.#statusesOf(others.map(({ delivery }) => delivery.envelope.id));
    return completions.map((completion) => {
      const { id, attempt } = completion.delivery.envelope;
      const onRecord = statuses.get(id);
      const refused = !done.has(completion) && finishVerdict({ state: completion.status.state, attempt }, onRecord) === "refuse";
      return { completion, onRecord, refused };
    });
  }

  async #report(reports: readonly (GroupReport | undefined)[]): Promise<readonly (CompletionOutcome["group"])[]> {
    const told = reports.filter((report) => report !== undefined);
    const progress = (await this.#results.addGroupResults(told)).values();
    return reports.map((report) => report === undefined ? undefined : progress.next().value);
  }

  async #statusesOf(ids: readonly string[]): Promise<ReadonlyMap<string, TaskStatus>> {
    const statuses = await this.#results.getMany(ids);
    return new Map(statuses.flatMap((status) => status === undefined ? [] : [[status.id, status] as const]));
  }

  async #forget(envelopes: readonly Envelope[]): Promise<void> {
    await Promise.all(envelopes.map(({ id }) => this.#results.remove(id)));
  }
}

/** Whether a status leaves its envelope to be published: it says that the task waits at that attempt, or is gone by now. */
function waits(envelope: Envelope, status: TaskStatus | undefined): boolean {
  return status === undefined || (status.state === "queued" && status.attempt === envelope.attempt);
}

function reportOf(status: TaskStatus | undefined): GroupReport | undefined {
  if (status?.groupId === undefined) return undefined;
  const result = groupResultOf(status);
  return result === undefined ? undefined : { ...result, groupId: status.groupId };
}

function groupOf({ groupId }: Envelope): { readonly groupId?: string } {
  return groupId === undefined ? {} : { groupId };
}

function isRefusal(error: unknown): boolean {
  return StemError.is(error) && (error.code === "CONFIG" || error.code === "PAYLOAD" || error.code === "UNSUPPORTED");
}
