/**
 * Ends deliveries. Stands behind `ENVELOPES` and `DEAD_LETTERS`.
 *
 * - `holders(ids, tokens, queues)`: whether each token is that of the latest claim of its id in the queue.
 * - `settle(id, queue, kind, delayMs, reason, failure, deadTtlMs)`: carries out a decision about a delivery that is current: `ack`, `retry`, `nack` or
 *   `deadLetter`.
 * - `forgetWaiting(id, queue)`: forgets one that nobody holds, wherever it stands.
 * - `flushSettlements()`: writes all of that; before `flushEnvelopes()`.
 */
export const SETTLEMENTS = `
local function holders(ids, tokens, queues)
  local current, byQueue = {}, {}
  for at = 1, #ids do
    local list = byQueue[queues[at]]
    if not list then
      list = { ids = {}, places = {}, count = 0 }
      byQueue[queues[at]] = list
    end
    local count = list.count + 1
    list.ids[count], list.places[count], list.count = ids[at], at, count
  end
  for queue, list in pairs(byQueue) do
    local held = readEach(list.ids, function(...) return call('HMGET', ns .. 'qh:' .. queue, ...) end)
    for at = 1, list.count do
      local place, holder = list.places[at], held[at]
      local token = tokens[place]
      current[place] = holder == token or (holder and sub(holder, 1, #token + 1) == token .. ' ')
    end
  end
  return current
end
local leaving, forgotten, retried, deaths, forgottenCount = {}, {}, {}, {}, 0
local function leave(id, queue)
  local list = leaving[queue]
  if not list then
    call('ZCARD', ns .. 'ql:' .. queue)
    call('ZCARD', ns .. 'qr:' .. queue)
    call('HLEN', ns .. 'qh:' .. queue)
    list = { count = 0 }
    leaving[queue] = list
  end
  local count = list.count + 1
  list[count], list.count = id, count
end
local function settle(id, queue, kind, delayMs, reason, failure, deadTtlMs)
  local key = ns .. 'e:' .. id
  if kind == 'ack' then
    leave(id, queue)
    forgottenCount = forgottenCount + 1
    forgotten[forgottenCount] = key
    return
  end
  local value = call('GET', key)
  -- Lost by a server that evicts keys: there is nothing to put anywhere.
  leave(id, queue)
  if not value then return end
  if kind == 'deadLetter' then
    requireDeadLetterSets(queue)
    local _, _, _, _, to = partsOf(value)
    deaths[#deaths + 1] = { id = id, key = key, queue = queue, ttlMs = tonumber(deadTtlMs), head = sub(value, 1, 42),
      rest = sub(value, 44, to - 1) .. pack({ reason, failure, sub(value, to) }) }
    return
  end
  if kind == 'retry' then
    retried[#retried + 1], retried[#retried + 2] = key, format('%010.0f', tonumber(sub(value, 17, 26)) + 1)
  end
  placeEnvelope(queue, id, sub(value, 1, 16), now() + delayMs)
end
local waiting = {}
local function forgetWaiting(id, queue)
  leave(id, queue)
  call('ZCARD', ns .. 'qd:' .. queue)
  local list = waiting[queue] or {}
  waiting[queue], list[#list + 1] = list, id
  forgottenCount = forgottenCount + 1
  forgotten[forgottenCount] = ns .. 'e:' .. id
end
local function flushSettlements()
  for queue, ids in pairs(leaving) do
    each('HDEL', ns .. 'qh:' .. queue, ids)
    -- Where a lease has run out, its envelope may be back among the ready ones.
    if each('ZREM', ns .. 'ql:' .. queue, ids) < ids.count then each('ZREM', ns .. 'qr:' .. queue, ids) end
  end
  for queue, ids in pairs(waiting) do each('ZREM', ns .. 'qd:' .. queue, ids) end
  if forgottenCount > 0 then eachKey('DEL', forgotten) end
  for at = 1, #retried, 2 do call('SETRANGE', retried[at], 16, retried[at + 1]) end
  for _, death in ipairs(deaths) do
    local expiresAt, id, queue = now() + death.ttlMs, death.id, death.queue
    local diedAt = format('%015.0f', now())
    local value = death.head .. 'd' .. diedAt .. format('%015.0f', expiresAt) .. death.rest
    call('SET', death.key, value, 'PXAT', pxat(expiresAt))
    enlist(id, queue, diedAt, expiresAt)
  end
  flushListings()
end
`;
