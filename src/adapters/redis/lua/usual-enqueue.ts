import { WAKING } from "./envelopes.ts";

/**
 * The usual course of `ENQUEUE`: new tasks of one queue, none of which is to wait for a time of its own. Writes what `enqueueTask` would, with half the
 * commands; where anything is different it has written nothing but drawn numbers, and the script goes on. For so many tasks as one command can name on
 * Lua's stack.
 */
export const USUAL_ENQUEUE = `
do
  local follower, queue, count, isUsual = ARGV[1], ARGV[3], (#ARGV - 1) / 5, not clustered and #ARGV <= 5001
  for at = 3, isUsual and #ARGV or 0, 5 do isUsual = isUsual and ARGV[at] == queue and #ARGV[at + 1] == 1 end
  if isUsual then
    local isAwaited = call('ZCARD', ns .. 'qw:' .. queue) > 0
    call('ZCARD', ns .. 'qr:' .. queue)
    call('ZCARD', ns .. 'si')
    local first, time, written, ready, order = draw(count), text(now()), {}, {}, {}
    local created = '\\0' .. time .. '\\0' .. time .. '\\0\\0\\0\\0'
    for nth = 1, count do
      local at, seq = nth * 5, first + nth - 1
      local id, rest, meta, position = ARGV[at - 3], ARGV[at], ARGV[at + 1], text(seq)
      local name, _, groupId = struct.unpack('sss', rest, 28)
      local place = format('%016.0f', (57 - byte(ARGV[at - 1])) * 9e14 + seq)
      local attempt = sub(rest, 1, 10)
      attempt = attempt == '0000000001' and '1' or text(tonumber(attempt))
      at = nth * 4
      written[at - 3], written[at - 2], written[at - 1] = ns .. 'e:' .. id, place .. rest, ns .. 's:' .. id
      written[at] = position .. '\\0queued\\0' .. attempt .. created .. name .. '\\0' .. queue .. '\\0\\0' .. groupId .. '\\0\\0\\0' .. meta .. '\\0\\0'
      ready[nth * 2 - 1], ready[nth * 2], order[nth * 2 - 1], order[nth * 2] = place, id, position, id
    end
    -- All or none: where one is known, the script goes on.
    if call('MSETNX', unpack(written)) == 1 then
      call('ZADD', ns .. 'qr:' .. queue, unpack(ready))
      call('ZADD', ns .. 'si', unpack(order))
      if isAwaited then
        local left = follower == '' and count or count - call('ZREM', ns .. 'qw:' .. queue, follower)
        if left > 0 then
          ${WAKING}
          wakeWaiting(queue, left)
        end
      end
      if listeners('s') > 0 then
        for at = 2, #ARGV, 5 do tell('s:' .. ARGV[at]) end
      end
      return {}
    end
  end
end
`;
