import { desc, sql } from "drizzle-orm";
import type { Kit } from "./kit.sqlite.ts";

/**
 * Every table, described once for both dialects.
 *
 * Instants are epoch milliseconds, JSON is text that the stores write and read whole. Nobody but the stores gives meaning to a column.
 * Changing anything here needs `npm run generate`; `npm run verify` notices when that was forgotten.
 */
export function defineTables(kit: Kit) {
  const tasks = kit.table("tasks", { ...taskColumns(kit), seq: kit.seq("seq") }, (t) => [
    // The id first, because it tells rows apart at the first comparison.
    kit.key("tasks", [t.id, t.ns]),
    // In the order of claims, so that one reads the head of its queue and sorts nothing.
    kit.index("tasks_ready", [t.ns, t.queue, desc(t.priority), t.seq]).where(sql`${t.phase} = 0`),
    // What falls due next, delayed tasks and running leases alike.
    kit.index("tasks_due", [t.ns, t.dueAt]).where(sql`${t.phase} in (1, 2)`),
    kit.index("tasks_expires", [t.ns, t.expiresAt]).where(sql`${t.expiresAt} is not null`),
    // For rows by `seq`, and newest first. The condition holds for all rows, and who wants to use this index says it too: as long as Postgres
    // knows nothing of a young table it would otherwise take this one for finding rows by their id, and go through all of the namespace.
    kit.index("tasks_newest", [t.ns, t.seq]).where(sql`${t.seq} > 0`),
  ]);

  const deadLetters = kit.table("dead_letters", {
    ns: kit.str("ns").notNull(),
    id: kit.str("id").notNull(),
    queue: kit.str("queue").notNull(),
    name: kit.str("name").notNull(),
    reason: kit.str("reason").notNull(),
    error: kit.str("error"),
    envelope: kit.str("envelope").notNull(),
    attempt: kit.int("attempt").notNull(),
    deliveries: kit.int("deliveries").notNull(),
    diedAt: kit.ms("died_at").notNull(),
    expiresAt: kit.ms("expires_at").notNull(),
  }, (t) => [
    kit.key("dead_letters", [t.id, t.ns]),
    kit.index("dead_letters_died", [t.ns, t.diedAt, t.id]),
    kit.index("dead_letters_queue", [t.ns, t.queue, t.diedAt, t.id]),
    kit.index("dead_letters_expires", [t.ns, t.expiresAt]),
  ]);

  const groups = kit.table("groups", {
    ns: kit.str("ns").notNull(),
    id: kit.str("id").notNull(),
    total: kit.int("total").notNull(),
    completed: kit.int("completed").notNull().default(0),
    failed: kit.int("failed").notNull().default(0),
    meta: kit.str("meta").notNull(),
    // The envelope of the task that follows; null when none does.
    callback: kit.str("callback"),
    createdAt: kit.ms("created_at").notNull(),
    completedAt: kit.ms("completed_at"),
    // Null while members have not ended and no time was given.
    expiresAt: kit.ms("expires_at"),
    // How long it is kept from its completion.
    ttlMs: kit.ms("ttl_ms").notNull(),
    chordOwner: kit.str("chord_owner"),
    chordToken: kit.ms("chord_token").notNull().default(0),
    chordUntil: kit.ms("chord_until"),
    chordDoneAt: kit.ms("chord_done_at"),
  }, (t) => [
    kit.key("groups", [t.ns, t.id]),
    kit.index("groups_chord", [t.ns, t.completedAt, t.id])
      .where(sql`${t.callback} is not null and ${t.chordDoneAt} is null and ${t.completedAt} is not null`),
    kit.index("groups_expires", [t.ns, t.expiresAt]).where(sql`${t.expiresAt} is not null`),
  ]);

  const groupMembers = kit.table("group_members", {
    ns: kit.str("ns").notNull(),
    groupId: kit.str("group_id").notNull(),
    taskId: kit.str("task_id").notNull(),
    position: kit.int("position").notNull(),
    // Null until the member has ended; so are the columns after it.
    state: kit.str("state"),
    payload: kit.str("payload"),
    encoder: kit.str("encoder"),
    error: kit.str("error"),
    finishedAt: kit.ms("finished_at"),
  }, (t) => [kit.key("group_members", [t.ns, t.groupId, t.taskId])]);

  const workers = kit.table("workers", {
    ns: kit.str("ns").notNull(),
    id: kit.str("id").notNull(),
    data: kit.str("data").notNull(),
    seenAt: kit.ms("seen_at").notNull(),
    expiresAt: kit.ms("expires_at").notNull(),
  }, (t) => [kit.key("workers", [t.ns, t.id])]);

  const broadcasts = kit.table("broadcasts", { ...broadcastColumns(kit), seq: kit.seq("seq") }, (t) => [
    kit.key("broadcasts", [t.ns, t.channel, t.seq]),
    kit.index("broadcasts_expires", [t.ns, t.expiresAt]),
  ]);

  const pausedQueues = kit.table("paused_queues", {
    ns: kit.str("ns").notNull(),
    queue: kit.str("queue").notNull(),
    reason: kit.str("reason"),
    pausedBy: kit.str("paused_by"),
    pausedAt: kit.ms("paused_at").notNull(),
  }, (t) => [kit.key("paused_queues", [t.ns, t.queue])]);

  // The fencing token is drawn anew with each acquisition. A released row stays for a while: a token that was drawn before it and comes late meets it.
  const locks = kit.table("locks", { ...lockColumns(kit), token: kit.seq("token") }, (t) => [
    kit.key("locks", [t.ns, t.key]),
    // Makes the token part of the row's identity: on Postgres a share lock on that holds back who takes over, and not who renews.
    kit.uniqueIndex("locks_token", [t.ns, t.key, t.token]),
    kit.index("locks_expires", [t.ns, t.expiresAt]),
  ]);

  const schedules = kit.table("schedules", { ...scheduleColumns(kit), seq: kit.seq("seq") }, (t) => [
    kit.key("schedules", [t.ns, t.id]),
    kit.index("schedules_due", [t.ns, t.dueAt]).where(sql`${t.dueAt} is not null`),
  ]);

  const scheduleRuns = kit.table("schedule_runs", {
    ns: kit.str("ns").notNull(),
    scheduleId: kit.str("schedule_id").notNull(),
    slot: kit.ms("slot").notNull(),
    kind: kit.str("kind").notNull(),
    taskId: kit.str("task_id"),
    message: kit.str("message"),
    completedAt: kit.ms("completed_at").notNull(),
  }, (t) => [
    kit.key("schedule_runs", [t.ns, t.scheduleId, t.slot]),
    kit.index("schedule_runs_completed", [t.ns, t.completedAt]),
  ]);

  // The version is drawn anew with each decision.
  const revocations = kit.table("revocations", { ...revocationColumns(kit), version: kit.seq("version") }, (t) => [
    kit.key("revocations", [t.ns, t.target]),
    // Each claim asks for some hundred targets of which hardly one is there.
    ...kit.hashIndexes("revocations_target", t.target),
    kit.index("revocations_newest", [t.ns, t.version]),
    kit.index("revocations_expires", [t.ns, t.expiresAt]).where(sql`${t.expiresAt} is not null`),
  ]);

  const buckets = kit.table("buckets", {
    ns: kit.str("ns").notNull(),
    key: kit.str("key").notNull(),
    // When the bucket will be full again, in microseconds since the epoch: it holds what it would gain from then on, back to now.
    fullAtUs: kit.ms("full_at_us").notNull(),
  }, (t) => [kit.key("buckets", [t.ns, t.key]), kit.index("buckets_full", [t.ns, t.fullAtUs])]);

  const permits = kit.table("permits", { ...permitColumns(kit), token: kit.seq("token") }, (t) => [
    kit.key("permits", [t.ns, t.key, t.holder]),
    kit.index("permits_expires", [t.ns, t.expiresAt]),
  ]);

  return {
    pausedQueues,
    locks,
    schedules,
    scheduleRuns,
    revocations,
    buckets,
    permits,
    newLocks: kit.table("locks", { ...lockColumns(kit), token: kit.filledSeq("token") }),
    newSchedules: kit.table("schedules", { ...scheduleColumns(kit), seq: kit.filledSeq("seq") }),
    newPermits: kit.table("permits", { ...permitColumns(kit), token: kit.filledSeq("token") }),
    newRevocations: kit.table("revocations", { ...revocationColumns(kit), version: kit.filledSeq("version") }),
    tasks,
    deadLetters,
    groups,
    groupMembers,
    workers,
    broadcasts,
    // The same tables for inserts that leave `seq` to the database: `insert … select` names all other columns of the table it is given.
    newTasks: kit.table("tasks", { ...taskColumns(kit), seq: kit.filledSeq("seq") }),
    newBroadcasts: kit.table("broadcasts", { ...broadcastColumns(kit), seq: kit.filledSeq("seq") }),
  };
}

/** The tables of one dialect, under the types of the SQLite ones. */
export type Tables = ReturnType<typeof defineTables>;

/** One row carries a task's delivery and its status. Either part may be missing: then its `phase` or its `state` is null. */
function taskColumns(kit: Kit) {
  return {
    ns: kit.str("ns").notNull(),
    id: kit.str("id").notNull(),

    // The status: what the result backend tells.
    name: kit.str("name"),
    state: kit.str("state"),
    attempt: kit.int("attempt").notNull().default(1),
    payload: kit.str("payload"),
    error: kit.str("error"),
    meta: kit.str("meta"),
    progress: kit.str("progress"),
    worker: kit.str("worker"),
    groupId: kit.str("group_id"),
    createdAt: kit.ms("created_at").notNull(),
    updatedAt: kit.ms("updated_at").notNull(),
    startedAt: kit.ms("started_at"),
    finishedAt: kit.ms("finished_at"),
    expiresAt: kit.ms("expires_at"),

    // The delivery: what the broker hands out. The queue belongs to both parts.
    queue: kit.str("queue"),
    priority: kit.int("priority").notNull().default(0),
    // 0 ready, 1 delayed, 2 leased; null when there is nothing to deliver (any more).
    phase: kit.int("phase"),
    // Delayed: when it becomes ready. Leased: when the lease ends.
    dueAt: kit.ms("due_at"),
    // What the envelope asks for; null leaves it to the claim.
    leaseMs: kit.ms("lease_ms"),
    // The attempt that the next claim runs, which after a failed one is ahead of the status.
    deliveryAttempt: kit.int("delivery_attempt").notNull().default(1),
    token: kit.ms("token").notNull().default(0),
    deliveries: kit.int("deliveries").notNull().default(0),
    consumer: kit.str("consumer"),
    envelope: kit.str("envelope"),
  };
}

function broadcastColumns(kit: Kit) {
  return {
    ns: kit.str("ns").notNull(),
    channel: kit.str("channel").notNull(),
    payload: kit.str("payload").notNull(),
    createdAt: kit.ms("created_at").notNull(),
    expiresAt: kit.ms("expires_at").notNull(),
  };
}

function lockColumns(kit: Kit) {
  return {
    ns: kit.str("ns").notNull(),
    key: kit.str("key").notNull(),
    owner: kit.str("owner").notNull(),
    // When it ends; below zero when it was given back, at minus the instant.
    expiresAt: kit.ms("expires_at").notNull(),
  };
}

function permitColumns(kit: Kit) {
  return {
    ns: kit.str("ns").notNull(),
    key: kit.str("key").notNull(),
    holder: kit.str("holder").notNull(),
    expiresAt: kit.ms("expires_at").notNull(),
  };
}

function scheduleColumns(kit: Kit) {
  return {
    ns: kit.str("ns").notNull(),
    id: kit.str("id").notNull(),
    // What its owner wrote.
    entry: kit.str("entry").notNull(),
    version: kit.int("version").notNull(),
    createdAt: kit.ms("created_at").notNull(),
    updatedAt: kit.ms("updated_at").notNull(),
    // The next slot, also of an entry that is disabled; null when there will be none.
    nextRunAt: kit.ms("next_run_at"),
    // When it may be claimed: the next slot, or the end of the lease; null when never.
    dueAt: kit.ms("due_at"),
    lastRunAt: kit.ms("last_run_at"),
    // The latest slot that was completed, dispatched or not.
    lastSlotAt: kit.ms("last_slot_at"),
    runs: kit.int("runs").notNull().default(0),
    maxRuns: kit.int("max_runs"),
    token: kit.ms("token").notNull().default(0),
    // Null while nobody holds the slot.
    claimedBy: kit.str("claimed_by"),
  };
}

function revocationColumns(kit: Kit) {
  return {
    ns: kit.str("ns").notNull(),
    // The target as one text: kind and names.
    target: kit.str("target").notNull(),
    // Only of task names: tasks enqueued before this instant.
    before: kit.ms("before"),
    // 0 or 1.
    terminate: kit.int("terminate").notNull(),
    reason: kit.str("reason"),
    requestedBy: kit.str("requested_by"),
    revokedAt: kit.ms("revoked_at").notNull(),
    expiresAt: kit.ms("expires_at"),
  };
}
