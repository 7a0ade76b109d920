import { and, eq, sql } from "drizzle-orm";
import type { SqlDatabase } from "./database.ts";
import { isKept } from "./group-statements.ts";
import { larger } from "./larger.ts";
import type { Statement } from "./statement.ts";

const CLAIM = { ns: "text", id: "text", owner: "text", leaseMs: "ms" } as const;
const COMPLETE = { ns: "text", id: "text", token: "ms" } as const;
const DUE = { ns: "text", limit: "int" } as const;

/** Statements about the callbacks of completed groups. Each compares and sets in one step. */
export interface ChordStatements {
  /** Takes a callback that is due for the time of a lease. */
  readonly claim: Statement<typeof CLAIM, { readonly token: number; readonly until: number | null }>;
  /** Marks a callback as dispatched while the token is that of the latest claim. */
  readonly complete: Statement<typeof COMPLETE, { readonly id: string }>;
  /** Names groups whose callback is due, the longest waiting first. */
  readonly due: Statement<typeof DUE, { readonly id: string }>;
}

/** Makes the statements of a database. */
export function chordStatements(database: SqlDatabase): ChordStatements {
  const { groups } = database.tables;
  // As the condition of the index `groups_chord` has it.
  const waiting = sql`${groups.callback} is not null and ${groups.chordDoneAt} is null and ${groups.completedAt} is not null`;
  return {
    claim: database.statement("claimChord", CLAIM, ({ db, args, dialect: { now } }) =>
      db.update(groups).set({
        chordOwner: args.owner,
        // The time in it keeps the tokens of a group apart from those of an earlier one of the same id, which was swept.
        chordToken: larger(sql`${groups.chordToken} + 1`, now),
        chordUntil: sql`${now} + ${args.leaseMs}`,
      }).where(and(eq(groups.ns, args.ns), eq(groups.id, args.id), waiting, isFree(now), isKept(groups, now)))
        .returning({ token: groups.chordToken, until: groups.chordUntil })),

    complete: database.statement("completeChord", COMPLETE, ({ db, args, dialect: { now } }) =>
      db.update(groups).set({ chordDoneAt: now })
        .where(and(
          eq(groups.ns, args.ns),
          eq(groups.id, args.id),
          eq(groups.chordToken, args.token),
          sql`${groups.chordOwner} is not null`,
          waiting,
          isKept(groups, now),
        )).returning({ id: groups.id })),

    due: database.statement(
      "dueChords",
      DUE,
      ({ db, args, dialect: { now } }) =>
        db.select({ id: groups.id }).from(groups).where(and(eq(groups.ns, args.ns), waiting, isFree(now), isKept(groups, now)))
          .orderBy(groups.completedAt, groups.id).limit(sql.placeholder("limit")),
      { idempotent: true },
    ),
  };

  function isFree(now: ReturnType<typeof sql>) {
    return sql`(${groups.chordUntil} is null or ${groups.chordUntil} <= ${now})`;
  }
}
