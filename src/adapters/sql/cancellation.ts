import type { CancelOutcome } from "../../contracts/task-ledger.ts";
import { supersedes } from "../../model/task-state.ts";
import type { CancelRequest, LedgerLimits } from "../ledger-requests.ts";
import { reportOf } from "../ledger-requests.ts";
import type { ReportWrite } from "../result-requests.ts";
import { toStatusWrite } from "../result-requests.ts";
import type { SqlDatabase } from "./database.ts";
import type { SqlDeadLetters } from "./dead-letter-store.ts";
import { envelopeAt } from "./delivery-row.ts";
import type { FinishRow, FinishStatements, LockedRow } from "./finish-statements.ts";
import { DELIVERY_ACTION, finishStatements } from "./finish-statements.ts";
import type { JoinSide } from "./join-side.ts";
import { knownStatus } from "./status-row.ts";
import { taskTopic } from "./topics.ts";

/** What {@link Cancellation} works on. */
export interface CancellationOptions {
  readonly database: SqlDatabase;
  readonly namespace: string;
  readonly limits: LedgerLimits;
  readonly letters: SqlDeadLetters;
  readonly results: JoinSide;
}

/** Ends tasks that wait, and marks those that are held. */
export class Cancellation {
  readonly #options: CancellationOptions;
  readonly #statements: FinishStatements;

  /** Makes the access; nothing is sent. */
  constructor(options: CancellationOptions) {
    this.#options = options;
    this.#statements = finishStatements(options.database);
  }

  /** Cancels tasks, no id twice, and tells their groups. Answers what was found of each. */
  async cancel(ids: readonly string[], request: CancelRequest): Promise<readonly CancelOutcome[]> {
    const { database, namespace: ns, letters } = this.#options;
    const found = await database.transaction("cancel", async (tx) => {
      const rows = await this.#statements.lock.run({ ns, items: ids.map((id) => ({ id })) }, { tx });
      const steps = rows.map((row) => this.#step(row, request));
      const writes = steps.flatMap(({ write }) => write === undefined ? [] : [write]);
      if (writes.length > 0) {
        await this.#statements.decided.run({ ns, items: writes }, { tx, signal: writes.map(({ id }) => taskTopic(ns, id ?? "")) });
      }
      const reports = steps.flatMap(({ report }) => report === undefined ? [] : [report]);
      if (reports.length > 0) await this.#options.results.reportToGroups(reports, tx);
      return new Map(steps.map(({ id, outcome }) => [id, outcome]));
    });
    return await Promise.all(ids.map(async (id) => {
      const outcome = found.get(id) ?? "unknown";
      // A dead letter may have outlived its status.
      return outcome === "unknown" && await letters.get(id) !== undefined ? "ended" : outcome;
    }));
  }

  #step(row: LockedRow, { error, waitingOnly }: CancelRequest): CancelStep {
    const { limits } = this.#options;
    const { id } = row;
    const status = knownStatus(row, row.now);
    const delivered = row.phase !== null;
    if (status === undefined && !delivered) return { id, outcome: "unknown" };
    const envelope = delivered ? envelopeAt(row.envelope, row.deliveryAttempt) : undefined;
    // A failed task that is replayed waits at a higher attempt than its status tells of.
    const attempt = status === undefined || status.state === "failed" ? envelope?.attempt ?? status?.attempt ?? 1 : status.attempt;
    if (!supersedes({ state: "cancelled", attempt }, status)) return { id, outcome: "ended" };
    const running = delivered ? row.phase === 2 && (row.dueAt ?? 0) > row.now : status?.state === "running";
    if (running && waitingOnly) return { id, outcome: "running" };
    const groupId = envelope?.groupId ?? status?.groupId;
    const write = toStatusWrite({
      id,
      state: "cancelled",
      error,
      ...(envelope === undefined ? {} : { name: envelope.name, queue: envelope.queue }),
      ...(groupId === undefined ? {} : { groupId }),
      ...(envelope?.resultTtlMs === undefined ? {} : { ttl: envelope.resultTtlMs }),
    }, limits.status);
    const action = running ? DELIVERY_ACTION.keep : DELIVERY_ACTION.forget;
    const report = running || groupId === undefined
      ? undefined
      : reportOf({ id, state: "cancelled", attempt, error, meta: {}, createdAt: row.now, updatedAt: row.now }, groupId, limits.status);
    return { id, outcome: running ? "running" : "cancelled", write: { ...write, attempt, action, delayMs: 0, attempts: 0 }, report };
  }
}

interface CancelStep {
  readonly id: string;
  readonly outcome: CancelOutcome;
  readonly write?: FinishRow;
  readonly report?: ReportWrite | undefined;
}
