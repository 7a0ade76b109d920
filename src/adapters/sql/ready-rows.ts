import type { Clock } from "../../time/clock.ts";
import type { ClaimRequest } from "../broker-requests.ts";
import type { ClaimedRow } from "./claim-statements.ts";
import { ClaimStatements } from "./claim-statements.ts";
import type { SqlDatabase } from "./database.ts";
import { inTurn } from "./delivery-row.ts";
import { queueStatements } from "./queue-statements.ts";
import { readyTopic } from "./topics.ts";

/** What {@link ReadyRows} are made of. */
export interface ReadyRowsOptions {
  readonly database: SqlDatabase;
  readonly namespace: string;
  /** Tells when to look for rows that have become due. */
  readonly clock: Clock;
  /** Whether a claim records that the task runs. */
  readonly withStatus: boolean;
}

// A claimer that finds work all the time looks this often for what has become due meanwhile; one that waits knows the time of the next.
const PROMOTE_EVERY_MS = 100;
const PROMOTE_AT_ONCE = 1_000;

/** Hands out ready rows, and makes ready what has become due. */
export class ReadyRows {
  readonly #options: ReadyRowsOptions;
  readonly #claims: ClaimStatements;
  readonly #queues: ReturnType<typeof queueStatements>;
  #turn = 0;
  // By both readings of the clock: the time of day can be set, the other one stands still while a machine sleeps.
  #promoteAt = { now: 0, monotonic: 0 };

  /** Makes the access; nothing is sent. */
  constructor(options: ReadyRowsOptions) {
    this.#options = options;
    this.#claims = new ClaimStatements(options.database, options.withStatus);
    this.#queues = queueStatements(options.database);
  }

  /** Claims what is ready, in the order in which it is handed out. */
  async claim(request: ClaimRequest): Promise<readonly ClaimedRow[]> {
    const { clock, database } = this.#options;
    const first = this.#turn++ % request.queues.length;
    const queues = [...request.queues.slice(first), ...request.queues.slice(0, first)];
    if (database.singleWriter && !await this.#hasAny(queues)) return [];
    if (clock.now() >= this.#promoteAt.now || clock.monotonic() >= this.#promoteAt.monotonic) await this.#promote();
    const rows = await this.#claim(request, queues, request.limit);
    // Only who finds less than he asked for pays for another look.
    if (rows.length === request.limit || await this.#promote() === 0) return inTurn(rows, queues);
    return inTurn([...rows, ...await this.#claim(request, queues, request.limit - rows.length)], queues);
  }

  /** In how many milliseconds something of the namespace falls due; `undefined` when nothing will. */
  async nextDueIn(): Promise<number | undefined> {
    const [next] = await this.#queues.nextDue.run({ ns: this.#options.namespace });
    if (next === undefined) return undefined;
    this.#promoteWithin(Math.max(0, next.inMs));
    return next.inMs;
  }

  async #hasAny(queues: readonly string[]): Promise<boolean> {
    const [found] = await this.#queues.look.run({ ns: this.#options.namespace, queues: queues.map((queue) => ({ queue })) });
    return found !== undefined && found.ready + found.due > 0;
  }

  #claim({ leaseMs, consumer }: ClaimRequest, queues: readonly string[], limit: number): Promise<readonly ClaimedRow[]> {
    return this.#claims.run({ ns: this.#options.namespace, queues, limit, leaseMs, consumer });
  }

  /** Makes ready what has become due; answers how much. */
  async #promote(): Promise<number> {
    const { clock, namespace: ns } = this.#options;
    this.#promoteAt = { now: clock.now() + PROMOTE_EVERY_MS, monotonic: clock.monotonic() + PROMOTE_EVERY_MS };
    const promoted = await this.#queues.promote.run({ ns, limit: PROMOTE_AT_ONCE }, { signal: [readyTopic(ns)] });
    if (promoted.length === PROMOTE_AT_ONCE) this.#promoteWithin(0);
    return promoted.length;
  }

  #promoteWithin(ms: number): void {
    const { clock } = this.#options;
    this.#promoteAt = {
      now: Math.min(this.#promoteAt.now, clock.now() + ms),
      monotonic: Math.min(this.#promoteAt.monotonic, clock.monotonic() + ms),
    };
  }
}
