import { sql } from "drizzle-orm";
import type { SQL, SQLWrapper } from "drizzle-orm";
import { hasEnded, isKnown } from "./order-of-truth.ts";
import type { StatusRow } from "./status-row.ts";
import type { Tables } from "./tables.ts";

/** A status that a row takes on, as SQL. Null means that nothing was said, except for the first two. */
export interface NextStatus {
  readonly state: SQLWrapper;
  /** Never null: whoever says nothing about it means the one on record, or 1. */
  readonly attempt: SQLWrapper;
  readonly payload: SQLWrapper;
  readonly error: SQLWrapper;
  readonly meta: SQLWrapper;
  readonly progress: SQLWrapper;
  readonly name: SQLWrapper;
  readonly queue: SQLWrapper;
  readonly worker: SQLWrapper;
  readonly groupId: SQLWrapper;
  /** When it expires; null for never. */
  readonly expiresAt: SQLWrapper;
}

/**
 * Values for an update of a row that takes on a status, as `StatusWrite` says: what is not given stays, but the error, and what an earlier
 * attempt reported. Whether the row may take it on is for the caller to ask, see `accepts`.
 *
 * A row without a status, or with an expired one, keeps nothing. Its delivery stays as it is, and with it the queue.
 */
export function mergedStatus(tasks: Tables["tasks"], next: NextStatus, now: SQLWrapper): Record<Exclude<keyof StatusRow, "id">, SQL> {
  const known = isKnown(tasks, now);
  const sameAttempt = sql`(${known} and ${tasks.attempt} = ${next.attempt})`;
  const kept = (given: SQLWrapper, stored: SQLWrapper): SQL => sql`coalesce(${given}, case when ${known} then ${stored} end)`;
  const keptInAttempt = (given: SQLWrapper, stored: SQLWrapper): SQL =>
    sql`coalesce(${given}, case when ${sameAttempt} then ${stored} end)`;
  return {
    state: sql`${next.state}`,
    attempt: sql`${next.attempt}`,
    payload: keptInAttempt(next.payload, tasks.payload),
    error: sql`${next.error}`,
    meta: kept(next.meta, tasks.meta),
    progress: keptInAttempt(next.progress, tasks.progress),
    name: kept(next.name, tasks.name),
    queue: sql`case when ${tasks.phase} is null then ${kept(next.queue, tasks.queue)} else ${tasks.queue} end`,
    worker: kept(next.worker, tasks.worker),
    groupId: kept(next.groupId, tasks.groupId),
    createdAt: sql`case when ${known} then ${tasks.createdAt} else ${now} end`,
    updatedAt: sql`${now}`,
    startedAt: sql`case when ${next.state} = 'running' and not (${sameAttempt} and ${tasks.state} = 'running') then ${now}
      when ${known} then ${tasks.startedAt} end`,
    finishedAt: sql`case when ${hasEnded(next.state)} then ${now} end`,
    expiresAt: sql`${next.expiresAt}`,
  };
}
