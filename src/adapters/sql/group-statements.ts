import type { SQL } from "drizzle-orm";
import { and, eq, sql } from "drizzle-orm";
import type { SqlDatabase } from "./database.ts";
import type { MemberRow } from "./group-row.ts";
import { memberColumns } from "./group-row.ts";
import { selectInto } from "./insert-rows.ts";
import type { Statement } from "./statement.ts";
import type { Tables } from "./tables.ts";

const ONE = { ns: "text", id: "text" } as const;
const INIT = { ns: "text", id: "text", total: "int", meta: "text", callback: "text", ttlMs: "ms", doneTtlMs: "ms" } as const;
const MEMBERS = { ns: "text", id: "text", members: { taskId: "text", at: "int" } } as const;
const SOME = { ns: "text", groups: { id: "text" } } as const;
const SWEEP = { ns: "text", limit: "int" } as const;

interface IdRow {
  readonly id: string;
}

/** Statements about groups, but for those that count. */
export interface GroupStatements {
  /** Makes a group where there is none, or takes the place of one that has expired: then `replaced` is not 0. */
  readonly init: Statement<typeof INIT, { readonly replaced: number }>;
  /** Adds the members of a group. */
  readonly addMembers: Statement<typeof MEMBERS, { readonly position: number }>;
  /** Deletes the members of groups. */
  readonly removeMembers: Statement<typeof SOME, { readonly position: number }>;
  /** Reads a group: a row for each member, in their order. */
  readonly get: Statement<typeof ONE, MemberRow>;
  /** Deletes expired groups, without their members. Those with many members go few at a time. */
  readonly sweep: Statement<typeof SWEEP, IdRow>;
}

// How many members the groups that one sweep deletes have at most, unless a single one has more.
const SWEPT_MEMBERS = sql.raw("20000");

/** Makes the statements of a database. */
export function groupStatements(database: SqlDatabase): GroupStatements {
  const { groups, groupMembers } = database.tables;
  return {
    init: database.statement("initGroup", INIT, ({ db, args, dialect: { now } }) => {
      const values = {
        total: args.total,
        meta: args.meta,
        callback: args.callback,
        createdAt: now,
        expiresAt: sql`${now} + ${args.ttlMs}`,
        ttlMs: args.doneTtlMs,
      };
      const afresh = { completed: 0, failed: 0, completedAt: null, chordOwner: null, chordUntil: null, chordDoneAt: null };
      return db.insert(groups).values({ ns: args.ns, id: args.id, ...values }).onConflictDoUpdate({
        target: [groups.ns, groups.id],
        // The token goes on rising, so that nobody who holds a chord of the earlier group can end one of this.
        set: { ...values, ...afresh, chordToken: sql`${groups.chordToken} + 1` },
        setWhere: sql`${groups.expiresAt} <= ${now}`,
      }).returning({ replaced: groups.chordToken });
    }),

    addMembers: database.statement(
      "initGroup.members",
      MEMBERS,
      ({ db, args: { ns, id, members } }) =>
        db.insert(groupMembers).select(selectInto(groupMembers, {
          ns,
          groupId: id,
          taskId: members.column.taskId,
          position: members.column.at,
        }, { from: members.from, orderBy: members.position })).returning({ position: groupMembers.position }),
    ),

    removeMembers: database.statement("sweep.members", SOME, ({ db, args, dialect }) =>
      db.delete(groupMembers).where(and(
        eq(groupMembers.ns, args.ns),
        dialect.anyOf(groupMembers.groupId, sql`(select ${args.groups.column.id} from ${args.groups.from})`),
      )).returning({ position: groupMembers.position })),

    get: database.statement("getGroup", ONE, ({ db, args, dialect }) =>
      db.select(memberColumns({ groups, groupMembers })).from(groups)
        .innerJoin(groupMembers, and(eq(groupMembers.ns, groups.ns), eq(groupMembers.groupId, groups.id)))
        .where(and(eq(groups.ns, args.ns), eq(groups.id, args.id), isKept(groups, dialect.now)))
        .orderBy(groupMembers.position), { idempotent: true }),

    sweep: database.statement("sweep.groups", SWEEP, ({ db, args, dialect: { anyOf, now } }) => {
      const first = sql`select ${groups.id} as id, ${groups.total} as total, ${groups.expiresAt} as expires_at from ${groups}
        where ${groups.ns} = ${args.ns} and ${groups.expiresAt} <= ${now} order by ${groups.expiresAt}, ${groups.id} limit ${args.limit}`;
      const counted = sql`select id, total, sum(total) over (order by expires_at, id) as members from (${first}) as first`;
      const few = sql`(select id from (${counted}) as counted where members <= ${SWEPT_MEMBERS} or members = total)`;
      return db.delete(groups).where(and(eq(groups.ns, args.ns), anyOf(groups.id, few), sql`${groups.expiresAt} <= ${now}`))
        .returning({ id: groups.id });
    }),
  };
}

/** Whether a group is still there at `now`: one that has expired is as good as none. Never null. */
export function isKept(groups: Tables["groups"], now: SQL): SQL<boolean> {
  return sql<boolean>`(${groups.expiresAt} is null or ${groups.expiresAt} > ${now})`;
}
