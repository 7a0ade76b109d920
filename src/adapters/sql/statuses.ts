import { TASK_STATES } from "../../model/task-state.ts";
import type { TaskStatus } from "../../model/task-status.ts";
import { rounds } from "../repeats.ts";
import type { StatusQuery, StatusWrite } from "../result-requests.ts";
import type { ListedStatus } from "../results-surface.ts";
import type { SqlDatabase } from "./database.ts";
import type { SetRow, SetStatement } from "./set-statement.ts";
import { setStatement } from "./set-statement.ts";
import { toTaskStatus } from "./status-row.ts";
import type { StatusStatements } from "./status-statements.ts";
import { statusStatements } from "./status-statements.ts";
import { taskTopic } from "./topics.ts";

/** The statuses of one namespace. */
export class Statuses {
  readonly #database: SqlDatabase;
  readonly #namespace: string;
  readonly #set: SetStatement;
  readonly #statements: StatusStatements;

  /** Makes the access; nothing is sent. */
  constructor(database: SqlDatabase, namespace: string) {
    this.#database = database;
    this.#namespace = namespace;
    this.#set = setStatement(database);
    this.#statements = statusStatements(database);
  }

  /** Records statuses in order, in one statement, or in one transaction when ids repeat. Answers which were accepted. */
  async set(writes: readonly StatusWrite[], tx?: object): Promise<readonly boolean[]> {
    const parts = rounds(writes, ({ id }) => id);
    if (parts.length === 1) return this.#setOnce(writes, tx);
    const inRounds = async (inside: object): Promise<readonly boolean[]> => {
      const answers = writes.map(() => false);
      for (const positions of parts) {
        const accepted = await this.#setOnce(positions.flatMap((position) => writes[position] ?? []), inside);
        for (const [index, position] of positions.entries()) answers[position] = accepted[index] ?? false;
      }
      return answers;
    };
    return tx === undefined ? this.#database.transaction("set", inRounds) : inRounds(tx);
  }

  /** Reads statuses, in the order asked. */
  async get(ids: readonly string[]): Promise<readonly (TaskStatus | undefined)[]> {
    const rows = await this.#statements.get.run({ ns: this.#namespace, ids: ids.map((id) => ({ id })) });
    const byId = new Map(rows.map((row) => [row.id, row]));
    return ids.map((id) => {
      const row = byId.get(id);
      return row === undefined ? undefined : toTaskStatus(row);
    });
  }

  /** Lists statuses by falling position; with `before`, only those of lower ones. */
  async list(query: StatusQuery, limit: number, before: number = Number.MAX_SAFE_INTEGER): Promise<readonly ListedStatus[]> {
    const { states = TASK_STATES, name, queue, meta } = query;
    const rows = await this.#statements.list.run({
      ns: this.#namespace,
      before,
      limit,
      states: states.map((state) => ({ state })),
      name,
      queue,
      meta: meta === undefined ? undefined : JSON.stringify(meta),
    });
    return rows.flatMap((row) => {
      const status = toTaskStatus(row);
      return status === undefined ? [] : [{ position: row.seq, status }];
    });
  }

  /** Moves the end of a status; false when there is none. */
  async expire(id: string, ttlMs: number): Promise<boolean> {
    const rows = await this.#statements.expire.run({ ns: this.#namespace, id, ttlMs }, { signal: this.#topics([{ id }]) });
    return rows.length > 0;
  }

  /** Forgets a status, and with it the row unless it carries a delivery; false when there is none. */
  async remove(id: string): Promise<boolean> {
    const values = { ns: this.#namespace, id };
    const signal = this.#topics([{ id }]);
    if ((await this.#statements.remove.run(values, { signal })).length > 0) return true;
    return (await this.#statements.clear.run(values, { signal })).length > 0;
  }

  /** Forgets expired statuses, at most `limit`. */
  async sweep(limit: number): Promise<number> {
    const { length: removed } = await this.#statements.sweep.run({ ns: this.#namespace, limit });
    if (removed === limit) return removed;
    const { length: cleared } = await this.#statements.sweepHeld.run({ ns: this.#namespace, limit: limit - removed });
    return removed + cleared;
  }

  async #setOnce(writes: readonly StatusWrite[], tx: object | undefined): Promise<readonly boolean[]> {
    const rows = await this.#set.run({ ns: this.#namespace, writes: writes.map(toRow) }, { tx, signal: this.#topics(writes) });
    const accepted = new Set(rows.map(({ id }) => id));
    return writes.map(({ id }) => accepted.has(id));
  }

  #topics(tasks: readonly { readonly id: string }[]): readonly string[] {
    return tasks.map(({ id }) => taskTopic(this.#namespace, id));
  }
}

/** Only what the statement knows: what else an object may carry would travel for nothing. */
function toRow(write: StatusWrite): SetRow {
  const { id, state, attempt, payload, error, meta, progress, name, queue, worker, groupId, ttlMs } = write;
  return { id, state, attempt, payload, error, meta, progress, name, queue, worker, groupId, ttlMs };
}
