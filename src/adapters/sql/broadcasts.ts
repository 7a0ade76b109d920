import { and, eq, sql } from "drizzle-orm";
import { Ticker } from "../../async/ticker.ts";
import type { Logger } from "../../contracts/logger.ts";
import type { Clock } from "../../time/clock.ts";
import { startLooking } from "../looking.ts";
import type { SqlDatabase } from "./database.ts";
import { selectInto } from "./insert-rows.ts";
import { channelTopic } from "./topics.ts";

/** How long a message is kept for subscribers that were cut off for a moment. */
const KEPT_MS = 60_000;

// A transaction takes its number before it commits, so a lower number may appear after a higher one: this far back is read again.
const OVERLAP = 1_000;

/** What {@link SqlBroadcasts} are made of. */
export interface BroadcastsOptions {
  readonly database: SqlDatabase;
  readonly namespace: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How often to look for messages whose signal was lost. */
  readonly pollMs: number;
}

/** Messages to every subscriber, in a table that subscribers read on from where they were. */
export class SqlBroadcasts {
  readonly #options: BroadcastsOptions;
  readonly #statements: ReturnType<typeof statementsOf>;

  /** Makes the store; nothing is sent. */
  constructor(options: BroadcastsOptions) {
    this.#options = options;
    this.#statements = statementsOf(options.database);
  }

  /** Sends a message to those who listen. */
  async send(channel: string, text: string): Promise<void> {
    const { namespace: ns } = this.#options;
    await this.#statements.send.run({ ns, messages: [{ channel, text }], keptMs: KEPT_MS }, { signal: [channelTopic(ns, channel)] });
  }

  /** Calls back with each message that is sent after the promise resolved, until the returned function is called. */
  async listen(channel: string, heard: (text: string, sentAt: number) => void): Promise<() => void> {
    const { database, namespace: ns, clock, logger, pollMs } = this.#options;
    const seen = new Set<number>();
    let floor = 0;
    const read = async (tell: typeof heard): Promise<void> => {
      const rows = await this.#statements.read.run({ ns, channel, floor });
      for (const { seq, text, sentAt } of rows) {
        if (seen.has(seq)) continue;
        seen.add(seq);
        tell(text, sentAt);
      }
      floor = Math.max(floor, (rows.at(-1)?.seq ?? 0) - OVERLAP);
      for (const seq of seen) if (seq <= floor) seen.delete(seq);
    };
    const ticker = new Ticker({
      name: `broadcasts of channel "${channel}"`,
      intervalMs: pollMs,
      firstDelayMs: pollMs,
      clock,
      run: () => read(heard),
      onError: (error) => logger.warn("Cannot read broadcasts; looking again soon", { channel, error }),
    });
    return startLooking(ticker, {
      listen: () => database.signals.listen([channelTopic(ns, channel)], () => ticker.wake()),
      first: () => read(() => undefined),
    });
  }

  /** Deletes messages that every subscriber had time to read. */
  async sweep(limit: number): Promise<number> {
    return (await this.#statements.sweep.run({ ns: this.#options.namespace, limit })).length;
  }
}

function statementsOf(database: SqlDatabase) {
  const { broadcasts, newBroadcasts } = database.tables;
  return {
    send: database.statement(
      "broadcast",
      { ns: "text", messages: { channel: "text", text: "text" }, keptMs: "ms" },
      ({ db, args, dialect }) => {
        const { from, column, position } = args.messages;
        const values = {
          ns: args.ns,
          channel: column.channel,
          payload: column.text,
          createdAt: sql`${dialect.now}`,
          expiresAt: sql`${dialect.now} + ${args.keptMs}`,
        };
        return db.insert(newBroadcasts).select(selectInto(newBroadcasts, values, { from, orderBy: position }))
          .returning({ sentAt: newBroadcasts.createdAt, signal: dialect.signal });
      },
    ),
    read: database.statement(
      "subscribe.read",
      { ns: "text", channel: "text", floor: "ms" },
      ({ db, args }) =>
        db.select({ seq: broadcasts.seq, text: broadcasts.payload, sentAt: broadcasts.createdAt }).from(broadcasts)
          .where(and(eq(broadcasts.ns, args.ns), eq(broadcasts.channel, args.channel), sql`${broadcasts.seq} > ${args.floor}`))
          .orderBy(broadcasts.seq),
      { idempotent: true },
    ),
    sweep: database.statement("broadcasts.sweep", { ns: "text", limit: "int" }, ({ db, args, dialect }) => {
      const expired = sql`(select ${broadcasts.seq} from ${broadcasts} where ${broadcasts.ns} = ${args.ns}
        and ${broadcasts.expiresAt} <= ${dialect.now} order by ${broadcasts.expiresAt} limit ${args.limit}${dialect.skipLocked})`;
      return db.delete(broadcasts).where(and(eq(broadcasts.ns, args.ns), dialect.anyOf(broadcasts.seq, expired)))
        .returning({ seq: broadcasts.seq });
    }, { idempotent: true }),
  };
}
