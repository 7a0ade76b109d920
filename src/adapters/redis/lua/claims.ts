/**
 * Hands out what is claimable. Stands behind `ENVELOPES`.
 *
 * - `openQueues(queues)`: those that are not paused.
 * - `requireWaiting(queues)`: fails where what the next two write has a wrong type.
 * - `beginWaiting(open, waiter)`, `endWaiting(queues, open, waiter)`: has a claim be woken when something comes; and no longer, with another one woken in
 *   its place where something is left.
 * - `makeDueReady(queue, limit)`: makes ready what has fallen due, at most so many (1,000) of the delayed ones and of the expired leases each. They keep
 *   their places. Answers how many.
 * - `nextDueIn(open)`: how long until something falls due; 0 when it is due, −1 when nothing will.
 * - `claimEnvelopes(open, limit, leaseMs)`: `{ ids, values, first, deliveries }`: the envelopes in the order in which they are handed out, the first
 *   of their tokens, which rise one by one, and how often each was handed out, as text, when that is not once for all. `nil` when there is nothing.
 * - `claimOrWait(queues, limit, leaseMs, waiter, isEntered)`: all of that for one claim; `nil` and when something falls due when there is nothing. `waiter` is
 *   the name under which it waits then, empty when it does not; `isEntered` tells that it has waited already.
 */
export const CLAIMS = `
local function requireWaiting(queues)
  for at = 1, #queues do call('ZCARD', ns .. 'qw:' .. queues[at]) end
end
local function beginWaiting(open, waiter)
  if waiter == '' or clustered then return end
  requireWaiting(open)
  for at = 1, #open do
    local key = ns .. 'qw:' .. open[at]
    call('ZADD', key, now(), waiter)
    -- A claim that waits enters again with every look; what has not for so long has no process any more.
    call('ZREMRANGEBYSCORE', key, '-inf', now() - 3600000)
    call('PEXPIREAT', key, pxat(now() + 3600000))
  end
end
local function endWaiting(queues, open, waiter)
  if clustered then return end
  for at = 1, #queues do call('ZREM', ns .. 'qw:' .. queues[at], waiter) end
  -- It may have been woken for what it does not take.
  for at = 1, #open do
    if call('ZCARD', ns .. 'qr:' .. open[at]) > 0 then wakeWaiting(open[at], 1) end
  end
end
-- Over all queues of a script: what is left goes on with the next one, which comes at once.
local MOVED_AT_ONCE = 1000
local function openQueues(queues)
  local open = {}
  local paused = readEach(queues, function(...) return call('HMGET', ns .. 'paused', ...) end)
  for at = 1, #queues do if not paused[at] then open[#open + 1] = queues[at] end end
  return open
end
local function moveDue(from, to, limit)
  local ids = call('ZRANGEBYSCORE', from, '-inf', now(), 'LIMIT', 0, limit)
  if #ids == 0 then return 0 end
  local members, count = {}, 0
  for at = 1, #ids do
    local place = call('GETRANGE', ns .. 'e:' .. ids[at], 0, 15)
    if #place == 16 then members[count + 1], members[count + 2], count = place, ids[at], count + 2 end
  end
  if count > 0 then call('ZADD', to, unpack(members)) end
  call('ZREM', from, unpack(ids))
  return #ids
end
local function makeDueReady(queue, limit)
  limit = limit or MOVED_AT_ONCE
  return moveDue(ns .. 'qd:' .. queue, ns .. 'qr:' .. queue, limit) + moveDue(ns .. 'ql:' .. queue, ns .. 'qr:' .. queue, limit)
end
local function nextDueIn(open)
  local soonest = -1
  for at = 1, #open do
    if call('ZCARD', ns .. 'qr:' .. open[at]) > 0 then return 0 end
    for _, kind in ipairs({ 'qd:', 'ql:' }) do
      local dueAt = tonumber(call('ZRANGE', ns .. kind .. open[at], 0, 0, 'WITHSCORES')[2])
      if dueAt then
        local wait = math.max(0, dueAt - now())
        if soonest < 0 or wait < soonest then soonest = wait end
      end
    end
  end
  return soonest
end
-- The queue that was served longest ago goes first. Asked of those who serve several queues only.
local function inTurn(open)
  local served = readEach(open, function(...) return call('ZMSCORE', ns .. 'served', ...) end)
  local turns = {}
  for at = 1, #open do turns[at] = { queue = open[at], servedAt = tonumber(served[at] or 0), at = at } end
  table.sort(turns, function(a, b)
    if a.servedAt ~= b.servedAt then return a.servedAt < b.servedAt end
    return a.at < b.at
  end)
  for at = 1, #turns do open[at] = turns[at].queue end
end
local function claimEnvelopes(open, limit, leaseMs)
  if #open > 1 then inTurn(open) end
  local active, sizes, shares, hasLate, left = {}, {}, {}, {}, limit
  local budget = MOVED_AT_ONCE
  for at = 1, #open do
    -- What earlier queues leave of it goes to later ones.
    budget = budget - makeDueReady(open[at], math.max(1, math.ceil(budget / (#open - at + 1))))
    local size = call('ZCARD', ns .. 'qr:' .. open[at])
    sizes[at], shares[at] = size, 0
    -- Those whose lease has run out are known as held all the same. A wrong type fails here, before anything is taken out.
    hasLate[at] = call('HLEN', ns .. 'qh:' .. open[at]) > call('ZCARD', ns .. 'ql:' .. open[at])
    if size > 0 then active[#active + 1] = at end
  end
  if #active == 0 then return nil end
  if #active == 1 then
    local at = active[1]
    shares[at] = math.min(limit, sizes[at])
    left = limit - shares[at]
    active = {}
  end
  while left > 0 and #active > 0 do
    local fruitful = {}
    for _, at in ipairs(active) do
      if left == 0 then break end
      shares[at], left = shares[at] + 1, left - 1
      if shares[at] < sizes[at] then fruitful[#fruitful + 1] = at end
    end
    active = fruitful
  end
  local first = draw(limit - left)
  local rows, popped, serving = 0, {}, {}
  for at = 1, #open do
    if shares[at] > 0 then
      serving[#serving + 1] = at
      popped[at] = call('ZPOPMIN', ns .. 'qr:' .. open[at], shares[at])
      rows = math.max(rows, shares[at])
    end
  end
  local names, keys, owners, count = {}, {}, {}, 0
  for row = 1, rows * 2, 2 do
    for _, at in ipairs(serving) do
      local id = popped[at][row]
      if id then
        count = count + 1
        names[count], keys[count], owners[count] = id, ns .. 'e:' .. id, at
      end
    end
  end
  local found = call('MGET', unpack(keys))
  local ids, values, deliveries, held, leases, taken, again = {}, {}, {}, {}, {}, 0, false
  for _, at in ipairs(serving) do held[at], leases[at] = {}, {} end
  for at = 1, count do
    local value, id, owner = found[at], names[at], owners[at]
    -- A server that evicts keys may have lost the envelope.
    if value then
      local token, times = first + taken, 1
      taken = taken + 1
      local before = hasLate[owner] and call('HGET', ns .. 'qh:' .. open[owner], id)
      if before then
        times, again = (tonumber(string.match(before, ' (%d+)$')) or 1) + 1, true
        token = text(token) .. ' ' .. times
      end
      ids[taken], values[taken], deliveries[taken] = id, value, times
      local own, tokens, lease = sub(value, 27, 42), held[owner], leases[owner]
      local size = #tokens
      tokens[size + 1], tokens[size + 2] = id, token
      lease[size + 1], lease[size + 2] = now() + (own == '0000000000000000' and leaseMs or tonumber(own)), id
    end
  end
  if taken == 0 then return nil end
  for _, at in ipairs(serving) do
    if #held[at] > 0 then
      call('HSET', ns .. 'qh:' .. open[at], unpack(held[at]))
      call('ZADD', ns .. 'ql:' .. open[at], unpack(leases[at]))
    end
  end
  if #open > 1 then
    local turns = {}
    for at = 1, #serving do turns[at * 2 - 1], turns[at * 2] = first + at - 1, open[serving[at]] end
    call('ZADD', ns .. 'served', unpack(turns))
    -- Who was not served for an hour goes first anyway; the numbers follow the clock, see draw.
    call('ZREMRANGEBYSCORE', ns .. 'served', '-inf', (now() - 3600000) * 256)
    call('PEXPIREAT', ns .. 'served', pxat(now() + 3600000))
  end
  return { ids = ids, values = values, first = first, deliveries = again and concat(deliveries, ' ') or '' }
end
local function claimOrWait(queues, limit, leaseMs, waiter, isEntered)
  local open = openQueues(queues)
  if isEntered then requireWaiting(queues) end
  local claimed = claimEnvelopes(open, tonumber(limit), tonumber(leaseMs))
  if claimed then
    if isEntered then endWaiting(queues, open, waiter) end
    return claimed
  end
  beginWaiting(open, waiter)
  return nil, nextDueIn(open)
end
`;
