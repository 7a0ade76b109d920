import { ENVELOPES } from "./lua/envelopes.ts";
import { STATUSES } from "./lua/statuses.ts";
import { TASKS } from "./lua/tasks.ts";
import { script } from "./script.ts";

/**
 * What the scripts of schedules share.
 *
 * - `c:<id>`: a schedule, in texts parted by NUL: version, createdAt, updatedAt, nextRunAt, lastRunAt, lastSlotAt, runs, enabled, maxRuns, of the latest
 *   claim of its slot the token, the slot and the end of the lease, and what its owner wrote.
 * - `ci`: all of them, by id. `cd`: those whose slot nobody holds, by slot; `cl`: those whose slot is held, by the end of the lease.
 * - `ch:<id>`: what became of its slots, by slot. `ca`: all of that, by when it came about: id NUL slot.
 *
 * - `loadSchedules(ids)`: reads them in one go, into `schedules`: of each id its fields, which stay what a script makes of them.
 * - `heldBy(id, token, slot)`: the fields of a loaded schedule whose slot is held so; `nil` when the claim is stale.
 */
const SCHEDULES = `
local function keySchedule(id) return ns .. 'c:' .. id end
local function requireSets()
  -- Whatever has a wrong type fails before anything is written.
  for _, name in ipairs({ 'ci', 'cd', 'cl', 'ca' }) do call('ZCARD', ns .. name) end
end
local schedules = {}
local function loadSchedules(ids)
  local keys = {}
  for at = 1, #ids do keys[at] = keySchedule(ids[at]) end
  -- What is no schedule at all counts as none, instead of failing in the middle.
  local values = readEach(keys, function(...) return call('MGET', ...) end)
  for at = 1, #ids do schedules[ids[at]] = values[at] and split(values[at]) end
end
local function loadClaimed()
  local ids = {}
  for at = 1, #ARGV, 3 do ids[#ids + 1] = ARGV[at] end
  loadSchedules(ids)
end
local function heldBy(id, token, slot)
  local fields = schedules[id]
  if fields and token ~= '' and fields[10] == token and fields[11] == slot then return fields end
end
local function letGo(fields) fields[10], fields[11], fields[12] = '', '', '' end
local function plan(id, fields)
  call('ZREM', ns .. 'cl', id)
  if fields[8] ~= '' and fields[4] ~= '' then call('ZADD', ns .. 'cd', fields[4], id) else call('ZREM', ns .. 'cd', id) end
end
local function tellSchedules() tell('c') end
`;

/** Reads a schedule, and the time. */
export const READ_SCHEDULE = script("get", [SCHEDULES, `return { text(now()), call('GET', keySchedule(ARGV[1])) }`], { idempotent: true });

/** Writes a schedule when what is stored is still what was read: id, that, the new text, when it may be claimed. Answers whether it was. */
export const WRITE_SCHEDULE = script("upsert", [
  SCHEDULES,
  `
local id = ARGV[1]
if (call('GET', keySchedule(id)) or '') ~= ARGV[2] then return 0 end
requireSets()
call('SET', keySchedule(id), ARGV[3])
call('ZADD', ns .. 'ci', 0, id)
call('ZREM', ns .. 'cl', id)
if ARGV[4] == '' then call('ZREM', ns .. 'cd', id) else call('ZADD', ns .. 'cd', ARGV[4], id) end
tellSchedules()
return 1
`,
]);

/** Lists schedules whose id comes after one: that, and how many. */
export const LIST_SCHEDULES = script("list", [
  SCHEDULES,
  `
local ids, values = call('ZRANGE', ns .. 'ci', '(' .. ARGV[1], '+', 'BYLEX', 'LIMIT', 0, ARGV[2]), {}
for at = 1, #ids do values[#values + 1] = call('GET', keySchedule(ids[at])) or nil end
return values
`,
], { idempotent: true });

/** Forgets a schedule and its history. */
export const REMOVE_SCHEDULE = script("remove", [
  SCHEDULES,
  `
local id, history = ARGV[1], ns .. 'ch:' .. ARGV[1]
requireSets()
local slots, old = call('ZRANGE', history, 0, -1, 'WITHSCORES'), {}
for at = 2, #slots, 2 do old[at / 2] = id .. '\\0' .. text(tonumber(slots[at])) end
local removed = call('DEL', keySchedule(id))
call('DEL', history)
if #old > 0 then each('ZREM', ns .. 'ca', old) end
for _, name in ipairs({ 'ci', 'cd', 'cl' }) do call('ZREM', ns .. name, id) end
if removed == 1 then tellSchedules() end
return removed
`,
]);

/** Claims due slots: how many, and for how long. Answers the time, then of each its id, token and stored text. */
export const CLAIM_DUE = script("claimDue", [
  SCHEDULES,
  `
local limit = tonumber(ARGV[1])
requireSets()
-- Whose lease has ended is claimable again, at its slot and in its turn.
local ended = call('ZRANGE', ns .. 'cl', '-inf', now(), 'BYSCORE', 'LIMIT', 0, 1000)
loadSchedules(ended)
for _, id in ipairs(ended) do
  if schedules[id] then plan(id, schedules[id]) else call('ZREM', ns .. 'cl', id) end
end
local ids, reply, taken, held = call('ZRANGE', ns .. 'cd', '-inf', now(), 'BYSCORE', 'LIMIT', 0, limit), { text(now()) }, {}, {}
if #ids == 0 then return reply end
local token, untilAt = draw(#ids), text(now() + ARGV[2])
loadSchedules(ids)
for _, id in ipairs(ids) do
  local fields = schedules[id]
  taken[#taken + 1] = id
  if fields then
    fields[10], fields[11], fields[12] = text(token), fields[4], untilAt
    token = token + 1
    local changed = pack(fields)
    call('SET', keySchedule(id), changed)
    held[#held + 1], held[#held + 2] = untilAt, id
    reply[#reply + 1], reply[#reply + 2], reply[#reply + 3] = id, fields[10], changed
  end
end
each('ZREM', ns .. 'cd', taken)
if #held > 0 then each('ZADD', ns .. 'cl', held) end
return reply
`,
], { evenWhenFull: true });

/** Gives slots back: of each claim id, token and slot. Answers for each whether it was current. */
export const RELEASE_SLOTS = script("release", [
  SCHEDULES,
  `
local reply, count = {}, 0
requireSets()
loadClaimed()
for at = 1, #ARGV, 3 do
  local fields = heldBy(ARGV[at], ARGV[at + 1], ARGV[at + 2])
  reply[#reply + 1] = fields and 1 or 0
  if fields then
    letGo(fields)
    call('SET', keySchedule(ARGV[at]), pack(fields))
    plan(ARGV[at], fields)
    count = count + 1
  end
end
if count > 0 then tellSchedules() end
return reply
`,
], { evenWhenFull: true });

/** Tells of claims whether they are current: of each id, token and slot. */
export const CURRENT_SLOTS = script("completeSlots.check", [
  SCHEDULES,
  `
local reply = {}
loadClaimed()
for at = 1, #ARGV, 3 do reply[#reply + 1] = heldBy(ARGV[at], ARGV[at + 1], ARGV[at + 2]) and 1 or 0 end
return reply
`,
], { idempotent: true });

/** How many arguments {@link COMPLETE_SLOTS} takes for each slot, its tasks not counted. */
export const COMPLETE_ARGUMENTS = 8;

/**
 * Completes slots and enqueues what those enqueue that are current: how many slots of the past are kept, then of each id, token, slot, kind,
 * next slot, task, message, how many tasks, and of each task the five arguments of `enqueueTask`. Answers for each whether it was current.
 */
export const COMPLETE_SLOTS = script("completeSlots", [
  ENVELOPES,
  STATUSES,
  TASKS,
  SCHEDULES,
  `
local WIDTH = ${COMPLETE_ARGUMENTS}
local kept, reply, items, ids, claimed, at = tonumber(ARGV[1]), {}, {}, {}, {}, 2
requireSets()
while at <= #ARGV do
  claimed[#claimed + 1] = ARGV[at]
  at = at + WIDTH + tonumber(ARGV[at + 7]) * 5
end
loadSchedules(claimed)
at = 2
while at <= #ARGV do
  local id, tasks = ARGV[at], tonumber(ARGV[at + 7])
  local fields = heldBy(id, ARGV[at + 1], ARGV[at + 2])
  reply[#reply + 1] = fields and 1 or 0
  if fields then
    -- Of two completions of one slot in one call the first counts.
    letGo(fields)
    call('ZCARD', ns .. 'ch:' .. id)
    items[#items + 1] = { at = at, tasks = tasks, fields = fields }
    for next = at + WIDTH, at + WIDTH + tasks * 5 - 1, 5 do ids[#ids + 1] = ARGV[next] end
  end
  at = at + WIDTH + tasks * 5
end
-- Whatever the tasks find of a wrong type fails here, too: they are written at the end.
call('STRLEN', ns .. '#')
prepareTasks(ids)
for _, item in ipairs(items) do
  for next = item.at + WIDTH, item.at + WIDTH + item.tasks * 5 - 1, 5 do
    enqueueTask(next)
  end
end
for _, item in ipairs(items) do
  local from, fields = item.at, item.fields
  local id, slot, kind = ARGV[from], ARGV[from + 2], ARGV[from + 3]
  if kind == 'dispatched' then fields[7], fields[5] = text(fields[7] + 1), slot end
  local exhausted = fields[9] ~= '' and tonumber(fields[7]) >= tonumber(fields[9])
  fields[4], fields[6] = exhausted and '' or ARGV[from + 4], slot
  call('SET', keySchedule(id), pack(fields))
  plan(id, fields)
  local history, completedAt = ns .. 'ch:' .. id, text(now())
  call('ZREMRANGEBYSCORE', history, slot, slot)
  call('ZADD', history, slot, pack({ slot, kind, completedAt, ARGV[from + 5], ARGV[from + 6] }))
  call('ZADD', ns .. 'ca', completedAt, id .. '\\0' .. slot)
  local excess = call('ZCARD', history) - kept
  if excess > 0 then
    local oldest = call('ZRANGE', history, 0, excess - 1, 'WITHSCORES')
    for old = 2, #oldest, 2 do call('ZREM', ns .. 'ca', id .. '\\0' .. text(tonumber(oldest[old]))) end
    call('ZREMRANGEBYRANK', history, 0, excess - 1)
  end
end
flushEnvelopes()
flushStatuses()
if #items > 0 then tellSchedules() end
return reply
`,
]);

/** Deletes what came about before an age: that, and how many. */
export const SWEEP_HISTORY = script("sweep.history", [
  SCHEDULES,
  `
local old = call('ZRANGE', ns .. 'ca', '-inf', text(now() - ARGV[1]), 'BYSCORE', 'LIMIT', 0, ARGV[2])
for _, member in ipairs(old) do
  -- The slot stands behind the last NUL; no id contains one.
  local parts = split(member)
  call('ZREMRANGEBYSCORE', ns .. 'ch:' .. parts[1], parts[2], parts[2])
end
if #old > 0 then each('ZREM', ns .. 'ca', old) end
return #old
`,
], { idempotent: true });

/** Lists what became of slots before one, the latest first: the schedule, that slot, and how many. */
export const LIST_RUNS = script("scheduleHistory", [`
return call('ZRANGE', ns .. 'ch:' .. ARGV[1], '(' .. ARGV[2], '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, ARGV[3])
`], { idempotent: true });

/** How long until something may be claimed; nothing when nothing is planned. */
export const NEXT_DUE = script("nextDueIn", [`
local soonest
for _, name in ipairs({ 'cd', 'cl' }) do
  local at = tonumber(call('ZRANGE', ns .. name, 0, 0, 'WITHSCORES')[2])
  if at and (not soonest or at < soonest) then soonest = at end
end
return soonest and text(soonest - now())
`], { idempotent: true });
