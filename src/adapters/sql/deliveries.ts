import type { ExtendItem, SettleItem } from "../broker-requests.ts";
import type { SqlDatabase } from "./database.ts";
import type { SqlDeadLetters } from "./dead-letter-store.ts";
import { inLockOrder } from "./lock-order.ts";
import type { RefRow, SettledRow, SettleStatements } from "./settle-statements.ts";
import { settleStatements } from "./settle-statements.ts";
import { queueTopic } from "./topics.ts";

/** What {@link SqlDeliveries} are made of. */
export interface DeliveriesOptions {
  readonly database: SqlDatabase;
  readonly namespace: string;
  /** Takes what is given up on. */
  readonly letters: SqlDeadLetters;
}

/** Ends and prolongs deliveries. */
export class SqlDeliveries {
  readonly #options: DeliveriesOptions;
  readonly #statements: SettleStatements;

  /** Makes the access; nothing is sent. */
  constructor(options: DeliveriesOptions) {
    this.#options = options;
    this.#statements = settleStatements(options.database);
  }

  /** Carries out decisions, no delivery twice. Answers for each whether it was current. */
  async settle(items: readonly SettleItem[], tx?: object): Promise<readonly boolean[]> {
    const settled = new Set((await this.#settleAll(items, tx)).map(({ id, token }) => `${token} ${id}`));
    return items.map(({ id, token }) => settled.has(`${token} ${id}`));
  }

  async #settleAll(given: readonly SettleItem[], tx: object | undefined): Promise<readonly SettledRow[]> {
    const items = inLockOrder(given, ({ id }) => id);
    const acks = items.filter(({ kind }) => kind === "ack");
    const back = items.filter(({ kind }) => kind === "retry" || kind === "nack");
    const dead = items.filter(({ kind }) => kind === "deadLetter");
    const parts = [
      ...(acks.length === 0 ? [] : [(inside?: object) => this.#forget(acks, inside)]),
      ...(back.length === 0 ? [] : [(inside?: object) => this.#requeue(back, inside)]),
      ...(dead.length === 0 ? [] : [(inside?: object) => this.#bury(dead, inside)]),
    ];
    const [only] = parts;
    if (only !== undefined && parts.length === 1) return await only(tx);
    const all = async (inside: object): Promise<readonly SettledRow[]> => {
      const settled: SettledRow[] = [];
      for (const part of parts) settled.push(...await part(inside));
      return settled;
    };
    return tx === undefined ? await this.#options.database.transaction("settle", all) : await all(tx);
  }

  /** Moves the end of leases. Answers the new end of each; `undefined` where the delivery was stale. */
  async extend(items: readonly ExtendItem[]): Promise<readonly (number | undefined)[]> {
    const rows = await this.#statements.extend.run({
      ns: this.#options.namespace,
      items: inLockOrder(items, ({ id }) => id).map(({ id, token, leaseMs }) => ({ id, token, leaseMs })),
    });
    // One call may name a task by a stale and by the current token: only the current one was extended.
    const ends = new Map(rows.map(({ id, token, dueAt }) => [`${token} ${id}`, dueAt ?? undefined]));
    return items.map(({ id, token }) => ends.get(`${token} ${id}`));
  }

  async #forget(items: readonly SettleItem[], tx: object | undefined): Promise<readonly SettledRow[]> {
    const { namespace: ns } = this.#options;
    const removed = await this.#statements.remove.run({ ns, items: refs(items) }, { tx });
    if (removed.length === items.length) return removed;
    const gone = new Set(removed.map(({ id }) => id));
    const cleared = await this.#statements.clear.run({ ns, items: refs(items.filter(({ id }) => !gone.has(id))) }, { tx });
    return [...removed, ...cleared];
  }

  async #requeue(items: readonly SettleItem[], tx: object | undefined): Promise<readonly SettledRow[]> {
    const { namespace: ns } = this.#options;
    return await this.#statements.requeue.run({
      ns,
      items: items.map(({ id, token, kind, delayMs }) => ({ id, token, delayMs, attempts: kind === "retry" ? 1 : 0 })),
    }, { tx, signal: [...new Set(items.map(({ queue }) => queueTopic(ns, queue)))] });
  }

  async #bury(items: readonly SettleItem[], tx: object | undefined): Promise<readonly SettledRow[]> {
    if (tx === undefined) return await this.#options.database.transaction("deadLetter", (inside) => this.#bury(items, inside));
    const { namespace: ns, letters } = this.#options;
    const removed = await this.#statements.removeWhole.run({ ns, items: refs(items) }, { tx });
    const cleared = await this.#statements.clearWhole.run({ ns, items: refs(items) }, { tx });
    const released = [...removed, ...cleared];
    const decisions = new Map(items.map((item) => [item.id, item]));
    if (released.length > 0) {
      await letters.bury(
        released.map((row) => ({ ...row, reason: decisions.get(row.id)?.reason, error: decisions.get(row.id)?.error })),
        tx,
      );
    }
    return released;
  }
}

function refs(items: readonly SettleItem[]): readonly RefRow[] {
  return items.map(({ id, token }) => ({ id, token }));
}
