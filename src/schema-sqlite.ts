/**
 * The Drizzle tables of the SQLite stores, for queries and joins of your own. Read them; only the stores write.
 *
 * @module
 */

import { sqliteKit } from "./adapters/sql/kit.sqlite.ts";
import { defineTables } from "./adapters/sql/tables.ts";

/** The tables; their names in the file begin with `stem_`. */
export const { tasks, deadLetters, groups, groupMembers, workers, broadcasts } = defineTables(sqliteKit);
