import type { CompletionOutcome } from "../../contracts/task-ledger.ts";
import type { GroupProgress } from "../../model/group.ts";
import { finishVerdict } from "../../model/finish-verdict.ts";
import type { TaskState } from "../../model/task-state.ts";
import { isTerminal } from "../../model/task-state.ts";
import type { EnqueueItem, FinishItem, LedgerLimits } from "../ledger-requests.ts";
import { reportOf } from "../ledger-requests.ts";
import type { ReportWrite, StatusWrite } from "../result-requests.ts";
import type { SqlDatabase } from "./database.ts";
import type { SqlDeadLetters } from "./dead-letter-store.ts";
import { SqlDeliveries } from "./deliveries.ts";
import type { FinishRow, FinishStatements, UsualRow, WrittenRow } from "./finish-statements.ts";
import { DELIVERY_ACTION, finishStatements } from "./finish-statements.ts";
import type { JoinSide } from "./join-side.ts";
import { inLockOrder } from "./lock-order.ts";
import { knownStatus } from "./status-row.ts";
import { queueTopic, taskTopic } from "./topics.ts";

/** What {@link Finishing} works on. */
export interface FinishingOptions {
  readonly database: SqlDatabase;
  readonly namespace: string;
  readonly limits: LedgerLimits;
  readonly letters: SqlDeadLetters;
  readonly results: JoinSide;
  /** Publishes what follows, within the transaction. */
  readonly enqueue: (items: readonly EnqueueItem[], tx: object) => Promise<readonly boolean[]>;
}

/** What became of one completion, before its group was told. */
interface Written {
  readonly item: FinishItem;
  readonly state?: TaskState;
  /** What the group is to be told. */
  readonly report?: ReportWrite | undefined;
}

const ACTIONS = {
  ack: DELIVERY_ACTION.forget,
  deadLetter: DELIVERY_ACTION.bury,
  retry: DELIVERY_ACTION.requeue,
  nack: DELIVERY_ACTION.requeue,
} as const;

/**
 * Writes how deliveries ended. What runs as it should is written by one statement, which needs no transaction when nothing follows from it;
 * everything else is locked, compared with the order of truth, and written as that decides.
 */
export class Finishing {
  readonly #options: FinishingOptions;
  readonly #statements: FinishStatements;
  readonly #deliveries: SqlDeliveries;

  /** Makes the access; nothing is sent. */
  constructor(options: FinishingOptions) {
    this.#options = options;
    this.#statements = finishStatements(options.database);
    this.#deliveries = new SqlDeliveries(options);
  }

  /** Carries out completions, no delivery twice. */
  async finish(items: readonly FinishItem[]): Promise<readonly CompletionOutcome[]> {
    const outcomes = new Map<FinishItem, CompletionOutcome>();
    const plain = items.every((item) => item.settle.kind !== "deadLetter" && item.followUps.length === 0 && item.report === undefined);
    let rest = items;
    if (plain) {
      const written = await this.#writeUsual(items);
      for (const [item, state] of written) outcomes.set(item, { settled: true, state });
      rest = items.filter((item) => !outcomes.has(item));
    }
    if (rest.length > 0) {
      const within = await this.#options.database.transaction("finish", (tx) => this.#finishWithin(rest, { tx, tryUsual: !plain }));
      for (const [item, outcome] of within) outcomes.set(item, outcome);
    }
    return items.map((item) => outcomes.get(item) ?? { settled: false });
  }

  async #finishWithin(
    items: readonly FinishItem[],
    { tx, tryUsual }: { readonly tx: object; readonly tryUsual: boolean },
  ): Promise<ReadonlyMap<FinishItem, CompletionOutcome>> {
    const usual = tryUsual ? await this.#writeUsual(items, tx) : new Map<FinishItem, TaskState>();
    const written: Written[] = [...usual].map(([item, state]) => ({ item, state, report: item.report }));
    const rest = items.filter((item) => !usual.has(item));
    if (rest.length > 0) written.push(...await this.#writeDecided(rest, tx));
    return await this.#tellGroups(written, tx);
  }

  async #writeUsual(items: readonly FinishItem[], tx?: object): Promise<ReadonlyMap<FinishItem, TaskState>> {
    const { namespace: ns } = this.#options;
    const rows = ordered(items).flatMap(({ settle, status }) => status === undefined ? [] : [toUsualRow(settle, status)]);
    const written = new Map<FinishItem, TaskState>();
    if (rows.length === 0) return written;
    const options = { tx, signal: this.#topics(items) };
    // What is in the rows is asked for only where some of it goes on as dead letters.
    const buries = items.some(({ settle }) => settle.kind === "deadLetter");
    const whole = buries ? await this.#statements.whole.run({ ns, items: rows }, options) : [];
    const found = buries ? whole : await this.#statements.usual.run({ ns, items: rows }, options);
    const deliveries = new Set(found.map(({ id, token }) => `${token} ${id}`));
    for (const item of items) {
      if (item.status !== undefined && deliveries.has(keyOf(item))) written.set(item, item.status.state);
    }
    if (tx !== undefined) await this.#follow([...written.keys()], byDelivery(whole), tx);
    return written;
  }

  async #writeDecided(items: readonly FinishItem[], tx: object): Promise<readonly Written[]> {
    const { namespace: ns, limits } = this.#options;
    const locked = await this.#statements.lock.run({ ns, items: ordered(items).map(({ settle }) => ({ id: settle.id })) }, { tx });
    const rows = new Map(locked.map((row) => [row.id, row]));
    const written: Written[] = [];
    const writes: FinishItem[] = [];
    const settles: FinishItem["settle"][] = [];
    const going: FinishItem[] = [];
    for (const item of items) {
      const row = rows.get(item.settle.id);
      if (row === undefined || row.token !== item.settle.token || row.phase === null) continue;
      const { status } = item;
      const current = knownStatus(row, row.now);
      const verdict = status === undefined ? "keep" : finishVerdict({ state: status.state, attempt: item.settle.attempt }, current);
      if (verdict === "write") writes.push(item);
      else settles.push(verdict === "refuse" ? { ...item.settle, kind: "ack" } : item.settle);
      if (verdict !== "refuse") going.push(item);
      const state = verdict === "write" ? status?.state : current?.state;
      const refusedReport = verdict === "refuse" && item.groupId !== undefined && current !== undefined && isTerminal(current.state)
        ? reportOf(current, item.groupId, limits.status)
        : undefined;
      written.push({ item, ...(state === undefined ? {} : { state }), report: verdict === "refuse" ? refusedReport : item.report });
    }
    const decided = await this.#write(writes, tx);
    if (settles.length > 0) await this.#deliveries.settle(settles, tx);
    await this.#follow(going, decided, tx);
    return written;
  }

  async #write(items: readonly FinishItem[], tx: object): Promise<ReadonlyMap<string, WrittenRow>> {
    if (items.length === 0) return new Map();
    const values = { ns: this.#options.namespace, items: items.map((item) => toRow(item, ACTIONS[item.settle.kind])) };
    const rows = await this.#statements.decided.run(values, { tx, signal: this.#topics(items) });
    return byDelivery(rows);
  }

  /** Buries what was given up on, and publishes what follows. */
  async #follow(items: readonly FinishItem[], rows: ReadonlyMap<string, WrittenRow>, tx: object): Promise<void> {
    const deaths = items.flatMap((item) => {
      const row = rows.get(keyOf(item));
      const { kind, reason, error } = item.settle;
      return kind === "deadLetter" && row !== undefined ? [{ ...row, reason, error }] : [];
    });
    if (deaths.length > 0) await this.#options.letters.bury(deaths, tx);
    const followUps = new Map(items.flatMap((item) => item.followUps).map((next) => [next.envelope.id, next]));
    if (followUps.size > 0) await this.#options.enqueue([...followUps.values()], tx);
  }

  async #tellGroups(written: readonly Written[], tx: object): Promise<ReadonlyMap<FinishItem, CompletionOutcome>> {
    const reports = written.flatMap(({ report }) => report === undefined ? [] : [report]);
    const told = reports.length === 0 ? [] : await this.#options.results.reportToGroups(reports, tx);
    const progress = new Map<ReportWrite, GroupProgress | undefined>(reports.map((report, at) => [report, told[at]]));
    return new Map(written.map(({ item, state, report }) => {
      const group = report === undefined ? undefined : progress.get(report);
      return [item, { settled: true, ...(state === undefined ? {} : { state }), ...(group === undefined ? {} : { group }) }];
    }));
  }

  #topics(items: readonly FinishItem[]): readonly string[] {
    const { namespace: ns } = this.#options;
    const back = items.filter(({ settle }) => ACTIONS[settle.kind] === DELIVERY_ACTION.requeue);
    const queues = new Set(back.map(({ settle }) => queueTopic(ns, settle.queue)));
    return [...queues, ...items.map(({ settle }) => taskTopic(ns, settle.id))];
  }
}

function byDelivery(rows: readonly WrittenRow[]): ReadonlyMap<string, WrittenRow> {
  return new Map(rows.map((row) => [`${row.token} ${row.id}`, row]));
}

function keyOf({ settle }: FinishItem): string {
  return `${settle.token} ${settle.id}`;
}

function toUsualRow({ id, token, attempt, kind, delayMs }: FinishItem["settle"], status: StatusWrite): UsualRow {
  const { state, payload, error, meta, name, worker, groupId, ttlMs } = status;
  const end = {
    id,
    token,
    attempt,
    state,
    payload,
    error,
    meta,
    name,
    worker,
    groupId,
    ttlMs,
    attempts: 0,
    forget: kind === "ack" ? 1 : 0,
  };
  if (kind === "ack" || kind === "deadLetter") return end;
  const later = delayMs > 0 ? { phase: 1, delayMs } : { phase: 0 };
  return { ...end, ...later, attempts: kind === "retry" ? 1 : 0, deliveries: 0 };
}

function toRow({ settle, status }: FinishItem, action: number): FinishRow {
  const { id, token, kind, delayMs, attempt } = settle;
  return { ...status, id, token, attempt, action, delayMs, attempts: kind === "retry" ? 1 : 0 };
}

function ordered(items: readonly FinishItem[]): readonly FinishItem[] {
  return inLockOrder(items, ({ settle }) => settle.id);
}
