import type { Envelope } from "../../model/envelope.ts";
import type { ChordClaim, Group, GroupProgress, GroupResult } from "../../model/group.ts";
import type { TaskFailure } from "../../model/task-failure.ts";
import { fromText } from "../../model/json-text.ts";
import type { GroupWrite, ReportWrite } from "../result-requests.ts";
import { readOptional, readStored } from "../stored-json.ts";
import type { MemorySpace, StoredGroup, StoredMember } from "./database.ts";

/** Makes a group; false when there is one of that id. */
export function init(space: MemorySpace, group: GroupWrite, now: number): boolean {
  const { id, taskIds, meta, callback, doneTtlMs, ttlMs } = group;
  if (space.groups.get(id, now) !== undefined) return false;
  keep(space, {
    ...{ id, meta, callback, doneTtlMs, createdAt: now, ended: 0, failed: 0 },
    members: new Map(taskIds.map((taskId) => [taskId, undefined])),
    completedAt: undefined,
    expiresAt: ttlMs === undefined ? undefined : now + ttlMs,
    chord: undefined,
    dispatchedAt: undefined,
  }, now);
  return true;
}

/** Counts a member's end; `undefined` for an unknown group or member. */
export function report(space: MemorySpace, write: ReportWrite, now: number): GroupProgress | undefined {
  const group = space.groups.get(write.groupId, now);
  if (group === undefined || !group.members.has(write.taskId)) return undefined;
  const { state, payload, encoder, error } = write;
  const isNew = group.members.get(write.taskId) === undefined;
  if (isNew) {
    group.members.set(write.taskId, { state, payload, encoder, error });
    group.ended += 1;
    if (state !== "succeeded") group.failed += 1;
  }
  const total = group.members.size;
  const completedNow = isNew && group.ended === total;
  if (completedNow) {
    group.completedAt = now;
    group.expiresAt = now + group.doneTtlMs;
    keep(space, group, now);
  }
  return { groupId: group.id, total, ended: group.ended, failed: group.failed, completedNow };
}

/** Claims a completed group's callback; `undefined` when there is nothing to claim, or another holds it. */
export function claimChord(
  space: MemorySpace,
  groupId: string,
  claim: { readonly owner: string; readonly leaseMs: number; readonly now: number },
): ChordClaim | undefined {
  const { owner, leaseMs, now } = claim;
  const group = space.groups.get(groupId, now);
  if (group === undefined || !isDue(group, now)) return undefined;
  group.chord = { token: space.next(), until: now + leaseMs };
  return { group: toGroup(group), owner, token: group.chord.token, leaseExpiresAt: group.chord.until };
}

/** Records that a callback was dispatched; false when another claim came after this one. */
export function completeChord(
  space: MemorySpace,
  groupId: string,
  { token, now }: { readonly token: number; readonly now: number },
): boolean {
  const group = space.groups.get(groupId, now);
  if (group === undefined || group.dispatchedAt !== undefined || group.chord?.token !== token) return false;
  group.dispatchedAt = now;
  return true;
}

/** Names completed groups whose callback nobody holds and nobody dispatched, the longest waiting first. */
export function dueChords(space: MemorySpace, limit: number, now: number): readonly string[] {
  return space.groups.values(now)
    .filter((group) => isDue(group, now))
    .sort((a, b) => (a.completedAt ?? 0) - (b.completedAt ?? 0) || (a.id < b.id ? -1 : 1))
    .slice(0, limit)
    .map(({ id }) => id);
}

/** Gives a group as readers get it. */
export function toGroup(stored: StoredGroup): Group {
  const { id, members, ended, failed, createdAt, completedAt, dispatchedAt, expiresAt } = stored;
  const callback = readOptional<Envelope>(stored.callback);
  return {
    id,
    total: members.size,
    ended,
    failed,
    meta: readStored<Readonly<Record<string, unknown>>>(stored.meta),
    ...(callback === undefined ? {} : { callback }),
    createdAt,
    ...(completedAt === undefined ? {} : { completedAt }),
    ...(dispatchedAt === undefined ? {} : { dispatchedAt }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    results: Array.from(members, ([taskId, member]) => member === undefined ? undefined : toResult(taskId, member)),
  };
}

function toResult(taskId: string, { state, payload, encoder, error }: StoredMember): GroupResult {
  const failure = readOptional<TaskFailure>(error);
  return {
    taskId,
    state,
    ...(payload === undefined ? {} : { payload: fromText(payload) }),
    ...(encoder === undefined ? {} : { encoder }),
    ...(failure === undefined ? {} : { error: failure }),
  };
}

function isDue({ callback, completedAt, dispatchedAt, chord }: StoredGroup, now: number): boolean {
  return callback !== undefined && completedAt !== undefined && dispatchedAt === undefined && (chord === undefined || chord.until <= now);
}

function keep(space: MemorySpace, group: StoredGroup, now: number): void {
  space.groups.set(group.id, group, { now, expiresAt: group.expiresAt });
}
