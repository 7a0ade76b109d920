import { CANCELS } from "./lua/cancels.ts";
import { CLAIMS } from "./lua/claims.ts";
import { DEAD_LETTERS } from "./lua/dead-letters.ts";
import { ENVELOPES } from "./lua/envelopes.ts";
import { GROUPS } from "./lua/groups.ts";
import { REPORTS } from "./lua/reports.ts";
import { SETTLEMENTS } from "./lua/settlements.ts";
import { STATUSES } from "./lua/statuses.ts";
import { TASKS } from "./lua/tasks.ts";
import { USUAL_CLAIM } from "./lua/usual-claim.ts";
import { USUAL_ENQUEUE } from "./lua/usual-enqueue.ts";
import { usualFinish } from "./lua/usual-finish.ts";
import { script } from "./script.ts";

// What every script is made of that ends tasks.
const ENDINGS = [ENVELOPES, DEAD_LETTERS, SETTLEMENTS, STATUSES, TASKS, GROUPS, REPORTS];

/** How many texts, each ended by NUL, stand in the first argument of a completion for {@link FINISH}. */
export const FINISH_FIELDS = 15;

/**
 * Accepts tasks: behind the name of a claim that looks right behind this, and need not be woken, the five arguments of `enqueueTask` of each. Answers which
 * were refused, counted from 1.
 */
export const ENQUEUE = script("enqueue", [
  ENVELOPES,
  STATUSES,
  TASKS,
  `
local ids, refused = {}, {}
for at = 2, #ARGV, 5 do ids[#ids + 1] = ARGV[at] end
prepareTasks(ids)
for at = 1, #ids do
  if not enqueueTask(at * 5 - 3) then refused[#refused + 1] = at end
end
flushEnvelopes()
flushStatuses()
return refused
`,
], { usually: USUAL_ENQUEUE });

/**
 * Claims as the broker does, and records who runs the tasks. Answers when, the first token, how often each was handed out, how many there are, the
 * stored envelopes, and behind them the numbers and statuses of those that have ended; or when something falls due.
 */
export const CLAIM_TASKS = script("claim", [
  ENVELOPES,
  CLAIMS,
  STATUSES,
  TASKS,
  `
local queues = {}
for at = 6, #ARGV do queues[at - 5] = ARGV[at] end
requireStatusIndexes()
local claimed, dueIn = claimOrWait(queues, ARGV[1], ARGV[2], ARGV[4], ARGV[5] == '1')
if not claimed then return { dueIn } end
local ids, values, worker = claimed.ids, claimed.values, ARGV[3]
local count = #ids
local reply, size = { now(), claimed.first, claimed.deliveries, count }, 4 + count
local keys = {}
for at = 1, count do keys[at] = ns .. 's:' .. ids[at] end
local statuses, value = call('MGET', unpack(keys)), nil
-- What the status names has to be what the envelope names.
local function names(known) return sub(value, 44, 43 + #known) == known end
for at = 1, count do
  value = values[at]
  local id, status, attempt = ids[at], statuses[at], attemptText(value, 17)
  reply[4 + at] = value
  if not (status and startStatus(id, status, attempt, worker, names)) then
    local current = readStatus(id, status) or nil
    if supersedes('running', attempt, current) then
      local queue, name, groupId = partsOf(value)
      putStatus(id, { state = 'running', attempt = attempt, payload = '', error = '', meta = '', progress = '', name = name, queue = queue,
        worker = worker, groupId = groupId, ttlMs = '' }, 'restart')
    elseif isTerminal(current[2]) then
      reply[size + 1], reply[size + 2], size = at, concat(current, '\\0'), size + 2
    end
  end
end
flushStatuses()
return reply
`,
], { usually: USUAL_CLAIM, evenWhenFull: true });

/**
 * Writes how deliveries ended: of each {@link FINISH_FIELDS} texts in one argument, another six in the next, which are written as they are when all is
 * as usual, then the five arguments of `enqueueTask` of each follow-up. Answers for each nothing when it was stale, else the state on record and how
 * far its group has come.
 */
export const FINISH = script("finish", [
  ...ENDINGS,
  `
local function verdictOf(state, attempt, current)
  if supersedes(state, attempt, current) then return 'write' end
  if tonumber(attempt) ~= tonumber(current[3]) then return 'refuse' end
  -- Written before by a completion that was cut short, or by a cancellation.
  if state == current[2] then return 'keep' end
  -- Putting back is the one step down: the holder's token is what permits it.
  if state == 'queued' and not isTerminal(current[2]) then return current[2] == 'running' and 'write' or 'keep' end
  return 'refuse'
end
local FIELDS = string.rep('s', ${FINISH_FIELDS})
local deadLetterTtlMs, items, count, ids, tokens, queues, keys, followUps = ARGV[1], {}, 0, {}, {}, {}, {}, {}
local at = 2
while at <= #ARGV do
  local item = { struct.unpack(FIELDS, ARGV[at]) }
  count = count + 1
  items[count], ids[count], tokens[count], queues[count], keys[count] = item, item[1], item[2], item[3], ns .. 's:' .. item[1]
  item.tail, item.from, item.to = ARGV[at + 1], at + 2, at + 1 + item[15] * 5
  for next = item.from, item.to, 5 do followUps[#followUps + 1] = ARGV[next] end
  at = item.to + 1
end
local current, reply, told = holders(ids, tokens, queues), {}, {}
local stored = readEach(keys, function(...) return call('MGET', ...) end)
prepareTasks(followUps)
local function finish(at, item)
  local id, _, queue, kind, delayMs, reason, failure, state, attempt, meta, groupId, ttlMs, reported, encoder = unpack(item)
  if kind == 'ack' and state == 'succeeded' and stored[at] and endStatus(id, stored[at], attempt, groupId, item.tail, meta, ttlMs) then
    reply[at] = state
    settle(id, queue, kind)
  else
    local onRecord, verdict = statusOf(id), 'keep'
    if state ~= '' then verdict = verdictOf(state, attempt, onRecord) end
    if verdict == 'write' then
      local name, _, worker, _, payload, error = struct.unpack('ssssss', item.tail)
      putStatus(id, { state = state, attempt = attempt, payload = payload, error = error, meta = meta, progress = '', name = name, queue = queue,
        worker = worker, groupId = groupId, ttlMs = ttlMs })
    end
    if verdict == 'refuse' then
      reply[at] = onRecord[2]
      settle(id, queue, 'ack')
      if groupId ~= '' and isTerminal(onRecord[2]) then
        told[report(groupId, id, onRecord[2], onRecord[13], encoderIn(onRecord[15]), onRecord[14])] = at
      end
      return
    end
    settle(id, queue, kind, tonumber(delayMs), reason, failure, deadLetterTtlMs)
    onRecord = statusOf(id)
    reply[at] = onRecord and onRecord[2] or ''
  end
  for next = item.from, item.to, 5 do enqueueTask(next) end
  if reported ~= '' then
    local _, _, _, _, payload, error = struct.unpack('ssssss', item.tail)
    told[report(groupId, id, reported, payload, encoder, error)] = at
  end
end
for at = 1, count do
  reply[at] = false
  if current[at] then finish(at, items[at]) end
end
flushSettlements()
flushEnvelopes()
flushStatuses()
flushReports(function(number, ...) reply[told[number]] = concat({ reply[told[number]], ... }, ' ') end)
return reply
`,
], { usually: usualFinish(FINISH_FIELDS), evenWhenFull: true });

/** Cancels tasks: the failure, whether only those that wait, for how long statuses are kept, and the ids. Answers what was found of each. */
export const CANCEL = script("cancel", [
  ...ENDINGS,
  CANCELS,
  `
local ids, reply = {}, {}
for at = 4, #ARGV do ids[at - 3] = ARGV[at] end
prepareTasks(ids)
for at = 1, #ids do reply[at] = cancelTask(ids[at], ARGV[1], ARGV[2] == '1', ARGV[3]) end
flushCancels()
return reply
`,
], { evenWhenFull: true });

/**
 * Cancels a portion of a queue's waiting tasks: the ready ones behind a place, then the delayed ones behind so many that were left alone. Answers how
 * many it looked at, how many were cancelled, the place of the last ready one, how many of the delayed ones were left alone, and how many have become
 * ready just now, at any place.
 */
export const CANCEL_QUEUE = script("purge", [
  ...ENDINGS,
  CLAIMS,
  CANCELS,
  `
local failure, ttlMs, queue, limit, place, kept = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5], 0
local moved = makeDueReady(queue)
local ready = call('ZRANGE', ns .. 'qr:' .. queue, '(' .. place, '+inf', 'BYSCORE', 'LIMIT', 0, limit, 'WITHSCORES')
local ids, readyCount = {}, #ready / 2
for at = 1, readyCount do ids[at], place = ready[at * 2 - 1], ready[at * 2] end
if readyCount < limit then
  local from = tonumber(ARGV[6])
  local delayed = call('ZRANGE', ns .. 'qd:' .. queue, from, from + limit - readyCount - 1)
  for at = 1, #delayed do ids[readyCount + at] = delayed[at] end
end
prepareTasks(ids)
local cancelled = 0
for at = 1, #ids do
  if cancelTask(ids[at], failure, true, ttlMs) == 'cancelled' then
    cancelled = cancelled + 1
  elseif at > readyCount then
    kept = kept + 1
  end
end
flushCancels()
return { #ids, cancelled, place, kept, moved }
`,
], { evenWhenFull: true });
