// What drizzle-kit generates the SQLite migrations from.
import { sqliteKit } from "./kit.sqlite.ts";
import { defineTables } from "./tables.ts";

export const {
  tasks,
  deadLetters,
  groups,
  groupMembers,
  workers,
  broadcasts,
  pausedQueues,
  locks,
  schedules,
  scheduleRuns,
  revocations,
  buckets,
  permits,
} = defineTables(sqliteKit);
