import { sql } from "drizzle-orm";
import type { Envelope } from "../../model/envelope.ts";
import type { Group, GroupResult } from "../../model/group.ts";
import type { TaskFailure } from "../../model/task-failure.ts";
import { isTaskState, isTerminal } from "../../model/task-state.ts";
import { fromText } from "../../model/json-text.ts";
import { readOptional } from "../stored-json.ts";
import type { Tables } from "./tables.ts";

/** A member with its group. Only the row of the first member carries the group's texts. */
export interface MemberRow {
  readonly id: string;
  readonly total: number;
  readonly completed: number;
  readonly failed: number;
  readonly createdAt: number;
  readonly completedAt: number | null;
  readonly dispatchedAt: number | null;
  readonly expiresAt: number | null;
  readonly meta: string | null;
  readonly callback: string | null;
  readonly taskId: string;
  readonly state: string | null;
  readonly payload: string | null;
  readonly encoder: string | null;
  readonly error: string | null;
}

/** What to select for a {@link MemberRow}. */
export function memberColumns({ groups, groupMembers }: Pick<Tables, "groups" | "groupMembers">) {
  return {
    id: groups.id,
    total: groups.total,
    completed: groups.completed,
    failed: groups.failed,
    createdAt: groups.createdAt,
    completedAt: groups.completedAt,
    dispatchedAt: groups.chordDoneAt,
    expiresAt: groups.expiresAt,
    meta: sql<string | null>`case when ${groupMembers.position} = 0 then ${groups.meta} end`,
    callback: sql<string | null>`case when ${groupMembers.position} = 0 then ${groups.callback} end`,
    taskId: groupMembers.taskId,
    state: groupMembers.state,
    payload: groupMembers.payload,
    encoder: groupMembers.encoder,
    error: groupMembers.error,
  };
}

/** Puts a group together from the rows of its members, in their order; `undefined` without rows. */
export function toGroup(rows: readonly MemberRow[]): Group | undefined {
  const [first] = rows;
  if (first === undefined) return undefined;
  const callback = readOptional<Envelope>(first.callback);
  return {
    id: first.id,
    total: first.total,
    ended: first.completed,
    failed: first.failed,
    meta: readOptional<Readonly<Record<string, unknown>>>(first.meta) ?? {},
    ...(callback === undefined ? {} : { callback }),
    createdAt: first.createdAt,
    ...(first.completedAt === null ? {} : { completedAt: first.completedAt }),
    ...(first.dispatchedAt === null ? {} : { dispatchedAt: first.dispatchedAt }),
    ...(first.expiresAt === null ? {} : { expiresAt: first.expiresAt }),
    results: rows.map(toGroupResult),
  };
}

function toGroupResult({ taskId, state, payload, encoder, error: errorText }: MemberRow): GroupResult | undefined {
  if (!isTaskState(state) || !isTerminal(state)) return undefined;
  const error = readOptional<TaskFailure>(errorText);
  return {
    taskId,
    state,
    ...(payload === null ? {} : { payload: fromText(payload) }),
    ...(encoder === null ? {} : { encoder }),
    ...(error === undefined ? {} : { error }),
  };
}
