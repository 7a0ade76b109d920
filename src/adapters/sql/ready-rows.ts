import type { ClaimRequest } from "../broker-requests.ts";
import type { ClaimedRow } from "./claim-statements.ts";
import { ClaimStatements } from "./claim-statements.ts";
import type { SqlDatabase } from "./database.ts";
import { inTurn } from "./delivery-row.ts";
import type { DueRows } from "./due-rows.ts";
import { queueStatements } from "./queue-statements.ts";

/** What {@link ReadyRows} are made of. */
export interface ReadyRowsOptions {
  readonly database: SqlDatabase;
  readonly namespace: string;
  /** Makes ready what has become due. */
  readonly due: DueRows;
  /** Whether a claim records that the task runs. */
  readonly withStatus: boolean;
}

/** Hands out ready rows, and those that have become due. */
export class ReadyRows {
  readonly #options: ReadyRowsOptions;
  readonly #claims: ClaimStatements;
  readonly #look: ReturnType<typeof queueStatements>["look"];
  #turn = 0;
  // Whether the last claim found less than it asked for.
  #wasShort = false;

  /** Makes the access; nothing is sent. */
  constructor(options: ReadyRowsOptions) {
    this.#options = options;
    this.#claims = new ClaimStatements(options.database, options.withStatus);
    this.#look = queueStatements(options.database).look;
  }

  /** Claims what is ready, in the order in which it is handed out. */
  async claim(request: ClaimRequest): Promise<readonly ClaimedRow[]> {
    const { database, due } = this.#options;
    const first = this.#turn++ % request.queues.length;
    const queues = [...request.queues.slice(first), ...request.queues.slice(0, first)];
    if (database.singleWriter && !await this.#hasAny(queues)) return [];
    const isResting = due.takeRest();
    if (!isResting && due.isLookDue()) await due.promote();
    const { rows, promoted } = await this.#claimAndLook(request, { queues, isResting });
    if (promoted === 0) return inTurn(rows, queues);
    return inTurn([...rows, ...await this.#claim(request, queues, request.limit - rows.length)], queues);
  }

  /**
   * Only who finds less than he asked for needs a look at what has become due meanwhile, and not even he when he finds something and has just been told
   * that nothing will: a lone task is then handed out with nothing else under way. Who found less the last time expects that, and looks at the same time.
   */
  async #claimAndLook(
    request: ClaimRequest,
    { queues, isResting }: { readonly queues: readonly string[]; readonly isResting: boolean },
  ): Promise<{ readonly rows: readonly ClaimedRow[]; readonly promoted: number }> {
    const { due } = this.#options;
    const look = this.#wasShort && !isResting ? due.promote() : undefined;
    // Its failure is told below, or nobody needs to know.
    look?.catch(() => {});
    const rows = await this.#claim(request, queues, request.limit);
    this.#wasShort = rows.length < request.limit;
    if (!this.#wasShort || (isResting && rows.length > 0)) return { rows, promoted: 0 };
    try {
      return { rows, promoted: await (look ?? due.promote()) };
    } catch (error) {
      // What was claimed must reach its claimer.
      if (rows.length === 0) throw error;
      return { rows, promoted: 0 };
    }
  }

  async #hasAny(queues: readonly string[]): Promise<boolean> {
    const [found] = await this.#look.run({ ns: this.#options.namespace, queues: queues.map((queue) => ({ queue })) });
    return found !== undefined && found.ready + found.due > 0;
  }

  #claim({ leaseMs, consumer }: ClaimRequest, queues: readonly string[], limit: number): Promise<readonly ClaimedRow[]> {
    return this.#claims.run({ ns: this.#options.namespace, queues, limit, leaseMs, consumer });
  }
}
