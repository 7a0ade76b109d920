import { SPANS } from "./statuses.ts";

/**
 * The usual course of `FINISH`: tasks of one queue that succeeded, of no group and without follow-ups, whose claims are current and whose statuses say that
 * they run. Writes what `endStatus` and `settle` would, with half the commands; where anything is different it has written nothing, and the script goes on.
 * `fields` is how many texts stand in the first argument of a completion.
 */
export const usualFinish = (fields: number): string => `
do
  local count, queue, ttlMs, ids, keys, tokens, metas = (#ARGV - 1) / 2, nil, nil, {}, {}, {}, {}
  local isUsual = count >= 1 and count <= 2000
  for at = 1, isUsual and count or 0 do
    local id, token, itsQueue, kind, _, _, _, state, attempt, meta, groupId, itsTtlMs, reported, _, followUps =
      struct.unpack('${"s".repeat(fields)}', ARGV[at * 2])
    queue, ttlMs = queue or itsQueue, ttlMs or itsTtlMs
    isUsual = kind == 'ack' and state == 'succeeded' and itsQueue == queue and itsTtlMs == ttlMs and ttlMs ~= '' and groupId == '' and reported == ''
      and followUps == '0'
    if not isUsual then break end
    ids[at], tokens[at], keys[at], metas[at * 2 - 1], metas[at * 2] = id, token, ns .. 's:' .. id, attempt, meta
  end
  local ready, leased, holders = ns .. 'qr:' .. (queue or ''), ns .. 'ql:' .. (queue or ''), ns .. 'qh:' .. (queue or '')
  if isUsual then
    local held = call('HMGET', holders, unpack(ids))
    for at = 1, count do isUsual = isUsual and held[at] == tokens[at] end
  end
  if isUsual then
    local found, time, expiresAt = call('MGET', unpack(keys)), text(now()), text(now() + ttlMs)
    for at = 1, count do
      if not found[at] then
        isUsual = false
        break
      end
      local position, state, stored, createdAt, _, startedAt, _, expires, _, _, _, storedGroupId, payload, _, meta, progress =
        struct.unpack('ssssssssssssssss', found[at])
      isUsual = state == 'running' and stored == metas[at * 2 - 1] and expires == '' and payload == '' and storedGroupId == ''
      if not isUsual then break end
      if metas[at * 2] ~= '' then meta = metas[at * 2] end
      found[at] = position .. '\\0succeeded\\0' .. stored .. '\\0' .. createdAt .. '\\0' .. time .. '\\0' .. startedAt .. '\\0' .. time .. '\\0'
        .. expiresAt .. '\\0' .. ARGV[at * 2 + 1] .. meta .. '\\0' .. progress .. '\\0'
    end
    if isUsual then
      for _, key in ipairs({ ready, leased, ns .. 'sx' }) do call('ZCARD', key) end
      ${SPANS}
      local envelopes, reply, ends, from, span = {}, {}, pxat(now() + ttlMs), spanOf(now() + ttlMs)
      for at = 1, count do envelopes[at], reply[at] = ns .. 'e:' .. ids[at], 'succeeded' end
      call('HDEL', holders, unpack(ids))
      if call('ZREM', leased, unpack(ids)) < count then call('ZREM', ready, unpack(ids)) end
      call('DEL', unpack(envelopes))
      for at = 1, count do call('SET', keys[at], found[at], 'PXAT', ends) end
      call('RPUSH', ns .. 'sl:' .. span, unpack(ids))
      call('ZADD', ns .. 'sx', from, span)
      if clustered or listeners('s') > 0 then
        for at = 1, count do tell('s:' .. ids[at]) end
      end
      return reply
    end
  end
end
`;
