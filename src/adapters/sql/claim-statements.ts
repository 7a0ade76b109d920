import type { SQL } from "drizzle-orm";
import { sql } from "drizzle-orm";
import type { ArgumentsOf } from "./arguments.ts";
import type { SqlDatabase } from "./database.ts";
import type { Dialect } from "./dialect.ts";
import { larger } from "./larger.ts";
import { isKnown } from "./order-of-truth.ts";
import { isPaused } from "./paused-queues.ts";
import type { Statement, StatementParts } from "./statement.ts";
import type { Tables } from "./tables.ts";
import type { DeliveryRow } from "./delivery-row.ts";

/** A claimed row, with the status on record. */
export interface ClaimedRow extends DeliveryRow {
  /** The task. */
  readonly id: string;
  /** The state on record after the claim. */
  readonly state: string | null;
}

/** The arguments of a claim. */
export interface ClaimValues {
  readonly ns: string;
  readonly queues: readonly string[];
  readonly limit: number;
  readonly leaseMs: number;
  readonly consumer: string;
}

const COMMON = { ns: "text", limit: "int", leaseMs: "ms", consumer: "text" } as const;
const ONE_QUEUE = { ...COMMON, queue: "text" } as const;
const MANY_QUEUES = { ...COMMON, queues: { queue: "text", at: "int" } } as const;

// `seq` is never given twice, and no row is claimed this often: tokens of one id rise, also over rows that came and went.
const TOKENS_PER_ROW = sql.raw("65536");

/** Claims the heads of queues, in one statement however many they are. */
export class ClaimStatements {
  readonly #database: SqlDatabase;
  readonly #withStatus: boolean;
  readonly #one: Statement<typeof ONE_QUEUE, ClaimedRow>;
  readonly #many = new Map<number, Statement<typeof MANY_QUEUES, ClaimedRow>>();

  /** With `withStatus` a claim also records that the tasks run, where the order of truth permits. */
  constructor(database: SqlDatabase, withStatus: boolean) {
    this.#database = database;
    this.#withStatus = withStatus;
    this.#one = database.statement(`claim.${withStatus ? "tasks" : "envelopes"}`, ONE_QUEUE, (parts) => {
      const { args, tables, dialect } = parts;
      return this.#claim(
        parts,
        sql`(select ${dialect.address(tables.tasks)} from ${tables.tasks} where ${inQueue(parts, args.queue)} and not ${
          isPaused(tables, args.ns, args.queue)
        }
        order by ${tables.tasks.priority} desc, ${tables.tasks.seq} limit ${args.limit}${dialect.skipLocked})`,
      );
    });
  }

  /** Claims what is ready, going round the queues in the given order; at most `limit`. */
  run({ queues, ...values }: ClaimValues): Promise<readonly ClaimedRow[]> {
    const [queue = ""] = queues;
    if (queues.length === 1) return this.#one.run({ ...values, queue });
    return this.#from(queues.length).run({ ...values, queues: queues.map((name, at) => ({ queue: name, at })) });
  }

  #from(count: number): Statement<typeof MANY_QUEUES, ClaimedRow> {
    const known = this.#many.get(count);
    if (known !== undefined) return known;
    const statement = this.#database.statement(
      `claim.${this.#withStatus ? "tasks" : "envelopes"}${count}`,
      MANY_QUEUES,
      (parts) => this.#claim(parts, headsOf(parts, count)),
    );
    this.#many.set(count, statement);
    return statement;
  }

  #claim({ db, tables: { tasks }, args, dialect }: ClaimParts, heads: SQL) {
    const { now } = dialect;
    return db.update(tasks).set({
      phase: 2,
      dueAt: sql`${now} + coalesce(${tasks.leaseMs}, ${args.leaseMs})`,
      token: larger(sql`${tasks.token} + 1`, sql`${tasks.seq} * ${TOKENS_PER_ROW}`),
      deliveries: sql`${tasks.deliveries} + 1`,
      consumer: args.consumer,
      ...(this.#withStatus ? runningStatus(tasks, dialect, args.consumer) : {}),
    }).where(dialect.anyOf(dialect.address(tasks), heads)).returning({
      id: tasks.id,
      queue: tasks.queue,
      priority: tasks.priority,
      seq: tasks.seq,
      envelope: tasks.envelope,
      deliveryAttempt: tasks.deliveryAttempt,
      token: tasks.token,
      deliveries: tasks.deliveries,
      consumer: tasks.consumer,
      dueAt: tasks.dueAt,
      claimedAt: now,
      state: tasks.state,
    });
  }
}

type ClaimParts = Omit<StatementParts<typeof ONE_QUEUE>, "args"> & { readonly args: ArgumentsOf<typeof COMMON> };

/** The first of each queue, numbered within it: by that number and the order of the queues, at most `limit` in all. */
function headsOf(parts: StatementParts<typeof MANY_QUEUES>, count: number): SQL {
  const { tables, args, dialect } = parts;
  const { tasks } = tables;
  const { from, column } = args.queues;
  const arms = Array.from({ length: count }, (_, at) => {
    // No queue at all when it is paused. Unpacking the batch once more for that would cost more than the look-up.
    const queue = sql`(select ${column.queue} from ${from} where ${column.at} = ${sql.raw(String(at))}
      and not ${isPaused(tables, args.ns, column.queue)})`;
    return sql`select * from (select ${dialect.address(tasks)} as address, ${tasks.seq} as seq, ${tasks.priority} as priority, ${
      sql.raw(String(at))
    } as arm from ${tasks}
      where ${inQueue(parts, queue)} order by ${tasks.priority} desc, ${tasks.seq} limit ${args.limit}${dialect.skipLocked}) as ${
      sql.identifier(`arm${at}`)
    }`;
  });
  return sql`(select address from (select address, arm, row_number() over (partition by arm order by priority desc, seq) as turn
    from (${sql.join(arms, sql` union all `)}) as heads) as turns order by turn, arm limit ${args.limit})`;
}

function inQueue({ tables: { tasks }, args }: Pick<ClaimParts, "tables" | "args">, queue: SQL): SQL {
  return sql`${tasks.ns} = ${args.ns} and ${tasks.queue} = ${queue} and ${tasks.phase} = 0`;
}

/** Records that a task runs: keeps what a later status says, and clears what an earlier attempt left. */
function runningStatus(tasks: Tables["tasks"], { now }: Dialect, consumer: SQL): Record<string, SQL> {
  // The order of truth for `running` at the delivery's attempt, spelled out because it is asked for every column of every claim.
  const known = isKnown(tasks, now);
  // Nearly always it is the first line that holds.
  const taken = sql`((${tasks.state} = 'queued' and ${tasks.attempt} = ${tasks.deliveryAttempt} and ${tasks.expiresAt} is null)
    or not ${known}
    or (${tasks.attempt} = ${tasks.deliveryAttempt} and ${tasks.state} in ('queued', 'running'))
    or (${tasks.attempt} < ${tasks.deliveryAttempt} and ${tasks.state} in ('queued', 'running', 'retrying', 'failed')))`;
  const sameAttempt = sql`(${known} and ${tasks.attempt} = ${tasks.deliveryAttempt})`;
  const whenTaken = (value: SQL, otherwise: unknown): SQL => sql`case when ${taken} then ${value} else ${otherwise} end`;
  const unlessEarlier = (column: unknown): SQL => sql`case when ${sameAttempt} or not ${taken} then ${column} end`;
  return {
    state: whenTaken(sql`'running'`, tasks.state),
    attempt: whenTaken(sql`${tasks.deliveryAttempt}`, tasks.attempt),
    createdAt: sql`case when ${known} then ${tasks.createdAt} else ${now} end`,
    meta: sql`case when ${known} then ${tasks.meta} end`,
    worker: whenTaken(consumer, tasks.worker),
    startedAt: whenTaken(now, tasks.startedAt),
    updatedAt: whenTaken(now, tasks.updatedAt),
    finishedAt: whenTaken(sql`null`, tasks.finishedAt),
    expiresAt: whenTaken(sql`null`, tasks.expiresAt),
    error: whenTaken(sql`null`, tasks.error),
    payload: unlessEarlier(tasks.payload),
    progress: unlessEarlier(tasks.progress),
  };
}
