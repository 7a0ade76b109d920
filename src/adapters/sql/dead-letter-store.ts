import type { SQL } from "drizzle-orm";
import { and, desc, eq, sql } from "drizzle-orm";
import type { DeadLetterFilter } from "../../contracts/broker.ts";
import type { DeadLetter } from "../../model/delivery.ts";
import { fromText } from "../../model/json-text.ts";
import type { TaskFailure } from "../../model/task-failure.ts";
import type { ReplayRequest } from "../broker-requests.ts";
import { toPublishItem } from "../broker-requests.ts";
import type { DeadLetterPosition, DeadLetterPrimitives } from "../dead-letters-surface.ts";
import { jsonText } from "../json-form.ts";
import { replayedEnvelope } from "../settled-envelope.ts";
import type { SqlDatabase } from "./database.ts";
import { envelopeAt } from "./delivery-row.ts";
import { selectInto } from "./insert-rows.ts";
import type { PublishRow } from "./publish-statements.ts";
import { Publisher, publishRow } from "./publish-statements.ts";
import type { ReleasedRow } from "./settle-statements.ts";
import { queueTopic, taskTopic } from "./topics.ts";

const LETTER = {
  id: "text",
  queue: "text",
  name: "text",
  reason: "text",
  error: "text",
  envelope: "text",
  attempt: "int",
  deliveries: "int",
} as const;

const WHERE = { ns: "text", ids: { id: "text" }, queue: "text", since: "ms" } as const;

/** Why a delivery is given up on. */
export interface DeathRow extends ReleasedRow {
  /** Why. */
  readonly reason: string | undefined;
  /** The error as JSON text. */
  readonly error: string | undefined;
}

/** What a {@link SqlDeadLetters} is made of. */
export interface DeadLettersOptions {
  readonly database: SqlDatabase;
  readonly namespace: string;
  /** How long dead letters are kept. */
  readonly ttlMs: number;
  /** The most characters of JSON text that an envelope may have. */
  readonly maxEnvelopeLength: number;
}

/** Dead letters in a table of their own: what is given up on does not lie in the way of what waits. */
export class SqlDeadLetters implements DeadLetterPrimitives {
  readonly #options: DeadLettersOptions;
  readonly #statements: ReturnType<typeof statementsOf>;
  readonly #publisher: Publisher;

  /** Makes the store; nothing is sent. */
  constructor(options: DeadLettersOptions) {
    this.#options = options;
    this.#statements = statementsOf(options.database);
    this.#publisher = new Publisher(options.database, "replay");
  }

  /** Keeps what was released, within the transaction that released it. */
  async bury(deaths: readonly DeathRow[], tx: object): Promise<void> {
    const { namespace: ns, ttlMs } = this.#options;
    const letters = deaths.map(({ id, queue, envelope, deliveryAttempt, deliveries, reason, error }) => {
      const dead = envelopeAt(envelope, deliveryAttempt);
      return {
        id,
        queue,
        name: dead.name,
        reason: reason ?? "",
        error,
        envelope: JSON.stringify(dead),
        attempt: deliveryAttempt,
        deliveries,
      };
    });
    await this.#statements.insert.run({ ns, ttlMs, letters }, { tx });
  }

  async list(filter: DeadLetterFilter, limit: number, before: DeadLetterPosition | undefined): Promise<readonly DeadLetter[]> {
    const statement = before === undefined ? this.#statements.list : this.#statements.listBefore;
    const rows = await statement.run({ ...this.#where(filter), limit, diedAt: before?.diedAt, id: before?.id });
    return rows.map(toDeadLetter);
  }

  async get(id: string): Promise<DeadLetter | undefined> {
    const [row] = await this.#statements.get.run({ ns: this.#options.namespace, id });
    return row === undefined ? undefined : toDeadLetter(row);
  }

  replay(request: ReplayRequest): Promise<readonly string[]> {
    return this.replayAs(request, () => ({}));
  }

  /** Replays, and lets a ledger add a status to each row. */
  async replayAs(request: ReplayRequest, statusOf: (letter: DeadLetter) => Partial<PublishRow>): Promise<readonly string[]> {
    const { database, namespace: ns, maxEnvelopeLength } = this.#options;
    const where = { ...this.#where(request.filter), limit: request.limit };
    if (request.dryRun) return (await this.#statements.oldest.run(where)).map(({ id }) => id);
    return await database.transaction("replay", async (tx) => {
      const found = await this.#statements.oldestLocked.run(where, { tx });
      if (found.length === 0) return [];
      const rows = found.map((row) => {
        const letter = toDeadLetter(row);
        const item = toPublishItem(replayedEnvelope(letter.envelope, row.now), { form: jsonText, maxEnvelopeLength });
        return { ...publishRow(item), ...(request.delayMs > 0 ? { delayMs: request.delayMs } : {}), ...statusOf(letter) };
      });
      // Removed first: a dead letter of the id would refuse the publication.
      await this.#statements.remove.run({ ns, ids: found.map(({ id }) => ({ id })) }, { tx });
      const signal = [...new Set(found.map(({ queue }) => queueTopic(ns, queue))), ...found.map(({ id }) => taskTopic(ns, id))];
      await this.#publisher.accept(ns, rows, { tx, signal });
      return found.map(({ id }) => id);
    });
  }

  async purge(filter: DeadLetterFilter): Promise<number> {
    return (await this.#statements.purge.run(this.#where(filter))).length;
  }

  /** Deletes what has expired. */
  async sweep(limit: number): Promise<number> {
    return (await this.#statements.sweep.run({ ns: this.#options.namespace, limit })).length;
  }

  #where({ ids, queue, since }: DeadLetterFilter) {
    return { ns: this.#options.namespace, ids: (ids ?? [ANY]).map((id) => ({ id })), queue, since };
  }
}

// No id is empty, so the empty one can stand for all of them.
const ANY = "";

interface LetterRow {
  readonly id: string;
  readonly queue: string;
  readonly name: string;
  readonly reason: string;
  readonly error: string | null;
  readonly envelope: string;
  readonly attempt: number;
  readonly diedAt: number;
  readonly expiresAt: number;
}

function toDeadLetter(row: LetterRow): DeadLetter {
  const { id, queue, name, reason, diedAt, expiresAt } = row;
  // Written by `bury`, from a checked settlement.
  const error = fromText(row.error) as TaskFailure | undefined;
  return {
    id,
    queue,
    name,
    reason,
    ...(error === undefined ? {} : { error }),
    envelope: envelopeAt(row.envelope, row.attempt),
    diedAt,
    expiresAt,
  };
}

function statementsOf(database: SqlDatabase) {
  const { deadLetters: letters } = database.tables;
  const columns = {
    id: letters.id,
    queue: letters.queue,
    name: letters.name,
    reason: letters.reason,
    error: letters.error,
    envelope: letters.envelope,
    attempt: letters.attempt,
    diedAt: letters.diedAt,
    expiresAt: letters.expiresAt,
  };
  const meant = (
    args: {
      readonly ns: SQL;
      readonly queue: SQL;
      readonly since: SQL;
      readonly ids: { readonly from: SQL; readonly column: { readonly id: SQL } };
    },
  ): SQL =>
    sql`${letters.ns} = ${args.ns} and (${args.queue} is null or ${letters.queue} = ${args.queue})
      and (${args.since} is null or ${letters.diedAt} >= ${args.since})
      and (exists (select 1 from ${args.ids.from} where ${args.ids.column.id} = '')
        or ${letters.id} in (select ${args.ids.column.id} from ${args.ids.from}))`;
  const idempotent = { idempotent: true };
  return {
    insert: database.statement("deadLetter.insert", { ns: "text", ttlMs: "ms", letters: LETTER }, ({ db, args, dialect }) => {
      const { from, column, position } = args.letters;
      const values = { ...column, ns: args.ns, diedAt: sql`${dialect.now}`, expiresAt: sql`${dialect.now} + ${args.ttlMs}` };
      // An expired letter of the id may still lie there.
      return db.insert(letters).select(selectInto(letters, values, { from, orderBy: position })).onConflictDoUpdate({
        target: [letters.ns, letters.id],
        set: Object.fromEntries(
          ["queue", "name", "reason", "error", "envelope", "attempt", "deliveries", "diedAt", "expiresAt"].map((name) =>
            [name, sql`excluded.${sql.identifier(name.replace("At", "_at"))}`] as const
          ),
        ),
      }).returning({ id: letters.id });
    }),
    get: database.statement(
      "deadLetters.get",
      { ns: "text", id: "text" },
      ({ db, args, dialect }) =>
        db.select(columns).from(letters).where(
          and(eq(letters.ns, args.ns), eq(letters.id, args.id), sql`${letters.expiresAt} > ${dialect.now}`),
        ),
      idempotent,
    ),
    list: database.statement(
      "deadLetters.list",
      { ...WHERE, limit: "int", diedAt: "ms", id: "text" },
      ({ db, args, dialect }) =>
        db.select(columns).from(letters).where(and(meant(args), sql`${letters.expiresAt} > ${dialect.now}`))
          .orderBy(desc(letters.diedAt), desc(letters.id)).limit(sql.placeholder("limit")),
      idempotent,
    ),
    listBefore: database.statement(
      "deadLetters.listBefore",
      { ...WHERE, limit: "int", diedAt: "ms", id: "text" },
      ({ db, args, dialect }) =>
        db.select(columns).from(letters)
          .where(
            and(
              meant(args),
              sql`${letters.expiresAt} > ${dialect.now}`,
              sql`(${letters.diedAt}, ${letters.id}) < (${args.diedAt}, ${args.id})`,
            ),
          )
          .orderBy(desc(letters.diedAt), desc(letters.id)).limit(sql.placeholder("limit")),
      idempotent,
    ),
    oldest: database.statement(
      "deadLetters.oldest",
      { ...WHERE, limit: "int" },
      ({ db, args, dialect }) =>
        db.select({ ...columns, now: dialect.now }).from(letters).where(and(meant(args), sql`${letters.expiresAt} > ${dialect.now}`))
          .orderBy(letters.diedAt, letters.id).limit(sql.placeholder("limit")),
      idempotent,
    ),
    oldestLocked: database.statement(
      "deadLetters.oldestLocked",
      { ...WHERE, limit: "int" },
      ({ db, args, dialect }) =>
        db.select({ ...columns, now: dialect.now }).from(letters).where(and(
          eq(letters.ns, args.ns),
          dialect.anyOf(
            letters.id,
            sql`(select ${letters.id} from ${letters} where ${meant(args)} and ${letters.expiresAt} > ${dialect.now}
          order by ${letters.diedAt}, ${letters.id} limit ${args.limit}${dialect.skipLocked})`,
          ),
        )).orderBy(letters.diedAt, letters.id),
    ),
    remove: database.statement(
      "deadLetters.remove",
      { ns: "text", ids: { id: "text" } },
      ({ db, args }) =>
        db.delete(letters).where(and(eq(letters.ns, args.ns), sql`${letters.id} in (select ${args.ids.column.id} from ${args.ids.from})`))
          .returning({ id: letters.id }),
    ),
    purge: database.statement(
      "deadLetters.purge",
      WHERE,
      ({ db, args, dialect }) =>
        db.delete(letters).where(and(meant(args), sql`${letters.expiresAt} > ${dialect.now}`)).returning({ id: letters.id }),
    ),
    sweep: database.statement("deadLetters.sweep", { ns: "text", limit: "int" }, ({ db, args, dialect }) => {
      const expired = sql`(select ${letters.id} from ${letters} where ${letters.ns} = ${args.ns} and ${letters.expiresAt} <= ${dialect.now}
        order by ${letters.expiresAt} limit ${args.limit}${dialect.skipLocked})`;
      return db.delete(letters).where(and(eq(letters.ns, args.ns), dialect.anyOf(letters.id, expired))).returning({ id: letters.id });
    }, idempotent),
  };
}
