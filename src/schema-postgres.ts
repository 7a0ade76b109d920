/**
 * The Drizzle tables of the Postgres stores, for queries and joins of your own. Read them; only the stores write.
 *
 * @module
 */

import { postgresKit } from "./adapters/sql/kit.postgres.ts";
import { defineTables } from "./adapters/sql/tables.ts";

/** Describes the tables of a schema (`"stem"` unless it was chosen otherwise). */
export function stemTables(schema = "stem"): ReturnType<typeof defineTables> {
  return defineTables(postgresKit(schema));
}

/** The tables of the schema `"stem"`. */
export const { tasks, deadLetters, groups, groupMembers, workers, broadcasts } = stemTables();
