/**
 * What the scripts that move envelopes share.
 *
 * An envelope is a string, `e:<id>`, for as long as its id is known: waiting, held, or dead. Figures of fixed width stand first, so that
 * scripts read and replace them without touching the text, which they never change:
 *
 * | bytes | what |
 * |---|---|
 * | 1–16 | its place in the queue, the score in the set of the ready ones |
 * | 17–26 | its attempt; the text may tell of an earlier one |
 * | 27–42 | how long its holder may keep it, zero when the claim says |
 * | 43 | `w` while it waits or is held, `d` when it is dead |
 * | 44– | of a dead one when it died (15) and when it expires (15) |
 * | then | name, queue, group and time to live of its result, each ended by NUL; of a dead one reason and error likewise; the text |
 *
 * - `qr:<queue>`: the ready ones, by place: 9 − priority, then the number drawn when it was published;
 * - `qd:<queue>`: the delayed ones, by when they fall due; `ql:<queue>`: those that are held, by the end of their leases;
 * - `qh:<queue>`: of each id the token of its latest holder, and how often it was handed out when that is more than once: from the claim until it is
 *   settled or put back, also when the lease has run out.
 * - `qw:<queue>`: the claims that wait, by since when. Each listens to a channel of its own, so that one task wakes one of them and not all; and to
 *   that of the queue, which tells all of an earlier due time, or that the queue was resumed.
 *
 * @module
 */

/** Wakes the claims that wait: `wakeWaiting(queue, count)` so many of them, the longest waiting first. */
export const WAKING = `
-- Those of a process that is gone hear nothing: another one is woken instead.
local function wakeWaiting(queue, count)
  while count > 0 do
    local waiting = call('ZPOPMIN', ns .. 'qw:' .. queue, count)
    if #waiting == 0 then return end
    for at = 1, #waiting, 2 do
      if tell('w:' .. waiting[at]) > 0 then count = count - 1 end
    end
  end
end
`;

/**
 * Puts envelopes where they wait, and wakes the claims that wait for them.
 *
 * - `partsOf(value)`: queue, name, group, time to live of the result, and where the text begins, or the reason of a dead one.
 * - `knownEnvelopes(ids)`: a table of those that wait, are held, or are unexpired dead letters.
 * - `acceptEnvelope(id, queue, placing, rest)`: takes a new one in. `placing` and `rest` come from `envelopeArguments`.
 * - `placeEnvelope(queue, id, place, dueAt)`: puts one that is there where it waits: ready, or delayed when `dueAt` is to come.
 * - `flushEnvelopes()`: writes all of that. What could fail has been read by then: a step that is refused has changed nothing.
 */
export const ENVELOPES = `
local huge = math.huge
local function partsOf(value)
  local name, queue, groupId, ttlMs, to = struct.unpack('ssss', value, byte(value, 43) == 100 and 74 or 44)
  return queue, name, groupId, ttlMs, to
end
local function knownEnvelopes(ids)
  local keys, known = {}, {}
  for at = 1, #ids do keys[at] = ns .. 'e:' .. ids[at] end
  if eachKey('EXISTS', keys) == 0 then return known end
  for at = 1, #ids do
    local state = call('GETRANGE', keys[at], 42, 72)
    known[ids[at]] = state ~= '' and not (byte(state) == 100 and tonumber(sub(state, 17, 31)) <= now()) or nil
  end
  return known
end
${WAKING}local places = {}
local function placesIn(queue)
  local list = places[queue]
  if not list then
    list = { ready = {}, readyCount = 0, delayed = {}, delayedCount = 0 }
    list.wasEmpty = call('ZCARD', ns .. 'qr:' .. queue) == 0
    list.isAwaited = call('ZCARD', ns .. 'qw:' .. queue) > 0
    list.earliest = tonumber(call('ZRANGE', ns .. 'qd:' .. queue, 0, 0, 'WITHSCORES')[2] or huge)
    places[queue] = list
  end
  return list
end
local function placeEnvelope(queue, id, place, dueAt)
  local list = placesIn(queue)
  if dueAt and dueAt > now() then
    local count = list.delayedCount
    list.delayed[count + 1], list.delayed[count + 2], list.delayedCount = dueAt, id, count + 2
    if dueAt < list.earliest then list.earliest, list.wakes = dueAt, true end
  else
    local count = list.readyCount
    list.ready[count + 1], list.ready[count + 2], list.readyCount = place, id, count + 2
    -- How many hear a message is not known in a cluster: there all are told, once for each time that something comes to an empty queue.
    list.wakes = list.wakes or (clustered and list.wasEmpty)
  end
end
local accepted, acceptedCount = {}, 0
local function acceptEnvelope(id, queue, placing, rest)
  placesIn(queue)
  accepted[acceptedCount + 1], accepted[acceptedCount + 2], accepted[acceptedCount + 3] = id, queue, placing
  accepted[acceptedCount + 4], acceptedCount = rest, acceptedCount + 4
end
local function flushEnvelopes()
  if acceptedCount > 0 then
    local seq, writes, count = draw(acceptedCount / 4), {}, 0
    for at = 1, acceptedCount, 4 do
      local id, placing = accepted[at], accepted[at + 2]
      local place = format('%016.0f', (57 - byte(placing)) * 9e14 + seq)
      writes[count + 1], writes[count + 2], count, seq = ns .. 'e:' .. id, place .. accepted[at + 3], count + 2, seq + 1
      local dueAt
      if #placing > 1 then
        dueAt = tonumber(sub(placing, 3))
        if byte(placing, 2) == 43 then dueAt = now() + dueAt end
      end
      placeEnvelope(accepted[at + 1], id, place, dueAt)
    end
    for from = 1, count, 5000 do call('MSET', unpack(writes, from, math.min(from + 4999, count))) end
  end
  for queue, list in pairs(places) do
    if list.readyCount > 0 then each('ZADD', ns .. 'qr:' .. queue, list.ready) end
    if list.delayedCount > 0 then each('ZADD', ns .. 'qd:' .. queue, list.delayed) end
    if list.wakes then tell('q:' .. queue) end
    if list.isAwaited then wakeWaiting(queue, list.readyCount / 2) end
  end
end
`;
