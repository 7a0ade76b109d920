/**
 * What the scripts that record statuses share.
 *
 * A status is a string, `s:<id>`, of sixteen fields that each end with NUL: position, state, attempt, createdAt, updatedAt, startedAt,
 * finishedAt, expiresAt, name, queue, worker, groupId, payload, error, meta, progress. An absent field is the empty text, which no value is.
 *
 * - `si`: all of them by position: the order of lists. `sf:<state>`: those of a rare state.
 * - `sl:<begin>/<width>`: lists of those that expire within a span of time, and `sx`: these spans by their begin. Redis deletes the strings, the sweep
 *   what names them. A list costs a tenth of a sorted set, and nearly every task ends here; one that lives on is passed over.
 *
 * @module
 */

/** Names the list of those that end at an instant: `spanOf(endsAt)` answers its begin, and its name behind `sl:`. */
export const SPANS = `
local function spanOf(endsAt)
  -- Few lists for what is kept for long, early sweeps for what is not.
  local width = endsAt - now() < 3600000 and 1000 or 60000
  local from = text(endsAt - endsAt % width)
  return from, from .. '/' .. width
end
`;

/**
 * Reads and writes statuses, as the order of truth permits.
 *
 * - `loadStatuses(ids)`: reads those that are not known yet in this script, in one go.
 * - `statusOf(id)`: the fields of one, as text by number (see above), also as this script has changed it; `nil` when there is none or it has expired.
 * - `isTerminal(state)`, `supersedes(state, attempt, current)`: as in the model; the attempt is text or a number.
 * - `requireStatusIndexes()`: fails where one of the keys besides has a wrong type. What notes a change calls it: it stands before the first write, where a
 *   script does not write before that.
 * - `putStatus(id, write, mode)`: records a status whatever is stored. `write` has the fields of a `StatusWrite` by name, each a text, `''` when
 *   absent. `mode` is `nil`, `'restart'` when the task was handed out just now, or `'anew'` when nothing that was reported stays.
 * - `dropStatus(id)`: forgets one.
 * - `startStatus(id, value, attempt, worker, names)`, `endStatus(id, value, attempt, groupId, tail, meta, ttlMs)`: the usual steps, of a status as it is
 *   stored: from `queued` to `running`, when `names` says of the stored name, queue and group, each ended by NUL, that they are right; and on to
 *   `succeeded`, with name, queue, worker, group, payload and error in `tail`. Where it is not as usual they answer false and do nothing.
 * - `flushStatuses()`: writes all of that, and tells those who wait.
 */
export const STATUSES = `
local RANKS = { queued = 0, running = 1, retrying = 2, failed = 3, succeeded = 4, cancelled = 4 }
local RARE = { retrying = true, failed = true, cancelled = true }
local SIXTEEN = string.rep('s', 16)
local statusCache, statusBefore, statusOrder = {}, {}, {}
local function readStatus(id, value)
  local fields = false
  if value then
    fields = { struct.unpack(SIXTEEN, value) }
    -- Behind the fields stands where they end; an empty one instead ends the last with NUL when they are written.
    fields[17] = ''
    if fields[8] ~= '' and tonumber(fields[8]) <= now() then fields = false end
  end
  statusCache[id] = fields
  return fields
end
local function loadStatuses(ids)
  local keys, wanted, count = {}, {}, 0
  for at = 1, #ids do
    local id = ids[at]
    if statusCache[id] == nil then
      count = count + 1
      keys[count], wanted[count] = ns .. 's:' .. id, id
    end
  end
  local values = readEach(keys, function(...) return call('MGET', ...) end)
  for at = 1, count do readStatus(wanted[at], values[at]) end
end
local function statusOf(id)
  local fields = statusCache[id]
  if fields == nil then fields = readStatus(id, call('GET', ns .. 's:' .. id)) end
  return fields or nil
end
local function isTerminal(state) return RANKS[state] >= 3 end
local function supersedes(state, attempt, current)
  if not current then return true end
  local rank = RANKS[current[2]]
  if rank >= 4 then return false end
  attempt = tonumber(attempt)
  local stored = tonumber(current[3])
  if attempt ~= stored then return attempt > stored end
  if rank >= 3 then return false end
  return RANKS[state] > rank or (state == 'running' and current[2] == 'running')
end
local areIndexesSound
local function requireStatusIndexes()
  if areIndexesSound then return end
  call('GET', ns .. '#')
  for _, name in ipairs({ 'si', 'sx', 'sf:retrying', 'sf:failed', 'sf:cancelled' }) do call('ZCARD', ns .. name) end
  areIndexesSound = true
end
local function noteStatus(id)
  requireStatusIndexes()
  if statusBefore[id] == nil then
    statusBefore[id] = statusCache[id]
    statusOrder[#statusOrder + 1] = id
  end
end
local EMPTY = { '', '', '', '', '', '', '', '', '', '', '', '', '', '', '', '' }
local function either(given, stored)
  if given ~= '' then return given end
  return stored
end
local statusNow
local function putStatus(id, write, mode)
  local current = statusOf(id)
  local kept = current or EMPTY
  local state = write.state
  local attempt = write.attempt
  if attempt == '' then attempt = current and current[3] or '1' end
  local isNew = mode == 'anew' or not current or tonumber(attempt) > tonumber(kept[3])
  statusNow = statusNow or text(now())
  local startedAt = kept[6]
  if mode == 'restart' or (state == 'running' and not (kept[2] == 'running' and kept[3] == attempt)) then startedAt = statusNow end
  noteStatus(id)
  statusCache[id] = {
    kept[1],
    state,
    attempt,
    current and kept[4] or statusNow,
    statusNow,
    startedAt,
    RANKS[state] >= 3 and statusNow or '',
    write.ttlMs == '' and '' or text(now() + write.ttlMs),
    either(write.name, kept[9]),
    either(write.queue, kept[10]),
    either(write.worker, kept[11]),
    either(write.groupId, kept[12]),
    either(write.payload, isNew and '' or kept[13]),
    write.error,
    either(write.meta, kept[15]),
    either(write.progress, isNew and '' or kept[16]),
    '',
  }
end
local function dropStatus(id)
  noteStatus(id)
  statusCache[id] = false
end
-- What startStatus and endStatus have put together.
local lasting, lastingCount, ending, endingCount, told, toldCount = {}, 0, {}, 0, {}, 0
local spans, endsAt = {}, {}
${SPANS}
local function expireIn(expiresAt, id)
  local span = spans[expiresAt]
  if not span then
    local ends = tonumber(expiresAt)
    local from, name = spanOf(ends)
    span = { ids = {}, count = 0, from = from, name = name, pxat = pxat(ends) }
    spans[expiresAt] = span
  end
  span.count = span.count + 1
  span.ids[span.count] = id
  return span.pxat
end
local function flushSpans()
  for _, span in pairs(spans) do
    each('RPUSH', ns .. 'sl:' .. span.name, span.ids)
    call('ZADD', ns .. 'sx', span.from, span.name)
  end
  spans = {}
end
-- One that ended earlier is named already where the sweep comes by before.
local function expireAfter(before, expiresAt, id)
  if before ~= '' and tonumber(before) <= tonumber(expiresAt) then return pxat(tonumber(expiresAt)) end
  return expireIn(expiresAt, id)
end
local function flushStatuses()
  local count = #statusOrder
  if count == 0 and toldCount == 0 then return end
  local fresh = 0
  for at = 1, count do
    local fields = statusCache[statusOrder[at]]
    if fields and fields[1] == '' then fresh = fresh + 1 end
  end
  local position = fresh > 0 and draw(fresh)
  local gone, adding, removing = {}, {}, {}
  for at = 1, count do
    local id = statusOrder[at]
    local key, fields, before = ns .. 's:' .. id, statusCache[id], statusBefore[id] or EMPTY
    if fields then
      if fields[1] == '' then
        fields[1] = text(position)
        position = position + 1
        addTo(adding, 'si', id, fields[1])
      end
      if fields[8] == '' then
        lasting[lastingCount + 1], lasting[lastingCount + 2], lastingCount = key, concat(fields, '\\0'), lastingCount + 2
      else
        call('SET', key, concat(fields, '\\0'), 'PXAT', expireAfter(before[8], fields[8], id))
      end
      if fields[2] ~= before[2] then
        if RARE[before[2]] then addTo(removing, 'sf:' .. before[2], id) end
        if RARE[fields[2]] then addTo(adding, 'sf:' .. fields[2], id, fields[1]) end
      end
    elseif statusBefore[id] then
      gone[#gone + 1] = key
      addTo(removing, 'si', id)
      if RARE[before[2]] then addTo(removing, 'sf:' .. before[2], id) end
    end
  end
  for at = 1, endingCount, 3 do call('SET', ending[at], ending[at + 1], 'PXAT', ending[at + 2]) end
  for from = 1, lastingCount, 5000 do call('MSET', unpack(lasting, from, math.min(from + 4999, lastingCount))) end
  eachKey('DEL', gone)
  for name, members in pairs(removing) do each('ZREM', ns .. name, members) end
  for name, members in pairs(adding) do each('ZADD', ns .. name, members) end
  flushSpans()
  -- Everybody who waits for a status listens to one channel besides. In a cluster only the listeners of this node are known.
  if clustered or listeners('s') > 0 then
    for at = 1, count do tell('s:' .. statusOrder[at]) end
    for at = 1, toldCount do tell('s:' .. told[at]) end
  end
  statusBefore, statusOrder, lasting, lastingCount, ending, endingCount, told, toldCount = {}, {}, {}, 0, {}, 0, {}, 0
end
-- The usual course of a task, without a table in between, which would cost three times as much; patterns would cost twice as much.
local function statusTold(id)
  requireStatusIndexes()
  toldCount = toldCount + 1
  told[toldCount] = id
  statusNow = statusNow or text(now())
  return ns .. 's:' .. id
end
local function startStatus(id, value, attempt, worker, names)
  local position, state, stored, createdAt, _, startedAt, _, expiresAt, name, queue, held, groupId, payload, failure, meta, progress =
    struct.unpack(SIXTEEN, value)
  if state ~= 'queued' or stored ~= attempt or startedAt ~= '' or expiresAt ~= '' or held ~= '' or payload ~= '' or failure ~= '' or progress ~= ''
    or not names(name .. '\\0' .. queue .. '\\0' .. groupId .. '\\0') then return false end
  local key = statusTold(id)
  lasting[lastingCount + 1], lasting[lastingCount + 2] = key, position .. '\\0running\\0' .. attempt .. '\\0' .. createdAt .. '\\0'
    .. statusNow .. '\\0' .. statusNow .. '\\0\\0\\0' .. name .. '\\0' .. queue .. '\\0' .. worker .. '\\0' .. groupId .. '\\0\\0\\0' .. meta .. '\\0\\0'
  lastingCount = lastingCount + 2
  return true
end
local function endStatus(id, value, attempt, groupId, tail, givenMeta, ttlMs)
  local position, state, stored, createdAt, _, startedAt, _, expires, _, _, _, storedGroupId, payload, _, meta, progress =
    struct.unpack(SIXTEEN, value)
  if state ~= 'running' or stored ~= attempt or expires ~= '' or payload ~= '' or (groupId == '' and storedGroupId ~= '') then return false end
  local key = statusTold(id)
  endsAt[ttlMs] = endsAt[ttlMs] or text(now() + ttlMs)
  local expiresAt = endsAt[ttlMs]
  ending[endingCount + 1], ending[endingCount + 2], ending[endingCount + 3] = key, position .. '\\0succeeded\\0' .. attempt .. '\\0' .. createdAt
    .. '\\0' .. statusNow .. '\\0' .. startedAt .. '\\0' .. statusNow .. '\\0' .. expiresAt .. '\\0' .. tail .. either(givenMeta, meta) .. '\\0'
    .. progress .. '\\0', expireIn(expiresAt, id)
  endingCount = endingCount + 3
  return true
end
`;

/**
 * Reads a status to record from the arguments: `statusArgument(from)` gives the write whose id is `ARGV[from]`. As `statusArguments` of
 * `stored-status.ts` puts them there.
 */
export const STATUS_ARGUMENT = `
local function statusArgument(from)
  return {
    state = ARGV[from + 1],
    attempt = ARGV[from + 2],
    payload = ARGV[from + 3],
    error = ARGV[from + 4],
    meta = ARGV[from + 5],
    progress = ARGV[from + 6],
    name = ARGV[from + 7],
    queue = ARGV[from + 8],
    worker = ARGV[from + 9],
    groupId = ARGV[from + 10],
    ttlMs = ARGV[from + 11],
  }
end
`;
