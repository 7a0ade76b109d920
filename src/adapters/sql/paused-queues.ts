import type { SQL } from "drizzle-orm";
import { and, eq, sql } from "drizzle-orm";
import type { PausedQueue } from "../../contracts/broker.ts";
import type { PauseItem } from "../broker-requests.ts";
import type { SqlDatabase } from "./database.ts";
import type { Tables } from "./tables.ts";
import { queueTopic } from "./topics.ts";

/** Whether a queue hands out nothing. */
export function isPaused({ pausedQueues }: Pick<Tables, "pausedQueues">, ns: SQL, queue: SQL): SQL {
  return sql`exists (select 1 from ${pausedQueues} where ${pausedQueues.ns} = ${ns} and ${pausedQueues.queue} = ${queue})`;
}

/** The queues that hand out nothing: a row each. Every claim looks for it. */
export class PausedQueues {
  readonly #namespace: string;
  readonly #statements: ReturnType<typeof statementsOf>;

  /** Makes the access; nothing is sent. */
  constructor(database: SqlDatabase, namespace: string) {
    this.#namespace = namespace;
    this.#statements = statementsOf(database);
  }

  /** Pauses a queue; false when it was paused. */
  async pause({ queue, reason, by }: PauseItem): Promise<boolean> {
    return (await this.#statements.pause.run({ ns: this.#namespace, queue, reason, by })).length > 0;
  }

  /** Resumes a queue, and wakes those who wait for it; false when it was not paused. */
  async resume(queue: string): Promise<boolean> {
    const { resume } = this.#statements;
    return (await resume.run({ ns: this.#namespace, queue }, { signal: [queueTopic(this.#namespace, queue)] })).length > 0;
  }

  /** Gives the paused queues, in any order. */
  async list(): Promise<readonly PausedQueue[]> {
    const rows = await this.#statements.list.run({ ns: this.#namespace });
    return rows.map(({ queue, reason, by, pausedAt }) => ({
      queue,
      ...(reason === null ? {} : { reason }),
      ...(by === null ? {} : { by }),
      pausedAt,
    }));
  }
}

function statementsOf(database: SqlDatabase) {
  const { pausedQueues } = database.tables;
  return {
    pause: database.statement(
      "pauseQueue",
      { ns: "text", queue: "text", reason: "text", by: "text" },
      ({ db, args, dialect: { now } }) =>
        db.insert(pausedQueues).values({ ns: args.ns, queue: args.queue, reason: args.reason, pausedBy: args.by, pausedAt: now })
          .onConflictDoNothing().returning({ queue: pausedQueues.queue }),
    ),
    resume: database.statement(
      "resumeQueue",
      { ns: "text", queue: "text" },
      ({ db, args, dialect }) =>
        db.delete(pausedQueues).where(and(eq(pausedQueues.ns, args.ns), eq(pausedQueues.queue, args.queue)))
          .returning({ queue: pausedQueues.queue, signal: dialect.signal }),
    ),
    list: database.statement(
      "pausedQueues",
      { ns: "text" },
      ({ db, args }) =>
        db.select({
          queue: pausedQueues.queue,
          reason: pausedQueues.reason,
          by: pausedQueues.pausedBy,
          pausedAt: pausedQueues.pausedAt,
        }).from(pausedQueues).where(eq(pausedQueues.ns, args.ns)),
      { idempotent: true },
    ),
  };
}
