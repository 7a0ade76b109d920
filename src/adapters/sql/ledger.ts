import type { CancelOutcome, CompletionOutcome } from "../../contracts/task-ledger.ts";
import { isTaskState, isTerminal } from "../../model/task-state.ts";
import type { TaskFailure } from "../../model/task-failure.ts";
import type { ClaimRequest, ReplayRequest } from "../broker-requests.ts";
import type { CancelRequest, EnqueueItem, FinishItem } from "../ledger-requests.ts";
import { queuedStatus } from "../ledger-requests.ts";
import type { LedgerClaim, LedgerSurfaceOptions } from "../ledger-surface.ts";
import { LedgerSurface } from "../ledger-surface.ts";
import { replayedEnvelope } from "../settled-envelope.ts";
import { Announcements } from "./announcements.ts";
import { Cancellation } from "./cancellation.ts";
import type { SqlDatabase } from "./database.ts";
import type { SqlDeadLetters } from "./dead-letter-store.ts";
import { toDelivery } from "./delivery-row.ts";
import { Finishing } from "./finishing.ts";
import type { DueRows } from "./due-rows.ts";
import { enqueueRow, Publisher } from "./publish-statements.ts";
import { queueStatements } from "./queue-statements.ts";
import { ReadyRows } from "./ready-rows.ts";
import type { JoinSide } from "./join-side.ts";
import { offerDatabase } from "./ledger-side.ts";
import { queueTopic, taskTopic } from "./topics.ts";

/** What a {@link SqlLedger} works on. */
export interface SqlLedgerOptions extends LedgerSurfaceOptions {
  readonly database: SqlDatabase;
  readonly namespace: string;
  /** Makes ready what has become due; the broker's. */
  readonly due: DueRows;
  /** Takes what is given up on. */
  readonly letters: SqlDeadLetters;
  /** The result backend's side: counts groups, reads statuses. */
  readonly results: JoinSide;
}

// A queue is emptied in steps, so that no transaction holds all of it.
const CANCEL_AT_ONCE = 500;

/** Broker and result backend of one database as one: a task is one row, so that most of its steps are one statement. */
export class SqlLedger extends LedgerSurface {
  readonly #options: SqlLedgerOptions;
  readonly #publisher: Publisher;
  readonly #ready: ReadyRows;
  readonly #finishing: Finishing;
  readonly #cancellation: Cancellation;
  readonly #waiting: ReturnType<typeof queueStatements>["waiting"];
  readonly #announcements: Announcements;

  /** Joins the two sides. */
  constructor(options: SqlLedgerOptions) {
    super(options);
    const { database, namespace, due } = options;
    this.#options = options;
    this.#publisher = new Publisher(database, "enqueue");
    this.#ready = new ReadyRows({ database, namespace, due, withStatus: true });
    this.#finishing = new Finishing({ ...options, enqueue: (items, tx) => this.enqueueBatch(items, tx) });
    this.#cancellation = new Cancellation(options);
    this.#waiting = queueStatements(database).waiting;
    this.#announcements = new Announcements(database);
    offerDatabase(this, database);
  }

  protected override async enqueueBatch(items: readonly EnqueueItem[], tx?: object): Promise<readonly boolean[]> {
    const { namespace: ns } = this.#options;
    const queues = new Set(items.map(({ envelope }) => envelope.queue));
    const signal = [...[...queues].map((queue) => queueTopic(ns, queue)), ...items.map(({ envelope }) => taskTopic(ns, envelope.id))];
    const accepted = await this.#publisher.accept(ns, items.map(enqueueRow), { tx, signal });
    return items.map(({ envelope }) => accepted.has(envelope.id));
  }

  protected override async claimNow(request: ClaimRequest): Promise<readonly LedgerClaim[]> {
    const rows = await this.#ready.claim(request);
    if (rows.length === 0) return [];
    const { namespace: ns, results } = this.#options;
    this.#announcements.announce(rows.map(({ id }) => taskTopic(ns, id)));
    const ended = rows.filter(({ state }) => isTaskState(state) && isTerminal(state)).map(({ id }) => id);
    const statuses = ended.length === 0 ? [] : await results.read(ended);
    const onRecord = new Map(statuses.flatMap((status) => status === undefined ? [] : [[status.id, status] as const]));
    return rows.map((row) => {
      const status = onRecord.get(row.id);
      return { delivery: toDelivery(row), ...(status === undefined ? {} : { ended: status }) };
    });
  }

  protected override finishBatch(items: readonly FinishItem[]): Promise<readonly CompletionOutcome[]> {
    return this.#finishing.finish(items);
  }

  protected override cancelBatch(ids: readonly string[], request: CancelRequest): Promise<readonly CancelOutcome[]> {
    return this.#cancellation.cancel(ids, request);
  }

  protected override async cancelQueue(queue: string, error: TaskFailure): Promise<number> {
    let cancelled = 0;
    // Ever further on: one that has ended already stays, for the next claim to carry out what it is owed.
    for (let after = 0;;) {
      const rows = await this.#waiting.run({ ns: this.#options.namespace, queue, after, limit: CANCEL_AT_ONCE });
      const last = rows.at(-1);
      if (last === undefined) return cancelled;
      after = last.seq;
      const outcomes = await this.#cancellation.cancel(rows.map(({ id }) => id), { error, waitingOnly: true });
      cancelled += outcomes.filter((outcome) => outcome === "cancelled").length;
    }
  }

  protected override replayBatch(request: ReplayRequest): Promise<readonly string[]> {
    return this.#options.letters.replayAs(request, (letter) => {
      const { state, name, meta, groupId } = queuedStatus(replayedEnvelope(letter.envelope, 0), this.limits);
      return { state, name, meta, groupId };
    });
  }
}
