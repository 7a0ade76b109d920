import { sql } from "drizzle-orm";
import type { SQL, SQLWrapper } from "drizzle-orm";
import { FINAL_RANK, STATE_RANK, TERMINAL_RANK } from "../../model/task-state.ts";
import type { Tables } from "./tables.ts";

/** A state and an attempt as SQL: columns of a row, of `excluded`, or of a batch. */
export interface OrderColumns {
  /** The state's name. */
  readonly state: SQLWrapper;
  /** The attempt, counted from 1. */
  readonly attempt: SQLWrapper;
}

// The names and numbers are our own constants, so they stand in the text: a prepared plan then knows them.
const RANKS = sql.raw(Object.entries(STATE_RANK).map(([state, rank]) => `when '${state}' then ${rank}`).join(" "));

/** The rank of a state within its attempt; null for null. */
export function rankOf(state: SQLWrapper): SQL<number> {
  return sql<number>`case ${state} ${RANKS} end`;
}

/** Whether a state is one in which a task has ended. */
export function hasEnded(state: SQLWrapper): SQL<boolean> {
  return sql<boolean>`(${rankOf(state)} >= ${sql.raw(String(TERMINAL_RANK))})`;
}

/**
 * The order of truth, `supersedes` of the model, as SQL: whether `next` may replace `current`, which is there.
 *
 * Both must be known: an absent `current` (see {@link isKnown}) yields to anything, and is to be asked for before.
 */
export function supersedesSql(next: OrderColumns, current: OrderColumns): SQL<boolean> {
  const rank = rankOf(current.state);
  return sql<boolean>`(${rank} < ${sql.raw(String(FINAL_RANK))} and (${next.attempt} > ${current.attempt}
    or (${next.attempt} = ${current.attempt} and ${rank} < ${sql.raw(String(TERMINAL_RANK))}
      and (${rankOf(next.state)} > ${rank} or (${next.state} = 'running' and ${current.state} = 'running')))))`;
}

/** Whether a row carries a status at the time `now`: one that has expired is as good as none. Never null. */
export function isKnown(tasks: Tables["tasks"], now: SQLWrapper): SQL<boolean> {
  return sql<boolean>`(${tasks.state} is not null and (${tasks.expiresAt} is null or ${tasks.expiresAt} > ${now}))`;
}

/** Whether a row takes on the status `next` at the time `now`: it has none, or an earlier one. */
export function accepts(tasks: Tables["tasks"], next: OrderColumns, now: SQLWrapper): SQL<boolean> {
  return sql<boolean>`(not ${isKnown(tasks, now)} or ${supersedesSql(next, tasks)})`;
}
