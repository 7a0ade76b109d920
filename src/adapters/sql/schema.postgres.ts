// What drizzle-kit generates the Postgres migrations from: the tables under bare names.
import { postgresKit } from "./kit.postgres.ts";
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
} = defineTables(postgresKit());
