import type { Clock } from "../../time/clock.ts";
import type { SqlDatabase } from "./database.ts";
import { queueStatements } from "./queue-statements.ts";
import { readyTopic } from "./topics.ts";

/** What {@link DueRows} are made of. */
export interface DueRowsOptions {
  readonly database: SqlDatabase;
  readonly namespace: string;
  /** Tells when to look. */
  readonly clock: Clock;
}

// A claimer that finds work all the time looks this often for what has become due meanwhile; one that waits knows the time of the next.
const PROMOTE_EVERY_MS = 100;
const PROMOTE_AT_ONCE = 1_000;
const LONGEST_REST_MS = 1_000;

/** By both readings of the clock: the time of day can be set, the other one stands still while a machine sleeps. */
interface Instant {
  readonly now: number;
  readonly monotonic: number;
}

const LONG_AGO: Instant = { now: 0, monotonic: 0 };

/** Makes ready what has become due, and knows when to look for it. A broker and its ledger share one. */
export class DueRows {
  readonly #options: DueRowsOptions;
  readonly #queues: ReturnType<typeof queueStatements>;
  #promoteAt = LONG_AGO;
  // Until when nothing falls due, as far as one who waits could see. The next claim is his, and needs no look.
  #restUntil = LONG_AGO;

  /** Makes the access; nothing is sent. */
  constructor(options: DueRowsOptions) {
    this.#options = options;
    this.#queues = queueStatements(options.database);
  }

  /** Whether nothing falls due for now, as far as one who waits could see: told to one claim, which is his. */
  takeRest(): boolean {
    const isResting = this.#isBefore(this.#restUntil);
    this.#restUntil = LONG_AGO;
    return isResting;
  }

  /** Whether a claim is to look first. */
  isLookDue(): boolean {
    return !this.#isBefore(this.#promoteAt);
  }

  /** Makes ready what has become due; answers how much. */
  async promote(): Promise<number> {
    const { namespace: ns } = this.#options;
    this.#promoteAt = this.#in(PROMOTE_EVERY_MS);
    const promoted = await this.#queues.promote.run({ ns, limit: PROMOTE_AT_ONCE }, { signal: [readyTopic(ns)] });
    if (promoted.length === PROMOTE_AT_ONCE) this.#promoteWithin(0);
    return promoted.length;
  }

  /** In how many milliseconds something of the namespace falls due; `undefined` when nothing will. */
  async nextDueIn(): Promise<number | undefined> {
    const [next] = await this.#queues.nextDue.run({ ns: this.#options.namespace });
    const inMs = next === undefined ? Infinity : Math.max(0, next.inMs);
    this.#restUntil = this.#in(Math.min(inMs, LONGEST_REST_MS));
    if (next === undefined) return undefined;
    this.#promoteWithin(inMs);
    return next.inMs;
  }

  #promoteWithin(ms: number): void {
    const { now, monotonic } = this.#in(ms);
    this.#promoteAt = { now: Math.min(this.#promoteAt.now, now), monotonic: Math.min(this.#promoteAt.monotonic, monotonic) };
  }

  #isBefore({ now, monotonic }: Instant): boolean {
    const { clock } = this.#options;
    return clock.now() < now && clock.monotonic() < monotonic;
  }

  #in(ms: number): Instant {
    const { clock } = this.#options;
    return { now: clock.now() + ms, monotonic: clock.monotonic() + ms };
  }
}
