import type { Envelope } from "../../model/envelope.ts";
import type { ChordClaim, Group, GroupProgress, GroupResult } from "../../model/group.ts";
import { fromText } from "../../model/json-text.ts";
import type { TaskFailure } from "../../model/task-failure.ts";
import { isTaskState, isTerminal } from "../../model/task-state.ts";
import type { GroupWrite, ReportWrite } from "../result-requests.ts";
import { readStored } from "../stored-json.ts";
import type { RedisDatabase } from "./database.ts";
import { GROUPS } from "./lua/groups.ts";
import { REPORTS } from "./lua/reports.ts";
import { listOf, numberOf, optionalTextOf, textOf, textsOf } from "./reply.ts";
import { script } from "./script.ts";

/** Groups, the ends of their members, and their callbacks; see `lua/groups.ts`. */
export class RedisGroups {
  readonly #database: RedisDatabase;
  readonly #namespace: string;

  /** Makes the access; nothing is sent. */
  constructor(database: RedisDatabase, namespace: string) {
    this.#database = database;
    this.#namespace = namespace;
  }

  /** Stores a group; false when there is one of that id. */
  async insert({ id, taskIds, meta, callback, doneTtlMs, ttlMs }: GroupWrite): Promise<boolean> {
    return numberOf(await this.#run(INSERT, [id, meta, callback ?? "", doneTtlMs, ttlMs ?? "", ...taskIds])) === 1;
  }

  /** Counts ends of members, in order; `undefined` for an unknown group or member. */
  async report(reports: readonly ReportWrite[]): Promise<readonly (GroupProgress | undefined)[]> {
    return readProgress(reports, await this.#run(REPORT, reports.flatMap(reportArguments)));
  }

  /** Reads a group. */
  async get(id: string): Promise<Group | undefined> {
    const reply = listOf(await this.#run(GET, [id]));
    return reply.length === 0 ? undefined : toGroup(id, reply);
  }

  /** Claims a completed group's callback; `undefined` when there is nothing to claim, or another holds it. */
  async claim(groupId: string, owner: string, leaseMs: number): Promise<ChordClaim | undefined> {
    const [token, until, ...group] = listOf(await this.#run(CLAIM, [groupId, leaseMs]));
    if (token === undefined) return undefined;
    return { group: toGroup(groupId, group), owner, token: numberOf(token), leaseExpiresAt: numberOf(until) };
  }

  /** Records that a callback was dispatched; false when another claim came after this one. */
  async complete(groupId: string, token: number): Promise<boolean> {
    return numberOf(await this.#run(COMPLETE, [groupId, token])) === 1;
  }

  /** Names completed groups whose callback nobody holds and nobody dispatched, the longest waiting first. */
  async due(limit: number): Promise<readonly string[]> {
    return textsOf(await this.#run(DUE, [limit]));
  }

  /** Deletes what is left of expired groups, at most so many. */
  async sweep(limit: number): Promise<number> {
    return numberOf(await this.#run(SWEEP, [limit]));
  }

  #run(what: ReturnType<typeof script>, args: readonly (string | number)[]): Promise<unknown> {
    return this.#database.run(what, this.#namespace, args);
  }
}

/** What `reportGroup` takes, in order. */
export function reportArguments({ groupId, taskId, state, payload = "", encoder = "", error = "" }: ReportWrite): readonly string[] {
  return [groupId, taskId, state, payload, encoder, error];
}

/** Reads what `reportGroup` answered to each of some reports, in a flat list of four each. */
export function readProgress(reports: readonly ReportWrite[], reply: unknown): readonly (GroupProgress | undefined)[] {
  const values = listOf(reply);
  return reports.map(({ groupId }, at) => {
    const [total, ended, failed, completedNow] = values.slice(at * 4, at * 4 + 4).map(numberOf);
    if (total === undefined || total < 0) return undefined;
    return { groupId, total, ended: ended ?? 0, failed: failed ?? 0, completedNow: completedNow === 1 };
  });
}

function toGroup(id: string, reply: readonly unknown[]): Group {
  const [total, ended, failed, meta, callback, createdAt, completedAt, dispatchedAt, expiresAt, ...members] = reply.map(optionalTextOf);
  const results: (GroupResult | undefined)[] = [];
  for (let at = 0; at < members.length; at += 2) results.push(toResult(members[at] ?? "", members[at + 1] ?? ""));
  return {
    id,
    total: numberOf(total),
    ended: numberOf(ended),
    failed: numberOf(failed),
    meta: readStored<Readonly<Record<string, unknown>>>(textOf(meta)),
    ...(callback === undefined ? {} : { callback: readStored<Envelope>(callback) }),
    createdAt: numberOf(createdAt),
    ...(completedAt === undefined ? {} : { completedAt: Number(completedAt) }),
    ...(dispatchedAt === undefined ? {} : { dispatchedAt: Number(dispatchedAt) }),
    ...(expiresAt === undefined ? {} : { expiresAt: Number(expiresAt) }),
    results,
  };
}

function toResult(taskId: string, value: string): GroupResult | undefined {
  const [state, payload = "", encoder = "", error = ""] = value.split("\0");
  if (!isTaskState(state) || !isTerminal(state)) return undefined;
  return {
    taskId,
    state,
    ...(payload === "" ? {} : { payload: fromText(payload) }),
    ...(encoder === "" ? {} : { encoder }),
    ...(error === "" ? {} : { error: readStored<TaskFailure>(error) }),
  };
}

const INSERT = script("initGroup", [
  GROUPS,
  `
local id, ttlMs = ARGV[1], ARGV[5]
local group, members = ns .. 'g:' .. id, ns .. 'gm:' .. id
if groupOf(id) then return 0 end
requireGroupIndexes()
call('HLEN', members)
-- A deletion would be let through on a full server, and all that follows it.
if call('EXISTS', group, members) > 0 then call('DEL', group, members) end
local ids, fields = {}, {}
for at = 6, #ARGV do
  ids[at - 5] = ARGV[at]
  fields[#fields + 1], fields[#fields + 2] = ARGV[at], ''
end
ids[#ids + 1] = ''
call('HSET', group, 'total', #ARGV - 5, 'ended', 0, 'failed', 0, 'meta', ARGV[2], 'doneTtlMs', ARGV[4], 'createdAt', text(now()),
  'members', concat(ids, '\\0'))
if ARGV[3] ~= '' then call('HSET', group, 'callback', ARGV[3]) end
each('HSET', members, fields)
call('ZREM', ns .. 'gc', id)
call('ZREM', ns .. 'gx', id)
if ttlMs ~= '' then keepGroup(id, now() + ttlMs) end
return 1
`,
]);

const REPORT = script("addGroupResults", [
  GROUPS,
  REPORTS,
  `
local reply = {}
for at = 1, #ARGV, 6 do
  report(unpack(ARGV, at, at + 5))
  local from = #reply
  reply[from + 1], reply[from + 2], reply[from + 3], reply[from + 4] = -1, 0, 0, 0
end
flushReports(function(number, ...) reply[number * 4 - 3], reply[number * 4 - 2], reply[number * 4 - 1], reply[number * 4] = ... end)
return reply
`,
]);

const READ_GROUP = `
local function readGroup(id)
  local found = call('HMGET', ns .. 'g:' .. id, 'total', 'ended', 'failed', 'meta', 'callback', 'createdAt', 'completedAt', 'dispatchedAt',
    'expiresAt', 'members')
  local ids = split(found[10])
  local count = #ids - 1
  found[10] = nil
  -- Behind the last one stands an empty text.
  ids[count + 1] = nil
  local ends = readEach(ids, function(...) return call('HMGET', ns .. 'gm:' .. id, ...) end)
  for at = 1, count do found[8 + at * 2], found[9 + at * 2] = ids[at], ends[at] or '' end
  return found
end
`;

const GET = script("getGroup", [GROUPS, READ_GROUP, `return groupOf(ARGV[1]) and readGroup(ARGV[1]) or {}`], { idempotent: true });

const CLAIM = script("claimChord", [
  GROUPS,
  READ_GROUP,
  `
local id = ARGV[1]
local group = groupOf(id, 'callback', 'completedAt', 'dispatchedAt', 'until')
if not group or not group[3] or not group[4] or group[5] or (group[6] and tonumber(group[6]) > now()) then return {} end
local token, untilAt = text(draw(1)), text(now() + ARGV[2])
call('HSET', ns .. 'g:' .. id, 'token', token, 'until', untilAt)
local reply = { token, untilAt }
for at, value in ipairs(readGroup(id)) do reply[at + 2] = value end
return reply
`,
], { evenWhenFull: true });

const COMPLETE = script("completeChord", [
  GROUPS,
  `
local group = groupOf(ARGV[1], 'dispatchedAt', 'token')
if not group or group[3] or group[4] ~= ARGV[2] then return 0 end
call('HSET', ns .. 'g:' .. ARGV[1], 'dispatchedAt', text(now()))
call('ZREM', ns .. 'gc', ARGV[1])
return 1
`,
], { evenWhenFull: true });

const DUE = script("dueChords", [
  GROUPS,
  `
local due, limit = {}, tonumber(ARGV[1])
for from = 0, call('ZCARD', ns .. 'gc') - 1, 1000 do
  for _, id in ipairs(call('ZRANGE', ns .. 'gc', from, from + 999)) do
    local group = groupOf(id, 'until')
    if group and (not group[3] or tonumber(group[3]) <= now()) then due[#due + 1] = id end
    if #due == limit then return due end
  end
end
return due
`,
], { idempotent: true });

const SWEEP = script("sweep.groups", [
  GROUPS,
  `
local ids, gone = call('ZRANGE', ns .. 'gx', '-inf', now(), 'BYSCORE', 'LIMIT', 0, ARGV[1]), 0
for _, id in ipairs(ids) do
  if not groupOf(id) then
    call('DEL', ns .. 'g:' .. id, ns .. 'gm:' .. id)
    call('ZREM', ns .. 'gc', id)
    gone = gone + 1
  end
  call('ZREM', ns .. 'gx', id)
end
return gone
`,
], { idempotent: true });
