import { SPANS } from "./statuses.ts";
import { STATUS_ARGUMENTS } from "../stored-status.ts";

/**
 * The usual course of `SET`: statuses of tasks of which none is kept yet, in states that no index tells of, which all end at one time or never. Writes what
 * `putStatus` would, with half the commands; where anything is different it has written nothing but drawn numbers, and the script goes on.
 */
export const USUAL_SET = `
do
  local WIDTH = ${STATUS_ARGUMENTS}
  local count, keys, isFirst, ttlMs = #ARGV / WIDTH, {}, {}, ARGV[WIDTH]
  local isUsual = count <= 2000
  for nth = 1, isUsual and count or 0 do
    local from = (nth - 1) * WIDTH
    local id, state = ARGV[from + 1], ARGV[from + 2]
    isUsual = isUsual and not isFirst[id] and (state == 'succeeded' or state == 'running' or state == 'queued') and ARGV[from + WIDTH] == ttlMs
    keys[nth], isFirst[id] = ns .. 's:' .. id, true
  end
  if isUsual and call('EXISTS', unpack(keys)) == 0 then
    for _, name in ipairs({ 'si', 'sx' }) do call('ZCARD', ns .. name) end
    local first, time, expiresAt, ids, order, values = draw(count), text(now()), '', {}, {}, {}
    if ttlMs ~= '' then expiresAt = text(now() + ttlMs) end
    for nth = 1, count do
      local from, position = (nth - 1) * WIDTH, text(first + nth - 1)
      local id, state, attempt, payload, failure, meta, progress, name, queue, worker, groupId = unpack(ARGV, from + 1, from + WIDTH - 1)
      ids[nth], order[nth * 2 - 1], order[nth * 2] = id, position, id
      values[nth] = position .. '\\0' .. state .. '\\0' .. (attempt == '' and '1' or attempt) .. '\\0' .. time .. '\\0' .. time .. '\\0'
        .. (state == 'running' and time or '') .. '\\0' .. (state == 'succeeded' and time or '') .. '\\0' .. expiresAt .. '\\0' .. name .. '\\0' .. queue .. '\\0'
        .. worker .. '\\0' .. groupId .. '\\0' .. payload .. '\\0' .. failure .. '\\0' .. meta .. '\\0' .. progress .. '\\0'
    end
    if ttlMs == '' then
      local written = {}
      for nth = 1, count do written[nth * 2 - 1], written[nth * 2] = keys[nth], values[nth] end
      call('MSET', unpack(written))
    else
      ${SPANS}
      local ends, from, span = pxat(now() + ttlMs), spanOf(now() + ttlMs)
      for nth = 1, count do call('SET', keys[nth], values[nth], 'PXAT', ends) end
      call('RPUSH', ns .. 'sl:' .. span, unpack(ids))
      call('ZADD', ns .. 'sx', from, span)
    end
    call('ZADD', ns .. 'si', unpack(order))
    if clustered or listeners('s') > 0 then
      for nth = 1, count do tell('s:' .. ids[nth]) end
    end
    return {}
  end
end
`;
