/**
 * The Drizzle tables of the Postgres stores, for queries and joins of your own. Read them; only the stores write.
 *
 * @module
 */

import type { PgColumn, PgTableWithColumns } from "drizzle-orm/pg-core";
import type { SQLiteColumn } from "drizzle-orm/sqlite-core";
import { postgresKit } from "./adapters/sql/kit.postgres.ts";
import { defineTables } from "./adapters/sql/tables.ts";

/** All tables of a schema. */
export type StemTables = { readonly [Name in keyof Defined]: PostgresTable<Defined[Name]> };

/** Describes the tables of a schema (`"stem"` unless it was chosen otherwise). */
export function stemTables(schema = "stem"): StemTables {
  // Made by the Postgres kit, which goes under the types of the SQLite one: these are the types that they really have.
  return defineTables(postgresKit(schema)) as unknown as StemTables;
}

type Defined = ReturnType<typeof defineTables>;

/** A table as Postgres has it: described once for both dialects, in the types of the other one. */
type PostgresTable<T extends { readonly _: { readonly name: string; readonly columns: Record<string, SQLiteColumn> } }> =
  PgTableWithColumns<{
    name: T["_"]["name"];
    schema: string;
    dialect: "pg";
    columns: { [Name in keyof T["_"]["columns"]]: PostgresColumn<T["_"]["columns"][Name]> };
  }>;

type PostgresColumn<C extends SQLiteColumn> = PgColumn<{
  name: C["_"]["name"];
  tableName: C["_"]["tableName"];
  dataType: C["_"]["dataType"];
  columnType: string;
  data: C["_"]["data"];
  driverParam: unknown;
  notNull: C["_"]["notNull"];
  hasDefault: C["_"]["hasDefault"];
  isPrimaryKey: C["_"]["isPrimaryKey"];
  isAutoincrement: C["_"]["isAutoincrement"];
  hasRuntimeDefault: C["_"]["hasRuntimeDefault"];
  enumValues: C["_"]["enumValues"];
  identity: undefined;
  generated: undefined;
}>;

const tables = stemTables();

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
