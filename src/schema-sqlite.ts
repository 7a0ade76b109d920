/**
 * The Drizzle tables of the SQLite stores, for queries and joins of your own. Read them; only the stores write.
 *
 * @module
 */

import { sqliteKit } from "./adapters/sql/kit.sqlite.ts";
import { defineTables } from "./adapters/sql/tables.ts";

/** All tables of a file. */
export type StemTables = ReturnType<typeof defineTables>;

// Their names in the file begin with `stem_`.
const tables = defineTables(sqliteKit);

/** One row for each task: where it stands in its queue, and what became of it. */
export const tasks: StemTables["tasks"] = tables.tasks;
/** Tasks that were given up, with the reason. */
export const deadLetters: StemTables["deadLetters"] = tables.deadLetters;
/** Groups of tasks, with the state of their chord. */
export const groups: StemTables["groups"] = tables.groups;
/** What became of each task of a group. */
export const groupMembers: StemTables["groupMembers"] = tables.groupMembers;
/** Workers that live, by their last heartbeat. */
export const workers: StemTables["workers"] = tables.workers;
/** Messages to every consumer, for as long as they are of use. */
export const broadcasts: StemTables["broadcasts"] = tables.broadcasts;
/** Queues that hand out nothing. */
export const pausedQueues: StemTables["pausedQueues"] = tables.pausedQueues;
/** Who holds which lock, until when. */
export const locks: StemTables["locks"] = tables.locks;
/** One row for each schedule: what it enqueues, and when next. */
export const schedules: StemTables["schedules"] = tables.schedules;
/** What became of the latest slots of each schedule. */
export const scheduleRuns: StemTables["scheduleRuns"] = tables.scheduleRuns;
/** Decisions that tasks shall not run. */
export const revocations: StemTables["revocations"] = tables.revocations;
/** How full the buckets of rate limits are. */
export const buckets: StemTables["buckets"] = tables.buckets;
/** Who is at work where only so many may be. */
export const permits: StemTables["permits"] = tables.permits;
