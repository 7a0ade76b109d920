import { WAKING } from "./envelopes.ts";

/**
 * The usual course of `CLAIM_TASKS`: of one queue, where nothing has fallen due and no lease has run out, tasks that were handed out to nobody yet and whose
 * statuses say so; or nothing, and the claim waits. Writes what `claimOrWait` and `startStatus` would, with half the commands; where anything is different it
 * has written nothing, and the script goes on.
 */
export const USUAL_CLAIM = `
do
  local limit, leaseMs, worker, waiter, isEntered, queue = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5] == '1', ARGV[6] or ''
  local ready, leased, holders, waiting = ns .. 'qr:' .. queue, ns .. 'ql:' .. queue, ns .. 'qh:' .. queue, ns .. 'qw:' .. queue
  local isUsual = #ARGV == 6 and limit <= 2000 and not clustered and call('HEXISTS', ns .. 'paused', queue) == 0
  local dueAt, ids = math.huge, {}
  if isUsual then
    dueAt = math.min(tonumber(call('ZRANGE', ns .. 'qd:' .. queue, 0, 0, 'WITHSCORES')[2] or dueAt),
      tonumber(call('ZRANGE', leased, 0, 0, 'WITHSCORES')[2] or dueAt))
    isUsual = dueAt > now()
  end
  if isUsual then
    ids = call('ZRANGE', ready, 0, limit - 1)
    if #ids == 0 then
      if waiter ~= '' then
        call('ZADD', waiting, now(), waiter)
        call('ZREMRANGEBYSCORE', waiting, '-inf', now() - 3600000)
        call('PEXPIREAT', waiting, pxat(now() + 3600000))
      end
      return { dueAt == math.huge and -1 or dueAt - now() }
    end
    isUsual = call('HLEN', holders) == call('ZCARD', leased)
  end
  if isUsual then
    local count, time, ends, keys, reply = #ids, text(now()), text(now() + leaseMs), {}, {}
    for at = 1, count do keys[at * 2 - 1], keys[at * 2] = ns .. 'e:' .. ids[at], ns .. 's:' .. ids[at] end
    local found, written, leases, tokens = call('MGET', unpack(keys)), {}, {}, {}
    for at = 1, count do
      local value, status = found[at * 2 - 1], found[at * 2]
      if not (value and status) then
        isUsual = false
        break
      end
      local attempt, own, name, _, groupId = sub(value, 17, 26), sub(value, 27, 42), struct.unpack('sss', value, 44)
      attempt = attempt == '0000000001' and '1' or text(tonumber(attempt))
      local position, state, stored, createdAt, _, startedAt, _, expiresAt, storedName, storedQueue, held, storedGroupId, payload, failure, meta,
        progress = struct.unpack('ssssssssssssssss', status)
      isUsual = state == 'queued' and stored == attempt and startedAt == '' and expiresAt == '' and storedName == name and storedQueue == queue
        and held == '' and storedGroupId == groupId and payload == '' and failure == '' and progress == ''
      if not isUsual then break end
      reply[4 + at], written[at * 2 - 1] = value, keys[at * 2]
      written[at * 2] = position .. '\\0running\\0' .. attempt .. '\\0' .. createdAt .. '\\0' .. time .. '\\0' .. time .. '\\0\\0\\0' .. name .. '\\0' .. queue
        .. '\\0' .. worker .. '\\0' .. groupId .. '\\0\\0\\0' .. meta .. '\\0\\0'
      leases[at * 2 - 1], leases[at * 2] = own == '0000000000000000' and ends or text(now() + tonumber(own)), ids[at]
    end
    if isUsual then
      if isEntered then call('ZCARD', waiting) end
      local first = draw(count)
      for at = 1, count do tokens[at * 2 - 1], tokens[at * 2] = ids[at], text(first + at - 1) end
      call('ZREMRANGEBYRANK', ready, 0, count - 1)
      call('HSET', holders, unpack(tokens))
      call('ZADD', leased, unpack(leases))
      call('MSET', unpack(written))
      if isEntered then
        call('ZREM', waiting, waiter)
        -- It may have been woken for more than it takes.
        if count == limit and call('ZCARD', ready) > 0 then
          ${WAKING}
          wakeWaiting(queue, 1)
        end
      end
      if listeners('s') > 0 then
        for at = 1, count do tell('s:' .. ids[at]) end
      end
      reply[1], reply[2], reply[3], reply[4] = now(), first, '', count
      return reply
    end
  end
end
`;
