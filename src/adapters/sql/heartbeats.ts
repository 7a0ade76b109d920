import { and, eq, gt, sql } from "drizzle-orm";
import type { Heartbeat, StoredHeartbeat } from "../../model/heartbeat.ts";
import type { HeartbeatWrite } from "../result-requests.ts";
import { readStored } from "../stored-json.ts";
import type { SqlDatabase } from "./database.ts";
import type { Statement } from "./statement.ts";

const NS = { ns: "text" } as const;
const ONE = { ns: "text", id: "text" } as const;
const PUT = { ...ONE, data: "text", ttlMs: "ms" } as const;
const SWEEP = { ns: "text", limit: "int" } as const;

interface IdRow {
  readonly id: string;
}

interface HeartbeatRow {
  readonly data: string;
  readonly seenAt: number;
  readonly expiresAt: number;
}

interface HeartbeatStatements {
  readonly put: Statement<typeof PUT, IdRow>;
  readonly list: Statement<typeof NS, HeartbeatRow>;
  readonly remove: Statement<typeof ONE, IdRow>;
  readonly sweep: Statement<typeof SWEEP, IdRow>;
}

/** The workers that live, each a row that its next report replaces. */
export class Heartbeats {
  readonly #namespace: string;
  readonly #statements: HeartbeatStatements;

  /** Makes the access; nothing is sent. */
  constructor(database: SqlDatabase, namespace: string) {
    this.#namespace = namespace;
    this.#statements = heartbeatStatements(database);
  }

  /** Stores a heartbeat in place of an earlier one. */
  async put({ workerId: id, text: data, ttlMs }: HeartbeatWrite): Promise<void> {
    await this.#statements.put.run({ ns: this.#namespace, id, data, ttlMs });
  }

  /** Gives the heartbeats that have not expired, in any order. */
  async list(): Promise<readonly StoredHeartbeat[]> {
    const rows = await this.#statements.list.run({ ns: this.#namespace });
    return rows.map(({ data, seenAt, expiresAt }) => ({ ...readStored<Heartbeat>(data), seenAt, expiresAt }));
  }

  /** Deletes one; false when there was none that had not expired. */
  async remove(id: string): Promise<boolean> {
    return (await this.#statements.remove.run({ ns: this.#namespace, id })).length > 0;
  }

  /** Deletes expired ones, at most `limit`. */
  async sweep(limit: number): Promise<number> {
    return (await this.#statements.sweep.run({ ns: this.#namespace, limit })).length;
  }
}

function heartbeatStatements(database: SqlDatabase): HeartbeatStatements {
  const { workers } = database.tables;
  return {
    put: database.statement("setHeartbeat", PUT, ({ db, args, dialect: { now } }) => {
      const values = { data: args.data, seenAt: now, expiresAt: sql`${now} + ${args.ttlMs}` };
      return db.insert(workers).values({ ns: args.ns, id: args.id, ...values })
        .onConflictDoUpdate({ target: [workers.ns, workers.id], set: values }).returning({ id: workers.id });
    }, { idempotent: true }),

    list: database.statement(
      "listHeartbeats",
      NS,
      ({ db, args, dialect: { now } }) =>
        db.select({ data: workers.data, seenAt: workers.seenAt, expiresAt: workers.expiresAt }).from(workers)
          .where(and(eq(workers.ns, args.ns), gt(workers.expiresAt, now))),
      { idempotent: true },
    ),

    remove: database.statement(
      "removeHeartbeat",
      ONE,
      ({ db, args, dialect: { now } }) =>
        db.delete(workers).where(and(eq(workers.ns, args.ns), eq(workers.id, args.id), gt(workers.expiresAt, now)))
          .returning({ id: workers.id }),
    ),

    sweep: database.statement("sweep.workers", SWEEP, ({ db, args, dialect }) => {
      const expired = sql`(select ${workers.id} from ${workers} where ${workers.ns} = ${args.ns} and ${workers.expiresAt} <= ${dialect.now}
        limit ${args.limit}${dialect.skipLocked})`;
      return db.delete(workers).where(and(eq(workers.ns, args.ns), dialect.anyOf(workers.id, expired))).returning({ id: workers.id });
    }),
  };
}
