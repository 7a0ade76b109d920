import type { Logger } from "../../contracts/logger.ts";
import type { PermitDecision, RateDecision } from "../../contracts/rate-limiter.ts";
import { validateId } from "../../model/id.ts";
import type { Clock } from "../../time/clock.ts";
import type { GroupCommitOptions } from "../call-group.ts";
import type { PermitItem, PermitRef, RateItem, RenewItem } from "../limiter-requests.ts";
import { toRateDecision } from "../limiter-requests.ts";
import { LimiterSurface } from "../limiter-surface.ts";
import { permitVerdict } from "../permit-verdict.ts";
import { rounds } from "../repeats.ts";
import { takeFrom } from "../token-bucket.ts";
import type { SqlHold } from "./database.ts";
import type { LimiterStatements } from "./limiter-statements.ts";
import { limiterStatements } from "./limiter-statements.ts";

/** Options of the SQL rate limiters. */
export interface SqlRateLimiterOptions {
  /** Keeps systems on one database apart. @default "stem" */
  readonly namespace?: string | undefined;
  /** Judges all times instead of the store's own clock: for tests. @default the store's clock */
  readonly clock?: Clock | undefined;
  /** Where the limiter reports what nobody awaits. @default warnings and errors on the console */
  readonly logger?: Logger | undefined;
  /** How calls made at the same time share round trips. @default up to 1,000 calls */
  readonly groupCommit?: GroupCommitOptions | undefined;
}

/** A rate limiter on the tables `buckets` and `permits`, see `tables.ts`: written once for Postgres and SQLite. */
export class SqlRateLimiter extends LimiterSurface {
  /** The namespace of all its rows. */
  readonly namespace: string;
  readonly #hold: SqlHold;
  readonly #statements: LimiterStatements;

  /** Made by the adapters' entry points. Closing it releases the hold. */
  constructor(hold: SqlHold, options: SqlRateLimiterOptions = {}) {
    super({
      ...options,
      what: `the ${hold.database.adapter} rate limiter`,
      transactions: true,
      groupCommit: options.groupCommit ?? {},
    });
    this.namespace = validateId(options.namespace ?? "stem", "a namespace");
    this.#hold = hold;
    this.#statements = limiterStatements(hold.database);
  }

  protected override takeBatch(items: readonly RateItem[]): Promise<readonly RateDecision[]> {
    const { namespace: ns } = this;
    const { lockBuckets, readBuckets, putBuckets } = this.#statements;
    const keys = keysOf(items);
    return this.#hold.database.transaction("acquire", async (tx) => {
      if (!this.#hold.database.singleWriter) await lockBuckets.run({ ns, keys }, { tx });
      const rows = await readBuckets.run({ ns, keys }, { tx });
      const fullAtUs = new Map(rows.map((row) => [row.key, row.fullAtUs]));
      const nowUs = (rows[0]?.now ?? 0) * 1_000;
      const decisions = items.map((item) => {
        const answer = takeFrom(fullAtUs.get(item.key) ?? 0, item, nowUs);
        fullAtUs.set(item.key, answer.fullAtUs);
        return toRateDecision(answer);
      });
      await putBuckets.run({ ns, items: Array.from(fullAtUs, ([key, at]) => ({ key, fullAtUs: at })) }, { tx });
      return decisions;
    });
  }

  protected override enterBatch(items: readonly PermitItem[]): Promise<readonly PermitDecision[]> {
    const { namespace: ns } = this;
    const { readPermits, putPermits } = this.#statements;
    const keys = keysOf(items);
    // Repeating it renews what it gave.
    return this.#hold.database.transaction("enter", async (tx) => {
      await this.#lockPermits(keys, tx);
      const held = new Map(keys.map(({ key }) => [key, new Map<string, number>()]));
      for (const { key, holder, leftMs } of await readPermits.run({ ns, keys }, { tx })) held.get(key)?.set(holder, leftMs);
      const verdicts = items.map((item) => permitVerdict(held.get(item.key) ?? new Map<string, number>(), item));
      const decisions: PermitDecision[] = verdicts.map(({ retryAfterMs }) => ({ retryAfterMs }));
      const given = [...items.entries()].filter(([at]) => verdicts[at]?.isGiven === true);
      for (const round of rounds(given, ([, item]) => nameOf(item))) {
        const granted = round.flatMap((at) => given[at]?.[1] ?? []).map(({ key, holder, ttlMs }) => ({ key, holder, ttlMs }));
        const tokens = new Map((await putPermits.run({ ns, items: granted }, { tx })).map((row) => [nameOf(row), row.token]));
        for (const at of round) {
          const [position, { key, holder }] = given[at] ?? [0, { key: "", holder: "" }];
          const token = tokens.get(nameOf({ key, holder }));
          if (token !== undefined) decisions[position] = { permit: { key, holder, token }, retryAfterMs: 0 };
        }
      }
      return decisions;
    }, { idempotent: true });
  }

  protected override renewBatch(items: readonly RenewItem[]): Promise<readonly boolean[]> {
    return this.#hold.database.transaction("renewPermits", async (tx) => {
      // A permit that has just run out for whoever counts must not be renewed by a statement that began a little earlier.
      await this.#lockPermits(keysOf(items), tx);
      const renewed = items.map(() => false);
      for (const round of rounds(items, nameOf)) {
        const rows = await this.#statements.renew.run({ ns: this.namespace, items: round.flatMap((at) => items[at] ?? []) }, { tx });
        const tokens = new Map(rows.map((row) => [nameOf(row), row.token]));
        for (const at of round) renewed[at] = isAmong(tokens, items[at]);
      }
      return renewed;
    }, { idempotent: true });
  }

  protected override async leaveBatch(items: readonly PermitRef[]): Promise<readonly boolean[]> {
    const rows = await this.#statements.leave.run({ ns: this.namespace, items });
    const tokens = new Map(rows.map((row) => [nameOf(row), row.token]));
    return items.map((item) => isAmong(tokens, item));
  }

  protected override async sweepExpired(limit: number): Promise<number> {
    const { sweepBuckets, sweepPermits, sweepLocks } = this.#statements;
    const values = { ns: this.namespace, limit };
    // All of them, in steps: they are not counted, so nobody would come back for the rest.
    let locks: number;
    do locks = (await sweepLocks.run(values)).length; while (locks >= limit);
    return (await sweepBuckets.run(values)).length + (await sweepPermits.run(values)).length;
  }

  protected override disconnect(): Promise<void> {
    return this.#hold.release();
  }

  async #lockPermits(keys: readonly { readonly key: string }[], tx: object): Promise<void> {
    if (!this.#hold.database.singleWriter) await this.#statements.lockPermits.run({ ns: this.namespace, keys }, { tx });
  }
}

function keysOf(items: readonly { readonly key: string }[]): readonly { readonly key: string }[] {
  return Array.from(new Set(items.map(({ key }) => key)), (key) => ({ key }));
}

function nameOf({ key, holder }: { readonly key: string; readonly holder: string }): string {
  return JSON.stringify([key, holder]);
}

function isAmong(tokens: ReadonlyMap<string, number>, item: PermitRef | undefined): boolean {
  return item !== undefined && tokens.get(nameOf(item)) === item.token;
}
