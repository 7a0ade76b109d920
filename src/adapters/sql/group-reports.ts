import { and, eq, sql } from "drizzle-orm";
import type { GroupProgress } from "../../model/group.ts";
import type { ReportWrite } from "../result-requests.ts";
import type { SqlDatabase } from "./database.ts";
import { isKept } from "./group-statements.ts";
import type { Statement } from "./statement.ts";

const END = { groupId: "text", taskId: "text", state: "text", payload: "text", encoder: "text", error: "text" } as const;
const ENDS = { ns: "text", ends: END } as const;
const COUNTS = { ns: "text", counts: { id: "text", ended: "int", failed: "int" } } as const;
const MEMBERS = { ns: "text", members: { groupId: "text", taskId: "text" } } as const;

interface CountRow {
  readonly groupId: string;
  readonly total: number;
  readonly completed: number;
  readonly failed: number;
}

interface ReportStatements {
  /** Writes ends into the rows of members that have none; answers which. */
  readonly end: Statement<typeof ENDS, { readonly groupId: string; readonly taskId: string }>;
  /** Adds to the counts of groups. */
  readonly count: Statement<typeof COUNTS, CountRow>;
  /** Tells which of these are members of groups that are there, and how far those have come. */
  readonly look: Statement<typeof MEMBERS, CountRow & { readonly taskId: string }>;
}

/** How far a group had come before the first report that is yet to be answered. */
interface Tally {
  readonly total: number;
  ended: number;
  failed: number;
  /** What the database counted up to in this step. */
  readonly reached: number;
}

/**
 * Counts members' ends, each once: the row of a member takes on one end, and only who wrote it adds to its group. So the one report that
 * makes the count equal the total is the one that completes the group.
 *
 * Members come before groups here, each in the order of the batch. Where two batches meet in opposite orders the database ends one, and its
 * transaction is repeated.
 */
export class GroupReports {
  readonly #namespace: string;
  readonly #statements: ReportStatements;

  /** Makes the access; nothing is sent. */
  constructor(database: SqlDatabase, namespace: string) {
    this.#namespace = namespace;
    this.#statements = reportStatements(database);
  }

  /** Counts ends within a transaction. Answers one progress each, in order; `undefined` for an unknown group or a task that is no member. */
  async report(reports: readonly ReportWrite[], tx: object): Promise<readonly (GroupProgress | undefined)[]> {
    const ns = this.#namespace;
    const firsts = new Map<string, ReportWrite>();
    for (const report of inOrder(reports)) if (!firsts.has(keyOf(report))) firsts.set(keyOf(report), report);
    const written = await this.#statements.end.run({ ns, ends: [...firsts.values()].map(toRow) }, { tx });
    const counted = new Set(written.map(keyOf));
    const tallies = await this.#count([...firsts.values()].filter((report) => counted.has(keyOf(report))), tx);
    const repeated = [...firsts.values()].filter((report) => !counted.has(keyOf(report)));
    const members = repeated.length === 0 ? new Set<string>() : await this.#look(repeated, { tallies, tx });
    return reports.map((report) => {
      const key = keyOf(report);
      const tally = tallies.get(report.groupId);
      const isNew = counted.delete(key);
      if (isNew) members.add(key);
      return tally === undefined || !members.has(key) ? undefined : answer(report, { tally, isNew });
    });
  }

  async #count(reports: readonly ReportWrite[], tx: object): Promise<Map<string, Tally>> {
    const sums = new Map<string, { ended: number; failed: number }>();
    for (const { groupId, state } of reports) {
      const sum = sums.get(groupId) ?? { ended: 0, failed: 0 };
      sums.set(groupId, { ended: sum.ended + 1, failed: sum.failed + (state === "succeeded" ? 0 : 1) });
    }
    if (sums.size === 0) return new Map();
    const counts = [...sums].map(([id, sum]) => ({ id, ...sum }));
    const rows = await this.#statements.count.run({ ns: this.#namespace, counts }, { tx });
    return new Map(rows.map(({ groupId, total, completed, failed }) => {
      const sum = sums.get(groupId) ?? { ended: 0, failed: 0 };
      return [groupId, { total, ended: completed - sum.ended, failed: failed - sum.failed, reached: completed }];
    }));
  }

  /** Gives the keys of those that are members, and adds the tallies of groups that nothing was counted for. */
  async #look(
    reports: readonly ReportWrite[],
    { tallies, tx }: { readonly tallies: Map<string, Tally>; readonly tx: object },
  ): Promise<Set<string>> {
    const members = reports.map(({ groupId, taskId }) => ({ groupId, taskId }));
    const rows = await this.#statements.look.run({ ns: this.#namespace, members }, { tx });
    for (const { groupId, total, completed, failed } of rows) {
      if (!tallies.has(groupId)) tallies.set(groupId, { total, ended: completed, failed, reached: completed });
    }
    return new Set(rows.map(keyOf));
  }
}

function answer({ groupId, state }: ReportWrite, { tally, isNew }: { readonly tally: Tally; readonly isNew: boolean }): GroupProgress {
  if (isNew) {
    tally.ended += 1;
    if (state !== "succeeded") tally.failed += 1;
  }
  const { total, ended, failed, reached } = tally;
  return { groupId, total, ended, failed, completedNow: isNew && ended === reached && reached === total };
}

function keyOf({ groupId, taskId }: Pick<ReportWrite, "groupId" | "taskId">): string {
  return JSON.stringify([groupId, taskId]);
}

function toRow({ groupId, taskId, state, payload, encoder, error }: ReportWrite): ReportWrite {
  return { groupId, taskId, state, payload, encoder, error };
}

/** By group and member, so that all who report take the rows in one order; repetitions stay in theirs. */
function inOrder(reports: readonly ReportWrite[]): readonly ReportWrite[] {
  return reports.toSorted((a, b) => compare(a.groupId, b.groupId) || compare(a.taskId, b.taskId));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function reportStatements(database: SqlDatabase): ReportStatements {
  const { groups, groupMembers } = database.tables;
  return {
    end: database.statement("addGroupResults.members", ENDS, ({ db, args: { ns, ends }, dialect: { now } }) => {
      const { from, column, own } = ends;
      const { state, payload, encoder, error } = column;
      return db.update(groupMembers).set({ state, payload, encoder, error, finishedAt: now }).from(from).where(and(
        eq(groupMembers.ns, own(ns)),
        eq(groupMembers.groupId, column.groupId),
        eq(groupMembers.taskId, column.taskId),
        sql`${groupMembers.state} is null`,
      )).returning({ groupId: groupMembers.groupId, taskId: groupMembers.taskId });
    }),

    count: database.statement("addGroupResults.groups", COUNTS, ({ db, args: { ns, counts }, dialect: { now } }) => {
      const { from, column, own } = counts;
      const completed = sql`${groups.completed} + ${column.ended}`;
      const isComplete = sql`${completed} = ${groups.total}`;
      return db.update(groups).set({
        completed,
        failed: sql`${groups.failed} + ${column.failed}`,
        completedAt: sql`case when ${isComplete} then ${now} end`,
        expiresAt: sql`case when ${isComplete} then ${now} + ${groups.ttlMs} else ${groups.expiresAt} end`,
      }).from(from).where(and(eq(groups.ns, own(ns)), eq(groups.id, column.id), isKept(groups, now)))
        .returning({ groupId: groups.id, total: groups.total, completed: groups.completed, failed: groups.failed });
    }),

    look: database.statement("addGroupResults.look", MEMBERS, ({ db, args: { ns, members }, dialect: { now } }) =>
      db.select({
        groupId: groupMembers.groupId,
        taskId: groupMembers.taskId,
        total: groups.total,
        completed: groups.completed,
        failed: groups.failed,
      }).from(groupMembers)
        .innerJoin(groups, and(eq(groups.ns, groupMembers.ns), eq(groups.id, groupMembers.groupId)))
        .innerJoin(
          members.from,
          and(
            eq(groupMembers.groupId, members.column.groupId),
            eq(groupMembers.taskId, members.column.taskId),
          ),
        )
        .where(and(eq(groupMembers.ns, members.own(ns)), isKept(groups, now)))),
  };
}
